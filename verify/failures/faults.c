/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * faults - every system call of barrier.c fails in turn, in every situation
 *
 * HOW TO READ THIS FILE
 *
 * barrier.c is compiled in here with its system calls redirected to the functions below. They go
 * to the real kernel, but for the one that is told to fail, and but for time: what would sleep
 * moves a clock of our own, or lets the other side act, or is reported as a hang.
 *
 * `table` says for each kind of call which errors to give (those of its manual page, and those of
 * a seccomp filter) and what the caller of the library must see then. A situation is `now`: a
 * function of the library, what both sides did before, what the other side does once this one
 * sleeps, and so on; `dimensions` has the list. Each situation that makes sense first runs
 * undisturbed, then once for each call it makes, each error of that call, and both ways of failing:
 * once, and from then on for ever. judge() has the rules.
 *
 * No call can be forgotten: the symbols that barrier.o leaves to the linker must all be in the
 * table (`nm -u -P barrier.o | faults --symbols`), a kind of call without a row fails the run,
 * and so does a row that was never reached.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

/* ---- the table ------------------------------------------------------------------------------- */

enum call {
        EVENTFD,
        PIPE2,
        GETFD,
        GETFL,
        SETFL,
        SETFD,
        DUPFD,
        CLOSE,
        WRITE,
        PREADV2,
        READ,
        FSTAT,
        PROBE,
        OPEN,
        READ_TEXT,
        POLL,
        POLL_AGAIN,
        CLOCK,
        EPOLL_CREATE,
        EPOLL_ADD,
        CALLS
};

/* What the caller of the library sees of a failed call: an errno, or one of these. */
enum {
        ITSELF = 0,
        NOTHING_SEEN = -1, /* all is as if it had not failed */
        MAY_RUN_OUT = -2,  /* that, or a timeout that runs out and changes nothing */
        NO_NUMBER = -3,    /* an eventfd without a number is another one */
        NEVER_ENDS = -4    /* not tried: what never sleeps is not interrupted for ever */
};

/* Stands for a transfer of so many bytes in the place of an errno. */
#define RESULT(bytes) (-1 - (bytes))
#define ERRORS_MAX    28

#define ROW(name, symbol, seen, for_ever, short_seen, ...)                                         \
        {                                                                                          \
                name, symbol, seen, for_ever, short_seen, {                                        \
                        __VA_ARGS__                                                                \
                }                                                                                  \
        }

static const struct row {
        const char *name, *symbol;
        int seen;       /* of all errors but those that seen() tells apart, */
        int for_ever;   /* of EINTR, if it is restarted, */
        int short_seen; /* and of a transfer that is too short */
        int errors[ERRORS_MAX];
} table[CALLS] = {
        [EVENTFD] = ROW("eventfd", "eventfd", ITSELF, 0, 0, EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM,
                        ENOSYS, EPERM),
        [PIPE2] = ROW("pipe2", "pipe2", ITSELF, 0, 0, EFAULT, EINVAL, EMFILE, ENFILE, ENOPKG,
                      ENOSYS, EPERM),
        [GETFD] = ROW("fcntl(F_GETFD)", "fcntl", ITSELF, 0, 0, EBADF, EINVAL, EPERM),
        [GETFL] = ROW("fcntl(F_GETFL)", "fcntl", ITSELF, 0, 0, EBADF, EINVAL, EPERM),
        /* It is set already, unless the other side took it away. */
        [SETFL] = ROW("fcntl(F_SETFL)", "fcntl", NOTHING_SEEN, 0, 0, EACCES, EAGAIN, EBADF, EINVAL,
                      EPERM, ENOSYS),
        [SETFD] =
                ROW("fcntl(F_SETFD)", "fcntl", ITSELF, 0, 0, EACCES, EBADF, EINVAL, ENOSYS, EPERM),
        [DUPFD] =
                ROW("fcntl(F_DUPFD)", "fcntl", ITSELF, 0, 0, EBADF, EINVAL, EMFILE, ENOSYS, EPERM),
        /* Linux has freed the descriptor when close() reports an error, EINTR included. */
        [CLOSE] =
                ROW("close", "close", NOTHING_SEEN, 0, 0, EBADF, EINTR, EIO, ENOSPC, EDQUOT, EPERM),
        [WRITE] = ROW("write", "write", ITSELF, NEVER_ENDS, EIO, EAGAIN, EBADF, EDESTADDRREQ,
                      EDQUOT, EFAULT, EFBIG, EINTR, EINVAL, EIO, ENOSPC, EPERM, EPIPE, ENOSYS,
                      RESULT(0), RESULT(4), RESULT(7)),
        /* EAGAIN is no failure but the answer "nothing there", which the kernel gives in many a
         * situation; so it is not listed here and below. Any other error is an answer of kernels
         * that do not know the flag for this file: read() is asked instead. */
        [PREADV2] = ROW("preadv2", "preadv2", NOTHING_SEEN, NEVER_ENDS, 0, EBADF, EFAULT, EINTR,
                        EINVAL, EIO, EISDIR, ENXIO, EOPNOTSUPP, EOVERFLOW, ESPIPE, ENOSYS, EPERM),
        [READ] = ROW("read", "read", ITSELF, NEVER_ENDS, EIO, EBADF, EFAULT, EINTR, EINVAL, EIO,
                     EISDIR, ENOSYS, EPERM, RESULT(0), RESULT(4), RESULT(7)),
        [FSTAT] = ROW("fstat", "fstat", ITSELF, 0, 0, EACCES, EBADF, EFAULT, EINVAL, ELOOP,
                      ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW, EPERM, ENOSYS),
        /* Whether it polls as an eventfd does. */
        [PROBE] = ROW("poll(POLLOUT)", "poll", ITSELF, NEVER_ENDS, EBADF, EFAULT, EINTR, EINVAL,
                      ENOMEM, ENOSYS, EPERM, RESULT(0)),
        /* /proc only strengthens the check; nothing of it need be there. */
        [OPEN] = ROW("open", "open", NOTHING_SEEN, 0, 0, EACCES, EBADF, EBUSY, EDQUOT, EEXIST,
                     EFAULT, EFBIG, EINTR, EINVAL, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE,
                     ENODEV, ENOENT, ENOMEM, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, EOVERFLOW, EPERM,
                     EROFS, ETXTBSY, EAGAIN, ENOSYS),
        /* The text comes in as many parts as the kernel likes, but what never ends is none. */
        [READ_TEXT] =
                ROW("read(text)", "read", ITSELF, EFBIG, NOTHING_SEEN, EAGAIN, EBADF, EFAULT, EINTR,
                    EINVAL, EIO, EISDIR, ENOSYS, EPERM, RESULT(0), RESULT(1), RESULT(100)),
        /* It may end early; but where it always does, the other side has no time to do anything. */
        [POLL] = ROW("poll", "poll", ITSELF, MAY_RUN_OUT, NOTHING_SEEN, EFAULT, EINTR, EINVAL,
                     ENOMEM, ENOSYS, EPERM, RESULT(0)),
        /* Whether a pidfd that was ready still is: who lives is found dead by none. */
        [POLL_AGAIN] = ROW("poll(pidfd)", "poll", ITSELF, NEVER_ENDS, MAY_RUN_OUT, EFAULT, EINTR,
                           EINVAL, ENOMEM, ENOSYS, EPERM, RESULT(0)),
        /* It may be refused, and it may stand still. */
        [CLOCK] = ROW("clock_gettime", "clock_gettime", ITSELF, ITSELF, NOTHING_SEEN, EACCES,
                      EFAULT, EINTR, EINVAL, ENODEV, ENOSYS, ENOTSUP, EPERM, RESULT(0)),
        [EPOLL_CREATE] = ROW("epoll_create1", "epoll_create1", ITSELF, 0, 0, EINVAL, EMFILE, ENFILE,
                             ENOMEM, ENOSYS, EPERM),
        [EPOLL_ADD] = ROW("epoll_ctl", "epoll_ctl", ITSELF, 0, 0, EBADF, EEXIST, EINVAL, ELOOP,
                          ENOENT, ENOMEM, ENOSPC, ENOSYS, EPERM),
};

