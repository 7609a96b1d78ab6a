/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * Implementation of barrier.h; read that first, it holds the model and every promise.
 *
 * HOW TO READ THIS FILE
 *
 * Each side has an eventfd that it writes (`me`) and one that it reads (`them`). The eventfd is a
 * counter in the kernel: a write adds to it, a read takes the sum and leaves 0. What the bits mean:
 *
 *      63         aborted
 *      62 to 48   the code of barrier_fail(), 0 for none
 *      47 to 0    barriers placed and not yet read
 *
 * Everything that a wait needs to know is in three numbers of `Barrier` that only grow, `placed`,
 * `received` and `consumed`, and in how it ended. Nobody writes to the pipe: the parent holds its
 * read end, the child its write end, and each is told when the last copy of the other is closed.
 *
 * The rules rest on three functions. barrier_write() is the only writer of an eventfd,
 * barrier_receive() the only reader, and barrier_look() alone decides that the other side left.
 */
#ifndef _GNU_SOURCE
#ifdef _FEATURES_H /* glibc and musl: a header came first, and hid preadv2() */
#error "include barrier.c before any other header, or define _GNU_SOURCE before the first"
#endif
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

#if defined(__GLIBC__) && !defined(__USE_GNU)
#error "_GNU_SOURCE was defined after the first header: define it before"
#endif

/* How often a wait looks again before it sleeps. One look takes a quarter of a microsecond, and
 * going to sleep and being woken about 20: trying for as long as that can at worst double the cost
 * of a wait, and saves nearly all of it if the other side is about to arrive. Define it as 0 to
 * always sleep at once; what a wait returns does not depend on it. */
#ifndef BARRIER_TRIES
#define BARRIER_TRIES 80
#endif
#if BARRIER_TRIES < 0 || BARRIER_TRIES > 1000000
#error "BARRIER_TRIES is how often to look again: 0 to 1000000"
#endif

/* It begins when so many barriers have come from the other side. Before, that one is being born, or
 * this is a handshake, which is soon over, and looking again would but keep a CPU from those who
 * need it: a handshake after a fork gets dearer on a busy machine, and no cheaper on an idle one.
 * The proofs, which count less far, define it as less. */
#ifndef BARRIER_TRIES_FROM
#define BARRIER_TRIES_FROM 16
#endif

/* After trying in vain, at most this many sleeps go by without it. */
#define BARRIER_PAUSE_MAX 1024

/* A wait that is not going to try has two system calls to make, poll() and a read, and one if the
 * barrier is there and it reads first; so it reads first with every 64th sleep, to find out. */
#define BARRIER_READ_FIRST 64

#define BARRIER_ABORTED    (UINT64_C(1) << 63)
#define BARRIER_CODE_SHIFT 48
#define BARRIER_CODE_MAX   0x7fff
#define BARRIER_PLACED_MAX ((UINT64_C(1) << BARRIER_CODE_SHIFT) - 1)

typedef char barrier_fits_64_bytes[sizeof(Barrier) <= 64 ? 1 : -1];

#if defined(__GNUC__)
/* A private copy (BARRIER_API static) need not call every function. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif

/* ---- life cycle ------------------------------------------------------------------------------ */

/* No descriptor of a barrier is a standard stream, so a zeroed struct closes nothing. */
static void barrier_close(int *fd) {
        if (*fd > STDERR_FILENO)
                (void) close(*fd);
        *fd = -1;
}

static void barrier_reset(Barrier *b) {
        memset(b, 0, sizeof *b);
        b->me = b->them = b->pipe[0] = b->pipe[1] = b->watch = b->timeout = -1;
}

/* In a daemon without standard streams a new descriptor may be 0, 1 or 2, where another thread
 * prints or puts a file of its own. Such a number is kept while another one is tried, and closed in
 * the end; what it stood for is of no use, for something may have been printed into it. Returns
 * whether it is kept. */
static bool barrier_keep(int fd, unsigned *kept) {
        if (fd < 0 || fd > STDERR_FILENO)
                return false;
        *kept |= 1u << fd;
        return true;
}

