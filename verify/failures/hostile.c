/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * hostile - an honest side against a peer that was taken over
 *
 * HOW TO READ THIS FILE
 *
 * Each round makes a barrier and forks the peer, which does at random whatever a process can do to
 * the objects it shares with the honest side: peer_act() is the list. Each round uses a random
 * part of that list, so that some rounds last. Meanwhile this process is the honest side, parent
 * or child by turns, and calls the library at random, every wait with a timeout; to be built with
 * -fsanitize=address,undefined. It has the barrier in an epoll all the while, as a daemon would:
 * however the barrier ends, the library still has the descriptors to take out of it. The epoll may
 * be ready only if the peer has just done something.
 *
 * If the barrier ended without a word from the peer, which did not leave either, the honest side
 * found it broken. Then this file takes the place of the peer, reads what the honest side has
 * written, and wants to find nothing there but what was placed.
 *
 * The system calls of barrier.c go through checks: each may only touch descriptors of its barrier,
 * and one call of the library may make only so many, in proportion to what the peer did meanwhile.
 * The peer leaves out two things. Where the honest side may place or abort, it does not make the
 * eventfd blocking that this one writes, which barrier.h names. In some rounds that side only waits;
 * then three threads of the peer do nothing else. And it puts no more than LOCKS locks on an eventfd:
 * 15,000, which take it seconds, make export and import fail with EFBIG. The alarm is only for hangs.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

enum {
        HUNG_AFTER = 120,
        CALLS_PER_ROUND = 2000,
        ACTS_PER_ROUND = 100000,
        CALLS_MAX = 100000,
        CALLS_AFTER_THE_END = 8,
        FRESH = 4,
        HANDFUL = 3, /* an act is counted before it happens */
        THREADS = 3, /* that clear O_NONBLOCK in a loop */
        LOCKS = 128,
        SENTINEL = 12345
};

/* ---- what the peer may do -------------------------------------------------------------------- */

enum act {
        PLACE,
        PLACE_SOME,
        PLACE_MOST,
        PLACE_TOO_MANY,
        ABORT,
        RANDOM_BITS,
        FILL,
        FILL_THEIRS,
        DRAIN,
        DRAIN_THEIRS,
        BLOCKING,
        NON_BLOCKING,
        LOCK,
        UNLOCK,
        PIPE_WRITE,
        PIPE_FILL,
        PIPE_READ,
        PIPE_DUPLICATE,
        PIPE_CLOSE,
        SIGNAL,
        PAUSE,
        ACTS
};

/* Counted before each act, so the honest side knows how often it may have been woken. */
struct acts_done {
        volatile long all, each[ACTS];
};

static struct acts_done *acted;

/* ---- the system calls of the honest side ----------------------------------------------------- */

static int own[5];       /* the descriptors of the barrier, the watch last; -1: none */
static int text_fd = -1; /* of the one file that the library reads */
static int fresh[FRESH]; /* what it has made in this call */
static bool inside;      /* a function of the library is running */
static bool heard;       /* it has read an abortion from the peer */
static long calls, all_calls, worst;

static void fail(const char *what, long number);

static void check(int fd) {
        int i;

        if (!inside)
                return;
        if (++calls > CALLS_MAX + 4 * acted->all)
                fail("does not end", calls);
        if (fd == text_fd)
                return;
        for (i = 0; i < 5; i++)
                if (fd == own[i])
                        return;
        for (i = 0; i < FRESH; i++)
                if (fd == fresh[i])
                        return;
        fail("touched a descriptor that is not its own", fd);
}

static int do_open(const char *path, int flags) {
        int fd = open(path, flags);

        calls++;
        if (inside)
                text_fd = fd;
        return fd;
}

/* What is new is the library's until it is returned. */
static int add_fresh(int fd) {
        int i = 0;

        calls++;
        if (!inside || fd < 0)
                return fd;
        while (fresh[i] >= 0)
                if (++i == FRESH)
                        fail("makes too many descriptors", fd);
        return fresh[i] = fd;
}

static int do_fcntl(int fd, int command, int argument, ...) {
        int n;

        check(fd);
        n = fcntl(fd, command, argument);
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? add_fresh(n) : n;
}

static int do_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
        check(epfd);
        check(fd);
        return epoll_ctl(epfd, op, fd, event);
}

static int do_close(int fd) {
        int i;

        check(fd);
        for (i = 0; inside && i < FRESH; i++)
                if (fd == fresh[i])
                        fresh[i] = -1;
        if (fd == text_fd)
                text_fd = -1;
        return close(fd);
}

