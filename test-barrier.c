/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * The suite: a test for every promise of barrier.h, named for that promise.
 *
 * HOW TO READ THIS FILE
 *
 * No test depends on how long something takes. "It would block" is asked with timeout 0, and what
 * has to happen first is told over a second channel. There are two kinds of tests:
 *
 *      pair()    Both sides live in the test process, as two structs with descriptors of their own
 *                for the same kernel objects, so a test is a plain list of steps of either side.
 *      start()   The other side is a process, for all that has to do with dying, copies of
 *                descriptors and execve(). Each such process has a line to the one that started
 *                it: tell() and hear().
 *
 * Loop tests with a `role` run once for each side being the parent. CHECK() works in every process;
 * a process in which it fails says so and exits with FAILED, which whoever reaps it will not accept.
 * The fixture sees to it that no test leaves a process or a descriptor behind.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define ELEMENTS(a) ((int) (sizeof(a) / sizeof *(a)))

/* The wire format. */
#define ABORTED (UINT64_C(1) << 63)
#define CODE(c) ((uint64_t) (c) << 48)

/* ---- the ground every test stands on --------------------------------------------------------- */

enum { FAILED = 99, NO_PTRACE = 98 };

static char program[PATH_MAX];         /* this file, for execve() */
static int complaints = STDERR_FILENO; /* stays open when a test closes the standard streams */
static pid_t test_process;

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

/* Where a test can not be made, it says so. */
#define SKIP(why)                                                                                  \
        do {                                                                                       \
                (void) dprintf(complaints, "%s:%d: SKIPPED: %s\n", __FILE__, __LINE__, why);       \
                return;                                                                            \
        } while (0)

/* Which descriptors are open, with which flags and for which files. */
enum { FILES = 128 };

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

static int files_before;
static bool reaps_orphans; /* an emulator may not be able to */

static void set_up(void) {
        test_process = getpid();
        /* What a process left behind when it was killed is reaped here too. */
        reaps_orphans = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        files_before = count_files();
}

static void tear_down(void) {
        CHECK(count_files() == files_before);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
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

static int pidfd_open_(pid_t pid) {
        return (int) syscall(SYS_pidfd_open, pid, 0);
}

/* Becomes this program again, in after_exec(). Only returns if that is impossible. */
static void exec_self(const char *scenario, int line, const char *exported, const char *expected) {
        char option[] = "--after-exec", number[16];
        char *argv[7];

        (void) snprintf(number, sizeof number, "%d", line);
        argv[0] = program;
        argv[1] = option;
        argv[2] = (char *) scenario;
        argv[3] = number;
        argv[4] = (char *) exported;
        argv[5] = (char *) expected;
        argv[6] = NULL;
        CHECK(fcntl(line, F_SETFD, 0) == 0);
        execv(program, argv);
        failed(__FILE__, __LINE__, "execv");
}

/* ---- both sides in one process --------------------------------------------------------------- */

static unsigned other(unsigned role) {
        return role == BARRIER_PARENT ? BARRIER_CHILD : BARRIER_PARENT;
}

static int copy_of(int fd) {
        fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        CHECK(fd >= 0);
        return fd;
}

static void pair(Barrier *mine, Barrier *theirs, int role) {
        CHECK(barrier_init(mine) == 0);
        *theirs = *mine;
        theirs->me = copy_of(mine->me);
        theirs->them = copy_of(mine->them);
        theirs->pipe[0] = copy_of(mine->pipe[0]);
        theirs->pipe[1] = copy_of(mine->pipe[1]);
        CHECK(barrier_set_role(mine, (unsigned) role) == 0);
        CHECK(barrier_set_role(theirs, other((unsigned) role)) == 0);
}

static void destroy_pair(Barrier *mine, Barrier *theirs) {
        barrier_destroy(mine);
        barrier_destroy(theirs);
}

static bool is_null(const Barrier *b) {
        const Barrier null = BARRIER_NULL;

        return memcmp(b, &null, sizeof null) == 0;
}

static int pipe_end(const Barrier *b) {
        return b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];
}

/* ---- questions ------------------------------------------------------------------------------- */

enum { I = 1, THEY = 2, EXITED = 4 };

/* Whether the queries say just this. */
static bool knows(const Barrier *b, int who, int error) {
        return barrier_i_aborted(b) == ((who & I) != 0) &&
               barrier_they_aborted(b) == ((who & THEY) != 0) &&
               barrier_they_left(b) == ((who & EXITED) != 0) &&
               barrier_we_aborted(b) == ((who & I) && (who & THEY)) &&
               barrier_is_aborted(b) == ((who & (I | THEY)) != 0) && barrier_error(b) == error;
}

typedef bool operation(Barrier *b);

static operation *const counting_waits[] = {
        barrier_wait_next,
        barrier_sync_next,
        barrier_sync,
};

static bool fails(Barrier *b, operation *op, int error) {
        errno = 0;
        return !op(b) && errno == error;
}

/* Whether it is over, for every function that could still hope. */
static bool all_fail(Barrier *b, int error) {
        return fails(b, barrier_wait_next, error) && fails(b, barrier_sync_next, error) &&
               fails(b, barrier_sync, error) && fails(b, barrier_place, error) &&
               fails(b, barrier_place_and_sync, error) && barrier_error(b) == error;
}

static bool would_block(Barrier *b, operation *wait) {
        int who = (barrier_i_aborted(b) ? I : 0), error = barrier_error(b);
        bool right;

        barrier_set_timeout(b, 0);
        right = fails(b, wait, ETIMEDOUT) && knows(b, who, error);
        barrier_set_timeout(b, -1);
        return right;
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

/* ---- life cycle ------------------------------------------------------------------------------ */

static bool is_eventfd(int fd) {
        return raw_read(fd) == 0 && raw_write(fd, 5) && raw_write(fd, 6) && raw_read(fd) == 11;
}

START_TEST(init_makes_two_eventfds_and_a_pipe_whatever_the_struct_held) {
        Barrier b, fresh = BARRIER_NULL;
        struct stat st[2];
        int i, n = count_files();

        memset(&b, 0x5a, sizeof b);
        CHECK(barrier_init(&b) == 0);
        CHECK(count_files() == n + 4);
        CHECK(b.me != b.them && is_eventfd(b.me) && is_eventfd(b.them));
        for (i = 0; i < 2; i++)
                CHECK(fstat(b.pipe[i], &st[i]) == 0 && S_ISFIFO(st[i].st_mode));
        CHECK(st[0].st_ino == st[1].st_ino);
        CHECK((fcntl(b.pipe[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
        CHECK((fcntl(b.pipe[1], F_GETFL) & O_ACCMODE) == O_WRONLY);

        fresh.me = b.me;
        fresh.them = b.them;
        memcpy(fresh.pipe, b.pipe, sizeof b.pipe);
        CHECK(memcmp(&b, &fresh, sizeof b) == 0);
        barrier_destroy(&b);
        CHECK(count_files() == n);
}
END_TEST

START_TEST(descriptors_are_cloexec_nonblocking_and_above_2) {
        Barrier b;
        int i, fd[4];

        CHECK(barrier_init(&b) == 0);
        fd[0] = b.me;
        fd[1] = b.them;
        fd[2] = b.pipe[0];
        fd[3] = b.pipe[1];
        for (i = 0; i < 4; i++) {
                CHECK(fd[i] > STDERR_FILENO);
                CHECK(fcntl(fd[i], F_GETFD) & FD_CLOEXEC);
                CHECK(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
        }
        barrier_destroy(&b);
}
END_TEST

START_TEST(struct_is_at_most_64_bytes_and_versioned) {
        CHECK(sizeof(Barrier) <= 64);
        CHECK(BARRIER_VERSION[0] >= '1' && BARRIER_VERSION[0] <= '9');
}
END_TEST

/* Runs in a process of its own. The bits of `closed` are standard streams. */
static void init_without_standard_streams(int closed) {
        struct files before;
        Barrier b;
        int i;

        for (i = 0; i < 3; i++)
                if (closed & 1 << i)
                        CHECK(close(i) == 0);
        look_at_files(&before);
        CHECK(barrier_init(&b) == 0);
        CHECK(b.me > 2 && b.them > 2 && b.pipe[0] > 2 && b.pipe[1] > 2);
        CHECK(fcntl(b.me, F_GETFD) & fcntl(b.them, F_GETFD) & fcntl(b.pipe[0], F_GETFD) &
              fcntl(b.pipe[1], F_GETFD) & FD_CLOEXEC);
        CHECK(fcntl(b.me, F_GETFL) & fcntl(b.them, F_GETFL) & fcntl(b.pipe[0], F_GETFL) &
              fcntl(b.pipe[1], F_GETFL) & O_NONBLOCK);
        CHECK(is_eventfd(b.me) && is_eventfd(b.them));
        for (i = 0; i < 3; i++)
                if (closed & 1 << i)
                        CHECK(fcntl(i, F_GETFD) < 0);
                else
                        CHECK(fcntl(i, F_GETFD) >= 0);
        barrier_destroy(&b);
        CHECK(files_are_as_in(&before));
}

START_TEST(init_leaves_closed_standard_streams_closed) {
        int line;
        pid_t pid = start(&line);

        if (pid == 0) {
                init_without_standard_streams(_i);
                _exit(0);
        }
        CHECK(finish(pid, line) == 0);
}
END_TEST

/* Runs in a process of its own, lets init fail at every step, and counts how often it did. */
static int init_without_descriptors(int closed) {
        struct rlimit limit;
        struct files before;
        Barrier b;
        int i, r, failures = 0, needed = 4, highest;

        for (i = 0; i < 3; i++)
                if (closed & 1 << i)
                        CHECK(close(i) == 0);
        look_at_files(&before);
        for (highest = 3; needed > 0; highest++)
                needed -= before.fd[highest].flags < 0;

        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        for (i = 0; i <= highest; i++) {
                limit.rlim_cur = (rlim_t) i;
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                memset(&b, 0x5a, sizeof b);
                r = barrier_init(&b);
                if (i < highest) {
                        CHECK(r == -EMFILE);
                        CHECK(is_null(&b));
                        failures++;
                } else
                        CHECK(r == 0);
                barrier_destroy(&b);
                CHECK(files_are_as_in(&before));
        }
        return failures;
}

START_TEST(init_that_fails_at_any_step_leaks_nothing) {
        int line;
        pid_t pid = start(&line);

        if (pid == 0) {
                CHECK(init_without_descriptors(_i) > 3);
                _exit(0);
        }
        CHECK(finish(pid, line) == 0);
}
END_TEST

START_TEST(set_role_closes_what_belongs_to_the_other_side_alone) {
        Barrier b, mine;
        int n = count_files();

        CHECK(barrier_init(&b) == 0);
        mine = b;
        CHECK(barrier_set_role(&mine, (unsigned) _i) == 0);
        CHECK(count_files() == n + 3);
        if (_i == BARRIER_PARENT) {
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
END_TEST

START_TEST(set_role_refuses_and_changes_nothing) {
        static const unsigned unknown[] = { 0, 3, 257, 258, UINT_MAX };
        Barrier b = BARRIER_NULL, zero, before;
        struct files files;
        int i;

        memset(&zero, 0, sizeof zero);
        look_at_files(&files);
        CHECK(barrier_set_role(&b, (unsigned) _i) == -EBADF && is_null(&b));
        before = zero;
        CHECK(barrier_set_role(&zero, (unsigned) _i) == -EBADF);
        CHECK(memcmp(&zero, &before, sizeof zero) == 0);
        CHECK(files_are_as_in(&files));

        CHECK(barrier_init(&b) == 0);
        before = b;
        look_at_files(&files);
        for (i = 0; i < ELEMENTS(unknown); i++)
                CHECK(barrier_set_role(&b, unknown[i]) == -EINVAL);
        CHECK(memcmp(&b, &before, sizeof b) == 0 && files_are_as_in(&files));

        CHECK(barrier_set_role(&b, (unsigned) _i) == 0);
        before = b;
        look_at_files(&files);
        CHECK(barrier_set_role(&b, BARRIER_PARENT) == -EALREADY);
        CHECK(barrier_set_role(&b, BARRIER_CHILD) == -EALREADY);
        CHECK(barrier_set_role(&b, 3) == -EINVAL);
        CHECK(memcmp(&b, &before, sizeof b) == 0 && files_are_as_in(&files));

        barrier_destroy(&b);
        CHECK(barrier_set_role(&b, (unsigned) _i) == -EBADF);
}
END_TEST

START_TEST(destroy_closes_everything_and_may_be_repeated) {
        Barrier b = BARRIER_NULL, zero, theirs;
        struct files files;

        look_at_files(&files);
        barrier_destroy(NULL);
        barrier_destroy(&b);
        CHECK(is_null(&b));
        memset(&zero, 0, sizeof zero);
        barrier_destroy(&zero);
        CHECK(is_null(&zero));
        CHECK(files_are_as_in(&files));

        CHECK(barrier_init(&b) == 0);
        barrier_destroy(&b);
        CHECK(is_null(&b) && files_are_as_in(&files));
        barrier_destroy(&b);
        CHECK(is_null(&b) && files_are_as_in(&files));

        pair(&b, &theirs, _i);
        CHECK(barrier_place(&b));
        CHECK(barrier_abort(&theirs));
        barrier_destroy(&b);
        barrier_destroy(&theirs);
        CHECK(is_null(&b) && is_null(&theirs) && files_are_as_in(&files));
}
END_TEST

START_TEST(destroy_preserves_errno) {
        Barrier b;

        CHECK(barrier_init(&b) == 0);
        CHECK(close(b.me) == 0 && close(b.pipe[1]) == 0); /* so that closing fails */
        errno = E2BIG;
        barrier_destroy(&b);
        CHECK(errno == E2BIG);
        barrier_destroy(&b);
        CHECK(errno == E2BIG);
        barrier_destroy(NULL);
        CHECK(errno == E2BIG);
}
END_TEST

START_TEST(destroy_serves_as_cleanup_attribute) {
#ifdef __TINYC__
        SKIP("tcc has no cleanup attribute");
#endif
        int n = count_files();

        {
                __attribute__((cleanup(barrier_destroy))) Barrier b = BARRIER_NULL;

                CHECK(barrier_init(&b) == 0);
                CHECK(count_files() == n + 4);
        }
        CHECK(count_files() == n);
}
END_TEST

static bool fail_with_code(Barrier *b) {
        return barrier_fail(b, 5);
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

START_TEST(everything_says_ENOTCONN_before_a_role) {
        Barrier b = BARRIER_NULL;
        struct files files;

        look_at_files(&files);
        without_role(&b);
        memset(&b, 0, sizeof b);
        without_role(&b);
        CHECK(files_are_as_in(&files));

        CHECK(barrier_init(&b) == 0);
        without_role(&b);
        CHECK(raw_read(b.me) == 0 && raw_read(b.them) == 0);
        barrier_destroy(&b);
        without_role(&b);
}
END_TEST

/* ---- waits ----------------------------------------------------------------------------------- */

START_TEST(sync_waits_for_as_many_as_this_side_placed) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
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
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(sync_next_waits_for_one_linked_barrier) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
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
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(sync_next_takes_all_linked_barriers_at_once) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(place_many(&mine, 3) && place_many(&theirs, 2));
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
        CHECK(would_block(&mine, barrier_wait_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(wait_next_takes_all_that_are_there_linked_or_not) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(place_many(&theirs, 3));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(place_many(&mine, 2));
        CHECK(would_block(&mine, barrier_wait_next)); /* 3 of 2, but none is new */
        CHECK(barrier_sync(&mine) && barrier_sync_next(&mine));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(wait_next_can_swallow_the_next_step_but_sync_counts_it) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine) && place_many(&theirs, 2));
        CHECK(barrier_wait_next(&mine));
        CHECK(barrier_place(&mine));
        CHECK(barrier_sync(&mine) && barrier_sync_next(&mine));
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync) && would_block(&mine, barrier_sync_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* A wait that is satisfied before it looks, or for which fewer would do, must not eat the rest. */
START_TEST(linked_waits_leave_unlinked_barriers_to_wait_next) {
        static operation *const linked[] = { barrier_sync, barrier_sync_next };
        Barrier mine, theirs;
        int i;

        for (i = 0; i < 2; i++) {
                pair(&mine, &theirs, _i);
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
                destroy_pair(&mine, &theirs);
        }
}
END_TEST

START_TEST(linked_waits_take_notice_of_linked_barriers) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine) && barrier_place(&theirs));
        CHECK(barrier_sync(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_sync_next(&theirs));
        CHECK(would_block(&theirs, barrier_wait_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(wait_that_fails_takes_notice_of_nothing) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(place_many(&mine, 2) && barrier_place(&theirs));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));

        CHECK(place_many(&mine, 1) && barrier_place(&theirs)); /* 2 of 3 */
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_sync_next(&mine));
        CHECK(would_block(&mine, barrier_sync_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(placing_never_blocks_and_counts) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(place_many(&mine, 1000));
        CHECK(place_many(&theirs, 999));
        CHECK(would_block(&mine, barrier_sync));
        CHECK(barrier_sync(&theirs));
        CHECK(barrier_place_and_sync(&theirs));
        CHECK(barrier_sync(&mine));
        CHECK(would_block(&mine, barrier_place_and_sync));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_sync(&mine)); /* the barrier of the try before was placed */
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(place_does_not_look_for_news) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_place(&mine));
        CHECK(knows(&mine, 0, 0));
        CHECK(!barrier_place_and_sync(&mine) && errno == ECONNABORTED);
        CHECK(fails(&mine, barrier_place, ECONNABORTED));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* ---- aborting -------------------------------------------------------------------------------- */

START_TEST(abortion_is_never_missed) {
        Barrier mine, theirs;
        int placed, received, i;

        /* However many barriers of the other side are there, in the kernel or already read. */
        for (i = 0; i < ELEMENTS(counting_waits); i++)
                for (placed = 0; placed < 3; placed++)
                        for (received = 0; received < 2; received++) {
                                pair(&mine, &theirs, _i);
                                CHECK(barrier_place(&mine));
                                CHECK(place_many(&theirs, placed));
                                if (received)
                                        CHECK(would_block(&mine, barrier_wait_abortion));
                                CHECK(barrier_abort(&theirs));
                                CHECK(fails(&mine, counting_waits[i], ECONNABORTED));
                                CHECK(knows(&mine, THEY, ECONNABORTED));
                                CHECK(all_fail(&mine, ECONNABORTED));
                                CHECK(barrier_wait_abortion(&mine));
                                destroy_pair(&mine, &theirs);
                        }
}
END_TEST

START_TEST(satisfied_sync_sees_an_abort) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine) && barrier_place(&theirs));
        CHECK(barrier_sync(&mine) && barrier_sync_next(&mine));
        CHECK(barrier_abort(&theirs));
        CHECK(fails(&mine, barrier_sync, ECONNABORTED));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&theirs));
        CHECK(fails(&mine, barrier_sync_next, ECONNABORTED)); /* 0 of 0 */
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(own_abort_ends_every_wait_but_one) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
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
        CHECK(fails(&mine, barrier_abort, ECONNABORTED));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(abort_is_true_until_the_other_side_is_known_to_have_aborted) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_abort(&mine)); /* they did, but nobody looked */
        CHECK(knows(&mine, I, ECANCELED) && knows(&theirs, I, ECANCELED));
        CHECK(all_fail(&mine, ECONNABORTED) && all_fail(&theirs, ECONNABORTED));
        CHECK(knows(&mine, I | THEY, ECONNABORTED) && knows(&theirs, I | THEY, ECONNABORTED));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(abort_is_sent_even_if_they_aborted_first) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&theirs, EPERM));
        CHECK(fails(&mine, barrier_sync, EPERM));
        errno = 0;
        CHECK(!barrier_fail(&mine, ENOENT) && errno == EPERM);
        CHECK(knows(&mine, I | THEY, EPERM));
        CHECK(fails(&theirs, barrier_wait_abortion, ENOENT));
        CHECK(knows(&theirs, I | THEY, ENOENT));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&theirs, EPERM));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(fails(&mine, barrier_abort, EPERM));
        CHECK(fails(&mine, barrier_wait_abortion, EPERM));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(wait_abortion_ignores_barriers_and_keeps_them) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(place_many(&theirs, 2));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_wait_next(&mine));
        CHECK(place_many(&mine, 2) && barrier_sync(&mine));
        CHECK(barrier_fail(&theirs, 77));
        CHECK(barrier_wait_abortion(&mine) && barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 77));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(code_of_fail_becomes_errno_of_the_other_side) {
        static const int codes[] = { 1,         EPERM,      ENOENT,       ETIMEDOUT,
                                     ECANCELED, ECONNRESET, ECONNABORTED, 0x5555,
                                     16384,     32766,      32767 };
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(codes); i++) {
                pair(&mine, &theirs, _i);
                CHECK(place_many(&theirs, i % 3) && barrier_fail(&theirs, codes[i]));
                CHECK(knows(&theirs, I, ECANCELED));
                CHECK(fails(&mine, counting_waits[i % 3], codes[i]));
                CHECK(knows(&mine, THEY, codes[i]));
                CHECK(all_fail(&mine, codes[i]));
                CHECK(barrier_wait_abortion(&mine));
                CHECK(fails(&mine, barrier_abort, codes[i]));
                destroy_pair(&mine, &theirs);
        }
}
END_TEST

