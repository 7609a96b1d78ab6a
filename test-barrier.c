/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * The suite: a test for every promise of barrier.h, named for that promise and in its words.
 *
 *      life_cycle      init, set_role, move and destroy; what is refused before there is a role
 *      waits           what each wait waits for, and what it consumes
 *      aborting        abort and fail, as seen from both sides
 *      leaving         exit, kill, crash, destroy and execve
 *      processes       two real processes in step; the ways in which a spawned child ends up
 *      copies          other holders of the descriptors, and barrier_watch()
 *      time            timeouts, signals, cancellation; how often a wait looks before it sleeps
 *      event_loops     barrier_epoll(); barrier_get_pollfds() with poll() and epoll
 *      wire            what is written and what is understood
 *      hostile         peers that break the protocol, and system calls that fail
 *      strings         barrier_export() and barrier_import()
 *      execve          the same across a real execve()
 *      calls           how many system calls it takes
 *
 * CK_RUN_CASE=waits runs that section alone, BARRIER_TESTS those of its lines, by the names that
 * CK_TAP_LOG_FILE_NAME=- prints.
 *
 * No test depends on how long something takes. "It would block" is asked with timeout 0, and what
 * has to happen first is told over a second channel. TEST() says on which ground a test stands:
 *
 *      ONCE            Nothing is prepared.
 *      EACH_SIDE       It runs twice, with `role` being the parent's and the child's.
 *      PAIR            The same, and both sides live in this process, as `mine`, which has that
 *                      role, and `theirs`, with descriptors of their own for the same objects.
 *
 * TEST_CASES() runs it in each of some named situations as well. What dies, execs or holds copies
 * of descriptors is a process: start_peer() makes the other side one. tell() and hear() are the
 * line to it. CHECK() works in every process; one in which it fails says so and exits with FAILED,
 * which whoever reaps it will not accept. After each test both sides are destroyed, and then there
 * must be neither a process nor a descriptor more than before.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

#ifdef __TINYC__
#undef __attribute__ /* which glibc hides from compilers that it does not know */
#endif

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_fsopen
#define SYS_fsopen 430
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

#define ELEMENTS(a) ((int) (sizeof(a) / sizeof *(a)))

/* The wire format. */
#define ABORTED (UINT64_C(1) << 63)
#define CODE(c) ((uint64_t) (c) << 48)

/* ---- tests, which register themselves -------------------------------------------------------- */

enum ground { ONCE, EACH_SIDE, PAIR };

struct test {
        const char *name;
        void (*run)(void); /* NULL: the name is that of the section that begins here */
        int line;
        enum ground ground;
        const char *const *cases; /* up to NULL */
        struct test *next;
};

static struct test *tests;

/* In the order of this file, which that of constructors need not be. */
static void add_test(struct test *t) {
        struct test **p = &tests;

        while (*p && (*p)->line < t->line)
                p = &(*p)->next;
        t->next = *p;
        *p = t;
}

#define REGISTER(name, run, ground, cases)                                                         \
        __attribute__((constructor)) static void add_##name(void) {                                \
                static struct test t = { #name, run, __LINE__, ground, cases, NULL };              \
                add_test(&t);                                                                      \
        }

#define SECTION(name) REGISTER(name, NULL, ONCE, NULL)

#define TEST_CASES(name, ground, cases)                                                            \
        static void name(void);                                                                    \
        REGISTER(name, name, ground, cases)                                                        \
        static void name(void)

#define TEST(name, ground) TEST_CASES(name, ground, NULL)

static unsigned role; /* of `mine` */
static int situation; /* the number of the case */
static Barrier mine = BARRIER_NULL, theirs = BARRIER_NULL;

/* ---- in place of libc ------------------------------------------------------------------------ */

/* These are called instead of libc's functions, so that a test can see what the library asks for,
 * and answer itself. Unless it does, they do the same. */
static struct {
        int (*poll)(struct pollfd *fds, nfds_t n, int msec);
        int polls;
        int looks, reads;       /* calls of preadv2() and read() */
        int preadv2_fails;      /* with this errno; 0: it does not */
        int reads_interrupted;  /* so many of the next calls of preadv2() and read() */
        int theirs_arrive_with; /* theirs is placed just before this look; 0: never */
        int64_t look_takes;     /* nanoseconds of the clock below */
        int64_t now;            /* what CLOCK_MONOTONIC says in nanoseconds; 0: the truth */
        int clock_fails_in;     /* so many calls from now, with EPERM; 0: never */
        int fstat_fails_in;     /* the same for fstat() */
        int closed_in, closed;  /* before so many new descriptors of eventfd() and pipe2() another
                                   thread closes these standard streams, one bit for each */
        bool someone_prints;    /* to each new descriptor that is a standard stream */
        int put_below_3;        /* what another thread puts where /proc was opened; 0: nothing */
        const char *fdinfo;     /* what /proc says of a descriptor; NULL: the truth */
        const char *not_fdinfo; /* what is opened in the place of that; NULL: nothing else */
        char opened[64];        /* of /proc */
        int opened_with;
} libc;

int poll(struct pollfd *fds, nfds_t n, int msec) {
        struct timespec ts;

        libc.polls++;
        if (libc.poll)
                return libc.poll(fds, n, msec);
        ts.tv_sec = msec / 1000;
        ts.tv_nsec = msec % 1000 * 1000000L;
        return ppoll(fds, n, msec < 0 ? NULL : &ts, NULL);
}

static bool read_is_interrupted(void) {
        if (libc.reads_interrupted == 0)
                return false;
        libc.reads_interrupted--;
        errno = EINTR;
        return true;
}

ssize_t read(int fd, void *to, size_t size) {
        libc.reads++;
        if (read_is_interrupted())
                return -1;
        if (size > 0)
                memset(to, 0, size); /* MemorySanitizer does not see what syscall() sets */
        return syscall(SYS_read, fd, to, size);
}

#ifdef RWF_NOWAIT
ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags) {
        libc.now += libc.look_takes;
        if (++libc.looks == libc.theirs_arrive_with && !barrier_place(&theirs))
                abort();
        if (libc.preadv2_fails) {
                errno = libc.preadv2_fails;
                return -1;
        }
        if (read_is_interrupted())
                return -1;
        return syscall(SYS_preadv2, fd, iov, n, (long) offset, (long) ((int64_t) offset >> 32),
                       flags);
}
#endif

int clock_gettime(clockid_t clock, struct timespec *ts) {
#ifdef SYS_clock_gettime64 /* on machines of 32 bits */
        enum { CALL = SYS_clock_gettime64 };
        int64_t t[2] = { 0, 0 };
#else
        enum { CALL = SYS_clock_gettime };
        long t[2] = { 0, 0 };
#endif
        long r = 0;

        if (libc.clock_fails_in > 0 && --libc.clock_fails_in == 0) {
                errno = EPERM;
                return -1;
        }
        if (clock == CLOCK_MONOTONIC && libc.now) {
                ts->tv_sec = (time_t) (libc.now / 1000000000);
                ts->tv_nsec = (long) (libc.now % 1000000000);
                return 0;
        }
        r = syscall(CALL, clock, t);
        ts->tv_sec = (time_t) t[0];
        ts->tv_nsec = (long) t[1];
        return (int) r;
}

int fstat(int fd, struct stat *st) {
        memset(st, 0, sizeof *st);
        if (libc.fstat_fails_in > 0 && --libc.fstat_fails_in == 0) {
                errno = EPERM;
                return -1;
        }
        return fstatat(fd, "", st, AT_EMPTY_PATH);
}

static bool write_text(int fd, const char *text) {
        return write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

int open(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list rest;
        int fd, ends[2];

        va_start(rest, flags);
        if (flags & (O_CREAT | O_TMPFILE))
                mode = va_arg(rest, mode_t);
        va_end(rest);
        if (strncmp(path, "/proc/thread-self/fdinfo/", 25) == 0) {
                (void) snprintf(libc.opened, sizeof libc.opened, "%s", path);
                libc.opened_with = flags;
                if (libc.fdinfo) {
                        if (pipe2(ends, O_CLOEXEC) < 0 || !write_text(ends[1], libc.fdinfo))
                                abort();
                        (void) close(ends[1]);
                        return ends[0];
                }
                if (libc.not_fdinfo)
                        path = libc.not_fdinfo;
        }
        fd = (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        if (libc.put_below_3 && fd >= 0 && fd <= STDERR_FILENO && dup2(libc.put_below_3, fd) < 0)
                abort();
        return fd;
}

/* Another thread prints to a standard stream, or to what has its number. */
static void someone_prints_to(int fd) {
        const uint64_t text = 1;

        if (libc.someone_prints && fd >= 0 && fd <= STDERR_FILENO)
                if (write(fd, &text, sizeof text) != sizeof text && errno != EBADF)
                        abort();
}

/* The bits of `closed` are standard streams. */
static void close_standard_streams(int closed) {
        int i;

        for (i = 0; i < 3; i++)
                if (closed & 1 << i && close(i) < 0)
                        abort();
}

static bool someone_closes_streams(void) {
        if (libc.closed_in == 0 || --libc.closed_in > 0)
                return false;
        close_standard_streams(libc.closed);
        return true;
}

int eventfd(unsigned count, int flags) {
        int fd;

        (void) someone_closes_streams();
        fd = (int) syscall(SYS_eventfd2, count, flags);
        someone_prints_to(fd);
        return fd;
}

int pipe2(int fds[2], int flags) {
        int r, ends[2] = { -1, -1 }; /* MemorySanitizer, as above */

        (void) someone_closes_streams();
        r = (int) syscall(SYS_pipe2, ends, flags);
        if (r == 0) {
                fds[0] = ends[0];
                fds[1] = ends[1];
                if (someone_closes_streams()) {
                        fds[1] = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
                        (void) close(ends[1]);
                }
                someone_prints_to(fds[0]);
                someone_prints_to(fds[1]);
        }
        return r;
}

/* ---- the ground every test stands on --------------------------------------------------------- */

enum { FAILED = 99, IMPOSSIBLE = 98 }; /* exit statuses */

static char program[PATH_MAX];         /* this file, for execve() */
static int complaints = STDERR_FILENO; /* stays open when a test closes the standard streams */
static pid_t test_process;
static bool skips;         /* this check leaves something out */
static int *skipped;       /* how many do; shared by all processes */
static bool reaps_orphans; /* an emulator may not be able to */

static void failed(const char *file, int line, const char *what) __attribute__((noreturn));
static void failed(const char *file, int line, const char *what) {
        const char *error = strerror(errno);

        if (getpid() == test_process)
                ck_abort_msg("%s:%d: not true: %s (errno: %s)", file, line, what, error);
        (void) dprintf(complaints, "%s:%d: not true: %s (errno: %s)\n", file, line, what, error);
        _exit(FAILED);
}

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        failed(__FILE__, __LINE__, #condition);                                    \
        } while (0)

/* Where a test cannot be made, it says so. */
#define NOTE_SKIPPED(why)                                                                          \
        do {                                                                                       \
                (void) dprintf(complaints, "%s:%d: SKIPPED: %s\n", __FILE__, __LINE__, why);       \
                skips = true;                                                                      \
        } while (0)

#define SKIP(why)                                                                                  \
        do {                                                                                       \
                NOTE_SKIPPED(why);                                                                 \
                return;                                                                            \
        } while (0)

/* Which descriptors are open, with which flags and for which files. */
enum { FILES = 128, HIGH = 48 /* a number that does not come next */ };

struct files {
        struct {
                int flags, mode;
                dev_t device;
                ino_t inode;
        } fd[FILES];
};

static void look_at_files(struct files *f) {
        struct stat st;
        int i;

        memset(f, 0, sizeof *f);
        for (i = 0; i < FILES; i++) {
                f->fd[i].flags = fcntl(i, F_GETFD);
                if (f->fd[i].flags < 0)
                        continue;
                CHECK(fstat(i, &st) == 0);
                f->fd[i].mode = fcntl(i, F_GETFL);
                f->fd[i].device = st.st_dev;
                f->fd[i].inode = st.st_ino;
        }
}

static bool files_are_as_in(const struct files *before) {
        struct files now;

        look_at_files(&now);
        return memcmp(&now, before, sizeof now) == 0;
}

static int count_files(void) {
        int i, n = 0;

        for (i = 0; i < FILES; i++)
                n += fcntl(i, F_GETFD) >= 0;
        return n;
}

/* ---- both sides in one process --------------------------------------------------------------- */

static unsigned other(unsigned r) {
        return r == BARRIER_PARENT ? BARRIER_CHILD : BARRIER_PARENT;
}

static int copy_of(int fd) {
        fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        CHECK(fd >= 0);
        return fd;
}

static void make_pair(Barrier *this_side, Barrier *that_side) {
        CHECK(barrier_init(this_side) == 0);
        *that_side = *this_side;
        that_side->me = copy_of(this_side->me);
        that_side->them = copy_of(this_side->them);
        that_side->pipe[0] = copy_of(this_side->pipe[0]);
        that_side->pipe[1] = copy_of(this_side->pipe[1]);
        CHECK(barrier_set_role(this_side, role) == 0);
        CHECK(barrier_set_role(that_side, other(role)) == 0);
}

static void destroy_both(void) {
        barrier_destroy(&mine);
        barrier_destroy(&theirs);
}

static void afresh(void) {
        destroy_both();
        make_pair(&mine, &theirs);
}

static bool is_null(const Barrier *b) {
        const Barrier null = BARRIER_NULL;

        return memcmp(b, &null, sizeof null) == 0;
}

static int pipe_end(const Barrier *b) {
        return b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];
}

/* ---- processes ------------------------------------------------------------------------------- */

static void make_line(int ends[2]) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
}

static pid_t start(int *line) {
        int ends[2];
        pid_t pid;

        make_line(ends);
        pid = fork();
        CHECK(pid >= 0);
        *line = ends[pid == 0];
        CHECK(close(ends[pid != 0]) == 0);
        return pid;
}