/* What barrier.o may leave to the linker besides: no system calls. */
static const char *const harmless[] = { "__errno_location", "___errno_location",
                                        "memcpy",           "memmove",
                                        "memset",           "memcmp",
                                        "memmem",           "__memcpy_chk",
                                        "__memmove_chk",    "__memset_chk",
                                        "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_" };

/* ---- the system calls ------------------------------------------------------------------------ */

enum { CALLS_MAX = 20000, TICK = 100000 };

static void other_side_acts(bool finally);
static void others_close_streams(void);
static bool this_broke(void);

static struct {
        bool armed; /* the call under test is running */
        bool no_preadv2, no_write, no_proc;

        enum call target;
        int error; /* of the table, or 0 */
        int at;    /* the how-manieth call of this kind fails */
        bool forever;

        int hits, calls;
        bool found_closed;  /* poll() found a closed descriptor */
        ssize_t result;     /* of the call that fails */
        bool filled;        /* the eventfd that the other side reads is full */
        bool word_only;     /* the first write that failed was the word of an abortion, ... */
        bool word_lost;     /* ... or a later one was, and it was not written */
        bool told_in_vain;  /* something was written after the other side broke the protocol */
        int64_t now, shown; /* the time, and what clock_gettime() said last */
        jmp_buf hang;
} run;

static long injected[CALLS];

/* Each standard stream may be closed by another thread before some call: 0 is before all of them. */
enum { NEVER = INT_MAX };
static int closes[3] = { NEVER, NEVER, NEVER };
static int closes_within = NEVER; /* one that is closed in the midst of pipe2() */
static bool closed[3];

static void others_close_streams(void) {
        int i;

        for (i = 0; i < 3; i++)
                if (!closed[i] && closes[i] <= run.calls) {
                        closed[i] = true;
                        (void) close(i);
                }
}

static int seen(void) {
        const struct row *row = &table[run.target];

        if (run.target == POLL && run.error == RESULT(0) && run.forever)
                return MAY_RUN_OUT;
        if (run.error == EINTR && row->for_ever)
                return run.forever ? row->for_ever : NOTHING_SEEN;
        if (run.target == READ_TEXT && run.error == RESULT(0))
                return NO_NUMBER;
        if (run.target == PROBE && run.error == RESULT(0) && !run.no_proc)
                return NOTHING_SEEN; /* it has a number, so it is an eventfd, and may be full */
        if (run.target == WRITE && run.error == EAGAIN) /* full: no honest peer does that */
                return EPROTO;
        if (run.error < 0)
                return row->short_seen;
        return row->seen == ITSELF ? run.error : row->seen;
}

/* True if this call is to fail; then run.result and errno are what it returns. */
static bool faulty(enum call c) {
        if (!run.armed)
                return false;
        if (++run.calls > CALLS_MAX)
                longjmp(run.hang, 1);
        others_close_streams();
        run.result = -1;
        if ((c == PREADV2 && run.no_preadv2) || (c == OPEN && run.no_proc)) {
                errno = ENOSYS;
                return true;
        }
        if (!run.error || c != run.target)
                return false;
        run.hits++;
        if (run.hits < run.at || (run.hits > run.at && !run.forever))
                return false;
        injected[c]++;
        errno = run.error;
        if (run.error < 0) {
                run.result = RESULT(run.error);
                errno = run.forever ? EINTR : EAGAIN; /* of an earlier call: this one succeeds */
        }
        return true;
}

static void unknown(const char *what, int number) {
        fprintf(stderr, "faults: the table does not know %s %d\n", what, number);
        exit(1);
}

static int do_fcntl(int fd, int cmd, int arg, ...) {
        enum call c = cmd == F_GETFD                             ? GETFD
                      : cmd == F_GETFL                           ? GETFL
                      : cmd == F_SETFL                           ? SETFL
                      : cmd == F_SETFD                           ? SETFD
                      : cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ? DUPFD
                                                                 : CALLS;

        if (c == CALLS)
                unknown("fcntl command", cmd);
        return faulty(c) ? -1 : fcntl(fd, cmd, arg);
}

static int do_close(int fd) {
        int n = close(fd);

        return faulty(CLOSE) ? -1 : n;
}

/* A stream that is closed within pipe2() becomes the write end. */
static int do_pipe2(int fds[2], int flags) {
        int n;

        if (faulty(PIPE2))
                return -1;
        n = pipe2(fds, flags);
        if (n == 0 && closes_within < 3 && !closed[closes_within]) {
                closed[closes_within] = true;
                (void) dup3(fds[1], closes_within, O_CLOEXEC);
                (void) close(fds[1]);
                fds[1] = closes_within;
        }
        return n;
}

