/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * faults - every system call of barrier.c fails in turn, in every situation
 *
 *      faults              with every errno where nothing has happened before
 *      faults --short      with one errno for all that the library does not tell apart
 *      nm -u -P barrier.o | faults --symbols
 *
 * Exit status 0; 1: a violation, which is printed, or a call that the table does not know; 2: wrong
 * usage, or it cannot be tried here.
 *
 * HOW TO READ THIS FILE
 *
 * barrier.c is compiled in here with its system calls redirected to the functions below. They go
 * to the real kernel, but for the one that is told to fail, and but for time: what would sleep
 * moves a clock of our own, or lets the other side act, or is reported as a hang.
 *
 * `table` says for each kind of call what the caller of the library must see of its failures. A
 * situation is `now`: a function of the library, what both sides did before, how long this one
 * waits, and so on; `dimensions` has the list. Each situation first runs undisturbed, then once for
 * each call it makes, each error of that call, and both ways of failing: once, and from then on for
 * ever. judge() has the rules. What two sides do in the midst of each other's calls is explore's,
 * what a call does that succeeds is prove's.
 *
 * No call can be forgotten: the symbols that barrier.o leaves to the linker must all be in the
 * table, and a row that was never reached fails the run.
 */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

/* ---- the table ------------------------------------------------------------------------------- */

/* The kinds of calls: what makes descriptors and changes them, and what is asked of those. */
enum { EVENTFD, PIPE2, OPEN, EPOLL_CREATE, EPOLL_ADD, FCNTL, SETFL, SETFD, CLOSE, FSTAT, CLOCK };
enum { WRITE = CLOCK + 1, PREADV2, READ, READ_TEXT, POLL, POLL_AGAIN, PROBE, CALLS };

/* What the caller of the library sees of a call that failed: an errno, or one of these. */
enum {
        ITSELF = -1,
        UNSEEN = -2,   /* all is as if it had not failed */
        NOT_TRIED = -3 /* it would go on for ever, or is no failure but an answer */
};

/* Stands for a transfer of so many bytes, in the place of an errno. */
#define RESULT(bytes) (-1 - (bytes))

static const struct row {
        const char *name; /* a symbol, and more if there are several kinds of it */
        int other;        /* what is seen of an errno that is not told apart, */
        int eintr;        /* of EINTR for ever, if it is restarted (once, it is unseen then), */
        int eagain;       /* of EAGAIN, if that is told apart, */
        int none;         /* of RESULT(0), where there is that, */
        int part;         /* and of RESULT(1) */
} table[CALLS] = {
        [EVENTFD] = { "eventfd", ITSELF, 0, 0, 0, 0 },
        [PIPE2] = { "pipe2", ITSELF, 0, 0, 0, 0 },
        /* /proc only strengthens the check; nothing of it need be there. */
        [OPEN] = { "open", UNSEEN, 0, 0, 0, 0 },
        [EPOLL_CREATE] = { "epoll_create1", ITSELF, 0, 0, 0, 0 },
        [EPOLL_ADD] = { "epoll_ctl", ITSELF, 0, 0, 0, 0 },
        [FCNTL] = { "fcntl", ITSELF, 0, 0, 0, 0 },
        /* It is set already, unless the other side took it away. */
        [SETFL] = { "fcntl(F_SETFL)", UNSEEN, 0, 0, 0, 0 },
        [SETFD] = { "fcntl(F_SETFD)", ITSELF, 0, 0, 0, 0 },
        /* Linux has freed the descriptor when close() reports an error, EINTR included. */
        [CLOSE] = { "close", UNSEEN, 0, 0, 0, 0 },
        [FSTAT] = { "fstat", ITSELF, 0, 0, 0, 0 },
        [CLOCK] = { "clock_gettime", ITSELF, 0, 0, 0, 0 },
        /* EAGAIN is a full eventfd, which no honest peer brings about. */
        [WRITE] = { "write", ITSELF, NOT_TRIED, EPROTO, EIO, EIO },
        /* Any errno may be the answer of a kernel that does not know the flag for this file: read()
         * is asked instead. EAGAIN says that there is nothing. */
        [PREADV2] = { "preadv2", UNSEEN, NOT_TRIED, NOT_TRIED, 0, 0 },
        [READ] = { "read", ITSELF, NOT_TRIED, NOT_TRIED, EIO, EIO },
        /* It comes in as many parts as the kernel likes, but what never ends is no text. */
        [READ_TEXT] = { "read(text)", ITSELF, EFBIG, 0, 0, UNSEEN },
        [POLL] = { "poll", ITSELF, NOT_TRIED, 0, 0, 0 },
        /* Whether a pidfd that was ready still is. */
        [POLL_AGAIN] = { "poll(pidfd)", ITSELF, NOT_TRIED, 0, 0, 0 },
        /* Whether it polls as an eventfd does. */
        [PROBE] = { "poll(POLLOUT)", ITSELF, NOT_TRIED, 0, 0, 0 },
};