static void tell(int line, int value) {
        ssize_t n;

        do
                n = send(line, &value, sizeof value, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        CHECK(n == sizeof value);
}

static int hear(int line) {
        int value;
        ssize_t n;

        do
                n = recv(line, &value, sizeof value, MSG_WAITALL);
        while (n < 0 && errno == EINTR);
        CHECK(n == sizeof value);
        return value;
}

static int reap(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                CHECK(errno == EINTR);
        return status;
}

static int finish(pid_t pid, int line) {
        int status = reap(pid);

        CHECK(close(line) == 0);
        return status;
}

static bool was_killed(int status, int sig) {
        return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static void kill_and_reap(pid_t pid) {
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(was_killed(reap(pid), SIGKILL));
}

static bool was_impossible(int status) {
        return WIFEXITED(status) && WEXITSTATUS(status) == IMPOSSIBLE;
}

static pid_t peer; /* the other side of `mine`, where it is a process */
static int peer_line;

/* Returns true in the peer, whose `mine` is the other side. */
static bool start_peer(void) {
        destroy_both();
        CHECK(barrier_init(&mine) == 0);
        peer = start(&peer_line);
        CHECK(barrier_set_role(&mine, peer ? role : other(role)) == 0);
        return peer == 0;
}

static int finish_peer(void) {
        return finish(peer, peer_line);
}

static int pidfd_open_(pid_t pid) {
        return (int) syscall(SYS_pidfd_open, pid, 0);
}

static bool has_pidfds(void) {
        int pidfd = pidfd_open_(getpid());

        return pidfd >= 0 && close(pidfd) == 0;
}

/* Becomes this program again, in after_exec(). */
static void exec_self(const char *what, int line, const char *exported) {
        char option[] = "--after-exec", numbers[2][16];
        char *argv[7];

        (void) snprintf(numbers[0], sizeof numbers[0], "%d", line);
        (void) snprintf(numbers[1], sizeof numbers[1], "%d", situation);
        argv[0] = program;
        argv[1] = option;
        argv[2] = (char *) what;
        argv[3] = numbers[0];
        argv[4] = (char *) exported;
        argv[5] = numbers[1];
        argv[6] = NULL;
        CHECK(fcntl(line, F_SETFD, 0) == 0);
        execv(program, argv);
        failed(__FILE__, __LINE__, "execv");
}

/* ---- questions ------------------------------------------------------------------------------- */

enum { I = 1, THEY = 2, LEFT = 4 };

/* Whether the queries say just this. */
static bool knows(const Barrier *b, int who, int error) {
        return barrier_i_aborted(b) == ((who & I) != 0) &&
               barrier_they_aborted(b) == ((who & THEY) != 0) &&
               barrier_they_left(b) == ((who & LEFT) != 0) &&
               barrier_we_aborted(b) == ((who & I) && (who & THEY)) &&
               barrier_is_aborted(b) == ((who & (I | THEY)) != 0) && barrier_error(b) == error;
}

typedef bool operation(Barrier *b);

static operation *const counting_waits[] = {
        barrier_wait_next,
        barrier_sync_next,
        barrier_sync,
};

static operation *const all_waits[] = {
        barrier_wait_next,
        barrier_sync_next,
        barrier_sync,
        barrier_wait_abortion,
};

static bool fails_with_errno(Barrier *b, operation *op, int before, int after) {
        errno = before;
        return !op(b) && errno == after;
}

static bool fails(Barrier *b, operation *op, int error) {
        return fails_with_errno(b, op, 0, error);
}

/* Whether it is over, for every function that could still hope. */
static bool all_fail(Barrier *b, int error) {
        return fails(b, barrier_wait_next, error) && fails(b, barrier_sync_next, error) &&
               fails(b, barrier_sync, error) && fails(b, barrier_place, error) &&
               fails(b, barrier_place_and_sync, error) && barrier_error(b) == error;
}

/* Whether barrier_abort() or barrier_fail() says that it is over, and preserves errno. */
static bool too_late(Barrier *b, operation *op, int error) {
        return fails_with_errno(b, op, E2BIG, E2BIG) && barrier_error(b) == error;
}

static bool would_block(Barrier *b, operation *wait) {
        int who = (barrier_i_aborted(b) ? I : 0), error = barrier_error(b);
        bool right;

        barrier_set_timeout(b, 0);
        right = fails(b, wait, ETIMEDOUT) && knows(b, who, error);
        barrier_set_timeout(b, -1);
        return right;
}

/* Puts another file where one of the barrier's descriptors was. */
static void replace(int fd, int by) {
        CHECK(dup3(by, fd, O_CLOEXEC) == fd && close(by) == 0);
}

/* Whether a descriptor polls as readable now. */
static bool is_readable(int fd) {
        struct pollfd p = { fd, POLLIN, 0 };

        CHECK(poll(&p, 1, 0) >= 0 && (p.revents & ~POLLIN) == 0);
        return p.revents != 0;
}

static bool place_many(Barrier *b, int n) {
        while (n-- > 0)
                if (!barrier_place(b))
                        return false;
        return true;
}

static bool raw_write(int fd, uint64_t value) {
        return write(fd, &value, sizeof value) == sizeof value;
}

static uint64_t raw_read(int fd) {
        uint64_t value = 0;

        if (read(fd, &value, sizeof value) != sizeof value)
                CHECK(errno == EAGAIN);
        return value;
}

/* poll() is not if barrier.c was compiled so that it calls another. */
static bool poll_is_ours(void) {
        libc.polls = 0;
        return would_block(&mine, barrier_wait_next) && libc.polls == 1;
}

static bool fail_with_code(Barrier *b) {
        return barrier_fail(b, 5);
}

#ifdef BARRIER_TRIES
enum { TRIES = BARRIER_TRIES };
#else
enum { TRIES = 80 };
#endif

enum { TRIES_FROM = 16 };

/* Lets them place so many and this side take them all. */
static bool hear_of(int n) {
        return place_many(&theirs, n) && barrier_wait_next(&mine);
}

/* Whether what looks is preadv2() in this program. Leaves a fresh pair. */
static bool looks_are_ours(void) {
        CHECK(hear_of(1));
        afresh();
        return libc.looks > 0;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

SECTION(life_cycle)

static bool is_eventfd(int fd) {
        return raw_read(fd) == 0 && raw_write(fd, 5) && raw_write(fd, 6) && raw_read(fd) == 11;
}

TEST(init_makes_two_eventfds_and_a_pipe_whatever_the_struct_held, ONCE) {
        Barrier fresh = BARRIER_NULL;
        struct stat st[2];
        int i, n = count_files();

        memset(&mine, 0x5a, sizeof mine);
        CHECK(barrier_init(&mine) == 0);
        CHECK(count_files() == n + 4);
        CHECK(mine.me != mine.them && is_eventfd(mine.me) && is_eventfd(mine.them));
        for (i = 0; i < 2; i++)
                CHECK(fstat(mine.pipe[i], &st[i]) == 0 && S_ISFIFO(st[i].st_mode));
        CHECK(st[0].st_ino == st[1].st_ino);
        CHECK((fcntl(mine.pipe[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
        CHECK((fcntl(mine.pipe[1], F_GETFL) & O_ACCMODE) == O_WRONLY);

        fresh.me = mine.me;
        fresh.them = mine.them;
        memcpy(fresh.pipe, mine.pipe, sizeof mine.pipe);
        CHECK(memcmp(&mine, &fresh, sizeof mine) == 0);
}

TEST(struct_is_at_most_64_bytes_and_versioned, ONCE) {
        CHECK(sizeof(Barrier) <= 64);
        CHECK(BARRIER_VERSION[0] >= '1' && BARRIER_VERSION[0] <= '9');
}

/* They are closed before the `when`th new descriptor of barrier_init(), or long before; and it may
 * find that descriptor 3 is free or not. */
static void init_while_streams_are_closed(int closed, int when) {
        int i, fd[4], n = count_files();
        char byte;

        libc.someone_prints = true;
        libc.closed = closed;
        libc.closed_in = when;
        if (when == 0)
                close_standard_streams(closed);
        CHECK(barrier_init(&mine) == 0);
        libc.someone_prints = false;
        fd[0] = mine.me;
        fd[1] = mine.them;
        fd[2] = mine.pipe[0];
        fd[3] = mine.pipe[1];
        for (i = 0; i < 4; i++) {
                CHECK(fd[i] > STDERR_FILENO);
                CHECK(fcntl(fd[i], F_GETFD) == FD_CLOEXEC);
                CHECK(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
        }
        CHECK(is_eventfd(mine.me) && is_eventfd(mine.them));
        CHECK(read(mine.pipe[0], &byte, 1) < 0 && errno == EAGAIN);
        for (i = 0; i < 3; i++)
                CHECK(fcntl(i, F_GETFD) == (closed & 1 << i ? -1 : 0));
        CHECK(count_files() == n + 4 - !!(closed & 1) - !!(closed & 2) - !!(closed & 4));
        CHECK(barrier_set_role(&mine, BARRIER_PARENT) == 0);
        barrier_destroy(&mine);
}

/* Lets init fail at every step. */
static void init_without_descriptors(int closed) {
        struct rlimit limit, low;
        struct files before;
        int i, r, needed = 4, highest;

        close_standard_streams(closed);
        look_at_files(&before);
        for (highest = 3; needed > 0; highest++)
                needed -= before.fd[highest].flags < 0;

        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        low = limit;
        for (i = 0; i <= highest; i++) {
                low.rlim_cur = (rlim_t) i;
                CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
                memset(&mine, 0x5a, sizeof mine);
                r = barrier_init(&mine);
                CHECK(r == (i < highest ? -EMFILE : 0));
                CHECK(is_null(&mine) == (r < 0));
                barrier_destroy(&mine);
                /* To valgrind 3.27 what is above the limit is closed, though it only looks so. */
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                CHECK(files_are_as_in(&before));
        }
}

/* In a process for each set of closed standard streams. */
static void with_closed_standard_streams(void (*run)(int closed)) {
        int closed, line;
        pid_t pid;

        for (closed = 0; closed < 8; closed++) {
                pid = start(&line);
                if (pid == 0) {
                        complaints = fcntl(complaints, F_DUPFD_CLOEXEC, HIGH);
                        (void) close(STDERR_FILENO + 1);
                        run(closed);
                        _exit(0);
                }
                CHECK(finish(pid, line) == 0);
        }
}

static void init_without_standard_streams(int closed) {
        init_while_streams_are_closed(closed, 0);
}

TEST(descriptors_are_cloexec_nonblocking_above_2_and_nobody_prints_to_them, ONCE) {
        with_closed_standard_streams(init_without_standard_streams);
}

static int closed_before; /* this new descriptor, by another thread */

static void init_beside_a_thread_that_closes(int closed) {
        init_while_streams_are_closed(closed, closed_before);
}

TEST(descriptors_are_above_2_whenever_another_thread_closes_a_standard_stream, ONCE) {
        for (closed_before = 1; closed_before <= 4; closed_before++)
                with_closed_standard_streams(init_beside_a_thread_that_closes);
}

TEST(init_that_fails_at_any_step_leaves_nothing_open, ONCE) {
        with_closed_standard_streams(init_without_descriptors);
}

TEST(set_role_closes_what_belongs_to_the_other_side_alone, EACH_SIDE) {
        Barrier b;
        int n = count_files();

        CHECK(barrier_init(&b) == 0);
        mine = b;
        CHECK(barrier_set_role(&mine, role) == 0);
        CHECK(count_files() == n + 3);
        if (role == BARRIER_PARENT) {
                CHECK(mine.me == b.me && mine.them == b.them);
                CHECK(mine.pipe[0] == b.pipe[0] && mine.pipe[1] == -1);
        } else {
                CHECK(mine.me == b.them && mine.them == b.me);
                CHECK(mine.pipe[0] == -1 && mine.pipe[1] == b.pipe[1]);
        }
        CHECK(knows(&mine, 0, 0));
        barrier_destroy(&mine);
        CHECK(count_files() == n);
}

/* Whatever it is asked, it says what it should and nothing has changed. */
static void refuses_role(Barrier *b, unsigned r, int error) {
        Barrier before = *b;
        struct files files;

        look_at_files(&files);
        CHECK(barrier_set_role(b, r) == error);
        CHECK(memcmp(b, &before, sizeof before) == 0 && files_are_as_in(&files));
}

TEST(set_role_refuses_and_changes_nothing, EACH_SIDE) {
        static const unsigned unknown[] = { 0, 3, 257, 258, UINT_MAX };
        Barrier zero, broken;
        int *const ends[] = { &broken.me, &broken.them, &broken.pipe[role == BARRIER_CHILD] };
        int i, low;

        memset(&zero, 0, sizeof zero);
        refuses_role(&zero, role, -EBADF);
        refuses_role(&mine, role, -EBADF);
        CHECK(barrier_init(&mine) == 0);
        for (i = 0; i < ELEMENTS(unknown); i++)
                refuses_role(&mine, unknown[i], -EINVAL);
        for (i = 0; i < ELEMENTS(ends); i++)
                for (low = -1; low <= STDERR_FILENO; low++) {
                        broken = mine;
                        *ends[i] = low;
                        refuses_role(&broken, role, -EBADF);
                        refuses_role(&broken, 3, -EINVAL);
                }
        CHECK(barrier_set_role(&mine, role) == 0);
        refuses_role(&mine, role, -EALREADY);
        refuses_role(&mine, 3, -EINVAL);
        barrier_destroy(&mine);
        refuses_role(&mine, role, -EBADF);

        CHECK(barrier_init(&mine) == 0 && barrier_set_role(&mine, role) == 0);
        for (i = 0; i < ELEMENTS(ends); i++) { /* a known role goes first */
                broken = mine;
                *ends[i] = -1;
                refuses_role(&broken, role, -EALREADY);
        }
        barrier_destroy(&mine);
        refuses_role(&mine, role, -EBADF);
}

TEST(set_role_takes_any_number_above_2, EACH_SIDE) {
        Barrier b = BARRIER_NULL;

        b.me = b.them = b.pipe[role == BARRIER_CHILD] = STDERR_FILENO + 1;
        CHECK(barrier_set_role(&b, role) == 0);
}

/* As if it had been set before the fork: both sides have it, and one sets its own. */
TEST(other_role_than_the_one_that_was_set_ends_this_side, EACH_SIDE) {
        struct files files;
        Barrier before;
        int line;
        pid_t holder;

        CHECK(barrier_init(&mine) == 0 && barrier_set_role(&mine, role) == 0);
        CHECK(raw_write(mine.them, 1)); /* what whoever has the role rightly has to find */
        holder = start(&line);
        if (holder == 0) {
                look_at_files(&files);
                before = mine;
                CHECK(barrier_set_role(&mine, other(role)) == -EALREADY);
                CHECK(files_are_as_in(&files));
                CHECK(knows(&mine, I | THEY, EALREADY) && all_fail(&mine, EALREADY));
                CHECK(fails(&mine, barrier_wait_abortion, EALREADY));
                CHECK(too_late(&mine, barrier_abort, EALREADY));
                CHECK(barrier_set_role(&mine, role) == -EALREADY);
                CHECK(barrier_set_role(&mine, other(role)) == -EALREADY);
                before.error = EALREADY;
                before.i_aborted = before.they_aborted = 1;
                CHECK(memcmp(&mine, &before, sizeof mine) == 0);
                barrier_destroy(&mine);
                _exit(0);
        }
        CHECK(finish(holder, line) == 0);
        CHECK(raw_read(mine.me) == 0 && raw_read(mine.them) == 1); /* nothing was written or read */
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET) && knows(&mine, THEY | LEFT, ECONNRESET));
}

TEST(other_role_keeps_how_it_ended_before, PAIR) {
        CHECK(barrier_fail(&theirs, 5) && fails(&mine, barrier_sync, 5));
        CHECK(barrier_set_role(&mine, other(role)) == -EALREADY);
        CHECK(knows(&mine, I | THEY, 5));

        afresh();
        CHECK(barrier_abort(&mine)); /* ECANCELED gives way */
        CHECK(barrier_set_role(&mine, other(role)) == -EALREADY);
        CHECK(knows(&mine, I | THEY, EALREADY) && all_fail(&mine, EALREADY));
        CHECK(fails(&theirs, barrier_sync, ECONNABORTED));
}

static int lowest_descriptor(const Barrier *b) {
        int lowest = b->me < b->them ? b->me : b->them;

        return pipe_end(b) >= 0 && pipe_end(b) < lowest ? pipe_end(b) : lowest;
}

/* What is there already stays. */
static bool is_moved(int was, int is, int lowest) {
        return was >= lowest ? is == was : is >= lowest;
}

TEST(move_takes_the_descriptors_to_high_numbers_and_the_barrier_goes_on, PAIR) {
        static const int lowest[] = { INT_MIN, 0, 3, 40, 40, 41, 60, 40 };
        char s[BARRIER_EXPORT_MAX];
        struct files before, after;
        Barrier was;
        int i, k, exported;

        for (exported = 0; exported < 2; exported++, afresh())
                for (i = 0; i < ELEMENTS(lowest); i++) {
                        if (exported)
                                CHECK(barrier_export(&mine, s, sizeof s) > 0);
                        barrier_set_timeout(&mine, 7);
                        CHECK(barrier_watch(&mine, STDIN_FILENO) == 0);
                        was = mine;
                        look_at_files(&before);
                        CHECK(barrier_move(&mine, lowest[i]) == 0);
                        look_at_files(&after);
                        CHECK(is_moved(was.me, mine.me, lowest[i]));
                        CHECK(is_moved(was.them, mine.them, lowest[i]));
                        CHECK(is_moved(pipe_end(&was), pipe_end(&mine), lowest[i]));
                        if (lowest_descriptor(&was) >= lowest[i])
                                CHECK(memcmp(&mine, &was, sizeof mine) == 0);
                        else
                                for (k = 0; k < lowest[i]; k++)
                                        CHECK(k == was.me || k == was.them || k == pipe_end(&was)
                                                      ? after.fd[k].flags < 0
                                                      : memcmp(&after.fd[k], &before.fd[k],
                                                               sizeof after.fd[k]) == 0);
                        CHECK(memcmp(&after.fd[mine.me], &before.fd[was.me], sizeof *after.fd) ==
                              0);
                        CHECK(memcmp(&after.fd[mine.them], &before.fd[was.them],
                                     sizeof *after.fd) == 0);
                        CHECK(memcmp(&after.fd[pipe_end(&mine)], &before.fd[pipe_end(&was)],
                                     sizeof *after.fd) == 0);
                        CHECK(barrier_watch(&mine, -1) == 0 && was.watch == STDIN_FILENO);
                        barrier_set_timeout(&mine, -1);
                        CHECK(barrier_place(&mine) && barrier_place_and_sync(&theirs));
                        CHECK(barrier_sync(&mine) && would_block(&theirs, barrier_wait_abortion));
                }
        barrier_destroy(&mine);
        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY | LEFT, ECONNRESET));
}

static void move_fails(int lowest, int error) {
        Barrier was = mine;
        struct files files;

        look_at_files(&files);
        CHECK(barrier_move(&mine, lowest) == error);
        CHECK(memcmp(&mine, &was, sizeof mine) == 0 && files_are_as_in(&files));
}

TEST(move_that_fails_changes_nothing, PAIR) {
        int *const ends[] = { &mine.me, &mine.them, &mine.pipe[role == BARRIER_CHILD] };
        struct rlimit limit, low;
        int i, free, top, error;

        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        low = limit;
        for (free = 0; free < 3; free++) { /* so many numbers are */
                top = 40 + free;
                low.rlim_cur = (rlim_t) top;
                CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
                CHECK(fcntl(STDIN_FILENO, F_DUPFD, top) < 0);
                error = -errno; /* EINVAL, but EMFILE under valgrind */
                move_fails(40, free == 0 ? error : -EMFILE);
                move_fails(top, error);
        }
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        for (i = 0; i < ELEMENTS(ends); i++) {
                afresh();
                CHECK(close(*ends[i]) == 0);
                move_fails(40, -EBADF);
        }
        destroy_both();
        move_fails(40, -ENOTCONN);
        CHECK(barrier_init(&mine) == 0);
        move_fails(40, -ENOTCONN);
}

TEST(move_passes_over_an_end_that_is_gone, PAIR) {
        CHECK(close(mine.me) == 0);
        CHECK(!barrier_place(&mine) && pipe_end(&mine) == -1); /* it could not tell */
        mine.me = copy_of(theirs.me);
        CHECK(barrier_move(&mine, 40) == 0);
        CHECK(mine.me >= 40 && mine.them >= 40 && pipe_end(&mine) == -1);
}

/* It does nothing on NULL, on BARRIER_NULL and on a zeroed struct. */
TEST(destroy_closes_everything_and_may_be_repeated, EACH_SIDE) {
        Barrier zero;
        struct files files;

        look_at_files(&files);
        barrier_destroy(NULL);
        barrier_destroy(&mine);
        memset(&zero, 0, sizeof zero);
        barrier_destroy(&zero);
        CHECK(is_null(&mine) && is_null(&zero) && files_are_as_in(&files));

        CHECK(barrier_init(&mine) == 0);
        barrier_destroy(&mine);
        CHECK(is_null(&mine) && files_are_as_in(&files));
        barrier_destroy(&mine);
        CHECK(is_null(&mine) && files_are_as_in(&files));

        make_pair(&mine, &theirs);
        CHECK(barrier_place(&mine));
        CHECK(barrier_abort(&theirs));
        destroy_both();
        CHECK(is_null(&mine) && is_null(&theirs) && files_are_as_in(&files));
}

TEST(destroy_preserves_errno, ONCE) {
        CHECK(barrier_init(&mine) == 0);
        CHECK(close(mine.me) == 0 && close(mine.pipe[1]) == 0); /* so that closing fails */
        errno = E2BIG;
        barrier_destroy(&mine);
        CHECK(errno == E2BIG);
        barrier_destroy(&mine);
        CHECK(errno == E2BIG);
        barrier_destroy(NULL);
        CHECK(errno == E2BIG);
}

TEST(destroy_serves_as_cleanup_attribute, ONCE) {
        int n = count_files();

        {
                __attribute__((cleanup(barrier_destroy))) Barrier b = BARRIER_NULL;

                CHECK(barrier_init(&b) == 0);
                CHECK(count_files() == n + 4);
        }
        CHECK(count_files() == n);
}

static operation *const needing_role[] = {
        barrier_place,     barrier_abort, fail_with_code,         barrier_wait_next,
        barrier_sync_next, barrier_sync,  barrier_place_and_sync, barrier_wait_abortion,
};

static void without_role(Barrier *b) {
        struct pollfd fds[BARRIER_POLLFDS];
        char text[BARRIER_EXPORT_MAX] = "untouched";
        Barrier before = *b;
        int i;

        for (i = 0; i < ELEMENTS(needing_role); i++)
                CHECK(fails(b, needing_role[i], ENOTCONN));
        CHECK(barrier_get_pollfds(b, fds) == -ENOTCONN);
        CHECK(barrier_export(b, text, sizeof text) == -ENOTCONN);
        CHECK(strcmp(text, "untouched") == 0);
        CHECK(knows(b, 0, 0));
        CHECK(memcmp(b, &before, sizeof before) == 0);
        barrier_set_timeout(b, 0);
        for (i = 0; i < ELEMENTS(needing_role); i++)
                CHECK(fails(b, needing_role[i], ENOTCONN));
}

TEST(everything_fails_with_ENOTCONN_before_set_role_and_on_BARRIER_NULL, ONCE) {
        Barrier zero;
        struct files files;

        look_at_files(&files);
        without_role(&mine);
        memset(&zero, 0, sizeof zero);
        without_role(&zero);
        CHECK(files_are_as_in(&files));

        CHECK(barrier_init(&mine) == 0);
        without_role(&mine);
        CHECK(raw_read(mine.me) == 0 && raw_read(mine.them) == 0);
        barrier_destroy(&mine);
        without_role(&mine);
}

/* ---- waits ----------------------------------------------------------------------------------- */

SECTION(waits)

TEST(sync_waits_for_as_many_as_this_side_placed, PAIR) {
        CHECK(barrier_sync(&mine)); /* 0 of 0 */
        CHECK(place_many(&mine, 3));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(place_many(&theirs, 2));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync(&mine) && barrier_sync(&mine));
        CHECK(barrier_sync(&theirs));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync(&mine));
        CHECK(would_block(&theirs, barrier_sync));
        CHECK(barrier_place(&mine));
        CHECK(barrier_sync(&mine) && barrier_sync(&theirs));
        CHECK(knows(&mine, 0, 0) && knows(&theirs, 0, 0));
}

TEST(sync_next_waits_for_one_linked_barrier, PAIR) {
        CHECK(barrier_sync_next(&mine)); /* 0 of 0 */
        CHECK(place_many(&mine, 3));
        CHECK(would_block(&mine, barrier_sync_next));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync_next(&mine) && barrier_sync_next(&mine));

        CHECK(place_many(&mine, 3) && place_many(&theirs, 2)); /* all that have arrived, at once */
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
}

TEST(wait_next_consumes_all_that_have_arrived_linked_or_not, PAIR) {
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(place_many(&theirs, 3));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(place_many(&mine, 2));
        CHECK(would_block(&mine, barrier_wait_next)); /* 3 of 2, but none is new */
        CHECK(barrier_sync(&mine) && would_block(&mine, barrier_wait_next));
        CHECK(barrier_sync_next(&mine) && would_block(&mine, barrier_wait_next));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
}

TEST(wait_next_can_swallow_the_next_step_but_sync_counts_it, PAIR) {
        CHECK(barrier_place(&mine) && place_many(&theirs, 2));
        CHECK(barrier_wait_next(&mine));
        CHECK(barrier_place(&mine));
        CHECK(barrier_sync(&mine) && barrier_sync_next(&mine));
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync) && would_block(&mine, barrier_sync_next));
}

/* A wait that is satisfied before it looks, or for which fewer would do, must not eat the rest. */
TEST(linked_waits_consume_linked_barriers_and_leave_the_others, PAIR) {
        static operation *const linked[] = { barrier_sync, barrier_sync_next };
        int i;

        for (i = 0; i < 2; i++) {
                afresh();
                CHECK(barrier_place(&theirs));
                CHECK(linked[i](&mine)); /* 1 of 0 */
                CHECK(barrier_wait_next(&mine));
                CHECK(would_block(&mine, barrier_wait_next));

                CHECK(place_many(&mine, 2) && place_many(&theirs, 2));
                CHECK(linked[i](&mine)); /* 3 of 2 */
                CHECK(linked[i](&mine));
                CHECK(barrier_wait_next(&mine));
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(barrier_place(&mine));
                CHECK(linked[i](&mine)); /* 3 of 3 */
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(barrier_place(&mine) && barrier_place(&theirs));
                CHECK(linked[i](&mine)); /* 4 of 4 */
                CHECK(would_block(&mine, barrier_wait_next));
        }
}

TEST(wait_that_fails_consumes_nothing, PAIR) {
        CHECK(place_many(&mine, 2) && barrier_place(&theirs));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));

        CHECK(place_many(&mine, 1) && barrier_place(&theirs)); /* 2 of 3 */
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
}

TEST(placing_never_blocks_and_counts, PAIR) {
        CHECK(place_many(&mine, 1000));
        CHECK(place_many(&theirs, 999));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_sync(&theirs));
        CHECK(barrier_place_and_sync(&theirs));
        CHECK(barrier_sync(&mine));
        CHECK(would_block(&mine, barrier_place_and_sync));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync(&mine)); /* the barrier of the try before was placed */
}

TEST(place_does_not_ask_whether_the_other_side_is_still_there, PAIR) {
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_place(&mine));
        CHECK(knows(&mine, 0, 0));
        CHECK(!barrier_place_and_sync(&mine) && errno == ECONNABORTED);
        CHECK(fails(&mine, barrier_place, ECONNABORTED));

        afresh();
        barrier_destroy(&theirs);
        CHECK(barrier_place(&mine) && knows(&mine, 0, 0));
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(fails(&mine, barrier_place, ECONNRESET));
}

/* ---- aborting -------------------------------------------------------------------------------- */

SECTION(aborting)

/* However many barriers there are of either side, and however far this one has got with theirs. */
TEST(abortion_is_never_missed, PAIR) {
        enum { IN_THE_KERNEL, RECEIVED, CONSUMED };
        int own, placed, how, i;

        for (i = 0; i < ELEMENTS(counting_waits); i++)
                for (own = 0; own < 2; own++)
                        for (placed = 0; placed < 3; placed++)
                                for (how = IN_THE_KERNEL; how <= CONSUMED; how++) {
                                        afresh();
                                        CHECK(place_many(&mine, own));
                                        CHECK(place_many(&theirs, placed));
                                        if (how == RECEIVED)
                                                CHECK(would_block(&mine, barrier_wait_abortion));
                                        if (how == CONSUMED && placed)
                                                CHECK(barrier_wait_next(&mine));
                                        CHECK(barrier_abort(&theirs));
                                        CHECK(fails(&mine, counting_waits[i], ECONNABORTED));
                                        CHECK(knows(&mine, THEY, ECONNABORTED));
                                        CHECK(all_fail(&mine, ECONNABORTED));
                                        CHECK(barrier_wait_abortion(&mine));
                                }
}

TEST(own_abort_ends_every_wait_but_one, PAIR) {
        CHECK(place_many(&theirs, 2) && barrier_place(&mine));
        CHECK(barrier_sync(&mine));
        CHECK(barrier_abort(&mine));
        CHECK(knows(&mine, I, ECANCELED));
        CHECK(all_fail(&mine, ECANCELED));
        CHECK(barrier_abort(&mine)); /* once more changes nothing */
        CHECK(knows(&mine, I, ECANCELED));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(all_fail(&mine, ECANCELED));

        CHECK(barrier_place(&theirs));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(fails(&theirs, barrier_sync, ECONNABORTED));
        CHECK(!barrier_abort(&theirs));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
        CHECK(knows(&mine, I | THEY, ECONNABORTED));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
        CHECK(too_late(&mine, barrier_abort, ECONNABORTED));
}

TEST(abort_is_true_until_the_other_side_is_known_to_have_aborted, PAIR) {
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_abort(&mine)); /* they did, but nobody looked */
        CHECK(knows(&mine, I, ECANCELED) && knows(&theirs, I, ECANCELED));
        CHECK(all_fail(&mine, ECONNABORTED) && all_fail(&theirs, ECONNABORTED));
        CHECK(knows(&mine, I | THEY, ECONNABORTED) && knows(&theirs, I | THEY, ECONNABORTED));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
}