/* From above: the writing end of a pipe is above the other, unless another thread closed a stream
 * within pipe2(), and must not raise SIGPIPE. */
static void barrier_throw_away(unsigned kept) {
        int fd;

        for (fd = STDERR_FILENO; fd >= 0; fd--)
                if (kept & 1u << fd)
                        (void) close(fd);
}

/* Both return what eventfd() and pipe2() return. */
static int barrier_eventfd(unsigned *kept) {
        int fd;

        do
                fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        while (barrier_keep(fd, kept));
        return fd;
}

static int barrier_pipe(int fds[2], unsigned *kept) {
        bool low[2];

        for (;;) {
                if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                        return -1;
                low[0] = barrier_keep(fds[0], kept);
                low[1] = barrier_keep(fds[1], kept);
                if (!low[0] && !low[1])
                        return 0;
                barrier_close(&fds[0]); /* unless it is kept */
                barrier_close(&fds[1]);
        }
}

BARRIER_API int barrier_init(Barrier *b) {
        unsigned kept = 0;
        int r = 0;

        barrier_reset(b);
        b->me = barrier_eventfd(&kept);
        if (b->me >= 0)
                b->them = barrier_eventfd(&kept);
        if (b->them < 0 || barrier_pipe(b->pipe, &kept) < 0)
                r = -errno;
        barrier_throw_away(kept);
        if (r < 0)
                barrier_destroy(b);
        return r;
}

/* The first ending that comes from the other side stays, and so does whatever broke; ECANCELED
 * gives way to it. */
static void barrier_note_end(Barrier *b, int error, bool left) {
        if (b->they_aborted)
                return;
        b->they_aborted = true;
        b->they_left = left;
        b->error = error;
}

BARRIER_API int barrier_set_role(Barrier *b, unsigned role) {
        int fd;

        if (role != BARRIER_PARENT && role != BARRIER_CHILD)
                return -EINVAL;
        if (b->role) {
                /* Before fork(), mostly, which closed what this side needs. */
                if (b->role != role) {
                        barrier_note_end(b, EALREADY, false);
                        b->i_aborted = true; /* and nothing is to be said by it any more */
                }
                return -EALREADY;
        }
        if (b->me <= STDERR_FILENO || b->them <= STDERR_FILENO ||
            b->pipe[role == BARRIER_CHILD] <= STDERR_FILENO)
                return -EBADF;

        barrier_close(&b->pipe[role == BARRIER_PARENT]);
        if (role == BARRIER_CHILD) {
                fd = b->me;
                b->me = b->them;
                b->them = fd;
        }
        b->role = (uint8_t) role;
        return 0;
}

BARRIER_API int barrier_move(Barrier *b, int lowest) {
        int *const fds[] = { &b->me, &b->them, &b->pipe[0], &b->pipe[1] };
        int copies[4], i, r, flags;

        if (!b->role)
                return -ENOTCONN;
        for (i = 0; i < 4; i++) { /* all are above 2, however low `lowest` is */
                copies[i] = *fds[i];
                if (*fds[i] < 0 || *fds[i] >= lowest)
                        continue;
                flags = fcntl(*fds[i], F_GETFD);
                if (flags >= 0)
                        copies[i] = fcntl(*fds[i], (flags & FD_CLOEXEC) ? F_DUPFD_CLOEXEC : F_DUPFD,
                                          lowest);
                if (flags >= 0 && copies[i] >= 0)
                        continue;
                r = -errno;
                while (--i >= 0)
                        if (copies[i] != *fds[i])
                                (void) close(copies[i]);
                return r;
        }
        for (i = 0; i < 4; i++)
                if (copies[i] != *fds[i]) {
                        (void) close(*fds[i]);
                        *fds[i] = copies[i];
                }
        return 0;
}

BARRIER_API void barrier_destroy(Barrier *b) {
        int saved = errno;

        if (!b)
                return;
        barrier_close(&b->me);
        barrier_close(&b->them);
        barrier_close(&b->pipe[0]);
        barrier_close(&b->pipe[1]);
        barrier_reset(b);
        errno = saved;
}

