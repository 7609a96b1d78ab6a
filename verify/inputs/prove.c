/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * prove.c - every function of barrier.c for every input, by CBMC; `make prove` runs it
 *
 * Each prove_NAME() is one proof. It takes any struct that meets invariant(), any arguments and any
 * answers of the system calls, and CBMC shows for all of them at once that every CHECK() holds, and
 * that nothing overflows, is out of bounds or undefined in any other way. A REACHED() must be
 * reachable, so that no proof holds because nothing gets there; so must be what REACHED_IF() says.
 *
 * THE SYSTEM CALLS are functions of this file. They check what they are asked for, and answer
 * whatever the type of the answer allows: any errno, any number of bytes, any bytes; errno is
 * anything after a success too. Assumed is no more than this:
 *
 *      - a new descriptor has the lowest number that is free, and close() frees it even if it fails;
 *        others open and close the standard streams whenever they like, but leave alone those
 *        numbers that the library has
 *      - poll() without a limit does not run out of time; it reports no event that nobody asked for
 *      - CLOCK_MONOTONIC does not go back; the machine is up for less than 270 years
 *      - fcntl(F_SETFD) is refused for the first of three open descriptors, or for none of them
 *      - no side places 2^63 barriers; in the lemmas at the end, 2^62
 *
 * Not proven is that barrier_time_left() rounds up and never to more than the timeout, nor which
 * number stands in the path below /proc: divisions are too much for the solver. The suite looks at
 * both. Nor which errno a system call that fails leads to, which faults.c does.
 *
 * LOOPS. Those that end by themselves are unwound, and it is shown that they end. At the head of three
 * others prove.sh adds a call of cut_NAME() with all locals of barrier_NAME(), whatever they are
 * called; with one more or less it does not compile. The first time, the state is changed to any that
 * meets the invariant of the loop; the second time, it must meet it again. What is interrupted is done
 * again in the very state in which it was done before, which is checked, so one interruption stands
 * for any number.
 *
 * A function that has a proof of its own is replaced in others by one that may do whatever that proof
 * allows; the check sum by any function of the state. Interleavings of two sides are explore.c's; what
 * it relies on when it normalises the counters are the lemmas at the end.
 *
 * NAMES. A barrier_NAME() here that barrier.h has not is a private function, whatever barrier.c calls
 * it: prove.sh finds it by what calls it and what it calls. Of private text there are here no more
 * than the structs, the enum and the constants by which those functions talk to each other.
 */
#define _GNU_SOURCE 1
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "../../barrier.h"

#define CHECK(condition)  __CPROVER_assert(condition, #condition)
#define ASSUME(condition) __CPROVER_assume(condition)
#ifdef MUTANT /* which has to break more */
#define REACHED_IF(condition)
#else
#define REACHED_IF(condition) __CPROVER_assert(!(condition), "reached")
#endif
#define REACHED() REACHED_IF(true)

/* prove.sh reads these: the name of a proof, how often a loop of barrier.c turns at most, if that is
 * not constant, and each barrier_NAME() in whose place it has any_NAME(). A lemma leaves it to others
 * whether anything is undefined. LONG_ is for what takes more than ten seconds. */
#define PROOF(name, ...) void prove_##name(void)
#define LONG_PROOF       PROOF
#define LONG_LEMMA       PROOF

struct barrier_progress;
enum barrier_verdict;
static void cut_wait(struct barrier_progress *p, enum barrier_verdict *verdict);
static void cut_sleep(struct pollfd (*fds)[BARRIER_POLLFDS], int *n, int *msec, int *in_vain,
                      int64_t *before, bool *nothing);
static void cut_read_number(char (*text)[], char **found, size_t *length, int *reads, ssize_t *n);

/* Whoever looks twice may look 80 times. */
#define BARRIER_TRIES 2
#include "../../barrier.c"

/* clang-format off */
#define ANY(type) ({ type any_; any_; })
/* clang-format on */
bool nondet_bool(void); /* as ANY(bool) may be more than 1 */

#define UPTIME_MAX (INT64_C(8500000000) * 1000000000) /* in ns, 269 years */

/* ---- the invariant --------------------------------------------------------------------------- */

static bool differ(int a, int b) {
        return a > STDERR_FILENO && b > STDERR_FILENO && a != b;
}

static int pipe_end(const Barrier *b) {
        return b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];
}

/* What is true of a Barrier between any two calls. */
static bool invariant(const Barrier *b) {
        int end = pipe_end(b);
        int other = b->role == BARRIER_PARENT ? b->pipe[1] : b->pipe[0];

        if (b->role > BARRIER_CHILD || b->i_aborted > 1 || b->they_aborted > 1 ||
            b->they_left > b->they_aborted)
                return false;
        if (b->they_aborted ? b->error < 1 || b->error > BARRIER_CODE_MAX
                            : b->error != (b->i_aborted ? ECANCELED : 0))
                return false;
        if (b->consumed > b->received || b->placed > UINT64_MAX / 2)
                return false;
        if (b->watch < -1 || b->timeout < -1 || b->pause > b->next_pause ||
            b->next_pause > BARRIER_PAUSE_MAX || (b->next_pause & (b->next_pause - 1u)) != 0)
                return false;
        if (b->role == 0) {
                if (b->error || b->placed || b->received || b->next_pause)
                        return false;
                if (b->me == -1 || b->me == 0) /* BARRIER_NULL, or zeroed */
                        return b->them == b->me && end == b->me && other == b->me;
                return differ(b->me, b->them) && differ(b->me, end) && differ(b->them, end) &&
                       differ(b->me, other) && differ(b->them, other) && differ(end, other);
        }
        if (other != -1)
                return false;
        if (end == -1) /* no abortion could be written; after an import nothing else is left */
                return b->i_aborted && b->they_aborted &&
                       (differ(b->me, b->them) || (b->me == -1 && b->them == -1));
        return differ(b->me, b->them) && differ(b->me, end) && differ(b->them, end);
}