static void fill(int fd) {
        eventfd_t value;

        (void) eventfd_read(fd, &value);
        (void) eventfd_write(fd, UINT64_MAX - 1);
}

/* Whether it is the word of an abortion is bit 63. EAGAIN: the eventfd really is full then. */
static ssize_t do_write(int fd, const void *p, size_t size) {
        uint64_t value;

        if (run.no_write) {
                errno = EPERM;
                return -1;
        }
        run.told_in_vain |= run.armed && this_broke();
        if (!faulty(WRITE))
                return write(fd, p, size);
        memcpy(&value, p, sizeof value);
        if (run.error == EAGAIN) {
                fill(fd);
                run.filled = true;
                errno = EAGAIN;
        }
        if (run.hits == run.at)
                run.word_only = value >> 63;
        if (run.error != EINTR && value >> 63)
                run.word_lost = !run.filled;
        return run.result;
}

/* Nothing more, where the text has ended, is no fault. */
static ssize_t do_read(int fd, void *p, size_t size) {
        if (size == sizeof(uint64_t))
                return faulty(READ) ? run.result : read(fd, p, size);
        if (run.error == RESULT(0) && lseek(fd, 0, SEEK_CUR) > 0)
                return read(fd, p, size);
        if (!faulty(READ_TEXT))
                return read(fd, p, size);
        return run.result > 0 ? read(fd, p, (size_t) run.result) : run.result;
}

/* Time stands still but here and in poll(), so a wait that spins gets to its end too. */
static int do_clock_gettime(clockid_t clock, struct timespec *ts) {
        bool stands = faulty(CLOCK);

        if (clock != CLOCK_MONOTONIC)
                unknown("clock", (int) clock);
        if (stands && run.result < 0)
                return -1;
        run.now += TICK;
        if (!stands || run.shown == 0)
                run.shown = run.now;
        ts->tv_sec = (time_t) (run.shown / 1000000000);
        ts->tv_nsec = (long) (run.shown % 1000000000);
        return 0;
}

/* Linux says EINTR only if it has found nothing, and the same is true of ending early. */
static int do_poll(struct pollfd *fds, nfds_t n, int msec) {
        enum call c = fds[0].events == POLLOUT ? PROBE : n == 1 ? POLL_AGAIN : POLL;
        bool finds_nothing = c == POLL && (run.error == EINTR || run.error < 0);
        int ready = 0;

        if (finds_nothing)
                ready = poll(fds, n, 0);
        if (ready == 0 && !(finds_nothing && run.error < 0 && msec < 0) && faulty(c)) {
                if (run.result == 0)
                        fds[0].revents = 0;
                return (int) run.result;
        }
        ready = poll(fds, n, 0);
        if (fds[n - 1].revents & POLLNVAL)
                run.found_closed = true;
        if (ready || msec == 0 || !run.armed)
                return ready;
        other_side_acts(false);
        ready = poll(fds, n, 0);
        if (ready == 0 && msec > 0)
                run.now += (int64_t) msec * 1000000;
        else if (ready == 0) {
                other_side_acts(true);
                ready = poll(fds, n, 0);
                if (ready == 0)
                        longjmp(run.hang, 1);
        }
        return ready;
}

#define eventfd(value, flags)          (faulty(EVENTFD) ? -1 : eventfd(value, flags))
#define pipe2                          do_pipe2
#define fstat(fd, st)                  (faulty(FSTAT) ? -1 : fstat(fd, st))
#define open(path, flags)              (faulty(OPEN) ? -1 : open(path, flags))
#define epoll_create1(flags)           (faulty(EPOLL_CREATE) ? -1 : epoll_create1(flags))
#define epoll_ctl(epfd, op, fd, event) (faulty(EPOLL_ADD) ? -1 : epoll_ctl(epfd, op, fd, event))
#define preadv2(fd, iov, n, at, flags) (faulty(PREADV2) ? -1 : preadv2(fd, iov, n, at, flags))
#define fcntl(fd, ...)                 do_fcntl(fd, __VA_ARGS__, 0) /* 0: if it has no argument */
#define close                          do_close
#define write                          do_write
#define read                           do_read
#define poll                           do_poll
#define clock_gettime                  do_clock_gettime

/* Two looks show all that 80 can, in a fraction of the runs, and the first barrier all that 16 can. */
#define BARRIER_TRIES      2
#define BARRIER_TRIES_FROM 1
#include "../../barrier.c"

#undef fcntl

/* ---- situations ------------------------------------------------------------------------------ */

enum { ACT_CODE = 4711, SENTINEL = 12345, TIMEOUT_MSEC = 7, FULL_CODE = BARRIER_CODE_MAX };

/* The functions of common.h, and these. */
enum {
        SET_ROLE = OPERATIONS,
        SET_OTHER_ROLE,
        MOVE,
        GET_EPOLL,
        DESTROY,
        QUIET, /* all that make no system call */
        WATCH_PIDFD,
        EXPORT,
        IMPORT,
        INIT,
        FUNCTIONS
};

/* What a side did before; the first four are for both. */
enum { NOTHING, PLACED, PLACED_TWICE, ABORTED };
enum { FAILED = ABORTED + 1, LEFT, PLACED_LEFT, BROKE_PROTOCOL }; /* the other side */
enum { LOOKED = ABORTED + 1, MET, ABORTED_LOOKED, BROKE, BROKE_MUTE, EXPORTED }; /* this side */

enum { LATE_NOTHING, LATE_PLACE, LATE_FAIL, LATE_PLACE_LEAVE };
enum { LOOKS_FIRST, SLEEPS_FIRST };
enum { NO_TIME, SOME_TIME, FOR_EVER };

enum { WATCH_NONE, WATCH_IDLE, WATCH_READY, WATCH_CLOSED, WATCHES };
static int watch_fds[WATCHES] = { -1, -1, -1, MAPPED - 1 };

/* What is odd about the descriptors or the string. */
enum {
        RIGHT,
        NO_PROC,
        LOCKED,
        LOCKED_AFTER,
        CLOSE_ON_EXEC,
        OTHER_EVENTFD,
        OTHER_PIPE,
        CLOSED_EVENTFD,
        CLOSED_PIPE,
        DAMAGED_STRING,
        NO_STRING
};

/* Below all, between two, and above all that it has. */
enum { LOW, BETWEEN, HIGH };