/* ---- signalling, and how it ends ------------------------------------------------------------- */

static bool barrier_false(int error) {
        errno = error;
        return false;
}

static int barrier_pipe_end(const Barrier *b) {
        return b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];
}

/* Returns 0 or an errno value. */
static int barrier_write(const Barrier *b, uint64_t value) {
        ssize_t n;

        for (;;) {
                n = write(b->me, &value, sizeof value);
                if (n >= 0 || errno != EINTR)
                        break;
                /* Only a write that sleeps can be interrupted, and it sleeps only if the other side
                 * made the eventfd blocking, and filled it. */
                (void) fcntl(b->me, F_SETFL, O_RDWR | O_NONBLOCK);
        }
        if (n == (ssize_t) sizeof value)
                return 0;
        if (n >= 0)
                return EIO;
        return errno == EAGAIN ? EPROTO : errno; /* full, which no honest peer brings about */
}

/* Sends this side's abortion, once. Returns 0 or an errno value. */
static int barrier_send_abortion(Barrier *b, unsigned code) {
        int error;

        if (b->i_aborted)
                return 0;
        b->i_aborted = true;
        /* The other side may have made it blocking, and filled it. */
        (void) fcntl(b->me, F_SETFL, O_RDWR | O_NONBLOCK);
        error = barrier_write(b, BARRIER_ABORTED | (uint64_t) code << BARRIER_CODE_SHIFT);
        /* An eventfd that is full wakes the other side as well as any word; else the pipe has to.
         * Otherwise the pipe end stays open: it may be in an epoll of the caller. */
        if (error && error != EPROTO) {
                barrier_close(&b->pipe[0]);
                barrier_close(&b->pipe[1]);
        }
        return error;
}

/* A system call failed, or the other side broke the protocol: this barrier is of no more use. Who
 * broke the protocol is not told: it may have made the eventfd blocking, and full, and no write to
 * that is sure to come back. */
static void barrier_broke(Barrier *b, int error) {
        barrier_note_end(b, error, false);
        if (error == EPROTO)
                b->i_aborted = true;
        else
                (void) barrier_send_abortion(b, (unsigned) error);
}

BARRIER_API bool barrier_place(Barrier *b) {
        int error;

        if (!b->role)
                return barrier_false(ENOTCONN);
        if (b->error)
                return barrier_false(b->error);
        error = barrier_write(b, 1);
        if (error) {
                barrier_broke(b, error);
                return barrier_false(error);
        }
        b->placed++;
        return true;
}

BARRIER_API bool barrier_abort(Barrier *b) {
        return barrier_fail(b, 0);
}