/* What barrier.o may leave to the linker besides: no system calls. */
static const char *const harmless[] = { "__errno_location", "___errno_location",
                                        "memcpy",           "memmove",
                                        "memset",           "memcmp",
                                        "memmem",           "__memcpy_chk",
                                        "__memmove_chk",    "__memset_chk",
                                        "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_" };

/* ---- situations ------------------------------------------------------------------------------ */

/* The functions of common.h, and these. QUIET are all that make no system call. */
enum { SET_ROLE = OPERATIONS, MOVE, EPOLL, DESTROY, QUIET, PIDFD, EXPORT, IMPORT, INIT, FUNCTIONS };

/* What a side did before: this one, and the other one. */
enum { NOTHING, PLACED, ABORTED, LOOKED, MET };
enum { FAILED = PLACED + 1, LEFT, PLACED_LEFT, BROKE_PROTOCOL };

enum { NO_TIME, SOME_TIME, FOR_EVER };
enum { ALL_THERE, NONE_THERE, CLOSED_WITHIN };

enum { FUNCTION, ROLE, MINE, THEIRS, WATCH, TIMEOUT, AROUND, DIMENSIONS };

static const struct dimension {
        const char *name, *values[FUNCTIONS + 1];
} dimensions[DIMENSIONS] = {
        [FUNCTION] = { "",
                       { OPERATION_NAMES, "set_role", "move", "epoll", "destroy", "others", "watch",
                         "export", "import", "init" } },
        [ROLE] = { "as ", { "parent", "child" } },
        [MINE] = { "this side: ", { "nothing", "placed", "aborted", "looked", "met the other" } },
        [THEIRS] = { "the other: ",
                     { "nothing", "placed", "failed", "left", "placed and left",
                       "broke the protocol" } },
        [WATCH] = { "watch: ", { "none", "ready" } },
        [TIMEOUT] = { "timeout: ", { "0", "7 ms", "never" } },
        [AROUND] = { "around it: ",
                     { "all", "no standard streams, no /proc at the export",
                       "others close standard streams within pipe2()" } },
};

static int now[DIMENSIONS];

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
                return waits() || f == EPOLL;
        case TIMEOUT:
                return waits();
        case AROUND:
                return f == INIT || ((f == EPOLL || f == IMPORT) && now[AROUND] < CLOSED_WITHIN);
        default:
                return true;
        }
}

/* The next one, as an odometer counts; false after the last. */
static bool next_situation(void) {
        int d;

        for (d = DIMENSIONS - 1; d >= 0; d--) {
                now[d]++;
                if (dimensions[d].values[now[d]] && matters(d))
                        return true;
                now[d] = 0;
        }
        return false;
}

/* ---- the system calls ------------------------------------------------------------------------ */

enum { CALLS_MAX = 20000, TICK = 100000 };

static void sleep_for(int msec);

static struct {
        bool armed;   /* the call under test is running */
        bool no_proc; /* in what went before */