enum { FUNCTION, ROLE, MINE, THEIRS, WATCH, TIMEOUT, PACE, LATE, ODD, LOWEST, STDIO, DIMENSIONS };

static struct dimension {
        const char *name, *values[FUNCTIONS + 1];
        int n; /* how many; counted */
} dimensions[DIMENSIONS] = {
        [FUNCTION] = { "",
                       { OPERATION_NAMES, "set_role", "set_role with the other one", "move",
                         "epoll", "destroy", "others", "watch", "export", "import", "init" },
                       0 },
        [ROLE] = { "as ", { "parent", "child" }, 0 },
        [MINE] = { "this side: ",
                   { "nothing", "placed", "placed twice", "aborted", "looked", "met the other",
                     "aborted and looked", "broke", "broke and could not say so", "exported" },
                   0 },
        [THEIRS] = { "the other: ",
                     { "nothing", "placed", "placed twice", "aborted", "failed", "left",
                       "placed and left", "broke the protocol" },
                     0 },
        [WATCH] = { "watch: ", { "none", "idle", "ready", "closed" }, 0 },
        [TIMEOUT] = { "timeout: ", { "0", "7 ms", "never" }, 0 },
        [PACE] = { "a wait ", { "looks first", "sleeps first" }, 0 },
        [LATE] = { "the other, late: ", { "nothing", "place", "fail", "place and leave" }, 0 },
        [ODD] = { "odd: ",
                  { "nothing", "no /proc", "locks on an eventfd", "locks after the export",
                    "already close-on-exec", "another eventfd", "another pipe", "closed eventfd",
                    "closed pipe", "damaged string", "no string" },
                  0 },
        [LOWEST] = { "to: ", { "any number", "the middle", "high numbers" }, 0 },
        [STDIO] = { "closed: ", { "-", "0", "1", "0 1", "2", "0 2", "1 2", "0 1 2" }, 0 },
};

static int now[DIMENSIONS];
static bool brief;

static unsigned role(void) {
        return now[ROLE] ? BARRIER_CHILD : BARRIER_PARENT;
}

static int timeout(void) {
        static const int timeouts[] = { 0, TIMEOUT_MSEC, -1 };

        return timeouts[now[TIMEOUT]];
}

static bool waits(void) {
        return now[FUNCTION] >= OP_WAIT_NEXT && now[FUNCTION] <= OP_WAIT_ABORTION;
}

static bool returns_bool(void) {
        return now[FUNCTION] < OPERATIONS;
}

static bool preserves_errno(void) {
        return now[FUNCTION] == OP_ABORT || now[FUNCTION] == OP_FAIL || now[FUNCTION] == DESTROY;
}

/* Whether a dimension can make a difference; if it cannot, its first value stands for all. */
static bool matters(int dimension) {
        const int f = now[FUNCTION];

        switch (dimension) {
        case ROLE:
                return f != INIT;
        case MINE:
        case THEIRS:
                return f != INIT && f != SET_ROLE;
        case WATCH:
                return waits() || f == WATCH_PIDFD || f == GET_EPOLL;
        case TIMEOUT:
                return waits();
        case PACE:
                return waits() && now[TIMEOUT] != NO_TIME && now[MINE] == MET;
        case LATE:
                return waits() && now[TIMEOUT] != NO_TIME && now[THEIRS] < ABORTED &&
                       now[WATCH] < WATCH_READY && now[MINE] != BROKE && now[MINE] != BROKE_MUTE;
        case LOWEST:
                return f == MOVE;
        case ODD:
                return f == IMPORT || (f == EXPORT && now[ODD] <= LOCKED);
        case STDIO:
                return f == INIT || (f == GET_EPOLL && !now[MINE] && !now[THEIRS]);
        default:
                return true;
        }
}

static bool makes_sense(void) {
        int d;

        for (d = 0; d < DIMENSIONS; d++)
                if (now[d] && !matters(d))
                        return false;
        return !brief || !waits() || (role() == BARRIER_CHILD && now[WATCH] != WATCH_IDLE);
}

/* The next one, as an odometer counts; false after the last. */
static bool next_situation(void) {
        int d;

        for (d = DIMENSIONS - 1; d >= 0; d--) {
                if (++now[d] < dimensions[d].n)
                        return true;
                now[d] = 0;
        }
        return false;
}

static void describe(void) {
        int d;

        for (d = 0; d < DIMENSIONS; d++)
                if (matters(d))
                        fprintf(stderr, "%s%s%s", d ? "; " : "  ", dimensions[d].name,
                                dimensions[d].values[now[d]]);
}

/* ---- one run --------------------------------------------------------------------------------- */

/* All that can be seen from outside. */
struct outcome {
        bool hung;
        int value; /* what the function returned */
        int error; /* errno, if that is a failure or has to be preserved */
        Barrier before, after;
        char map_before[MAPPED + 1], map_after[MAPPED + 1];
        char text[BARRIER_EXPORT_MAX];

        bool other; /* the other side is still there; then what it sees: */
        Barrier other_sees;
        int imported; /* by export: what import says of the string */

        bool same_objects;    /* by move: they are what they were */
        bool readable, ready; /* the epoll, and what it is made of */
        bool closed[3];       /* which streams others have closed meanwhile */
};

static Barrier this, that;
static bool acted;
static uint64_t objects[3]; /* that the descriptors of a barrier are */

static bool this_broke(void) {
        return this.they_aborted && this.error == EPROTO;
}
static char map_start[MAPPED + 1];
static int stdio_copies[3];

static void act(Barrier *b, int what) {
        if (what == PLACED || what == PLACED_TWICE || what == PLACED_LEFT)
                (void) barrier_place(b);
        if (what == PLACED_TWICE)
                (void) barrier_place(b);
        if (what == ABORTED)
                (void) barrier_abort(b);
        if (what == FAILED)
                (void) barrier_fail(b, ACT_CODE);
        if (what == LEFT || what == PLACED_LEFT)
                barrier_destroy(b);
        if (what == BROKE_PROTOCOL)
                (void) eventfd_write(b->me, BARRIER_PLACED_MAX + 1);
}

static void other_side_acts(bool finally) {
        static const int acts[] = { NOTHING, PLACED, FAILED, PLACED_LEFT };

        run.armed = false;
        if (finally)
                barrier_destroy(&that);
        else if (!acted)
                act(&that, acts[now[LATE]]);
        acted = true;
        run.armed = true;
}