START_TEST(code_out_of_range_counts_as_none) {
        static const int codes[] = { 0, -1, 32768, 32769, 65536, 65541, INT_MAX, INT_MIN, -EPERM };
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(codes); i++) {
                pair(&mine, &theirs, _i);
                CHECK(barrier_fail(&theirs, codes[i]));
                CHECK(fails(&mine, barrier_sync, ECONNABORTED));
                CHECK(knows(&mine, THEY, ECONNABORTED));
                destroy_pair(&mine, &theirs);
        }
}
END_TEST

START_TEST(first_code_stays) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&theirs, 5) && barrier_fail(&theirs, 6) && barrier_abort(&theirs));
        CHECK(fails(&theirs, barrier_place, ECANCELED));
        CHECK(fails(&mine, barrier_sync, 5));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_sync, 5));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 5));
        barrier_destroy(&mine);

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&theirs) && barrier_fail(&theirs, 6));
        CHECK(fails(&mine, barrier_sync, ECONNABORTED));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(their_word_outranks_own_ECANCELED) {
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                pair(&mine, &theirs, _i);
                CHECK(barrier_fail(&mine, 3));
                CHECK(fails(&mine, counting_waits[i], ECANCELED));
                CHECK(barrier_fail(&theirs, 9));
                CHECK(fails(&mine, counting_waits[i], 9));
                CHECK(knows(&mine, I | THEY, 9));
                CHECK(fails(&theirs, counting_waits[i], 3));
                barrier_destroy(&theirs);
                CHECK(fails(&mine, barrier_wait_abortion, 9));
                CHECK(knows(&mine, I | THEY, 9));
                barrier_destroy(&mine);
        }
}
END_TEST

START_TEST(own_abort_then_they_left) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_abort(&mine));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&mine, I | THEY | EXITED, ECONNRESET));
        CHECK(all_fail(&mine, ECONNRESET));
        CHECK(fails(&mine, barrier_abort, ECONNRESET));
        barrier_destroy(&mine);
}
END_TEST

START_TEST(leaving_first_stays_whatever_comes_later) {
        Barrier mine, theirs;
        int wire;

        pair(&mine, &theirs, _i);
        wire = copy_of(theirs.me);
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | EXITED, ECONNRESET));
        CHECK(raw_write(wire, ABORTED | CODE(5)));
        CHECK(barrier_place(&mine) == false && errno == ECONNRESET);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(fails(&mine, fail_with_code, ECONNRESET));
        CHECK(fails(&mine, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&mine, I | THEY | EXITED, ECONNRESET));
        CHECK(close(wire) == 0);
        barrier_destroy(&mine);
}
END_TEST

/* ---- leaving --------------------------------------------------------------------------------- */

enum { LEAVE_EXIT, LEAVE_KILLED, LEAVE_CRASH, LEAVE_DESTROY, LEAVE_EXEC, WAYS_TO_LEAVE };

static void leave(Barrier *b, int line, int way) {
        const struct rlimit no_core = { 0, 0 };

        switch (way) {
        case LEAVE_KILLED:
                (void) kill(getpid(), SIGKILL);
                break;
        case LEAVE_CRASH:
                (void) setrlimit(RLIMIT_CORE, &no_core);
                (void) signal(SIGSEGV, SIG_DFL);
                (void) raise(SIGSEGV);
                break;
        case LEAVE_DESTROY:
                barrier_destroy(b);
                tell(line, 0);
                (void) hear(line);
                break;
        case LEAVE_EXEC:
                exec_self("linger", line, "", "");
        }
        _exit(0);
}

/* Returns when the other side has left for sure; it may be alive all the same. */
static void see_it_leave(pid_t pid, int line, int way) {
        siginfo_t info;

        if (way == LEAVE_DESTROY || way == LEAVE_EXEC)
                CHECK(hear(line) == 0);
        else
                CHECK(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0);
}

static void bury(pid_t pid, int line, int way) {
        int status;

        if (way == LEAVE_DESTROY || way == LEAVE_EXEC)
                tell(line, 0);
        status = finish(pid, line);
        if (way == LEAVE_KILLED)
                CHECK(was_killed(status, SIGKILL));
        else if (way == LEAVE_CRASH)
                CHECK(was_killed(status, SIGSEGV));
        else
                CHECK(status == 0);
}

/* Starts the other side, which places some barriers and leaves; returns when that is done. */
static pid_t start_leaver(Barrier *b, int *line, int i, int placed) {
        unsigned role = i % 2 ? BARRIER_PARENT : BARRIER_CHILD;
        int way = i / 2;
        pid_t pid;

        CHECK(barrier_init(b) == 0);
        pid = start(line);
        if (pid == 0) {
                CHECK(barrier_set_role(b, other(role)) == 0);
                CHECK(place_many(b, placed));
                leave(b, *line, way);
        }
        CHECK(barrier_set_role(b, role) == 0);
        see_it_leave(pid, *line, way);
        return pid;
}

START_TEST(placed_barrier_survives_leaving) {
        Barrier b;
        int line;
        pid_t pid = start_leaver(&b, &line, _i, 1);

        CHECK(barrier_place_and_sync(&b)); /* placing still works: nobody looked */
        CHECK(knows(&b, 0, 0));
        CHECK(fails(&b, barrier_wait_next, ECONNRESET)); /* none is new, and none will come */
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        CHECK(barrier_sync(&b)); /* what they placed is not taken back */
        CHECK(fails(&b, barrier_place, ECONNRESET));
        CHECK(barrier_wait_abortion(&b));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        barrier_destroy(&b);
        bury(pid, line, _i / 2);
}
END_TEST

START_TEST(placed_barriers_survive_once_leaving_is_known) {
        Barrier b;
        int line;
        pid_t pid = start_leaver(&b, &line, _i, 3);

        CHECK(barrier_place(&b));
        CHECK(barrier_wait_abortion(&b));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        CHECK(barrier_sync(&b) && barrier_sync_next(&b));
        CHECK(fails(&b, barrier_place_and_sync, ECONNRESET)); /* placing is over all the same */
        CHECK(barrier_wait_next(&b));                         /* two are not linked */
        CHECK(fails(&b, barrier_wait_next, ECONNRESET));
        CHECK(barrier_sync(&b));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        barrier_destroy(&b);
        bury(pid, line, _i / 2);
}
END_TEST

START_TEST(too_few_barriers_before_leaving_are_not_enough) {
        Barrier b;
        int line;
        pid_t pid = start_leaver(&b, &line, _i, 2);

        CHECK(place_many(&b, 3));
        CHECK(fails(&b, barrier_sync, ECONNRESET));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        CHECK(barrier_sync_next(&b));
        CHECK(fails(&b, barrier_sync_next, ECONNRESET));
        CHECK(fails(&b, barrier_wait_next, ECONNRESET));
        barrier_destroy(&b);
        bury(pid, line, _i / 2);
}
END_TEST

START_TEST(leaving_wakes_every_wait) {
        Barrier b;
        int i, line;
        pid_t pid;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                pid = start_leaver(&b, &line, _i, 0);
                CHECK(barrier_place(&b));
                CHECK(fails(&b, counting_waits[i], ECONNRESET));
                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                CHECK(all_fail(&b, ECONNRESET));
                CHECK(barrier_wait_abortion(&b));
                barrier_destroy(&b);
                bury(pid, line, _i / 2);
        }
        pid = start_leaver(&b, &line, _i, 0);
        CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
        CHECK(fails(&b, barrier_abort, ECONNRESET));
        CHECK(fails(&b, barrier_wait_abortion, ECONNRESET));
        CHECK(knows(&b, I | THEY | EXITED, ECONNRESET));
        barrier_destroy(&b);
        bury(pid, line, _i / 2);
}
END_TEST

