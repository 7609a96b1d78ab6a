/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * prove.c - every function of barrier.c for every input, by CBMC; `make prove` runs it
 *
 * Each prove_NAME() is one proof. It takes any struct that meets invariant(), any arguments and any
 * answers of the system calls, and CBMC shows for all of them at once that every CHECK() holds, and
 * that nothing overflows, is out of bounds or undefined in any other way. What REACHED_IF() says
 * must be possible, so that no proof holds because nothing gets there.
 *
 * THE SYSTEM CALLS are functions of this file. They check what they are asked for, and answer
 * whatever the type of the answer allows: any errno, any number of bytes, any bytes; errno is
 * anything after a success too. Assumed is no more than this:
 *
 *      - a new descriptor has a number that is free, and close() frees it even if it fails; nobody
 *        else puts anything at a number that the library has
 *      - numbers are below 16; how large one is matters only in the path below /proc, where it is
 *      any
 *      - poll() without a limit does not run out of time; it reports no event that nobody asked for
 *      - CLOCK_MONOTONIC does not go back; the machine is up for less than 270 years
 *      - fcntl(F_SETFD) is refused for the first of three open descriptors, or for none of them
 *      - no side places 2^63 barriers; in the lemmas at the end, 2^62
 *
 * Not proven is that barrier_time_left() rounds up and never to more than the timeout, nor which
 * number stands in the path below /proc: divisions are too much for the solver. The suite looks at
 * both. Nor which errno a system call that fails leads to, which faults.c does.
 *
 * LOOPS are unwound, and it is shown that they end. Three of them may go on for longer, and a proof
 * follows them only until a turn begins as one before it could:
 *
 *      barrier_wait()         The first turn begins in any state that wait_goes_on() allows; the
 *                             second has to begin in such a state.
 *      barrier_sleep()        It begins at any time. What else a turn knows of those before it is
 *      how
 *                             many poll() in a row were in vain, which is at most two.
 *      barrier_read_number()  After the first read the text and its length are all they can be.
 *
 * A call that was interrupted is made again in the state in which it was made before, which is
 * checked. So one interruption stands for any number.
 *
 * A function that has a proof of its own is replaced in others by one that may do whatever that
 * proof allows; the check sum by any function of the state. Interleavings of two sides are
 * explore.c's; what it relies on when it normalises the counters are the lemmas at the end.
 *
 * NAMES. A barrier_NAME() here that barrier.h has not is a private function, whatever barrier.c
 * calls it: prove.sh finds it by what calls it and what it calls. Of private text there are here no
 * more than the structs, the enum and the constants by which those functions talk to each other.
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

/* prove.sh reads these: the name of a proof, how often a loop of barrier.c turns at most, if that
 * is not constant, and each barrier_NAME() in whose place it has any_NAME(). A lemma leaves it to
 * others whether anything is undefined. LONG_ is for what takes more than ten seconds. */
#define PROOF(name, ...) void prove_##name(void)
#define LONG_PROOF       PROOF
#define LONG_LEMMA       PROOF

/* Whoever looks twice may look 80 times. */
#define BARRIER_TRIES 2
#include "../../barrier.c"

/* clang-format off */
#define ANY(type) ({ type any_; any_; })
/* clang-format on */
bool nondet_bool(void); /* as ANY(bool) may be more than 1 */

#define UPTIME_MAX (INT64_C(8500000000) * 1000000000) /* in ns, 269 years */

/* ---- the invariant --------------------------------------------------------------------------- */

/* The pointers of this file itself are no question. */
#pragma CPROVER check push
#pragma CPROVER check disable "pointer"
static const Barrier null = BARRIER_NULL;

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

enum { NUMBERS = 16 }; /* of descriptors */

static Barrier any_barrier(void) {
        Barrier b = ANY(Barrier);

        ASSUME(b.me < NUMBERS && b.them < NUMBERS && b.pipe[0] < NUMBERS && b.pipe[1] < NUMBERS);
        ASSUME(invariant(&b));
        return b;
}

static bool same_counters(const Barrier *a, const Barrier *b) {
        return a->placed == b->placed && a->received == b->received && a->consumed == b->consumed;
}

static bool same_pauses(const Barrier *a, const Barrier *b) {
        return a->pause == b->pause && a->next_pause == b->next_pause;
}