/* Both sides live in this process. */
static void both_sides(void) {
        if (barrier_init(&this) < 0) {
                perror("faults: barrier_init");
                exit(1);
        }
        that = forked(&this);
        (void) barrier_set_role(&that, BARRIER_PARENT + BARRIER_CHILD - role());
        barrier_set_timeout(&that, 0);
}

/* Each adds a line to what /proc says. All eventfds share an inode, and so the locks on it: here they
 * are where no other process of the machine has some. */
static void put_locks(int fd) {
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
        int i;

        lock.l_start = (off_t) getpid() << 16;
        for (i = 0; i < 12; i++, lock.l_start += 2)
                if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
                        perror("faults: F_OFD_SETLK");
                        exit(1);
                }
}

static void export(char *text) {
        if (barrier_export(&this, text, BARRIER_EXPORT_MAX) < 0) {
                fprintf(stderr, "faults: barrier_export failed where nothing was made to\n");
                exit(1);
        }
}

static void history(char *text) {
        int pipe_end;

        (void) barrier_set_role(&this, role());
        if (now[MINE] == MET) {
                act(&that, PLACED);
                if (!barrier_place_and_sync(&this)) {
                        fprintf(stderr, "faults: the two sides do not meet\n");
                        exit(1);
                }
        }
        act(&that, now[THEIRS]);
        if (now[MINE] <= ABORTED)
                act(&this, now[MINE]);
        if (now[MINE] == ABORTED_LOOKED)
                act(&this, ABORTED);
        barrier_set_timeout(&this, 0);
        if (now[MINE] == BROKE) /* a closed descriptor is the simplest way */
                this.watch = watch_fds[WATCH_CLOSED];
        if (now[MINE] == LOOKED || now[MINE] == ABORTED_LOOKED || now[MINE] == BROKE)
                (void) barrier_wait_abortion(&this);
        if (now[MINE] == BROKE_MUTE) {
                run.no_write = true;
                act(&this, ABORTED);
                run.no_write = false;
        }
        if (now[ODD] == LOCKED)
                put_locks(this.them);
        if (now[MINE] == EXPORTED)
                export(text);
        this.watch = watch_fds[now[WATCH]];
        barrier_set_timeout(&this, timeout());
        this.pause = now[PACE] == SLEEPS_FIRST;

        if (now[FUNCTION] != IMPORT)
                return;
        export(text);
        pipe_end = this.pipe[role() == BARRIER_CHILD];
        switch (now[ODD]) {
        case LOCKED_AFTER:
                if (this.them >= 0) /* the end of a barrier that broke has no descriptors */
                        put_locks(this.them);
                break;
        case CLOSE_ON_EXEC:
                (void) fcntl(this.them, F_SETFD, FD_CLOEXEC);
                break;
        case OTHER_EVENTFD:
                (void) dup2(watch_fds[WATCH_IDLE], this.them);
                break;
        case OTHER_PIPE:
                (void) dup2(watch_fds[WATCH_IDLE], pipe_end);
                break;
        case CLOSED_EVENTFD:
                (void) close(this.me);
                break;
        case CLOSED_PIPE:
                (void) close(pipe_end);
                break;
        case DAMAGED_STRING:
                text[100] ^= 1;
                break;
        }
}

/* Below 3 is as good as 3. */
static int lowest(const Barrier *b) {
        return now[LOWEST] == LOW ? -1 : now[LOWEST] == BETWEEN ? b->them : MAPPED / 2 + 3;
}

static int call(char *text, const Barrier *given) {
        struct pollfd fds[BARRIER_POLLFDS];

        switch (now[FUNCTION]) {
        case SET_ROLE:
                return barrier_set_role(&this, role());
        case SET_OTHER_ROLE:
                return barrier_set_role(&this, BARRIER_PARENT + BARRIER_CHILD - role());
        case MOVE:
                return barrier_move(&this, lowest(given));
        case GET_EPOLL:
                return barrier_epoll(&this);
        case DESTROY:
                barrier_destroy(&this);
                return 0;
        case QUIET:
                barrier_set_timeout(&this, 0);
                return barrier_i_aborted(&this) + 2 * barrier_they_aborted(&this) +
                       4 * barrier_we_aborted(&this) + 8 * barrier_is_aborted(&this) +
                       16 * barrier_they_left(&this) + 32 * barrier_error(&this) +
                       barrier_get_pollfds(&this, fds);
        case WATCH_PIDFD:
                return barrier_watch(&this, given->watch);
        case EXPORT:
                return barrier_export(&this, text, BARRIER_EXPORT_MAX);
        case IMPORT:
                return barrier_import(&this, now[ODD] == NO_STRING ? NULL : text);
        case INIT:
                return barrier_init(&this);
        default:
                return operate(&this, now[FUNCTION], ACT_CODE);
        }
}

static void look_at_epoll(struct outcome *o) {
        struct pollfd fds[BARRIER_POLLFDS], epoll = { .fd = o->value, .events = POLLIN };
        int n = barrier_get_pollfds(&this, fds);

        o->ready = poll(fds, (nfds_t) n, 0) > 0;
        o->readable = poll(&epoll, 1, 0) > 0;
        (void) close(o->value);
}

static void close_all_but(const char *map) {
        char open_now[MAPPED + 1];
        int i;

        map_descriptors(open_now, false);
        for (i = 0; i < MAPPED; i++)
                if (map[i] == '-' && open_now[i] != '-')
                        (void) close(i);
}

/* Notes which streams others have closed, and opens them again. */
static void restore_streams(struct outcome *o) {
        int i;

        for (i = 0; i < 3; i++) {
                o->closed[i] = closed[i];
                if (closed[i])
                        (void) dup2(stdio_copies[i], i);
                closed[i] = false;
                if (now[STDIO] >> i & 1)
                        closes[i] = NEVER;
        }
}

/* Whether the descriptors are for the same objects as before barrier_move(). */
static bool has_moved_right(void) {
        uint64_t moved[3];

        return barrier_pipe_end(&this) >= 0 && barrier_identify(&this, moved) == 0 &&
               memcmp(moved, objects, sizeof objects) == 0;
}

