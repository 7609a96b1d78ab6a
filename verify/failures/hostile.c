/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * hostile - an honest side against a peer that was taken over
 *
 *      hostile [OPERATIONS [SEED]]
 *
 * HOW TO READ THIS FILE
 *
 * Both sides live in this process, each with descriptors of its own, so that the peer can act at
 * any moment between two system calls of the honest side: these are redirected to the functions
 * below, each of which lets the peer act first, at random. peer_acts() is all that a holder of the
 * descriptors can do to what both share. Time is a clock of our own, which moves while poll() would
 * sleep. All else is the real kernel, under AddressSanitizer and UBSan. Exit status 0; 1: a promise
 * under A HOSTILE PEER in barrier.h is broken, which is printed with the seed that shows it.
 *
 * The peer leaves out what barrier.h names: an eventfd that is blocking and full when place() or
 * the last word is written, and thousands of locks. The alarm is only for hangs.
 */
#define _GNU_SOURCE 1
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

enum {
        HUNG_AFTER = 60,      /* seconds */
        OPERATIONS_MAX = 200, /* of a round */
        AFTER_THE_END = 8,    /* so many of them */
        ACTS_MAX = 6,         /* of the peer, in one operation */
        LOCKS = 128,
        MSEC = 1000000,
        SENTINEL = 12345
};

static Barrier honest;
static uint64_t seed;
static long rounds, operations, acts, protocol_errors;

__attribute__((noreturn)) static void fail(const char *what, long number) {
        fprintf(stderr, "hostile: %s (%ld, errno %d), seed %llu, round %ld, operation %ld\n", what,
                number, errno, (unsigned long long) seed, rounds, operations);
        _exit(1);
}

static uint64_t random_bits(void) {
        return (uint64_t) random() << 42 ^ (uint64_t) random() << 21 ^ (uint64_t) random();
}

static int random_below(int n) {
        return (int) (random() % n);
}

/* ---- the peer -------------------------------------------------------------------------------- */

enum { WRITE, READ, FLAGS, LOCK, COPY, CLOSE, ACTS };

/* What the honest side reads, what it writes, and ends of the pipe: at first both, as any child
 * has. */
enum { MINE, THEIRS, ENDS, PEER_FDS = ENDS + 4 };

static struct {
        int fds[PEER_FDS];   /* or -1 */
        unsigned repertoire; /* what it does in this round, as bits */
        int acts_left;       /* in this operation */
} peer;

static bool did[ACTS]; /* what it did, with success: all of it, or nothing was tried */

/* Half of it is no number of barriers. */
static uint64_t any_value(void) {
        const uint64_t bits = random_bits(), aborted = UINT64_C(1) << 63;
        const uint64_t values[] = { 1 + bits % 3,
                                    (UINT64_C(1) << 48) - 1, /* as many as there may be */
                                    UINT64_C(1) << (48 + bits % 15),
                                    bits >> (bits & 63),
                                    aborted | bits % 3 << 48,
                                    aborted | bits >> 1,
                                    UINT64_MAX - 1 }; /* it is full */

        return values[random_below(2) ? 0 : random_below(sizeof values / sizeof *values)];
}

/* It does not block itself. */
static void act(int what, bool may_make_it_block) {
        const int i = random_below(3) ? random_below(ENDS) : random_below(PEER_FDS);
        const int flags = random_below(2) ? O_NONBLOCK : 0;
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
        uint64_t value = any_value();
        struct iovec iov = { &value, sizeof value };
        int *const fd = &peer.fds[i];
        ssize_t n = 0;

        switch (what) {
        case WRITE:
                (void) fcntl(*fd, F_SETFL, O_NONBLOCK);
                n = write(*fd, &value, sizeof value);
                break;
        case READ:
                n = preadv2(*fd, &iov, 1, -1, RWF_NOWAIT);
                break;
        case FLAGS:
                if (i != THEIRS || may_make_it_block)
                        n = fcntl(*fd, F_SETFL, flags) == 0 && !flags;
                break;
        case LOCK:
                /* Adds a line to what /proc says of an eventfd. All of the machine share an inode,
                 * so a lock for writing would get in the way of others. */
                lock.l_start = (off_t) 2 * random_below(LOCKS);
                n = fcntl(*fd, F_OFD_SETLK, &lock) == 0;
                break;
        case COPY:
                if (*fd < 0)
                        n = *fd = fcntl(peer.fds[random_below(PEER_FDS)], F_DUPFD, 3);
                break;
        case CLOSE:
                if (i >= ENDS && *fd >= 0) {
                        n = close(*fd) == 0;
                        *fd = -1;
                }
                break;
        }
        did[what] |= n > 0;
}

/* At random, a few times in one operation. */
static void peer_acts(bool may_make_it_block) {
        int what;

        while (peer.acts_left > 0 && random_below(3) == 0) {
                peer.acts_left--;
                what = random_below(ACTS);
                if (peer.repertoire >> what & 1) {
                        acts++;
                        act(what, may_make_it_block);
                }
        }
}