START_TEST(word_before_leaving_is_the_ending) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine) && place_many(&theirs, 2) && barrier_fail(&theirs, ENOENT));
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_sync, ENOENT));
        CHECK(knows(&mine, THEY, ENOENT));
        CHECK(barrier_wait_abortion(&mine));
        barrier_destroy(&mine);

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&theirs));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, ECONNABORTED));
        barrier_destroy(&mine);
}
END_TEST

START_TEST(destroy_leaves_and_queues_behind_what_was_placed) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine) && barrier_place(&theirs));
        CHECK(barrier_sync(&mine));
        CHECK(barrier_place(&theirs));
        barrier_destroy(&theirs);
        CHECK(barrier_place_and_sync(&mine));
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | EXITED, ECONNRESET));
        barrier_destroy(&mine);
}
END_TEST

/* Nothing orders the two sides here: whatever comes first, the barrier must be seen. */
START_TEST(placed_barrier_survives_racing_exit) {
        Barrier b;
        int i, line;
        pid_t pid;

        for (i = 0; i < 100; i++) {
                CHECK(barrier_init(&b) == 0);
                pid = start(&line);
                if (pid == 0) {
                        CHECK(barrier_set_role(&b, other((unsigned) _i)) == 0);
                        CHECK(barrier_place(&b));
                        _exit(0);
                }
                CHECK(barrier_set_role(&b, (unsigned) _i) == 0);
                CHECK(barrier_place_and_sync(&b));
                CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
                CHECK(finish(pid, line) == 0);
                barrier_destroy(&b);
        }
}
END_TEST

START_TEST(killed_while_it_waits) {
        Barrier b;
        int line;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other((unsigned) _i)) == 0);
                CHECK(barrier_place(&b));
                tell(line, 0);
                (void) barrier_sync(&b);
                _exit(FAILED);
        }
        CHECK(barrier_set_role(&b, (unsigned) _i) == 0);
        CHECK(hear(line) == 0);
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(barrier_wait_abortion(&b));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        CHECK(barrier_sync_next(&b));
        CHECK(was_killed(finish(pid, line), SIGKILL));
        barrier_destroy(&b);
}
END_TEST

/* ---- two real processes ---------------------------------------------------------------------- */

static int *shared_counters(void) {
        int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        CHECK(p != MAP_FAILED);
        return p;
}

/* After every sync the other side has done the work of as many rounds, and at most one more. */
static void keep_step(Barrier *b, volatile int *mine, const volatile int *theirs, int rounds) {
        int i, n;

        for (i = 1; i <= rounds; i++) {
                *mine = i;
                CHECK(barrier_place_and_sync(b));
                n = *theirs;
                CHECK(n == i || n == i + 1);
        }
}

START_TEST(two_processes_keep_step) {
        Barrier b;
        int *done = shared_counters(), line;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other((unsigned) _i)) == 0);
                keep_step(&b, &done[1], &done[0], 1000);
                _exit(0);
        }
        CHECK(barrier_set_role(&b, (unsigned) _i) == 0);
        keep_step(&b, &done[0], &done[1], 1000);
        CHECK(barrier_wait_abortion(&b) && barrier_they_left(&b));
        CHECK(finish(pid, line) == 0);
        barrier_destroy(&b);
        CHECK(munmap(done, 4096) == 0);
}
END_TEST

START_TEST(vfork_child_works_on_a_copy) {
        Barrier b;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = vfork();
        if (pid == 0) {
                Barrier copy = b;

                if (barrier_set_role(&copy, BARRIER_CHILD) < 0 || !barrier_place(&copy))
                        _exit(FAILED);
                _exit(0);
        }
        CHECK(pid > 0 && reap(pid) == 0);
        CHECK(barrier_set_role(&b, BARRIER_PARENT) == 0);
        CHECK(barrier_place_and_sync(&b));
        CHECK(fails(&b, barrier_wait_next, ECONNRESET));
        barrier_destroy(&b);
}
END_TEST

/* The three ways in which a spawner's child can end up, told apart. */
enum { SPAWN_EXEC, SPAWN_EXEC_FAILS, SPAWN_DIES_BEFORE_EXEC, SPAWN_SET_UP_FAILS };

START_TEST(spawner_tells_execd_from_failed_from_died) {
        Barrier b;
        int line;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, BARRIER_CHILD) == 0);
                if (_i == SPAWN_SET_UP_FAILS) {
                        CHECK(barrier_fail(&b, EPERM));
                        _exit(0);
                }
                CHECK(barrier_place_and_sync(&b));
                if (_i == SPAWN_DIES_BEFORE_EXEC)
                        _exit(0);
                CHECK(barrier_place(&b));
                if (_i == SPAWN_EXEC)
                        exec_self("linger", line, "", "");
                CHECK(execl("/does/not/exist", "exist", (char *) NULL) < 0);
                CHECK(barrier_fail(&b, errno));
                _exit(0);
        }
        CHECK(barrier_set_role(&b, BARRIER_PARENT) == 0);
        switch (_i) {
        case SPAWN_EXEC:
                CHECK(barrier_place_and_sync(&b));
                CHECK(barrier_place_and_sync(&b));
                CHECK(barrier_wait_abortion(&b));
                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                tell(line, 0);
                CHECK(hear(line) == 0); /* from the new program */
                break;
        case SPAWN_EXEC_FAILS: /* may be known in either step */
                if (barrier_place_and_sync(&b) && barrier_place_and_sync(&b))
                        CHECK(barrier_wait_abortion(&b));
                CHECK(knows(&b, THEY, ENOENT));
                break;
        case SPAWN_DIES_BEFORE_EXEC:
                CHECK(barrier_place_and_sync(&b));
                CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                break;
        case SPAWN_SET_UP_FAILS:
                CHECK(fails(&b, barrier_place_and_sync, EPERM));
                CHECK(knows(&b, THEY, EPERM));
        }
        CHECK(finish(pid, line) == 0);
        barrier_destroy(&b);
}
END_TEST

START_TEST(nothing_is_printed) {
        Barrier mine, theirs;
        int output[2], line;
        pid_t pid;
        char c;

        CHECK(pipe2(output, O_CLOEXEC) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(dup2(output[1], STDOUT_FILENO) == STDOUT_FILENO);
                CHECK(dup2(output[1], STDERR_FILENO) == STDERR_FILENO);
                pair(&mine, &theirs, BARRIER_PARENT);
                CHECK(barrier_set_role(&mine, 3) == -EINVAL);
                CHECK(barrier_watch(&mine, FILES) == -EBADF);
                CHECK(barrier_export(&mine, NULL, 0) == -ENOBUFS);
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(raw_write(theirs.me, CODE(1)));
                CHECK(fails(&mine, barrier_sync, EPROTO));
                CHECK(fails(&theirs, barrier_wait_next, ECONNRESET));
                destroy_pair(&mine, &theirs);
                CHECK(barrier_import(&mine, "nonsense") == -EINVAL);
                CHECK(fails(&mine, barrier_abort, ENOTCONN));
                _exit(0);
        }
        CHECK(close(output[1]) == 0);
        CHECK(read(output[0], &c, 1) == 0);
        CHECK(close(output[0]) == 0);
        CHECK(finish(pid, line) == 0);
}
END_TEST

/* ---- copies of descriptors, and barrier_watch() ---------------------------------------------- */

/* What becomes of the copy that a process inherits which outlives the other side. */
enum { COPY_KEPT, COPY_DESTROYED, COPY_CLOSED_BY_EXEC };

static void holder(Barrier *b, int line, int copy) {
        if (copy == COPY_DESTROYED)
                barrier_destroy(b);
        else if (copy == COPY_CLOSED_BY_EXEC)
                exec_self("linger", line, "", "");
        tell(line, 0);
        (void) hear(line);
        _exit(0);
}

/* The other side starts a process that goes on after its end. That one gets the line. */
static void leave_a_grandchild(Barrier *b, int line, int copy) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
                holder(b, line, copy);
        tell(line, pid);
}

static void end_grandchild(pid_t pid, int line) {
        tell(line, 0);
        CHECK(finish(pid, line) == 0);
}

/* Hears, in whichever order, which process it is and that it holds its copy. */
static pid_t meet_grandchild(int line) {
        int a = hear(line), b = hear(line);

        CHECK((a > 0) != (b > 0));
        return a > 0 ? a : b;
}

/* Starts the other side as the child; it places a barrier, leaves a grandchild and dies. */
static pid_t start_dead_child_with_grandchild(Barrier *b, int *line, int *pidfd, int copy) {
        pid_t pid, grandchild;

        CHECK(barrier_init(b) == 0);
        pid = start(line);
        if (pid == 0) {
                CHECK(barrier_set_role(b, BARRIER_CHILD) == 0);
                CHECK(barrier_place(b));
                leave_a_grandchild(b, *line, copy);
                (void) hear(*line);
                _exit(0);
        }
        CHECK(barrier_set_role(b, BARRIER_PARENT) == 0);
        *pidfd = pidfd_open_(pid);
        grandchild = meet_grandchild(*line);
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(was_killed(reap(pid), SIGKILL));
        return grandchild;
}

START_TEST(grandchild_with_a_copy_makes_a_dead_child_look_alive) {
        if (!reaps_orphans)
                SKIP("can not reap orphans here");

        Barrier b;
        int line, pidfd;
        pid_t grandchild = start_dead_child_with_grandchild(&b, &line, &pidfd, COPY_KEPT);

        CHECK(barrier_place_and_sync(&b));
        CHECK(barrier_place(&b));
        CHECK(would_block(&b, barrier_sync));
        end_grandchild(grandchild, line);
        CHECK(fails(&b, barrier_sync, ECONNRESET));
        CHECK(pidfd < 0 || close(pidfd) == 0);
        barrier_destroy(&b);
}
END_TEST

START_TEST(grandchild_without_a_copy_does_not) {
        if (!reaps_orphans)
                SKIP("can not reap orphans here");

        Barrier b;
        int line, pidfd;
        pid_t grandchild = start_dead_child_with_grandchild(&b, &line, &pidfd, _i);

        CHECK(barrier_place_and_sync(&b));
        CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        end_grandchild(grandchild, line);
        CHECK(pidfd < 0 || close(pidfd) == 0);
        barrier_destroy(&b);
}
END_TEST

START_TEST(watched_child_is_seen_to_die_in_spite_of_a_grandchild) {
        if (!reaps_orphans)
                SKIP("can not reap orphans here");

        Barrier b;
        int line, pidfd;
        pid_t grandchild = start_dead_child_with_grandchild(&b, &line, &pidfd, COPY_KEPT);

        if (pidfd >= 0) {
                CHECK(barrier_watch(&b, pidfd) == 0);
                CHECK(barrier_place_and_sync(&b)); /* leaving queues behind the barrier */
                CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                CHECK(barrier_wait_abortion(&b));
                barrier_destroy(&b);
                CHECK(fcntl(pidfd, F_GETFD) >= 0); /* borrowed */
                CHECK(close(pidfd) == 0);
        }
        barrier_destroy(&b);
        end_grandchild(grandchild, line);
        if (pidfd < 0)
                SKIP("no pidfd_open() here");
}
END_TEST

/* The child's view: its parent, the process in the middle, dies; a sibling lives on with copies of
 * the parent's descriptors. */
START_TEST(child_whose_parent_dies_while_a_sibling_lives) {
        if (!reaps_orphans)
                SKIP("can not reap orphans here");

        bool watched = _i % 2;
        int copy = _i / 2, line, to_sibling[2], self;
        pid_t middle, child, sibling;
        Barrier b;

        make_line(to_sibling);
        middle = start(&line);
        if (middle == 0) {
                self = pidfd_open_(getpid()); /* before the fork */
                CHECK(barrier_init(&b) == 0);
                child = fork();
                CHECK(child >= 0);
                if (child == 0) {
                        CHECK(barrier_set_role(&b, BARRIER_CHILD) == 0);
                        watched = watched && self >= 0;
                        if (watched)
                                CHECK(barrier_watch(&b, self) == 0);
                        CHECK(hear(line) == 0); /* the parent is dead */
                        CHECK(barrier_place_and_sync(&b));
                        if (copy == COPY_KEPT && !watched) {
                                CHECK(barrier_place(&b));
                                CHECK(would_block(&b, barrier_sync));
                        } else {
                                CHECK(fails(&b, barrier_place_and_sync, ECONNRESET));
                                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                        }
                        barrier_destroy(&b);
                        CHECK(self < 0 || fcntl(self, F_GETFD) >= 0);
                        _exit(0);
                }
                CHECK(barrier_set_role(&b, BARRIER_PARENT) == 0);
                CHECK(barrier_place(&b));
                sibling = fork();
                CHECK(sibling >= 0);
                if (sibling == 0)
                        holder(&b, to_sibling[1], copy);
                tell(line, child);
                tell(line, sibling);
                (void) pause();
                _exit(FAILED);
        }
        child = hear(line);
        sibling = hear(line);
        CHECK(hear(to_sibling[0]) == 0);
        CHECK(kill(middle, SIGKILL) == 0);
        CHECK(was_killed(reap(middle), SIGKILL));
        tell(line, 0);
        CHECK(finish(child, line) == 0);
        tell(to_sibling[0], 0);
        CHECK(finish(sibling, to_sibling[0]) == 0);
        CHECK(close(to_sibling[1]) == 0);
        self = pidfd_open_(getpid());
        if (self < 0 && watched)
                SKIP("no pidfd_open() here");
        CHECK(self < 0 || close(self) == 0);
}
END_TEST

