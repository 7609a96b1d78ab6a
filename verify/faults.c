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
 * a seccomp filter) and what the caller of the library must see then. A situation is a function
 * of the library, what both sides did before and what the other side does once this one sleeps.
 * Each situation first runs undisturbed, then once for each call it makes, each error of that
 * call, and both ways of failing: once, and from then on for ever. judge() has the rules.
 *
 * No call can be forgotten: the symbols that barrier.o leaves to the linker must all be in the
 * table (`nm -u -P barrier.o | faults --symbols`), a kind of call without a row fails the run,
 * and so does a row that was never reached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- the table ------------------------------------------------------------------------------- */

enum call {
        EVENTFD,
        PIPE2,
        DUPFD,
        GETFD,
        GETFL,
        SETFL,
        SETFD,
        CLOSE,
        WRITE,
        PREADV2,
        READ,
        PROBE,
        FSTAT,
        OPEN,
        READ_TEXT,
        POLL,
        CLOCK,
        AFFINITY,
        CALLS
};

/* What the caller of the library sees of a failed call. EINTR, where FAILS stands, is unseen. */
enum effect {
        FAILS, /* this error, or the one that `seen` turns it into; bool functions: it has ended */
        REFUSES, /* EBADF: the descriptor could not be shown to be the right one */
        UNSEEN,  /* the same as if nothing had happened */
        EARLY,   /* that, or a timeout that runs out early */
};

/* How a call goes wrong: an errno, or a transfer of fewer bytes than asked for. */
struct error {
        const char *name;
        int value, bytes;
        int seen; /* what it is turned into, or 0 */
};