        int target; /* the kind of call that fails, */
        int error;  /* with an errno, a RESULT(), or 0: it does not, */
        int at;     /* the how-manieth of its kind, */
        bool forever;

        int made[CALLS], all, sleeps; /* calls so far */
        ssize_t result;               /* of the call that fails */
        bool word_lost;               /* that of the abortion could not be written */
        int64_t now;
        jmp_buf hang;
} run;

static long injected[CALLS];

static int seen(void) {
        const struct row *row = &table[run.target];

        if (run.error == EINTR && row->eintr)
                return run.forever ? row->eintr : UNSEEN;
        if (run.error == EAGAIN && row->eagain)
                return row->eagain;
        if (run.error < 0)
                return run.error == RESULT(0) ? row->none : row->part;
        return row->other == ITSELF ? run.error : row->other;
}

/* True if this call is to fail; then run.result and errno are what it returns. */
static bool faulty(int c) {
        if (!run.armed)
                return false;
        if (++run.all > CALLS_MAX)
                longjmp(run.hang, 1);
        run.made[c]++;
        run.result = -1;
        if (c == PREADV2 && run.error && run.target == READ) {
                errno = ENOSYS;
                return true;
        }
        if (!run.error || c != run.target || run.made[c] < run.at ||
            (run.made[c] > run.at && !run.forever))
                return false;
        injected[c]++;
        errno = run.error;
        if (run.error < 0) {
                run.result = RESULT(run.error);
                errno = run.forever ? EINTR : EAGAIN; /* of an earlier call: this one succeeds */
        }
        return true;
}

static int do_fcntl(int fd, int cmd, int arg, ...) {
        int c = cmd == F_SETFL ? SETFL : cmd == F_SETFD ? SETFD : FCNTL;

        return faulty(c) ? -1 : fcntl(fd, cmd, arg);
}

/* A stream that is closed within it becomes one of the two: first the read end, then the write
 * end. */
static int do_pipe2(int fds[2], int flags) {
        int n, i = run.made[PIPE2];

        if (faulty(PIPE2))
                return -1;
        n = pipe2(fds, flags);
        if (now[AROUND] == CLOSED_WITHIN && i < 2) {
                (void) dup3(fds[i], i, O_CLOEXEC);
                (void) close(fds[i]);
                fds[i] = i;
        }
        return n;
}

static int do_close(int fd) {
        int n = close(fd);

        return faulty(CLOSE) ? -1 : n;
}

/* Bit 63 is the word of an abortion. EAGAIN: the eventfd really is full then. */
static ssize_t do_write(int fd, const void *p, size_t size) {
        uint64_t value;

        if (!faulty(WRITE))
                return write(fd, p, size);
        if (run.error == EAGAIN) {
                (void) eventfd_read(fd, &value);
                (void) eventfd_write(fd, UINT64_MAX - 1);
                errno = EAGAIN;
        } else if (run.error != EINTR) {
                memcpy(&value, p, sizeof value);
                run.word_lost = value >> 63;
        }
        return run.result;
}

static ssize_t do_read(int fd, void *p, size_t size) {
        const bool text = size != sizeof(uint64_t);

        if (!faulty(text ? READ_TEXT : READ))
                return read(fd, p, size);
        return text && run.result > 0 ? read(fd, p, (size_t) run.result) : run.result;
}

/* Time stands still but here and in poll(), so a wait that spins gets to its end too. */
static int do_clock_gettime(struct timespec *ts) {
        if (faulty(CLOCK))
                return -1;
        run.now += TICK;
        ts->tv_sec = (time_t) (run.now / 1000000000);
        ts->tv_nsec = (long) (run.now % 1000000000);
        return 0;
}

/* Linux says EINTR only if it has found nothing. */
static int do_poll(struct pollfd *fds, nfds_t n, int msec) {
        int c = fds[0].events == POLLOUT ? PROBE : n == 1 ? POLL_AGAIN : POLL;
        int ready = poll(fds, n, 0);

        if ((c != POLL || ready == 0 || run.error != EINTR) && faulty(c))
                return -1;
        if (ready == 0 && msec != 0) {
                sleep_for(msec);
                ready = poll(fds, n, 0);
        }
        return ready;
}