/* The same, and the child is the first process of a new pid namespace, in a new user namespace. */
START_TEST(watched_parent_is_seen_to_die_from_inside_new_namespaces) {
        if (!reaps_orphans)
                SKIP("can not reap orphans here");

        int line, to_sibling[2], self;
        pid_t middle, child, sibling;
        bool possible;
        Barrier b;

        make_line(to_sibling);
        middle = start(&line);
        if (middle == 0) {
                self = pidfd_open_(getpid()); /* before the fork */
                CHECK(barrier_init(&b) == 0);
                sibling = fork();
                CHECK(sibling >= 0);
                if (sibling == 0)
                        holder(&b, to_sibling[1], COPY_KEPT);
                tell(line, sibling);
                tell(line, self >= 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0);
                if (hear(line) == false)
                        _exit(0);
                child = fork();
                CHECK(child >= 0);
                if (child == 0) {
                        CHECK(getpid() == 1);
                        CHECK(barrier_set_role(&b, BARRIER_CHILD) == 0);
                        CHECK(would_block(&b, barrier_wait_next));
                        CHECK(barrier_watch(&b, self) == 0);
                        CHECK(hear(line) == 0); /* the parent is dead */
                        CHECK(fails(&b, barrier_wait_next, ECONNRESET));
                        CHECK(knows(&b, THEY | EXITED, ECONNRESET));
                        _exit(0);
                }
                tell(line, child);
                (void) pause();
                _exit(FAILED);
        }
        sibling = hear(line);
        CHECK(hear(to_sibling[0]) == 0);
        possible = hear(line);
        tell(line, possible);
        if (possible) {
                child = hear(line);
                CHECK(kill(middle, SIGKILL) == 0);
                CHECK(was_killed(reap(middle), SIGKILL));
                tell(line, 0);
                CHECK(reap(child) == 0);
        } else
                CHECK(reap(middle) == 0);
        CHECK(close(line) == 0);
        tell(to_sibling[0], 0);
        CHECK(finish(sibling, to_sibling[0]) == 0);
        CHECK(close(to_sibling[1]) == 0);
        if (!possible)
                SKIP("no pidfd_open() or no user namespaces here");
}
END_TEST

/* One parent with a barrier for each of two children: the younger inherits the parent's end of the
 * elder's pipe. */
START_TEST(younger_sibling_holds_the_parents_end) {
        int elder_line, younger_line;
        pid_t elder, younger;
        Barrier b[2];

        CHECK(barrier_init(&b[0]) == 0);
        elder = start(&elder_line);
        if (elder == 0) {
                CHECK(barrier_set_role(&b[0], BARRIER_CHILD) == 0);
                CHECK(hear(elder_line) == 0); /* the parent has destroyed its side */
                if (_i == COPY_KEPT)
                        CHECK(would_block(&b[0], barrier_wait_next));
                tell(elder_line, 0);
                CHECK(hear(elder_line) == 0); /* the sibling is dead */
                CHECK(fails(&b[0], barrier_wait_next, ECONNRESET));
                _exit(0);
        }
        CHECK(barrier_set_role(&b[0], BARRIER_PARENT) == 0);

        CHECK(barrier_init(&b[1]) == 0);
        younger = start(&younger_line);
        if (younger == 0) {
                if (_i == COPY_DESTROYED)
                        barrier_destroy(&b[0]);
                CHECK(barrier_set_role(&b[1], BARRIER_CHILD) == 0);
                tell(younger_line, 0);
                CHECK(barrier_place_and_sync(&b[1]));
                CHECK(hear(younger_line) == 0);
                _exit(0);
        }
        CHECK(barrier_set_role(&b[1], BARRIER_PARENT) == 0);
        CHECK(hear(younger_line) == 0);
        CHECK(barrier_place_and_sync(&b[1]));

        barrier_destroy(&b[0]);
        tell(elder_line, 0);
        CHECK(hear(elder_line) == 0);
        if (_i == COPY_DESTROYED) {
                tell(elder_line, 0);
                CHECK(finish(elder, elder_line) == 0);
        }
        tell(younger_line, 0);
        CHECK(finish(younger, younger_line) == 0);
        if (_i == COPY_KEPT) {
                tell(elder_line, 0);
                CHECK(finish(elder, elder_line) == 0);
        }
        CHECK(barrier_wait_abortion(&b[1]));
        barrier_destroy(&b[1]);
}
END_TEST

/* Any descriptor will do to see what the watch does. */
START_TEST(watch_ends_waits_but_queues_behind_barriers_and_words) {
        Barrier mine, theirs;
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0);
        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(barrier_place(&mine));
        CHECK(would_block(&mine, barrier_sync) && would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_place(&theirs));
        CHECK(raw_write(watched[1], 1));
        CHECK(barrier_sync(&mine));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        CHECK(fails(&mine, barrier_place_and_sync, ECONNRESET));
        CHECK(knows(&mine, THEY | EXITED, ECONNRESET));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(place_many(&theirs, 2) && barrier_fail(&theirs, 9));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY, 9));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(knows(&mine, THEY | EXITED, ECONNRESET));
        CHECK(barrier_wait_next(&mine));
        destroy_pair(&mine, &theirs);

        CHECK(raw_read(watched[0]) == 1); /* nothing was read from it, nor was it closed */
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}
END_TEST

START_TEST(watch_can_be_set_before_the_role_and_removed) {
        struct pollfd fds[BARRIER_POLLFDS];
        Barrier mine;
        int watched[2], kept;

        CHECK(pipe2(watched, O_CLOEXEC) == 0 && raw_write(watched[1], 1));
        CHECK(barrier_init(&mine) == 0);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        kept = copy_of(mine.pipe[_i == BARRIER_PARENT]); /* their end stays open */
        CHECK(barrier_set_role(&mine, (unsigned) _i) == 0);
        CHECK(barrier_get_pollfds(&mine, fds) == 3 && fds[2].fd == watched[0]);
        CHECK(barrier_watch(&mine, -1) == 0);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(close(kept) == 0);
        barrier_destroy(&mine);
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}
END_TEST

START_TEST(watch_refuses_what_is_not_open_and_changes_nothing) {
        Barrier mine, theirs;
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0);
        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        CHECK(barrier_watch(&mine, FILES) == -EBADF);
        CHECK(barrier_watch(&mine, -2) == -EBADF);
        CHECK(barrier_watch(&mine, INT_MIN) == -EBADF);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(raw_write(watched[1], 1));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET)); /* the first is still watched */
        destroy_pair(&mine, &theirs);
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}
END_TEST

START_TEST(watch_that_was_closed_ends_the_barrier) {
        Barrier mine, theirs;
        int watched = open("/dev/null", O_RDONLY | O_CLOEXEC);

        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched) == 0);
        CHECK(close(watched) == 0);
        CHECK(fails(&mine, barrier_wait_next, EBADF));
        CHECK(knows(&mine, I | THEY, EBADF));
        CHECK(fails(&theirs, barrier_wait_next, ECONNRESET));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* ---- timeouts and signals -------------------------------------------------------------------- */

static int64_t now_in_ns(void) {
        struct timespec ts;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
        return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static operation *const all_waits[] = {
        barrier_wait_next,
        barrier_sync_next,
        barrier_sync,
        barrier_wait_abortion,
};

/* A timer fires all the time, and its handler can act for the other side. */
enum { TICKS_BEFORE_ACTION = 10 };

static volatile sig_atomic_t ticks;
static Barrier *other_side;
static void (*action)(Barrier *b);

static void on_tick(int sig) {
        int saved = errno;

        (void) sig;
        if (++ticks == TICKS_BEFORE_ACTION && action)
                action(other_side);
        errno = saved;
}

static void start_storm(void (*act)(Barrier *b), Barrier *b) {
        const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
        struct sigaction sa;

        ticks = 0;
        action = act;
        other_side = b;
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

START_TEST(wait_that_runs_out_changes_nothing_and_can_be_repeated) {
        static const int timeouts[] = { 0, 1, 10, 0 };
        Barrier mine, theirs, before;
        int i, k;

        pair(&mine, &theirs, _i);
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
        barrier_destroy(&mine);
}
END_TEST

START_TEST(timeout_zero_finds_what_is_there) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        barrier_set_timeout(&mine, 0);
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        CHECK(barrier_place(&theirs));
        CHECK(barrier_wait_next(&mine));
        CHECK(barrier_abort(&theirs));
        CHECK(barrier_wait_abortion(&mine));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        barrier_set_timeout(&mine, 0);
        barrier_destroy(&theirs);
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        barrier_destroy(&mine);
}
END_TEST

START_TEST(ETIMEDOUT_as_a_code_is_told_from_a_timeout) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        barrier_set_timeout(&mine, 0);
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT) && !barrier_they_aborted(&mine));
        CHECK(barrier_fail(&theirs, ETIMEDOUT));
        CHECK(fails(&mine, barrier_wait_next, ETIMEDOUT) && barrier_they_aborted(&mine));
        CHECK(barrier_error(&mine) == ETIMEDOUT);
        CHECK(barrier_wait_abortion(&mine));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* Only the lower bound is certain; were there no end, the test would hang. */
START_TEST(wait_lasts_as_long_as_its_timeout_and_no_signal_prolongs_it) {
        enum { TIMEOUT = 30 };
        Barrier mine, theirs;
        int64_t begin;
        int i, storm;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine));
        barrier_set_timeout(&mine, TIMEOUT);
        for (storm = 0; storm < 2; storm++)
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        if (storm)
                                start_storm(NULL, NULL);
                        begin = now_in_ns();
                        CHECK(fails(&mine, all_waits[i], ETIMEDOUT));
                        CHECK(now_in_ns() - begin >= TIMEOUT * INT64_C(1000000));
                        CHECK(knows(&mine, 0, 0));
                        if (storm)
                                end_storm();
                }
        destroy_pair(&mine, &theirs);
}
END_TEST

/* A wait that long can not be waited for. One more than it allows would be a negative time, which
 * is for ever. */
START_TEST(longest_timeout_leaves_room_for_its_deadline) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        barrier_set_timeout(&mine, INT_MAX);
        CHECK(mine.timeout == INT_MAX - 1);
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(no_signal_ends_a_wait) {
        static const int timeouts[] = { -1, INT_MIN, INT_MAX };
        Barrier mine, theirs;
        int i, k;

        for (i = 0; i < ELEMENTS(timeouts); i++)
                for (k = 0; k < ELEMENTS(all_waits); k++) {
                        pair(&mine, &theirs, _i);
                        barrier_set_timeout(&mine, 0); /* each setting replaces the last */
                        barrier_set_timeout(&mine, timeouts[i]);
                        CHECK(barrier_place(&mine));
                        start_storm(all_waits[k] == barrier_wait_abortion ? act_abort : act_place,
                                    &theirs);
                        CHECK(all_waits[k](&mine));
                        end_storm();
                        destroy_pair(&mine, &theirs);
                }
}
END_TEST

START_TEST(blocked_wait_is_woken_by_an_abort) {
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                pair(&mine, &theirs, _i);
                CHECK(barrier_place(&mine));
                start_storm(act_abort, &theirs);
                CHECK(fails(&mine, counting_waits[i], 7));
                end_storm();
                destroy_pair(&mine, &theirs);
        }
}
END_TEST

START_TEST(blocked_wait_is_woken_by_leaving) {
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(counting_waits); i++) {
                pair(&mine, &theirs, _i);
                CHECK(barrier_place(&mine));
                start_storm(barrier_destroy, &theirs);
                CHECK(fails(&mine, counting_waits[i], ECONNRESET));
                end_storm();
                destroy_pair(&mine, &theirs);
        }
}
END_TEST

START_TEST(two_processes_keep_step_in_a_storm_of_signals) {
        Barrier b;
        int *done = shared_counters(), line;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        start_storm(NULL, NULL); /* in both */
        CHECK(barrier_set_role(&b, pid == 0 ? other((unsigned) _i) : (unsigned) _i) == 0);
        barrier_set_timeout(&b, INT_MAX);
        keep_step(&b, &done[pid == 0], &done[pid != 0], 1000);
        if (pid == 0) {
                CHECK(hear(line) == 0); /* an abort would discard the last barrier */
                CHECK(barrier_fail(&b, 8));
                _exit(0);
        }
        tell(line, 0);
        CHECK(barrier_wait_abortion(&b) && knows(&b, THEY, 8));
        CHECK(finish(pid, line) == 0);
        end_storm();
        barrier_destroy(&b);
        CHECK(munmap(done, 4096) == 0);
}
END_TEST

/* ---- event loops ----------------------------------------------------------------------------- */

START_TEST(pollfds_are_ready_when_there_is_news) {
        struct pollfd fds[BARRIER_POLLFDS];
        Barrier mine, theirs;
        int event, n, watched[2];

        for (event = 0; event < 4; event++) {
                CHECK(pipe2(watched, O_CLOEXEC) == 0);
                pair(&mine, &theirs, _i);
                CHECK(barrier_get_pollfds(&mine, fds) == 2);
                CHECK(barrier_watch(&mine, watched[0]) == 0);
                n = barrier_get_pollfds(&mine, fds);
                CHECK(n == 3);
                CHECK(would_block(&mine, barrier_wait_next));
                CHECK(poll(fds, 3, 0) == 0);
                if (event == 0)
                        CHECK(barrier_place(&theirs));
                else if (event == 1)
                        CHECK(barrier_abort(&theirs));
                else if (event == 2)
                        barrier_destroy(&theirs);
                else
                        CHECK(raw_write(watched[1], 1));
                CHECK(poll(fds, 3, -1) == 1);
                CHECK(barrier_wait_next(&mine) == (event == 0));
                destroy_pair(&mine, &theirs);
                CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
        }
}
END_TEST

START_TEST(pollfds_once_it_ended) {
        struct pollfd fds[BARRIER_POLLFDS];
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_abort(&mine));
        CHECK(barrier_get_pollfds(&mine, fds) == 2); /* for wait_abortion */
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(poll(fds, 2, 0) == 0);
        CHECK(barrier_fail(&theirs, 11));
        CHECK(poll(fds, 2, -1) == 1);
        CHECK(fails(&mine, barrier_wait_abortion, 11));
        CHECK(barrier_get_pollfds(&mine, fds) == -11);
        barrier_destroy(&mine);
        CHECK(fails(&theirs, barrier_wait_abortion, ECONNABORTED));
        CHECK(barrier_get_pollfds(&theirs, fds) == -ECONNABORTED);
        barrier_destroy(&theirs);

        pair(&mine, &theirs, _i);
        barrier_destroy(&theirs);
        CHECK(barrier_get_pollfds(&mine, fds) == 2); /* not known yet */
        CHECK(barrier_wait_abortion(&mine));
        CHECK(barrier_get_pollfds(&mine, fds) == -ECONNRESET);
        barrier_destroy(&mine);
}
END_TEST

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