TEST(abort_and_fail_preserve_errno, PAIR) {
        errno = E2BIG;
        CHECK(barrier_fail(&mine, ENOENT) && errno == E2BIG);
        CHECK(barrier_abort(&mine) && errno == E2BIG); /* already did */
        CHECK(barrier_wait_abortion(&theirs));
        CHECK(too_late(&theirs, barrier_abort, ENOENT));
        afresh();
        CHECK(close(mine.me) == 0);
        CHECK(too_late(&mine, barrier_abort, EBADF));
}

TEST(abort_is_sent_even_if_they_aborted_first, PAIR) {
        CHECK(barrier_fail(&theirs, EPERM));
        CHECK(fails(&mine, barrier_sync, EPERM));
        CHECK(too_late(&mine, fail_with_code, EPERM));
        CHECK(knows(&mine, I | THEY, EPERM));
        CHECK(fails(&theirs, barrier_wait_abortion, 5));
        CHECK(knows(&theirs, I | THEY, 5));
}

TEST(wait_abortion_ignores_barriers_and_keeps_them, PAIR) {
        CHECK(place_many(&theirs, 2));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_wait_next(&mine));
        CHECK(place_many(&mine, 2) && barrier_sync(&mine));
        CHECK(barrier_fail(&theirs, 77));
        CHECK(barrier_wait_abortion(&mine) && barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 77));
}

TEST(code_of_fail_becomes_errno_of_the_other_side, PAIR) {
        static const int codes[] = { 1,         EPERM,      ENOENT,       ETIMEDOUT,
                                     ECANCELED, ECONNRESET, ECONNABORTED, 0x5555,
                                     16384,     32766,      32767 };
        int i, k, sign;

        for (i = 0; i < ELEMENTS(codes); i++)
                for (k = 0; k < ELEMENTS(counting_waits); k++)
                        for (sign = -1; sign <= 1; sign += 2) {
                                afresh();
                                CHECK(place_many(&theirs, k));
                                CHECK(barrier_fail(&theirs, sign * codes[i]));
                                CHECK(knows(&theirs, I, ECANCELED));
                                CHECK(fails(&mine, counting_waits[k], codes[i]));
                                CHECK(knows(&mine, THEY, codes[i]));
                                CHECK(all_fail(&mine, codes[i]));
                                CHECK(barrier_wait_abortion(&mine));
                                CHECK(too_late(&mine, barrier_abort, codes[i]));
                        }
}

TEST(code_out_of_range_counts_as_none, PAIR) {
        static const int codes[] = { 0,      32768,  32769,  65536,   65541,
                                     -32768, -32769, -65541, INT_MAX, INT_MIN };
        int i;

        for (i = 0; i < ELEMENTS(codes); i++) {
                afresh();
                CHECK(barrier_fail(&theirs, codes[i]));
                CHECK(fails(&mine, barrier_sync, ECONNABORTED));
                CHECK(knows(&mine, THEY, ECONNABORTED));
        }
}

TEST(first_code_stays, PAIR) {
        CHECK(barrier_fail(&theirs, 5) && barrier_fail(&theirs, 6) && barrier_abort(&theirs));
        CHECK(fails(&theirs, barrier_place, ECANCELED));
        CHECK(fails(&mine, barrier_sync, 5));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_sync, 5));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 5));

        afresh();
        CHECK(barrier_abort(&theirs) && barrier_fail(&theirs, 6));
        CHECK(fails(&mine, barrier_sync, ECONNABORTED));
}

TEST(their_word_outranks_own_ECANCELED, PAIR) {
        int i;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                afresh();
                CHECK(barrier_fail(&mine, 3));
                CHECK(fails(&mine, counting_waits[i], ECANCELED));
                CHECK(barrier_fail(&theirs, 9));
                CHECK(fails(&mine, counting_waits[i], 9));
                CHECK(knows(&mine, I | THEY, 9));
                CHECK(fails(&theirs, counting_waits[i], 3));
                barrier_destroy(&theirs);
                CHECK(fails(&mine, barrier_wait_abortion, 9));
                CHECK(knows(&mine, I | THEY, 9));
        }
}

TEST(own_abort_then_they_left, PAIR) {
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_abort(&mine));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&mine, I | THEY | LEFT, ECONNRESET));
        CHECK(all_fail(&mine, ECONNRESET));
        CHECK(too_late(&mine, barrier_abort, ECONNRESET));
}

TEST(leaving_first_stays_whatever_comes_later, PAIR) {
        int wire = copy_of(theirs.me);

        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(raw_write(wire, ABORTED | CODE(5)));
        CHECK(fails(&mine, barrier_place, ECONNRESET));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(too_late(&mine, fail_with_code, ECONNRESET));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&mine, I | THEY | LEFT, ECONNRESET));
        CHECK(close(wire) == 0);
}

/* ---- leaving --------------------------------------------------------------------------------- */

SECTION(leaving)

enum { EXIT, SIGKILLED, CRASH, DESTROY, EXECVE };

static const char *const ways_to_leave[] = {
        [EXIT] = "exit",       [SIGKILLED] = "SIGKILL", [CRASH] = "crash",
        [DESTROY] = "destroy", [EXECVE] = "execve",     NULL,
};

static void leave(void) {
        const struct rlimit no_core = { 0, 0 };

        switch (situation) {
        case SIGKILLED:
                (void) kill(getpid(), SIGKILL);
                break;
        case CRASH:
                (void) setrlimit(RLIMIT_CORE, &no_core);
                (void) signal(SIGSEGV, SIG_DFL);
                (void) raise(SIGSEGV);
                break;
        case DESTROY:
                barrier_destroy(&mine);
                tell(peer_line, 0);
                (void) hear(peer_line);
                break;
        case EXECVE:
                exec_self("linger", peer_line, "");
        }
        _exit(0);
}

/* Starts a peer that places some barriers and leaves, and returns when that has happened for sure.
 * The peer may be alive all the same. */
static void start_leaver(int placed) {
        siginfo_t info;

        if (start_peer()) {
                CHECK(place_many(&mine, placed));
                leave();
        }
        if (situation == DESTROY || situation == EXECVE)
                CHECK(hear(peer_line) == 0);
        else
                CHECK(waitid(P_PID, (id_t) peer, &info, WEXITED | WNOWAIT) == 0);
}

static void bury_leaver(void) {
        int status;

        if (situation == DESTROY || situation == EXECVE)
                tell(peer_line, 0);
        status = finish_peer();
        if (situation == SIGKILLED)
                CHECK(was_killed(status, SIGKILL));
        else if (situation == CRASH)
                CHECK(was_killed(status, SIGSEGV));
        else
                CHECK(status == 0);
}

TEST_CASES(placed_barrier_is_never_lost_to_an_exit, EACH_SIDE, ways_to_leave) {
        start_leaver(1);
        CHECK(barrier_place_and_sync(&mine)); /* placing still works: nobody looked */
        CHECK(knows(&mine, 0, 0));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET)); /* none is new, and none will come */
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_sync(&mine)); /* what they placed is not taken back */
        CHECK(fails(&mine, barrier_place, ECONNRESET));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        bury_leaver();
}

TEST_CASES(placed_barriers_are_there_even_once_leaving_is_known, EACH_SIDE, ways_to_leave) {
        start_leaver(3);
        CHECK(barrier_place(&mine));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_sync(&mine) && barrier_sync_next(&mine));
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET)); /* placing is over all the same */
        CHECK(barrier_wait_next(&mine));                         /* two are not linked */
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(barrier_sync(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        bury_leaver();
}

TEST_CASES(too_few_barriers_before_leaving_are_not_enough, EACH_SIDE, ways_to_leave) {
        start_leaver(2);
        CHECK(place_many(&mine, 3));
        CHECK(fails(&mine, barrier_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_sync_next(&mine));
        CHECK(fails(&mine, barrier_sync_next, ECONNRESET));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        bury_leaver();
}

TEST_CASES(leaving_wakes_every_wait, EACH_SIDE, ways_to_leave) {
        int i;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                start_leaver(0);
                CHECK(barrier_place(&mine));
                CHECK(fails(&mine, counting_waits[i], ECONNRESET));
                CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
                CHECK(all_fail(&mine, ECONNRESET));
                CHECK(barrier_wait_abortion(&mine));
                bury_leaver();
        }
        start_leaver(0);
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(too_late(&mine, barrier_abort, ECONNRESET));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&mine, I | THEY | LEFT, ECONNRESET));
        bury_leaver();
}

TEST(word_before_leaving_is_how_it_ended, PAIR) {
        CHECK(barrier_place(&mine) && place_many(&theirs, 2) && barrier_fail(&theirs, ENOENT));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_sync, ENOENT));
        CHECK(knows(&mine, THEY, ENOENT));
        CHECK(barrier_wait_abortion(&mine));

        afresh();
        CHECK(barrier_abort(&theirs));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, ECONNABORTED));
}

/* Nothing orders the two sides here: whatever comes first, the barrier must be seen. */
TEST(placed_barrier_is_not_lost_to_an_exit_that_races_with_the_wait, EACH_SIDE) {
        int i;

        for (i = 0; i < 100; i++) {
                if (start_peer()) {
                        CHECK(barrier_place(&mine));
                        _exit(0);
                }
                CHECK(barrier_place_and_sync(&mine));
                CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
                CHECK(finish_peer() == 0);
        }
}

/* poll() looks at one descriptor after the other. Here they act and leave in between. */
static operation *last_deed;

static int poll_misses_the_last_deed(struct pollfd *fds, nfds_t n, int msec) {
        (void) n, (void) msec;
        CHECK(last_deed(&theirs));
        barrier_destroy(&theirs);
        fds[0].revents = 0;
        fds[1].revents = POLLHUP;
        return 1;
}

TEST(leaving_is_not_believed_before_the_eventfd_was_read_again, PAIR) {
        int i;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                if (all_waits[i] != barrier_wait_abortion) {
                        afresh();
                        libc.poll = poll_misses_the_last_deed;
                        last_deed = barrier_place;
                        CHECK(barrier_place(&mine) && all_waits[i](&mine) && knows(&mine, 0, 0));
                        libc.poll = NULL;
                }
                afresh();
                libc.poll = poll_misses_the_last_deed;
                last_deed = fail_with_code;
                CHECK(barrier_place(&mine));
                CHECK(all_waits[i](&mine) == (all_waits[i] == barrier_wait_abortion));
                CHECK(knows(&mine, THEY, 5));
                libc.poll = NULL;
        }
}

TEST(side_killed_while_it_waits_has_left, EACH_SIDE) {
        if (start_peer()) {
                CHECK(barrier_place(&mine));
                tell(peer_line, 0);
                CHECK(barrier_sync_next(&mine)); /* there is none */
                _exit(FAILED);
        }
        CHECK(hear(peer_line) == 0);
        kill_and_reap(peer);
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_sync_next(&mine));
        CHECK(close(peer_line) == 0);
}

/* SIGPIPE would kill this process. Whoever has the child's role has the write end of the pipe. */
TEST(no_function_raises_SIGPIPE_when_the_other_side_is_gone, PAIR) {
        char s[BARRIER_EXPORT_MAX];
        int ends_itself;

        CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
        for (ends_itself = 0; ends_itself < 2; ends_itself++) {
                afresh();
                barrier_destroy(&theirs);
                CHECK(barrier_place(&mine));
                if (ends_itself)
                        CHECK(barrier_fail(&mine, 5));
                CHECK(barrier_wait_abortion(&mine) == !ends_itself);
                CHECK(all_fail(&mine, ECONNRESET));
                CHECK(too_late(&mine, barrier_abort, ECONNRESET));
                CHECK(barrier_export(&mine, s, sizeof s) > 0 && barrier_import(&mine, s) == 0);
                barrier_destroy(&mine);
        }
}

/* ---- two real processes ---------------------------------------------------------------------- */

SECTION(processes)

static int *shared_counters(void) {
        int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        CHECK(p != MAP_FAILED);
        return p;
}

/* After every sync the other side has done the work of as many rounds, and at most one more. */
static void keep_step(volatile int *done, const volatile int *done_there, int rounds) {
        int i, n;

        for (i = 1; i <= rounds; i++) {
                *done = i;
                CHECK(barrier_place_and_sync(&mine));
                n = *done_there;
                CHECK(n == i || n == i + 1);
        }
}

TEST(two_processes_keep_step, EACH_SIDE) {
        int *done = shared_counters();

        if (start_peer()) {
                keep_step(&done[1], &done[0], 1000);
                _exit(0);
        }
        keep_step(&done[0], &done[1], 1000);
        CHECK(barrier_wait_abortion(&mine) && knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(finish_peer() == 0);
        CHECK(munmap(done, 4096) == 0);
}

/* Whoever closes all other descriptors need not know more than the struct. */
TEST(descriptors_in_the_struct_are_all_that_must_be_kept, EACH_SIDE) {
        int fd;

        if (start_peer()) {
                for (fd = 0; fd < FILES; fd++)
                        if (fd != mine.me && fd != mine.them && fd != mine.pipe[0] &&
                            fd != mine.pipe[1] && fd != peer_line)
                                (void) close(fd);
                CHECK(barrier_place_and_sync(&mine));
                CHECK(barrier_wait_next(&mine));
                CHECK(hear(peer_line) == 0);
                CHECK(barrier_fail(&mine, 17));
                _exit(0);
        }
        CHECK(barrier_place_and_sync(&mine));
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync));
        tell(peer_line, 0);
        CHECK(fails(&mine, barrier_sync, 17));
        CHECK(finish_peer() == 0);
}

/* The one in the middle forks the real peer, and destroys its copy, or exits with it. */
TEST(role_is_inherited_and_the_one_in_the_middle_sends_nothing, EACH_SIDE) {
        pid_t pid;
        int exits;

        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        for (exits = 0; exits < 2; exits++) {
                if (start_peer()) {
                        pid = fork();
                        CHECK(pid >= 0);
                        if (pid > 0) {
                                if (!exits)
                                        barrier_destroy(&mine);
                                tell(peer_line, pid);
                                _exit(0);
                        }
                        CHECK(hear(peer_line) == 0); /* that one is gone */
                        CHECK(barrier_place_and_sync(&mine));
                        CHECK(hear(peer_line) == 0);
                        CHECK(barrier_fail(&mine, 18));
                        _exit(0);
                }
                pid = hear(peer_line);
                CHECK(reap(peer) == 0);
                CHECK(would_block(&mine, barrier_wait_next));
                tell(peer_line, 0);
                CHECK(barrier_place_and_sync(&mine));
                tell(peer_line, 0);
                CHECK(fails(&mine, barrier_wait_next, 18));
                CHECK(finish(pid, peer_line) == 0);
        }
}

TEST(vfork_child_works_on_a_copy, ONCE) {
        pid_t pid;

        CHECK(barrier_init(&mine) == 0);
        pid = vfork();
        if (pid == 0) {
                Barrier copy = mine;

                if (barrier_set_role(&copy, BARRIER_CHILD) < 0 || !barrier_place(&copy))
                        _exit(FAILED);
                _exit(0);
        }
        CHECK(pid > 0 && reap(pid) == 0);
        CHECK(barrier_set_role(&mine, BARRIER_PARENT) == 0);
        CHECK(barrier_place_and_sync(&mine));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
}

enum { EXECS, EXEC_FAILS, DIES_BEFORE_EXEC, SET_UP_FAILS };

static const char *const ends_of_a_spawned_child[] = {
        [EXECS] = "execs",
        [EXEC_FAILS] = "exec fails",
        [DIES_BEFORE_EXEC] = "dies before the exec",
        [SET_UP_FAILS] = "set-up fails",
        NULL,
};

static void spawned_child(void) {
        if (situation == SET_UP_FAILS) {
                CHECK(barrier_fail(&mine, EPERM));
                _exit(0);
        }
        CHECK(barrier_place_and_sync(&mine));
        if (situation == DIES_BEFORE_EXEC)
                _exit(0);
        CHECK(barrier_place(&mine));
        if (situation == EXECS)
                exec_self("linger", peer_line, "");
        CHECK(execl("/does/not/exist", "exist", (char *) NULL) < 0);
        CHECK(barrier_fail(&mine, errno));
        _exit(0);
}

TEST_CASES(spawner_tells_how_its_child_ended_up, ONCE, ends_of_a_spawned_child) {
        if (start_peer())
                spawned_child();
        switch (situation) {
        case EXECS:
                CHECK(barrier_place_and_sync(&mine));
                CHECK(barrier_place_and_sync(&mine));
                CHECK(barrier_wait_abortion(&mine));
                CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
                tell(peer_line, 0);
                CHECK(hear(peer_line) == 0); /* from the new program */
                break;
        case EXEC_FAILS: /* may be known in either step */
                if (barrier_place_and_sync(&mine) && barrier_place_and_sync(&mine))
                        CHECK(barrier_wait_abortion(&mine));
                CHECK(knows(&mine, THEY, ENOENT));
                break;
        case DIES_BEFORE_EXEC:
                CHECK(barrier_place_and_sync(&mine));
                CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
                CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
                break;
        case SET_UP_FAILS:
                CHECK(fails(&mine, barrier_place_and_sync, EPERM));
                CHECK(knows(&mine, THEY, EPERM));
        }
        CHECK(finish_peer() == 0);
}

TEST(nothing_is_printed, ONCE) {
        int output[2], line;
        pid_t pid;
        char c;

        CHECK(pipe2(output, O_CLOEXEC) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(dup2(output[1], STDOUT_FILENO) == STDOUT_FILENO);
                CHECK(dup2(output[1], STDERR_FILENO) == STDERR_FILENO);
                afresh();
                CHECK(barrier_set_role(&mine, 3) == -EINVAL);
                CHECK(barrier_watch(&mine, FILES) == -EBADF);
                CHECK(barrier_export(&mine, NULL, 0) == -ENOBUFS);
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(raw_write(theirs.me, CODE(1)));
                CHECK(fails(&mine, barrier_sync, EPROTO));
                CHECK(barrier_set_role(&theirs, other(theirs.role)) == -EALREADY);
                destroy_both();
                CHECK(barrier_import(&mine, "nonsense") == -EINVAL);
                CHECK(fails(&mine, barrier_abort, ENOTCONN));
                _exit(0);
        }
        CHECK(close(output[1]) == 0);
        CHECK(read(output[0], &c, 1) == 0);
        CHECK(close(output[0]) == 0);
        CHECK(finish(pid, line) == 0);
}

/* ---- copies of descriptors, and barrier_watch() ---------------------------------------------- */

SECTION(copies)

/* What becomes of the copies that a process inherits which outlives the one that forked it. */
enum { KEPT, DESTROYED, CLOSED_BY_EXEC };

static const char *const fates_of_copies[] = {
        [KEPT] = "kept",
        [DESTROYED] = "destroyed",
        [CLOSED_BY_EXEC] = "closed by execve",
        NULL,
};

/* This process is such a one, until it is told to end. */
static void live_on(int line) {
        if (situation == DESTROYED)
                barrier_destroy(&mine);
        else if (situation == CLOSED_BY_EXEC)
                exec_self("linger", line, "");
        tell(line, 0);
        (void) hear(line);
        _exit(0);
}

/* Starts the peer as the child, which places a barrier and forks. The grandchild gets the line. */
static pid_t start_child_with_grandchild(void) {
        pid_t pid;
        int a, b;

        if (start_peer()) {
                CHECK(barrier_place(&mine));
                pid = fork();
                CHECK(pid >= 0);
                if (pid == 0)
                        live_on(peer_line);
                tell(peer_line, pid);
                (void) pause();
        }
        a = hear(peer_line); /* in whichever order, its id and that it is ready */
        b = hear(peer_line);
        CHECK((a > 0) != (b > 0));
        return a > 0 ? a : b;
}

static void end_grandchild(pid_t pid) {
        tell(peer_line, 0);
        CHECK(finish(pid, peer_line) == 0);
}