BARRIER_API bool barrier_fail(Barrier *b, int code) {
        unsigned word = code < 0 ? 0u - (unsigned) code : (unsigned) code;
        int error, saved = errno;

        if (!b->role)
                return barrier_false(ENOTCONN);
        if (!b->error)
                b->error = ECANCELED;
        error = barrier_send_abortion(b, word > BARRIER_CODE_MAX ? 0 : word);
        if (error)
                barrier_note_end(b, error, false);
        errno = saved;
        return !b->they_aborted;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* O_NONBLOCK belongs to the open file, which the other side shares and may change; RWF_NOWAIT
 * belongs to the call. Not every kernel, emulator or seccomp filter has it for an eventfd. */
static ssize_t barrier_read(int fd, uint64_t *value) {
#ifdef RWF_NOWAIT
        struct iovec iov;
        ssize_t n;

        iov.iov_base = value;
        iov.iov_len = sizeof *value;
        n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
        if (n >= 0 || errno == EAGAIN || errno == EINTR)
                return n;
#endif
        return read(fd, value, sizeof *value);
}

/* Takes what the other side has written since the last look, if anything. */
static void barrier_receive(Barrier *b) {
        uint64_t value = 0;
        ssize_t n;

        do
                n = barrier_read(b->them, &value);
        while (n < 0 && errno == EINTR);

        if (n < 0 && errno == EAGAIN)
                return;
        if (n != (ssize_t) sizeof value)
                barrier_broke(b, n < 0 ? errno : EIO);
        else if (value & BARRIER_ABORTED) {
                int code = (int) (value >> BARRIER_CODE_SHIFT) & BARRIER_CODE_MAX;

                barrier_note_end(b, code ? code : ECONNABORTED, false);
        } else if (value > BARRIER_PLACED_MAX || value > UINT64_MAX - b->received)
                barrier_broke(b, EPROTO);
        else
                b->received += value;
}

/* Until when a wait waits, if the barrier does not end before. */
enum {
        BARRIER_END = 0,       /* until then */
        BARRIER_NEW = 1,       /* there is a barrier that this side has not consumed */
        BARRIER_CAUGHT_UP = 2, /* there are as many barriers of theirs as of ours */
};

static bool barrier_reached(const Barrier *b, int until) {
        return ((until & BARRIER_NEW) && b->received > b->consumed) ||
               ((until & BARRIER_CAUGHT_UP) && b->received >= b->placed);
}

/* A wait for linked barriers leaves those that came early to a later wait_next. */
static void barrier_consume(Barrier *b, int until) {
        uint64_t n = b->received;

        if ((until & BARRIER_CAUGHT_UP) && n > b->placed)
                n = b->placed;
        if (n > b->consumed)
                b->consumed = n;
}

enum barrier_verdict { BARRIER_NOT_YET, BARRIER_REACHED, BARRIER_ENDED };

/* Looks what the other side has written, and says what all that is known now means for the wait.
 * `hung_up`: a hang-up was seen since the last look. Leaving queues behind what was placed, and
 * poll() looks at one descriptor after the other. So a hang-up is believed only here, where the
 * eventfd was read again after it was seen, and did not have enough. */
static enum barrier_verdict barrier_look(Barrier *b, int until, bool hung_up) {
        if (!b->they_aborted)
                barrier_receive(b);

        /* An abortion supersedes what was placed; leaving does not. */
        if ((b->they_aborted && !b->they_left) || (b->i_aborted && until != BARRIER_END))
                return BARRIER_ENDED;
        if (barrier_reached(b, until)) {
                barrier_consume(b, until);
                return BARRIER_REACHED;
        }
        if (!hung_up)
                return BARRIER_NOT_YET;
        barrier_note_end(b, ECONNRESET, true);
        return BARRIER_ENDED;
}

/* What one wait knows, besides the struct. */
struct barrier_progress {
        int64_t now, deadline; /* of CLOCK_MONOTONIC in nanoseconds; 0: not asked yet */
        bool hung_up;          /* a hang-up was seen since the last look */
        bool last;             /* the time was up before what is ready now was asked for */
};

/* The time that is left, as poll() takes it: in milliseconds, rounded up, so that no wait ends
 * early. The first call sets the deadline. A clock that cannot be read ends the barrier. */
static int barrier_time_left(Barrier *b, struct barrier_progress *p) {
        struct timespec ts;

        if (b->timeout <= 0)
                return b->timeout;
        if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0) {
                barrier_broke(b, errno);
                return 0;
        }
        p->now = (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
        if (p->deadline == 0)
                p->deadline = p->now + (int64_t) b->timeout * 1000000;
        return p->now < p->deadline ? (int) ((p->deadline - p->now + 999999) / 1000000) : 0;
}

/* Looks without sleeping: for a moment, once, or, to save a call where the wait is going to sleep
 * anyway, not at all. An abortion is hardly ever about to come. At first, what the parent waits for
 * is hardly ever there, and what the child waits for is. Where what is known already decides, there
 * may be nothing to be woken by. */
static enum barrier_verdict barrier_try(Barrier *b, int until, struct barrier_progress *p) {
        enum barrier_verdict verdict = BARRIER_NOT_YET;
        bool undecided = !b->error && !barrier_reached(b, until);
        bool may_try = undecided && until != BARRIER_END && b->timeout != 0 &&
                       b->received >= BARRIER_TRIES_FROM;
        unsigned done, looks = !undecided || b->role == BARRIER_CHILD;

        if (may_try)
                looks = b->pause == 0 ? 1 + BARRIER_TRIES : b->pause % BARRIER_READ_FIRST == 0;
        for (done = 0; done < looks && verdict == BARRIER_NOT_YET; done++) {
                if (done > 0 && barrier_time_left(b, p) == 0)
                        break;
                verdict = barrier_look(b, until, b->they_left);
        }

        if (verdict != BARRIER_NOT_YET) {
                if (done > 1) /* it paid */
                        b->next_pause = 0;
        } else if (may_try && b->pause > 0)
                b->pause--;
        else if (may_try) {
                /* It was in vain. Once may be chance: the first time, there is no pause. */
                b->pause = b->next_pause;
                if (b->next_pause < BARRIER_PAUSE_MAX)
                        b->next_pause = b->next_pause > 0 ? 2 * b->next_pause : 1;
        }
        return verdict;
}

/* Sleeps until something may have happened. Returns false if the time is up and nothing has. */
static bool barrier_sleep(Barrier *b, struct barrier_progress *p) {
        struct pollfd fds[BARRIER_POLLFDS];
        int n, msec, in_vain = 0;
        int64_t before;
        bool nothing;

        (void) barrier_get_pollfds(b, fds);
        do {
                before = p->now;
                msec = barrier_time_left(b, p);
                if (b->they_aborted) /* there is no clock */
                        return true;
                /* poll() may end early, so the clock decides; unless it stands still. */
                if (p->now != before)
                        in_vain = 0;
                if (in_vain == 2)
                        return false;
                n = poll(fds, b->watch < 0 ? 2 : 3, msec);
                in_vain = n == 0 && msec > 0 ? in_vain + 1 : 0;
                nothing = n == 0 || (n < 0 && errno == EINTR);
        } while (nothing && msec != 0);

        p->last = msec == 0;
        if (nothing)
                return false;
        /* A death is for good. But the pidfd of a living process is ready for an instant while one
         * of its other threads executes a new program (seen from Linux 6.12 on), so it is asked
         * again. */
        if (n > 0 && fds[2].revents)
                do
                        n = poll(&fds[2], 1, 0);
                while (n < 0 && errno == EINTR);
        if (n < 0)
                barrier_broke(b, errno);
        else if ((fds[0].revents | fds[1].revents | fds[2].revents) & POLLNVAL)
                barrier_broke(b, EBADF);
        p->hung_up = (fds[1].revents | fds[2].revents) != 0;
        return true;
}

static bool barrier_wait(Barrier *b, int until) {
        struct barrier_progress p = { 0, 0, false, false };
        enum barrier_verdict verdict;

        if (!b->role)
                return barrier_false(ENOTCONN);

        verdict = barrier_try(b, until, &p);
        while (verdict == BARRIER_NOT_YET) {
                /* After the last look it is over, however fast they place. */
                if (p.last || !barrier_sleep(b, &p))
                        return barrier_false(ETIMEDOUT);
                verdict = barrier_look(b, until, p.hung_up);
        }
        if (verdict == BARRIER_REACHED || (until == BARRIER_END && !b->i_aborted))
                return true;
        return barrier_false(b->error);
}

BARRIER_API bool barrier_wait_next(Barrier *b) {
        return barrier_wait(b, BARRIER_NEW);
}

BARRIER_API bool barrier_sync_next(Barrier *b) {
        return barrier_wait(b, BARRIER_NEW | BARRIER_CAUGHT_UP);
}

BARRIER_API bool barrier_sync(Barrier *b) {
        return barrier_wait(b, BARRIER_CAUGHT_UP);
}

BARRIER_API bool barrier_place_and_sync(Barrier *b) {
        return barrier_place(b) && barrier_sync(b);
}

BARRIER_API bool barrier_wait_abortion(Barrier *b) {
        return barrier_wait(b, BARRIER_END);
}

BARRIER_API void barrier_set_timeout(Barrier *b, int msec) {
        b->timeout = msec < 0 ? -1 : msec;
}

/* ---- queries --------------------------------------------------------------------------------- */

BARRIER_API bool barrier_i_aborted(const Barrier *b) {
        return b->i_aborted;
}

BARRIER_API bool barrier_they_aborted(const Barrier *b) {
        return b->they_aborted;
}

BARRIER_API bool barrier_we_aborted(const Barrier *b) {
        return b->i_aborted && b->they_aborted;
}

BARRIER_API bool barrier_is_aborted(const Barrier *b) {
        return b->i_aborted || b->they_aborted;
}

BARRIER_API bool barrier_they_left(const Barrier *b) {
        return b->they_left;
}

BARRIER_API int barrier_error(const Barrier *b) {
        return b->error;
}

/* ---- event loops ----------------------------------------------------------------------------- */

static void barrier_pollfd(struct pollfd *p, int fd, short events) {
        p->fd = fd;
        p->events = events;
        p->revents = 0;
}

BARRIER_API int barrier_get_pollfds(const Barrier *b, struct pollfd fds[BARRIER_POLLFDS]) {
        barrier_pollfd(&fds[0], b->them, POLLIN);
        barrier_pollfd(&fds[1], barrier_pipe_end(b), 0); /* hang-up needs no asking */
        barrier_pollfd(&fds[2], b->watch, POLLIN);       /* poll() passes over -1 */
        if (!b->role) {
                fds[0].fd = fds[1].fd = fds[2].fd = -1;
                return -ENOTCONN;
        }
        if (b->they_aborted)
                return -b->error;
        return b->watch < 0 ? 2 : 3;
}

BARRIER_API int barrier_epoll(const Barrier *b) {
        struct pollfd fds[BARRIER_POLLFDS];
        struct epoll_event event;
        unsigned kept = 0;
        int i, n, epfd, r = 0;

        if (b->they_aborted)
                return -EPIPE;
        n = barrier_get_pollfds(b, fds);
        if (n < 0)
                return n;

        do
                epfd = epoll_create1(EPOLL_CLOEXEC);
        while (barrier_keep(epfd, &kept));
        if (epfd < 0)
                r = -errno;
        memset(&event, 0, sizeof event);
        for (i = 0; i < n && r == 0; i++) {
                event.events = (uint32_t) fds[i].events;
                if (epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i].fd, &event) < 0)
                        r = -errno;
        }
        barrier_throw_away(kept);
        if (r == 0)
                return epfd;
        barrier_close(&epfd);
        return r;
}