/* The recipe of barrier.h. */
static bool wait_in_loop(Barrier *b, operation *wait, void (*once)(const struct pollfd *, int)) {
        struct pollfd fds[BARRIER_POLLFDS];
        int n;

        barrier_set_timeout(b, 0);
        for (;;) {
                if (wait(b))
                        return true;
                if (errno != ETIMEDOUT || barrier_they_aborted(b))
                        return false;
                n = barrier_get_pollfds(b, fds);
                CHECK(n >= 2 && n <= BARRIER_POLLFDS);
                once(fds, n);
        }
}

START_TEST(event_loop_loses_no_wake_up) {
        static void (*const once[])(const struct pollfd *, int) = { poll_once, epoll_once };
        unsigned role = _i % 2 ? BARRIER_PARENT : BARRIER_CHILD;
        int i, line, ending = _i / 4;
        Barrier b;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other(role)) == 0);
                for (i = 0; i < 300; i++)
                        CHECK(barrier_place_and_sync(&b));
                if (ending == 0) {
                        CHECK(hear(line) == 0); /* an abort would discard the last barrier */
                        CHECK(barrier_fail(&b, 6));
                }
                _exit(0);
        }
        CHECK(barrier_set_role(&b, role) == 0);
        for (i = 0; i < 300; i++) {
                CHECK(wait_in_loop(&b, barrier_wait_next, once[_i / 2 % 2]));
                CHECK(barrier_place(&b));
        }
        if (ending == 0)
                tell(line, 0);
        CHECK(wait_in_loop(&b, barrier_wait_abortion, once[_i / 2 % 2]));
        if (ending == 0)
                CHECK(knows(&b, THEY, 6));
        else
                CHECK(knows(&b, THEY | EXITED, ECONNRESET));
        CHECK(finish(pid, line) == 0);
        barrier_destroy(&b);
}
END_TEST

/* ---- on the wire ----------------------------------------------------------------------------- */

START_TEST(what_is_written) {
        Barrier mine, theirs;
        char c;

        pair(&mine, &theirs, _i);
        CHECK(barrier_place(&mine));
        CHECK(raw_read(theirs.them) == 1);
        CHECK(place_many(&mine, 3));
        CHECK(raw_read(theirs.them) == 3);
        CHECK(barrier_place(&mine) && barrier_abort(&mine));
        CHECK(raw_read(theirs.them) == ABORTED + 1);
        CHECK(barrier_abort(&mine) && barrier_fail(&mine, 4) && !barrier_place(&mine));
        CHECK(raw_read(theirs.them) == 0); /* once */
        CHECK(raw_read(mine.them) == 0);
        CHECK(read(_i == BARRIER_PARENT ? mine.pipe[0] : theirs.pipe[0], &c, 1) < 0);
        CHECK(errno == EAGAIN); /* nobody writes to the pipe */
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&mine, 32767));
        CHECK(raw_read(theirs.them) == (ABORTED | CODE(32767)));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&mine, 32768));
        CHECK(raw_read(theirs.them) == ABORTED);
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        barrier_destroy(&mine); /* leaving writes nothing */
        CHECK(raw_read(theirs.them) == 0);
        barrier_destroy(&theirs);
}
END_TEST

START_TEST(what_is_understood) {
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
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(words); i++) {
                pair(&mine, &theirs, _i);
                CHECK(raw_write(theirs.me, words[i].value));
                CHECK(fails(&mine, barrier_sync, words[i].error));
                CHECK(knows(&mine, THEY, words[i].error));
                destroy_pair(&mine, &theirs);
        }
        pair(&mine, &theirs, _i);
        CHECK(raw_write(theirs.me, 2));
        CHECK(place_many(&mine, 2) && barrier_sync(&mine));
        CHECK(would_block(&mine, barrier_place_and_sync));
        CHECK(raw_write(theirs.me, CODE(1) - 1)); /* as many as fit */
        CHECK(barrier_sync(&mine) && barrier_wait_next(&mine));
        CHECK(would_block(&mine, barrier_wait_next));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* ---- hostile and broken peers, failing system calls ------------------------------------------ */

/* This side broke off with an error; the other one must not wait for it. */
static void check_broke(Barrier *mine, Barrier *theirs, int error) {
        struct pollfd fds[BARRIER_POLLFDS];

        CHECK(knows(mine, I | THEY, error));
        CHECK(all_fail(mine, error));
        CHECK(fails(mine, barrier_abort, error));
        CHECK(fails(mine, fail_with_code, error));
        CHECK(fails(mine, barrier_wait_abortion, error));
        CHECK(barrier_get_pollfds(mine, fds) == -error);
        CHECK(barrier_wait_abortion(theirs));
        CHECK(knows(theirs, THEY | EXITED, ECONNRESET));
        destroy_pair(mine, theirs);
}

START_TEST(code_without_abort_is_a_protocol_error) {
        Barrier mine, theirs;
        int bit;

        for (bit = 48; bit < 63; bit++) {
                pair(&mine, &theirs, _i);
                CHECK(raw_write(theirs.me, (UINT64_C(1) << bit) | 3));
                CHECK(fails(&mine, all_waits[bit % 3], EPROTO));
                check_broke(&mine, &theirs, EPROTO);
        }
        pair(&mine, &theirs, _i);
        CHECK(raw_write(theirs.me, CODE(1) - 1) && barrier_place(&theirs)); /* one too many */
        CHECK(fails(&mine, barrier_wait_abortion, EPROTO));
        check_broke(&mine, &theirs, EPROTO);
}
END_TEST

START_TEST(count_of_barriers_never_overflows) {
        Barrier mine, theirs;
        int i;

        pair(&mine, &theirs, _i);
        for (i = 0; i < 65536; i++) {
                CHECK(raw_write(theirs.me, CODE(1) - 1));
                CHECK(barrier_wait_next(&mine));
        }
        CHECK(raw_write(theirs.me, UINT16_MAX));
        CHECK(barrier_wait_next(&mine)); /* 2^64 - 1 */
        CHECK(barrier_place(&theirs));
        CHECK(fails(&mine, barrier_wait_next, EPROTO));
        check_broke(&mine, &theirs, EPROTO);
}
END_TEST

/* The other side has filled the eventfd that this one writes, and set its flags. */
static void meets_a_full_eventfd(int role, operation *op, int flags) {
        Barrier mine, theirs;

        pair(&mine, &theirs, role);
        CHECK(raw_write(mine.me, UINT64_MAX - 1));
        CHECK(fcntl(theirs.them, F_SETFL, O_RDWR | flags) == 0);
        CHECK(fails(&mine, op, EPROTO));
        CHECK(raw_read(theirs.them) == UINT64_MAX - 1);
        check_broke(&mine, &theirs, EPROTO);
}

START_TEST(full_eventfd_is_a_protocol_error) {
        meets_a_full_eventfd(_i, barrier_place, O_NONBLOCK);
        meets_a_full_eventfd(_i, barrier_abort, O_NONBLOCK);
        meets_a_full_eventfd(_i, barrier_place_and_sync, O_NONBLOCK);
}
END_TEST

START_TEST(abort_does_not_block_on_an_eventfd_made_blocking_and_full) {
        meets_a_full_eventfd(_i, barrier_abort, 0);
}
END_TEST

START_TEST(signal_frees_from_an_eventfd_made_blocking_and_full) {
        start_storm(NULL, NULL);
        meets_a_full_eventfd(_i, barrier_place, 0);
        end_storm();
}
END_TEST

/* Where a read can not be told not to block, nothing helps against a peer that makes it. */
static bool can_read_without_blocking(int fd) {
#ifdef RWF_NOWAIT
        uint64_t value;
        struct iovec iov;

        iov.iov_base = &value;
        iov.iov_len = sizeof value;
        return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0 && errno == EAGAIN;
#else
        (void) fd;
        return false;
#endif
}

START_TEST(peer_that_makes_the_eventfds_blocking_does_not_block_a_wait) {
        Barrier mine, theirs;
        bool can;
        int i;

        pair(&mine, &theirs, _i);
        can = can_read_without_blocking(mine.them);
        if (can) {
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
        destroy_pair(&mine, &theirs);
        if (!can)
                SKIP("no RWF_NOWAIT for eventfds here");
}
END_TEST

START_TEST(peer_that_drains_its_eventfd_only_makes_a_wait_run_out) {
        Barrier mine, theirs;
        int line;
        pid_t pid;

        pair(&mine, &theirs, _i);
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
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(was_killed(finish(pid, line), SIGKILL));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(bytes_in_the_pipe_mean_nothing) {
        Barrier mine, theirs;
        char bytes[4096];

        memset(bytes, 'x', sizeof bytes);
        pair(&mine, &theirs, BARRIER_PARENT);
        while (write(theirs.pipe[1], bytes, sizeof bytes) > 0)
                ;
        CHECK(errno == EAGAIN); /* full */
        CHECK(would_block(&mine, barrier_wait_next) && would_block(&theirs, barrier_wait_next));
        barrier_set_timeout(&mine, 2);
        CHECK(fails(&mine, barrier_wait_abortion, ETIMEDOUT));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine) && barrier_they_left(&mine));
        barrier_destroy(&mine);
}
END_TEST

START_TEST(closed_descriptors_end_in_EBADF) {
        Barrier mine, theirs;
        int i;

        for (i = 0; i < ELEMENTS(all_waits); i++) {
                pair(&mine, &theirs, _i);
                CHECK(place_many(&mine, 1) && close(mine.them) == 0);
                CHECK(fails(&mine, all_waits[i], EBADF));
                check_broke(&mine, &theirs, EBADF);

                pair(&mine, &theirs, _i);
                CHECK(place_many(&mine, 1) && close(pipe_end(&mine)) == 0);
                CHECK(fails(&mine, all_waits[i], EBADF));
                check_broke(&mine, &theirs, EBADF);
        }
        pair(&mine, &theirs, _i);
        CHECK(close(mine.me) == 0);
        CHECK(fails(&mine, barrier_place, EBADF));
        check_broke(&mine, &theirs, EBADF);

        pair(&mine, &theirs, _i);
        CHECK(close(mine.me) == 0);
        CHECK(fails(&mine, fail_with_code, EBADF));
        check_broke(&mine, &theirs, EBADF);
}
END_TEST

START_TEST(foreign_descriptors_end_in_an_error) {
        Barrier mine, theirs;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int full = open("/dev/full", O_RDWR | O_CLOEXEC);
        int directory = open("/", O_RDONLY | O_CLOEXEC);

        pair(&mine, &theirs, _i);
        CHECK(dup2(null, mine.them) == mine.them); /* end of file */
        CHECK(fails(&mine, barrier_wait_next, EIO));
        check_broke(&mine, &theirs, EIO);

        pair(&mine, &theirs, _i);
        CHECK(dup2(full, mine.me) == mine.me);
        CHECK(fails(&mine, barrier_place, ENOSPC));
        check_broke(&mine, &theirs, ENOSPC);

        pair(&mine, &theirs, _i);
        CHECK(dup2(directory, mine.them) == mine.them);
        CHECK(fails(&mine, barrier_wait_next, EISDIR));
        check_broke(&mine, &theirs, EISDIR);
        CHECK(close(null) == 0 && close(full) == 0 && close(directory) == 0);
}
END_TEST

START_TEST(broken_side_does_not_disturb_a_word_learnt_before) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        CHECK(barrier_fail(&theirs, 12));
        CHECK(fails(&mine, barrier_sync, 12));
        CHECK(close(mine.me) == 0);
        CHECK(fails(&mine, barrier_abort, 12));
        CHECK(knows(&mine, I | THEY, 12));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* ---- export and import ----------------------------------------------------------------------- */

/* What an exported string holds, each byte as two letters from a to p, so that a test can forge
 * one: the struct, three words that identify the descriptors, and the check sum. */
enum { SUM = sizeof(Barrier) + 24, BYTES = SUM + 8 };

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

/* The same string with other bytes at one place, and the right sum. */
static void forge(const char *good, char *s, size_t offset, const void *bytes, size_t n) {
        unsigned char raw[BYTES];

        decode(good, raw);
        memcpy(raw + offset, bytes, n);
        encode_with_sum(raw, s);
}

static void forge_number(const char *good, char *s, size_t offset, size_t size, int64_t value) {
        uint8_t u8 = (uint8_t) value;
        int32_t i32 = (int32_t) value;

        if (size == 1)
                forge(good, s, offset, &u8, 1);
        else if (size == 4)
                forge(good, s, offset, &i32, 4);
        else
                forge(good, s, offset, &value, 8);
}

static bool refuses(const char *s, int error) {
        Barrier b;

        memset(&b, 0x5a, sizeof b);
        return barrier_import(&b, s) == error && is_null(&b);
}

static void export_or_fail(Barrier *b, char *s) {
        int n = barrier_export(b, s, BARRIER_EXPORT_MAX);

        CHECK(n > 0 && n < BARRIER_EXPORT_MAX && strlen(s) == (size_t) n);
}

/* Across an execve() in which only the struct was lost. */
static void export_import(Barrier *b) {
        Barrier was = *b;
        char s[BARRIER_EXPORT_MAX];

        export_or_fail(b, s);
        memset(b, 0x5a, sizeof *b);
        CHECK(barrier_import(b, s) == 0);
        CHECK(memcmp(b, &was, offsetof(Barrier, watch)) == 0);
}