TEST_CASES(dead_child_looks_alive_while_a_grandchild_keeps_a_copy, ONCE, fates_of_copies) {
        pid_t grandchild;

        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        grandchild = start_child_with_grandchild();
        kill_and_reap(peer);
        CHECK(barrier_place_and_sync(&mine));
        CHECK(barrier_place(&mine));
        if (situation == KEPT)
                CHECK(would_block(&mine, barrier_sync));
        else
                CHECK(fails(&mine, barrier_sync, ECONNRESET));
        end_grandchild(grandchild);
        CHECK(fails(&mine, barrier_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
}

TEST_CASES(watched_child_is_seen_to_die_whoever_holds_copies, ONCE, fates_of_copies) {
        pid_t grandchild;
        int pidfd;

        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        if (!has_pidfds())
                SKIP("no pidfd_open() here");
        grandchild = start_child_with_grandchild();
        pidfd = pidfd_open_(peer);
        kill_and_reap(peer);
        CHECK(barrier_watch(&mine, pidfd) == 0);
        CHECK(barrier_place_and_sync(&mine)); /* leaving queues behind the barrier */
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_wait_abortion(&mine));
        barrier_destroy(&mine);
        CHECK(close(pidfd) == 0); /* borrowed */
        end_grandchild(grandchild);
}

TEST(watch_tells_of_a_death_and_not_of_an_execve, EACH_SIDE) {
        pid_t holder;
        int pidfd;

        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        if (!has_pidfds())
                SKIP("no pidfd_open() here");
        if (start_peer()) {
                holder = fork(); /* of copies */
                CHECK(holder >= 0);
                if (holder == 0) {
                        (void) hear(peer_line);
                        _exit(0);
                }
                tell(peer_line, holder);
                exec_self("linger", peer_line, "");
        }
        holder = hear(peer_line);
        CHECK(hear(peer_line) == 0); /* from the new program */
        pidfd = pidfd_open_(peer);
        CHECK(barrier_watch(&mine, pidfd) == 0);
        CHECK(would_block(&mine, barrier_wait_next) && would_block(&mine, barrier_wait_abortion));
        kill_and_reap(peer);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(close(pidfd) == 0);
        end_grandchild(holder);
}

/* The child's view: its parent, the process in the middle, dies; a sibling lives on with copies of
 * the parent's descriptors. Returns whether this can be had here. */
static bool parent_dies(bool watched, int new_namespaces) {
        int line, to_sibling[2], self;
        pid_t middle, child, sibling;
        bool possible;

        make_line(to_sibling);
        middle = start(&line);
        if (middle == 0) {
                self = watched ? pidfd_open_(getpid()) : -1; /* before the fork */
                CHECK(barrier_init(&mine) == 0);
                sibling = fork();
                CHECK(sibling >= 0);
                if (sibling == 0) {
                        CHECK(barrier_set_role(&mine, BARRIER_PARENT) == 0);
                        live_on(to_sibling[1]);
                }
                tell(line, sibling);
                possible = self >= 0 || !watched;
                if (possible && new_namespaces)
                        possible = unshare(new_namespaces) == 0;
                tell(line, possible);
                if (!possible)
                        _exit(0);
                child = fork();
                CHECK(child >= 0);
                if (child == 0) {
                        CHECK(!new_namespaces || getpid() == 1);
                        CHECK(barrier_set_role(&mine, BARRIER_CHILD) == 0);
                        CHECK(!watched || barrier_watch(&mine, self) == 0);
                        CHECK(hear(line) == 0); /* the parent is dead */
                        CHECK(barrier_place_and_sync(&mine));
                        CHECK(barrier_place(&mine));
                        if (situation == KEPT && !watched)
                                CHECK(would_block(&mine, barrier_sync));
                        else {
                                CHECK(fails(&mine, barrier_sync, ECONNRESET));
                                CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
                        }
                        _exit(0);
                }
                CHECK(barrier_set_role(&mine, BARRIER_PARENT) == 0);
                CHECK(barrier_place(&mine));
                tell(line, child);
                (void) pause();
        }
        sibling = hear(line);
        CHECK(hear(to_sibling[0]) == 0);
        possible = hear(line);
        if (possible) {
                child = hear(line);
                kill_and_reap(middle);
                tell(line, 0);
                CHECK(reap(child) == 0);
        } else
                CHECK(reap(middle) == 0);
        tell(to_sibling[0], 0);
        CHECK(finish(sibling, to_sibling[0]) == 0);
        CHECK(close(to_sibling[1]) == 0 && close(line) == 0);
        return possible;
}

TEST_CASES(dead_parent_looks_alive_while_a_sibling_keeps_a_copy, ONCE, fates_of_copies) {
        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        CHECK(parent_dies(false, 0));
}

TEST_CASES(watched_parent_is_seen_to_die_whoever_holds_copies, ONCE, fates_of_copies) {
        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        if (!parent_dies(true, 0))
                SKIP("no pidfd_open() here");
}

TEST(watched_parent_is_seen_to_die_from_inside_a_new_pid_namespace, ONCE) {
        if (!reaps_orphans)
                SKIP("cannot reap orphans here");
        if (!parent_dies(true, CLONE_NEWUSER | CLONE_NEWPID))
                SKIP("no pidfd_open() or no user namespaces here");
}

/* Init, fork, set the role; then the next. */
TEST(child_is_seen_to_die_while_the_next_one_lives, ONCE) {
        int line;
        pid_t next;

        if (start_peer())
                (void) pause();
        next = start(&line);
        if (next == 0) {
                (void) hear(line);
                _exit(0);
        }
        kill_and_reap(peer);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        tell(line, 0);
        CHECK(finish(next, line) == 0);
        CHECK(close(peer_line) == 0);
}

/* Any descriptor will do to see what the watch does. */
TEST(watch_queues_behind_barriers_and_words, PAIR) {
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync) && would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_place(&theirs));
        CHECK(raw_write(watched[1], 1));
        CHECK(barrier_sync(&mine));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));

        afresh();
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(place_many(&theirs, 2) && barrier_fail(&theirs, 9));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 9));

        afresh();
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_wait_next(&mine));
        CHECK(barrier_watch(&mine, -1) == 0); /* what is known stays known */
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));

        destroy_both();
        CHECK(raw_read(watched[0]) == 1); /* nothing was read from it, nor was it closed */
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}

TEST(watch_can_be_set_before_the_role_and_removed, EACH_SIDE) {
        struct pollfd fds[BARRIER_POLLFDS];
        int watched[2], kept;

        CHECK(pipe2(watched, O_CLOEXEC) == 0 && raw_write(watched[1], 1));
        CHECK(barrier_init(&mine) == 0);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        kept = copy_of(mine.pipe[role == BARRIER_PARENT]); /* their end stays open */
        CHECK(barrier_set_role(&mine, role) == 0);
        CHECK(barrier_get_pollfds(&mine, fds) == 3 && fds[2].fd == watched[0]);
        CHECK(barrier_watch(&mine, -1) == 0);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(close(kept) == 0);
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}

TEST(watch_refuses_what_is_not_open_and_changes_nothing, PAIR) {
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(barrier_watch(&mine, FILES) == -EBADF);
        CHECK(barrier_watch(&mine, -2) == -EBADF);
        CHECK(barrier_watch(&mine, INT_MIN) == -EBADF);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(raw_write(watched[1], 1));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET)); /* the first is still watched */
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}

TEST(watch_may_be_descriptor_0, PAIR) {
        struct pollfd fds[BARRIER_POLLFDS];
        int watched[2], saved = copy_of(STDIN_FILENO);

        CHECK(pipe2(watched, O_CLOEXEC) == 0);
        CHECK(dup2(watched[0], STDIN_FILENO) == STDIN_FILENO);
        CHECK(barrier_watch(&mine, STDIN_FILENO) == 0);
        CHECK(barrier_get_pollfds(&mine, fds) == 3 && fds[2].fd == STDIN_FILENO);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(raw_write(watched[1], 1));
        barrier_set_timeout(&mine, 0);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
        CHECK(close(saved) == 0 && close(watched[0]) == 0 && close(watched[1]) == 0);
}

TEST(watch_that_was_closed_ends_the_barrier, PAIR) {
        int watched = copy_of(mine.me);

        CHECK(barrier_watch(&mine, watched) == 0);
        CHECK(close(watched) == 0);
        CHECK(fails(&mine, barrier_wait_next, EBADF));
        CHECK(knows(&mine, I | THEY, EBADF));
        CHECK(fails(&theirs, barrier_wait_next, EBADF));
}

/* A pidfd that is ready the first time that it is looked at, while its process lives; the second
 * time it is as `asked_again` says. Then the other side arrives. */
static struct { int looks, revents, error, interruptions; } watched_twice;

static int watch_flickers(struct pollfd *fds, nfds_t n, int msec) {
        fds[0].revents = 0;
        if (watched_twice.looks++ == 0) {
                CHECK(n == 3);
                fds[2].revents = POLLIN;
                return 1;
        }
        if (n == 1) {
                CHECK(msec == 0 && fds[0].fd == mine.watch && fds[0].events == POLLIN);
                CHECK(watched_twice.interruptions >= 0); /* no question after the answer */
                if (watched_twice.interruptions-- > 0) {
                        errno = EINTR; /* which stays there if the next call succeeds */
                        return -1;
                }
                fds[0].revents = (short) watched_twice.revents;
                if (!watched_twice.error)
                        return fds[0].revents != 0;
                errno = watched_twice.error;
                return -1;
        }
        if (msec == 0)
                return 0;
        CHECK(barrier_place(&theirs));
        fds[0].revents = POLLIN;
        return 1;
}

static void meet_a_watch(int revents, int error, int msec) {
        afresh();
        CHECK(barrier_watch(&mine, STDIN_FILENO) == 0 && barrier_place(&mine));
        barrier_set_timeout(&mine, msec);
        watched_twice.looks = 0;
        watched_twice.interruptions = 2;
        watched_twice.revents = revents;
        watched_twice.error = error;
}

TEST(watch_is_asked_twice_before_it_is_believed, PAIR) {
        static const int timeouts[] = { -1, 1000, 0 };
        int i, k;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = watch_flickers;
        for (i = 0; i < ELEMENTS(timeouts); i++)
                for (k = 0; k < ELEMENTS(counting_waits); k++) {
                        meet_a_watch(0, 0, timeouts[i]);
                        if (timeouts[i])
                                CHECK(counting_waits[k](&mine) && knows(&mine, 0, 0));
                        else
                                CHECK(fails(&mine, counting_waits[k], ETIMEDOUT));
                        CHECK(watched_twice.interruptions == -1 && knows(&mine, 0, 0));

                        meet_a_watch(POLLIN, 0, timeouts[i]);
                        CHECK(fails(&mine, counting_waits[k], ECONNRESET));
                        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));

                        meet_a_watch(POLLNVAL, 0, timeouts[i]);
                        CHECK(fails(&mine, counting_waits[k], EBADF));

                        meet_a_watch(0, ENOMEM, timeouts[i]);
                        CHECK(fails(&mine, counting_waits[k], ENOMEM));
                        CHECK(knows(&mine, I | THEY, ENOMEM));
                        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY, ENOMEM));
                }
}

/* ---- timeouts and signals -------------------------------------------------------------------- */

SECTION(time)

static int64_t now_in_ns(void) {
        struct timespec ts;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
        return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A timer fires all the time, and its handler can act for the other side. */
enum { TICKS_BEFORE_ACTION = 10 };

static volatile sig_atomic_t ticks;
static void (*action)(Barrier *b);

static void on_tick(int sig) {
        int saved = errno;

        (void) sig;
        if (++ticks == TICKS_BEFORE_ACTION && action)
                action(&theirs);
        errno = saved;
}

static void start_storm(void (*act)(Barrier *b)) {
        const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
        struct sigaction sa;

        ticks = 0;
        action = act;
        memset(&sa, 0, sizeof sa);
        sa.sa_handler = on_tick; /* and no SA_RESTART */
        CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
        CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static void end_storm(void) {
        const struct itimerval never = { { 0, 0 }, { 0, 0 } };

        CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

static void act_place(Barrier *b) {
        (void) barrier_place(b);
}

static void act_abort(Barrier *b) {
        (void) barrier_fail(b, 7);
}

TEST(wait_that_runs_out_changes_nothing_and_can_be_repeated, PAIR) {
        static const int timeouts[] = { 0, 1, 10, 0 };
        Barrier before;
        int i, k;

        CHECK(barrier_place(&mine));
        for (i = 0; i < ELEMENTS(timeouts); i++) {
                barrier_set_timeout(&mine, timeouts[i]);
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        before = mine;
                        CHECK(fails(&mine, all_waits[k], ETIMEDOUT));
                        CHECK(knows(&mine, 0, 0));
                        CHECK(mine.placed == before.placed && mine.consumed == before.consumed);
                }
        }
        CHECK(barrier_place(&theirs));
        CHECK(fails(&mine, barrier_wait_abortion, ETIMEDOUT));
        CHECK(barrier_sync(&mine));
        CHECK(fails(&mine, barrier_place_and_sync, ETIMEDOUT));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync_next(&mine));
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_wait_next(&mine));
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
}

/* Barriers that were placed still stand after a timeout, and after leaving. */
TEST(side_that_gives_up_has_to_abort_before_it_destroys, PAIR) {
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync));
        barrier_destroy(&mine);
        CHECK(barrier_place_and_sync(&theirs));

        afresh();
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_abort(&mine));
        barrier_destroy(&mine);
        CHECK(fails(&theirs, barrier_place_and_sync, ECONNABORTED));
}

TEST(timeout_zero_finds_what_is_there, PAIR) {
        barrier_set_timeout(&mine, 0);
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_wait_next(&mine));
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_wait_abortion(&mine));

        afresh();
        barrier_set_timeout(&mine, 0);
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
}

TEST(ETIMEDOUT_as_a_code_is_told_from_a_timeout, PAIR) {
        barrier_set_timeout(&mine, 0);
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT) && !barrier_they_aborted(&mine));
        CHECK(barrier_fail(&theirs, ETIMEDOUT));
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT) && barrier_they_aborted(&mine));
        CHECK(barrier_error(&mine) == ETIMEDOUT);
        CHECK(barrier_wait_abortion(&mine));
}

TEST(wait_lasts_as_long_as_its_timeout_and_no_signal_ends_it_before, PAIR) {
        enum { TIMEOUT = 30 };
        int64_t begin;
        int i, storm;

        CHECK(barrier_place(&mine));
        barrier_set_timeout(&mine, TIMEOUT);
        for (storm = 0; storm < 2; storm++)
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        if (storm)
                                start_storm(NULL);
                        begin = now_in_ns();
                        CHECK(fails(&mine, all_waits[i], ETIMEDOUT));
                        CHECK(now_in_ns() - begin >= TIMEOUT * INT64_C(1000000));
                        CHECK(knows(&mine, 0, 0));
                        if (storm)
                                end_storm();
                }
}

/* Sleeps on a clock that stands still otherwise, now and then not to the end. */
static int interruptions;
static int64_t interrupted_after;

static int sleep_on_our_clock(struct pollfd *fds, nfds_t n, int msec) {
        int64_t sleep = msec * INT64_C(1000000);

        (void) fds;
        (void) n;
        libc.now += interruptions > 0 && sleep > interrupted_after ? interrupted_after : sleep;
        errno = EINTR;
        return interruptions-- > 0 ? -1 : 0;
}

static int64_t time_of_wait(operation *wait, int msec, int phase) {
        int64_t begin = INT64_C(1000000000) + phase;

        libc.now = begin;
        barrier_set_timeout(&mine, msec);
        CHECK(fails(&mine, wait, ETIMEDOUT));
        return libc.now - begin;
}

TEST(wait_never_ends_before_msec_and_less_than_1_ms_after_it, PAIR) {
        static const int timeouts[] = { 1, 2, 30, 1000, INT_MAX };
        static const int phases[] = { 0, 1, 500000, 999999 };
        static const struct {
                int times;
                int64_t after;
        } interrupted[] = { { 0, 0 }, { 1, 300000 }, { 7, 300000 }, { 1, 999999999 } };
        int64_t late;
        int i, k, n, w;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = sleep_on_our_clock;
        CHECK(barrier_place(&mine));
        for (i = 0; i < ELEMENTS(timeouts); i++)
                for (k = 0; k < ELEMENTS(phases); k++)
                        for (n = 0; n < ELEMENTS(interrupted); n++)
                                for (w = 0; w < ELEMENTS(all_waits); w++) {
                                        interruptions = interrupted[n].times;
                                        interrupted_after = interrupted[n].after;
                                        late = time_of_wait(all_waits[w], timeouts[i], phases[k]) -
                                               timeouts[i] * INT64_C(1000000);
                                        CHECK(late >= 0 && late < 1000000);
                                }
}

/* poll() returns 0 when a part of its time has passed, of which one millionth is at least 1 ns. */
static int64_t part_of_a_million;

static int poll_ends_early(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds, (void) n;
        libc.now += msec * part_of_a_million;
        return 0;
}

TEST(wait_goes_by_the_clock_though_poll_ends_early, PAIR) {
        static const int64_t parts[] = { 1000000, 999999, 500000, 300000, 40000 };
        int64_t late;
        int i, k;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = poll_ends_early;
        CHECK(barrier_place(&mine));
        for (i = 0; i < ELEMENTS(parts); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        part_of_a_million = parts[i];
                        late = time_of_wait(all_waits[k], 30, 0) - INT64_C(30000000);
                        CHECK(late >= 0 && late < 1000000);
                }
}

/* With a signal now and then: after it nobody can tell how long it slept. */
static int signals; /* one bit for each poll() */

static int poll_says_it_slept(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds, (void) n;
        libc.polls += msec == 0;
        errno = EINTR;
        return signals >> (libc.polls - 1) & 1 ? -1 : 0;
}

TEST(wait_ends_though_the_clock_stands_still, PAIR) {
        static const struct {
                int signals, polls;
        } ways[] = { { 0, 2 }, { 1, 3 }, { 1 | 2, 4 }, { 2, 4 }, { 2 | 8, 6 } };
        int i, k;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = poll_says_it_slept;
        CHECK(barrier_place(&mine));
        for (i = 0; i < ELEMENTS(ways); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        signals = ways[i].signals;
                        libc.polls = 0;
                        CHECK(time_of_wait(all_waits[k], 30, 0) == 0);
                        CHECK(libc.polls == ways[i].polls);
                }
}

/* poll() without a timeout cannot have run out of time, whatever it says. */
static int poll_gives_up_five_times(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds, (void) n;
        CHECK(msec == -1);
        if (libc.polls <= 5)
                return 0;
        CHECK(barrier_place(&theirs));
        return 1;
}

TEST(wait_without_a_timeout_never_runs_out, PAIR) {
        int i;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = poll_gives_up_five_times;
        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                CHECK(barrier_place(&mine));
                libc.polls = 0;
                CHECK(counting_waits[i](&mine) && libc.polls == 6);
        }
}

/* At the deadline's first question or a later one. */
TEST(clock_that_cannot_be_read_ends_a_wait_that_has_a_timeout_and_no_other, PAIR) {
        int i, k;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        for (i = 1; i <= 2; i++)
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        afresh();
                        CHECK(barrier_place(&mine));
                        libc.poll = poll_ends_early;
                        part_of_a_million = 1000;
                        libc.clock_fails_in = i;
                        barrier_set_timeout(&mine, 1000);
                        CHECK(fails(&mine, all_waits[k], EPERM) && libc.clock_fails_in == 0);
                        libc.poll = NULL;
                        CHECK(knows(&mine, I | THEY, EPERM));
                        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY, EPERM));
                }
        afresh();
        CHECK(hear_of(TRIES_FROM) && place_many(&mine, TRIES_FROM + 1)); /* it may look again */
        barrier_set_timeout(&mine, 1000);
        libc.clock_fails_in = 1;
        CHECK(fails(&mine, barrier_sync, EPERM));

        afresh();
        libc.clock_fails_in = 1;
        CHECK(barrier_place(&mine) && would_block(&mine, barrier_sync));
        CHECK(barrier_place(&theirs) && barrier_sync(&mine));
        CHECK(libc.clock_fails_in == 1);
}

TEST(timeout_is_of_one_wait_and_three_waits_may_take_three_of_them, PAIR) {
        int i, n;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = sleep_on_our_clock;
        CHECK(barrier_place(&mine));
        barrier_set_timeout(&mine, 30);
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                libc.now = 1;
                for (n = 1; n <= 3; n++) {
                        CHECK(fails(&mine, all_waits[i], ETIMEDOUT));
                        CHECK(libc.now == 1 + n * INT64_C(30000000));
                }
        }
}

TEST(looking_again_before_it_sleeps_never_goes_on_beyond_the_timeout, PAIR) {
        static const int64_t takes[] = { 400000, 3000000 };
        int i, k;

        if (!poll_is_ours() || !looks_are_ours())
                SKIP("poll() or preadv2() goes by another name here");
        for (k = 0; k < ELEMENTS(takes); k++)
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        libc.look_takes = takes[k];
                        libc.poll = NULL;
                        afresh();
                        CHECK(hear_of(TRIES_FROM) && place_many(&mine, TRIES_FROM + 1));
                        libc.poll = sleep_on_our_clock;
                        CHECK(time_of_wait(all_waits[i], 5, 0) < 5000000 + 2 * takes[k]);
                }
}

static int they_place_once_more(struct pollfd *fds, nfds_t n, int msec) {
        (void) n;
        (void) msec;
        CHECK(barrier_place(&theirs));
        fds[0].revents = POLLIN;
        libc.now += 400000;
        return 1;
}

TEST(wait_ends_in_time_though_they_go_on_placing, PAIR) {
        int i, msec;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = they_place_once_more;
        for (i = 0; i < 100; i++)
                CHECK(barrier_place(&mine));
        for (msec = 0; msec < 2; msec++) {
                libc.polls = 0;
                (void) time_of_wait(barrier_sync, msec, 0);
                (void) time_of_wait(barrier_wait_abortion, msec, 0);
                CHECK(libc.polls == (msec ? 8 : 2));
        }
}

TEST(interrupted_wait_with_timeout_0_has_run_out_of_time, PAIR) {
        int i;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        CHECK(barrier_place(&mine));
        libc.poll = sleep_on_our_clock;
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                interruptions = 1;
                libc.polls = 0;
                CHECK(would_block(&mine, all_waits[i]));
                CHECK(libc.polls == 1 && interruptions == 0);
        }
}

/* The other side comes while this one sleeps. */
static int they_come_late(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds;
        (void) n;
        CHECK(msec == -1 && barrier_place(&theirs));
        return 1;
}

/* Whether a wait looked again and again before it slept: it looks once before it at most, and once
 * after it. */
static bool wait_tries(void) {
        libc.polls = libc.looks = 0;
        CHECK(barrier_wait_next(&mine));
        CHECK(libc.looks <= 1 + TRIES + 1);
        return libc.polls == 0 || libc.looks > 2;
}

TEST(looking_again_in_vain_is_done_more_and_more_seldom_until_it_pays, PAIR) {
        int i, tried = 0, last = 0;

        if (!poll_is_ours() || !looks_are_ours())
                SKIP("poll() or preadv2() goes by another name here");
        libc.poll = they_come_late;
        for (i = 1; i <= 8192; i++)
                if (wait_tries()) {
                        CHECK(i - last <= 1025);
                        last = i;
                        tried++;
                }
        if (TRIES == 0) {
                CHECK(tried == 0);
                return;
        }
        CHECK(tried >= 7 && tried <= 8 + 11);

        libc.theirs_arrive_with = 3;
        for (i = 0; !wait_tries(); i++)
                CHECK(i <= 1024);
        for (i = 0; i < 100; i++)
                CHECK(wait_tries() && libc.polls == 0 && libc.looks == 3);
        libc.theirs_arrive_with = 0;
        CHECK(wait_tries() && wait_tries() && !wait_tries() &&
              wait_tries()); /* as in the beginning */
}

static int they_abort_late(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds, (void) n;
        CHECK(msec != 0 && barrier_abort(&theirs));
        return 1;
}