static int do_poll(struct pollfd *fds, nfds_t n, int msec) {
        nfds_t i;

        calls += inside;
        for (i = 0; i < n; i++)
                if (fds[i].fd >= 0) {
                        check(fds[i].fd);
                        calls -= inside;
                }
        return poll(fds, n, msec);
}

static ssize_t listen_in(int fd, const void *p, ssize_t n) {
        uint64_t value = 0;

        if (inside && fd == own[1] && n == (ssize_t) sizeof value) {
                memcpy(&value, p, sizeof value);
                heard = heard || value >> 63;
        }
        return n;
}

static ssize_t do_read(int fd, void *p, size_t size) {
        check(fd);
        return listen_in(fd, p, read(fd, p, size));
}

static ssize_t do_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        check(fd);
        return listen_in(fd, iov->iov_base, preadv2(fd, iov, n, offset, flags));
}

#define open                               do_open
#define close                              do_close
#define poll                               do_poll
#define fcntl(fd, ...)                     do_fcntl(fd, __VA_ARGS__, 0)
#define epoll_create1(flags)               add_fresh(epoll_create1(flags))
#define epoll_ctl                          do_epoll_ctl
#define fstat(fd, st)                      (check(fd), fstat(fd, st))
#define read(fd, p, size)                  do_read(fd, p, size)
#define write(fd, p, size)                 (check(fd), write(fd, p, size))
#define preadv2(fd, iov, n, offset, flags) do_preadv2(fd, iov, n, offset, flags)
#define clock_gettime(clock, ts)           (calls += inside, clock_gettime(clock, ts))

#include "../../barrier.c"

/* ---- random numbers -------------------------------------------------------------------------- */

static uint32_t random_number(void) {
        return (uint32_t) random() << 16 ^ (uint32_t) random();
}

static uint32_t random_below(uint32_t n) {
        return random_number() % n;
}

/* ---- the peer -------------------------------------------------------------------------------- */

static const char *const acts[ACTS] = { "place one",
                                        "place a few",
                                        "place 2^48-1",
                                        "place 2^48 and more",
                                        "abort",
                                        "random bits",
                                        "fill mine",
                                        "fill theirs",
                                        "drain mine",
                                        "drain theirs",
                                        "make it blocking",
                                        "make it non-blocking",
                                        "lock an eventfd",
                                        "unlock an eventfd",
                                        "write to pipe",
                                        "fill the pipe",
                                        "read the pipe",
                                        "duplicate a pipe end",
                                        "close a pipe end",
                                        "send a signal",
                                        "pause" };

static void add(int fd, uint64_t value) {
        ssize_t n = (write) (fd, &value, sizeof value);

        (void) n;
}

static void drain(int fd) {
        uint64_t value;
        struct iovec iov = { &value, sizeof value };
        ssize_t n = (preadv2) (fd, &iov, 1, -1, RWF_NOWAIT);

        (void) n;
}

static void set_flags(int fd, int flags) {
        (void) (fcntl) (fd, F_SETFL, O_RDWR | flags);
}

/* Each lock adds a line to what /proc says of the eventfd. All eventfds of the machine share an
 * inode, so a lock for writing would get in the way of others. */
static void lock(int fd, short type) {
        struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

        range.l_start = (off_t) random_below(LOCKS) * 2;
        if (type == F_UNLCK)
                range.l_len = random_below(2 * LOCKS);
        (void) (fcntl) (fd, F_OFD_SETLK, &range);
}