START_TEST(export_is_printable_and_makes_descriptors_inheritable) {
        Barrier mine, theirs, was;
        char s[BARRIER_EXPORT_MAX], again[BARRIER_EXPORT_MAX];
        int i;

        pair(&mine, &theirs, _i);
        was = mine;
        export_or_fail(&mine, s);
        for (i = 0; s[i]; i++)
                CHECK(s[i] > ' ' && s[i] <= '~');
        CHECK(memcmp(&mine, &was, sizeof mine) == 0);
        CHECK(fcntl(mine.me, F_GETFD) == 0 && fcntl(mine.them, F_GETFD) == 0 &&
              fcntl(pipe_end(&mine), F_GETFD) == 0);
        export_or_fail(&mine, again);
        CHECK(strcmp(s, again) == 0);

        CHECK(barrier_import(&mine, s) == 0);
        CHECK(fcntl(mine.me, F_GETFD) == FD_CLOEXEC && fcntl(mine.them, F_GETFD) == FD_CLOEXEC &&
              fcntl(pipe_end(&mine), F_GETFD) == FD_CLOEXEC);
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(export_that_fails_changes_nothing) {
        Barrier mine, theirs, was;
        char s[BARRIER_EXPORT_MAX] = "untouched";
        struct files files;
        size_t size, length;
        int null;

        pair(&mine, &theirs, _i);
        look_at_files(&files);
        length = 2 * BYTES;
        was = mine;
        CHECK(barrier_export(&mine, NULL, 0) == -ENOBUFS);
        for (size = 0; size <= length; size++)
                CHECK(barrier_export(&mine, s, size) == -ENOBUFS);
        CHECK(strcmp(s, "untouched") == 0);
        CHECK(files_are_as_in(&files) && memcmp(&mine, &was, sizeof mine) == 0);
        CHECK(barrier_export(&mine, s, length + 1) == (int) length && strlen(s) == length);
        CHECK(barrier_import(&mine, s) == 0);
        CHECK(files_are_as_in(&files));

        CHECK(close(mine.me) == 0);
        look_at_files(&files);
        was = mine;
        CHECK(barrier_export(&mine, s, sizeof s) == -EBADF);
        CHECK(files_are_as_in(&files) && memcmp(&mine, &was, sizeof mine) == 0);
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i);
        null = open("/dev/null", O_CLOEXEC | (_i == BARRIER_PARENT ? O_RDONLY : O_WRONLY));
        CHECK(dup3(null, pipe_end(&mine), O_CLOEXEC) >= 0);
        look_at_files(&files);
        CHECK(barrier_export(&mine, s, sizeof s) == -EBADF);
        CHECK(files_are_as_in(&files));
        CHECK(close(null) == 0);
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(barrier_works_on_after_an_export_without_exec) {
        Barrier mine, theirs;
        char first[BARRIER_EXPORT_MAX], second[BARRIER_EXPORT_MAX];

        pair(&mine, &theirs, _i);
        export_or_fail(&mine, first);
        CHECK(barrier_place(&theirs));
        CHECK(barrier_place_and_sync(&mine));
        export_or_fail(&mine, second);
        CHECK(strcmp(first, second) != 0);
        CHECK(barrier_fail(&mine, ENOENT));
        CHECK(fails(&theirs, barrier_sync, ENOENT));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(import_goes_on_where_export_stood) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i);
        export_import(&mine);
        CHECK(place_many(&mine, 3) && place_many(&theirs, 2)); /* in the kernel */
        export_import(&mine);
        CHECK(would_block(&mine, barrier_sync)); /* received */
        export_import(&mine);
        CHECK(barrier_sync_next(&mine)); /* taken notice of */
        export_import(&mine);
        CHECK(would_block(&mine, barrier_sync_next) && would_block(&mine, barrier_wait_next));
        CHECK(place_many(&theirs, 2));
        CHECK(barrier_sync(&mine));
        export_import(&mine);
        CHECK(barrier_wait_next(&mine)); /* one is not linked */
        export_import(&mine);
        CHECK(would_block(&mine, barrier_wait_next));
        CHECK(barrier_place(&mine) && barrier_sync(&mine) && barrier_sync(&theirs));
        CHECK(barrier_fail(&theirs, 5));
        export_import(&mine);
        CHECK(fails(&mine, barrier_sync, 5));
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(ended_barrier_is_imported_as_ended) {
        Barrier mine, theirs;

        pair(&mine, &theirs, _i); /* this side aborted */
        CHECK(barrier_fail(&mine, 3));
        export_import(&mine);
        CHECK(knows(&mine, I, ECANCELED) && all_fail(&mine, ECANCELED));
        CHECK(would_block(&mine, barrier_wait_abortion));
        CHECK(barrier_abort(&theirs)); /* they did too */
        CHECK(fails(&mine, barrier_wait_abortion, ECONNABORTED));
        export_import(&mine);
        CHECK(knows(&mine, I | THEY, ECONNABORTED) && all_fail(&mine, ECONNABORTED));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i); /* they aborted */
        CHECK(barrier_fail(&theirs, 32767));
        CHECK(barrier_wait_abortion(&mine));
        export_import(&mine);
        CHECK(knows(&mine, THEY, 32767) && all_fail(&mine, 32767));
        CHECK(barrier_wait_abortion(&mine));
        CHECK(fails(&mine, barrier_abort, 32767));
        CHECK(fails(&theirs, barrier_wait_abortion, ECONNABORTED));
        destroy_pair(&mine, &theirs);

        pair(&mine, &theirs, _i); /* they left */
        CHECK(place_many(&theirs, 2) && barrier_place(&mine));
        barrier_destroy(&theirs);
        CHECK(barrier_wait_abortion(&mine));
        export_import(&mine);
        CHECK(knows(&mine, THEY | EXITED, ECONNRESET));
        CHECK(barrier_sync(&mine) && barrier_wait_next(&mine));
        CHECK(fails(&mine, barrier_wait_next, ECONNRESET));
        CHECK(fails(&mine, barrier_abort, ECONNRESET));
        export_import(&mine);
        CHECK(knows(&mine, I | THEY | EXITED, ECONNRESET) && all_fail(&mine, ECONNRESET));
        barrier_destroy(&mine);
}
END_TEST

START_TEST(broken_barrier_is_imported_as_broken) {
        Barrier mine, theirs;
        char s[BARRIER_EXPORT_MAX], forged[BARRIER_EXPORT_MAX];

        pair(&mine, &theirs, _i);
        CHECK(raw_write(theirs.me, CODE(1)));
        CHECK(fails(&mine, barrier_sync, EPROTO));
        export_or_fail(&mine, s);
        forge_number(s, forged, offsetof(Barrier, they_aborted), 1, 0);
        CHECK(refuses(forged, -EINVAL));
        forge_number(s, forged, offsetof(Barrier, i_aborted), 1, 0);
        CHECK(refuses(forged, -EINVAL));
        barrier_destroy(&mine);
        CHECK(barrier_import(&mine, s) == 0);
        check_broke(&mine, &theirs, EPROTO);
}
END_TEST

START_TEST(watch_and_timeout_are_not_carried) {
        Barrier mine, theirs;
        int watched[2];

        CHECK(pipe2(watched, O_CLOEXEC) == 0 && raw_write(watched[1], 1));
        pair(&mine, &theirs, _i);
        CHECK(barrier_watch(&mine, watched[0]) == 0);
        barrier_set_timeout(&mine, 0);
        export_import(&mine);
        CHECK(fcntl(watched[0], F_GETFD) == FD_CLOEXEC);
        CHECK(would_block(&mine, barrier_wait_next));
        export_import(&mine);
        start_storm(act_place, &theirs);
        CHECK(barrier_wait_next(&mine));
        end_storm();
        destroy_pair(&mine, &theirs);
        CHECK(close(watched[0]) == 0 && close(watched[1]) == 0);
}
END_TEST

/* A row of states to damage: fresh, well used, and ended. */
static void make_export(Barrier *mine, Barrier *theirs, int i, char *s) {
        pair(mine, theirs, i % 2 ? BARRIER_PARENT : BARRIER_CHILD);
        if (i / 2 > 0) {
                CHECK(place_many(mine, 300) && place_many(theirs, 200));
                CHECK(barrier_sync_next(mine) && barrier_place(theirs));
                CHECK(would_block(mine, barrier_sync));
        }
        if (i / 2 > 1)
                CHECK(barrier_fail(theirs, 1234) && barrier_wait_abortion(mine));
        export_or_fail(mine, s);
}

START_TEST(damaged_string_is_refused_and_touches_nothing) {
        static const char other_bytes[] = "abcdefghijklmnop`qAP0/ \n\x7f\x80\xe1\xff";
        Barrier mine, theirs;
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX + 8], *huge;
        struct files files;
        size_t i, k, n;
        uint32_t random = 1;
        int c;

        make_export(&mine, &theirs, _i, good);
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

        CHECK(refuses(good, 0) == false); /* the string itself is as good as ever */
        destroy_pair(&mine, &theirs);
}
END_TEST

START_TEST(forged_fields_are_refused_and_touch_nothing) {
        static const struct {
                size_t offset, size;
                int64_t value;
        } bad[] = {
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
        static const struct {
                size_t offset, size;
                int64_t value;
        } bad_if_ended[] = {
                { offsetof(Barrier, error), 4, 0 },
                { offsetof(Barrier, error), 4, -5 },
                { offsetof(Barrier, error), 4, 32768 },
                { offsetof(Barrier, i_aborted), 1, 2 },
                { offsetof(Barrier, they_aborted), 1, 0 },
                { offsetof(Barrier, they_aborted), 1, 2 },
                { offsetof(Barrier, they_left), 1, 2 },
                { offsetof(Barrier, me), 4, -1 },
        };
        Barrier mine, theirs;
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX];
        struct files files;
        int i;

        make_export(&mine, &theirs, _i, good);
        look_at_files(&files);
        forge_number(good, s, offsetof(Barrier, role), 1, mine.role);
        CHECK(strcmp(s, good) == 0); /* the forger knows his trade */
        format = 2;
        forge_number(good, s, offsetof(Barrier, role), 1, mine.role);
        CHECK(refuses(s, -EINVAL));
        format = 1;
        for (i = 0; i < ELEMENTS(bad); i++) {
                forge_number(good, s, bad[i].offset, bad[i].size, bad[i].value);
                CHECK(refuses(s, -EINVAL));
        }
        destroy_pair(&mine, &theirs);

        make_export(&mine, &theirs, _i + 4, good);
        look_at_files(&files);
        for (i = 0; i < ELEMENTS(bad_if_ended); i++) {
                forge_number(good, s, bad_if_ended[i].offset, bad_if_ended[i].size,
                             bad_if_ended[i].value);
                CHECK(refuses(s, -EINVAL));
        }
        CHECK(files_are_as_in(&files));
        destroy_pair(&mine, &theirs);
}
END_TEST

/* Whatever import makes of it, no file that is not the barrier's may be closed or changed, not even
 * when the barrier is destroyed. */
static void forged_descriptor_costs_nothing(const char *good, size_t offset, int value) {
        char s[BARRIER_EXPORT_MAX];
        struct files files;
        Barrier b;
        int r;

        forge_number(good, s, offset, 4, value);
        if (strcmp(s, good) == 0)
                return;
        look_at_files(&files);
        r = barrier_import(&b, s);
        CHECK(r == -EINVAL || r == -EBADF);
        CHECK(is_null(&b));
        CHECK(files_are_as_in(&files));
}

START_TEST(forged_descriptors_are_refused_and_touch_nothing) {
        static const size_t offsets[] = {
                offsetof(Barrier, me),
                offsetof(Barrier, them),
                offsetof(Barrier, pipe),
                offsetof(Barrier, pipe) + sizeof(int),
        };
        Barrier mine, theirs;
        char good[BARRIER_EXPORT_MAX];
        int i, fd, ended;

        for (ended = 0; ended < 3; ended++) {
                make_export(&mine, &theirs, _i + (ended == 1 ? 4 : 0), good);
                if (ended == 2) { /* broken: exported without any descriptor */
                        CHECK(raw_write(theirs.me, CODE(1)));
                        CHECK(fails(&mine, barrier_wait_next, EPROTO));
                        export_or_fail(&mine, good);
                }
                barrier_destroy(&theirs); /* no second descriptor for any of the objects */
                for (i = 0; i < ELEMENTS(offsets); i++) {
                        for (fd = -2; fd < FILES; fd++)
                                forged_descriptor_costs_nothing(good, offsets[i], fd);
                        forged_descriptor_costs_nothing(good, offsets[i], INT_MAX);
                        forged_descriptor_costs_nothing(good, offsets[i], INT_MIN);
                }
                barrier_destroy(&mine);
        }
}
END_TEST

static bool eventfds_have_numbers(int fd) {
        char path[64], text[512];
        ssize_t n;

        (void) snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof text - 1);
        CHECK(close(fd) == 0 && n >= 0);
        text[n] = 0;
        return strstr(text, "eventfd-id") != NULL;
}

/* Puts another object where one of the descriptors was, and has the import refused. */
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

START_TEST(descriptor_that_is_not_the_very_object_is_refused) {
        Barrier mine, theirs, foreign, foreign_theirs;
        char s[BARRIER_EXPORT_MAX];
        int fd[3], i, k, null = open("/dev/null", O_RDWR | O_CLOEXEC), sockets[2], others[5];
        sigset_t none;
        bool sure;

        /* A zero-length read() of these says what that of an eventfd says, or sleeps. */
        CHECK(sigemptyset(&none) == 0);
        others[0] = epoll_create1(EPOLL_CLOEXEC);
        others[1] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        others[2] = signalfd(-1, &none, SFD_CLOEXEC);
        others[3] = inotify_init1(IN_CLOEXEC);
        others[4] = pidfd_open_(getpid());
        make_line(sockets);
        pair(&mine, &theirs, _i);
        pair(&foreign, &foreign_theirs, _i);
        sure = eventfds_have_numbers(mine.me);
        export_or_fail(&mine, s);
        fd[0] = mine.me;
        fd[1] = mine.them;
        fd[2] = pipe_end(&mine);
        for (i = 0; i < 3; i++) {
                replaced(fd[i], -1, s);
                replaced(fd[i], null, s);
                replaced(fd[i], sockets[0], s);
                replaced(fd[i], pipe_end(&theirs), s);
                replaced(fd[i], pipe_end(&foreign), s);
        }
        replaced(pipe_end(&mine), mine.me, s);
        if (sure) {
                replaced(mine.me, mine.them, s);
                replaced(mine.them, mine.me, s);
                replaced(mine.me, foreign.me, s);
                replaced(mine.them, foreign.them, s);
                for (i = 0; i < 2; i++)
                        for (k = 0; k < ELEMENTS(others); k++)
                                replaced(fd[i], others[k], s);
        }
        CHECK(barrier_import(&mine, s) == 0); /* all is back in its place */
        CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
        destroy_pair(&mine, &theirs);
        destroy_pair(&foreign, &foreign_theirs);
        CHECK(close(null) == 0 && close(sockets[0]) == 0 && close(sockets[1]) == 0);
        for (k = 0; k < ELEMENTS(others); k++)
                CHECK(others[k] < 0 || close(others[k]) == 0);
        if (!sure)
                SKIP("/proc does not number eventfds here");
}
END_TEST