/* A handshake after a fork is over before that, and an abortion is hardly ever near. */
TEST(looking_again_begins_with_the_16th_barrier_and_is_not_for_an_abortion, PAIR) {
        static const int heard[] = { 0, 1, TRIES_FROM - 1, TRIES_FROM, 1000 };
        int i, k, before;

        if (!poll_is_ours() || !looks_are_ours())
                SKIP("poll() or preadv2() goes by another name here");
        for (i = 0; i < ELEMENTS(heard); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        afresh();
                        if (heard[i] > 0)
                                CHECK(hear_of(heard[i]));
                        CHECK(place_many(&mine, heard[i] + 1));
                        before = heard[i] < TRIES_FROM || all_waits[k] == barrier_wait_abortion
                                         ? mine.role == BARRIER_CHILD
                                         : 1 + TRIES;
                        libc.poll = they_abort_late;
                        libc.looks = 0;
                        CHECK(all_waits[k](&mine) == (all_waits[k] == barrier_wait_abortion));
                        CHECK(libc.looks == before + 1);
                        libc.poll = NULL;
                }
}

/* Nor do these waits change how often the others do it. */
TEST(waits_that_may_not_look_again_leave_the_pauses_alone, PAIR) {
        Barrier before;
        int i, k;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        CHECK(hear_of(TRIES_FROM - 1) && place_many(&mine, TRIES_FROM));
        barrier_set_timeout(&mine, 1);
        before = mine;
        for (i = 0; i < ELEMENTS(all_waits); i++)
                CHECK(fails(&mine, all_waits[i], ETIMEDOUT));
        CHECK(memcmp(&mine, &before, sizeof mine) == 0);

        libc.poll = they_come_late;
        barrier_set_timeout(&mine, -1);
        for (i = 0; i < 20; i++) {
                CHECK(barrier_wait_next(&mine));
                libc.poll = NULL;
                CHECK(barrier_place(&mine));
                before = mine;
                for (k = 0; k < ELEMENTS(all_waits); k++)
                        CHECK(would_block(&mine, all_waits[k]));
                barrier_set_timeout(&mine, 1);
                CHECK(fails(&mine, barrier_wait_abortion, ETIMEDOUT));
                barrier_set_timeout(&mine, -1);
                CHECK(memcmp(&mine, &before, sizeof mine) == 0);
                libc.poll = they_come_late;
        }
}

/* It may sleep before it looks, and nothing may be left to wake it. */
TEST(wait_does_not_sleep_on_a_barrier_that_is_known_to_have_ended, PAIR) {
        int i, waits, own;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        for (waits = 0; waits < TRIES_FROM + 10; waits++)
                for (own = 0; own < 2; own++) {
                        afresh();
                        libc.poll = they_come_late;
                        for (i = 0; i < waits; i++)
                                (void) wait_tries();
                        libc.poll = NULL;
                        if (own)
                                CHECK(barrier_abort(&mine));
                        else
                                CHECK(barrier_abort(&theirs) && barrier_wait_abortion(&mine));
                        CHECK(all_fail(&mine, own ? ECANCELED : ECONNABORTED));
                }
}

/* Whether a filter or an old kernel refuses preadv2(), so that it is read() that does it, or
 * not. */
TEST(reading_restarts_when_it_is_interrupted, PAIR) {
        static const int refused_with[] = { 0, ENOSYS, EOPNOTSUPP, EPERM };
        int i, k, n;
        bool falls_back;

        libc.reads = 0;
        CHECK(hear_of(1));
        falls_back = libc.reads > 0;
        libc.reads_interrupted = 1;
        CHECK(hear_of(1));
        if (libc.reads_interrupted)
                SKIP("preadv2() goes by another name here");
        for (i = 0; i < ELEMENTS(refused_with); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++)
                        for (n = 0; n < 4; n++) {
                                afresh();
                                barrier_set_timeout(&mine, 0);
                                CHECK(barrier_place(&mine) && barrier_place(&theirs));
                                if (all_waits[k] == barrier_wait_abortion)
                                        CHECK(barrier_abort(&theirs));
                                libc.preadv2_fails = refused_with[i];
                                libc.reads_interrupted = n;
                                libc.reads = 0;
                                CHECK(all_waits[k](&mine) && libc.reads_interrupted == 0);
                                /* read() may block, so an interruption is no reason for it */
                                CHECK((libc.reads > 0) == (falls_back || refused_with[i] != 0));
                        }
}

/* A wait restarts on EINTR. */
TEST(no_signal_ends_a_wait_but_what_the_other_side_does, PAIR) {
        static const int timeouts[] = { -1, INT_MIN, INT_MAX };
        static const struct {
                void (*act)(Barrier *b);
                int error;
        } ends[] = { { act_place, 0 }, { act_abort, 7 }, { barrier_destroy, ECONNRESET } };
        int i, k, n;

        for (i = 0; i < ELEMENTS(timeouts); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++)
                        for (n = all_waits[k] == barrier_wait_abortion; n < ELEMENTS(ends); n++) {
                                afresh();
                                barrier_set_timeout(&mine, 0); /* each replaces the last */
                                barrier_set_timeout(&mine, timeouts[i]);
                                CHECK(barrier_place(&mine));
                                start_storm(ends[n].act);
                                if (n == 0 || all_waits[k] == barrier_wait_abortion)
                                        CHECK(all_waits[k](&mine));
                                else
                                        CHECK(fails(&mine, all_waits[k], ends[n].error));
                                end_storm();
                                CHECK(barrier_error(&mine) == ends[n].error);
                        }
}

static int ready_when_they_die;

static void act_die(Barrier *b) {
        (void) b;
        (void) raw_write(ready_when_they_die, 1);
}

/* Their end of the pipe stays open, so that nothing else can tell. */
TEST(watch_is_heeded_after_signals_too, PAIR) {
        int k;

        for (k = 0; k < ELEMENTS(all_waits); k++) {
                afresh();
                ready_when_they_die = eventfd(0, EFD_CLOEXEC);
                CHECK(barrier_watch(&mine, ready_when_they_die) == 0 && barrier_place(&mine));
                start_storm(act_die);
                if (all_waits[k] == barrier_wait_abortion)
                        CHECK(barrier_wait_abortion(&mine));
                else
                        CHECK(fails(&mine, all_waits[k], ECONNRESET));
                end_storm();
                CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
                CHECK(close(ready_when_they_die) == 0);
        }
}

TEST(two_processes_keep_step_in_a_storm_of_signals, EACH_SIDE) {
        int *done = shared_counters();
        bool in_peer = start_peer();

        start_storm(NULL); /* in both */
        barrier_set_timeout(&mine, INT_MAX);
        keep_step(&done[in_peer], &done[!in_peer], 1000);
        if (in_peer) {
                CHECK(hear(peer_line) == 0); /* an abort would discard the last barrier */
                CHECK(barrier_fail(&mine, 8));
                _exit(0);
        }
        tell(peer_line, 0);
        CHECK(barrier_wait_abortion(&mine) && knows(&mine, THEY, 8));
        CHECK(finish_peer() == 0);
        end_storm();
        CHECK(munmap(done, 4096) == 0);
}

static jmp_buf cancelled;

/* As after pthread_cancel(), the wait never returns. */
static int cancel(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds, (void) n, (void) msec;
        longjmp(cancelled, 1);
        return -1; /* tcc does not know that this is never reached */
}

TEST(thread_may_be_cancelled_in_a_wait_if_destroy_follows, PAIR) {
        static int i;

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                afresh();
                CHECK(barrier_place(&mine));
                libc.poll = cancel;
                if (setjmp(cancelled) == 0) {
                        (void) all_waits[i](&mine);
                        CHECK(false);
                }
                libc.poll = NULL;
                barrier_destroy(&mine);
                CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY | LEFT, ECONNRESET));
        }
}

/* ---- event loops ----------------------------------------------------------------------------- */

SECTION(event_loops)

TEST(pollfds_are_ready_when_there_is_news, PAIR) {
        enum { PLACED, ABORTED_, GONE, WATCH_READY, EVENTS };
        struct pollfd fds[BARRIER_POLLFDS];
        int event, watched[2];

        for (event = 0; event < EVENTS; event++) {
                afresh();
                CHECK(pipe2(watched, O_CLOEXEC) == 0);
                CHECK(barrier_get_pollfds(&mine, fds) == 2);
                CHECK(barrier_watch(&mine, watched[0]) == 0);
                CHECK(barrier_get_pollfds(&mine, fds) == 3);
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(poll(fds, 3, 0) == 0);
                if (event == PLACED)
                        CHECK(barrier_place(&theirs));
                else if (event == ABORTED_)
                        CHECK(barrier_abort(&theirs));
                else if (event == GONE)
                        barrier_destroy(&theirs);
                else
                        CHECK(raw_write(watched[1], 1));
                CHECK(poll(fds, 3, -1) == 1);
                CHECK(barrier_wait_next(&mine) == (event == PLACED));
                CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
        }
}

/* Every entry is filled in, whatever is returned. */
static void check_pollfds(int result, int first, int second, int third) {
        struct pollfd fds[BARRIER_POLLFDS];

        memset(fds, 0x5a, sizeof fds);
        CHECK(barrier_get_pollfds(&mine, fds) == result);
        CHECK(fds[0].fd == first && fds[1].fd == second && fds[2].fd == third);
        CHECK(fds[0].revents == 0 && fds[1].revents == 0 && fds[2].revents == 0);
}

TEST(pollfds_are_all_filled_in_before_and_after_the_end_too, PAIR) {
        int them = mine.them, end = pipe_end(&mine), watched = copy_of(them);

        check_pollfds(2, them, end, -1);
        CHECK(barrier_watch(&mine, watched) == 0);
        check_pollfds(3, them, end, watched);
        CHECK(barrier_abort(&mine));
        check_pollfds(3, them, end, watched); /* for wait_abortion */
        CHECK(barrier_fail(&theirs, 11));
        CHECK(fails(&mine, barrier_wait_abortion, 11));
        check_pollfds(-11, them, end, watched);
        barrier_destroy(&mine);
        check_pollfds(-ENOTCONN, -1, -1, -1);
        CHECK(close(watched) == 0);

        afresh();
        them = mine.them;
        end = pipe_end(&mine);
        barrier_destroy(&theirs);
        check_pollfds(2, them, end, -1); /* not known yet */
        CHECK(barrier_wait_abortion(&mine));
        check_pollfds(-ECONNRESET, them, end, -1);

        afresh();
        CHECK(raw_write(theirs.me, CODE(1)) && fails(&mine, barrier_sync, EPROTO));
        check_pollfds(-EPROTO, mine.them, pipe_end(&mine), -1);
        barrier_destroy(&mine);
        CHECK(barrier_init(&mine) == 0);
        CHECK(barrier_watch(&mine, STDIN_FILENO) == 0);
        check_pollfds(-ENOTCONN, -1, -1, -1);
}

static void poll_once(const struct pollfd *fds, int n) {
        struct pollfd copy[BARRIER_POLLFDS];

        memcpy(copy, fds, sizeof *fds * (size_t) n);
        CHECK(poll(copy, (nfds_t) n, -1) > 0);
}

static void epoll_once(const struct pollfd *fds, int n) {
        struct epoll_event event;
        int i, loop = epoll_create1(EPOLL_CLOEXEC);

        CHECK(loop >= 0);
        for (i = 0; i < n; i++) {
                memset(&event, 0, sizeof event);
                event.events = (uint32_t) fds[i].events;
                CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fds[i].fd, &event) == 0);
        }
        CHECK(epoll_wait(loop, &event, 1, -1) == 1);
        CHECK(close(loop) == 0);
}

enum { LEVEL, EDGE };

static const char *const triggers[] = { [LEVEL] = "level", [EDGE] = "edge", NULL };

static void epoll_add(int loop, int fd, uint32_t events) {
        struct epoll_event event;

        memset(&event, 0, sizeof event);
        event.events = events | (situation == EDGE ? EPOLLET : 0);
        event.data.fd = fd;
        CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0);
}

static int count_wake_ups(int loop) {
        struct epoll_event event;
        int i, n = 0;

        for (i = 0; i < 1000; i++)
                n += epoll_wait(loop, &event, 1, 0);
        return n;
}

/* Another process holds copies, so that closing alone takes nothing out. */
TEST_CASES(broken_barrier_keeps_its_descriptors_and_can_leave_an_epoll, PAIR, triggers) {
        struct pollfd fds[BARRIER_POLLFDS];
        struct epoll_event event;
        int i, line, loop, stranger[2];
        pid_t holder = start(&line);

        if (holder == 0) { /* of copies of this side alone */
                barrier_destroy(&theirs);
                tell(line, 0);
                (void) hear(line);
                _exit(0);
        }
        (void) hear(line);
        loop = epoll_create1(EPOLL_CLOEXEC);
        CHECK(barrier_get_pollfds(&mine, fds) == 2);
        for (i = 0; i < 2; i++)
                epoll_add(loop, fds[i].fd, (uint32_t) fds[i].events);
        CHECK(count_wake_ups(loop) == 0);

        CHECK(raw_write(theirs.me, CODE(1)));
        CHECK(epoll_wait(loop, &event, 1, -1) == 1);
        CHECK(fails(&mine, barrier_sync, EPROTO));
        CHECK(count_wake_ups(loop) == 0);

        /* Had a descriptor been closed, this one would have its number. */
        CHECK(pipe2(stranger, O_CLOEXEC) == 0);
        epoll_add(loop, stranger[0], EPOLLIN);
        CHECK(barrier_get_pollfds(&mine, fds) == -EPROTO);
        for (i = 0; i < 2; i++)
                CHECK(epoll_ctl(loop, EPOLL_CTL_DEL, fds[i].fd, NULL) == 0);
        CHECK(count_wake_ups(loop) == 0);
        barrier_destroy(&theirs);
        CHECK(count_wake_ups(loop) == 0);
        barrier_destroy(&mine);
        tell(line, 0);
        CHECK(finish(holder, line) == 0);
        CHECK(count_wake_ups(loop) == 0);
        CHECK(raw_write(stranger[1], 1));
        CHECK(epoll_wait(loop, &event, 1, 0) == 1 && event.data.fd == stranger[0]);
        CHECK(close(stranger[0]) == 0 && close(stranger[1]) == 0 && close(loop) == 0);
}

TEST(epoll_is_readable_as_soon_as_the_wait_would_say_something_else, PAIR) {
        enum { NOTHING, PLACED, ABORTED_, GONE, WATCH_READY, EVENTS };
        int event, i, epfd, watched[2];
        struct files before;

        for (event = 0; event < EVENTS; event++)
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        afresh();
                        CHECK(pipe2(watched, O_CLOEXEC) == 0);
                        CHECK(barrier_watch(&mine, watched[0]) == 0 && barrier_place(&mine));
                        look_at_files(&before);
                        epfd = barrier_epoll(&mine);
                        CHECK(epfd > STDERR_FILENO && fcntl(epfd, F_GETFD) == FD_CLOEXEC);
                        CHECK(would_block(&mine, all_waits[i]) && !is_readable(epfd));
                        if (event == PLACED)
                                CHECK(barrier_place(&theirs));
                        else if (event == ABORTED_)
                                CHECK(barrier_abort(&theirs));
                        else if (event == GONE)
                                barrier_destroy(&theirs);
                        else if (event == WATCH_READY)
                                CHECK(raw_write(watched[1], 1));
                        CHECK(is_readable(epfd) == (event != NOTHING));
                        barrier_set_timeout(&mine, 0);
                        if (all_waits[i] == barrier_wait_abortion)
                                CHECK(barrier_wait_abortion(&mine) == (event > PLACED));
                        else
                                CHECK(all_waits[i](&mine) == (event == PLACED));
                        if (event == PLACED) /* the news was taken */
                                CHECK(!is_readable(epfd));
                        CHECK(close(epfd) == 0);
                        if (event != GONE)
                                CHECK(files_are_as_in(&before));
                        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
                }
}

TEST(epoll_serves_wait_abortion_after_this_side_aborted, PAIR) {
        int epfd;

        CHECK(barrier_abort(&mine));
        epfd = barrier_epoll(&mine);
        CHECK(epfd >= 0 && would_block(&mine, barrier_wait_abortion) && !is_readable(epfd));
        CHECK(barrier_abort(&theirs));
        CHECK(is_readable(epfd) && fails(&mine, barrier_wait_abortion, ECONNABORTED));
        CHECK(close(epfd) == 0);
}

static void epoll_fails(int error) {
        Barrier was = mine;
        struct files files;

        look_at_files(&files);
        CHECK(barrier_epoll(&mine) == error);
        CHECK(memcmp(&mine, &was, sizeof mine) == 0 && files_are_as_in(&files));
}

TEST(epoll_is_refused_where_there_is_nothing_to_wait_for_and_leaves_nothing_open, PAIR) {
        struct rlimit limit, low;
        int watched;

        CHECK(barrier_fail(&theirs, ENOTCONN) && !barrier_wait_next(&mine));
        epoll_fails(-EPIPE);
        barrier_destroy(&mine);
        epoll_fails(-ENOTCONN);
        CHECK(barrier_init(&mine) == 0);
        epoll_fails(-ENOTCONN);

        afresh();
        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        low = limit;
        low.rlim_cur = 0;
        CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
        epoll_fails(-EMFILE);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

        watched = fcntl(STDIN_FILENO, F_DUPFD, HIGH);
        replace(watched, open("/", O_RDONLY | O_CLOEXEC));
        CHECK(barrier_watch(&mine, watched) == 0);
        epoll_fails(-EPERM);
        CHECK(close(watched) == 0);
        epoll_fails(-EBADF);
}

static void epoll_without_standard_streams(int closed) {
        struct files before;
        int epfd;

        role = BARRIER_PARENT;
        make_pair(&mine, &theirs);
        close_standard_streams(closed);
        look_at_files(&before);
        epfd = barrier_epoll(&mine);
        CHECK(epfd > STDERR_FILENO && close(epfd) == 0 && files_are_as_in(&before));
}

TEST(epoll_is_above_2, ONCE) {
        with_closed_standard_streams(epoll_without_standard_streams);
}

enum { POLL, EPOLL, ONE_DESCRIPTOR };

static const char *const loops[] = {
        [POLL] = "poll",
        [EPOLL] = "epoll",
        [ONE_DESCRIPTOR] = "barrier_epoll",
        NULL,
};

/* The recipes of barrier.h. */
static bool wait_in_loop(operation *wait) {
        struct pollfd fds[BARRIER_POLLFDS];
        int n;

        barrier_set_timeout(&mine, 0);
        for (;;) {
                if (wait(&mine))
                        return true;
                if (errno != ETIMEDOUT || barrier_they_aborted(&mine))
                        return false;
                if (situation == ONE_DESCRIPTOR) {
                        fds[0].fd = barrier_epoll(&mine);
                        fds[0].events = POLLIN;
                        CHECK(fds[0].fd >= 0);
                        poll_once(fds, 1);
                        CHECK(close(fds[0].fd) == 0);
                        continue;
                }
                n = barrier_get_pollfds(&mine, fds);
                CHECK(n >= 2 && n <= BARRIER_POLLFDS);
                if (situation == POLL)
                        poll_once(fds, n);
                else
                        epoll_once(fds, n);
        }
}

TEST_CASES(no_wake_up_is_lost, EACH_SIDE, loops) {
        int i, abort;

        for (abort = 0; abort < 2; abort++) {
                if (start_peer()) {
                        for (i = 0; i < 300; i++)
                                CHECK(barrier_place_and_sync(&mine));
                        if (abort) {
                                CHECK(hear(peer_line) == 0); /* not before the last barrier */
                                CHECK(barrier_fail(&mine, 6));
                        }
                        _exit(0);
                }
                for (i = 0; i < 300; i++) {
                        CHECK(wait_in_loop(barrier_wait_next));
                        CHECK(barrier_place(&mine));
                }
                if (abort)
                        tell(peer_line, 0);
                CHECK(wait_in_loop(barrier_wait_abortion));
                CHECK(abort ? knows(&mine, THEY, 6) : knows(&mine, THEY | LEFT, ECONNRESET));
                CHECK(finish_peer() == 0);
        }
}

/* ---- on the wire ----------------------------------------------------------------------------- */

SECTION(wire)

TEST(what_is_written, PAIR) {
        char c;

        CHECK(barrier_place(&mine));
        CHECK(raw_read(theirs.them) == 1);
        CHECK(place_many(&mine, 3));
        CHECK(raw_read(theirs.them) == 3);
        CHECK(barrier_place(&mine) && barrier_abort(&mine));
        CHECK(raw_read(theirs.them) == ABORTED + 1);
        CHECK(barrier_abort(&mine) && barrier_fail(&mine, 4) && !barrier_place(&mine));
        CHECK(raw_read(theirs.them) == 0); /* once */
        CHECK(raw_read(mine.them) == 0);
        CHECK(read(role == BARRIER_PARENT ? mine.pipe[0] : theirs.pipe[0], &c, 1) < 0);
        CHECK(errno == EAGAIN); /* nobody writes to the pipe */

        afresh();
        CHECK(barrier_fail(&mine, 32767));
        CHECK(raw_read(theirs.them) == (ABORTED | CODE(32767)));

        afresh();
        CHECK(barrier_fail(&mine, 32768));
        CHECK(raw_read(theirs.them) == ABORTED);

        afresh();
        barrier_destroy(&mine); /* leaving writes nothing */
        CHECK(raw_read(theirs.them) == 0);
}

TEST(what_is_understood, PAIR) {
        static const struct {
                uint64_t value;
                int error;
        } words[] = {
                { ABORTED, ECONNABORTED },
                { ABORTED | 1, ECONNABORTED },
                { ABORTED | (CODE(1) - 1), ECONNABORTED },
                { ABORTED | CODE(1), 1 },
                { ABORTED | CODE(0x1234) | 5, 0x1234 },
                { ABORTED | CODE(0x7fff), 0x7fff },
                { UINT64_MAX - 1, 0x7fff },
        };
        int i;

        for (i = 0; i < ELEMENTS(words); i++) {
                afresh();
                CHECK(raw_write(theirs.me, words[i].value));
                CHECK(fails(&mine, barrier_sync, words[i].error));
                CHECK(knows(&mine, THEY, words[i].error));
        }

        afresh();
        CHECK(raw_write(theirs.me, 2));
        CHECK(place_many(&mine, 2) && barrier_sync(&mine));
        CHECK(would_block(&mine, barrier_place_and_sync));
        CHECK(raw_write(theirs.me, CODE(1) - 1)); /* as many as fit */
        CHECK(barrier_sync(&mine) && barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
}

/* ---- hostile and broken peers, failing system calls ------------------------------------------ */

SECTION(hostile)

/* This side broke, and says so to whoever asks. */
static void check_ended(int error) {
        struct pollfd fds[BARRIER_POLLFDS];

        CHECK(knows(&mine, I | THEY, error));
        CHECK(all_fail(&mine, error));
        CHECK(too_late(&mine, barrier_abort, error));
        CHECK(too_late(&mine, fail_with_code, error));
        CHECK(fails(&mine, barrier_wait_abortion, error));
        CHECK(barrier_get_pollfds(&mine, fds) == -error);
}

/* The other side is told why, and this side keeps its descriptors. */
static void check_broke(int error) {
        check_ended(error);
        CHECK(pipe_end(&mine) >= 0);
        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY, error));
}