#define eventfd(value, flags)          (faulty(EVENTFD) ? -1 : eventfd(value, flags))
#define pipe2                          do_pipe2
#define fstat(fd, st)                  (faulty(FSTAT) ? -1 : fstat(fd, st))
#define open(path, flags)              (run.no_proc || faulty(OPEN) ? -1 : open(path, flags))
#define epoll_create1(flags)           (faulty(EPOLL_CREATE) ? -1 : epoll_create1(flags))
#define epoll_ctl(epfd, op, fd, event) (faulty(EPOLL_ADD) ? -1 : epoll_ctl(epfd, op, fd, event))
#define preadv2(fd, iov, n, at, flags) (faulty(PREADV2) ? -1 : preadv2(fd, iov, n, at, flags))
#define fcntl(fd, ...)                 do_fcntl(fd, __VA_ARGS__, 0) /* 0: if it has no argument */
#define close                          do_close
#define write                          do_write
#define read                           do_read
#define poll                           do_poll
#define clock_gettime(clock, ts)       do_clock_gettime(ts)

/* Two looks show all that 80 can, in a fraction of the runs, and the first barrier all that 16
 * can. */
#define BARRIER_TRIES      2
#define BARRIER_TRIES_FROM 1
#include "../../barrier.c"

#undef fcntl

/* ---- one run --------------------------------------------------------------------------------- */

enum { ACT_CODE = 4711, SENTINEL = 12345, REPORTED_MAX = 20 };

/* All that can be seen from outside. */
struct outcome {
        bool hung;
        int value; /* what the function returned */
        int error; /* errno, if that is a failure or has to be preserved */
        Barrier before, after, other_sees;
        char map_before[MAPPED + 1], map_after[MAPPED + 1];
};

static Barrier this, that, given;
static int ready_fd, stdio_copies[3];
static char map_start[MAPPED + 1];

__attribute__((noreturn)) static void die(const char *why) {
        fprintf(stderr, "faults: %s\n", why);
        exit(2);
}

/* Until the time runs out; or the other side places, and the next time leaves. */
static void sleep_for(int msec) {
        run.armed = false;
        run.sleeps++;
        if (msec > 0)
                run.now += (int64_t) msec * 1000000;
        else if (run.sleeps == 1)
                (void) barrier_place(&that);
        else if (run.sleeps == 2)
                barrier_destroy(&that);
        else
                longjmp(run.hang, 1);
        run.armed = true;
}

static unsigned role(void) {
        return now[ROLE] ? BARRIER_CHILD : BARRIER_PARENT;
}

/* Both sides live in this process. */
static void history(char text[BARRIER_EXPORT_MAX]) {
        static const int timeouts[] = { 0, 7, -1 };

        if (barrier_init(&this) < 0)
                die("barrier_init failed where nothing was made to");
        that = forked(&this);
        (void) barrier_set_role(&that, BARRIER_PARENT + BARRIER_CHILD - role());
        barrier_set_timeout(&that, 0);
        if (now[FUNCTION] == SET_ROLE)
                return;
        (void) barrier_set_role(&this, role());
        barrier_set_timeout(&this, 0);
        if (now[MINE] == MET && (!barrier_place(&that) || !barrier_place_and_sync(&this)))
                die("the two sides do not meet");
        if (now[THEIRS] == PLACED || now[THEIRS] == PLACED_LEFT)
                (void) barrier_place(&that);
        if (now[THEIRS] == FAILED)
                (void) barrier_fail(&that, ACT_CODE);
        if (now[THEIRS] == BROKE_PROTOCOL)
                (void) eventfd_write(that.me, UINT64_C(1) << 48);
        if (now[THEIRS] == LEFT || now[THEIRS] == PLACED_LEFT)
                barrier_destroy(&that);
        if (now[MINE] == PLACED)
                (void) barrier_place(&this);
        if (now[MINE] == ABORTED)
                (void) barrier_abort(&this);
        if (now[MINE] == LOOKED)
                (void) barrier_wait_abortion(&this);
        this.watch = now[WATCH] ? ready_fd : -1;
        barrier_set_timeout(&this, timeouts[now[TIMEOUT]]);
        run.no_proc = now[AROUND] == NONE_THERE;
        if (now[FUNCTION] == IMPORT && barrier_export(&this, text, BARRIER_EXPORT_MAX) < 0)
                die("barrier_export failed where nothing was made to");
        run.no_proc = false;
}