/* A forger who may leave out what the descriptors are. */
START_TEST(forged_identities_are_refused_and_touch_nothing) {
        enum { IDENTITIES = sizeof(Barrier) };
        Barrier mine, theirs;
        char good[BARRIER_EXPORT_MAX], s[BARRIER_EXPORT_MAX], fifo[] = "/tmp/test-barrier-XXXXXX";
        struct files files;
        struct stat st;
        int own_pipe[2], named_pipe[2], own_epoll = epoll_create1(EPOLL_CLOEXEC);
        int standard = copy_of(0);
        bool sure;

        CHECK(pipe2(own_pipe, O_CLOEXEC) == 0);
        CHECK(mkdtemp(fifo) && rmdir(fifo) == 0 && mkfifo(fifo, 0600) == 0);
        named_pipe[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        named_pipe[1] = open(fifo, O_WRONLY | O_CLOEXEC);
        CHECK(fstat(named_pipe[0], &st) == 0 && unlink(fifo) == 0);
        make_export(&mine, &theirs, _i, good);
        sure = eventfds_have_numbers(mine.me);
        look_at_files(&files);

        forge_number(good, s, IDENTITIES + 16, 8, 0);
        CHECK(refuses(s, -EBADF));
        forge_number(good, s, offsetof(Barrier, pipe) + (mine.pipe[0] < 0) * sizeof(int), 4,
                     own_pipe[mine.pipe[0] < 0]);
        forge_number(s, s, IDENTITIES + 16, 8, 0);
        CHECK(refuses(s, -EBADF));
        /* The number of the right file, but of another device. */
        forge_number(good, s, offsetof(Barrier, pipe) + (mine.pipe[0] < 0) * sizeof(int), 4,
                     named_pipe[mine.pipe[0] < 0]);
        forge_number(s, s, IDENTITIES + 16, 8, (int64_t) st.st_ino);
        CHECK(refuses(s, -EBADF));
        forge_number(good, s, offsetof(Barrier, me), 4, own_epoll);
        forge_number(s, s, offsetof(Barrier, them), 4, own_epoll);
        CHECK(!sure || refuses(s, -EBADF));
        forge_number(s, s, IDENTITIES, 8, 0);
        forge_number(s, s, IDENTITIES + 8, 8, 0);
        CHECK(!sure || refuses(s, -EBADF));
        forge_number(s, s, IDENTITIES + 16, 8, 0);
        CHECK(refuses(s, -EBADF));
        CHECK(files_are_as_in(&files));

        /* The right one, but a standard stream. */
        CHECK(dup2(mine.them, 0) == 0);
        look_at_files(&files);
        forge_number(good, s, offsetof(Barrier, them), 4, 0);
        CHECK(refuses(s, -EBADF));
        CHECK(files_are_as_in(&files));
        CHECK(dup2(standard, 0) == 0 && close(standard) == 0);

        CHECK(barrier_import(&mine, good) == 0);
        destroy_pair(&mine, &theirs);
        CHECK(close(own_pipe[0]) == 0 && close(own_pipe[1]) == 0 && close(own_epoll) == 0);
        CHECK(close(named_pipe[0]) == 0 && close(named_pipe[1]) == 0);
        if (!sure)
                SKIP("/proc does not number eventfds here");
}
END_TEST

struct own_table {
        int line;
        int numbers[2];
        bool unshared;
};

static void *in_a_table_of_its_own(void *p) {
        struct own_table *t = p;
        char s[BARRIER_EXPORT_MAX];
        Barrier mine, theirs;

        t->unshared = unshare(CLONE_FILES) == 0;
        if (t->unshared) {
                pair(&mine, &theirs, BARRIER_PARENT);
                CHECK(dup3(mine.me, t->numbers[0], O_CLOEXEC) >= 0 && close(mine.me) == 0);
                CHECK(dup3(mine.them, t->numbers[1], O_CLOEXEC) >= 0 && close(mine.them) == 0);
                mine.me = t->numbers[0];
                mine.them = t->numbers[1];
                export_or_fail(&mine, s);
                tell(t->line, 0);
                CHECK(hear(t->line) == 0);
                CHECK(barrier_import(&mine, s) == 0);
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
                destroy_pair(&mine, &theirs);
        } else
                tell(t->line, 0);
        return NULL;
}

/* What another thread has behind the same numbers is none of the business. */
START_TEST(export_and_import_in_a_thread_with_its_own_descriptor_table) {
        struct own_table t;
        int line[2], first = eventfd(0, EFD_CLOEXEC), second = eventfd(0, EFD_CLOEXEC), i;
        pthread_t thread;

        make_line(line);
        t.line = line[1];
        for (i = 0; i < 2; i++)
                t.numbers[i] = copy_of(first);
        CHECK(pthread_create(&thread, NULL, in_a_table_of_its_own, &t) == 0);
        CHECK(hear(line[0]) == 0);
        for (i = 0; i < 2; i++)
                CHECK(dup3(second, t.numbers[i], O_CLOEXEC) >= 0);
        if (t.unshared)
                tell(line[0], 0);
        CHECK(pthread_join(thread, NULL) == 0);
        for (i = 0; i < 2; i++)
                CHECK(close(line[i]) == 0 && close(t.numbers[i]) == 0);
        CHECK(close(first) == 0 && close(second) == 0);
        if (!t.unshared)
                SKIP("a thread can not have its own descriptor table here");
}
END_TEST

/* A pipe that nobody writes to is where /proc should be. */
START_TEST(planted_files_do_not_block_export_and_import) {
        static const char *const dirs[] = { "",
                                            "/proc",
                                            "/proc/self",
                                            "/proc/self/fdinfo",
                                            "/proc/thread-self",
                                            "/proc/thread-self/fdinfo" };
        enum { NO_CHROOT = 97 };
        char root[] = "/tmp/test-barrier-XXXXXX", path[128], s[BARRIER_EXPORT_MAX];
        Barrier mine, theirs;
        int i, k, status, fds[2];
        pid_t pid;

        pair(&mine, &theirs, _i);
        fds[0] = mine.me;
        fds[1] = mine.them;
        CHECK(mkdtemp(root));
        for (i = 1; i < ELEMENTS(dirs); i++) {
                (void) snprintf(path, sizeof path, "%s%s", root, dirs[i]);
                CHECK(mkdir(path, 0700) == 0);
                for (k = 0; k < 2; k++) {
                        (void) snprintf(path, sizeof path, "%s%s/%d", root, dirs[i], fds[k]);
                        CHECK(mkfifo(path, 0600) == 0);
                }
        }
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (chroot(root) < 0 && (unshare(CLONE_NEWUSER) < 0 || chroot(root) < 0))
                        _exit(NO_CHROOT);
                export_or_fail(&mine, s);
                CHECK(barrier_import(&mine, s) == 0);
                _exit(0);
        }
        status = reap(pid);
        for (i = ELEMENTS(dirs) - 1; i >= 0; i--) {
                for (k = 0; i > 0 && k < 2; k++) {
                        (void) snprintf(path, sizeof path, "%s%s/%d", root, dirs[i], fds[k]);
                        CHECK(unlink(path) == 0);
                }
                (void) snprintf(path, sizeof path, "%s%s", root, dirs[i]);
                CHECK(rmdir(path) == 0);
        }
        destroy_pair(&mine, &theirs);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_CHROOT)
                SKIP("chroot() is not possible here");
        CHECK(status == 0);
}
END_TEST

START_TEST(export_and_import_need_no_free_descriptor) {
        struct rlimit limit;
        Barrier mine, theirs;
        int line;
        pid_t pid = start(&line);

        if (pid == 0) {
                pair(&mine, &theirs, _i);
                CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
                limit.rlim_cur = 0;
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                export_import(&mine);
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
                _exit(0);
        }
        CHECK(finish(pid, line) == 0);
}
END_TEST

/* ---- across a real execve() ------------------------------------------------------------------ */

/* In the new program. What it should find is spelled as the queries and the error. */
static void expected_ending(const Barrier *b, const char *expected) {
        int who = atoi(expected);

        CHECK(knows(b, who & 7, who >> 3));
}

static void spell_ending(char *s, size_t size, int who, int error) {
        (void) snprintf(s, size, "%d", who | error << 3);
}

static void import_or_fail(Barrier *b, const char *exported) {
        CHECK(barrier_import(b, exported) == 0);
        CHECK(fcntl(b->me, F_GETFD) == FD_CLOEXEC && fcntl(b->them, F_GETFD) == FD_CLOEXEC &&
              fcntl(pipe_end(b), F_GETFD) == FD_CLOEXEC);
}

static void scenario_linger(int line, const char *exported, const char *expected) {
        (void) exported;
        (void) expected;
        tell(line, 0);
        CHECK(hear(line) == 0);
}

static void scenario_ended(int line, const char *exported, const char *expected) {
        Barrier b;

        (void) line;
        import_or_fail(&b, exported);
        expected_ending(&b, expected);
        CHECK(all_fail(&b, barrier_error(&b)));
        expected_ending(&b, expected);
        barrier_destroy(&b);
}

/* This side placed 3, the other one 2; how far did this side get with these before the exec? */
enum { PENDING, RECEIVED, NOTICED };

static void scenario_count(int line, const char *exported, const char *expected) {
        Barrier b;

        import_or_fail(&b, exported);
        if (atoi(expected) == NOTICED)
                CHECK(would_block(&b, barrier_sync_next));
        else
                CHECK(barrier_wait_next(&b));
        CHECK(would_block(&b, barrier_wait_next) && would_block(&b, barrier_sync));
        tell(line, 0);
        CHECK(barrier_sync(&b));
        CHECK(barrier_place_and_sync(&b));
        CHECK(barrier_fail(&b, 21));
        tell(line, 0);
        CHECK(hear(line) == 0);
}

/* Through yet another program. */
static void scenario_again(int line, const char *exported, const char *expected) {
        Barrier b;
        char s[BARRIER_EXPORT_MAX];

        import_or_fail(&b, exported);
        export_or_fail(&b, s);
        exec_self("count", line, s, expected);
}

static int after_exec(char **argv) {
        static const struct {
                const char *name;
                void (*run)(int line, const char *exported, const char *expected);
        } scenarios[] = {
                { "linger", scenario_linger },
                { "ended", scenario_ended },
                { "count", scenario_count },
                { "again", scenario_again },
        };
        int i;

        for (i = 0; i < ELEMENTS(scenarios); i++)
                if (strcmp(argv[2], scenarios[i].name) == 0) {
                        scenarios[i].run(atoi(argv[3]), argv[4], argv[5]);
                        return 0;
                }
        return FAILED;
}

START_TEST(barrier_goes_on_across_execve) {
        unsigned role = _i % 2 ? BARRIER_PARENT : BARRIER_CHILD;
        int line, how = _i / 2 % 3;
        bool twice = _i / 6;
        char s[BARRIER_EXPORT_MAX], expected[16];
        Barrier b;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other(role)) == 0);
                CHECK(place_many(&b, 3));
                CHECK(hear(line) == 0);
                if (how == RECEIVED)
                        CHECK(would_block(&b, barrier_sync));
                else if (how == NOTICED)
                        CHECK(barrier_wait_next(&b));
                export_or_fail(&b, s);
                (void) snprintf(expected, sizeof expected, "%d", how);
                exec_self(twice ? "again" : "count", line, s, expected);
        }
        CHECK(barrier_set_role(&b, role) == 0);
        CHECK(place_many(&b, 2));
        tell(line, 0);
        CHECK(hear(line) == 0);
        CHECK(barrier_place_and_sync(&b));
        CHECK(barrier_place(&b));
        CHECK(hear(line) == 0);
        CHECK(fails(&b, barrier_sync, 21)); /* the exec was not taken for leaving */
        CHECK(knows(&b, THEY, 21));
        tell(line, 0);
        CHECK(finish(pid, line) == 0);
        barrier_destroy(&b);
}
END_TEST

START_TEST(leaving_after_execve_is_seen) {
        Barrier b;
        int line;
        pid_t pid;
        char s[BARRIER_EXPORT_MAX];

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other((unsigned) _i)) == 0);
                CHECK(barrier_place(&b));
                export_or_fail(&b, s);
                exec_self("linger", line, s, "");
        }
        CHECK(barrier_set_role(&b, (unsigned) _i) == 0);
        CHECK(hear(line) == 0);
        CHECK(barrier_place_and_sync(&b));
        CHECK(would_block(&b, barrier_wait_next)); /* the new program holds the descriptors */
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(was_killed(finish(pid, line), SIGKILL));
        CHECK(fails(&b, barrier_wait_next, ECONNRESET));
        barrier_destroy(&b);
}
END_TEST

enum { END_OWN_ABORT, END_THEIR_CODE, END_BOTH, END_LEFT, ENDINGS };

START_TEST(ended_barrier_is_ended_across_execve) {
        unsigned role = _i % 2 ? BARRIER_PARENT : BARRIER_CHILD;
        int line, ending = _i / 2;
        char s[BARRIER_EXPORT_MAX], expected[16];
        Barrier b;
        pid_t pid;

        CHECK(barrier_init(&b) == 0);
        pid = start(&line);
        if (pid == 0) {
                CHECK(barrier_set_role(&b, other(role)) == 0);
                CHECK(hear(line) == 0); /* the other side has done its part */
                if (ending == END_OWN_ABORT) {
                        CHECK(barrier_abort(&b));
                        spell_ending(expected, sizeof expected, I, ECANCELED);
                } else if (ending == END_THEIR_CODE) {
                        CHECK(barrier_wait_abortion(&b));
                        spell_ending(expected, sizeof expected, THEY, 31);
                } else if (ending == END_BOTH) {
                        CHECK(barrier_abort(&b) && fails(&b, barrier_wait_abortion, 31));
                        spell_ending(expected, sizeof expected, I | THEY, 31);
                } else {
                        CHECK(barrier_place(&b) && barrier_wait_abortion(&b));
                        spell_ending(expected, sizeof expected, THEY | EXITED, ECONNRESET);
                }
                export_or_fail(&b, s);
                exec_self("ended", line, s, expected);
        }
        CHECK(barrier_set_role(&b, role) == 0);
        if (ending == END_THEIR_CODE || ending == END_BOTH)
                CHECK(barrier_fail(&b, 31));
        else if (ending == END_LEFT)
                barrier_destroy(&b);
        tell(line, 0);
        CHECK(finish(pid, line) == 0);
        barrier_destroy(&b);
}
END_TEST