/* Runs the present situation, with the fault that `run` holds. */
static void experiment(struct outcome *o) {
        const Barrier null = BARRIER_NULL;
        const int f = now[FUNCTION];
        const bool flags = f >= EXPORT || f == MOVE || f == GET_EPOLL;
        Barrier check, given;
        int i;

        memset(o, 0, sizeof *o);
        this = that = null;
        acted = false;
        if (f != INIT) {
                both_sides();
                if (f != SET_ROLE)
                        history(o->text);
        }
        given = this;
        if (f == WATCH_PIDFD)
                this.watch = -1;
        if (f == MOVE && barrier_pipe_end(&this) >= 0)
                (void) barrier_identify(&this, objects);
        o->before = this;
        run.calls = 0;
        for (i = 0; i < 3; i++)
                if (now[STDIO] >> i & 1)
                        closes[i] = 0;
        others_close_streams();
        map_descriptors(o->map_before, flags);
        if (f == INIT || f == IMPORT)
                memset(&this, 0x55, sizeof this);

        run.no_proc = now[ODD] == NO_PROC;
        run.hits = run.calls = 0;
        run.found_closed = run.filled = run.word_only = run.word_lost = run.told_in_vain = false;
        run.now = 1000000000;
        run.shown = 0;
        run.armed = true;
        errno = SENTINEL;
        if (setjmp(run.hang) == 0)
                o->value = call(o->text, &given);
        else
                o->hung = true;
        o->error = (returns_bool() && !o->value) || preserves_errno() ? errno : 0;
        run.armed = false;

        o->after = this;
        map_descriptors(o->map_after, flags);
        if (f == GET_EPOLL && o->value >= 0)
                look_at_epoll(o);
        o->same_objects = f == MOVE && o->value == 0 && has_moved_right();
        if (f == EXPORT && o->value > 0)
                o->imported = barrier_import(&check, o->text);
        o->other = that.role != 0;
        if (o->other)
                (void) barrier_wait_abortion(&that);
        o->other_sees = that;

        barrier_destroy(&this);
        barrier_destroy(&that);
        if (f == IMPORT)
                barrier_destroy(&given); /* what it did not take over */
        restore_streams(o);
}

/* ---- the rules ------------------------------------------------------------------------------- */

static int violations;
static long runs, situations, closings;

static void violation(const char *rule, const struct outcome *o) {
        static bool reported[FUNCTIONS][CALLS + 1][2];
        int c = run.error ? (int) run.target : CALLS;

        violations++;
        if (reported[now[FUNCTION]][c][run.forever])
                return;
        reported[now[FUNCTION]][c][run.forever] = true;
        fprintf(stderr, "faults: %s\n", rule);
        describe();
        if (run.error)
                fprintf(stderr, ";%s call %d to %s gives %s %d%s",
                        run.no_preadv2 ? " without preadv2," : "", run.at, table[run.target].name,
                        run.error < 0 ? "result" : "errno",
                        run.error < 0 ? RESULT(run.error) : run.error,
                        run.forever ? " for ever" : "");
        fprintf(stderr,
                "\n  returned %d, errno %d; error %d, i %d, they %d, left %d, pipe %d %d, "
                "other side: error %d, left %d\n  %s\n  %s\n",
                o->value, o->error, o->after.error, o->after.i_aborted, o->after.they_aborted,
                o->after.they_left, o->after.pipe[0], o->after.pipe[1], o->other_sees.error,
                o->other_sees.they_left, o->map_before, o->map_after);
}

/* What has arrived is of no interest once it ended, and the last fields only matter for speed. */
static bool same_barrier(const Barrier *a, const Barrier *b) {
        Barrier c = *a;

        if (a->error && b->error)
                c.received = b->received;
        return memcmp(&c, b, offsetof(Barrier, watch)) == 0 && c.watch == b->watch &&
               c.timeout == b->timeout;
}

static bool same_outcome(const struct outcome *a, const struct outcome *b) {
        return a->value == b->value && a->error == b->error && same_barrier(&a->after, &b->after) &&
               strcmp(a->map_after, b->map_after) == 0 && a->imported == b->imported &&
               a->other == b->other && same_barrier(&a->other_sees, &b->other_sees);
}

static bool nothing_left(void) {
        char map[MAPPED + 1];
        bool same;

        map_descriptors(map, false);
        same = strcmp(map, map_start) == 0;
        if (!same)
                close_all_but(map_start);
        return same;
}

static bool ran_out_unchanged(const struct outcome *o) {
        return timeout() >= 0 && !o->value && o->error == ETIMEDOUT &&
               o->after.error == o->before.error && o->after.consumed == o->before.consumed &&
               strcmp(o->map_before, o->map_after) == 0;
}

/* A failed int function has changed nothing. */
static void judge_int(const struct outcome *o, int expected) {
        const Barrier null = BARRIER_NULL;
        bool makes = now[FUNCTION] == INIT || now[FUNCTION] == IMPORT;

        if (o->value != expected)
                violation("wrong error", o);
        if (!same_barrier(&o->after, makes ? &null : &o->before))
                violation("a failure changed the struct", o);
        if (strcmp(o->map_before, o->map_after) != 0)
                violation("a failure changed a descriptor", o);
}

/* Why the barrier ended, to the other side. */
static int told(const struct outcome *o, int expected) {
        if (o->before.i_aborted)
                return ECONNABORTED;
        if (run.filled)
                return FULL_CODE;
        return run.word_lost ? ECONNRESET : expected;
}

/* A failed call ends the barrier, and a word tells the other side why. Only if that word could not
 * be written is the pipe closed; a full eventfd wakes the other side all the same. */
static void judge_bool(const struct outcome *o, const struct outcome *normal, int expected) {
        char map[MAPPED + 1];
        int i;

        if (o->before.they_aborted)
                expected = o->before.error;
        else if (run.word_only && !preserves_errno()) /* it broke for another reason */
                expected = normal->after.error;
        if (o->value || o->after.error != expected ||
            o->error != (preserves_errno() ? SENTINEL : expected))
                violation("wrong error", o);
        if (!o->after.i_aborted || !o->after.they_aborted ||
            o->after.they_left != o->before.they_left)
                violation("not ended as by a failure", o);

        memcpy(map, o->map_before, sizeof map);
        for (i = 0; i < 2; i++) {
                if (run.word_lost && o->before.pipe[i] >= 0)
                        map[o->before.pipe[i]] = '-';
                if (o->after.pipe[i] != (run.word_lost ? -1 : o->before.pipe[i]))
                        violation("the pipe end is not as it should be", o);
        }
        if (o->other && strcmp(map, o->map_after) != 0)
                violation("wrong descriptors are closed", o);

        if (o->other && o->other_sees.error != told(o, expected))
                violation("the other side does not see why", o);
}