/* ---- the system calls of the honest side ----------------------------------------------------- */

static bool own[MAPPED];   /* the descriptors that the library has made, and not closed */
static uint64_t read_bits; /* all bits that it has read from the peer in this round */
static int64_t now;

/* Without a word from the peer, which did not leave either. */
static bool broke(const Barrier *b) {
        return b->they_aborted && !b->they_left && !(read_bits >> 63);
}

static int made(int fd) {
        if (fd >= 0)
                own[fd] = true;
        return fd;
}

static int used(int fd) {
        peer_acts(true);
        if (fd < 0 || !own[fd])
                fail("touches a descriptor that is not its own", fd);
        return fd;
}

static int do_close(int fd) {
        own[used(fd)] = false;
        return close(fd);
}

static int do_fcntl(int fd, int command, int argument, ...) {
        int n = fcntl(used(fd), command, argument);

        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? made(n) : n;
}

/* Here the peer does not make it blocking: that is the instant which barrier.h names. */
static ssize_t do_write(int fd, const void *p, size_t size) {
        peer_acts(false);
        if (broke(&honest))
                fail("writes to a peer that broke the protocol", fd);
        if (fd != honest.me)
                fail("writes to what is not for that", fd);
        return write(fd, p, size);
}

static ssize_t do_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        ssize_t size = preadv2(used(fd), iov, n, offset, flags);
        uint64_t value;

        if (size == (ssize_t) sizeof value) {
                memcpy(&value, iov->iov_base, sizeof value);
                read_bits |= value;
        }
        return size;
}

/* The peer may act when part of the time has gone by. */
static int do_poll(struct pollfd *fds, nfds_t n, int msec) {
        const int64_t end = now + (int64_t) msec * MSEC;
        int ready;
        nfds_t i;

        for (i = 0; i < n; i++)
                (void) used(fds[i].fd);
        if (msec < 0)
                fail("sleeps for ever", msec);
        ready = poll(fds, n, 0);
        if (ready > 0 || msec == 0)
                return ready;
        now += random_below(msec) * (int64_t) MSEC;
        peer_acts(true);
        ready = poll(fds, n, 0);
        if (ready == 0)
                now = end;
        return ready;
}

/* It takes some time to ask, so who asks again and again gets to the end too. */
static int do_clock_gettime(struct timespec *ts) {
        now += 1000;
        ts->tv_sec = (time_t) (now / 1000000000);
        ts->tv_nsec = (long) (now % 1000000000);
        return 0;
}

#define open(path, flags)              made(open(path, flags))
#define epoll_create1(flags)           made(epoll_create1(flags))
#define epoll_ctl(epfd, op, fd, event) epoll_ctl(used(epfd), op, used(fd), event)
#define close                          do_close
#define fcntl(fd, ...)                 do_fcntl(fd, __VA_ARGS__, 0)
#define write                          do_write
#define poll                           do_poll
#define read(fd, p, size)              read(used(fd), p, size)
#define preadv2                        do_preadv2
#define fstat(fd, st)                  fstat(used(fd), st)
#define clock_gettime(clock, ts)       do_clock_gettime(ts)

#include "../../barrier.c"

#undef poll
#undef close

/* ---- the honest side ------------------------------------------------------------------------- */

/* The operations of common.h, and these. */
enum { OP_EPOLL = OPERATIONS, OP_MOVE, OP_EXPORT, ALL_OPERATIONS };

/* Over to a new struct by way of a string, as over an execve(). */
static void export_and_import(Barrier *b) {
        char text[BARRIER_EXPORT_MAX];
        Barrier moved;
        int r = barrier_export(b, text, sizeof text);

        if (r < 0)
                fail("cannot export", r);
        r = barrier_import(&moved, text);
        if (r < 0)
                fail("cannot import", r);
        if (memcmp(&moved, b, offsetof(Barrier, watch)) != 0)
                fail("it did not arrive as it left", 0);
}

/* Nothing that a wait has seen wakes a loop again. */
static void check_epoll(Barrier *b) {
        struct pollfd epoll = { -1, POLLIN, 0 };
        int error = errno;

        epoll.fd = barrier_epoll(b);
        if (b->they_aborted ? epoll.fd != -EPIPE : epoll.fd <= STDERR_FILENO)
                fail("not an epoll", epoll.fd);
        if (epoll.fd < 0)
                return;
        peer.acts_left = 0;
        barrier_set_timeout(b, 0);
        if (!barrier_wait_abortion(b) && !b->they_aborted && poll(&epoll, 1, 0) != 0)
                fail("a wake-up that brings no news", epoll.revents);
        (void) do_close(epoll.fd);
        errno = error;
}

/* The peer still has the end of the pipe that the honest side looks at. */
static bool peer_is_there(const Barrier *b) {
        const int mode = b->role == BARRIER_PARENT ? O_WRONLY : O_RDONLY;
        int i, flags;

        for (i = ENDS; i < PEER_FDS; i++) {
                flags = (fcntl) (peer.fds[i], F_GETFL);
                if (flags >= 0 && (flags & O_ACCMODE) == mode)
                        return true;
        }
        return false;
}