static int call(char text[BARRIER_EXPORT_MAX]) {
        struct pollfd fds[BARRIER_POLLFDS];

        switch (now[FUNCTION]) {
        case SET_ROLE:
                return barrier_set_role(&this, role());
        case MOVE:
                /* All of the parent's move; the first one of the child's is there already. */
                return barrier_move(&this, now[ROLE] ? this.me : MAPPED / 2);
        case EPOLL:
                return barrier_epoll(&this);
        case DESTROY:
                barrier_destroy(&this);
                return 0;
        case QUIET:
                barrier_set_timeout(&this, 0);
                (void) barrier_get_pollfds(&this, fds);
                return barrier_watch(&this, -1) + barrier_i_aborted(&this) +
                       barrier_they_aborted(&this) + barrier_we_aborted(&this) +
                       barrier_is_aborted(&this) + barrier_they_left(&this) + barrier_error(&this);
        case PIDFD:
                return barrier_watch(&this, ready_fd);
        case EXPORT:
                return barrier_export(&this, text, BARRIER_EXPORT_MAX);
        case IMPORT:
                return barrier_import(&this, text);
        case INIT:
                return barrier_init(&this);
        default:
                return operate(&this, now[FUNCTION], ACT_CODE);
        }
}

/* Runs the present situation, with the fault that `run` holds. */
static void experiment(struct outcome *o) {
        const Barrier null = BARRIER_NULL;
        const bool makes = now[FUNCTION] == INIT || now[FUNCTION] == IMPORT;
        char text[BARRIER_EXPORT_MAX];
        int i;

        memset(o, 0, sizeof *o);
        this = that = null;
        if (now[FUNCTION] != INIT)
                history(text);
        given = this;
        o->before = makes ? null : this;
        for (i = 0; i < 3 && now[AROUND] == NONE_THERE; i++)
                (void) close(i);
        map_descriptors(o->map_before, true);
        if (makes)
                memset(&this, 0x55, sizeof this);

        memset(run.made, 0, sizeof run.made);
        run.all = run.sleeps = 0;
        run.word_lost = false;
        run.now = 1000000000;
        run.armed = true;
        errno = SENTINEL;
        if (setjmp(run.hang) == 0)
                o->value = call(text);
        else
                o->hung = true;
        o->error = (returns_bool() && !o->value) || preserves_errno() ? errno : 0;
        run.armed = false;

        o->after = this;
        map_descriptors(o->map_after, true);
        for (i = 0; i < 3 && now[AROUND]; i++)
                (void) dup2(stdio_copies[i], i);
        if (now[FUNCTION] == EPOLL && o->value >= 0)
                (void) close(o->value);
        (void) barrier_wait_abortion(&that);
        o->other_sees = that;
        barrier_destroy(&this);
        barrier_destroy(&that);
        if (now[FUNCTION] == IMPORT)
                barrier_destroy(&given); /* what it did not take over */
}

/* ---- the rules ------------------------------------------------------------------------------- */

static bool brief;
static long violations, runs, situations;