/* What is closed when it ends: what others closed, and nothing of them besides. */
static void judge_streams(const struct outcome *o) {
        int i;

        for (i = 0; i < 3; i++)
                if ((o->map_after[i] == '-') != o->closed[i])
                        violation("a standard stream is not as others have left it", o);
}

static void judge(const struct outcome *o, const struct outcome *normal) {
        if (run.told_in_vain)
                violation("it wrote to a side that broke the protocol", o);
        judge_streams(o);
        if (o->hung)
                violation("hangs", o);
        else if (seen() == MAY_RUN_OUT) {
                if (!same_outcome(o, normal) && !ran_out_unchanged(o))
                        violation("neither unseen nor out of time", o);
        } else if (seen() == NOTHING_SEEN) {
                /* Without /proc another eventfd cannot be told. */
                if (!same_outcome(o, normal) && !(now[ODD] == OTHER_EVENTFD && o->value == 0))
                        violation("not unseen", o);
        } else if (seen() == NO_NUMBER && now[FUNCTION] == EXPORT) {
                if (o->value != normal->value || o->imported != -EBADF)
                        violation("a number that was not read was taken for the right one", o);
        } else if (seen() == NO_NUMBER)
                judge_int(o, -EBADF);
        else if (returns_bool())
                judge_bool(o, normal, seen());
        else
                judge_int(o, -seen());
        if (!nothing_left())
                violation("a descriptor is left", o);
}

/* F_SETFD cannot fail for an open descriptor, and what refuses it otherwise, a filter, refuses the
 * first already. A sleep that is interrupted for ever ends only if it has a time limit. What is closed
 * stays so. */
static bool sensible(void) {
        if (run.target == SETFD && run.at > 1)
                return false;
        if (run.forever && seen() == MAY_RUN_OUT && now[TIMEOUT] == FOR_EVER)
                return false;
        if (run.target == POLL_AGAIN && run.error < 0 && now[WATCH] == WATCH_CLOSED)
                return false;
        return seen() != NEVER_ENDS;
}

/* Of the errors of this call that are all the same to the library, --short takes EPERM alone. */
static bool to_be_tried(void) {
        return !brief || run.error < 0 || run.error == EAGAIN || run.error == EINTR ||
               run.error == EINVAL || run.error == EIO || run.error == EPERM;
}

static void all_faults(const struct outcome *normal) {
        struct outcome o;
        int c, i;

        for (c = 0; c < CALLS; c++) {
                run.target = (enum call) c;
                run.no_preadv2 = c == READ;
                for (i = 0; i < 2 * ERRORS_MAX; i++) {
                        run.error = table[c].errors[i / 2];
                        run.forever = i % 2;
                        if (!run.error || !to_be_tried())
                                continue;
                        for (run.at = 1; sensible(); run.at++) {
                                experiment(&o);
                                if (run.hits < run.at)
                                        break;
                                runs++;
                                judge(&o, normal);
                        }
                        if (run.at == 1 && run.hits == 0 && sensible())
                                break; /* there is no such call */
                }
        }
        run.error = 0;
        run.no_preadv2 = false;
}

/* What broke and could not say so is exported without descriptors. */
static bool importable(void) {
        return now[ODD] <= (now[MINE] == BROKE_MUTE ? CLOSED_PIPE : CLOSE_ON_EXEC);
}

/* Each descriptor is where it should be, and all else where it was. */
static void judge_move(const struct outcome *o) {
        const int from[] = { o->before.me, o->before.them, o->before.pipe[0], o->before.pipe[1] };
        const int to[] = { o->after.me, o->after.them, o->after.pipe[0], o->after.pipe[1] };
        Barrier expected = o->before;
        char map[MAPPED + 1];
        int i;

        memcpy(map, o->map_before, sizeof map);
        for (i = 0; i < 4; i++)
                if (from[i] >= 0)
                        map[from[i]] = '-';
        for (i = 0; i < 4; i++) {
                if (from[i] >= lowest(&o->before) || from[i] < 0 ? to[i] != from[i]
                                                                 : to[i] < lowest(&o->before))
                        violation("not moved to where it should be", o);
                if (to[i] >= 0)
                        map[to[i]] = o->map_before[from[i]];
        }
        expected.me = to[0];
        expected.them = to[1];
        memcpy(expected.pipe, to + 2, sizeof expected.pipe);
        if (o->value != 0 || !same_barrier(&expected, &o->after) ||
            strcmp(map, o->map_after) != 0 ||
            (barrier_pipe_end(&o->after) >= 0 && !o->same_objects))
                violation("not moved as it was", o);
}

static void judge_epoll(const struct outcome *o) {
        char map[MAPPED + 1];
        int i;

        if (o->before.they_aborted || now[WATCH] == WATCH_CLOSED) {
                judge_int(o, o->before.they_aborted ? -EPIPE : -EBADF);
                return;
        }
        memcpy(map, o->map_before, sizeof map);
        for (i = 0; i < 3; i++)
                if (o->closed[i])
                        map[i] = '-';
        if (o->value > STDERR_FILENO)
                map[o->value] = 'x';
        if (o->value <= STDERR_FILENO || strcmp(map, o->map_after) != 0 ||
            !same_barrier(&o->before, &o->after))
                violation("not an epoll, or not it alone", o);
        if (o->readable != o->ready)
                violation("the epoll is not ready as the descriptors are", o);
}

static void judge_other_role(const struct outcome *o) {
        Barrier expected = o->before;

        expected.i_aborted = true;
        if (!expected.they_aborted) {
                expected.they_aborted = true;
                expected.error = EALREADY;
        }
        if (o->value != -EALREADY || run.calls || !same_barrier(&expected, &o->after))
                violation("not ended without a word", o);
}

static void close_streams(const struct outcome *undisturbed) {
        struct outcome o;

        experiment(&o);
        closings++;
        judge_streams(&o);
        if (o.hung || (o.value < 0) != (undisturbed->value < 0))
                violation("fails where streams are closed", &o);
        if (now[FUNCTION] == GET_EPOLL)
                judge_epoll(&o);
        else if (o.after.me <= STDERR_FILENO || o.after.them <= STDERR_FILENO ||
                 o.after.pipe[0] <= STDERR_FILENO || o.after.pipe[1] <= STDERR_FILENO)
                violation("a descriptor with a stream's number", &o);
        if (!nothing_left())
                violation("a descriptor is left", &o);
}

