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
 * `received` and `noticed`, and in how it ended. Nobody writes to the pipe: the parent holds its
 * read end, the child its write end, and each is told when the last copy of the other is closed.
 *
 * The rules rest on three functions. barrier_send() is the only writer of an eventfd,
 * barrier_receive() the only reader, and barrier_wait() alone decides that the other side left.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

/* How often a wait looks again before it sleeps. One look takes a third of a microsecond, and going
 * to sleep and being woken about 20: trying for as long as that can at worst double the cost of a
 * wait, and saves nearly all of it if the other side is about to arrive. Define it as 0 to always
 * sleep at once; what a wait returns does not depend on it. */
#ifndef BARRIER_TRIES
#define BARRIER_TRIES 64
#endif

/* If it had to sleep all the same this many times in a row, it tries in every 64th wait only. */
#define BARRIER_MISSES_MAX 4
#define BARRIER_TRY_EVERY  64
#define BARRIER_TRY_LATER  960 /* and, on a single CPU, in every 1024th */

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

/* Passes on a descriptor, or a negative errno for the failed call that should have made one. In a
 * daemon without standard streams it may be 0, 1 or 2, and whatever prints would write to it. */
static int barrier_above_stdio(int fd) {
        int r;

        if (fd < 0)
                return -errno;
        if (fd > STDERR_FILENO)
                return fd;
        r = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (r < 0) /* EINVAL: RLIMIT_NOFILE allows none above */
                r = errno == EINVAL ? -EMFILE : -errno;
        (void) close(fd);
        return r;
}

/* The same as BARRIER_NULL; half the code of copying it three times. */
static void barrier_reset(Barrier *b) {
        memset(b, 0, sizeof *b);
        b->me = b->them = b->pipe[0] = b->pipe[1] = b->watch = b->timeout = -1;
}