/* Who broke the protocol is not told: the write could block. */
static void check_protocol_broke(void) {
        check_ended(EPROTO);
        CHECK(pipe_end(&mine) >= 0);
        CHECK(raw_read(mine.me) == 0);
        barrier_destroy(&mine);
        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY | LEFT, ECONNRESET));
}

/* Or it cannot be told, and is woken by the pipe. */
static void check_broke_silently(int error) {
        check_ended(error);
        CHECK(pipe_end(&mine) == -1);
        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY | LEFT, ECONNRESET));
}

TEST(code_without_abort_is_a_protocol_error, PAIR) {
        int bit, i;

        for (bit = 48; bit < 63; bit++)
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        afresh();
                        CHECK(raw_write(theirs.me, (UINT64_C(1) << bit) | 3));
                        CHECK(fails(&mine, all_waits[i], EPROTO));
                        check_protocol_broke();
                }
        afresh();
        CHECK(raw_write(theirs.me, CODE(1) - 1) && barrier_place(&theirs)); /* one too many */
        CHECK(fails(&mine, barrier_wait_abortion, EPROTO));
        check_protocol_broke();
}

TEST(count_of_barriers_never_overflows, PAIR) {
        int i;

        for (i = 0; i < 65536; i++) {
                CHECK(raw_write(theirs.me, CODE(1) - 1));
                CHECK(barrier_wait_next(&mine));
        }
        CHECK(raw_write(theirs.me, UINT16_MAX));
        CHECK(barrier_wait_next(&mine)); /* 2^64 - 1 */
        CHECK(barrier_place(&theirs));
        CHECK(fails(&mine, barrier_wait_next, EPROTO));
        check_protocol_broke();
}

/* The other side breaks the protocol, beside an eventfd that it has made blocking and left full. */
TEST(wait_that_finds_the_protocol_broken_does_not_block_in_telling, PAIR) {
        int i;

        for (i = 0; i < ELEMENTS(all_waits); i++) {
                afresh();
                CHECK(barrier_place(&mine) && raw_read(mine.me) == 1);
                CHECK(raw_write(mine.me, UINT64_MAX - 1) && raw_write(theirs.me, CODE(1)));
                CHECK(fcntl(theirs.them, F_SETFL, O_RDWR) == 0);
                CHECK(fails(&mine, all_waits[i], EPROTO));
                check_ended(EPROTO);                                /* abort and fail among it */
                CHECK((fcntl(mine.me, F_GETFL) & O_NONBLOCK) == 0); /* nobody touched it */
        }
}

/* The other side has filled the eventfd that this one writes, and set its flags. To that side it
 * looks like an abortion. */
static void meets_a_full_eventfd(operation *op, int flags) {
        afresh();
        CHECK(raw_write(mine.me, UINT64_MAX - 1));
        CHECK(fcntl(theirs.them, F_SETFL, O_RDWR | flags) == 0);
        CHECK(op == barrier_abort ? too_late(&mine, op, EPROTO) : fails(&mine, op, EPROTO));
        check_ended(EPROTO);
        CHECK(fcntl(pipe_end(&mine), F_GETFD) == FD_CLOEXEC);
        CHECK(barrier_wait_abortion(&theirs) && knows(&theirs, THEY, 0x7fff));
}

TEST(full_eventfd_is_a_protocol_error, PAIR) {
        meets_a_full_eventfd(barrier_place, O_NONBLOCK);
        meets_a_full_eventfd(barrier_abort, O_NONBLOCK);
        meets_a_full_eventfd(barrier_place_and_sync, O_NONBLOCK);
}

TEST(abort_does_not_block_on_an_eventfd_made_blocking_and_full, PAIR) {
        meets_a_full_eventfd(barrier_abort, 0);
}

TEST(signal_frees_place_from_an_eventfd_made_blocking_and_full, PAIR) {
        start_storm(NULL);
        meets_a_full_eventfd(barrier_place, 0);
        end_storm();
}

/* Where a read cannot be told not to block, nothing helps against a peer that makes it. A kernel
 * that takes the flag but does not heed it would sleep here until a signal comes. */
static bool can_read_without_blocking(void) {
#ifdef RWF_NOWAIT
        int error, fd = eventfd(0, EFD_CLOEXEC);
        struct iovec iov;
        uint64_t value;

        CHECK(fd >= 0);
        iov.iov_base = &value;
        iov.iov_len = sizeof value;
        start_storm(NULL);
        CHECK(preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0);
        error = errno;
        end_storm();
        CHECK(close(fd) == 0);
        return error == EAGAIN;
#else
        return false;
#endif
}

TEST(peer_that_makes_the_eventfds_blocking_does_not_block_a_wait, PAIR) {
        int i;

        if (!can_read_without_blocking())
                SKIP("no RWF_NOWAIT for eventfds here");
        CHECK(fcntl(theirs.me, F_SETFL, 0) == 0 && fcntl(theirs.them, F_SETFL, 0) == 0);
        CHECK(fcntl(pipe_end(&theirs), F_SETFL, 0) == 0);
        CHECK(barrier_place(&mine));
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                CHECK(would_block(&mine, all_waits[i]));
                barrier_set_timeout(&mine, 2);
                CHECK(fails(&mine, all_waits[i], ETIMEDOUT));
        }
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync(&mine) && barrier_sync(&mine));
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_wait_abortion(&mine));
}

TEST(peer_that_drains_its_eventfd_only_makes_a_wait_run_out, PAIR) {
        int line;
        pid_t pid;

        CHECK(place_many(&theirs, 2));
        CHECK(raw_read(theirs.me) == 2);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(raw_read(theirs.them) == 1);
        CHECK(barrier_place(&mine));
        pid = start(&line);
        if (pid == 0)
                for (;;) { /* until it is killed */
                        (void) raw_write(theirs.me, 1);
                        (void) raw_read(theirs.me);
                }
        barrier_set_timeout(&mine, 10);
        CHECK(!barrier_wait_abortion(&mine) && errno == ETIMEDOUT);
        kill_and_reap(pid);
        CHECK(close(line) == 0);
}

TEST(bytes_in_the_pipe_mean_nothing, PAIR) {
        Barrier *child = role == BARRIER_CHILD ? &mine : &theirs;
        char bytes[4096];
        int epfd;

        memset(bytes, 'x', sizeof bytes);
        while (write(child->pipe[1], bytes, sizeof bytes) > 0)
                ;
        CHECK(errno == EAGAIN); /* full */
        CHECK(would_block(&mine, barrier_wait_next) && would_block(&theirs, barrier_wait_next));
        epfd = barrier_epoll(&mine);
        CHECK(epfd >= 0 && !is_readable(epfd) && close(epfd) == 0);
        barrier_set_timeout(&mine, 2);
        CHECK(fails(&mine, barrier_wait_abortion, ETIMEDOUT));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine) && knows(&mine, THEY | LEFT, ECONNRESET));
}

TEST(closed_descriptors_end_in_EBADF, PAIR) {
        int i;

        for (i = 0; i < ELEMENTS(all_waits); i++) {
                afresh();
                CHECK(place_many(&mine, 1) && close(mine.them) == 0);
                CHECK(fails(&mine, all_waits[i], EBADF));
                check_broke(EBADF);

                afresh();
                CHECK(place_many(&mine, 1) && close(pipe_end(&mine)) == 0);
                CHECK(fails(&mine, all_waits[i], EBADF));
                check_broke(EBADF);
        }
}

TEST(foreign_descriptors_end_in_an_error, PAIR) {
        static const int stale[] = { 0, EINTR, EAGAIN };
        int i, ends[2];

        for (i = 0; i < ELEMENTS(stale); i++) { /* end of file, which sets no errno */
                afresh();
                CHECK(pipe2(ends, O_CLOEXEC) == 0 && close(ends[1]) == 0);
                replace(mine.them, ends[0]);
                CHECK(fails_with_errno(&mine, barrier_wait_next, stale[i], EIO));
                check_broke(EIO);
        }

        afresh();
        replace(mine.them, open("/", O_RDONLY | O_CLOEXEC));
        CHECK(fails(&mine, barrier_wait_next, EISDIR));
        check_broke(EISDIR);
}

TEST(side_that_cannot_write_leaves_instead, PAIR) {
        static operation *const writing[] = { barrier_place, barrier_abort, fail_with_code };
        int i, sealed;

        for (i = 0; i < ELEMENTS(writing); i++) {
                afresh();
                sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                CHECK(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE) == 0);
                replace(mine.me, sealed);
                errno = EPERM;
                CHECK(!writing[i](&mine) && errno == EPERM);
                check_broke_silently(EPERM);

                afresh();
                CHECK(close(mine.me) == 0);
                errno = EBADF;
                CHECK(!writing[i](&mine) && errno == EBADF);
                check_broke_silently(EBADF);
        }
        afresh(); /* what went wrong is one thing, that it cannot be said another */
        CHECK(close(mine.me) == 0 && close(mine.them) == 0);
        CHECK(fails(&mine, barrier_wait_next, EBADF));
        check_broke_silently(EBADF);
}

TEST(write_that_is_cut_short_ends_in_EIO, PAIR) {
        struct rlimit limit, short_ = { 4, RLIM_INFINITY };

        CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &limit) == 0);
        short_.rlim_max = limit.rlim_max;
        replace(mine.me, memfd_create("short", MFD_CLOEXEC));
        CHECK(setrlimit(RLIMIT_FSIZE, &short_) == 0);
        CHECK(fails(&mine, barrier_place, EIO));
        check_broke_silently(EIO);
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0 && signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
}

/* Each wait asks poll() for as many entries as it has descriptors to watch. */
TEST(wait_needs_a_limit_of_2_descriptors_and_of_3_with_a_watch, PAIR) {
        struct pollfd none[3] = { { -1, 0, 0 }, { -1, 0, 0 }, { -1, 0, 0 } };
        struct rlimit limit, two;

        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        two = limit;
        two.rlim_cur = 2;
        CHECK(setrlimit(RLIMIT_NOFILE, &two) == 0);
        if (poll(none, 3, 0) == 0) {
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                SKIP("poll() does not heed RLIMIT_NOFILE here");
        }
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_watch(&mine, mine.me) == 0);
        CHECK(fails(&mine, barrier_wait_next, EINVAL));
        check_broke(EINVAL);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST(side_that_breaks_keeps_the_word_learnt_before, PAIR) {
        CHECK(barrier_fail(&theirs, 12));
        CHECK(fails(&mine, barrier_sync, 12));
        CHECK(close(mine.me) == 0);
        CHECK(too_late(&mine, barrier_abort, 12));
        CHECK(knows(&mine, I | THEY, 12));
}

/* ---- export and import ----------------------------------------------------------------------- */

SECTION(strings)

/* What an exported string holds, each byte as two letters from a to p, so that a test can forge
 * one: the struct, three words that identify the descriptors, and the check sum. */
enum { IDENTITIES = sizeof(Barrier), SUM = IDENTITIES + 24, BYTES = SUM + 8 };

static void decode(const char *s, unsigned char raw[BYTES]) {
        int i;

        CHECK(strlen(s) == 2 * BYTES);
        for (i = 0; i < BYTES; i++)
                raw[i] = (unsigned char) ((s[2 * i] - 'a') << 4 | (s[2 * i + 1] - 'a'));
}

static uint32_t format = 1;

static void encode_with_sum(unsigned char raw[BYTES], char *s) {
        uint32_t sum = 2166136261u + format;
        uint64_t sum64;
        int i;

        for (i = 0; i < SUM; i++)
                sum = (sum ^ raw[i]) * 16777619u;
        sum64 = sum;
        memcpy(raw + SUM, &sum64, sizeof sum64);
        for (i = 0; i < BYTES; i++) {
                s[2 * i] = (char) ('a' + (raw[i] >> 4));
                s[2 * i + 1] = (char) ('a' + (raw[i] & 15));
        }
        s[2 * BYTES] = 0;
}

/* The same string with another number of 1, 4 or 8 bytes at one place, and the right sum. */
static void forge(const char *good, char *s, size_t offset, size_t size, int64_t value) {
        unsigned char raw[BYTES];
        uint8_t u8 = (uint8_t) value;
        int32_t i32 = (int32_t) value;

        decode(good, raw);
        if (size == 1)
                memcpy(raw + offset, &u8, 1);
        else if (size == 4)
                memcpy(raw + offset, &i32, 4);
        else
                memcpy(raw + offset, &value, 8);
        encode_with_sum(raw, s);
}

static int64_t identity(const char *s, int i) {
        unsigned char raw[BYTES];
        int64_t id;

        decode(s, raw);
        memcpy(&id, raw + IDENTITIES + 8 * i, sizeof id);
        return id;
}

static bool refuses(const char *s, int error) {
        Barrier b;

        memset(&b, 0x5a, sizeof b);
        return barrier_import(&b, s) == error && is_null(&b);
}

static void export_or_fail(char *s) {
        int n = barrier_export(&mine, s, BARRIER_EXPORT_MAX);

        CHECK(n > 0 && n < BARRIER_EXPORT_MAX && strlen(s) == (size_t) n);
}

/* Across an execve() in which only the struct was lost. */
static void export_import(void) {
        Barrier was = mine;
        char s[BARRIER_EXPORT_MAX];

        export_or_fail(s);
        memset(&mine, 0x5a, sizeof mine);
        CHECK(barrier_import(&mine, s) == 0);
        CHECK(memcmp(&mine, &was, offsetof(Barrier, watch)) == 0);
}

static bool descriptor_flags_are(int flags) {
        return fcntl(mine.me, F_GETFD) == flags && fcntl(mine.them, F_GETFD) == flags &&
               fcntl(pipe_end(&mine), F_GETFD) == flags;
}

TEST(export_is_printable_and_makes_the_descriptors_survive_execve, PAIR) {
        Barrier was = mine;
        char s[BARRIER_EXPORT_MAX], again[BARRIER_EXPORT_MAX];
        int i;

        export_or_fail(s);
        for (i = 0; s[i]; i++)
                CHECK(s[i] > ' ' && s[i] <= '~');
        CHECK(memcmp(&mine, &was, sizeof mine) == 0);
        CHECK(descriptor_flags_are(0));
        export_or_fail(again);
        CHECK(strcmp(s, again) == 0);

        CHECK(barrier_import(&mine, s) == 0);
        CHECK(descriptor_flags_are(FD_CLOEXEC));
}

static void export_fails(char *s, size_t size, int error) {
        Barrier was = mine;
        struct files files;

        look_at_files(&files);
        CHECK(barrier_export(&mine, s, size) == error);
        CHECK(files_are_as_in(&files) && memcmp(&mine, &was, sizeof mine) == 0);
}

TEST(export_that_fails_changes_nothing, PAIR) {
        char s[BARRIER_EXPORT_MAX] = "untouched";
        size_t size, length = 2 * BYTES;

        export_fails(NULL, 0, -ENOBUFS);
        for (size = 0; size <= length; size++)
                export_fails(s, size, -ENOBUFS);
        CHECK(strcmp(s, "untouched") == 0);
        CHECK(barrier_export(&mine, s, length + 1) == (int) length && strlen(s) == length);
        CHECK(barrier_import(&mine, s) == 0);

        CHECK(close(mine.me) == 0);
        export_fails(s, sizeof s, -EBADF);

        afresh();
        replace(pipe_end(&mine), copy_of(mine.me));
        export_fails(s, sizeof s, -EBADF);
        afresh();
        replace(pipe_end(&mine), copy_of(pipe_end(&theirs)));
        export_fails(s, sizeof s, -EBADF);
        if (role == BARRIER_PARENT) {
                afresh();
                replace(pipe_end(&mine), open("/", O_RDONLY | O_CLOEXEC));
                export_fails(s, sizeof s, -EBADF);
        }
}

TEST(barrier_goes_on_working_after_an_export_without_execve, PAIR) {
        char first[BARRIER_EXPORT_MAX], second[BARRIER_EXPORT_MAX];

        export_or_fail(first);
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        export_or_fail(second);
        CHECK(strcmp(first, second) != 0);
        CHECK(barrier_fail(&mine, ENOENT));
        CHECK(fails(&theirs, barrier_sync, ENOENT));
}

TEST(import_takes_over_exactly_where_it_stood, PAIR) {
        export_import();
        CHECK(place_many(&mine, 3) && place_many(&theirs, 2)); /* in the kernel */
        export_import();
        CHECK(would_block(&mine, barrier_sync)); /* received */
        export_import();
        CHECK(barrier_sync_next(&mine)); /* consumed */
        export_import();
        CHECK(would_block(&mine, barrier_sync_next) && would_block(&mine, barrier_wait_next));
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_sync(&mine));
        export_import();
        CHECK(barrier_wait_next(&mine)); /* one is not linked */
        export_import();
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_place(&mine) && barrier_sync(&mine) && barrier_sync(&theirs));
        CHECK(barrier_fail(&theirs, 5));
        export_import();
        CHECK(fails(&mine, barrier_sync, 5));
}

TEST(ended_barrier_is_exported_as_ended_with_its_reason, PAIR) {
        CHECK(barrier_fail(&mine, 3)); /* this side aborted */
        export_import();
        CHECK(knows(&mine, I, ECANCELED) && all_fail(&mine, ECANCELED));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_abort(&theirs)); /* they did too */
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
        export_import();
        CHECK(knows(&mine, I | THEY, ECONNABORTED) && all_fail(&mine, ECONNABORTED));

        afresh(); /* they aborted */
        CHECK(barrier_fail(&theirs, 32767));
        CHECK(barrier_wait_abortion(&mine));
        export_import();
        CHECK(knows(&mine, THEY, 32767) && all_fail(&mine, 32767));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(too_late(&mine, barrier_abort, 32767));
        CHECK(fails(&theirs, barrier_wait_abortion, ECONNABORTED));

        afresh(); /* they left */
        CHECK(place_many(&theirs, 2) && barrier_place(&mine));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        export_import();
        CHECK(knows(&mine, THEY | LEFT, ECONNRESET));
        CHECK(barrier_sync(&mine) && barrier_wait_next(&mine));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(too_late(&mine, barrier_abort, ECONNRESET));
        export_import();
        CHECK(knows(&mine, I | THEY | LEFT, ECONNRESET) && all_fail(&mine, ECONNRESET));
}

TEST(broken_barrier_is_exported_as_broken, PAIR) {
        char s[BARRIER_EXPORT_MAX], forged[BARRIER_EXPORT_MAX];

        CHECK(raw_write(theirs.me, CODE(1)));
        CHECK(fails(&mine, barrier_sync, EPROTO));
        export_or_fail(s);
        forge(s, forged, offsetof(Barrier, they_aborted), 1, 0);
        CHECK(refuses(forged, -EINVAL));
        export_import();
        check_protocol_broke();

        afresh(); /* nothing left to go on with */
        CHECK(close(mine.me) == 0);
        CHECK(fails(&mine, barrier_place, EBADF));
        export_or_fail(s);
        forge(s, forged, offsetof(Barrier, i_aborted), 1, 0);
        CHECK(refuses(forged, -EINVAL));
        barrier_destroy(&mine);
        CHECK(barrier_import(&mine, s) == 0);
        check_broke_silently(EBADF);
}

/* A string goes to other 1.x, whose struct has to be this one. */
TEST(string_has_each_field_where_all_1_x_have_it, ONCE) {
        static const size_t where[][2] = {
                { offsetof(Barrier, me), 0 },         { offsetof(Barrier, them), 4 },
                { offsetof(Barrier, pipe), 8 },       { offsetof(Barrier, placed), 16 },
                { offsetof(Barrier, received), 24 },  { offsetof(Barrier, consumed), 32 },
                { offsetof(Barrier, error), 40 },     { offsetof(Barrier, role), 44 },
                { offsetof(Barrier, i_aborted), 45 }, { offsetof(Barrier, they_aborted), 46 },
                { offsetof(Barrier, they_left), 47 }, { offsetof(Barrier, watch), 48 },
        };
        int i;

        for (i = 0; i < ELEMENTS(where); i++)
                CHECK(where[i][0] == where[i][1]);
        CHECK(BARRIER_PARENT == 1 && BARRIER_CHILD == 2);
}

TEST(watch_and_timeout_are_not_exported, PAIR) {
        char text[BARRIER_EXPORT_MAX];
        size_t last = offsetof(Barrier, watch);
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0 && raw_write(watched[1], 1));
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        barrier_set_timeout(&mine, 0);
        export_or_fail(text);
        CHECK(strspn(text + 2 * last, "a") >= 2 * (sizeof mine - last)); /* all 0 */
        export_import();
        CHECK(fcntl(watched[0], F_GETFD) == FD_CLOEXEC);
        CHECK(would_block(&mine, barrier_wait_next));
        export_import();
        start_storm(act_place);
        CHECK(barrier_wait_next(&mine));
        end_storm();
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}

enum { FRESH, USED, ENDED };

static const char *const states[] = {
        [FRESH] = "fresh",
        [USED] = "used",
        [ENDED] = "ended",
        NULL,
};

static void make_export(int state, char *s) {
        afresh();
        if (state != FRESH) {
                CHECK(place_many(&mine, 300) && place_many(&theirs, 200));
                CHECK(barrier_sync_next(&mine) && barrier_place(&theirs));
                CHECK(would_block(&mine, barrier_sync));
        }
        if (state == ENDED)
                CHECK(barrier_fail(&theirs, 1234) && barrier_wait_abortion(&mine));
        export_or_fail(s);
}