/* `mine` is what the honest side reads, `theirs` what it writes. */
static void peer_act(enum act a, int mine, int theirs, int ends[4]) {
        static bool blocking;
        static char bytes[4096];
        int i = (int) random_below(4), j = (int) random_below(4);
        uint64_t bits = (uint64_t) random_number() << 32 | random_number();
        ssize_t n = 0;

        acted->all++;
        acted->each[a]++;
        if (blocking && a <= FILL) /* the peer would block itself */
                set_flags(mine, O_NONBLOCK);
        switch (a) {
        case PLACE:
                add(mine, 1);
                break;
        case PLACE_SOME:
                add(mine, bits & 255);
                break;
        case PLACE_MOST:
                add(mine, (UINT64_C(1) << 48) - 1);
                break;
        case PLACE_TOO_MANY:
                add(mine, UINT64_C(1) << (48 + bits % 15));
                break;
        case ABORT:
                add(mine, UINT64_C(1) << 63 | (bits & 0x7fff) << 48 | (bits >> 32 & 3));
                break;
        case RANDOM_BITS:
                add(mine, bits >> (bits & 63));
                break;
        case FILL:
                add(mine, UINT64_MAX - 1);
                break;
        case FILL_THEIRS:
                drain(theirs);
                add(theirs, UINT64_MAX - 1);
                break;
        case DRAIN:
                drain(mine);
                break;
        case DRAIN_THEIRS:
                drain(theirs);
                break;
        case BLOCKING:
        case NON_BLOCKING:
                blocking = a == BLOCKING;
                set_flags(mine, blocking ? 0 : O_NONBLOCK);
                break;
        case LOCK:
                lock(bits & 1 ? mine : theirs, F_RDLCK);
                break;
        case UNLOCK:
                lock(bits & 1 ? mine : theirs, F_UNLCK);
                break;
        case PIPE_WRITE:
                n = (write) (ends[i], bytes, 1 + bits % sizeof bytes);
                break;
        case PIPE_FILL:
                do
                        n = (write) (ends[i], bytes, sizeof bytes);
                while (n > 0);
                break;
        case PIPE_READ:
                n = (read) (ends[i], bytes, sizeof bytes);
                break;
        case PIPE_DUPLICATE:
                if (ends[i] < 0)
                        ends[i] = (fcntl) (ends[j], F_DUPFD, 3);
                break;
        case PIPE_CLOSE:
                if (ends[i] >= 0)
                        (void) (close) (ends[i]);
                ends[i] = -1;
                break;
        case SIGNAL:
                (void) kill(getppid(), SIGUSR1);
                break;
        case PAUSE:
                for (n = 0; n < (ssize_t) (bits & 0xff); n++)
                        (void) getppid();
                break;
        case ACTS:
                break;
        }
        if (blocking && a <= FILL)
                set_flags(mine, 0);
        (void) n;
}

static void *clear_o_nonblock(void *fd) {
        for (;;)
                set_flags(*(const int *) fd, 0);
        return NULL;
}