BARRIER_API int barrier_watch(Barrier *b, int pidfd) {
        if (pidfd != -1 && fcntl(pidfd, F_GETFD) < 0)
                return -errno;
        b->watch = pidfd;
        return 0;
}

/* ---- across execve() ------------------------------------------------------------------------- */

/* What an exported string holds, each byte as two letters from a to p: the struct, which objects
 * its descriptors are, and a check sum. A pipe is known by its device and inode, an eventfd, which
 * shares its inode with all others, by its number in /proc. */
enum { BARRIER_FORMAT = 1 };

struct barrier_state {
        Barrier b;
        uint64_t id[3]; /* of me, them and the pipe end */
        uint64_t sum;
};

typedef char barrier_state_has_no_padding[sizeof(struct barrier_state) == 64 + 32 ? 1 : -1];
typedef char
        barrier_export_max_suffices[2 * sizeof(struct barrier_state) < BARRIER_EXPORT_MAX ? 1 : -1];

/* FNV-1a over all that precedes the sum, begun with the number of the format; any one damaged byte
 * changes it. */
static uint32_t barrier_sum(const struct barrier_state *st) {
        const unsigned char *p = (const unsigned char *) st;
        uint32_t sum = 2166136261u + BARRIER_FORMAT;
        size_t i;

        for (i = 0; i < offsetof(struct barrier_state, sum); i++)
                sum = (sum ^ p[i]) * 16777619u;
        return sum;
}