TEST_CASES(damaged_string_is_refused_and_changes_nothing, EACH_SIDE, states) {
        static const char other_bytes[] = "abcdefghijklmnop`qAP0/ \n\x7f\x80\xe1\xff";
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX + 8], *huge;
        struct files files;
        size_t i, k, n;
        uint32_t random = 1;
        int c;

        make_export(situation, good);
        n = strlen(good);
        look_at_files(&files);

        CHECK(refuses(NULL, -EINVAL) && refuses("", -EINVAL) && refuses(" ", -EINVAL));
        for (i = 0; i < n; i++) {
                for (k = 0; k < sizeof other_bytes; k++) { /* changed, or cut off by the NUL */
                        strcpy(s, good);
                        s[i] = other_bytes[k];
                        if (s[i] != good[i])
                                CHECK(refuses(s, -EINVAL));
                }
                strcpy(s, good);
                memmove(s + i, s + i + 1, n - i); /* one lost */
                CHECK(refuses(s, -EINVAL));
                strcpy(s, good);
                if (i + 1 < n && s[i] != s[i + 1]) { /* two swapped */
                        s[i] = good[i + 1];
                        s[i + 1] = good[i];
                        CHECK(refuses(s, -EINVAL));
                }
                CHECK(files_are_as_in(&files));
        }
        for (i = 0; i <= n; i++) /* one too many */
                for (c = 'a' - 1; c <= 'q'; c++) {
                        memcpy(s, good, i);
                        s[i] = (char) c;
                        strcpy(s + i + 1, good + i);
                        CHECK(refuses(s, -EINVAL));
                }
        CHECK(files_are_as_in(&files));
        strcpy(s, good);
        for (i = 0; i < n; i++)
                s[i] = (char) (s[i] - 'a' + 'A');
        CHECK(refuses(s, -EINVAL));
        for (k = 0; k < 2000; k++) { /* random letters */
                for (i = 0; i < n; i++) {
                        random = random * 1103515245u + 12345u;
                        s[i] = (char) ('a' + (random >> 16) % 16);
                }
                s[k % 2 ? n : (random >> 20) % n] = 0;
                CHECK(refuses(s, -EINVAL));
        }
        huge = malloc(100001);
        CHECK(huge);
        memset(huge, 'a', 100000);
        huge[100000] = 0;
        CHECK(refuses(huge, -EINVAL));
        memcpy(huge, good, n);
        CHECK(refuses(huge, -EINVAL));
        free(huge);
        CHECK(files_are_as_in(&files));

        CHECK(barrier_import(&mine, good) == 0); /* the string itself is as good as ever */
}

struct forgery {
        size_t offset, size;
        int64_t value;
};

static void refuses_forgeries(const char *good, const struct forgery *forgeries, int n) {
        char s[BARRIER_EXPORT_MAX];
        struct files files;
        int i;

        look_at_files(&files);
        for (i = 0; i < n; i++) {
                forge(good, s, forgeries[i].offset, forgeries[i].size, forgeries[i].value);
                CHECK(refuses(s, -EINVAL));
        }
        CHECK(files_are_as_in(&files));
}

TEST(forged_fields_are_refused_and_change_nothing, EACH_SIDE) {
        static const struct forgery while_it_goes_on[] = {
                { offsetof(Barrier, role), 1, 0 },
                { offsetof(Barrier, role), 1, 3 },
                { offsetof(Barrier, role), 1, 255 },
                { offsetof(Barrier, consumed), 8, 1000 },
                { offsetof(Barrier, consumed), 8, -1 },
                { offsetof(Barrier, i_aborted), 1, 1 },
                { offsetof(Barrier, i_aborted), 1, 2 },
                { offsetof(Barrier, they_aborted), 1, 1 },
                { offsetof(Barrier, they_aborted), 1, 2 },
                { offsetof(Barrier, they_aborted), 1, 254 },
                { offsetof(Barrier, they_left), 1, 1 },
                { offsetof(Barrier, they_left), 1, 2 },
                { offsetof(Barrier, error), 4, 1 },
                { offsetof(Barrier, error), 4, -1 },
                { offsetof(Barrier, error), 4, 32768 },
                { offsetof(Barrier, error), 4, INT_MIN },
                { offsetof(Barrier, me), 4, -1 },
                { offsetof(Barrier, me), 4, INT_MIN },
                { offsetof(Barrier, me), 4, 0 },
                { offsetof(Barrier, me), 4, STDERR_FILENO },
                { offsetof(Barrier, placed), 8, INT64_MIN },
                { offsetof(Barrier, placed), 8, -1 },
        };
        static const struct forgery once_it_ended[] = {
                { offsetof(Barrier, error), 4, 0 },
                { offsetof(Barrier, error), 4, -5 },
                { offsetof(Barrier, error), 4, 32768 },
                { offsetof(Barrier, i_aborted), 1, 2 },
                { offsetof(Barrier, they_aborted), 1, 0 },
                { offsetof(Barrier, they_aborted), 1, 2 },
                { offsetof(Barrier, they_left), 1, 2 },
                { offsetof(Barrier, me), 4, -1 },
        };
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX];

        make_export(FRESH, good);
        forge(good, s, offsetof(Barrier, role), 1, mine.role);
        CHECK(strcmp(s, good) == 0); /* the forger knows his trade */
        format = 2;
        forge(good, s, offsetof(Barrier, role), 1, mine.role);
        CHECK(refuses(s, -EINVAL));
        format = 1;
        refuses_forgeries(good, while_it_goes_on, ELEMENTS(while_it_goes_on));
        forge(good, s, offsetof(Barrier, placed), 8, INT64_MAX);
        CHECK(barrier_import(&mine, s) == 0);
        make_export(ENDED, good);
        refuses_forgeries(good, once_it_ended, ELEMENTS(once_it_ended));
}

/* Puts another object where one of the descriptors was, or nothing, and has the import refused. */
static void replaced(int fd, int by, const char *s) {
        struct files files;
        int kept = copy_of(fd);

        if (by < 0)
                CHECK(close(fd) == 0);
        else
                CHECK(dup2(by, fd) == fd);
        look_at_files(&files);
        CHECK(refuses(s, -EBADF));
        CHECK(files_are_as_in(&files));
        CHECK(dup2(kept, fd) == fd && close(kept) == 0);
}

/* Whatever import makes of it, no file that is not the barrier's may be closed or changed. */
static void forged_descriptor_costs_nothing(const char *good, size_t offset, int value) {
        char s[BARRIER_EXPORT_MAX];
        struct files files;
        Barrier b;
        int r;

        forge(good, s, offset, 4, value);
        if (strcmp(s, good) == 0)
                return;
        look_at_files(&files);
        r = barrier_import(&b, s);
        CHECK(r == -EINVAL || r == -EBADF);
        CHECK(is_null(&b));
        CHECK(files_are_as_in(&files));
}

static void forged_descriptors_cost_nothing(const char *good) {
        static const size_t offsets[] = {
                offsetof(Barrier, me),
                offsetof(Barrier, them),
                offsetof(Barrier, pipe),
                offsetof(Barrier, pipe) + sizeof(int),
        };
        int i, fd;

        barrier_destroy(&theirs); /* no second descriptor for any of the objects */
        for (i = 0; i < ELEMENTS(offsets); i++) {
                for (fd = -2; fd < FILES; fd++)
                        forged_descriptor_costs_nothing(good, offsets[i], fd);
                forged_descriptor_costs_nothing(good, offsets[i], INT_MAX);
                forged_descriptor_costs_nothing(good, offsets[i], INT_MIN);
        }
}

TEST(forged_descriptors_are_refused_and_change_nothing, EACH_SIDE) {
        char good[BARRIER_EXPORT_MAX];

        make_export(FRESH, good);
        forged_descriptors_cost_nothing(good);
        make_export(ENDED, good);
        forged_descriptors_cost_nothing(good);
        make_export(FRESH, good);
        CHECK(close(mine.me) == 0);
        CHECK(fails(&mine, barrier_place, EBADF));
        export_or_fail(good); /* broken: without any descriptor */
        forged_descriptors_cost_nothing(good);
}

/* ... nor may one be that has one of the standard streams' numbers, or stands there twice, though
 * it is the right object. */
TEST(standard_streams_and_equal_numbers_are_refused, EACH_SIDE) {
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX];
        struct files files;
        size_t end;
        int i, k, fd[3], kept;

        make_export(FRESH, good);
        end = offsetof(Barrier, pipe) + (role == BARRIER_PARENT ? 0 : sizeof(int));
        fd[0] = mine.me;
        fd[1] = mine.them;
        fd[2] = pipe_end(&mine);
        for (i = 0; i < 3; i++) {
                const size_t offset[] = { offsetof(Barrier, me), offsetof(Barrier, them), end };

                for (k = 0; k <= STDERR_FILENO; k++) {
                        kept = copy_of(k);
                        CHECK(dup2(fd[i], k) == k);
                        look_at_files(&files);
                        forge(good, s, offset[i], 4, k);
                        CHECK(refuses(s, -EINVAL));
                        CHECK(files_are_as_in(&files));
                        CHECK(dup2(kept, k) == k && close(kept) == 0);
                }
                look_at_files(&files);
                for (k = 0; k < 3; k++) {
                        if (k == i)
                                continue;
                        forge(good, s, offset[i], 4, fd[k]);
                        forge(s, s, IDENTITIES + 8 * (size_t) i, 8, identity(good, k));
                        CHECK(refuses(s, -EINVAL));
                        CHECK(files_are_as_in(&files));
                }
        }
        CHECK(barrier_import(&mine, good) == 0);
}

/* A pipe is known by its inode and the device of that. */
TEST(pipe_that_is_another_one_is_refused, EACH_SIDE) {
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX], fifo[] = "/tmp/test-barrier-XXXXXX";
        struct stat st;
        int fds[2];

        make_export(FRESH, good);
        CHECK(fstat(pipe_end(&mine), &st) == 0);
        /* as any program with another 1.x expects it */
        CHECK(identity(good, 2) == (int64_t) (st.st_ino ^ (uint64_t) st.st_dev << 32));
        forge(good, s, IDENTITIES + 16, 8, 0);
        CHECK(refuses(s, -EBADF));

        CHECK(pipe2(fds, O_CLOEXEC) == 0);
        replaced(pipe_end(&mine), fds[role == BARRIER_CHILD], s);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);

        if (!mkdtemp(fifo))
                SKIP("no directory for a named pipe here");
        CHECK(rmdir(fifo) == 0 && mkfifo(fifo, 0600) == 0);
        fds[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        fds[1] = open(fifo, O_WRONLY | O_CLOEXEC);
        CHECK(fstat(fds[0], &st) == 0 && unlink(fifo) == 0);
        forge(good, s, IDENTITIES + 16, 8, (int64_t) st.st_ino);
        replaced(pipe_end(&mine), fds[role == BARRIER_CHILD], s);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
        CHECK(barrier_import(&mine, good) == 0);
}

/* A root directory for each thing that /proc may say of the barrier's eventfds. */
enum { NUMBERS, NO_PROC, NO_NUMBERS, A_FIFO, NO_END };

static const char *const worlds[] = {
        [NUMBERS] = "/proc as it is",
        [NO_PROC] = "no /proc",
        [NO_NUMBERS] = "/proc without numbers",
        NULL,
};

static int real_root;
static char roots[] = "/tmp/test-barrier-XXXXXX";

static void enter(int world) {
        char path[64];

        CHECK(fchdir(real_root) == 0 && chroot(".") == 0);
        (void) snprintf(path, sizeof path, "%s/%d", roots, world);
        CHECK(world == NUMBERS || chroot(path) == 0);
}

static void plant(int world, const char *path) {
        static const char text[] = "pos:\t0\nflags:\t02004002\nmnt_id:\t15\nino:\t1057\n"
                                   "eventfd-count:                0\n";
        int fd;

        if (world == A_FIFO) {
                CHECK(mkfifo(path, 0600) == 0);
                return;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        if (world == NO_END)
                CHECK(ftruncate(fd, 1 << 24) == 0);
        else
                CHECK(write(fd, text, sizeof text - 1) == sizeof text - 1);
        CHECK(close(fd) == 0);
}

/* Makes or removes the roots. */
static void build_roots(bool remove) {
        static const char *const dirs[] = { "", "/proc", "/proc/thread-self",
                                            "/proc/thread-self/fdinfo" };
        const int fds[] = { mine.me, mine.them };
        char path[128];
        int world, i;

        for (world = NO_PROC; world <= NO_END; world++) {
                for (i = 0; i < (world == NO_PROC ? 1 : ELEMENTS(dirs)); i++) {
                        (void) snprintf(path, sizeof path, "%s/%d%s", roots, world, dirs[i]);
                        CHECK(remove || mkdir(path, 0700) == 0);
                }
                for (i = 0; world != NO_PROC && i < 2; i++) {
                        (void) snprintf(path, sizeof path, "%s/%d%s/%d", roots, world, dirs[3],
                                        fds[i]);
                        if (remove)
                                CHECK(unlink(path) == 0);
                        else
                                plant(world, path);
                }
                for (i = world == NO_PROC ? 0 : 3; remove && i >= 0; i--) {
                        (void) snprintf(path, sizeof path, "%s/%d%s", roots, world, dirs[i]);
                        CHECK(rmdir(path) == 0);
                }
        }
}

/* Runs something in a process that can enter them. Returns false where that cannot be had. */
static bool in_other_worlds(void (*run)(void)) {
        int status;
        pid_t pid;

        if (!mkdtemp(roots))
                return false;
        build_roots(false);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                real_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (chroot("/") < 0 && (unshare(CLONE_NEWUSER) < 0 || chroot("/") < 0))
                        _exit(IMPOSSIBLE);
                run();
                _exit(0);
        }
        status = reap(pid);
        build_roots(true);
        CHECK(rmdir(roots) == 0);
        strcpy(roots + strlen(roots) - 6, "XXXXXX");
        CHECK(status == 0 || was_impossible(status));
        return status == 0;
}

static bool eventfds_have_numbers(void) {
        char path[64], text[512];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof path, "/proc/self/fdinfo/%d", mine.me);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof text);
        CHECK(close(fd) == 0 && n >= 0);
        return memmem(text, (size_t) n, "eventfd-id", 10) != NULL;
}

/* It does not poll as one that can be written. */
TEST(full_eventfd_is_exported_and_imported_where_it_has_a_number, PAIR) {
        if (!eventfds_have_numbers())
                SKIP("eventfds have no numbers here");
        CHECK(raw_write(mine.me, UINT64_MAX - 1) && raw_write(theirs.me, UINT64_MAX - 1));
        export_import();
        CHECK(fails(&mine, barrier_place, EPROTO));
        export_import();
        CHECK(fails(&mine, barrier_wait_abortion, EPROTO));
}

/* What else can have the number of an eventfd; most of these would block who reads them. */
enum { STRANGERS = 12 };

static struct { int n, fd[STRANGERS]; } strangers;

static void add_stranger(int fd, const char *what) {
        char why[64];

        if (fd < 0) {
                (void) snprintf(why, sizeof why, "no %s here", what);
                NOTE_SKIPPED(why);
                return;
        }
        strangers.fd[strangers.n++] = fd;
}

/* Who is not root has to say that it is for user mode only; before Linux 5.11 nobody can. */
static int userfaultfd_(void) {
        int fd = (int) syscall(SYS_userfaultfd, O_CLOEXEC);

        return fd >= 0 ? fd : (int) syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */);
}

/* The last one has something to read, which must still be there in the end. */
static void make_strangers(void) {
        const struct itimerspec at_once = { { 0, 0 }, { 0, 1 } };
        struct pollfd expired = { -1, POLLIN, 0 };
        int sockets[2];
        sigset_t none;

        CHECK(sigemptyset(&none) == 0);
        make_line(sockets);
        strangers.n = 0;
        add_stranger(sockets[0], "socket");
        add_stranger(sockets[1], "socket");
        add_stranger(memfd_create("file", MFD_CLOEXEC), "memory file");
        add_stranger(copy_of(pipe_end(&theirs)), "pipe");
        add_stranger(epoll_create1(EPOLL_CLOEXEC), "epoll");
        add_stranger(signalfd(-1, &none, SFD_CLOEXEC), "signalfd");
        add_stranger(inotify_init1(IN_CLOEXEC), "inotify");
        add_stranger(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_REPORT_FID, O_RDONLY),
                     "fanotify");
        add_stranger(userfaultfd_(), "userfaultfd");
        add_stranger(pidfd_open_(getpid()), "pidfd");
        add_stranger(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), "terminal");
        add_stranger(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd");
        expired.fd = strangers.fd[strangers.n - 1];
        CHECK(timerfd_settime(expired.fd, 0, &at_once, NULL) == 0);
        CHECK(poll(&expired, 1, -1) == 1);
}

static void end_strangers(void) {
        CHECK(raw_read(strangers.fd[strangers.n - 1]) == 1);
        while (strangers.n > 0)
                CHECK(close(strangers.fd[--strangers.n]) == 0);
}

static void strangers_are_refused(const char *s) {
        const int fds[] = { mine.me, mine.them, pipe_end(&mine) };
        int i, k;

        for (i = 0; i < 3; i++) {
                replaced(fds[i], -1, s);
                for (k = 0; k < strangers.n; k++)
                        replaced(fds[i], strangers.fd[k], s);
        }
        replaced(pipe_end(&mine), mine.me, s);
}

/* Eventfds, and what else polls as ready for writing, are told from one another only where eventfds
 * have numbers. */
static void foreign_eventfds_are_refused(const char *s) {
        const uint64_t rights = 1;
        const int foreign[] = {
                eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                (int) syscall(SYS_fsopen, "tmpfs", 1),
                (int) syscall(SYS_landlock_create_ruleset, &rights, sizeof rights, 0),
        };
        int i;

        replaced(mine.me, mine.them, s);
        replaced(mine.them, mine.me, s);
        for (i = 0; i < ELEMENTS(foreign); i++)
                if (foreign[i] >= 0) {
                        replaced(mine.me, foreign[i], s);
                        replaced(mine.them, foreign[i], s);
                        CHECK(close(foreign[i]) == 0);
                }
        if (foreign[1] < 0 && foreign[2] < 0)
                NOTE_SKIPPED("no fsopen() or landlock here");
}

/* Whatever the string says of the eventfds: what they are, that there was no /proc, no number. */
static void only_the_right_objects_pass(void) {
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX];
        int forged;

        if (situation != NUMBERS)
                enter(situation);
        export_or_fail(good);
        strangers_are_refused(good);
        if (situation == NUMBERS && eventfds_have_numbers())
                foreign_eventfds_are_refused(good);
        for (forged = 0; forged < 2; forged++) {
                forge(good, s, IDENTITIES, 8, forged);
                forge(s, s, IDENTITIES + 8, 8, forged);
                strangers_are_refused(s);
        }
        CHECK(barrier_import(&mine, good) == 0); /* all is back in its place */
        CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
}

TEST_CASES(descriptor_that_is_another_object_is_refused_unread, PAIR, worlds) {
        bool possible = true;

        make_strangers();
        if (situation == NUMBERS)
                only_the_right_objects_pass();
        else
                possible = in_other_worlds(only_the_right_objects_pass);
        end_strangers();
        if (!possible)
                SKIP("no chroot() here");
        if (situation == NUMBERS && !eventfds_have_numbers())
                SKIP("/proc does not number eventfds here");
}

/* Writes to buf what /proc says of an eventfd. */
static const char *fdinfo(char buf[], int before, const char *number) {
        memset(buf, '.', (size_t) before);
        (void) sprintf(buf + before, "\neventfd-id: %s\neventfd-semaphore: 0\n", number);
        return buf;
}

/* It is not if barrier.c was compiled so that it calls another. */
static bool open_is_ours(void) {
        char s[BARRIER_EXPORT_MAX];

        libc.opened[0] = 0;
        export_or_fail(s);
        return libc.opened[0];
}

TEST(eventfd_is_known_by_the_whole_of_its_number, PAIR) {
        static const char *const numbers[] = { "0",   "1",    "2",         "9",   "10",  "11",
                                               "12",  "19",   "20",        "21",  "90",  "91",
                                               "99",  "100",  "101",       "109", "110", "119",
                                               "120", "1000", "2147483647" };
        char s[BARRIER_EXPORT_MAX], text[128];
        int i, k;

        if (!open_is_ours())
                SKIP("open() goes by another name here");
        for (i = 0; i < ELEMENTS(numbers); i++) {
                libc.fdinfo = fdinfo(text, 0, numbers[i]);
                export_or_fail(s);
                /* as any program with another 1.x expects it */
                CHECK(identity(s, 0) == 2 + atoll(numbers[i]));
                for (k = 0; k < ELEMENTS(numbers); k++) {
                        libc.fdinfo = fdinfo(text, 0, numbers[k]);
                        if (i == k)
                                CHECK(barrier_import(&mine, s) == 0);
                        else
                                CHECK(refuses(s, -EBADF));
                }
        }
        libc.fdinfo = fdinfo(text, 0, "0");
        CHECK(raw_write(mine.me, UINT64_MAX - 1)); /* so that it cannot be written */
        export_import();
}

TEST(number_of_an_eventfd_is_found_behind_any_length_of_text, PAIR) {
        char s[BARRIER_EXPORT_MAX], text[4096];
        int before;

        if (!open_is_ours())
                SKIP("open() goes by another name here");
        libc.fdinfo = fdinfo(text, 0, "4711");
        export_or_fail(s);
        for (before = 0; before < 2500; before++) {
                libc.fdinfo = fdinfo(text, before, "4711");
                CHECK(barrier_import(&mine, s) == 0);
        }
        libc.fdinfo = fdinfo(text, before, "4712");
        CHECK(refuses(s, -EBADF));
}

TEST(number_of_an_eventfd_ends_with_its_last_digit, PAIR) {
        static const char *const ends[] = { "", ":", "/" };
        char s[BARRIER_EXPORT_MAX], text[64];
        int i;

        if (!open_is_ours())
                SKIP("open() goes by another name here");
        libc.fdinfo = text;
        for (i = 0; i < ELEMENTS(ends); i++) {
                (void) sprintf(text, "\neventfd-id: 4711%s", ends[i]);
                export_or_fail(s);
                CHECK(identity(s, 0) == 2 + 4711);
        }
}