static void peer(const Barrier *b, unsigned role, pid_t honest, bool only_waits) {
        pthread_t thread;
        int mine = role == BARRIER_PARENT ? b->them : b->me;
        int theirs = role == BARRIER_PARENT ? b->me : b->them;
        int ends[4] = { b->pipe[0], b->pipe[1], -1, -1 };
        uint32_t repertoire = random_number();
        bool falls_silent = random_below(2);
        uint32_t acts_left = random_below(falls_silent ? 1000 : ACTS_PER_ROUND);
        enum act a;
        int i;

        repertoire &= random_number(); /* a quarter of all */
        /* What ends the barrier at once is in few of the rounds. */
        if (random_below(4) > 0)
                repertoire &=
                        ~(1u << PLACE_MOST | 1u << PLACE_TOO_MANY | 1u << ABORT |
                          1u << RANDOM_BITS | 1u << FILL | 1u << FILL_THEIRS | 1u << PIPE_CLOSE);
        /* In some it breaks the protocol, and leaves alone what it is told then. */
        if (random_below(4) == 0) {
                repertoire &= ~(1u << ABORT | 1u << RANDOM_BITS | 1u << FILL | 1u << PIPE_CLOSE |
                                1u << FILL_THEIRS | 1u << DRAIN_THEIRS);
                repertoire |= 1u << PLACE_TOO_MANY;
        }
        repertoire |= 1u << PLACE | 1u << PAUSE;
        /* It has both ends, as any child has; in most rounds it keeps to its own. */
        if (random_below(4) > 0) {
                (void) (close) (ends[role == BARRIER_CHILD]);
                ends[role == BARRIER_CHILD] = -1;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (only_waits) {
                repertoire &= ~(1u << FILL_THEIRS | 1u << DRAIN_THEIRS);
                repertoire |= 1u << PLACE_TOO_MANY;
                add(theirs, UINT64_MAX - 1);
                for (i = 0; i < THREADS; i++)
                        if (pthread_create(&thread, NULL, clear_o_nonblock, &theirs) != 0)
                                _exit(1);
        }
        while (acts_left > 0 && getppid() == honest) {
                a = (enum act) random_below(ACTS);
                if (!(repertoire >> a & 1))
                        continue;
                peer_act(a, mine, theirs, ends);
                acts_left--;
        }
        /* Now nothing excuses a long wait, and who reads without care sleeps for ever. */
        if (falls_silent) {
                set_flags(mine, 0);
                drain(mine);
                while (getppid() == honest) /* or it was killed before prctl() */
                        (void) (poll) (NULL, 0, -1);
        }
        _exit(0);
}

/* ---- the honest side ------------------------------------------------------------------------- */

static uint64_t seed;
static long rounds, operations;

static void fail(const char *what, long number) {
        int saved = errno;

        inside = false;
        fprintf(stderr, "hostile: %s (%ld, errno %d), seed %llu, round %ld, operation %ld\n", what,
                number, saved, (unsigned long long) seed, rounds, operations);
        exit(1);
}

static void on_alarm(int sig) {
        static const char text[] = "hostile: hangs\n";
        ssize_t n = (write) (STDERR_FILENO, text, sizeof text - 1);

        (void) sig;
        (void) n;
        _exit(1);
}

static void on_signal(int sig) {
        (void) sig;
}

/* The operations of common.h, and these. */
enum {
        OP_SET_TIMEOUT = OPERATIONS,
        OP_GET_POLLFDS,
        OP_WATCH,
        OP_EPOLL,
        OP_MOVE,
        OP_EXPORT,
        ALL_OPERATIONS
};

static const char *const names[ALL_OPERATIONS] = { OPERATION_NAMES,  "set_timeout", "get_pollfds",
                                                   "watch",          "epoll",       "move",
                                                   "export + import" };
static long operations_of[ALL_OPERATIONS];
static int idle_fd, epoll_fd;
static long wake_ups;
static bool edges;     /* it tells of changes only */
static bool timed_out; /* the last call was a wait that found nothing */
static bool broke;     /* the barrier did, before this side aborted */
static long untold;    /* how often it did, and nothing was found written */

/* Over to a new struct by way of a string, as over an execve(). */
static void export_and_import(Barrier *b) {
        char text[BARRIER_EXPORT_MAX];
        Barrier moved;
        int r;

        r = barrier_export(b, text, sizeof text);
        if (r < 0)
                fail("cannot export", r);
        r = barrier_import(&moved, text);
        if (r < 0)
                fail("cannot import", r);
        moved.timeout = b->timeout; /* these do not move with it */
        moved.watch = b->watch;
        moved.pause = b->pause;
        moved.next_pause = b->next_pause;
        if (memcmp(&moved, b, sizeof moved) != 0)
                fail("it did not arrive as it left", 0);
        *b = moved;
}

/* Without the watch, which comes and goes. */
static void change_epoll(const Barrier *b, int op, uint32_t events) {
        struct pollfd fds[BARRIER_POLLFDS];
        struct epoll_event event;
        int i;

        (void) barrier_get_pollfds(b, fds);
        for (i = 0; i < 2; i++) {
                event.events = (uint32_t) fds[i].events | events;
                event.data.fd = fds[i].fd;
                if (epoll_ctl(epoll_fd, op, fds[i].fd, &event) < 0)
                        fail("cannot change the epoll", i);
        }
}

static void note_break(const Barrier *b, const Barrier *before, int o) {
        if (!b->they_aborted || before->they_aborted || b->they_left || heard)
                return;
        broke = !before->i_aborted;
        if (!b->i_aborted)
                fail("it broke, and this side did not abort", o);
}

static void get_pollfds(const Barrier *b) {
        struct pollfd fds[BARRIER_POLLFDS] = { { -2, 0, 1 }, { -2, 0, 1 }, { -2, 0, 1 } };
        const int end = b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];
        const int n = barrier_get_pollfds(b, fds);

        if (n != (b->they_aborted ? -b->error
                  : b->watch < 0  ? 2
                                  : 3) ||
            fds[0].fd != b->them || fds[1].fd != end || fds[2].fd != b->watch || fds[0].revents ||
            fds[1].revents || fds[2].revents)
                fail("wrong pollfds", n);
}

static void make_epoll(const Barrier *b) {
        const int n = barrier_epoll(b);

        if (b->they_aborted ? n != -EPIPE : n <= STDERR_FILENO || n != fresh[0])
                fail("not an epoll", n);
        inside = false;
        if (n >= 0)
                (void) (close) (n);
}