BARRIER_API int barrier_init(Barrier *b) {
        int r, second;

        barrier_reset(b);
        r = b->me = barrier_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (r >= 0)
                r = b->them = barrier_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (r >= 0)
                r = pipe2(b->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
        if (r >= 0) {
                r = b->pipe[0] = barrier_above_stdio(b->pipe[0]);
                second = b->pipe[1] = barrier_above_stdio(b->pipe[1]);
                if (r >= 0)
                        r = second;
        }
        if (r >= 0)
                return 0;
        barrier_destroy(b);
        return r;
}

BARRIER_API int barrier_set_role(Barrier *b, unsigned role) {
        uint64_t cpus; /* a kernel for more than 64 refuses so short a mask */
        int fd;

        if (role != BARRIER_PARENT && role != BARRIER_CHILD)
                return -EINVAL;
        if (b->role)
                return -EALREADY;
        if (b->me <= STDERR_FILENO)
                return -EBADF;

        barrier_close(&b->pipe[role == BARRIER_PARENT]);
        if (role == BARRIER_CHILD) {
                fd = b->me;
                b->me = b->them;
                b->them = fd;
        } else if (sched_getaffinity(0, sizeof cpus, (cpu_set_t *) (void *) &cpus) == 0 &&
                   !(cpus & (cpus - 1))) {
                /* On a single CPU the child can not arrive while the parent looks. But two sides
                 * that are each bound to a CPU look the same from here, so it is worth a try now
                 * and then. The child does not ask: fresh from the fork, the call would cost it
                 * some page faults, and the parent's first barrier is mostly there. */
                b->misses = BARRIER_MISSES_MAX;
                b->try_later = BARRIER_TRY_LATER;
        }
        b->role = (uint8_t) role;
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

/* ---- how it ends ----------------------------------------------------------------------------- */

static bool barrier_false(int error) {
        errno = error;
        return false;
}

/* The first ending learnt from the other side stays; ECANCELED gives way to it. */
static void barrier_they_ended(Barrier *b, int error, bool exited) {
        if (b->they_aborted)
                return;
        b->they_aborted = true;
        b->they_exited = exited;
        b->error = error;
}

/* This side can no longer talk, so it leaves: the closed pipe end wakes the other side. */
static void barrier_broke(Barrier *b, int error) {
        barrier_they_ended(b, error, false);
        b->i_aborted = true;
        barrier_close(&b->pipe[0]);
        barrier_close(&b->pipe[1]);
}

/* ---- signalling ------------------------------------------------------------------------------ */

static bool barrier_send(Barrier *b, uint64_t value) {
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
                return true;
        if (n >= 0)
                barrier_broke(b, EIO);
        else /* EAGAIN: full, which no honest peer brings about */
                barrier_broke(b, errno == EAGAIN ? EPROTO : errno);
        return false;
}

BARRIER_API bool barrier_place(Barrier *b) {
        if (!b->role)
                return barrier_false(ENOTCONN);
        if (b->error || !barrier_send(b, 1))
                return barrier_false(b->error);
        b->placed++;
        return true;
}

BARRIER_API bool barrier_abort(Barrier *b) {
        return barrier_fail(b, 0);
}

BARRIER_API bool barrier_fail(Barrier *b, int code) {
        uint64_t value = BARRIER_ABORTED;

        if (!b->role)
                return barrier_false(ENOTCONN);
        if (!b->i_aborted) {
                if (code >= 0 && code <= BARRIER_CODE_MAX)
                        value |= (uint64_t) code << BARRIER_CODE_SHIFT;
                b->i_aborted = true;
                if (!b->error)
                        b->error = ECANCELED;
                /* The other side may have made it blocking, and filled it. */
                (void) fcntl(b->me, F_SETFL, O_RDWR | O_NONBLOCK);
                (void) barrier_send(b, value); /* on failure they count as aborted */
        }
        return b->they_aborted ? barrier_false(b->error) : true;
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

                barrier_they_ended(b, code ? code : ECONNABORTED, false);
        } else if (value > BARRIER_PLACED_MAX || value > UINT64_MAX - b->received)
                barrier_broke(b, EPROTO);
        else
                b->received += value;
}

/* What ends a wait, besides the end of the barrier. */
enum {
        BARRIER_NEW = 1,       /* a barrier that this side has not taken notice of */
        BARRIER_CAUGHT_UP = 2, /* as many barriers of theirs as of ours */
};

/* If the barriers received are enough, takes notice of them. Of a wait for linked barriers those
 * that came early are none of the business: they are still new to a later wait_next. */
static bool barrier_reached(Barrier *b, int what) {
        uint64_t n = b->received;
        bool reached = (what & BARRIER_NEW) && n > b->noticed;

        if ((what & BARRIER_CAUGHT_UP) && n >= b->placed) {
                reached = true;
                n = b->placed;
        }
        if (reached && n > b->noticed)
                b->noticed = n;
        return reached;
}

/* Milliseconds, rounded down, on a clock that nobody sets. */
static int64_t barrier_now(void) {
        struct timespec ts = { 0, 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool barrier_wait(Barrier *b, int what) {
        struct pollfd fds[BARRIER_POLLFDS];
        int64_t now, deadline = 0;
        unsigned tries = 0, look = 0;
        bool gone = b->they_exited, polled = false;
        int n, msec = b->timeout;

        if (!b->role)
                return barrier_false(ENOTCONN);
        if (msec &&
            (b->misses < BARRIER_MISSES_MAX || b->misses % (BARRIER_TRY_EVERY + b->try_later) == 0))
                tries = BARRIER_TRIES;

        for (;; look++) {
                if (!b->they_aborted)
                        barrier_receive(b);

                /* An abortion supersedes what was placed; only they who left did not abort. */
                if ((b->they_aborted && !b->they_exited) || (b->i_aborted && what))
                        break;
                if (barrier_reached(b, what)) {
                        if (look > 0 && look <= tries)
                                b->misses = 0;
                        return true;
                }

                /* Leaving queues behind what was placed. The kernel looks at one descriptor after
                 * the other, so a hang-up is believed only here, where the eventfd was read again
                 * after it was seen and did not have enough. */
                if (gone) {
                        barrier_they_ended(b, ECONNRESET, true);
                        break;
                }

                if (msec > 0) {
                        now = barrier_now();
                        if (!deadline)
                                deadline = now + b->timeout + 1;
                        msec = now < deadline ? (int) (deadline - now) : 0;
                }
                if (polled && msec == 0)
                        return barrier_false(ETIMEDOUT);
                if (look < tries)
                        continue;
                b->misses++;
                (void) barrier_get_pollfds(b, fds);
                n = poll(fds, BARRIER_POLLFDS, msec);
                if (n == 0)
                        return barrier_false(ETIMEDOUT);
                polled = n > 0 || b->timeout > 0; /* a try of no length is repeated on EINTR */
                if (n > 0) {
                        gone = fds[1].revents || fds[2].revents;
                        if ((fds[0].revents | fds[1].revents | fds[2].revents) & POLLNVAL)
                                barrier_broke(b, EBADF);
                } else if (errno != EINTR)
                        barrier_broke(b, errno);
        }

        return (what || b->i_aborted) ? barrier_false(b->error) : true;
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
        return barrier_wait(b, 0);
}

BARRIER_API void barrier_set_timeout(Barrier *b, int msec) {
        b->timeout = msec < 0 ? -1 : msec - (msec == INT_MAX); /* the deadline adds one */
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

BARRIER_API bool barrier_they_exited(const Barrier *b) {
        return b->they_exited;
}

BARRIER_API int barrier_error(const Barrier *b) {
        return b->error;
}

/* ---- event loops ----------------------------------------------------------------------------- */

/* This side's end; the other one is -1, all bits set. */
static int barrier_pipe_end(const Barrier *b) {
        return b->pipe[0] & b->pipe[1];
}

static void barrier_pollfd(struct pollfd *p, int fd, short events) {
        p->fd = fd;
        p->events = events;
}

BARRIER_API int barrier_get_pollfds(const Barrier *b, struct pollfd fds[BARRIER_POLLFDS]) {
        if (!b->role)
                return -ENOTCONN;
        if (b->they_aborted)
                return -b->error;
        barrier_pollfd(&fds[0], b->them, POLLIN);
        barrier_pollfd(&fds[1], barrier_pipe_end(b), 0); /* hang-up needs no asking */
        barrier_pollfd(&fds[2], b->watch, POLLIN);       /* poll() passes over -1 */
        return b->watch < 0 ? 2 : 3;
}

BARRIER_API int barrier_watch(Barrier *b, int pidfd) {
        if (pidfd != -1 && fcntl(pidfd, F_GETFD) < 0)
                return -errno;
        b->watch = pidfd;
        return 0;
}

/* ---- across execve() ------------------------------------------------------------------------- */

/* What an exported string holds, each byte as two letters from a to p: the struct, which objects
 * its descriptors are, and a check sum. A pipe is known by its device and inode. All eventfds share
 * an inode, so there it is the kernel's own number, as /proc tells it; 0 where there is no /proc. */
enum { BARRIER_FORMAT = 1, BARRIER_NO_EVENTFD = 1 };

struct barrier_state {
        Barrier b;
        uint64_t id[3]; /* of me, them and the pipe */
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

static uint64_t barrier_eventfd_id(int fd) {
        static const char dir[] = "/proc/thread-self/fdinfo/", key[] = "eventfd-id:";
        char text[512]; /* at its end the path, then what the file says */
        char *p = text + sizeof text - 1;
        uint64_t id = BARRIER_NO_EVENTFD;
        ssize_t n;

        *p = 0;
        for (; fd > 0; fd /= 10)
                *--p = (char) ('0' + fd % 10);
        p -= sizeof dir - 1;
        memcpy(p, dir, sizeof dir - 1);

        /* Whatever there is in the place of /proc, it shall not block or become a terminal. */
        fd = open(p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return 0;
        n = read(fd, text, sizeof text - 1);
        (void) close(fd);
        if (n <= 0)
                return 0;
        text[n] = 0;

        p = strstr(text, key);
        for (; p && *p >= ' '; p++)
                id = id << 4 | (*p & 15); /* the last 16 characters, the number among them */
        return id;
}

/* Checks that the descriptors are what st says, notes in it what they are where it says nothing,
 * and gives them the descriptor flags. On error nothing has changed. */
static int barrier_claim(struct barrier_state *st, int flags) {
        const int fds[] = { st->b.me, st->b.them, barrier_pipe_end(&st->b) };
        struct stat sb;
        uint64_t id;
        int i, mode = fcntl(fds[2], F_GETFL) & O_ACCMODE;

        /* An export knows nothing yet, and asks for close-on-exec to be off. The pipe comes first:
         * unless that is the one, the others are left alone. */
        if (mode != (st->b.role == BARRIER_PARENT ? O_RDONLY : O_WRONLY) ||
            fstat(fds[2], &sb) < 0 || !S_ISFIFO(sb.st_mode))
                return -EBADF;
        id = sb.st_ino ^ (uint64_t) sb.st_dev << 32;
        if (flags && st->id[2] != id)
                return -EBADF;
        st->id[2] = id;
        for (i = 0; i < 2; i++) {
                id = barrier_eventfd_id(fds[i]);
                if (id && id != st->id[i] && (st->id[i] || (flags && id == BARRIER_NO_EVENTFD)))
                        return -EBADF;
                /* An eventfd refuses to read nothing; to most other files that is no error. */
                if (fds[i] <= STDERR_FILENO || read(fds[i], &id, 0) >= 0 || errno != EINVAL)
                        return -EBADF;
                st->id[i] = id;
        }

        /* All three are open, as was just seen, so this is refused for the first of them or for
         * none, and there is nothing to undo. */
        for (i = 0; i < 3; i++)
                if (fcntl(fds[i], F_SETFD, flags) < 0)
                        return -errno;
        return 0;
}

BARRIER_API int barrier_export(Barrier *b, char *buf, size_t size) {
        struct barrier_state st;
        size_t i;
        int r;

        if (!b->role)
                return -ENOTCONN;
        if (size <= 2 * sizeof st)
                return -ENOBUFS;
        memset(&st, 0, sizeof st);
        memcpy(&st.b, b, offsetof(Barrier, watch));
        if (barrier_pipe_end(b) < 0) /* broke: there is nothing left to say or to hear */
                st.b.me = st.b.them = -1;
        else {
                r = barrier_claim(&st, 0);
                if (r < 0)
                        return r;
        }
        st.sum = barrier_sum(&st);
        for (i = 0; i < sizeof st; i++) {
                *buf++ = (char) ('a' + (((unsigned char *) &st)[i] >> 4));
                *buf++ = (char) ('a' + (((unsigned char *) &st)[i] & 15));
        }
        *buf = 0;
        return 2 * (int) sizeof st;
}

/* Accepts only what barrier_export() writes. */
static bool barrier_parse(struct barrier_state *st, const char *s) {
        const Barrier *b = &st->b;
        unsigned high, low;
        size_t i;

        for (i = 0; i < sizeof *st; i++) {
                high = (unsigned) *s++ - 'a';
                if (high > 15)
                        return false;
                low = (unsigned) *s++ - 'a';
                if (low > 15)
                        return false;
                ((unsigned char *) st)[i] = (unsigned char) (high << 4 | low);
        }
        if (*s || st->sum != barrier_sum(st))
                return false;
        return (b->role == BARRIER_PARENT || b->role == BARRIER_CHILD) &&
               b->pipe[b->role == BARRIER_PARENT] == -1 && b->noticed <= b->received &&
               !(b->placed >> 63) && b->they_exited <= b->they_aborted && b->error >= 0 &&
               b->error <= BARRIER_CODE_MAX &&
               (b->i_aborted | b->they_aborted) == (b->error != 0) &&
               (b->me > STDERR_FILENO ||
                (barrier_we_aborted(b) && (b->me & b->them & barrier_pipe_end(b)) == -1));
}

BARRIER_API int barrier_import(Barrier *b, const char *s) {
        struct barrier_state st;
        int r;

        barrier_reset(b);
        if (!s || !barrier_parse(&st, s))
                return -EINVAL;
        r = st.b.me < 0 ? 0 : barrier_claim(&st, FD_CLOEXEC);
        if (r < 0)
                return r;
        memcpy(b, &st.b, offsetof(Barrier, watch));
        return 0;
}

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