static void violation(const char *rule, const struct outcome *o) {
        int d;

        if (++violations > REPORTED_MAX)
                return;
        fprintf(stderr, "faults: %s\n ", rule);
        for (d = 0; d < DIMENSIONS; d++)
                if (matters(d))
                        fprintf(stderr, " %s%s;", dimensions[d].name, dimensions[d].values[now[d]]);
        if (run.error)
                fprintf(stderr, " call %d to %s gives %s %d%s", run.at, table[run.target].name,
                        run.error < 0 ? "result" : "errno",
                        run.error < 0 ? RESULT(run.error) : run.error,
                        run.forever ? " for ever" : "");
        fprintf(stderr, "\n  returned %d, errno %d; error %d here, %d on the other side\n",
                o->value, o->error, o->after.error, o->other_sees.error);
}

/* What has arrived is of no interest once it ended, and the last fields only matter for speed. */
static bool same_barrier(const Barrier *a, const Barrier *b) {
        Barrier c = *a;

        if (a->error && b->error)
                c.received = b->received;
        return memcmp(&c, b, offsetof(Barrier, pause)) == 0;
}

static bool same_outcome(const struct outcome *a, const struct outcome *b) {
        return a->value == b->value && a->error == b->error && same_barrier(&a->after, &b->after) &&
               strcmp(a->map_after, b->map_after) == 0 &&
               same_barrier(&a->other_sees, &b->other_sees);
}

/* A failed int function has changed nothing. */
static void judge_int(const struct outcome *o, int expected) {
        if (o->value != expected)
                violation("wrong error", o);
        if (!same_barrier(&o->after, &o->before))
                violation("a failure changed the struct", o);
        if (strcmp(o->map_before, o->map_after) != 0)
                violation("a failure changed a descriptor", o);
}

/* A failed call ends the barrier, and a word tells the other side why. Only if that word could not
 * be written is the pipe closed; a full eventfd wakes the other side all the same. */
static void judge_bool(const struct outcome *o, int failed) {
        const int end = o->before.pipe[now[ROLE]];
        const int error = o->before.they_aborted ? o->before.error : failed;
        const int told = o->before.i_aborted ? ECONNABORTED
                         : failed == EPROTO  ? 0x7fff
                         : run.word_lost     ? ECONNRESET
                                             : error;

        if (o->value || o->after.error != error ||
            o->error != (preserves_errno() ? SENTINEL : error))
                violation("wrong error", o);
        if (!o->after.i_aborted || !o->after.they_aborted ||
            o->after.they_left != o->before.they_left)
                violation("not ended as by a failure", o);
        if (o->after.pipe[now[ROLE]] != (run.word_lost ? -1 : end))
                violation("the pipe end is not as it should be", o);
        if (o->other_sees.role && o->other_sees.error != told) /* or it has left meanwhile */
                violation("the other side does not see why", o);
}

static void judge_leaks(const struct outcome *o) {
        char map[MAPPED + 1];
        int i;

        if (memcmp(o->map_after, now[AROUND] == CLOSED_WITHIN ? "--o" : o->map_before, 3) != 0)
                violation("a standard stream is not as it was", o);
        map_descriptors(map, false);
        if (strcmp(map, map_start) == 0)
                return;
        violation("a descriptor is left", o);
        for (i = 0; i < MAPPED; i++)
                if (map_start[i] == '-' && map[i] != '-')
                        (void) close(i);
}

static void judge(const struct outcome *o, const struct outcome *normal) {
        if (o->hung)
                violation("hangs", o);
        else if (seen() == UNSEEN) {
                if (!same_outcome(o, normal))
                        violation("not unseen", o);
        } else if (returns_bool())
                judge_bool(o, seen());
        else
                judge_int(o, -seen());
        judge_leaks(o);
}

/* F_SETFD cannot fail for an open descriptor, and what refuses it otherwise, a filter, refuses the
 * first already. */
static bool sensible(void) {
        return seen() != NOT_TRIED && seen() != 0 && (run.target != SETFD || run.at == 1);
}

/* EPERM stands for all that are the same to the library. None of these calls gives EPROTO. */
static bool to_be_tried(int error) {
        return error < 0 || error == EAGAIN || error == EINTR || error == EIO || error == EPERM ||
               (error > 0 && error != EPROTO && !brief && !now[MINE] && !now[THEIRS]);
}