static void check_state(const Barrier *b, const Barrier *before, int o, bool result) {
        if (b->timeout < 0)
                fail("a wait without a timeout", o);
        if (o == OP_ABORT || o == OP_FAIL ? errno != SENTINEL
                                          : !result && errno != barrier_error(b) &&
                                                    (errno != ETIMEDOUT || barrier_they_aborted(b)))
                fail("an errno that nothing explains", errno);
        if (barrier_is_aborted(b) != (barrier_error(b) != 0) ||
            (before->they_aborted && b->error != before->error) || b->received < before->received ||
            b->consumed < before->consumed || b->consumed > b->received ||
            b->placed - before->placed > 1)
                fail("an inconsistent state", o);
}

static void call(Barrier *b, int o) {
        const Barrier before = *b;
        const long acts_before = acted->all;
        bool result = true;
        long limit;
        int n;

        own[0] = b->me;
        own[1] = b->them;
        own[2] = b->pipe[0];
        own[3] = b->pipe[1];
        calls = 0;
        for (n = 0; n < FRESH; n++)
                fresh[n] = -1;
        errno = SENTINEL;
        inside = true;
        switch (o) {
        case OP_SET_TIMEOUT:
                barrier_set_timeout(b, random_below(32) == 0); /* in milliseconds */
                break;
        case OP_GET_POLLFDS:
                get_pollfds(b);
                break;
        case OP_WATCH:
                (void) barrier_watch(b, b->watch < 0 ? idle_fd : -1);
                break;
        case OP_EPOLL:
                make_epoll(b);
                break;
        case OP_MOVE:
                n = barrier_move(b, (int) random_below(MAPPED - 8));
                if (n < 0)
                        fail("cannot move", n);
                break;
        case OP_EXPORT:
                export_and_import(b);
                break;
        default:
                result = operate(b, o, (int) random_number());
        }
        inside = false;
        timed_out = !result && errno == ETIMEDOUT && !b->they_aborted;
        operations++;
        operations_of[o]++;

        check_state(b, &before, o, result);
        note_break(b, &before, o);

        /* A wait looks at most BARRIER_TRIES times and sleeps once; then each act of the peer may
         * wake it once. An export and import look at three descriptors twice, and read a line for
         * each lock. */
        limit = o == OP_EXPORT ? 60 + 4 * LOCKS / 8 : 10 + 3 * BARRIER_TRIES;
        if (calls > limit + 4 * (acted->all - acts_before))
                fail("too many system calls", calls);
        if (o != OP_EXPORT && calls - 4 * (acted->all - acts_before) > worst)
                worst = calls - 4 * (acted->all - acts_before);
        all_calls += calls;
}

/* For each descriptor, what is open there. */
static void map_inodes(ino_t map[MAPPED]) {
        struct stat st;
        int i;

        for (i = 0; i < MAPPED; i++)
                map[i] = (fstat) (i, &st) < 0 ? 0 : st.st_ino;
}

/* What stands on what the other side reads must be all that was placed: who broke the protocol, which
 * is all that this peer can break, is told nothing. */
static void check_word(const Barrier *b, long meddled) {
        uint64_t value = 0;
        ssize_t n = read(b->me, &value, sizeof value);

        if (b->error != EPROTO)
                fail("it broke for another reason", b->error);
        if (acted->each[FILL_THEIRS] + acted->each[DRAIN_THEIRS] != meddled)
                return;
        if (b->placed == 0 ? n >= 0 : n != (ssize_t) sizeof value || value != b->placed)
                fail("it wrote to a peer that broke the protocol", (long) (value >> 48));
        untold++;
}

/* Asks the epoll. It is ready for good where it tells of a state that no wait has yet taken in. What
 * was `added` just now is told of once more. */
static void check_epoll(bool added) {
        static long acts_before;
        static int without_news;
        struct epoll_event events[BARRIER_POLLFDS];
        bool ready = epoll_wait(epoll_fd, events, BARRIER_POLLFDS, 0) > 0;

        wake_ups += ready;
        if (acted->all != acts_before || added)
                without_news = 0;
        else if (ready && (edges || timed_out) && ++without_news > HANDFUL)
                fail("wake-ups that bring no news", without_news);
        acts_before = acted->all;
}

static int next_operation(bool aborts, bool only_waits) {
        int o;

        do
                o = (int) random_below(ALL_OPERATIONS);
        while (((o == OP_ABORT || o == OP_FAIL) && (!aborts || only_waits)) ||
               ((o == OP_PLACE || o == OP_PLACE_AND_SYNC) && only_waits));
        return o;
}

static void end_peer(pid_t pid) {
        int status;

        (void) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        fail("waitpid", 0);
        if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0)
                fail("the peer broke down, not a finding about the library", status);
}