/* Other threads close the standard streams, each before any of the calls, or one within a call. */
static void closing(const struct outcome *undisturbed) {
        const int calls = 3 * run.calls;
        int i;

        for (closes[0] = 0; closes[0] <= calls; closes[0]++)
                for (closes[1] = 0; closes[1] <= calls; closes[1]++)
                        for (closes[2] = 0; closes[2] <= calls; closes[2]++)
                                close_streams(undisturbed);
        for (i = 0; i < 3; i++)
                closes[i] = NEVER;
        for (closes_within = 0; closes_within < 3; closes_within++)
                close_streams(undisturbed);
        closes_within = NEVER;
}

static void situation(void) {
        struct outcome normal, other;

        situations++;
        experiment(&normal);
        if (normal.hung)
                violation("hangs without any fault", &normal);
        if (!nothing_left())
                violation("a descriptor is left without any fault", &normal);
        if (preserves_errno() && normal.error != SENTINEL)
                violation("errno is not preserved", &normal);
        if (run.told_in_vain)
                violation("it wrote to a side that broke the protocol", &normal);
        judge_streams(&normal);
        if (now[FUNCTION] == MOVE)
                judge_move(&normal);
        if (now[FUNCTION] == GET_EPOLL)
                judge_epoll(&normal);
        if (now[FUNCTION] == SET_OTHER_ROLE)
                judge_other_role(&normal);
        if (now[FUNCTION] == QUIET && run.calls)
                violation("a system call where none is needed", &normal);
        if (normal.imported)
                violation("cannot import what was exported", &normal);
        if (now[FUNCTION] == IMPORT && (normal.value == 0) != importable())
                violation("not what import should say", &normal);
        if (run.found_closed)
                judge_bool(&normal, &normal, EBADF);
        if (now[STDIO] == 0 && matters(STDIO) && now[WATCH] == WATCH_NONE)
                closing(&normal);
        run.no_preadv2 = true;
        experiment(&other);
        run.no_preadv2 = false;
        if (!same_outcome(&normal, &other))
                violation("differs without preadv2", &other);
        all_faults(&normal);
}

/* ---- the program ----------------------------------------------------------------------------- */

static bool known(const char *symbol) {
        size_t i;

        for (i = 0; i < CALLS; i++)
                if (strcmp(symbol, table[i].symbol) == 0)
                        return true;
        for (i = 0; i < sizeof harmless / sizeof *harmless; i++)
                if (strcmp(symbol, harmless[i]) == 0)
                        return true;
        return false;
}

/* Reads the output of `nm -u -P`: a symbol at the start of each line. */
static int check_symbols(void) {
        char line[512];
        int n = 0, bad = 0;

        while (fgets(line, sizeof line, stdin)) {
                line[strcspn(line, " @\n")] = 0;
                n++;
                if (!known(line)) {
                        fprintf(stderr,
                                "faults: barrier.o calls %s, which the table does not know\n",
                                line);
                        bad++;
                }
        }
        if (n == 0)
                fprintf(stderr, "faults: no symbols on standard input\n");
        else if (!bad)
                printf("faults: all %d symbols that barrier.o needs are in the table\n", n);
        return n == 0 || bad ? 1 : 0;
}

static void prepare(void) {
        int i;

        for (i = 0; i < DIMENSIONS; i++)
                while (dimensions[i].values[dimensions[i].n])
                        dimensions[i].n++;
        for (i = 0; i < 3; i++) {
                if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i) {
                        fprintf(stderr, "faults: cannot open /dev/null\n");
                        exit(2);
                }
                stdio_copies[i] = fcntl(i, F_DUPFD_CLOEXEC, MAPPED / 2);
        }
        watch_fds[WATCH_IDLE] = eventfd(0, EFD_CLOEXEC);
        watch_fds[WATCH_READY] = eventfd(1, EFD_CLOEXEC);
        map_descriptors(map_start, false);
        if (watch_fds[WATCH_READY] < 0 || map_start[MAPPED - 1] != '-') {
                fprintf(stderr, "faults: cannot prepare the descriptors\n");
                exit(2);
        }
}

/* Returns the exit status. */
static int sum_up(const char *only, bool proc) {
        int i, unused = 0;

        for (i = 0; i < CALLS; i++) {
                printf("%-24s%9ld\n", table[i].name, injected[i]);
                unused += proc && !only && injected[i] == 0;
        }
        if (unused)
                fprintf(stderr, "faults: %d rows of the table were never reached\n", unused);
        if (situations == 0) {
                fprintf(stderr, "faults: there is no such function, but these:\n");
                for (i = 0; i < FUNCTIONS; i++)
                        fprintf(stderr, "        %s\n", dimensions[FUNCTION].values[i]);
        }
        printf("faults: %d functions, %ld situations, %ld faults, %ld with streams that others "
               "close, %d violations\n",
               FUNCTIONS, situations, runs, closings, violations);
        return violations || unused || !situations ? 1 : 0;
}

int main(int argc, char **argv) {
        const char *only;
        bool terminal = isatty(STDERR_FILENO), proc = access("/proc/thread-self", F_OK) == 0;

        if (argc == 2 && strcmp(argv[1], "--symbols") == 0)
                return check_symbols();
        brief = argc >= 2 && strcmp(argv[1], "--short") == 0;
        only = argc == 3 && brief ? argv[2] : NULL;
        if (argc > 1 + brief + (only != NULL)) {
                fprintf(stderr, "usage: faults            every situation\n"
                                "       faults --short [FUNCTION]\n"
                                "                         waits only in the child, and not with an "
                                "idle watch\n"
                                "       nm -u -P barrier.o | faults --symbols\n");
                return 2;
        }

        if (!proc)
                puts("SKIPPED: export and import, as there is no /proc");
        prepare();
        do {
                if (!makes_sense() ||
                    (only && strcmp(only, dimensions[FUNCTION].values[now[FUNCTION]]) != 0) ||
                    (!proc && (now[FUNCTION] == EXPORT || now[FUNCTION] == IMPORT)))
                        continue;
                situation();
                if (terminal && situations % 64 == 0)
                        fprintf(stderr, "\r%-16s%9ld faults",
                                dimensions[FUNCTION].values[now[FUNCTION]], runs);
        } while (next_situation());
        if (terminal)
                fprintf(stderr, "\r%30s\r", "");

        return sum_up(only, proc);
}