/* Each call that the fault can hit, in turn */
static void each_call(const struct outcome *normal) {
        struct outcome o;

        for (run.at = 1; sensible(); run.at++) {
                experiment(&o);
                if (run.made[run.target] < run.at)
                        return;
                runs++;
                judge(&o, normal);
        }
}

static void each_fault(const struct outcome *normal) {
        int made[CALLS];

        memcpy(made, run.made, sizeof made);
        made[READ] = made[PREADV2]; /* where that is refused */
        for (run.target = 0; run.target < CALLS; run.target++)
                for (run.error = RESULT(1); made[run.target] && run.error <= EHWPOISON; run.error++)
                        if (to_be_tried(run.error)) {
                                run.forever = false;
                                each_call(normal);
                                run.forever = true;
                                each_call(normal);
                        }
        run.error = 0;
}

static void situation(void) {
        struct outcome normal;

        situations++;
        experiment(&normal);
        if (normal.hung)
                violation("hangs without any fault", &normal);
        if (preserves_errno() && normal.error != SENTINEL)
                violation("errno is not preserved", &normal);
        if (now[FUNCTION] == QUIET && run.all)
                violation("a system call where none is needed", &normal);
        if (now[TIMEOUT] != SOME_TIME && run.made[CLOCK])
                violation("asks for the time without a timeout", &normal);
        if ((now[FUNCTION] == IMPORT || now[FUNCTION] == INIT) && normal.value)
                violation("fails without any fault", &normal);
        judge_leaks(&normal);
        if (now[AROUND] != CLOSED_WITHIN)
                each_fault(&normal);
}

/* ---- the program ----------------------------------------------------------------------------- */

static bool known(const char *symbol) {
        size_t i, length = strlen(symbol);

        for (i = 0; i < CALLS; i++)
                if (strcspn(table[i].name, "(") == length &&
                    memcmp(symbol, table[i].name, length) == 0)
                        return true;
        for (i = 0; i < sizeof harmless / sizeof *harmless; i++)
                if (strcmp(symbol, harmless[i]) == 0)
                        return true;
        return false;
}

/* Reads the output of `nm -u -P`: a symbol at the start of each line. Returns the exit status. */
static int check_symbols(void) {
        char line[512];
        int n = 0, bad = 0;

        while (fgets(line, sizeof line, stdin)) {
                line[strcspn(line, " @\n")] = 0;
                n++;
                if (known(line))
                        continue;
                fprintf(stderr, "faults: barrier.o calls %s, which the table does not know\n",
                        line);
                bad++;
        }
        printf("faults: %d symbols that barrier.o needs, %d of them not in the table\n", n, bad);
        return n == 0 || bad;
}

int main(int argc, char **argv) {
        int i, unused = 0;

        if (argc == 2 && strcmp(argv[1], "--symbols") == 0)
                return check_symbols();
        brief = argc == 2 && strcmp(argv[1], "--short") == 0;
        if (argc > 1 + brief) {
                fprintf(stderr, "usage: faults [--short], or faults --symbols\n");
                return 2;
        }
        for (i = 0; i < 3; i++)
                stdio_copies[i] = fcntl(i, F_DUPFD_CLOEXEC, MAPPED / 2);
        ready_fd = eventfd(1, EFD_CLOEXEC);
        map_descriptors(map_start, false);
        if (memcmp(map_start, "ooo", 3) != 0 || ready_fd < 0 || ready_fd >= MAPPED / 4)
                die("a standard stream is closed, or too many other descriptors are open");
        do
                situation();
        while (next_situation());

        for (i = 0; i < CALLS; i++)
                if (injected[i] == 0) {
                        fprintf(stderr, "faults: %s never failed\n", table[i].name);
                        unused++;
                }
        printf("faults: %d functions, %ld situations, %ld faults, %ld violations\n", FUNCTIONS,
               situations, runs, violations);
        return violations || unused;
}