/* Which eventfd a descriptor is: 0 if there is no /proc that tells, or one of these. */
enum {
        BARRIER_NO_NUMBER = 1,    /* /proc tells no number: an old kernel, or no eventfd */
        BARRIER_FIRST_NUMBER = 2, /* the kernel's number 0, and so on */
};

static uint64_t barrier_decimal(const char *s) {
        uint64_t n = 0;

        for (; (unsigned) *s - '0' <= 9; s++)
                n = n * 10 + ((unsigned) *s - '0');
        return n;
}

/* Reads what /proc says of an eventfd, and sets *id. The other side can hold locks on the eventfd,
 * each of which adds a line; the number comes after them, in the last lines. What takes more than a
 * thousand reads, which is thousands of locks, is refused. Returns 0 or a negative errno. */
static int barrier_read_number(int fdinfo, uint64_t *id) {
        static const char key[] = "\neventfd-id: ";
        enum { LAST = 256 };
        char text[4 * LAST], *p;
        size_t length = 0;
        int reads;
        ssize_t n;

        for (reads = 0; reads < 1000; reads++) {
                if (length > LAST) {
                        memmove(text, text + length - LAST, LAST);
                        length = LAST;
                }
                n = read(fdinfo, text + length, sizeof text - 1 - length);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        length += (size_t) n;
                if (n != 0)
                        continue;

                text[length] = 0;
                p = (char *) memmem(text, length, key, sizeof key - 1);
                *id = p ? BARRIER_FIRST_NUMBER : BARRIER_NO_NUMBER;
                if (p)
                        *id += barrier_decimal(p + sizeof key - 1);
                return 0;
        }
        return -EFBIG;
}