/* ---- system calls ---------------------------------------------------------------------------- */

/* How many system calls a process makes from run() on. A traced process stops twice for each. -1 if
 * tracing is not allowed here. */
static int count_all_calls(void (*run)(Barrier *b), Barrier *b) {
        int line, status, sig = 0, stops = 0;
        pid_t pid = start(&line);

        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(NO_PTRACE);
                (void) raise(SIGSTOP);
                run(b);
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
        if (status != 0) {
                CHECK(WIFEXITED(status) && WEXITSTATUS(status) == NO_PTRACE);
                return -1;
        }
        return stops / 2;
}

static void run_nothing(Barrier *b) {
        (void) b;
}

static void run_three_calls(Barrier *b) {
        (void) b;
        (void) write(-1, "", 1);
        (void) read(-1, NULL, 0);
        (void) poll(NULL, 0, 0);
}

static int count_calls(void (*run)(Barrier *b), Barrier *b) {
        return count_all_calls(run, b) - count_all_calls(run_nothing, b);
}

/* Not under a tool that makes calls of its own beside those of the program. */
static bool can_count_calls(void) {
        return count_calls(run_three_calls, NULL) == 3;
}

static void run_init(Barrier *b) {
        CHECK(barrier_init(b) == 0);
}

static void run_place_and_sync(Barrier *b) {
        CHECK(barrier_place_and_sync(b));
}

static void run_sync(Barrier *b) {
        CHECK(barrier_sync(b));
}

static void run_abort(Barrier *b) {
        CHECK(barrier_abort(b));
}

static operation *tried;

static void run_try(Barrier *b) {
        CHECK(!tried(b));
}

START_TEST(init_makes_3_system_calls) {
        Barrier b;

        if (!can_count_calls())
                SKIP("can not count system calls here");
        CHECK(fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0);
        CHECK(count_calls(run_init, &b) == 3);
}
END_TEST

START_TEST(place_and_sync_with_the_barrier_there_makes_2_system_calls) {
        Barrier mine, theirs;
        bool can;

        pair(&mine, &theirs, _i);
        can = can_count_calls() && can_read_without_blocking(mine.them);
        if (can) {
                CHECK(barrier_place(&theirs));
                CHECK(count_calls(run_place_and_sync, &mine) == 2);
                CHECK(count_calls(run_sync, &mine) == 1);
                CHECK(count_calls(run_abort, &mine) == 2); /* see abort_does_not_block_... */
        }
        destroy_pair(&mine, &theirs);
        if (!can)
                SKIP("can not count system calls here");
}
END_TEST

START_TEST(try_that_finds_nothing_makes_2_system_calls) {
        Barrier mine, theirs;
        bool can;
        int i;

        pair(&mine, &theirs, _i);
        can = can_count_calls() && can_read_without_blocking(mine.them);
        if (can) {
                CHECK(barrier_place(&mine));
                barrier_set_timeout(&mine, 0);
                for (i = 0; i < ELEMENTS(all_waits); i++) {
                        tried = all_waits[i];
                        CHECK(count_calls(run_try, &mine) == 2);
                }
        }
        destroy_pair(&mine, &theirs);
        if (!can)
                SKIP("can not count system calls here");
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------- */

static TCase *question(Suite *suite, const char *name) {
        TCase *tc = tcase_create(name);

        tcase_add_checked_fixture(tc, set_up, tear_down);
        suite_add_tcase(suite, tc);
        return tc;
}

#define FOR_EACH_ROLE(tc, test) tcase_add_loop_test(tc, test, BARRIER_PARENT, BARRIER_CHILD + 1)

static Suite *barrier_suite(void) {
        Suite *suite = suite_create("barrier");
        TCase *tc;

        tc = question(suite, "life cycle");
        tcase_add_test(tc, init_makes_two_eventfds_and_a_pipe_whatever_the_struct_held);
        tcase_add_test(tc, descriptors_are_cloexec_nonblocking_and_above_2);
        tcase_add_test(tc, struct_is_at_most_64_bytes_and_versioned);
        tcase_add_loop_test(tc, init_leaves_closed_standard_streams_closed, 0, 8);
        tcase_add_loop_test(tc, init_that_fails_at_any_step_leaks_nothing, 0, 8);
        FOR_EACH_ROLE(tc, set_role_closes_what_belongs_to_the_other_side_alone);
        FOR_EACH_ROLE(tc, set_role_refuses_and_changes_nothing);
        FOR_EACH_ROLE(tc, destroy_closes_everything_and_may_be_repeated);
        tcase_add_test(tc, destroy_preserves_errno);
        tcase_add_test(tc, destroy_serves_as_cleanup_attribute);
        tcase_add_test(tc, everything_says_ENOTCONN_before_a_role);

        tc = question(suite, "waits");
        FOR_EACH_ROLE(tc, sync_waits_for_as_many_as_this_side_placed);
        FOR_EACH_ROLE(tc, sync_next_waits_for_one_linked_barrier);
        FOR_EACH_ROLE(tc, sync_next_takes_all_linked_barriers_at_once);
        FOR_EACH_ROLE(tc, wait_next_takes_all_that_are_there_linked_or_not);
        FOR_EACH_ROLE(tc, wait_next_can_swallow_the_next_step_but_sync_counts_it);
        FOR_EACH_ROLE(tc, linked_waits_leave_unlinked_barriers_to_wait_next);
        FOR_EACH_ROLE(tc, linked_waits_take_notice_of_linked_barriers);
        FOR_EACH_ROLE(tc, wait_that_fails_takes_notice_of_nothing);
        FOR_EACH_ROLE(tc, placing_never_blocks_and_counts);
        FOR_EACH_ROLE(tc, place_does_not_look_for_news);

        tc = question(suite, "aborting");
        FOR_EACH_ROLE(tc, abortion_is_never_missed);
        FOR_EACH_ROLE(tc, satisfied_sync_sees_an_abort);
        FOR_EACH_ROLE(tc, own_abort_ends_every_wait_but_one);
        FOR_EACH_ROLE(tc, abort_is_true_until_the_other_side_is_known_to_have_aborted);
        FOR_EACH_ROLE(tc, abort_is_sent_even_if_they_aborted_first);
        FOR_EACH_ROLE(tc, wait_abortion_ignores_barriers_and_keeps_them);
        FOR_EACH_ROLE(tc, code_of_fail_becomes_errno_of_the_other_side);
        FOR_EACH_ROLE(tc, code_out_of_range_counts_as_none);
        FOR_EACH_ROLE(tc, first_code_stays);
        FOR_EACH_ROLE(tc, their_word_outranks_own_ECANCELED);
        FOR_EACH_ROLE(tc, own_abort_then_they_left);
        FOR_EACH_ROLE(tc, leaving_first_stays_whatever_comes_later);

        tc = question(suite, "leaving");
        tcase_add_loop_test(tc, placed_barrier_survives_leaving, 0, 2 * WAYS_TO_LEAVE);
        tcase_add_loop_test(tc, placed_barriers_survive_once_leaving_is_known, 0,
                            2 * WAYS_TO_LEAVE);
        tcase_add_loop_test(tc, too_few_barriers_before_leaving_are_not_enough, 0,
                            2 * WAYS_TO_LEAVE);
        tcase_add_loop_test(tc, leaving_wakes_every_wait, 0, 2 * WAYS_TO_LEAVE);
        FOR_EACH_ROLE(tc, word_before_leaving_is_the_ending);
        FOR_EACH_ROLE(tc, destroy_leaves_and_queues_behind_what_was_placed);
        FOR_EACH_ROLE(tc, placed_barrier_survives_racing_exit);
        FOR_EACH_ROLE(tc, killed_while_it_waits);

        tc = question(suite, "processes");
        FOR_EACH_ROLE(tc, two_processes_keep_step);
        tcase_add_test(tc, vfork_child_works_on_a_copy);
        tcase_add_loop_test(tc, spawner_tells_execd_from_failed_from_died, SPAWN_EXEC,
                            SPAWN_SET_UP_FAILS + 1);
        tcase_add_test(tc, nothing_is_printed);

        tc = question(suite, "copies");
        tcase_add_test(tc, grandchild_with_a_copy_makes_a_dead_child_look_alive);
        tcase_add_loop_test(tc, grandchild_without_a_copy_does_not, COPY_DESTROYED,
                            COPY_CLOSED_BY_EXEC + 1);
        tcase_add_test(tc, watched_child_is_seen_to_die_in_spite_of_a_grandchild);
        tcase_add_loop_test(tc, child_whose_parent_dies_while_a_sibling_lives, 0,
                            2 * (COPY_CLOSED_BY_EXEC + 1));
        tcase_add_test(tc, watched_parent_is_seen_to_die_from_inside_new_namespaces);
        tcase_add_loop_test(tc, younger_sibling_holds_the_parents_end, COPY_KEPT,
                            COPY_DESTROYED + 1);
        FOR_EACH_ROLE(tc, watch_ends_waits_but_queues_behind_barriers_and_words);
        FOR_EACH_ROLE(tc, watch_can_be_set_before_the_role_and_removed);
        FOR_EACH_ROLE(tc, watch_refuses_what_is_not_open_and_changes_nothing);
        FOR_EACH_ROLE(tc, watch_that_was_closed_ends_the_barrier);

        tc = question(suite, "timeouts and signals");
        FOR_EACH_ROLE(tc, wait_that_runs_out_changes_nothing_and_can_be_repeated);
        FOR_EACH_ROLE(tc, timeout_zero_finds_what_is_there);
        FOR_EACH_ROLE(tc, ETIMEDOUT_as_a_code_is_told_from_a_timeout);
        FOR_EACH_ROLE(tc, wait_lasts_as_long_as_its_timeout_and_no_signal_prolongs_it);
        FOR_EACH_ROLE(tc, longest_timeout_leaves_room_for_its_deadline);
        FOR_EACH_ROLE(tc, no_signal_ends_a_wait);
        FOR_EACH_ROLE(tc, blocked_wait_is_woken_by_an_abort);
        FOR_EACH_ROLE(tc, blocked_wait_is_woken_by_leaving);
        FOR_EACH_ROLE(tc, two_processes_keep_step_in_a_storm_of_signals);

        tc = question(suite, "event loops");
        FOR_EACH_ROLE(tc, pollfds_are_ready_when_there_is_news);
        FOR_EACH_ROLE(tc, pollfds_once_it_ended);
        tcase_add_loop_test(tc, event_loop_loses_no_wake_up, 0, 8);

        tc = question(suite, "wire");
        FOR_EACH_ROLE(tc, what_is_written);
        FOR_EACH_ROLE(tc, what_is_understood);

        tc = question(suite, "hostile peers and failing calls");
        FOR_EACH_ROLE(tc, code_without_abort_is_a_protocol_error);
        FOR_EACH_ROLE(tc, count_of_barriers_never_overflows);
        FOR_EACH_ROLE(tc, full_eventfd_is_a_protocol_error);
        FOR_EACH_ROLE(tc, abort_does_not_block_on_an_eventfd_made_blocking_and_full);
        FOR_EACH_ROLE(tc, signal_frees_from_an_eventfd_made_blocking_and_full);
        FOR_EACH_ROLE(tc, peer_that_makes_the_eventfds_blocking_does_not_block_a_wait);
        FOR_EACH_ROLE(tc, peer_that_drains_its_eventfd_only_makes_a_wait_run_out);
        tcase_add_test(tc, bytes_in_the_pipe_mean_nothing);
        FOR_EACH_ROLE(tc, closed_descriptors_end_in_EBADF);
        FOR_EACH_ROLE(tc, foreign_descriptors_end_in_an_error);
        FOR_EACH_ROLE(tc, broken_side_does_not_disturb_a_word_learnt_before);

        tc = question(suite, "export and import");
        FOR_EACH_ROLE(tc, export_is_printable_and_makes_descriptors_inheritable);
        FOR_EACH_ROLE(tc, export_that_fails_changes_nothing);
        FOR_EACH_ROLE(tc, barrier_works_on_after_an_export_without_exec);
        FOR_EACH_ROLE(tc, import_goes_on_where_export_stood);
        FOR_EACH_ROLE(tc, ended_barrier_is_imported_as_ended);
        FOR_EACH_ROLE(tc, broken_barrier_is_imported_as_broken);
        FOR_EACH_ROLE(tc, watch_and_timeout_are_not_carried);
        tcase_add_loop_test(tc, damaged_string_is_refused_and_touches_nothing, 0, 6);
        tcase_add_loop_test(tc, forged_fields_are_refused_and_touch_nothing, 0, 2);
        tcase_add_loop_test(tc, forged_descriptors_are_refused_and_touch_nothing, 0, 2);
        FOR_EACH_ROLE(tc, descriptor_that_is_not_the_very_object_is_refused);
        tcase_add_loop_test(tc, forged_identities_are_refused_and_touch_nothing, 0, 4);
        tcase_add_test(tc, export_and_import_in_a_thread_with_its_own_descriptor_table);
        FOR_EACH_ROLE(tc, planted_files_do_not_block_export_and_import);
        FOR_EACH_ROLE(tc, export_and_import_need_no_free_descriptor);

        tc = question(suite, "execve");
        tcase_add_loop_test(tc, barrier_goes_on_across_execve, 0, 12);
        FOR_EACH_ROLE(tc, leaving_after_execve_is_seen);
        tcase_add_loop_test(tc, ended_barrier_is_ended_across_execve, 0, 2 * ENDINGS);

        tc = question(suite, "system calls");
        tcase_add_test(tc, init_makes_3_system_calls);
        FOR_EACH_ROLE(tc, place_and_sync_with_the_barrier_there_makes_2_system_calls);
        FOR_EACH_ROLE(tc, try_that_finds_nothing_makes_2_system_calls);
        return suite;
}

int main(int argc, char **argv) {
        SRunner *runner;
        int failures, tests, fd;

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
        (void) setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* only a test that hangs takes so long */

        runner = srunner_create(barrier_suite());
        srunner_run_all(runner, CK_ENV);
        failures = srunner_ntests_failed(runner);
        tests = srunner_ntests_run(runner);
        srunner_free(runner);
        if (tests == 0)
                (void) fprintf(stderr, "no test has run\n");
        return failures || tests == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