static void check_end(const Barrier *b) {
        if (b->they_left && (b->error != ECONNRESET || peer_is_there(b)))
                fail("takes the peer to have left", b->error);
        if (broke(b) && (b->error != EPROTO || !b->i_aborted))
                fail("does not end as by a broken protocol", b->error);
        protocol_errors += broke(b);
}

static void check_state(const Barrier *b, const Barrier *before, int o, bool result, int error) {
        if (o == OP_ABORT || o == OP_FAIL ? error != SENTINEL
                                          : !result && error != barrier_error(b) &&
                                                    (error != ETIMEDOUT || b->they_aborted))
                fail("an errno that nothing explains", error);
        if (barrier_is_aborted(b) != (barrier_error(b) != 0) ||
            (before->they_aborted && b->error != before->error) || b->received < before->received ||
            b->consumed < before->consumed || b->consumed > b->received ||
            b->placed - before->placed > 1)
                fail("an inconsistent state", o);
        if (read_bits >> 48 && !b->they_aborted)
                fail("takes what is no number for one", o);
        if (b->they_aborted && !before->they_aborted)
                check_end(b);
}

static void operation(Barrier *b) {
        const Barrier before = *b;
        const int msec = random_below(4), code = random_below(4) ? random_below(99999) : INT_MIN;
        const int64_t begun = now;
        int r, o = random_below(ALL_OPERATIONS);
        bool result = true;

        if ((o == OP_ABORT || o == OP_FAIL) && random_below(16) > 0) /* or no round would last */
                o = OP_SYNC;
        barrier_set_timeout(b, msec);
        peer.acts_left = ACTS_MAX;
        if (o == OP_PLACE || o == OP_PLACE_AND_SYNC) /* barrier.h names it */
                (void) do_fcntl(b->me, F_SETFL, O_NONBLOCK);
        errno = SENTINEL;
        switch (o) {
        case OP_EPOLL:
                check_epoll(b);
                break;
        case OP_MOVE:
                r = barrier_move(b, random_below(MAPPED - 8));
                if (r < 0)
                        fail("cannot move", r);
                break;
        case OP_EXPORT:
                export_and_import(b);
                break;
        default:
                result = operate(b, o, code);
        }
        check_state(b, &before, o, result, errno);
        if (now > begun + (msec + 1) * (int64_t) MSEC)
                fail("waits longer than its timeout", o);
        operations++;
}

static void round_of(unsigned role) {
        const uint64_t bits = random_bits();
        Barrier other;
        int i, after_the_end = 0;

        (void) alarm(HUNG_AFTER);
        peer.acts_left = 0;
        if (barrier_init(&honest) < 0)
                fail("barrier_init", 0);
        own[honest.me] = own[honest.them] = own[honest.pipe[0]] = own[honest.pipe[1]] = true;
        other = forked(&honest);
        peer.fds[MINE] = role == BARRIER_PARENT ? other.them : other.me;
        peer.fds[THEIRS] = role == BARRIER_PARENT ? other.me : other.them;
        peer.fds[ENDS] = other.pipe[0];
        peer.fds[ENDS + 1] = other.pipe[1];
        peer.fds[ENDS + 2] = peer.fds[ENDS + 3] = -1;
        read_bits = 0;
        /* Not all in each round, or none would last. */
        peer.repertoire = (unsigned) (bits & bits >> 32);
        (void) barrier_set_role(&honest, role);

        for (i = 0; i < OPERATIONS_MAX && after_the_end < AFTER_THE_END; i++) {
                operation(&honest);
                after_the_end += barrier_is_aborted(&honest);
        }
        barrier_destroy(&honest);
        for (i = 0; i < MAPPED; i++)
                if (own[i])
                        fail("leaves a descriptor behind", i);
        for (i = 0; i < PEER_FDS; i++)
                if (peer.fds[i] >= 0)
                        (void) close(peer.fds[i]);
        rounds++;
}

int main(int argc, char **argv) {
        uint64_t wanted = 1000000;
        int what;

        seed = (uint64_t) time(NULL);
        parse_arguments(argc, argv, "hostile [OPERATIONS", &wanted, &seed);
        srandom((unsigned) seed);
        printf("hostile: seed %llu; SIGALRM ends what hangs\n", (unsigned long long) seed);
        (void) fflush(stdout);
        (void) signal(SIGPIPE, SIG_IGN);
        while (operations < (long) wanted)
                round_of(rounds % 2 ? BARRIER_PARENT : BARRIER_CHILD);
        printf("hostile: %ld rounds, %ld operations, %ld acts of the peer, which broke "
               "the protocol %ld times\n",
               rounds, operations, acts, protocol_errors);
        for (what = 0; what < ACTS; what++)
                if (!did[what])
                        fail("the peer never did act", what);
        if (protocol_errors == 0)
                fail("the peer never broke the protocol", 0);
        return 0;
}