static bool same(const Barrier *a, const Barrier *b) {
        return a->me == b->me && a->them == b->them && a->pipe[0] == b->pipe[0] &&
               a->pipe[1] == b->pipe[1] && same_counters(a, b) && a->error == b->error &&
               a->role == b->role && a->i_aborted == b->i_aborted &&
               a->they_aborted == b->they_aborted && a->they_left == b->they_left &&
               a->watch == b->watch && a->timeout == b->timeout && same_pauses(a, b);
}

#pragma CPROVER check pop

/* ---- the kernel ------------------------------------------------------------------------------ */

static struct {
        const Barrier *b; /* whose calls these are, and what it was before */
        Barrier before;
        unsigned open; /* the numbers that may be closed, once, as bits */

        unsigned barriers, words; /* how many were written, and abortions */
        uint64_t word;            /* the last abortion */
        bool lost;                /* it could not be written, though there was room */
        bool left;                /* the pipe was ready, or the pidfd was when asked again, ... */
        bool read_since;          /* ... and the eventfd was read after it */

        bool no_clock;         /* can it not be read? */
        int64_t now, deadline; /* CLOCK_MONOTONIC in ns */
        bool due, last;        /* is the time up, and was it so when poll() last looked? */
        int in_vain;           /* so many poll() in a row slept and ended while the clock stood */
        bool trying;           /* may a wait not look again once its time is up? */
        int turns;             /* of the loop that is not followed to its end */

        bool interrupted, again; /* once; that call comes next; and what was at that time */
        Barrier then;
        uint64_t then_word;

        int asked, asked_flags; /* F_GETFD, and its answer */
        int lowest;             /* to where descriptors move, or 0 */
        bool let_go;            /* one that the barrier had was closed */
        int epfd, added;        /* an epoll, and how many descriptors it has */

        Barrier subject; /* what is exported or imported, and the flags that it gets */
        int flags, flagged, mode, proc;
        struct stat stat;
        short ready;
        uint64_t id[3];
} k;

struct answer {
        ssize_t n;
        int error;
        uint64_t value;
        short revents[BARRIER_POLLFDS];
};

static unsigned bit(int fd) {
        return fd > STDERR_FILENO ? 1u << (fd % NUMBERS) : 0;
}

static unsigned held(const Barrier *b) {
        return bit(b->me) | bit(b->them) | bit(b->pipe[0]) | bit(b->pipe[1]);
}