static void round_of(unsigned role) {
        ino_t before[MAPPED], after[MAPPED];
        Barrier b;
        int i, after_the_end = 0;
        pid_t pid, honest = getpid();
        /* Without the two that end the barrier, in most rounds. */
        bool aborts = random_below(8) == 0;
        bool only_waits = random_below(4) == 0;
        const long meddled = acted->each[FILL_THEIRS] + acted->each[DRAIN_THEIRS];
        struct epoll_event event;
        int o;

        heard = broke = false;
        edges = random_below(2);
        (void) alarm(HUNG_AFTER);
        map_inodes(before);
        if (barrier_init(&b) < 0)
                fail("barrier_init", 0);
        pid = fork();
        if (pid < 0)
                fail("fork", 0);
        if (pid == 0) {
                srandom((unsigned) random());
                peer(&b, role, honest, only_waits);
        }
        (void) random(); /* or the next peer would be the same */
        (void) barrier_set_role(&b, role);
        barrier_set_timeout(&b, 0);
        change_epoll(&b, EPOLL_CTL_ADD, edges ? EPOLLET : 0);

        for (i = 0; i < CALLS_PER_ROUND && after_the_end < CALLS_AFTER_THE_END; i++) {
                o = next_operation(aborts, only_waits);
                if (o == OP_MOVE) /* it moves what is in the epoll too */
                        change_epoll(&b, EPOLL_CTL_DEL, 0);
                call(&b, o);
                if (o == OP_MOVE)
                        change_epoll(&b, EPOLL_CTL_ADD, edges ? EPOLLET : 0);
                after_the_end += barrier_they_aborted(&b);
                check_epoll(o == OP_MOVE);
        }
        if (broke && !only_waits)
                check_word(&b, meddled);
        change_epoll(&b, EPOLL_CTL_DEL, 0);
        barrier_destroy(&b);
        if (epoll_wait(epoll_fd, &event, 1, 0) > 0)
                fail("the epoll was not left", event.data.fd);
        end_peer(pid);

        map_inodes(after);
        if (memcmp(before, after, sizeof before) != 0)
                fail("a descriptor is left, lost or replaced", 0);
        rounds++;
}

/* ---- the program ----------------------------------------------------------------------------- */

static void set_handler(int sig, void (*handler)(int)) {
        struct sigaction sa;

        memset(&sa, 0, sizeof sa);
        sa.sa_handler = handler;
        (void) sigaction(sig, &sa, NULL);
}

int main(int argc, char **argv) {
        bool terminal = isatty(STDERR_FILENO);
        uint64_t wanted = 1000000;
        int i, canary[2], file;

        seed = (uint64_t) time(NULL);
        parse_arguments(argc, argv, "hostile [OPERATIONS", &wanted, &seed);
        srandom((unsigned) seed);
        printf("hostile: seed %llu\n", (unsigned long long) seed);
        (void) fflush(stdout);

        set_handler(SIGALRM, on_alarm);
        set_handler(SIGUSR1, on_signal);
        acted = mmap(NULL, sizeof *acted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0);
        file = (open) ("/dev/null", O_RDWR | O_CLOEXEC);
        own[4] = idle_fd = eventfd(0, EFD_CLOEXEC);
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (acted == MAP_FAILED || file < 0 || idle_fd < 0 || epoll_fd < 0 ||
            pipe2(canary, O_CLOEXEC) < 0) {
                perror("hostile");
                return 2;
        }

        while (operations < (long) wanted) {
                round_of(rounds % 2 ? BARRIER_PARENT : BARRIER_CHILD);
                if (terminal && rounds % 64 == 0)
                        fprintf(stderr, "\r%ld of %llu", operations, (unsigned long long) wanted);
        }
        if (terminal)
                fprintf(stderr, "\r%30s\r", "");

        for (i = 0; i < ALL_OPERATIONS; i++)
                printf("%-28s%10ld\n", names[i], operations_of[i]);
        for (i = 0; i < ACTS; i++)
                printf("peer: %-22s%10ld\n", acts[i], acted->each[i]);
        printf("hostile: %ld rounds, %ld operations, %ld acts of the peer, %ld system calls, "
               "at most %ld in one operation besides 4 for each act of the peer, %ld wake-ups, "
               "%ld times the peer broke the protocol and was told nothing\n",
               rounds, operations, acted->all, all_calls, worst, wake_ups, untold);
        return 0;
}