/* Finds out which eventfd `fd` is. Its inode has no type, like that of inotify, signalfd, timerfd
 * and the like, but only an eventfd has a number. Where /proc tells none, it has to poll as ready
 * for writing, as an eventfd does unless it is full, and none of the named ones does.
 * Returns 0 or a negative errno; -EBADF: it is no eventfd. */
static int barrier_identify_eventfd(int fd, uint64_t *id) {
        static const char dir[] = "/proc/thread-self/fdinfo/";
        char path[sizeof dir + 10], *p = path + sizeof path - 1;
        struct pollfd ready;
        unsigned kept = 0;
        struct stat sb;
        int r = 0;

        if (fstat(fd, &sb) < 0)
                return -errno;
        if (sb.st_mode & S_IFMT)
                return -EBADF;
        barrier_pollfd(&ready, fd, POLLOUT);
        while (poll(&ready, 1, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        for (*p = 0; fd > 0; fd /= 10)
                *--p = (char) ('0' + fd % 10);
        p -= sizeof dir - 1;
        memcpy(p, dir, sizeof dir - 1);

        /* Whatever is mounted in the place of /proc must not block or become a terminal. */
        do
                fd = open(p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        while (barrier_keep(fd, &kept));
        barrier_throw_away(kept);
        *id = 0;
        if (fd >= 0) {
                r = barrier_read_number(fd, id);
                (void) close(fd);
        }
        if (*id < BARRIER_FIRST_NUMBER && !(ready.revents & POLLOUT))
                return -EBADF;
        return r;
}

/* Finds out which objects the descriptors are, and changes nothing. Returns 0 or a negative errno;
 * -EBADF: one is not what a barrier has. */
static int barrier_identify(const Barrier *b, uint64_t id[3]) {
        int r, fd = barrier_pipe_end(b), flags = fcntl(fd, F_GETFL);
        struct stat sb;

        if (flags < 0 || fstat(fd, &sb) < 0)
                return -errno;
        if (!S_ISFIFO(sb.st_mode) ||
            (flags & O_ACCMODE) != (b->role == BARRIER_PARENT ? O_RDONLY : O_WRONLY))
                return -EBADF;
        id[2] = sb.st_ino ^ (uint64_t) sb.st_dev << 32;
        r = barrier_identify_eventfd(b->me, &id[0]);
        return r < 0 ? r : barrier_identify_eventfd(b->them, &id[1]);
}

/* All three are known to be open, so this is refused for the first of them or for none, and there
 * is nothing to undo. Returns 0 or a negative errno. */
static int barrier_set_descriptor_flags(const Barrier *b, int flags) {
        const int fds[] = { b->me, b->them, barrier_pipe_end(b) };
        int i;

        for (i = 0; i < 3; i++)
                if (fcntl(fds[i], F_SETFD, flags) < 0)
                        return -errno;
        return 0;
}

BARRIER_API int barrier_export(Barrier *b, char *buf, size_t size) {
        struct barrier_state st;
        const unsigned char *p = (const unsigned char *) &st;
        size_t i;
        int r;

        if (!b->role)
                return -ENOTCONN;
        if (size <= 2 * sizeof st)
                return -ENOBUFS;
        memset(&st, 0, sizeof st);
        memcpy(&st.b, b, offsetof(Barrier, watch));
        /* Where not even an abortion could be written there is nothing to go on with. */
        if (barrier_pipe_end(b) < 0) {
                barrier_close(&b->me);
                barrier_close(&b->them);
                st.b.me = st.b.them = -1;
        } else {
                r = barrier_identify(b, st.id);
                if (r >= 0)
                        r = barrier_set_descriptor_flags(b, 0);
                if (r < 0)
                        return r;
        }
        st.sum = barrier_sum(&st);
        for (i = 0; i < sizeof st; i++) {
                *buf++ = (char) ('a' + (p[i] >> 4));
                *buf++ = (char) ('a' + (p[i] & 15));
        }
        *buf = 0;
        return 2 * (int) sizeof st;
}

/* Could barrier_export() have written this state? */
static bool barrier_plausible(const Barrier *b) {
        int end = barrier_pipe_end(b), other = b->pipe[b->role == BARRIER_PARENT];

        if ((b->role != BARRIER_PARENT && b->role != BARRIER_CHILD) || other != -1)
                return false;
        if (b->consumed > b->received || b->placed > UINT64_MAX / 2)
                return false;
        if (b->i_aborted > 1 || b->they_aborted > 1 || b->they_left > b->they_aborted)
                return false;
        if (b->they_aborted ? b->error <= 0 || b->error > BARRIER_CODE_MAX
                            : b->error != (b->i_aborted ? ECANCELED : 0))
                return false;
        if (end == -1)
                return b->me == -1 && b->them == -1 && barrier_we_aborted(b);
        return b->me > STDERR_FILENO && b->them > STDERR_FILENO && end > STDERR_FILENO &&
               b->me != b->them && b->me != end && b->them != end;
}

/* Accepts only what barrier_export() writes. */
static bool barrier_parse(struct barrier_state *st, const char *s) {
        unsigned char *p = (unsigned char *) st;
        unsigned high, low;
        size_t i;

        for (i = 0; i < sizeof *st; i++) {
                high = (unsigned) *s++ - 'a';
                if (high > 15)
                        return false;
                low = (unsigned) *s++ - 'a';
                if (low > 15)
                        return false;
                p[i] = (unsigned char) (high << 4 | low);
        }
        return *s == 0 && st->sum == barrier_sum(st) && barrier_plausible(&st->b);
}

BARRIER_API int barrier_import(Barrier *b, const char *s) {
        struct barrier_state st;
        uint64_t id[3] = { 0, 0, 0 };
        int i, r;

        barrier_reset(b);
        if (!s || !barrier_parse(&st, s))
                return -EINVAL;
        if (st.b.me >= 0) {
                r = barrier_identify(&st.b, id);
                if (r < 0)
                        return r;
                for (i = 0; i < 3; i++) /* an eventfd's may be missing */
                        if (id[i] != st.id[i] && (i == 2 || (id[i] && st.id[i])))
                                return -EBADF;
                r = barrier_set_descriptor_flags(&st.b, FD_CLOEXEC);
                if (r < 0)
                        return r;
        }
        memcpy(b, &st.b, offsetof(Barrier, watch));
        return 0;
}

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