static bool same(const Barrier *a, const Barrier *b) {
        return a->me == b->me && a->them == b->them && a->pipe[0] == b->pipe[0] &&
               a->pipe[1] == b->pipe[1] && a->placed == b->placed && a->received == b->received &&
               a->consumed == b->consumed && a->error == b->error && a->role == b->role &&
               a->i_aborted == b->i_aborted && a->they_aborted == b->they_aborted &&
               a->they_left == b->they_left && a->watch == b->watch && a->timeout == b->timeout &&
               a->pause == b->pause && a->next_pause == b->next_pause;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

enum { FDS = 10 };

static struct {
        const Barrier *b; /* whose calls these are, and what it was before */
        Barrier before;

        struct {
                int fd;
                bool open;
        } fds[FDS];   /* what may be closed, once */
        unsigned low; /* which of the numbers 0 to 2 may be closed, once, as bits */
        int opened, owned, proc;

        unsigned barriers, words; /* how many were written, and abortions */
        uint64_t word;            /* the last abortion */
        bool lost;                /* it could not be written, though there was room */
        bool left;                /* the pipe was ready, or the pidfd was when asked again, ... */
        bool read_since;          /* ... and the eventfd was read after it */
        bool no_clock;            /* can it not be read? */
        int64_t now, deadline;    /* CLOCK_MONOTONIC in ns */
        bool due, last;           /* is the time up, and was it so when poll() last looked? */
        int in_vain; /* so many poll() in a row slept and ended while the clock stood */
        bool trying; /* may a wait not look again once its time is up? */

        bool interrupted; /* and what was at that time */
        Barrier then;
        uint64_t then_word;

        int asked, asked_flags; /* F_GETFD, and its answer */
        int lowest;             /* to where descriptors move, or 0 */
        bool let_go;            /* one was closed after it had moved */
        int epfd, added;        /* an epoll, and how many descriptors it has */

        Barrier subject; /* what is exported or imported, and the flags that it gets */
        int flags, flagged, mode;
        struct stat stat;
        short ready;
        uint64_t id[3];

        bool cut; /* is this not the first time at the head of a loop? */
} k;

struct answer {
        ssize_t n;
        int error;
        uint64_t value;
        short revents[BARRIER_POLLFDS];
};

static int still_open(void) {
        int i, n = (int) ((k.low & 1) + (k.low >> 1 & 1) + (k.low >> 2 & 1));

        for (i = 0; i < FDS; i++)
                n += k.fds[i].open;
        return n;
}

/* Is it one of the descriptors that are open, and once? */
static bool is_open(int fd) {
        int i, n = 0;

        for (i = 0; i < FDS; i++)
                n += k.fds[i].open && k.fds[i].fd == fd;
        return n == 1;
}

/* From here on calls are those for *b. */
static void enter(const Barrier *b) {
        const int fds[] = { b->me, b->them, b->pipe[0], b->pipe[1] };
        int i;

        k.b = b;
        k.before = *b;
        for (i = 0; i < 4; i++) {
                k.fds[i].fd = fds[i];
                k.fds[i].open = fds[i] > STDERR_FILENO;
        }
        k.opened = 4;
        k.owned = still_open();
        k.proc = -1;
        errno = ANY(int);
}

/* What a call answers: -1 and an errno, or a number up to `most`. */
static struct answer answer(ssize_t most) {
        struct answer a = ANY(struct answer);

        ASSUME(a.n >= -1 && a.n <= most);
        ASSUME(a.error >= 1 && a.error <= 4095); /* as far as the kernel goes */
        errno = a.error;
        return a;
}

/* A loop makes a call again that was interrupted. This round has to begin in the state in which the
 * last one began, so that one interruption stands for any number of them. */
static void interruptible(const struct answer *a, uint64_t word, bool last) {
        if (k.interrupted) {
                CHECK(same(&k.then, k.b) && k.then_word == word);
                ASSUME(a->n >= 0 || a->error != EINTR);
        } else if (a->n < 0 && a->error == EINTR) {
                k.interrupted = true;
                k.then = *k.b;
                k.then_word = word;
                return;
        }
        if (last)
                k.interrupted = false;
}

ssize_t write(int fd, const void *buf, size_t size) {
        struct answer a = answer((ssize_t) size);
        uint64_t word = *(const uint64_t *) buf;

        CHECK(size == sizeof word && fd > STDERR_FILENO && fd == k.before.me && k.b->role);
        interruptible(&a, word, true);
        if (word == 1) {
                CHECK(!k.b->error);
                k.barriers += a.n == (ssize_t) sizeof word;
        } else {
                CHECK(word >> 63 && (word & BARRIER_PLACED_MAX) == 0);
                CHECK(!k.before.i_aborted && k.b->i_aborted);
                k.words += a.n >= 0 || a.error != EINTR;
                k.word = word;
                k.lost = a.n != (ssize_t) sizeof word &&
                         (a.n >= 0 || (a.error != EAGAIN && a.error != EPROTO && a.error != EINTR));
        }
        return a.n;
}

static ssize_t receive(int fd, void *buf, bool last) {
        struct answer a = answer(sizeof a.value);

        CHECK(fd > STDERR_FILENO && fd == k.before.them && k.b->role && !k.b->they_aborted);
        *(uint64_t *) buf = a.value;
        interruptible(&a, 0, last || a.n >= 0 || a.error == EAGAIN);
        k.read_since = true;
        return a.n;
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        CHECK(n == 1 && iov->iov_len == sizeof(uint64_t) && offset == -1 && flags == RWF_NOWAIT);
        return receive(fd, iov->iov_base, false);
}

/* An eventfd, where preadv2() is refused; or what /proc says. */
ssize_t read(int fd, void *buf, size_t size) {
        if (fd != k.proc) {
                CHECK(size == sizeof(uint64_t));
                return receive(fd, buf, true);
        }
        CHECK(__CPROVER_w_ok(buf, size));
        __CPROVER_havoc_object(buf);
        return answer((ssize_t) size).n;
}

/* Returns whether it was open. */
static bool give_back(int fd) {
        int i, found = 0;

        if (fd >= 0 && fd <= STDERR_FILENO) {
                found = k.low >> fd & 1;
                k.low &= ~(1u << fd);
        }
        for (i = 0; i < FDS; i++)
                if (k.fds[i].open && k.fds[i].fd == fd) {
                        k.fds[i].open = false;
                        k.let_go = k.let_go || i < 4;
                        found++;
                }
        return found == 1;
}

int close(int fd) {
        CHECK(give_back(fd));
        return (int) answer(0).n;
}

/* Only of the standard streams it matters that it is the lowest number that is free. Others have any
 * of them open. */
static int open_one(void) {
        unsigned taken = k.low | ANY(unsigned);
        int i, fd = ANY(int);

        if (answer(0).n < 0)
                return -1;
        for (i = 0; i <= STDERR_FILENO; i++)
                if (!k.lowest && !(taken >> i & 1)) {
                        k.low |= 1u << i;
                        return i;
                }
        ASSUME(fd > STDERR_FILENO && fd >= k.lowest);
        for (i = 0; i < FDS; i++)
                ASSUME(!k.fds[i].open || k.fds[i].fd != fd);
        CHECK(k.opened < FDS);
        for (i = 0; i < FDS; i++) /* an index that is a constant spares CBMC an array */
                if (i == k.opened) {
                        k.fds[i].fd = fd;
                        k.fds[i].open = true;
                }
        k.opened++;
        return fd;
}

int eventfd(unsigned n, int flags) {
        CHECK(n == 0 && flags == (EFD_CLOEXEC | EFD_NONBLOCK));
        return open_one();
}

int pipe2(int fds[2], int flags) {
        int fd[2];

        CHECK(flags == (O_CLOEXEC | O_NONBLOCK));
        fd[0] = open_one();
        if (fd[0] < 0)
                return -1;
        fd[1] = open_one();
        if (fd[1] < 0) {
                give_back(fd[0]);
                return -1;
        }
        fds[0] = fd[0];
        fds[1] = fd[1];
        return 0;
}

int epoll_create1(int flags) {
        CHECK(flags == EPOLL_CLOEXEC);
        return k.epfd = open_one();
}

/* The eventfd, the pipe end and the watch, in this order. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
        CHECK(epfd == k.epfd && epfd > STDERR_FILENO && op == EPOLL_CTL_ADD);
        CHECK(fd == (k.added == 0 ? k.b->them : k.added == 1 ? pipe_end(k.b) : k.b->watch));
        CHECK(fd >= 0 && event->events == (k.added == 1 ? 0 : EPOLLIN));
        k.added++;
        return (int) answer(0).n;
}

int open(const char *path, int flags, ...) {
        CHECK(flags == (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        CHECK(path[0] == '/');
        k.proc = open_one();
        return k.proc;
}

int fstat(int fd, struct stat *sb) {
        CHECK(fd > STDERR_FILENO);
        *sb = k.stat = ANY(struct stat);
        return (int) answer(0).n;
}

int fcntl(int fd, int command, ...) {
        va_list list;
        int argument = 0;

        if (command != F_GETFD && command != F_GETFL) {
                va_start(list, command);
                argument = va_arg(list, int);
                va_end(list);
        }
        switch (command) {
        case F_SETFL:
                CHECK(fd == k.before.me && fd > STDERR_FILENO);
                CHECK(argument == (O_RDWR | O_NONBLOCK));
                return (int) answer(0).n;
        case F_SETFD: /* of what is open: refused for the first, or not at all */
                CHECK(fd > STDERR_FILENO && argument == k.flags);
                CHECK(fd == (k.flagged == 0   ? k.subject.me
                             : k.flagged == 1 ? k.subject.them
                                              : pipe_end(&k.subject)));
                return k.flagged++ == 0 ? (int) answer(0).n : 0;
        case F_GETFL:
                CHECK(fd > STDERR_FILENO && fd == pipe_end(&k.subject));
                return k.mode = (int) answer(INT_MAX).n;
        case F_DUPFD:
        case F_DUPFD_CLOEXEC:
                CHECK(argument == k.lowest && k.lowest > STDERR_FILENO && !k.let_go);
                CHECK(fd > STDERR_FILENO && fd == k.asked);
                CHECK((command == F_DUPFD_CLOEXEC) == ((k.asked_flags & FD_CLOEXEC) != 0));
                return open_one();
        default:
                CHECK(command == F_GETFD);
                k.asked = fd;
                return k.asked_flags = fd < 0 ? errno = EBADF, -1 : (int) answer(INT_MAX).n;
        }
}