/* From here on calls are those for *b. */
static void enter(const Barrier *b) {
        k.b = b;
        k.before = *b;
        k.open = held(b);
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

/* Of a call that is made again when it was interrupted. */
static void interruptible(const struct answer *a, uint64_t word) {
        bool interrupted = a->n < 0 && a->error == EINTR;

        CHECK(!k.again || (same(&k.then, k.b) && k.then_word == word));
        ASSUME(!interrupted || !k.interrupted);
        k.again = interrupted;
        if (interrupted) {
                k.interrupted = true;
                k.then = *k.b;
                k.then_word = word;
        }
}

ssize_t write(int fd, const void *buf, size_t size) {
        struct answer a = answer((ssize_t) size);
        uint64_t word = *(const uint64_t *) buf;

        CHECK(size == sizeof word && fd > STDERR_FILENO && fd == k.before.me && k.b->role);
        interruptible(&a, word);
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

static ssize_t receive(int fd, void *buf) {
        struct answer a = answer(sizeof a.value);

        CHECK(fd > STDERR_FILENO && fd == k.before.them && k.b->role && !k.b->they_aborted);
        *(uint64_t *) buf = a.value;
        interruptible(&a, 0);
        k.read_since = true;
        return a.n;
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        CHECK(n == 1 && iov->iov_len == sizeof(uint64_t) && offset == -1 && flags == RWF_NOWAIT);
        return receive(fd, iov->iov_base);
}

/* An eventfd, where preadv2() is refused; or what /proc says. */
ssize_t read(int fd, void *buf, size_t size) {
        if (fd != k.proc) {
                CHECK(size == sizeof(uint64_t));
                return receive(fd, buf);
        }
        CHECK(__CPROVER_w_ok(buf, size));
        ASSUME(k.turns++ < 3);
        __CPROVER_havoc_object(buf);
        return answer((ssize_t) size).n;
}

int close(int fd) {
        CHECK(fd >= 0 && fd < NUMBERS && (k.open >> fd & 1));
        k.open &= ~(1u << fd);
        k.let_go = k.let_go || (held(&k.before) >> fd & 1);
        return (int) answer(0).n;
}

static int open_one(void) {
        int fd = ANY(int);

        if (answer(0).n < 0)
                return -1;
        ASSUME(fd >= k.lowest && fd >= 0 && fd < NUMBERS && !(k.open >> fd & 1));
        k.open |= 1u << fd;
        return fd;
}

int eventfd(unsigned n, int flags) {
        CHECK(n == 0 && flags == (EFD_CLOEXEC | EFD_NONBLOCK));
        return open_one();
}

int pipe2(int fds[2], int flags) {
        int reading, writing;

        CHECK(flags == (O_CLOEXEC | O_NONBLOCK));
        reading = open_one();
        if (reading < 0)
                return -1;
        writing = open_one();
        if (writing < 0) {
                k.open &= ~(1u << reading);
                return -1;
        }
        fds[0] = reading;
        fds[1] = writing;
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
        CHECK(flags == (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) && path[0] == '/');
        return k.proc = open_one();
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

int poll(struct pollfd *fds, nfds_t n, int msec) {
        struct answer a = answer((ssize_t) n);
        int i, possible;

        for (i = 0; i < (int) n; i++) {
                possible = fds[i].events | POLLERR | POLLHUP | POLLNVAL;
                ASSUME((a.revents[i] & ~possible) == 0);
                fds[i].revents = a.n == 0 || fds[i].fd < 0 ? 0 : a.revents[i];
        }
        if (n == 1) { /* is a pidfd that was ready so still? Or: is it an eventfd? */
                CHECK(fds[0].events == POLLOUT ||
                      (fds[0].events == POLLIN && fds[0].fd == k.b->watch));
                CHECK(msec == 0);
                interruptible(&a, 0);
                k.ready = fds[0].revents;
                k.left = k.left || (a.n > 0 && k.ready);
                return (int) a.n;
        }
        CHECK(n == (k.b->watch < 0 ? 2 : 3) && !k.b->they_aborted);
        CHECK(fds[0].fd == k.b->them && fds[1].fd == pipe_end(k.b) && fds[2].fd == k.b->watch);
        CHECK(fds[0].events == POLLIN && fds[1].events == 0 && fds[2].events == POLLIN);
        CHECK(k.b->timeout <= 0 ? msec == k.b->timeout : msec >= 0 && msec <= k.b->timeout);

        ASSUME(a.n != 0 || msec >= 0);
        k.in_vain = a.n == 0 && msec != 0 ? k.in_vain + 1 : 0;
        k.last = msec == 0;
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
        ASSUME(answer(0).error != EINTR);
        return k.no_clock ? -1 : 0;
}

/* Why a call failed for good. */
static int any_errno(void) {
        int error = ANY(int);

        ASSUME(error >= 1 && error <= 4095 && error != EINTR);
        return error;
}

static int any_result(void) {
        return nondet_bool() ? 0 : -any_errno();
}

/* ---- life cycle ------------------------------------------------------------------------------ */

PROOF(init, 5) {
        Barrier b = ANY(Barrier);
        int r;

        r = barrier_init(&b);
        CHECK(k.open == held(&b) && invariant(&b) && b.role == 0);
        if (r == 0)
                CHECK(b.me > STDERR_FILENO && b.watch == -1 && b.timeout == -1);
        else
                CHECK(r < 0 && r >= -4095 && same(&b, &null));
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
}

/* Any of the descriptors may be one that cannot be a barrier's. */
PROOF(set_role) {
        Barrier b = any_barrier(), expected;
        unsigned role = ANY(unsigned);
        bool child = role == BARRIER_CHILD, known = child || role == BARRIER_PARENT;
        int r, spoilt = ANY(int);

        if (!b.role && nondet_bool()) {
                ASSUME(spoilt <= STDERR_FILENO);
                *(nondet_bool()   ? &b.me
                  : nondet_bool() ? &b.them
                                  : &b.pipe[nondet_bool()]) = spoilt;
        }
        enter(&b);
        expected = b;
        r = barrier_set_role(&b, role);
        if (!known)
                CHECK(r == -EINVAL);
        else if (k.before.role) {
                CHECK(r == -EALREADY);
                if (role != k.before.role) {
                        expected.i_aborted = expected.they_aborted = 1;
                        if (!k.before.they_aborted)
                                expected.error = EALREADY;
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
        }
        CHECK(same(&b, &expected) && k.open == held(&b));
        CHECK((r != 0 && r != -EALREADY) || invariant(&b));
        REACHED_IF(r == -EALREADY && b.role != role);
        REACHED_IF(r == 0);
}

LONG_PROOF(move, 5) {
        Barrier b = any_barrier(), expected = b;
        int *const is[] = { &b.me, &b.them, &b.pipe[0], &b.pipe[1] };
        int *const was[] = { &expected.me, &expected.them, &expected.pipe[0], &expected.pipe[1] };
        int lowest = ANY(int), i, r;

        enter(&b);
        k.lowest = lowest > STDERR_FILENO ? lowest : STDERR_FILENO + 1;
        r = barrier_move(&b, lowest);
        if (r == 0) {
                CHECK(b.role && invariant(&b));
                for (i = 0; i < 4; i++)
                        if (*was[i] >= 0 && *was[i] < k.lowest) {
                                CHECK(*is[i] >= k.lowest);
                                *was[i] = *is[i];
                        }
        } else
                CHECK(r < 0 && r >= -4095 && !k.let_go &&
                      (b.role ? k.asked > STDERR_FILENO : r == -ENOTCONN));
        CHECK(same(&b, &expected) && k.open == held(&b));
        REACHED_IF(r == 0);
        REACHED_IF(r < 0);
}

PROOF(destroy) {
        Barrier b = any_barrier();
        int error;

        enter(&b);
        error = errno;
        barrier_destroy(NULL);
        barrier_destroy(&b);
        barrier_destroy(&b);
        CHECK(same(&b, &null) && k.open == 0 && errno == error);
        REACHED_IF(true);
}

/* ---- signalling ------------------------------------------------------------------------------ */

#pragma CPROVER check push
#pragma CPROVER check disable "pointer"
/* What no function but init, set_role, move, destroy, watch and set_timeout changes, and what never
 * is undone. Only if its abortion was lost does a side close its pipe end. Only who broke the
 * protocol is not told. */
static bool goes_on(const Barrier *b) {
        const Barrier *was = &k.before;
        bool end = b->role != BARRIER_PARENT;

        return invariant(b) && k.open == held(b) && b->me == was->me && b->them == was->them &&
               b->role == was->role && b->watch == was->watch && b->timeout == was->timeout &&
               b->pipe[end] == (k.lost ? -1 : was->pipe[end]) && b->pipe[!end] == was->pipe[!end] &&
               b->placed >= was->placed && b->received >= was->received &&
               b->consumed >= was->consumed && b->i_aborted >= was->i_aborted &&
               b->they_aborted >= was->they_aborted && k.words <= 1u &&
               (k.words == 0 || !was->i_aborted) &&
               (b->i_aborted == was->i_aborted + (int) k.words || b->error == EPROTO) &&
               (!was->they_aborted || (b->error == was->error && b->they_left == was->they_left)) &&
               (!b->they_left || was->they_left || b->error == ECONNRESET);
}

/* Did this side break in place or a wait? Then it told the other side why, unless that broke the
 * protocol. A signal is no reason. */
static bool broke(const Barrier *b) {
        uint64_t word = BARRIER_ABORTED | (uint64_t) b->error << BARRIER_CODE_SHIFT;

        return b->i_aborted && b->they_aborted && !b->they_left && !k.before.they_aborted &&
               b->error != EINTR &&
               (b->error == EPROTO || k.before.i_aborted ? k.words == 0
                                                         : k.words == 1 && k.word == word);
}

PROOF(place, 2) {
        Barrier b = any_barrier();
        bool placed;

        enter(&b);
        ASSUME(b.placed < UINT64_MAX / 2);
        placed = barrier_place(&b);
        CHECK(goes_on(&b) && b.placed == k.before.placed + placed && k.barriers == placed);
        REACHED_IF(placed);
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

        if (sent > BARRIER_CODE_MAX)
                sent = 0;
        enter(&b);
        error = errno;
        result = plain ? barrier_abort(&b) : barrier_fail(&b, code);
        REACHED_IF(k.words);
        REACHED_IF(result);
        if (!b.role) {
                CHECK(same(&k.before, &b) && !result && errno == ENOTCONN && !k.words);
                return;
        }
        CHECK(goes_on(&b) && errno == error && b.i_aborted && result == !b.they_aborted);
        CHECK(!k.words || k.word == (BARRIER_ABORTED | (uint64_t) sent << BARRIER_CODE_SHIFT));
        expected = k.before;
        expected.i_aborted = true;
        if (!expected.error)
                expected.error = ECANCELED;
        CHECK(b.they_aborted != k.before.they_aborted || k.lost || same(&b, &expected));
}

/* ---- waiting --------------------------------------------------------------------------------- */

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
        CHECK(p.hung_up == was.hung_up && p.last == was.last);
        REACHED_IF(b.they_aborted);
        REACHED_IF(b.timeout > 0 && !b.they_aborted && msec > 0);
        if (b.timeout > 0 && k.no_clock) {
                CHECK(msec == 0 && goes_on(&b) && broke(&b));
                return;
        }
        CHECK(same(&b, &k.before));
        if (b.timeout <= 0)
                CHECK(msec == b.timeout && p.now == was.now && p.deadline == was.deadline);
        else {
                CHECK(p.now == k.now && p.deadline > 0);
                CHECK(p.deadline == (was.deadline ? was.deadline : k.now + limit));
                CHECK(msec >= 0 && (msec == 0) == (k.now >= p.deadline));
        }
}

/* What those who wait call: as a call that fails in place or in receive ends the barrier. */
void any_broke(Barrier *b, int error) {
        CHECK(b == k.b && b->role && !b->they_aborted && error > 0 && error <= BARRIER_CODE_MAX);
        b->they_aborted = true;
        b->error = error;
        if (error != EPROTO && !b->i_aborted) {
                k.words++;
                k.word = BARRIER_ABORTED | (uint64_t) error << BARRIER_CODE_SHIFT;
                k.lost = nondet_bool();
                if (k.lost)
                        b->pipe[0] = b->pipe[1] = -1;
                k.open = held(b);
        }
        b->i_aborted = true;
}

int any_time_left(Barrier *b, struct barrier_progress *p) {
        int msec = ANY(int);

        CHECK(b == k.b && b->role && (!b->they_aborted || broke(b)));
        CHECK(p->now == k.now && p->deadline == k.deadline);
        ASSUME(k.turns++ < 3);
        if (b->timeout <= 0)
                return b->timeout;
        if (nondet_bool()) { /* the clock cannot be read */
                if (!b->they_aborted)
                        any_broke(b, any_errno());
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

/* What one look can learn. */
PROOF(receive, 3) {
        Barrier b = any_barrier(), expected;

        enter(&b);
        ASSUME(b.role && !b.they_aborted);
        barrier_receive(&b);
        CHECK(goes_on(&b) && k.read_since && !b.they_left);
        REACHED_IF(b.they_aborted);
        REACHED_IF(!b.they_aborted && b.received > k.before.received);
        if (broke(&b)) {
                CHECK(same_counters(&b, &k.before) && same_pauses(&b, &k.before));
                return;
        }
        expected = k.before;
        if (b.they_aborted) {
                expected.they_aborted = true;
                expected.error = b.error;
        } else {
                expected.received = b.received;
                CHECK(b.received - k.before.received <= BARRIER_PLACED_MAX);
        }
        CHECK(same(&b, &expected));
}

void any_receive(Barrier *b) {
        uint64_t n = ANY(uint64_t);

        CHECK(b == k.b && b->role && !b->they_aborted && !(k.trying && k.due));
        k.read_since = true;
        if (nondet_bool())
                any_broke(b, any_errno());
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

static void wait_for_anything(void) {
        what = ANY(int) & (BARRIER_NEW | BARRIER_CAUGHT_UP);
}

static bool enough(const Barrier *b) {
        return ((what & BARRIER_NEW) && b->received > k.before.consumed) ||
               ((what & BARRIER_CAUGHT_UP) && b->received >= b->placed);
}

/* Is this what a look may say? What is not reached is not consumed; a hang-up is believed when the
 * eventfd was read after it was seen. NOT_YET comes also of a clock that failed. */
static bool verdict_holds(const Barrier *b, enum barrier_verdict verdict) {
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
        return verdict == BARRIER_NOT_YET && !b->they_left && (b->they_aborted ? broke(b) : !ended);
}

/* May a wait say that its time is up? Of a timeout it is if the clock said so before the last look
 * at what is ready, or if it stands still. */
static bool out_of_time(const Barrier *b) {
        return b->timeout == 0 || (b->timeout > 0 && ((k.due && k.last) || k.in_vain >= 2));
}

/* What holds where a wait decides whether to sleep. It may do so without a look only where nothing
 * is known. */
static bool wait_goes_on(const Barrier *b, const struct barrier_progress *p) {
        return verdict_holds(b, BARRIER_NOT_YET) && p->now == k.now && p->deadline == k.deadline &&
               (!p->last || (out_of_time(b) && !b->they_aborted)) &&
               (k.read_since || (!b->error && !enough(b)));
}

static bool try_holds(const Barrier *b, const struct barrier_progress *p,
                      enum barrier_verdict verdict) {
        return verdict == BARRIER_NOT_YET ? wait_goes_on(b, p) : verdict_holds(b, verdict);
}

LONG_PROOF(try, 4, receive, time_left) {
        Barrier b = any_barrier();
        struct barrier_progress p = { 0, 0, false, false };
        enum barrier_verdict verdict;

        enter(&b);
        ASSUME(b.role);
        k.trying = true;
        wait_for_anything();
        verdict = barrier_try(&b, what, &p);
        CHECK(try_holds(&b, &p, verdict) && !p.hung_up && !p.last);
        CHECK((what && b.timeout != 0) || same_pauses(&b, &k.before));
        REACHED_IF(verdict == BARRIER_NOT_YET && !b.they_aborted);
        REACHED_IF(verdict == BARRIER_REACHED);
}

/* Any struct, and any past of it. */
static void change(Barrier *b) {
        *b = ANY(Barrier);
        k.words = ANY(unsigned);
        k.word = ANY(uint64_t);
        k.lost = nondet_bool();
        k.open = held(b);
        k.left = nondet_bool();
        k.read_since = nondet_bool();
}

static void change_time(struct barrier_progress *p) {
        *p = ANY(struct barrier_progress);
        k.now = p->now;
        k.deadline = p->deadline;
        k.due = nondet_bool();
        k.last = nondet_bool();
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
        ASSUME(try_holds(b, p, verdict));
        return verdict;
}

static bool may_sleep(const Barrier *b) {
        return b->role && (broke(b) || (!b->they_aborted && !(b->i_aborted && what)));
}

static bool sleep_holds(const Barrier *b, const Barrier *was, const struct barrier_progress *p,
                        bool ready) {
        if (!goes_on(b) || !same_counters(b, was) || (was->they_aborted && !same(b, was)) ||
            !same_pauses(b, was) || p->now != k.now || p->deadline != k.deadline)
                return false;
        if (b->they_aborted)
                return ready && broke(b);
        return b->error == was->error && b->i_aborted == was->i_aborted &&
               (ready ? p->hung_up == k.left && (!p->last || out_of_time(b)) : out_of_time(b));
}

LONG_PROOF(sleep, 4, time_left, broke) {
        Barrier b = any_barrier(), was;
        struct barrier_progress p;
        bool ready;

        enter(&b);
        wait_for_anything();
        change_time(&p);
        k.in_vain = 0;
        ASSUME(may_sleep(&b));
        if (!b.they_aborted && b.timeout > 0 && nondet_bool()) /* the clock failed already */
                any_broke(&b, any_errno());
        was = b;
        ready = barrier_sleep(&b, &p);
        CHECK(sleep_holds(&b, &was, &p, ready));
        REACHED_IF(!ready && k.turns == 3);
        REACHED_IF(ready && !b.they_aborted && p.hung_up);
}

bool any_sleep(Barrier *b, struct barrier_progress *p) {
        Barrier was = *b;
        bool ready = nondet_bool();

        CHECK(b == k.b && wait_goes_on(b, p) && may_sleep(b) && !p->last);
        REACHED_IF(k.turns == 1);
        ASSUME(k.turns++ == 0);
        change(b);
        change_time(p);
        k.read_since = false;
        ASSUME(sleep_holds(b, &was, p, ready));
        return ready;
}

LONG_PROOF(wait, 2, try, sleep, receive) {
        Barrier b = any_barrier();
        enum barrier_verdict verdict;
        bool reached;

        enter(&b);
        wait_for_anything();
        reached = barrier_wait(&b, what);
        if (!b.role) {
                CHECK(!reached && errno == ENOTCONN && same(&b, &k.before));
                return;
        }
        verdict = reached && what               ? BARRIER_REACHED
                  : reached || b.error == errno ? BARRIER_ENDED
                                                : BARRIER_NOT_YET;
        CHECK(verdict_holds(&b, verdict));
        CHECK(verdict != BARRIER_NOT_YET ||
              (errno == ETIMEDOUT && !b.they_aborted && out_of_time(&b)));
        CHECK(verdict != BARRIER_ENDED ||
              (reached ? b.they_aborted && !b.i_aborted : what || b.i_aborted));
        REACHED_IF(verdict == BARRIER_NOT_YET);
        REACHED_IF(verdict == BARRIER_REACHED);
        REACHED_IF(verdict == BARRIER_ENDED && b.they_left && !k.before.they_left);
}

static bool placed;

bool any_place(Barrier *b) {
        CHECK(b == k.b && k.turns == 0);
        return placed = nondet_bool();
}

bool any_wait(Barrier *b, int until) {
        CHECK(b == k.b);
        what = until;
        k.turns++;
        return nondet_bool();
}

/* What each wait waits for. */
PROOF(waits, 200, wait, place) {
        Barrier b = any_barrier();
        int until = ANY(int) & 7;
        bool reached;

        enter(&b);
        reached = until == BARRIER_END                         ? barrier_wait_abortion(&b)
                  : until == BARRIER_NEW                       ? barrier_wait_next(&b)
                  : until == BARRIER_CAUGHT_UP                 ? barrier_sync(&b)
                  : until == (BARRIER_NEW | BARRIER_CAUGHT_UP) ? barrier_sync_next(&b)
                                                               : barrier_place_and_sync(&b);
        if (until <= 3)
                CHECK(k.turns == 1 && what == until);
        else if (placed)
                CHECK(k.turns == 1 && what == BARRIER_CAUGHT_UP);
        else
                CHECK(k.turns == 0 && !reached);
        CHECK(same(&b, &k.before));
        REACHED_IF(placed);
}

#pragma CPROVER check pop

/* ---- queries, event loops -------------------------------------------------------------------- */

PROOF(queries) {
        Barrier b = any_barrier();
        struct pollfd fds[BARRIER_POLLFDS];
        bool i = barrier_i_aborted(&b), they = barrier_they_aborted(&b),
             left = barrier_they_left(&b);
        int error = barrier_error(&b), r;

        CHECK(i == (b.i_aborted == 1) && they == (b.they_aborted == 1) &&
              left == (b.they_left == 1));
        CHECK(error == b.error && error >= 0);
        CHECK(barrier_we_aborted(&b) == (i && they) && barrier_is_aborted(&b) == (i || they));
        CHECK((error != 0) == barrier_is_aborted(&b) && (they || !left));
        CHECK(they || error == (i ? ECANCELED : 0));

        r = barrier_get_pollfds(&b, fds);
        CHECK(fds[0].events == POLLIN && fds[1].events == 0 && fds[2].events == POLLIN);
        CHECK(!fds[0].revents && !fds[1].revents && !fds[2].revents);
        CHECK(fds[0].fd == (b.role ? b.them : -1));
        CHECK(fds[1].fd == (b.role ? pipe_end(&b) : -1));
        CHECK(fds[2].fd == (b.role ? b.watch : -1));
        CHECK(r == (!b.role ? -ENOTCONN : they ? -error : b.watch == -1 ? 2 : 3));
        REACHED_IF(r == 3);
}

PROOF(epoll, 5) {
        Barrier b = any_barrier();
        int r;

        enter(&b);
        r = barrier_epoll(&b);
        CHECK(same(&b, &k.before) && k.open == (held(&b) | bit(r)));
        REACHED_IF(r >= 0);
        REACHED_IF(r < 0 && k.added);
        if (r >= 0) {
                CHECK(r == k.epfd && r > STDERR_FILENO && b.role && !b.they_aborted);
                CHECK(k.added == (b.watch < 0 ? 2 : 3));
        } else
                CHECK(r >= -4095 && (b.role || r == -ENOTCONN) &&
                      (!b.they_aborted || (r == -EPIPE && !k.epfd)));
}

PROOF(watch) {
        Barrier b = any_barrier(), expected = b;
        int fd = ANY(int), msec = ANY(int), r;

        enter(&b);
        r = barrier_watch(&b, fd);
        CHECK(r == 0 || (r == -errno && r < 0 && fd != -1));
        REACHED_IF(r == 0 && fd >= 0);
        if (r == 0)
                expected.watch = fd;
        barrier_set_timeout(&b, msec);
        expected.timeout = msec < 0 ? -1 : msec;
        CHECK(same(&b, &expected) && invariant(&b) && k.open == held(&b));
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
        REACHED_IF(true);
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
        REACHED_IF(ours);
}

/* Of any string it accepts none but what export makes of the state, and reads nothing behind its
 * end, where the array ends. */
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
        return any_result();
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
        if (r >= 0 && pipe_end(&b) < 0) /* it could not even abort: nothing is left of it */
                k.before.me = k.before.them = -1;
        CHECK(same(&b, &k.before) && k.open == held(&b));
        REACHED_IF(r >= 0 && b.me >= 0);
        REACHED_IF(r >= 0 && b.me < 0);
        if (r < 0) {
                CHECK(k.flagged <= 1 && (b.role != 0 || r == -ENOTCONN));
                CHECK(!b.role || size > LETTERS || r == -ENOBUFS);
                return;
        }
        CHECK(r == LETTERS && LETTERS < BARRIER_EXPORT_MAX && size > LETTERS && b.role);
        CHECK(text[LETTERS] == 0 && k.flagged == (pipe_end(&b) >= 0 ? 3 : 0));
        CHECK(barrier_parse(&st, text));
        CHECK(pipe_end(&b) < 0 ||
              (st.id[0] == k.id[0] && st.id[1] == k.id[1] && st.id[2] == k.id[2]));
        b = imported(b);
        st.b = imported(st.b);
        CHECK(same(&b, &st.b));
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

static bool may_be(uint64_t a, uint64_t b) {
        return a == b || !a || !b;
}

PROOF(import, 200, parse, identify) {
        Barrier b = ANY(Barrier), expected;
        bool given = nondet_bool();
        int r;

        k.flags = FD_CLOEXEC;
        r = barrier_import(&b, given ? "" : NULL);
        REACHED_IF(r == 0 && b.me == -1);
        REACHED_IF(r == 0 && b.me != -1);
        CHECK(k.open == 0);
        if (r < 0) {
                CHECK(same(&b, &null) && k.flagged <= 1 && ((given && accepted) || r == -EINVAL));
                return;
        }
        expected = imported(state.b);
        CHECK(r == 0 && given && accepted && same(&b, &expected) && invariant(&b));
        if (b.me == -1)
                CHECK(k.flagged == 0);
        else
                CHECK(k.flagged == 3 && may_be(k.id[0], state.id[0]) &&
                      may_be(k.id[1], state.id[1]) && k.id[2] == state.id[2]);
}

int any_identify_eventfd(int fd, uint64_t *id) {
        CHECK(fd == k.subject.me || fd == k.subject.them);
        *id = ANY(uint64_t);
        return any_result();
}

PROOF(identify, 200, identify_eventfd) {
        Barrier b = any_barrier();
        uint64_t id[3];
        int r;

        ASSUME(b.role && pipe_end(&b) != -1);
        k.subject = b;
        r = barrier_identify(&b, id);
        CHECK(r <= 0 && r >= -4095);
        REACHED_IF(r == 0);
        if (r == 0) {
                CHECK(S_ISFIFO(k.stat.st_mode));
                CHECK((k.mode & O_ACCMODE) == (b.role == BARRIER_PARENT ? O_RDONLY : O_WRONLY));
                CHECK(id[2] == (k.stat.st_ino ^ (uint64_t) k.stat.st_dev << 32));
        }
}

int any_read_number(int fd, uint64_t *id) {
        CHECK(fd == k.proc && fd >= 0);
        *id = ANY(uint64_t);
        return any_result();
}

PROOF(identify_eventfd, 11, read_number) {
        uint64_t id;
        int fd = ANY(int), r;

        ASSUME(fd > STDERR_FILENO);
        k.b = &null;
        r = barrier_identify_eventfd(fd, &id);
        CHECK(r <= 0 && r >= -4095 && k.open == 0);
        REACHED_IF(r == 0);
        if (r == 0) {
                CHECK((k.stat.st_mode & S_IFMT) == 0 && (k.proc >= 0 || id == 0));
                CHECK(id >= BARRIER_FIRST_NUMBER || (k.ready & POLLOUT));
        }
}

enum { KEY = 13 };

/* Anything, or nothing, in a text. */
static char *found, *end;

void *memmem(const void *text, size_t length, const void *key, size_t n) {
        size_t i = ANY(size_t);

        CHECK(__CPROVER_POINTER_OFFSET(text) == 0 && __CPROVER_r_ok(text, length + 1));
        CHECK(n == KEY && ((const char *) key)[0] == '\n' && ((const char *) key)[KEY - 1] == ' ');
        end = (char *) text + length;
        CHECK(*end == 0);
        ASSUME(length < KEY || i <= length - KEY);
        found = length >= KEY && nondet_bool() ? (char *) text + i : NULL;
        return found;
}

uint64_t any_decimal(const char *s) {
        CHECK(s == found + KEY && s <= end);
        return ANY(uint64_t);
}

PROOF(read_number, 4, decimal) {
        uint64_t id;
        int r;

        k.proc = 3;
        r = barrier_read_number(3, &id);
        CHECK(r <= 0 && r >= -4095);
        REACHED_IF(r == 0 && k.turns == 3);
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
        REACHED_IF(n > 0);
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
        REACHED_IF(true);
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
        REACHED_IF(true);
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
        REACHED_IF(true);
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
                REACHED_IF(true);
        } else {
                ASSUME(operation != 2 || reached || !waits_for_it);
                CHECK(both && same(&a, &b));
                REACHED_IF(true);
        }
}