TEST(proc_is_asked_for_the_right_descriptor_and_cannot_block, PAIR) {
        static const int numbers[] = { 10, 19, 58, 100, 109, 121 };
        char s[BARRIER_EXPORT_MAX], path[64];
        int i, fd;

        if (!open_is_ours())
                SKIP("open() goes by another name here");
        CHECK(libc.opened_with == (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        for (i = 0; i < ELEMENTS(numbers); i++) {
                fd = fcntl(mine.them, F_DUPFD_CLOEXEC, numbers[i]);
                if (fd < 0 && errno == EINVAL)
                        SKIP("RLIMIT_NOFILE allows no descriptor with three digits here");
                CHECK(fd >= numbers[i] && close(mine.them) == 0);
                mine.them = fd;
                export_or_fail(s);
                (void) snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", mine.them);
                CHECK(strcmp(libc.opened, path) == 0);
        }
}

TEST(export_and_import_without_a_standard_input_leave_none_behind, PAIR) {
        int saved = copy_of(STDIN_FILENO);

        CHECK(close(STDIN_FILENO) == 0);
        export_import();
        CHECK(fcntl(STDIN_FILENO, F_GETFD) < 0);
        CHECK(dup2(saved, STDIN_FILENO) == STDIN_FILENO && close(saved) == 0);
}

TEST(export_and_import_read_from_nothing_that_another_thread_puts_below_3, PAIR) {
        int i, ends[2], saved = copy_of(STDIN_FILENO);

        CHECK(pipe2(ends, O_CLOEXEC) == 0 && raw_write(ends[1], 1)); /* and it would block */
        libc.put_below_3 = ends[0];
        for (i = 0; i < 2; i++) {
                CHECK(i == 1 || close(STDIN_FILENO) == 0);
                export_import();
        }
        libc.put_below_3 = 0;
        CHECK(raw_read(ends[0]) == 1);
        CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
        CHECK(dup2(saved, STDIN_FILENO) == STDIN_FILENO && close(saved) == 0);
}

TEST(broken_barrier_is_exported_and_imported_in_place_without_a_leak, PAIR) {
        char s[BARRIER_EXPORT_MAX];
        struct files before;
        Barrier b;

        destroy_both();
        look_at_files(&before);
        make_pair(&mine, &theirs);
        b = mine;
        mine.me = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(!barrier_place(&mine) && pipe_end(&mine) == -1);
        CHECK(close(mine.me) == 0);
        mine.me = b.me;
        CHECK(barrier_export(&mine, s, sizeof s) > 0 && barrier_import(&mine, s) == 0);
        CHECK(all_fail(&mine, EBADF));
        destroy_both();
        CHECK(files_are_as_in(&before));
}

/* O_NONBLOCK belongs to the open file, which the other side shares. */
TEST(pipe_that_the_other_side_made_blocking_is_exported_and_imported, PAIR) {
        CHECK(fcntl(pipe_end(&theirs), F_SETFL, 0) == 0 && fcntl(pipe_end(&mine), F_SETFL, 0) == 0);
        export_import();
}

static void import_in_each_world(void) {
        static const struct {
                int from, to;
        } ways[] = {
                { NUMBERS, NO_PROC },    { NO_PROC, NUMBERS }, { NO_PROC, NO_NUMBERS },
                { NO_NUMBERS, NO_PROC }, { NO_PROC, NO_PROC }, { NO_NUMBERS, NO_NUMBERS },
                { A_FIFO, A_FIFO },      { NUMBERS, NUMBERS },
        };
        char s[BARRIER_EXPORT_MAX];
        int i;

        for (i = 0; i < ELEMENTS(ways); i++) {
                enter(ways[i].from);
                export_or_fail(s);
                enter(ways[i].to);
                CHECK(barrier_import(&mine, s) == 0);
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
        }
        enter(NO_END); /* a file that is not from the kernel */
        CHECK(refuses(s, -EFBIG));
        export_fails(s, sizeof s, -EFBIG);
}

TEST(proc_that_does_not_tell_neither_prevents_an_import_nor_blocks_it, PAIR) {
        if (!in_other_worlds(import_in_each_world))
                SKIP("no chroot() here");
}

/* Each lock adds a line to what /proc says of a descriptor. All eventfds share an inode, and so the
 * locks on it: hence locks where no other process of the machine has some. */
static bool lock_many(int fd, int n) {
        struct flock lock;

        memset(&lock, 0, sizeof lock);
        lock.l_type = F_RDLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = (off_t) getpid() << 16;
        lock.l_len = 1;
        for (; n > 0; n--, lock.l_start += 2)
                if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                        return false;
        return true;
}

enum { BEFORE, AFTER };

static const char *const times_of_locks[] = {
        [BEFORE] = "before the export",
        [AFTER] = "after it",
        NULL,
};

TEST_CASES(locks_of_the_other_side_neither_hide_nor_forge_an_identity, PAIR, times_of_locks) {
        static const int numbers[] = { 1, 3, 12, 100 };
        char s[BARRIER_EXPORT_MAX];
        int i;

        if (!lock_many(theirs.me, 1))
                SKIP("no locks on eventfds here");
        afresh();
        make_strangers();
        for (i = 0; i < ELEMENTS(numbers); i++) {
                if (situation == AFTER)
                        export_or_fail(s);
                CHECK(lock_many(theirs.me, numbers[i]) && lock_many(theirs.them, numbers[i]));
                if (situation == BEFORE)
                        export_or_fail(s);
                strangers_are_refused(s);
                if (eventfds_have_numbers())
                        foreign_eventfds_are_refused(s);
                CHECK(barrier_import(&mine, s) == 0);
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
        }
        end_strangers();
}

static int poll_is_interrupted(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds;
        (void) n;
        CHECK(msec == 0);
        libc.poll = NULL;
        errno = EINTR;
        return -1;
}

static int poll_fails(struct pollfd *fds, nfds_t n, int msec) {
        (void) fds;
        (void) n;
        (void) msec;
        errno = ENOMEM;
        return -1;
}

TEST(export_and_import_return_the_error_of_the_system_call_that_failed, PAIR) {
        char s[BARRIER_EXPORT_MAX];
        int i;

        export_or_fail(s);
        for (i = 1; i <= 3; i++) { /* EPERM says many a filter */
                libc.fstat_fails_in = i;
                CHECK(refuses(s, -EPERM));
                libc.fstat_fails_in = i;
                CHECK(barrier_export(&mine, s, sizeof s) == -EPERM);
        }

        if (!poll_is_ours())
                SKIP("poll() goes by another name here");
        libc.poll = poll_fails;
        CHECK(refuses(s, -ENOMEM));
        CHECK(barrier_export(&mine, s, sizeof s) == -ENOMEM);
        libc.poll = poll_is_interrupted; /* but each restarts on EINTR */
        export_or_fail(s);
        libc.poll = poll_is_interrupted;
        CHECK(barrier_import(&mine, s) == 0);
        CHECK(libc.poll == NULL);
}

TEST(what_proc_says_is_read_again_after_a_signal_and_not_after_an_error, PAIR) {
        char s[BARRIER_EXPORT_MAX], text[128];

        if (!open_is_ours())
                SKIP("open() goes by another name here");
        libc.fdinfo = fdinfo(text, 0, "4711");
        libc.reads_interrupted = 2;
        export_or_fail(s);
        CHECK(libc.reads_interrupted == 0 && identity(s, 0) == 2 + 4711);
        libc.fdinfo = NULL;
        libc.not_fdinfo = "/"; /* which can be opened, and not read */
        CHECK(refuses(s, -EISDIR));
        export_fails(s, sizeof s, -EISDIR);
}

struct own_table {
        int line;
        int numbers[2];
        bool unshared;
};

static void *in_a_table_of_its_own(void *p) {
        struct own_table *t = p;
        char s[BARRIER_EXPORT_MAX];

        t->unshared = unshare(CLONE_FILES) == 0;
        if (t->unshared) {
                afresh();
                CHECK(dup3(mine.me, t->numbers[0], O_CLOEXEC) >= 0 && close(mine.me) == 0);
                CHECK(dup3(mine.them, t->numbers[1], O_CLOEXEC) >= 0 && close(mine.them) == 0);
                mine.me = t->numbers[0];
                mine.them = t->numbers[1];
                export_or_fail(s);
                tell(t->line, 0);
                CHECK(hear(t->line) == 0);
                CHECK(barrier_import(&mine, s) == 0);
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
                destroy_both();
        } else
                tell(t->line, 0);
        return NULL;
}

/* What another thread has behind the same numbers is none of the business. */
TEST(export_and_import_in_a_thread_with_its_own_descriptor_table, ONCE) {
        struct own_table t;
        int line[2], first = eventfd(0, EFD_CLOEXEC), second = eventfd(0, EFD_CLOEXEC), i;
        pthread_t thread;

        make_line(line);
        t.line = line[1];
        for (i = 0; i < 2; i++)
                t.numbers[i] = copy_of(first);
        t.unshared = false;
        if (pthread_create(&thread, NULL, in_a_table_of_its_own, &t) == 0) {
                CHECK(hear(line[0]) == 0);
                for (i = 0; i < 2; i++)
                        CHECK(dup3(second, t.numbers[i], O_CLOEXEC) >= 0);
                if (t.unshared)
                        tell(line[0], 0);
                CHECK(pthread_join(thread, NULL) == 0);
        }
        for (i = 0; i < 2; i++)
                CHECK(close(line[i]) == 0 && close(t.numbers[i]) == 0);
        CHECK(close(first) == 0 && close(second) == 0);
        if (!t.unshared)
                SKIP("a thread cannot have its own descriptor table here");
}

TEST(export_and_import_need_no_free_descriptor, EACH_SIDE) {
        struct rlimit limit;
        int line;
        pid_t pid = start(&line);

        if (pid == 0) {
                afresh();
                CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
                limit.rlim_cur = 2; /* which poll() needs */
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                export_import();
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
                _exit(0);
        }
        CHECK(finish(pid, line) == 0);
}

/* ---- across a real execve() ------------------------------------------------------------------ */

SECTION(execve)

/* What the new program does. It is the peer, and knows the situation. */
static void import_or_fail(const char *exported) {
        CHECK(barrier_import(&mine, exported) == 0);
        CHECK(descriptor_flags_are(FD_CLOEXEC));
}

static void linger(const char *exported) {
        (void) exported;
        tell(peer_line, 0);
        CHECK(hear(peer_line) == 0);
}

enum { OWN_ABORT, THEIR_CODE, BOTH_ABORTED, THEY_LEFT };

static const char *const endings[] = {
        [OWN_ABORT] = "own abort",
        [THEIR_CODE] = "their code",
        [BOTH_ABORTED] = "both aborted",
        [THEY_LEFT] = "they left",
        NULL,
};

static const struct {
        int who, error;
} known[] = {
        [OWN_ABORT] = { I, ECANCELED },
        [THEIR_CODE] = { THEY, 31 },
        [BOTH_ABORTED] = { I | THEY, 31 },
        [THEY_LEFT] = { THEY | LEFT, ECONNRESET },
};

static void find_it_ended(const char *exported) {
        import_or_fail(exported);
        CHECK(knows(&mine, known[situation].who, known[situation].error));
        CHECK(all_fail(&mine, known[situation].error));
        CHECK(knows(&mine, known[situation].who, known[situation].error));
        barrier_destroy(&mine);
}

/* This side placed 3, the other one 2; how far did this side get with these before the exec? */
enum { PENDING, RECEIVED, CONSUMED };

static const char *const progress[] = {
        [PENDING] = "pending",
        [RECEIVED] = "received",
        [CONSUMED] = "consumed",
        NULL,
};

static void go_on_counting(const char *exported) {
        import_or_fail(exported);
        if (situation == CONSUMED)
                CHECK(would_block(&mine, barrier_sync_next));
        else
                CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next) && would_block(&mine, barrier_sync));
        tell(peer_line, 0);
        CHECK(barrier_sync(&mine));
        CHECK(barrier_place_and_sync(&mine));
        CHECK(barrier_fail(&mine, 21));
        tell(peer_line, 0);
        CHECK(hear(peer_line) == 0);
}

static void exec_once_more(const char *exported) {
        char s[BARRIER_EXPORT_MAX];

        import_or_fail(exported);
        export_or_fail(s);
        exec_self("go_on_counting", peer_line, s);
}

static int after_exec(char **argv) {
        static const struct {
                const char *name;
                void (*run)(const char *exported);
        } programs[] = {
                { "linger", linger },
                { "find_it_ended", find_it_ended },
                { "go_on_counting", go_on_counting },
                { "exec_once_more", exec_once_more },
        };
        int i;

        peer_line = atoi(argv[3]);
        situation = atoi(argv[5]);
        for (i = 0; i < ELEMENTS(programs); i++)
                if (strcmp(argv[2], programs[i].name) == 0) {
                        programs[i].run(argv[4]);
                        return 0;
                }
        return FAILED;
}

TEST_CASES(barrier_goes_on_across_execve, EACH_SIDE, progress) {
        char s[BARRIER_EXPORT_MAX];
        int twice;

        for (twice = 0; twice < 2; twice++) {
                if (start_peer()) {
                        CHECK(place_many(&mine, 3));
                        CHECK(hear(peer_line) == 0);
                        if (situation == RECEIVED)
                                CHECK(would_block(&mine, barrier_sync));
                        else if (situation == CONSUMED)
                                CHECK(barrier_wait_next(&mine));
                        export_or_fail(s);
                        exec_self(twice ? "exec_once_more" : "go_on_counting", peer_line, s);
                }
                CHECK(place_many(&mine, 2));
                tell(peer_line, 0);
                CHECK(hear(peer_line) == 0);
                CHECK(barrier_place_and_sync(&mine));
                CHECK(barrier_place(&mine));
                CHECK(hear(peer_line) == 0);
                CHECK(fails(&mine, barrier_sync, 21)); /* the exec was not taken for leaving */
                CHECK(knows(&mine, THEY, 21));
                tell(peer_line, 0);
                CHECK(finish_peer() == 0);
        }
}

TEST(leaving_after_execve_is_seen, EACH_SIDE) {
        char s[BARRIER_EXPORT_MAX];

        if (start_peer()) {
                CHECK(barrier_place(&mine));
                export_or_fail(s);
                exec_self("linger", peer_line, s);
        }
        CHECK(hear(peer_line) == 0);
        CHECK(barrier_place_and_sync(&mine));
        CHECK(would_block(&mine, barrier_wait_next)); /* the new program holds the descriptors */
        kill_and_reap(peer);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(close(peer_line) == 0);
}

TEST_CASES(ended_barrier_is_ended_across_execve, EACH_SIDE, endings) {
        char s[BARRIER_EXPORT_MAX];

        if (start_peer()) {
                CHECK(hear(peer_line) == 0); /* the other side has done its part */
                if (situation == OWN_ABORT || situation == BOTH_ABORTED)
                        CHECK(barrier_abort(&mine));
                if (situation == THEY_LEFT)
                        CHECK(barrier_place(&mine));
                if (situation == BOTH_ABORTED)
                        CHECK(fails(&mine, barrier_wait_abortion, 31));
                else if (situation != OWN_ABORT)
                        CHECK(barrier_wait_abortion(&mine));
                export_or_fail(s);
                exec_self("find_it_ended", peer_line, s);
        }
        if (situation == THEIR_CODE || situation == BOTH_ABORTED)
                CHECK(barrier_fail(&mine, 31));
        else if (situation == THEY_LEFT)
                barrier_destroy(&mine);
        tell(peer_line, 0);
        CHECK(finish_peer() == 0);
}

/* ---- system calls ---------------------------------------------------------------------------- */

SECTION(calls)

/* How many system calls a process makes from run() on. A traced process stops twice for each. -1 if
 * tracing is not allowed here. */
static int count_all_calls(void (*run)(void)) {
        int line, status, sig = 0, stops = 0;
        pid_t pid = start(&line);

        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(IMPOSSIBLE);
                (void) raise(SIGSTOP);
                run();
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        if (WIFSTOPPED(status))
                CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) == 0);
        while (WIFSTOPPED(status)) {
                CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, sig) == 0);
                CHECK(waitpid(pid, &status, 0) == pid);
                sig = 0;
                if (!WIFSTOPPED(status))
                        break;
                if (WSTOPSIG(status) == (SIGTRAP | 0x80))
                        stops++;
                else
                        sig = WSTOPSIG(status);
        }
        CHECK(close(line) == 0);
        if (was_impossible(status))
                return -1;
        CHECK(status == 0);
        return stops / 2;
}

static void run_nothing(void) {
}

static void run_three_calls(void) {
        CHECK(write(-1, "", 1) < 0 && read(-1, NULL, 0) < 0 && poll(NULL, 0, 0) == 0);
}

static int count_calls(void (*run)(void)) {
        return count_all_calls(run) - count_all_calls(run_nothing);
}

/* Not under a tool that makes calls of its own beside those of the program. */
static bool can_count_calls(void) {
        return count_calls(run_three_calls) == 3;
}

static void run_init(void) {
        CHECK(barrier_init(&mine) == 0);
}

static void run_place_and_sync(void) {
        CHECK(barrier_place_and_sync(&mine));
}

static void run_sync(void) {
        CHECK(barrier_sync(&mine));
}

static void run_abort(void) {
        CHECK(barrier_abort(&mine));
}

static operation *tried;

static void run_try(void) {
        CHECK(!tried(&mine));
}

TEST(init_makes_3_system_calls, ONCE) {
        if (!can_count_calls())
                SKIP("cannot count system calls here");
        CHECK(fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0);
        CHECK(count_calls(run_init) == 3);
}

TEST(place_and_sync_with_the_barrier_there_makes_2_calls_and_the_parents_first_3, PAIR) {
        static const int heard[] = { 0, 1, TRIES_FROM - 1, TRIES_FROM };
        int i, calls;

        if (!can_count_calls() || !can_read_without_blocking())
                SKIP("cannot count system calls here");
        for (i = 0; i < ELEMENTS(heard); i++) {
                afresh();
                if (heard[i] > 0)
                        CHECK(hear_of(heard[i]) && place_many(&mine, heard[i]));
                CHECK(barrier_place(&theirs));
                calls = mine.role == BARRIER_PARENT && heard[i] < TRIES_FROM ? 3 : 2;
                CHECK(count_calls(run_place_and_sync) == calls);
                CHECK(count_calls(run_sync) == 1);
        }
        CHECK(count_calls(run_abort) == 2); /* see abort_does_not_block_... */
}

TEST(try_that_finds_nothing_makes_1_or_2_system_calls, PAIR) {
        int i;

        if (!can_count_calls() || !can_read_without_blocking())
                SKIP("cannot count system calls here");
        CHECK(barrier_place(&mine));
        barrier_set_timeout(&mine, 0);
        for (i = 0; i < ELEMENTS(all_waits); i++) {
                tried = all_waits[i];
                CHECK(count_calls(run_try) == (mine.role == BARRIER_CHILD ? 2 : 1));
        }
}

/* ---- the suite ------------------------------------------------------------------------------- */

/* One test on one side in one situation. */
struct check {
        const struct test *test;
        unsigned role;
        int situation;
        TTest libcheck;
        char name[128];
};

enum { CHECKS = 512 };

static struct check checks[CHECKS];
static int number_of_checks;

static void run_check(int i) {
        int files_before;

        test_process = getpid();
        /* What a process left behind when it was killed is reaped here too. */
        reaps_orphans = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        files_before = count_files();
        role = checks[i].role;
        situation = checks[i].situation;
        if (checks[i].test->ground == PAIR)
                make_pair(&mine, &theirs);
        skips = false;
        checks[i].test->run();
        *skipped += skips;
        memset(&libc, 0, sizeof libc); /* libcheck is about to ask how long that took */
        destroy_both();
        CHECK(count_files() == files_before);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static bool is_wanted(const char *test) {
        const char *lines = getenv("BARRIER_TESTS");
        size_t length = strlen(test);

        while (lines && (strncmp(lines, test, length) != 0 || !strchr("\n", lines[length]))) {
                lines = strchr(lines, '\n');
                if (!lines++)
                        return false;
        }
        return true;
}

static void add_check(TCase *section, const struct test *t, unsigned r, int s) {
        struct check *c = &checks[number_of_checks];

        if (number_of_checks == CHECKS)
                abort();
        c->test = t;
        c->role = r;
        c->situation = s;
        (void) snprintf(c->name, sizeof c->name, "%s%s%s%s", t->name, t->cases ? ": " : "",
                        t->cases ? t->cases[s] : "",
                        t->ground == ONCE     ? ""
                        : r == BARRIER_PARENT ? ", parent"
                                              : ", child");
        if (!is_wanted(c->name))
                return;
        c->libcheck.name = c->name;
        c->libcheck.fn = run_check;
        c->libcheck.file = __FILE__;
        c->libcheck.line = t->line;
        tcase_add_loop_test(section, &c->libcheck, number_of_checks, number_of_checks + 1);
        number_of_checks++;
}

static Suite *barrier_suite(void) {
        Suite *suite = suite_create("barrier");
        TCase *section = NULL;
        const struct test *t;
        unsigned r;
        int s;

        for (t = tests; t; t = t->next) {
                if (!t->run) {
                        section = tcase_create(t->name);
                        tcase_set_tags(section, t->name);
                        suite_add_tcase(suite, section);
                        continue;
                }
                for (s = 0; s == 0 || (t->cases && t->cases[s]); s++)
                        for (r = BARRIER_PARENT; r <= BARRIER_CHILD; r++)
                                if (r == BARRIER_PARENT || t->ground != ONCE)
                                        add_check(section, t, r, s);
        }
        return suite;
}

int main(int argc, char **argv) {
        SRunner *runner;
        int failures, run, fd;

        if (readlink("/proc/self/exe", program, sizeof program - 1) < 0 &&
            !realpath(argv[0], program))
                return EXIT_FAILURE;
        if (argc > 5 && strcmp(argv[1], "--after-exec") == 0)
                return after_exec(argv);

        do /* the standard streams are open, and no other descriptor has their numbers */
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        (void) close(fd);

        complaints = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        skipped = shared_counters();
        (void) setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* only a test that hangs takes so long */

        runner = srunner_create(barrier_suite());
        srunner_run_all(runner, CK_ENV);
        failures = srunner_ntests_failed(runner);
        run = srunner_ntests_run(runner);
        srunner_free(runner);
        (void) printf("%d passed, %d failed, %d skipped\n", run - failures - *skipped, failures,
                      *skipped);
        return failures || run == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