/* Are these what a wait sleeps on? */
static bool as_asked(const struct pollfd *fds) {
        return fds[0].fd == k.b->them && fds[0].events == POLLIN && fds[1].fd == pipe_end(k.b) &&
               fds[1].events == 0 && fds[2].fd == k.b->watch && fds[2].events == POLLIN;
}

int poll(struct pollfd *fds, nfds_t n, int msec) {
        struct answer a = answer((ssize_t) n);
        int i;

        if (fds[0].events == POLLOUT) { /* is it an eventfd? */
                CHECK(n == 1 && msec == 0);
                interruptible(&a, 0, true);
                fds[0].revents = k.ready = a.revents[0];
                return (int) a.n;
        }
        if (n == 1) { /* is a pidfd still ready, that was so a moment ago? */
                CHECK(fds[0].fd == k.b->watch && fds[0].events == POLLIN && msec == 0);
                interruptible(&a, 0, true);
                ASSUME((a.revents[0] & ~(POLLIN | POLLERR | POLLHUP | POLLNVAL)) == 0);
                fds[0].revents = a.n > 0 ? a.revents[0] : 0;
                k.left = k.left || fds[0].revents;
                return (int) a.n;
        }
        CHECK(as_asked(fds) && n == (k.b->watch < 0 ? 2 : 3));
        CHECK(k.b->timeout <= 0 ? msec == k.b->timeout : msec >= 0 && msec <= k.b->timeout);
        CHECK(!k.b->they_aborted);

        ASSUME(a.n != 0 || msec >= 0);
        k.in_vain = a.n == 0 && msec != 0 ? k.in_vain + 1 : 0;
        k.last = msec == 0;
        for (i = 0; i < BARRIER_POLLFDS; i++) {
                if (i < (int) n)
                        fds[i].revents = a.revents[i];
                if (a.n == 0 || fds[i].fd < 0)
                        fds[i].revents = 0;
                else
                        ASSUME((fds[i].revents & ~(fds[i].events | POLLERR | POLLHUP | POLLNVAL)) ==
                               0);
        }
        k.left = a.n >= 0 && fds[1].revents;
        k.read_since = false;
        return (int) a.n;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
        int64_t was = k.now;

        CHECK(id == CLOCK_MONOTONIC);
        *ts = ANY(struct timespec);
        ASSUME(ts->tv_sec >= 0 && ts->tv_sec < UPTIME_MAX / 1000000000);
        ASSUME(ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000);
        k.now = (int64_t) ts->tv_sec * 1000000000 + ts->tv_nsec;
        ASSUME(k.now >= was);
        (void) answer(0);
        return k.no_clock ? -1 : 0;
}