#define E(e)                                                                                       \
        { #e, e, 0, 0 }
#define E_AS(e, seen)                                                                              \
        { #e, e, 0, seen }
#define SHORT(bytes)                                                                               \
        { "result " #bytes, 0, bytes, EIO }
#define ERRORS_MAX 28

static const struct row {
        const char *name, *symbol;
        enum effect effect;
        struct error errors[ERRORS_MAX];
} table[CALLS] = {
        [EVENTFD] = { "eventfd",
                      "eventfd",
                      FAILS,
                      { E(EINVAL), E(EMFILE), E(ENFILE), E(ENODEV), E(ENOMEM), E(ENOSYS),
                        E(EPERM) } },
        [PIPE2] = { "pipe2",
                    "pipe2",
                    FAILS,
                    { E(EFAULT), E(EINVAL), E(EMFILE), E(ENFILE), E(ENOPKG), E(ENOSYS),
                      E(EPERM) } },
        /* EINVAL: the minimum is at or above RLIMIT_NOFILE. */
        [DUPFD] = { "fcntl(F_DUPFD_CLOEXEC)",
                    "fcntl",
                    FAILS,
                    { E(EBADF), E_AS(EINVAL, EMFILE), E(EMFILE), E(ENOSYS), E(EPERM) } },
        [GETFD] = { "fcntl(F_GETFD)", "fcntl", FAILS, { E(EBADF), E(EINVAL), E(EPERM) } },
        [GETFL] = { "fcntl(F_GETFL)", "fcntl", REFUSES, { E(EBADF), E(EINVAL), E(EPERM) } },
        /* It is set already, unless the other side took it away. */
        [SETFL] = { "fcntl(F_SETFL)",
                    "fcntl",
                    UNSEEN,
                    { E(EACCES), E(EAGAIN), E(EBADF), E(EINVAL), E(EPERM), E(ENOSYS) } },
        [SETFD] = { "fcntl(F_SETFD)",
                    "fcntl",
                    FAILS,
                    { E(EACCES), E(EBADF), E(EINVAL), E(ENOSYS), E(EPERM) } },
        /* Linux has freed the descriptor when close() reports an error, EINTR included. */
        [CLOSE] = { "close",
                    "close",
                    UNSEEN,
                    { E(EBADF), E(EINTR), E(EIO), E(ENOSPC), E(EDQUOT) } },
        /* EINTR only once, here and where an eventfd is read: it is restarted without end, and what
         * does not sleep can not be interrupted again and again. */
        [WRITE] = { "write",
                    "write",
                    FAILS,
                    { E_AS(EAGAIN, EPROTO), E(EBADF), E(EDESTADDRREQ), E(EDQUOT), E(EFAULT),
                      E(EFBIG), E(EINTR), E(EINVAL), E(EIO), E(ENOSPC), E(EPERM), E(EPIPE),
                      E(ENOSYS), SHORT(0), SHORT(4), SHORT(7) } },
        /* EAGAIN is no failure but the answer "nothing there", which the kernel gives in many a
         * situation; so it is not listed here and below. Any other error is an answer of kernels
         * that do not know the flag for this file: read() is asked instead. */
        [PREADV2] = { "preadv2",
                      "preadv2",
                      UNSEEN,
                      { E(EBADF), E(EFAULT), E(EINTR), E(EINVAL), E(EIO), E(EISDIR), E(ENXIO),
                        E(EOPNOTSUPP), E(EOVERFLOW), E(ESPIPE), E(ENOSYS), E(EPERM) } },
        [READ] = { "read",
                   "read",
                   FAILS,
                   { E(EBADF), E(EFAULT), E(EINTR), E(EINVAL), E(EIO), E(EISDIR), E(ENOSYS),
                     E(EPERM), SHORT(0), SHORT(4), SHORT(7) } },
        /* EINVAL is what an eventfd says. EINTR: the length is looked at before anything sleeps. */
        [PROBE] = { "read(nothing)",
                    "read",
                    REFUSES,
                    { E(EAGAIN), E(EBADF), E(EFAULT), E(EIO), E(EISDIR), E(ENOSYS), E(EPERM),
                      SHORT(0) } },
        [FSTAT] = { "fstat",
                    "fstat",
                    REFUSES,
                    { E(EACCES), E(EBADF), E(EFAULT), E(EINVAL), E(ELOOP), E(ENAMETOOLONG),
                      E(ENOENT), E(ENOMEM), E(ENOTDIR), E(EOVERFLOW), E(EPERM), E(ENOSYS) } },
        /* /proc only strengthens the check; nothing of it need be there. */
        [OPEN] = { "open", "open", UNSEEN, { E(EACCES),       E(EBADF),     E(EBUSY),   E(EDQUOT),
                                             E(EEXIST),       E(EFAULT),    E(EFBIG),   E(EINTR),
                                             E(EINVAL),       E(EISDIR),    E(ELOOP),   E(EMFILE),
                                             E(ENAMETOOLONG), E(ENFILE),    E(ENODEV),  E(ENOENT),
                                             E(ENOMEM),       E(ENOSPC),    E(ENOTDIR), E(ENXIO),
                                             E(EOPNOTSUPP),   E(EOVERFLOW), E(EPERM),   E(EROFS),
                                             E(ETXTBSY),      E(EAGAIN),    E(ENOSYS) } },
        /* A text that fits arrives whole; a part of it would be that of another file. */
        [READ_TEXT] = { "read(text)",
                        "read",
                        UNSEEN,
                        { E(EAGAIN), E(EBADF), E(EFAULT), E(EINTR), E(EINVAL), E(EIO), E(EISDIR),
                          E(ENOSYS), E(EPERM), SHORT(0) } },
        [POLL] = { "poll",
                   "poll",
                   FAILS,
                   { E(EFAULT), E(EINTR), E(EINVAL), E(ENOMEM), E(ENOSYS), E(EPERM) } },
        /* It can not fail for CLOCK_MONOTONIC, and its result is not looked at. */
        [CLOCK] = { "clock_gettime",
                    "clock_gettime",
                    EARLY,
                    { E(EACCES), E(EFAULT), E(EINVAL), E(ENODEV), E(ENOTSUP), E(EPERM) } },
        /* Only a matter of speed. */
        [AFFINITY] = { "sched_getaffinity",
                       "sched_getaffinity",
                       UNSEEN,
                       { E(EFAULT), E(EINVAL), E(EPERM), E(ESRCH), E(ENOSYS) } },
};

/* What barrier.o may leave to the linker besides: no system calls. */
static const char *const harmless[] = { "__errno_location", "___errno_location",
                                        "memcpy",           "memset",
                                        "memcmp",           "strstr",
                                        "__stack_chk_fail", "__memcpy_chk",
                                        "__memset_chk",     "_GLOBAL_OFFSET_TABLE_",
                                        "__sched_cpucount" };

/* ---- the system calls ------------------------------------------------------------------------ */

enum { MAPPED = 64, CALLS_MAX = 20000, TICK = 100000 };

static void other_side_acts(bool finally);

static struct {
        bool armed; /* the call under test is running */
        bool no_preadv2;

        enum call target;
        const struct error *error; /* NULL: none */
        int at;                    /* the how-manieth call of this kind fails */
        bool forever;

        int hits, calls;
        int64_t now;
        jmp_buf hang;
} run;

static long injected[CALLS];

/* True if this call is to fail; then *result and errno are what it returns. */
static bool faulty(enum call c, ssize_t *result) {
        if (!run.armed)
                return false;
        if (++run.calls > CALLS_MAX)
                longjmp(run.hang, 1);
        if (!run.error || c != run.target)
                return false;
        run.hits++;
        if (run.hits < run.at || (run.hits > run.at && !run.forever))
                return false;
        injected[c]++;
        *result = run.error->value ? -1 : run.error->bytes;
        errno = run.error->value;
        return true;
}

static void unknown(const char *what, int number) {
        fprintf(stderr, "faults: the table does not know %s %d\n", what, number);
        exit(1);
}

static int do_eventfd(unsigned value, int flags) {
        ssize_t r;

        return faulty(EVENTFD, &r) ? (int) r : eventfd(value, flags);
}

static int do_pipe2(int fds[2], int flags) {
        ssize_t r;

        return faulty(PIPE2, &r) ? (int) r : pipe2(fds, flags);
}

static int do_fcntl(int fd, int cmd, int arg, ...) {
        enum call c = CALLS;
        ssize_t r;

        if (cmd == F_DUPFD_CLOEXEC)
                c = DUPFD;
        else if (cmd == F_GETFD)
                c = GETFD;
        else if (cmd == F_GETFL)
                c = GETFL;
        else if (cmd == F_SETFL)
                c = SETFL;
        else if (cmd == F_SETFD)
                c = SETFD;
        else
                unknown("fcntl command", cmd);
        return faulty(c, &r) ? (int) r : fcntl(fd, cmd, arg);
}

static int do_close(int fd) {
        ssize_t r;
        int n = close(fd);

        return faulty(CLOSE, &r) ? (int) r : n;
}

static ssize_t do_write(int fd, const void *p, size_t size) {
        ssize_t r;

        return faulty(WRITE, &r) ? r : write(fd, p, size);
}

#ifdef RWF_NOWAIT
static ssize_t do_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        ssize_t r;

        if (faulty(PREADV2, &r))
                return r;
        if (run.armed && run.no_preadv2) {
                errno = ENOSYS;
                return -1;
        }
        return preadv2(fd, iov, n, offset, flags);
}
#endif

static ssize_t do_read(int fd, void *p, size_t size) {
        enum call c = size == 0 ? PROBE : size == sizeof(uint64_t) ? READ : READ_TEXT;
        ssize_t r;

        if (!faulty(c, &r))
                return read(fd, p, size);
        return c == READ_TEXT && r > 0 ? read(fd, p, (size_t) r) : r;
}

static int do_fstat(int fd, struct stat *st) {
        ssize_t r;

        return faulty(FSTAT, &r) ? (int) r : fstat(fd, st);
}

static int do_open(const char *path, int flags) {
        ssize_t r;

        return faulty(OPEN, &r) ? (int) r : open(path, flags);
}

/* Time stands still but here and in poll(), so a wait that spins gets to its end too. */
static int do_clock_gettime(clockid_t clock, struct timespec *ts) {
        ssize_t r;

        if (clock != CLOCK_MONOTONIC)
                unknown("clock", (int) clock);
        if (faulty(CLOCK, &r))
                return (int) r;
        run.now += TICK;
        ts->tv_sec = (time_t) (run.now / 1000000000);
        ts->tv_nsec = (long) (run.now % 1000000000);
        return 0;
}

/* Wherever this runs, there are two CPUs, so that waits look more than once. */
static int do_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *cpus) {
        ssize_t r;

        if (faulty(AFFINITY, &r))
                return (int) r;
        if (sched_getaffinity(pid, size, cpus) < 0)
                return -1;
        CPU_SET(0, cpus);
        CPU_SET(1, cpus);
        return 0;
}

static int do_poll(struct pollfd *fds, nfds_t n, int msec) {
        ssize_t r;
        int ready;

        if (faulty(POLL, &r))
                return (int) r;
        ready = poll(fds, n, 0);
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

/* For each descriptor '-' if it is closed, 'o' if it is open; `flags`: 'x' if execve() closes it. */
static void map_descriptors(char map[MAPPED + 1], bool flags) {
        struct pollfd fds[MAPPED];
        int i;

        for (i = 0; i < MAPPED; i++) {
                fds[i].fd = i;
                fds[i].events = 0;
        }
        (void) poll(fds, MAPPED, 0);
        for (i = 0; i < MAPPED; i++)
                map[i] = fds[i].revents & POLLNVAL                   ? '-'
                         : flags && (fcntl(i, F_GETFD) & FD_CLOEXEC) ? 'x'
                                                                     : 'o';
        map[MAPPED] = 0;
}

#define eventfd           do_eventfd
#define pipe2             do_pipe2
#define fcntl(fd, ...)    do_fcntl(fd, __VA_ARGS__, 0) /* 0: the argument, if there is none */
#define close             do_close
#define write             do_write
#define preadv2           do_preadv2
#define read              do_read
#define fstat             do_fstat
#define open              do_open
#define poll              do_poll
#define clock_gettime     do_clock_gettime
#define sched_getaffinity do_sched_getaffinity

/* Two looks show all that 64 can, in a fraction of the runs. */
#define BARRIER_TRIES 2
#include "../barrier.c"

/* ---- situations ------------------------------------------------------------------------------ */

enum function {
        F_PLACE,
        F_ABORT,
        F_FAIL,
        F_WAIT_NEXT,
        F_SYNC_NEXT,
        F_SYNC,
        F_PLACE_AND_SYNC,
        F_WAIT_ABORTION,
        F_SET_ROLE,
        F_DESTROY,
        F_SET_TIMEOUT,
        F_QUERIES,
        F_GET_POLLFDS,
        F_WATCH,
        F_EXPORT,
        F_IMPORT,
        F_INIT,
        FUNCTIONS
};

enum { ACT_CODE = 4711, SENTINEL = 12345, TIMEOUT = 7 };

static const char *const functions[FUNCTIONS] = {
        "place",          "abort",         "fail",     "wait_next", "sync_next",   "sync",
        "place_and_sync", "wait_abortion", "set_role", "destroy",   "set_timeout", "queries",
        "get_pollfds",    "watch",         "export",   "import",    "init"
};

static const char *const roles[] = { "-", "parent", "child" };

/* What a side did before. The first two are in the order of their effect on a wait. */
enum { NOTHING, PLACED, PLACED_TWICE, ABORTED, FAILED, LEFT, PLACED_LEFT, THEIRS };
static const char *const theirs[THEIRS] = { "nothing", "placed", "placed twice",   "aborted",
                                            "failed",  "left",   "placed and left" };

/* This side: besides NOTHING to ABORTED, ... */
enum { LOOKED = ABORTED + 1, ABORTED_LOOKED, BROKE, EXPORTED, MINE };
static const char *const mine[MINE] = { "nothing", "placed",  "placed twice",
                                        "aborted", "looked",  "aborted and looked",
                                        "broke",   "exported" };

enum { LATE_NOTHING, LATE_PLACE, LATE_FAIL, LATE_PLACE_LEAVE, LATES };
static const char *const lates[LATES] = { "nothing", "place", "fail", "place and leave" };

enum { WATCH_NONE, WATCH_IDLE, WATCH_READY, WATCH_CLOSED, WATCHES };
static const char *const watches[WATCHES] = { "none", "idle", "ready", "closed" };
static int watch_fds[WATCHES] = { -1, -1, -1, MAPPED - 1 };

/* What is wrong in the new program, for import. */
enum {
        RIGHT,
        CLOSE_ON_EXEC,
        OTHER_EVENTFD,
        OTHER_PIPE,
        CLOSED_EVENTFD,
        CLOSED_PIPE,
        DAMAGED_STRING,
        NO_STRING,
        WRONGS
};
static const char *const wrongs[WRONGS] = { "nothing",         "already close-on-exec",
                                            "another eventfd", "another pipe",
                                            "closed eventfd",  "closed pipe",
                                            "damaged string",  "no string" };

static struct situation {
        enum function function;
        unsigned role;
        int mine, theirs, late, watch, timeout;
        int wrong; /* for import */
        int stdio; /* for init: bit n is set if descriptor n is closed */
} now;

static void describe(void) {
        fprintf(stderr, "  %s as %s, timeout %d, watch %s; this side: %s; the other: %s, late: %s",
                functions[now.function], roles[now.role], now.timeout, watches[now.watch],
                mine[now.mine], theirs[now.theirs], lates[now.late]);
        if (now.function == F_IMPORT)
                fprintf(stderr, "; wrong: %s", wrongs[now.wrong]);
        if (now.function == F_INIT)
                fprintf(stderr, "; closed standard streams: mask %d", now.stdio);
}

/* All that can be seen from outside. */
struct outcome {
        bool hung;
        int value; /* what the function returned */
        int error; /* errno if that is a failure */
        Barrier before, after;
        char map_before[MAPPED + 1], map_after[MAPPED + 1];
        char text[BARRIER_EXPORT_MAX];

        bool other; /* the other side is still there; then what it sees: */
        Barrier other_sees;
        int imported; /* by export: what import says of the string */
};

static Barrier this, that;
static bool acted, brief;
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
}

static void other_side_acts(bool finally) {
        run.armed = false;
        if (finally)
                barrier_destroy(&that);
        else if (!acted && now.late == LATE_PLACE)
                act(&that, PLACED);
        else if (!acted && now.late == LATE_FAIL)
                act(&that, FAILED);
        else if (!acted && now.late == LATE_PLACE_LEAVE)
                act(&that, PLACED_LEFT);
        acted = true;
        run.armed = true;
}

/* Both sides live in this process; a duplicate shares what fork() would share. */
static void both_sides(void) {
        unsigned other = now.role == BARRIER_PARENT ? BARRIER_CHILD : BARRIER_PARENT;

        if (barrier_init(&this) < 0) {
                perror("faults: barrier_init");
                exit(1);
        }
        that = this;
        that.me = fcntl(this.me, F_DUPFD_CLOEXEC, 3);
        that.them = fcntl(this.them, F_DUPFD_CLOEXEC, 3);
        that.pipe[0] = fcntl(this.pipe[0], F_DUPFD_CLOEXEC, 3);
        that.pipe[1] = fcntl(this.pipe[1], F_DUPFD_CLOEXEC, 3);
        (void) barrier_set_role(&that, other);
        barrier_set_timeout(&that, 0);
}

static void history(char *text) {
        int pipe_end;

        (void) barrier_set_role(&this, now.role);
        act(&that, now.theirs);
        if (now.mine <= ABORTED)
                act(&this, now.mine);
        else if (now.mine == ABORTED_LOOKED)
                act(&this, ABORTED);
        barrier_set_timeout(&this, 0);
        if (now.mine == LOOKED || now.mine == ABORTED_LOOKED)
                (void) barrier_wait_abortion(&this);
        if (now.mine == BROKE) { /* a closed descriptor is the simplest way */
                (void) barrier_watch(&this, 0);
                this.watch = MAPPED - 1;
                (void) barrier_wait_abortion(&this);
        }
        if (now.mine == EXPORTED)
                (void) barrier_export(&this, text, BARRIER_EXPORT_MAX);
        this.watch = watch_fds[now.watch];
        barrier_set_timeout(&this, now.timeout);

        if (now.function != F_IMPORT)
                return;
        (void) barrier_export(&this, text, BARRIER_EXPORT_MAX);
        pipe_end = this.pipe[now.role == BARRIER_CHILD];
        switch (now.wrong) {
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

static int call(char *text, const Barrier *given) {
        struct pollfd fds[BARRIER_POLLFDS];

        switch (now.function) {
        case F_PLACE:
                return barrier_place(&this);
        case F_ABORT:
                return barrier_abort(&this);
        case F_FAIL:
                return barrier_fail(&this, ACT_CODE);
        case F_WAIT_NEXT:
                return barrier_wait_next(&this);
        case F_SYNC_NEXT:
                return barrier_sync_next(&this);
        case F_SYNC:
                return barrier_sync(&this);
        case F_PLACE_AND_SYNC:
                return barrier_place_and_sync(&this);
        case F_WAIT_ABORTION:
                return barrier_wait_abortion(&this);
        case F_SET_ROLE:
                return barrier_set_role(&this, now.role);
        case F_DESTROY:
                barrier_destroy(&this);
                return errno == SENTINEL;
        case F_SET_TIMEOUT:
                barrier_set_timeout(&this, 0);
                return 0;
        case F_QUERIES:
                return barrier_i_aborted(&this) + 2 * barrier_they_aborted(&this) +
                       4 * barrier_we_aborted(&this) + 8 * barrier_is_aborted(&this) +
                       16 * barrier_they_left(&this) + 32 * barrier_error(&this);
        case F_GET_POLLFDS:
                return barrier_get_pollfds(&this, fds);
        case F_WATCH:
                return barrier_watch(&this, given->watch);
        case F_EXPORT:
                return barrier_export(&this, text, BARRIER_EXPORT_MAX);
        case F_IMPORT:
                return barrier_import(&this, now.wrong == NO_STRING ? NULL : text);
        case F_INIT:
                return barrier_init(&this);
        case FUNCTIONS:
                break;
        }
        return 0;
}

static bool returns_bool(void) {
        return now.function <= F_WAIT_ABORTION;
}

static void close_all_but(const char *map) {
        char open_now[MAPPED + 1];
        int i;

        map_descriptors(open_now, false);
        for (i = 0; i < MAPPED; i++)
                if (map[i] == '-' && open_now[i] != '-')
                        (void) close(i);
}

/* Runs the present situation, with the fault that `run` holds. */
static void experiment(struct outcome *o) {
        const Barrier null = BARRIER_NULL;
        const bool flags = now.function >= F_EXPORT;
        Barrier check, given;
        int i;

        memset(o, 0, sizeof *o);
        this = that = null;
        acted = false;
        if (now.function == F_INIT) {
                for (i = 0; i < 3; i++)
                        if (now.stdio >> i & 1)
                                (void) close(i);
        } else {
                both_sides();
                if (now.function != F_SET_ROLE)
                        history(o->text);
        }
        given = this;
        if (now.function == F_WATCH)
                this.watch = -1;
        o->before = this;
        map_descriptors(o->map_before, flags);
        if (now.function == F_INIT || now.function == F_IMPORT)
                memset(&this, 0x55, sizeof this);

        run.hits = run.calls = 0;
        run.now = 1000000000;
        run.armed = true;
        errno = SENTINEL;
        if (setjmp(run.hang) == 0)
                o->value = call(o->text, &given);
        else
                o->hung = true;
        o->error = returns_bool() && !o->value ? errno : 0;
        run.armed = false;

        o->after = this;
        map_descriptors(o->map_after, flags);
        if (now.function == F_EXPORT && o->value > 0)
                o->imported = barrier_import(&check, o->text);
        o->other = that.role != 0;
        if (o->other)
                (void) barrier_wait_abortion(&that);
        o->other_sees = that;

        barrier_destroy(&this);
        barrier_destroy(&that);
        if (now.function == F_IMPORT)
                barrier_destroy(&given); /* what it did not take over */
        if (now.function == F_INIT)
                for (i = 0; i < 3; i++)
                        (void) dup2(stdio_copies[i], i);
}

/* ---- the rules ------------------------------------------------------------------------------- */

static int violations;
static long runs, situations;

static void violation(const char *rule, const struct outcome *o) {
        static bool reported[FUNCTIONS][CALLS + 1][2];
        int c = run.error ? (int) run.target : CALLS;

        violations++;
        if (reported[now.function][c][run.forever])
                return;
        reported[now.function][c][run.forever] = true;
        fprintf(stderr, "faults: %s\n", rule);
        describe();
        if (run.error)
                fprintf(stderr, "; %s call %d to %s gives %s%s",
                        run.no_preadv2 ? "without preadv2," : "", run.at, table[run.target].name,
                        run.error->name, run.forever ? " for ever" : "");
        fprintf(stderr,
                "\n  returned %d, errno %d; error %d, i %d, they %d, exited %d, pipe %d %d, "
                "other side: error %d, exited %d\n  %s\n  %s\n",
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
        return now.timeout >= 0 && !o->value && o->error == ETIMEDOUT &&
               o->after.error == o->before.error && o->after.consumed == o->before.consumed &&
               strcmp(o->map_before, o->map_after) == 0;
}

/* A failed int function has changed nothing. */
static void judge_int(const struct outcome *o, int expected) {
        const Barrier null = BARRIER_NULL;
        bool makes = now.function == F_INIT || now.function == F_IMPORT;

        if (o->value != expected)
                violation("wrong error", o);
        if (!same_barrier(&o->after, makes ? &null : &o->before))
                violation("a failure changed the struct", o);
        if (strcmp(o->map_before, o->map_after) != 0)
                violation("a failure changed a descriptor", o);
}

/* A failed call ends the barrier, and this side leaves, unless it had ended already. */
static void judge_bool(const struct outcome *o, int expected) {
        char map[MAPPED + 1];
        int i;

        if (o->before.they_aborted)
                expected = o->before.error;
        if (o->value || o->error != expected || o->after.error != expected)
                violation("wrong error", o);
        if (!o->after.i_aborted || !o->after.they_aborted ||
            o->after.they_left != o->before.they_left)
                violation("not ended as by a failure", o);

        memcpy(map, o->map_before, sizeof map);
        for (i = 0; i < 2; i++)
                if (o->before.pipe[i] >= 0)
                        map[o->before.pipe[i]] = '-';
        if (o->after.pipe[0] != -1 || o->after.pipe[1] != -1 ||
            (o->other && strcmp(map, o->map_after)))
                violation("not just the pipe was closed", o);

        if (o->other && o->other_sees.error != (o->before.i_aborted ? ECONNABORTED : ECONNRESET))
                violation("the other side does not see it", o);
}

static bool restarts(void) {
        return run.error->value == EINTR && (run.target == WRITE || run.target == PREADV2 ||
                                             run.target == READ || run.target == POLL);
}

static void judge(const struct outcome *o, const struct outcome *normal) {
        const struct row *row = &table[run.target];
        int seen = run.error->seen ? run.error->seen : run.error->value;

        if (o->hung)
                violation("hangs", o);
        else if (row->effect == EARLY || (restarts() && run.forever)) {
                if (!same_outcome(o, normal) && !ran_out_unchanged(o))
                        violation("neither unseen nor out of time", o);
        } else if (row->effect == UNSEEN || restarts()) {
                /* Without /proc another eventfd can not be told. */
                if (!same_outcome(o, normal) && !(now.wrong == OTHER_EVENTFD && o->value == 0))
                        violation("not unseen", o);
        } else if (row->effect == REFUSES)
                judge_int(o, -EBADF);
        else if (returns_bool())
                judge_bool(o, seen);
        else
                judge_int(o, -seen);
        if (!nothing_left())
                violation("a descriptor is left", o);
}

/* Of the calls that are restarted only poll() can be interrupted for ever; then a wait ends only if
 * it has a time limit. F_SETFD can not fail for an open descriptor, and what refuses it otherwise, a
 * filter, refuses the first already. */
static bool sensible(void) {
        if (run.target == SETFD && run.at > 1)
                return false;
        return !run.forever || !restarts() || (run.target == POLL && now.timeout > 0);
}

static void all_faults(const struct outcome *normal) {
        struct outcome o;
        int c, i, forever;

        for (c = 0; c < CALLS; c++) {
                run.target = (enum call) c;
                run.no_preadv2 = c == READ;
                for (i = 0; i < ERRORS_MAX && table[c].errors[i].name; i++)
                        for (forever = 0; forever < 2; forever++) {
                                run.forever = forever;
                                run.error = &table[c].errors[i];
                                for (run.at = 1; sensible(); run.at++) {
                                        experiment(&o);
                                        if (run.hits < run.at)
                                                break;
                                        runs++;
                                        judge(&o, normal);
                                }
                                if (run.at == 1 && sensible())
                                        goto never_called;
                        }
        never_called:;
        }
        run.error = NULL;
        run.no_preadv2 = false;
}

static void situation(void) {
        struct outcome normal, other;

        situations++;
        experiment(&normal);
        if (normal.hung)
                violation("hangs without any fault", &normal);
        if (!nothing_left())
                violation("a descriptor is left without any fault", &normal);
        if (now.function == F_EXPORT && normal.value > 0 && normal.imported)
                violation("can not import what was exported", &normal);
        run.no_preadv2 = true;
        experiment(&other);
        run.no_preadv2 = false;
        if (!same_outcome(&normal, &other))
                violation("differs without preadv2", &other);
        all_faults(&normal);
}

static bool waits(enum function function) {
        return function >= F_WAIT_NEXT && function <= F_WAIT_ABORTION;
}

/* Whether what the other side does late can make a difference. */
static bool may_sleep(void) {
        return now.theirs < ABORTED && now.watch < WATCH_READY && now.mine != BROKE &&
               now.timeout != 0;
}

/* All situations of one function; the dimensions that do not concern it have one value. */
static void situations_of(enum function f) {
        static const int timeouts[] = { 0, TIMEOUT, -1 };
        bool simple = f == F_INIT || f == F_SET_ROLE;
        int t, timeouts_n = waits(f) ? 3 : 1;
        int lates_n = waits(f) ? LATES : 1;
        int watches_n = waits(f) || f == F_WATCH || f == F_GET_POLLFDS ? WATCHES : 1;
        int wrongs_n = f == F_IMPORT ? WRONGS : 1;
        int masks_n = f == F_INIT ? 8 : 1;

        memset(&now, 0, sizeof now);
        now.function = f;
        for (now.role = BARRIER_PARENT; now.role <= (f == F_INIT ? BARRIER_PARENT : BARRIER_CHILD);
             now.role++)
                for (now.stdio = 0; now.stdio < masks_n; now.stdio++)
                        for (now.wrong = 0; now.wrong < wrongs_n; now.wrong++)
                                for (now.mine = 0; now.mine < (simple ? 1 : MINE); now.mine++)
                                        for (now.theirs = 0; now.theirs < (simple ? 1 : THEIRS);
                                             now.theirs++)
                                                for (now.watch = 0; now.watch < watches_n;
                                                     now.watch++)
                                                        for (now.late = 0; now.late < lates_n;
                                                             now.late++)
                                                                for (t = 0; t < timeouts_n; t++) {
                                                                        now.timeout = timeouts[t];
                                                                        if (brief && waits(f) &&
                                                                            (now.role ==
                                                                                     BARRIER_PARENT ||
                                                                             now.watch ==
                                                                                     WATCH_IDLE))
                                                                                continue;
                                                                        if (now.late ==
                                                                                    LATE_NOTHING ||
                                                                            may_sleep())
                                                                                situation();
                                                                }
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

        for (i = 0; i < 3; i++) {
                if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i) {
                        fprintf(stderr, "faults: can not open /dev/null\n");
                        exit(2);
                }
                stdio_copies[i] = fcntl(i, F_DUPFD_CLOEXEC, MAPPED / 2);
        }
        watch_fds[WATCH_IDLE] = eventfd(0, EFD_CLOEXEC);
        watch_fds[WATCH_READY] = eventfd(1, EFD_CLOEXEC);
        map_descriptors(map_start, false);
        if (watch_fds[WATCH_READY] < 0 || map_start[MAPPED - 1] != '-') {
                fprintf(stderr, "faults: can not prepare the descriptors\n");
                exit(2);
        }
}

int main(int argc, char **argv) {
        bool terminal = isatty(STDERR_FILENO);
        int i, unused = 0;

        if (argc == 2 && strcmp(argv[1], "--symbols") == 0)
                return check_symbols();
        brief = argc == 2 && strcmp(argv[1], "--short") == 0;
        if (argc > 1 && !brief) {
                fprintf(stderr, "usage: faults            every situation\n"
                                "       faults --short    waits only in the child, "
                                "and not with an idle watch\n"
                                "       nm -u -P barrier.o | faults --symbols\n");
                return 2;
        }

        prepare();
        for (i = 0; i < FUNCTIONS; i++) {
                if (terminal)
                        fprintf(stderr, "\r%-16s%9ld faults", functions[i], runs);
                situations_of((enum function) i);
        }
        if (terminal)
                fprintf(stderr, "\r%30s\r", "");

        for (i = 0; i < CALLS; i++) {
                printf("%-24s%9ld\n", table[i].name, injected[i]);
                unused += injected[i] == 0;
        }
        if (unused)
                fprintf(stderr, "faults: %d rows of the table were never reached\n", unused);
        printf("faults: %d functions, %ld situations, %ld faults, %d violations\n", FUNCTIONS,
               situations, runs, violations);
        return violations || unused ? 1 : 0;
}