static int any_errno(void) {
        int error = ANY(int);

        ASSUME(error >= 1 && error <= 4095);
        return error;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static const Barrier null = BARRIER_NULL;

static Barrier any_barrier(void) {
        Barrier b = ANY(Barrier);

        ASSUME(invariant(&b));
        return b;
}

PROOF(close) {
        int fd = ANY(int);

        k.fds[0].fd = fd;
        k.fds[0].open = fd > STDERR_FILENO;
        barrier_close(&fd);
        CHECK(fd == -1 && still_open() == 0);
        REACHED();
}

LONG_PROOF(init, 5) {
        Barrier b = ANY(Barrier);
        int r;

        r = barrier_init(&b);
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
        if (r == 0) {
                CHECK(invariant(&b) && still_open() == 4 && b.me > STDERR_FILENO && b.role == 0);
                CHECK(b.watch == -1 && b.timeout == -1 && !b.error && !b.placed && !b.received);
        } else
                CHECK(r < 0 && r >= -4095 && same(&b, &null) && still_open() == 0);
}

/* Any of the descriptors may be one that cannot be a barrier's. */
PROOF(set_role) {
        Barrier b = any_barrier(), expected;
        unsigned role = ANY(unsigned);
        bool child = role == BARRIER_CHILD;
        int r, spoilt = ANY(int);

        if (!b.role && nondet_bool()) {
                ASSUME(spoilt <= STDERR_FILENO);
                *(nondet_bool()   ? &b.me
                  : nondet_bool() ? &b.them
                                  : &b.pipe[nondet_bool()]) = spoilt;
        }
        enter(&b);
        r = barrier_set_role(&b, role);
        expected = k.before;
        if (role != BARRIER_PARENT && role != BARRIER_CHILD)
                CHECK(r == -EINVAL);
        else if (k.before.role) {
                CHECK(r == -EALREADY);
                if (role != k.before.role) {
                        expected.i_aborted = expected.they_aborted = 1;
                        if (!k.before.they_aborted)
                                expected.error = EALREADY;
                        REACHED();
                }
        } else if (k.before.me <= STDERR_FILENO || k.before.them <= STDERR_FILENO ||
                   k.before.pipe[child] <= STDERR_FILENO)
                CHECK(r == -EBADF);
        else {
                CHECK(r == 0);
                expected.role = (uint8_t) role;
                expected.me = child ? k.before.them : k.before.me;
                expected.them = child ? k.before.me : k.before.them;
                expected.pipe[!child] = -1;
                CHECK(!k.fds[2 + !child].open);
        }
        CHECK(same(&b, &expected));
        CHECK(still_open() == k.owned - (r == 0 && k.before.pipe[!child] > STDERR_FILENO));
        CHECK((r != 0 && r != -EALREADY) || invariant(&b));
        REACHED_IF(r == -EINVAL);
        REACHED_IF(r == -EBADF);
        REACHED_IF(r == 0);
}

LONG_PROOF(move) {
        Barrier b = any_barrier(), expected;
        int *const fds[] = { &b.me, &b.them, &b.pipe[0], &b.pipe[1] };
        int lowest = ANY(int), i, was, r;

        enter(&b);
        k.lowest = lowest > STDERR_FILENO ? lowest : STDERR_FILENO + 1;
        r = barrier_move(&b, lowest);
        CHECK(still_open() == k.owned);
        if (r < 0) {
                CHECK(r >= -4095 && same(&b, &k.before) && !k.let_go);
                CHECK((r == -ENOTCONN && !b.role) || (b.role && k.asked > STDERR_FILENO));
                REACHED();
                return;
        }
        CHECK(r == 0 && b.role && invariant(&b));
        expected = k.before;
        for (i = 0; i < 4; i++) {
                was = k.fds[i].fd;
                CHECK(was < 0 || was >= k.lowest ? *fds[i] == was : *fds[i] >= k.lowest);
                CHECK(was < 0 || is_open(*fds[i]));
        }
        expected.me = b.me;
        expected.them = b.them;
        expected.pipe[0] = b.pipe[0];
        expected.pipe[1] = b.pipe[1];
        CHECK(same(&b, &expected));
        REACHED();
}

PROOF(destroy) {
        Barrier b = any_barrier();
        int error;

        enter(&b);
        error = errno;
        if (nondet_bool())
                barrier_destroy(NULL);
        barrier_destroy(&b);
        CHECK(same(&b, &null) && still_open() == 0 && errno == error);
        barrier_destroy(&b);
        CHECK(same(&b, &null) && errno == error);
        REACHED();
}

/* ---- signalling ------------------------------------------------------------------------------ */

/* What no function but init, set_role, move, destroy, watch and set_timeout changes, and what never is
 * undone. Only if its abortion was lost does a side close its pipe end. Only who broke the protocol is
 * not told. */
static bool goes_on(const Barrier *b) {
        const Barrier *was = &k.before;
        bool end = b->role != BARRIER_PARENT;

        return invariant(b) && b->me == was->me && b->them == was->them && b->role == was->role &&
               b->watch == was->watch && b->timeout == was->timeout &&
               b->pipe[end] == (k.lost ? -1 : was->pipe[end]) && b->pipe[!end] == was->pipe[!end] &&
               still_open() == k.owned - k.lost && b->placed >= was->placed &&
               b->received >= was->received && b->consumed >= was->consumed &&
               b->i_aborted >= was->i_aborted && b->they_aborted >= was->they_aborted &&
               k.words <= 1u && (k.words == 0 || !was->i_aborted) &&
               (b->i_aborted == was->i_aborted + (int) k.words || b->error == EPROTO) &&
               (!was->they_aborted || (b->error == was->error && b->they_left == was->they_left)) &&
               (!b->they_left || was->they_left || b->error == ECONNRESET);
}

/* Did this side break in place or a wait? Then it told the other side why, unless that broke the
 * protocol. */
static bool broke(const Barrier *b) {
        return b->i_aborted && b->they_aborted && !b->they_left && !k.before.they_aborted &&
               (b->error == EPROTO || k.before.i_aborted
                        ? k.words == 0
                        : k.words == 1 && k.word == (BARRIER_ABORTED |
                                                     (uint64_t) b->error << BARRIER_CODE_SHIFT));
}

PROOF(place, 2) {
        Barrier b = any_barrier();
        bool placed;

        enter(&b);
        ASSUME(b.placed < UINT64_MAX / 2);
        placed = barrier_place(&b);
        CHECK(goes_on(&b) && b.placed == k.before.placed + placed && k.barriers == placed);
        REACHED_IF(placed);
        REACHED_IF(!placed && same(&k.before, &b));
        REACHED_IF(!placed && !same(&k.before, &b));
        if (placed) {
                b.placed--;
                CHECK(b.role && !b.error && same(&k.before, &b));
        } else if (!b.role || k.before.error)
                CHECK(same(&k.before, &b) && errno == (b.role ? b.error : ENOTCONN));
        else
                CHECK(broke(&b) && errno == b.error);
}

PROOF(fail, 2) {
        Barrier b = any_barrier(), expected;
        int code = ANY(int), error;
        bool result, plain = nondet_bool();
        int64_t sent = plain ? 0 : code < 0 ? -(int64_t) code : code;

        enter(&b);
        error = errno;
        result = plain ? barrier_abort(&b) : barrier_fail(&b, code);
        REACHED_IF(!b.role);
        REACHED_IF(k.words);
        REACHED_IF(result);
        REACHED_IF(b.role && !result);
        if (!b.role) {
                CHECK(same(&k.before, &b) && !result && errno == ENOTCONN && !k.words);
                return;
        }
        CHECK(goes_on(&b) && errno == error && b.i_aborted && result == !b.they_aborted);
        CHECK(!k.words ||
              k.word == (BARRIER_ABORTED | (uint64_t) (sent > BARRIER_CODE_MAX ? 0 : sent)
                                                   << BARRIER_CODE_SHIFT));
        expected = k.before;
        expected.i_aborted = true;
        if (!expected.error)
                expected.error = ECANCELED;
        CHECK(b.they_aborted != k.before.they_aborted || b.pipe[0] != expected.pipe[0] ||
              b.pipe[1] != expected.pipe[1] || same(&b, &expected));
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* The deadline is set once. That what is left of it is rounded up to a millisecond is arithmetic,
 * and too much of it for the solver. */
PROOF(time_left, 2) {
        Barrier b = any_barrier();
        struct barrier_progress p = ANY(struct barrier_progress), was = p;
        int64_t limit = b.timeout * INT64_C(1000000);
        int msec;

        enter(&b);
        ASSUME(b.role && !b.they_aborted);
        k.now = ANY(int64_t);
        k.no_clock = nondet_bool();
        ASSUME(k.now >= 0 && k.now < UPTIME_MAX);
        ASSUME(p.deadline == 0 || (p.deadline > 0 && p.deadline <= k.now + limit));
        msec = barrier_time_left(&b, &p);
        CHECK(p.hung_up == was.hung_up && p.last == was.last &&
              (b.they_aborted || same(&b, &k.before)));
        REACHED_IF(b.timeout > 0 && k.no_clock);
        REACHED_IF(b.timeout <= 0);
        REACHED_IF(b.timeout > 0 && !k.no_clock && msec == 0);
        REACHED_IF(b.timeout > 0 && !k.no_clock && msec > 0);
        if (b.timeout > 0 && k.no_clock)
                CHECK(msec == 0 && goes_on(&b) && broke(&b));
        else if (b.timeout <= 0)
                CHECK(msec == b.timeout && p.now == was.now && p.deadline == was.deadline);
        else {
                CHECK(!b.they_aborted && p.now == k.now && p.deadline > 0);
                CHECK(p.deadline == (was.deadline ? was.deadline : k.now + limit));
                CHECK(msec >= 0 && (msec == 0) == (k.now >= p.deadline));
        }
}

/* In its place, where what waits is proven. */
int any_time_left(Barrier *b, struct barrier_progress *p) {
        int msec = ANY(int);

        CHECK(b == k.b && b->role && (!b->they_aborted || broke(b)));
        CHECK(p->now == k.now && p->deadline == k.deadline);
        if (b->timeout <= 0)
                return b->timeout;
        if (nondet_bool()) {
                barrier_broke(b, any_errno());
                return 0;
        }
        p->now = ANY(int64_t);
        ASSUME(p->now >= k.now && p->now < UPTIME_MAX);
        if (p->now != k.now)
                k.in_vain = 0;
        k.now = p->now;
        if (p->deadline == 0) {
                p->deadline = k.deadline = ANY(int64_t);
                ASSUME(k.deadline > k.now);
        }
        k.due = k.now >= k.deadline;
        ASSUME(k.due ? msec == 0 : msec > 0 && msec <= b->timeout);
        return msec;
}

static bool same_counters(const Barrier *a, const Barrier *b) {
        return a->placed == b->placed && a->received == b->received && a->consumed == b->consumed;
}

/* What one look can learn. */
PROOF(receive, 3) {
        Barrier b = any_barrier();
        const Barrier *was = &k.before;

        enter(&b);
        ASSUME(b.role && !b.they_aborted);
        barrier_receive(&b);
        CHECK(goes_on(&b) && k.read_since && !b.they_left);
        CHECK(b.placed == was->placed && b.consumed == was->consumed);
        CHECK(b.pause == was->pause && b.next_pause == was->next_pause);
        if (b.they_aborted)
                CHECK(b.received == was->received &&
                      (broke(&b) || (b.i_aborted == was->i_aborted && k.words == 0)));
        else
                CHECK(b.error == was->error && b.i_aborted == was->i_aborted && k.words == 0 &&
                      b.received - was->received <= BARRIER_PLACED_MAX);
        REACHED_IF(b.they_aborted);
        REACHED_IF(!b.they_aborted);
}

void any_receive(Barrier *b) {
        uint64_t n = ANY(uint64_t);

        CHECK(b == k.b && b->role && !b->they_aborted && !(k.trying && k.due));
        k.read_since = true;
        if (nondet_bool())
                barrier_broke(b, any_errno());
        else if (nondet_bool()) {
                b->they_aborted = true;
                b->error = ANY(int);
                ASSUME(b->error > 0 && b->error <= BARRIER_CODE_MAX);
        } else {
                ASSUME(n <= BARRIER_PLACED_MAX && n <= UINT64_MAX - b->received);
                b->received += n;
        }
}

static int what; /* the wait waits for */

static bool enough(const Barrier *b) {
        return ((what & BARRIER_NEW) && b->received > k.before.consumed) ||
               ((what & BARRIER_CAUGHT_UP) && b->received >= b->placed);
}

/* Is this what a look may say? What is not reached is not consumed; a hang-up is believed when the
 * eventfd was read after it was seen. `in_time`: the clock could be read. */
static bool verdict_holds(const Barrier *b, enum barrier_verdict verdict, bool in_time) {
        bool ended = (b->they_aborted && !b->they_left) || (b->i_aborted && what);
        uint64_t n = b->received;

        if (!goes_on(b) || b->placed != k.before.placed || k.barriers != 0 ||
            (b->i_aborted != k.before.i_aborted && !broke(b)) ||
            (b->they_left && !k.before.they_left && !(k.left && k.read_since)))
                return false;
        if (verdict == BARRIER_REACHED) {
                if ((what & BARRIER_CAUGHT_UP) && n > b->placed)
                        n = b->placed;
                return what && !ended && enough(b) &&
                       b->consumed == (n > k.before.consumed ? n : k.before.consumed);
        }
        if (b->consumed != k.before.consumed)
                return false;
        if (verdict == BARRIER_ENDED)
                return ended || (b->they_left && !enough(b));
        return verdict == BARRIER_NOT_YET && !b->they_left && (in_time ? !ended : broke(b));
}

/* What barrier_try() may say, and what has become of its time. */
static bool try_holds(const Barrier *b, const struct barrier_progress *p,
                      enum barrier_verdict verdict, bool in_time) {
        bool still = b->pause == k.before.pause && b->next_pause == k.before.next_pause;

        return verdict_holds(b, verdict, in_time) && p->now == k.now && p->deadline == k.deadline &&
               !p->hung_up && !p->last && k.in_vain == 0 && (still || (what && b->timeout != 0)) &&
               /* poll() comes first only where nothing is known */
               (verdict != BARRIER_NOT_YET || k.read_since || (!b->error && !enough(b)));
}

LONG_PROOF(try, 4, receive, time_left) {
        Barrier b = any_barrier();
        struct barrier_progress p = { 0, 0, false, false };
        enum barrier_verdict verdict;

        enter(&b);
        ASSUME(b.role);
        k.trying = true;
        what = ANY(int) & (BARRIER_NEW | BARRIER_CAUGHT_UP);
        verdict = barrier_try(&b, what, &p);
        CHECK(try_holds(&b, &p, verdict, verdict != BARRIER_NOT_YET || !b.they_aborted));
        REACHED_IF(verdict == BARRIER_NOT_YET && b.they_aborted);
        REACHED_IF(verdict == BARRIER_NOT_YET && !b.they_aborted);
        REACHED_IF(verdict == BARRIER_REACHED);
        REACHED_IF(verdict == BARRIER_ENDED);
}

/* Any struct, and any past of it. */
static void change(Barrier *b) {
        *b = ANY(Barrier);
        k.words = ANY(unsigned);
        k.word = ANY(uint64_t);
        k.lost = nondet_bool();
        k.fds[2].open = b->pipe[0] != -1;
        k.fds[3].open = b->pipe[1] != -1;
        k.left = nondet_bool();
        k.read_since = nondet_bool();
}

static void change_time(struct barrier_progress *p) {
        *p = ANY(struct barrier_progress);
        k.now = p->now;
        k.deadline = p->deadline;
        k.due = nondet_bool();
        k.in_vain = ANY(int);
        ASSUME(k.now >= 0 && k.now < UPTIME_MAX && k.deadline >= 0);
        ASSUME(k.in_vain >= 0 && k.in_vain <= 2);
}

enum barrier_verdict any_try(Barrier *b, int until, struct barrier_progress *p) {
        enum barrier_verdict verdict = ANY(unsigned);

        CHECK(b == k.b && b->role && until == what);
        CHECK(p->now == 0 && p->deadline == 0 && !p->hung_up && !p->last);
        change(b);
        change_time(p);
        ASSUME(try_holds(b, p, verdict, nondet_bool()));
        return verdict;
}

/* May a wait sleep, or say that its time is up? Of a timeout it is if the clock said so before the
 * last look at what is ready, or if it stands still. */
static bool may_sleep(const Barrier *b) {
        return b->role && (broke(b) || (!b->they_aborted && !(b->i_aborted && what)));
}

static bool out_of_time(const Barrier *b) {
        return b->timeout == 0 || (b->timeout > 0 && ((k.due && k.last) || k.in_vain >= 2));
}

static bool sleep_holds(const Barrier *b, const Barrier *was, const struct barrier_progress *p,
                        bool ready) {
        return goes_on(b) && same_counters(b, was) && (!was->they_aborted || same(b, was)) &&
               b->pause == was->pause && b->next_pause == was->next_pause && p->now == k.now &&
               p->deadline == k.deadline &&
               (b->they_aborted ? ready && broke(b)
                                : b->error == was->error && b->i_aborted == was->i_aborted) &&
               (ready ? b->they_aborted || (p->hung_up == k.left && (!p->last || out_of_time(b)))
                      : out_of_time(b));
}

static Barrier asleep;
static struct barrier_progress *progress;

/* Nothing but the time changes where it sleeps again. */
static void cut_sleep(struct pollfd (*fds)[BARRIER_POLLFDS], int *n, int *msec, int *in_vain,
                      int64_t *before, bool *nothing) {
        int i;

        CHECK(same(k.b, &asleep) && as_asked(*fds) && *in_vain >= 0 && *in_vain <= 2);
        CHECK(*in_vain <= k.in_vain && (*in_vain == 0 || k.b->timeout > 0));
        CHECK(progress->now == k.now && progress->deadline == k.deadline);
        CHECK(!k.interrupted && !k.last);
        if (k.cut) {
                REACHED();
                ASSUME(false);
        }
        k.cut = true;
        for (i = 0; i < BARRIER_POLLFDS; i++)
                (*fds)[i].revents = ANY(short);
        *n = ANY(int);
        *msec = ANY(int);
        *in_vain = ANY(int);
        *before = ANY(int64_t);
        *nothing = nondet_bool();
        change_time(progress);
        k.left = nondet_bool();
        ASSUME(*in_vain >= 0 && *in_vain <= 2 && *in_vain <= k.in_vain);
        ASSUME(*in_vain == 0 || asleep.timeout > 0);
}

LONG_PROOF(sleep, 3, time_left) {
        Barrier b = any_barrier();
        struct barrier_progress p;
        bool ready;

        enter(&b);
        what = ANY(int) & (BARRIER_NEW | BARRIER_CAUGHT_UP);
        progress = &p;
        change_time(&p);
        ASSUME(may_sleep(&b));
        if (nondet_bool() && b.timeout > 0) /* the clock failed already */
                barrier_broke(&b, any_errno());
        asleep = b;
        ready = barrier_sleep(&b, &p);
        CHECK(sleep_holds(&b, &asleep, &p, ready));
        REACHED_IF(!ready);
        REACHED_IF(ready && b.they_aborted);
        REACHED_IF(ready && !b.they_aborted && p.hung_up);
        REACHED_IF(ready && !b.they_aborted && !p.hung_up);
}

bool any_sleep(Barrier *b, struct barrier_progress *p) {
        Barrier was = *b;
        bool ready = nondet_bool();

        CHECK(b == k.b && may_sleep(b) && !p->last);
        CHECK(k.read_since || (!b->error && !enough(b)));
        change(b);
        change_time(p);
        k.last = nondet_bool();
        k.read_since = false;
        ASSUME(sleep_holds(b, &was, p, ready));
        return ready;
}

/* At the head of the loop. */
static bool wait_goes_on(const Barrier *b, const struct barrier_progress *p) {
        return verdict_holds(b, BARRIER_NOT_YET, !b->they_aborted) && p->now == k.now &&
               p->deadline == k.deadline && (!p->last || (out_of_time(b) && !b->they_aborted)) &&
               (k.read_since || (!b->error && !enough(b)));
}

static void cut_wait(struct barrier_progress *p, enum barrier_verdict *verdict) {
        Barrier *b = (Barrier *) k.b;

        CHECK(wait_goes_on(b, p) && *verdict == BARRIER_NOT_YET);
        if (k.cut) {
                REACHED();
                ASSUME(false);
        }
        k.cut = true;
        change(b);
        change_time(p);
        k.last = nondet_bool();
        ASSUME(wait_goes_on(b, p));
}

LONG_PROOF(wait, 2, try, sleep, receive) {
        Barrier b = any_barrier();
        enum barrier_verdict verdict;
        bool reached;

        enter(&b);
        what = ANY(int) & (BARRIER_NEW | BARRIER_CAUGHT_UP);
        reached = barrier_wait(&b, what);
        if (!b.role) {
                CHECK(!reached && errno == ENOTCONN && same(&b, &k.before));
                REACHED();
                return;
        }
        verdict = reached && what               ? BARRIER_REACHED
                  : reached || b.error == errno ? BARRIER_ENDED
                                                : BARRIER_NOT_YET;
        CHECK(verdict_holds(&b, verdict, true));
        CHECK(verdict != BARRIER_NOT_YET ||
              (errno == ETIMEDOUT && !b.they_aborted && out_of_time(&b)));
        CHECK(verdict != BARRIER_ENDED ||
              (reached ? b.they_aborted && !b.i_aborted : what || b.i_aborted));
        REACHED_IF(verdict == BARRIER_NOT_YET);
        REACHED_IF(verdict == BARRIER_REACHED);
        REACHED_IF(verdict == BARRIER_ENDED && b.they_left && !k.before.they_left);
        REACHED_IF(verdict == BARRIER_ENDED && reached);
        REACHED_IF(verdict == BARRIER_ENDED && !reached);
}

static bool placed;
static int waits;

bool any_place(Barrier *b) {
        CHECK(b == k.b && waits == 0);
        return placed = nondet_bool();
}

bool any_wait(Barrier *b, int condition) {
        CHECK(b == k.b);
        what = condition;
        waits++;
        return nondet_bool();
}

/* What each wait waits for. */
PROOF(waits, 200, wait, place) {
        Barrier b = any_barrier();
        int until = ANY(int) & 7;
        bool reached;

        enter(&b);
        reached = until == 0                                   ? barrier_wait_abortion(&b)
                  : until == BARRIER_NEW                       ? barrier_wait_next(&b)
                  : until == BARRIER_CAUGHT_UP                 ? barrier_sync(&b)
                  : until == (BARRIER_NEW | BARRIER_CAUGHT_UP) ? barrier_sync_next(&b)
                                                               : barrier_place_and_sync(&b);
        CHECK(until > 3 ? waits == placed && (placed || !reached) &&
                                  (!placed || what == BARRIER_CAUGHT_UP)
                        : waits == 1 && what == until);
        CHECK(same(&b, &k.before));
        REACHED_IF(until > 3);
        REACHED();
}

/* ---- queries, event loops -------------------------------------------------------------------- */

PROOF(queries) {
        Barrier b = any_barrier();
        bool i = barrier_i_aborted(&b), they = barrier_they_aborted(&b),
             left = barrier_they_left(&b);
        int error = barrier_error(&b);

        CHECK(i == (b.i_aborted == 1) && they == (b.they_aborted == 1) &&
              left == (b.they_left == 1));
        CHECK(error == b.error && error >= 0);
        CHECK(barrier_we_aborted(&b) == (i && they) && barrier_is_aborted(&b) == (i || they));
        CHECK((error != 0) == barrier_is_aborted(&b) && (they || !left));
        CHECK(they || error == (i ? ECANCELED : 0));
        REACHED();
}

PROOF(get_pollfds) {
        Barrier b = any_barrier();
        struct pollfd fds[BARRIER_POLLFDS];
        int r = barrier_get_pollfds(&b, fds);

        CHECK(fds[0].events == POLLIN && fds[1].events == 0 && fds[2].events == POLLIN);
        CHECK(!fds[0].revents && !fds[1].revents && !fds[2].revents);
        if (!b.role)
                CHECK(r == -ENOTCONN && fds[0].fd == -1 && fds[1].fd == -1 && fds[2].fd == -1);
        else {
                CHECK(fds[0].fd == b.them && fds[1].fd == pipe_end(&b) && fds[2].fd == b.watch);
                CHECK(r == (b.they_aborted ? -b.error : b.watch == -1 ? 2 : 3));
        }
        REACHED_IF(r == -ENOTCONN);
        REACHED_IF(r >= 0);
}

LONG_PROOF(epoll, 5) {
        Barrier b = any_barrier();
        int r;

        enter(&b);
        r = barrier_epoll(&b);
        CHECK(same(&b, &k.before) && still_open() == k.owned + (r >= 0));
        if (r >= 0) {
                CHECK(r == k.epfd && r > STDERR_FILENO && b.role && !b.they_aborted);
                CHECK(k.added == (b.watch < 0 ? 2 : 3));
                REACHED();
        } else {
                CHECK(r >= -4095 && (b.role || r == -ENOTCONN));
                CHECK(!b.they_aborted || (r == -EPIPE && k.opened == 4));
                REACHED();
        }
}

PROOF(watch) {
        Barrier b = any_barrier(), expected = b;
        int fd = ANY(int), msec = ANY(int), r;

        enter(&b);
        r = barrier_watch(&b, fd);
        CHECK(r == 0 || (r == -errno && r < 0 && fd != -1));
        expected.watch = r == 0 ? fd : expected.watch;
        CHECK(same(&b, &expected) && invariant(&b));
        REACHED_IF(r == 0 && fd >= 0);
        barrier_set_timeout(&b, msec);
        expected.timeout = msec < 0 ? -1 : msec;
        CHECK(same(&b, &expected) && invariant(&b) && still_open() == k.owned);
        REACHED();
}

/* ---- across execve() ------------------------------------------------------------------------- */

enum { LETTERS = 2 * sizeof(struct barrier_state) };

uint32_t __CPROVER_uninterpreted_sum(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

uint32_t any_sum(const struct barrier_state *st) {
        const uint64_t *w = (const uint64_t *) st;

        return __CPROVER_uninterpreted_sum(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8],
                                           w[9], w[10]);
}

PROOF(sum) {
        struct barrier_state st = ANY(struct barrier_state);

        (void) barrier_sum(&st);
        REACHED();
}

/* What export leaves out is as after an import. */
static Barrier imported(Barrier b) {
        b.watch = b.timeout = -1;
        b.pause = b.next_pause = 0;
        return b;
}

/* It accepts what meets the invariant, and nothing else; but for a side that had to close its pipe
 * end, of which export leaves out the rest. */
PROOF(plausible) {
        Barrier b = imported(ANY(Barrier));
        bool ours = invariant(&b) && b.role && (pipe_end(&b) >= 0 || b.me == -1);

        CHECK(barrier_plausible(&b) == ours);
        REACHED();
}

/* Of any string it accepts none but what export makes of the state, and reads nothing behind its end,
 * where the array ends. */
LONG_PROOF(parse, 200, sum) {
        size_t i, size = ANY(size_t);

        ASSUME(size > 0 && size <= LETTERS + 1);
        {
                char text[size];
                struct barrier_state st;
                const unsigned char *p = (const unsigned char *) &st;
                bool accepted, exact = true;

                ASSUME(size == LETTERS + 1 || text[size - 1] == 0);
                accepted = barrier_parse(&st, text);
                REACHED_IF(accepted);
                REACHED_IF(!accepted);
                if (!accepted)
                        return;
                CHECK(size == LETTERS + 1 && text[LETTERS] == 0);
                for (i = 0; i < sizeof st; i++)
                        exact = exact && text[2 * i] == 'a' + (p[i] >> 4) &&
                                text[2 * i + 1] == 'a' + (p[i] & 15);
                CHECK(exact && st.sum == any_sum(&st) && barrier_plausible(&st.b));
        }
}

int any_identify(const Barrier *b, uint64_t id[3]) {
        CHECK(b->role && b->me > STDERR_FILENO && b->them > STDERR_FILENO &&
              pipe_end(b) > STDERR_FILENO);
        id[0] = k.id[0] = ANY(uint64_t);
        id[1] = k.id[1] = ANY(uint64_t);
        id[2] = k.id[2] = ANY(uint64_t);
        return nondet_bool() ? 0 : -any_errno();
}

/* What export writes, and parse reads again. */
LONG_PROOF(export, 200, sum, identify) {
        Barrier b = any_barrier();
        struct barrier_state st;
        char text[LETTERS + 1];
        size_t size = ANY(size_t);
        int r;

        enter(&b);
        k.subject = b;
        r = barrier_export(&b, size < sizeof text ? NULL : text, size);
        if (r >= 0 && pipe_end(&b) < 0) { /* it could not even abort: nothing is left of it */
                CHECK(b.me == -1 && b.them == -1 && still_open() == 0);
                k.before.me = k.before.them = -1;
        } else
                CHECK(still_open() == k.owned);
        CHECK(same(&b, &k.before));
        if (r < 0) {
                CHECK(k.flagged <= 1 && (b.role != 0 || r == -ENOTCONN));
                CHECK(!b.role || size > LETTERS || r == -ENOBUFS);
                REACHED();
                return;
        }
        CHECK(r == LETTERS && LETTERS < BARRIER_EXPORT_MAX && size > LETTERS && b.role);
        CHECK(text[LETTERS] == 0 && k.flagged == (pipe_end(&b) >= 0 ? 3 : 0));
        CHECK(barrier_parse(&st, text));
        if (pipe_end(&b) >= 0)
                CHECK(st.id[0] == k.id[0] && st.id[1] == k.id[1] && st.id[2] == k.id[2]);
        b = imported(b);
        st.b = imported(st.b);
        CHECK(same(&b, &st.b));
        REACHED();
}

static struct barrier_state state;
static bool accepted;

bool any_parse(struct barrier_state *st, const char *s) {
        CHECK(s);
        *st = state = ANY(struct barrier_state);
        accepted = barrier_plausible(&st->b) && nondet_bool();
        k.subject = st->b;
        return accepted;
}

PROOF(import, 200, parse, identify) {
        Barrier b = ANY(Barrier), expected;
        bool given = nondet_bool(), known;
        int r;

        k.flags = FD_CLOEXEC;
        r = barrier_import(&b, given ? "" : NULL);
        CHECK(still_open() == 0 && k.opened == 0);
        if (r < 0) {
                CHECK(same(&b, &null) && k.flagged <= 1 && ((given && accepted) || r == -EINVAL));
                REACHED();
                return;
        }
        expected = imported(state.b);
        CHECK(r == 0 && given && accepted && same(&b, &expected) && invariant(&b));
        if (b.me == -1) {
                CHECK(k.flagged == 0);
                REACHED();
        } else {
                known = (!k.id[0] || !state.id[0] || k.id[0] == state.id[0]) &&
                        (!k.id[1] || !state.id[1] || k.id[1] == state.id[1]);
                CHECK(k.flagged == 3 && known && k.id[2] == state.id[2]);
                REACHED();
        }
}

int any_identify_eventfd(int fd, uint64_t *id) {
        CHECK(fd == k.subject.me || fd == k.subject.them);
        *id = ANY(uint64_t);
        return nondet_bool() ? 0 : -any_errno();
}

PROOF(identify, 200, identify_eventfd) {
        Barrier b = any_barrier();
        uint64_t id[3];
        int r;

        ASSUME(b.role && pipe_end(&b) != -1);
        k.b = &b;
        k.subject = b;
        r = barrier_identify(&b, id);
        CHECK(r <= 0 && r >= -4095);
        if (r == 0) {
                CHECK(S_ISFIFO(k.stat.st_mode));
                CHECK((k.mode & O_ACCMODE) == (b.role == BARRIER_PARENT ? O_RDONLY : O_WRONLY));
                CHECK(id[2] == (k.stat.st_ino ^ (uint64_t) k.stat.st_dev << 32));
        }
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
}

int any_read_number(int fd, uint64_t *id) {
        CHECK(fd == k.proc && fd >= 0);
        *id = ANY(uint64_t);
        return nondet_bool() ? 0 : -any_errno();
}

LONG_PROOF(identify_eventfd, 11, read_number) {
        uint64_t id;
        int fd = ANY(int), r;

        ASSUME(fd > STDERR_FILENO);
        k.b = &null;
        k.proc = -1;
        r = barrier_identify_eventfd(fd, &id);
        CHECK(r <= 0 && r >= -4095 && still_open() == 0);
        if (r == 0) {
                CHECK((k.stat.st_mode & S_IFMT) == 0 && (k.proc >= 0 || id == 0));
                CHECK(id >= BARRIER_FIRST_NUMBER || (k.ready & POLLOUT));
        }
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
}

static const size_t *text_length;

static void cut_read_number(char (*text)[], char **found, size_t *length, int *reads, ssize_t *n) {
        const size_t size = __CPROVER_OBJECT_SIZE(text);

        CHECK(*length < size && *reads >= 0 && *reads < 1000);
        if (k.cut) {
                REACHED();
                ASSUME(false);
        }
        k.cut = true;
        __CPROVER_havoc_object(text);
        *found = NULL;
        *length = ANY(size_t);
        *reads = ANY(int);
        *n = ANY(ssize_t);
        ASSUME(*length < size && *reads >= 0 && *reads < 1000);
        text_length = length;
}

enum { KEY = 13 };

/* Anything, or nothing, in a text. */
static char *found, *end;

void *memmem(const void *text, size_t length, const void *key, size_t n) {
        size_t i = ANY(size_t);

        CHECK(length == *text_length && __CPROVER_r_ok(text, length + 1));
        CHECK(n == KEY && ((const char *) key)[0] == '\n' && ((const char *) key)[KEY - 1] == ' ');
        end = (char *) text + length;
        CHECK(*end == 0);
        REACHED();
        ASSUME(length < KEY || i <= length - KEY);
        found = length >= KEY && nondet_bool() ? (char *) text + i : NULL;
        return found;
}

uint64_t any_decimal(const char *s) {
        CHECK(s == found + KEY && s <= end);
        return ANY(uint64_t);
}

PROOF(read_number, 2, decimal) {
        uint64_t id;
        int r;

        k.proc = 3;
        r = barrier_read_number(3, &id);
        CHECK(r <= 0 && r >= -4095);
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
}

/* It reads nothing behind the end of a text, of any length: each character is one more turn of the
 * same loop, and nothing else of it is looked at. */
PROOF(decimal, 9) {
        enum { TEXT = 8 };
        static char text[TEXT];
        size_t length = ANY(size_t), i = ANY(size_t);
        uint64_t n;

        __CPROVER_havoc_object(text);
        ASSUME(length < TEXT && i <= length && text[length] == 0);
        n = barrier_decimal(text + i);
        CHECK((text[i] >= '0' && text[i] <= '9') || n == 0);
        REACHED();
}

/* ---- what explore.c relies on ---------------------------------------------------------------- */

/* Two runs that get the same answers, which are any functions of the number of the call. */
static struct {
        int call;
        bool again;
        int verdict;                 /* in the first run */
        uint64_t words;              /* the sum of what was written */
        uint64_t left_out, received; /* no barrier has that number in the second run; read before */
        uint64_t unread; /* so many barriers are to be read; all but one were in the second run */
} run;

int __CPROVER_uninterpreted_number(int);
int __CPROVER_uninterpreted_errno(int);
uint64_t __CPROVER_uninterpreted_value(int);

/* What a counter is where the n-th barrier of either side was never placed. */
static uint64_t without(uint64_t counter) {
        return counter - (counter >= run.left_out);
}

int any_write(const Barrier *b, uint64_t value) {
        int error = __CPROVER_uninterpreted_errno(++run.call);

        CHECK(b->role);
        ASSUME(error >= 0 && error <= 4095);
        run.words += value;
        return error;
}

ssize_t any_read(int fd, uint64_t *value) {
        ssize_t n = __CPROVER_uninterpreted_number(++run.call);
        uint64_t word = __CPROVER_uninterpreted_value(run.call);

        (void) fd;
        errno = __CPROVER_uninterpreted_errno(run.call);
        ASSUME(n >= -1 && n <= 8 && errno > 0 && errno <= 4095 && errno != EINTR);
        if (run.unread) { /* an eventfd of two honest sides */
                ASSUME(n >= 0 || errno != EAGAIN);
                ASSUME(word >> 63 || word <= BARRIER_PLACED_MAX);
                ASSUME((word & BARRIER_PLACED_MAX) >= run.unread);
        }
        *value = run.unread && run.again ? word - run.unread + 1 : word;
        if (run.left_out) {
                ASSUME(word >> 63 || word <= BARRIER_PLACED_MAX);
                if (run.again && word >> 63 == 0)
                        *value = without(run.received + word) - without(run.received);
        }
        return n;
}

void any_close(int *fd) {
        *fd = -1;
}

/* All that looks at the counters, but for import and export; and but for whether enough has come to
 * look again before sleeping, which explore.c takes for any. */
static int operate(Barrier *b, int operation, int argument, bool gone) {
        errno = 0;
        switch (operation) {
        case 0:
                return barrier_place(b);
        case 1:
                return barrier_fail(b, argument);
        case 2:
                return (int) barrier_look(b, argument, gone);
        default:
                return barrier_reached(b, argument);
        }
}

/* Does the same on both, and says whether both did and gave the same. A look leaves no errno. */
static bool alike(Barrier *a, Barrier *b, int operation) {
        int argument = ANY(int), result, error, calls;
        bool gone = nondet_bool();
        uint64_t words;

        k.before = *a;
        k.b = a;
        result = operate(a, operation, argument, gone);
        error = errno;
        run.verdict = result;
        calls = run.call;
        words = run.words;
        run.call = 0;
        run.words = 0;
        run.again = true;
        k.b = b;
        return operate(b, operation, argument, gone) == result &&
               (operation > 1 || errno == error) && run.call == calls && run.words == words;
}

static Barrier any_with_role(void) {
        Barrier b = any_barrier();

        ASSUME(b.role && b.placed >> 62 == 0 && b.received >> 62 == 0);
        return b;
}

/* Only the differences of the counters matter. */
LONG_LEMMA(shift, 3, write, read, close) {
        Barrier a = any_with_role(), b = a;
        uint64_t d = ANY(uint64_t);

        ASSUME(d >> 62 == 0);
        b.placed += d;
        b.received += d;
        b.consumed += d;
        CHECK(alike(&a, &b, ANY(int)));
        b.placed -= d;
        b.received -= d;
        b.consumed -= d;
        CHECK(same(&a, &b));
        REACHED();
}

/* How far `consumed` lags behind does not matter, but whether it does. */
static void catch_up(Barrier *b) {
        uint64_t n = b->received < b->placed ? b->received : b->placed;

        if (n > 0 && b->consumed < n - 1)
                b->consumed = n - 1;
}

LONG_LEMMA(lag, 3, write, read, close) {
        Barrier a = any_with_role(), b = a;

        catch_up(&b);
        CHECK(alike(&a, &b, ANY(int)));
        catch_up(&a);
        catch_up(&b);
        CHECK(same(&a, &b));
        REACHED();
}

/* Nor does it matter whether all but one of the barriers that are there were read already, between
 * two honest sides. What an abortion supersedes is never asked for again. */
LONG_LEMMA(split, 3, write, read, close) {
        Barrier a = any_with_role(), b = a;

        ASSUME(!a.they_aborted);
        run.unread = ANY(uint64_t);
        ASSUME(run.unread >= 1 && run.unread <= BARRIER_PLACED_MAX);
        b.received += run.unread - 1;
        CHECK(alike(&a, &b, 2));
        if (a.they_aborted && !a.they_left)
                b.received = a.received;
        CHECK(same(&a, &b));
        REACHED();
}

static Barrier all_without(Barrier b) {
        b.placed = without(b.placed);
        b.received = without(b.received);
        b.consumed = without(b.consumed);
        return b;
}

/* Nor does it matter whether both sides have an n-th barrier. All comes to the same without it, but
 * for a wait that has placed n and received n - 1, where it does not get what it waits for, and one
 * to which n is all that is new: that leaves what is there without n and without the wait. */
LONG_LEMMA(without, 3, write, read, close) {
        Barrier a = any_with_role(), b, before = a;
        int operation = ANY(int);
        const uint64_t n = run.left_out = ANY(uint64_t);
        bool both, reached, waits_for_it, only_news;

        ASSUME(n >= 1 && n >> 62 == 0 && operation >= 0 && operation <= 2);
        ASSUME(operation != 0 || a.placed + 1 != n); /* that is the one */
        run.received = a.received;
        b = all_without(a);
        both = alike(&a, &b, operation);
        reached = operation == 2 && run.verdict == BARRIER_REACHED;
        waits_for_it = a.placed == n && a.received == n - 1;
        only_news = a.received == n && before.consumed == n - 1;
        a = all_without(a);
        if (reached && only_news) {
                before = all_without(before);
                before.received = a.received;
                CHECK(same(&a, &before));
                REACHED();
        } else {
                ASSUME(operation != 2 || reached || !waits_for_it);
                CHECK(both && same(&a, &b));
                REACHED();
        }
}
