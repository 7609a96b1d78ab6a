/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * pages.c - runs what readme.sh has taken out of README.md and doc/
 *
 * Each test is a process of its own, with an alarm that ends what hangs. Who has to be first is
 * settled by pipes: a byte, or the end when the last holder of the other end is gone.
 */
#include "RECIPES/recipes.c"
#include "RECIPES/close-all-others-before-an-exec.c"
#include "RECIPES/a-daemon-that-says-when-it-is-ready.c"
#include "RECIPES/is-the-other-side-still-there.c"
#include "RECIPES/descriptors-at-fixed-numbers.c"
#include "RECIPES/drop-rights-and-die-with-the-parent.c"
#include "RECIPES/ask-and-answer.c"
#include "RECIPES/two-barriers-or-three-processes.c"
#include "RECIPES/end-a-wait-by-a-signal-or-from-another-thread.c"
#include "RECIPES/what-to-print.c"

static enum { SUSPENDS, IS_FORK, IS_REFUSED } what_vfork_does;
#define vfork()                                                                                    \
        (what_vfork_does == SUSPENDS  ? vfork()                                                    \
         : what_vfork_does == IS_FORK ? fork()                                                     \
                                      : (errno = EAGAIN, (pid_t) -1))
#include "RECIPES/from-a-big-process.c"
#undef vfork

static void before_fork(void);
#define fork() (before_fork(), fork())
#include "RECIPES/from-many-threads.c"
#undef fork

#include "README/recipes.c"
#include "PORTING/from-an-eventfd-go-ahead.c"
#include "PORTING/from-a-pipe-whose-end-means-go-or-exec-d.c"

static bool stops; /* the process in the middle does */
#define _exit(status) ((void) (stops && (status) == 0 && raise(SIGSTOP)), _exit(status))
#include "PORTING/from-libdaemon-s-return-value.c"
#undef _exit
#include "PORTING/who-holds-copies.c"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SKIPPED = 77, NOBODY = 65534, HANGS = 60 };

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "pages.c:%d: not so: %s\n", __LINE__, #condition);         \
                        _exit(1);                                                                  \
                }                                                                                  \
        } while (0)

/* ---- what the tests need --------------------------------------------------------------------- */

/* A child that does not outlive its test; that of a process that is killed on purpose has to. */
static pid_t born(void) {
        pid_t parent = getpid(), pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
                if (getppid() != parent)
                        _exit(1);
        }
        return pid;
}

/* Both sides; returns like fork(). */
static pid_t start_sides(Barrier *b) {
        CHECK(barrier_init(b) == 0);
        pid_t pid = born();
        CHECK(barrier_set_role(b, pid == 0 ? BARRIER_CHILD : BARRIER_PARENT) == 0);
        return pid;
}

static void hang(void) {
        for (;;)
                pause();
}

static int reaped(pid_t pid) {
        int status;

        CHECK(waitpid(pid, &status, 0) == pid);
        return status;
}

static bool killed(int status) {
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool exited(int status, int code) {
        return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static void make_pipe(int fds[2]) {
        CHECK(pipe2(fds, O_CLOEXEC) == 0);
}

static void tell(int fd, int value) {
        CHECK(write(fd, &value, sizeof value) == sizeof value);
}

/* Returns what was told, or -1 if nobody holds the other end any more. */
static int hear(int fd) {
        int value;
        ssize_t n = read(fd, &value, sizeof value);

        CHECK(n == 0 || n == sizeof value);
        return n == 0 ? -1 : value;
}

static void *shared(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        CHECK(p != MAP_FAILED);
        return p;
}

/* ---- close all others before an exec --------------------------------------------------------- */

static void marked_descriptors_go_at_the_exec_and_a_failed_one_is_told(void) {
        Barrier b;
        int input[2], end[2], r;

        make_pipe(input);
        CHECK(pipe(end) == 0); /* not close-on-exec */
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                char *none[] = { (char *) "/dev/null/none", NULL };

                r = close_at_exec(3);
                if (r == EINVAL || r == ENOSYS || r == EPERM)
                        _exit(SKIPPED);
                CHECK(dup2(input[0], 0) == 0);
                execv(none[0], none);
                barrier_fail(&b, errno);
                execlp("cat", "cat", (char *) NULL);
                _exit(1);
        }
        CHECK(!barrier_wait_next(&b));
        if (errno == ECONNRESET)
                _exit(WEXITSTATUS(reaped(pid)));
        CHECK(errno == ENOTDIR);
        close(end[1]);
        CHECK(hear(end[0]) == -1); /* cat runs, and holds none */
        close(input[0]);
        close(input[1]);
        CHECK(exited(reaped(pid), 0));
}

/* ---- is the other side still there? ---------------------------------------------------------- */

static void looking_finds_out_and_consumes_nothing(void) {
        Barrier b;
        int placed[2], leave[2], left[2];

        make_pipe(placed);
        make_pipe(leave);
        make_pipe(left);
        if (start_sides(&b) == 0) {
                CHECK(barrier_place(&b));
                tell(placed[1], 0);
                (void) hear(leave[0]);
                barrier_destroy(&b);
                tell(left[1], 0);
                hang();
        }
        (void) hear(placed[0]);
        CHECK(still_there(&b, -1));
        CHECK(barrier_wait_next(&b));
        tell(leave[1], 0);
        (void) hear(left[0]);
        CHECK(!barrier_they_aborted(&b)); /* nobody has looked */
        CHECK(!still_there(&b, -1));
        CHECK(barrier_they_left(&b));
}

static void a_child_that_gave_up_and_lives_on_is_ended(void) {
        Barrier b;
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                barrier_fail(&b, EIO);
                hang();
        }
        CHECK(!barrier_wait_next(&b) && errno == EIO);
        CHECK(killed(end_child(&b, pid)));
}

/* ---- descriptors at fixed numbers ------------------------------------------------------------ */

/* The barrier is made before or after the descriptors, so that either has the numbers from 3 on. */
static void pass_two(bool barrier_first) {
        Barrier b;
        int ends[2], fds[2], i, r;
        struct stat want, got;

        if (barrier_first)
                CHECK(barrier_init(&b) == 0);
        make_pipe(ends);
        CHECK(fstat(ends[0], &want) == 0);
        if (!barrier_first)
                CHECK(barrier_init(&b) == 0);
        pid_t pid = born();
        CHECK(barrier_set_role(&b, pid == 0 ? BARRIER_CHILD : BARRIER_PARENT) == 0);
        if (pid == 0) {
                fds[0] = ends[1]; /* crosswise */
                fds[1] = ends[0];
                r = pass_descriptors(&b, fds, 2);
                for (i = 3; i < 5 && r == 0; i++) {
                        CHECK(fstat(i, &got) == 0 && got.st_ino == want.st_ino);
                        CHECK((fcntl(i, F_GETFL) & O_ACCMODE) == (i == 3 ? O_WRONLY : O_RDONLY));
                        CHECK(fcntl(i, F_GETFD) == 0);
                }
                CHECK(r == 0 && barrier_place(&b));
                hang();
        }
        CHECK(barrier_wait_next(&b));
        CHECK(killed(end_child(&b, pid)));
}

static void passed_descriptors_do_not_hit_the_barrier(void) {
        pass_two(true);
}

static void passed_descriptors_do_not_hit_each_other(void) {
        pass_two(false);
}

/* ---- one deadline over several waits --------------------------------------------------------- */

static int timeouts;

static void count_timeout(Barrier *b, int msec) {
        timeouts++;
        barrier_set_timeout(b, msec);
}

#define barrier_set_timeout count_timeout
#include "RECIPES/one-deadline-over-several-waits.c"
#undef barrier_set_timeout

static void a_command_starts_before_the_deadline(void) {
        Barrier b;
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                char *argv[] = { (char *) "/bin/true", NULL };
                run(&b, argv);
        }
        CHECK(start(&b, INT64_MAX) == 0);
        CHECK(timeouts == 3); /* one for each wait */
        CHECK(exited(reaped(pid), 0));
}

static void each_wait_ends_when_the_deadline_is_over(void) {
        int stuck, ready[2];

        for (stuck = 0; stuck < 3; stuck++) {
                Barrier b;

                make_pipe(ready);
                pid_t pid = start_sides(&b);
                if (pid == 0) {
                        if (stuck > 0)
                                CHECK(barrier_place(&b));
                        if (stuck > 1)
                                CHECK(barrier_place(&b));
                        tell(ready[1], 0);
                        hang();
                }
                (void) hear(ready[0]);
                CHECK(start(&b, now_ms() - 1) == ETIMEDOUT && !barrier_they_aborted(&b));
                CHECK(killed(end_child(&b, pid)));
        }
}

static void a_deadline_is_not_early(void) {
        Barrier b;
        struct timespec before, after;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
        int64_t now = now_ms(), end = now + 20;
        CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
        CHECK(before.tv_sec <= now / 1000 && now / 1000 <= after.tv_sec);

        pid_t pid = start_sides(&b);

        if (pid == 0)
                hang();
        CHECK(start(&b, end) == ETIMEDOUT && now_ms() >= end);
        CHECK(killed(end_child(&b, pid)));
}

/* ---- drop rights, and die with the parent ---------------------------------------------------- */

static int number[2], parent_is_dead[2], armed[2], middle_is_dead[2];

/* Starts a parent that is going to be killed. Its child, for which `forks` returns 0, is inherited
 * by this process then. */
static pid_t start_parent(pid_t (*forks)(void), void (*child)(Barrier *)) {
        CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        make_pipe(number);
        pid_t parent = born();

        if (parent == 0) {
                Barrier b;

                CHECK(barrier_init(&b) == 0);
                pid_t pid = forks();
                CHECK(pid >= 0);
                if (pid == 0) {
                        CHECK(barrier_set_role(&b, BARRIER_CHILD) == 0);
                        child(&b);
                        tell(number[1], getpid());
                }
                close(number[1]);
                hang();
        }
        close(number[1]);
        return parent;
}

static void it_dies_with(pid_t parent) {
        pid_t pid = hear(number[0]);

        CHECK(pid > 0);
        CHECK(kill(parent, SIGKILL) == 0 && killed(reaped(parent)));
        CHECK(killed(reaped(pid)));
}

static void drop_and_arm(Barrier *b) {
        static const gid_t group = 1;

        CHECK(setgroups(1, &group) == 0);
        CHECK(drop_rights(NOBODY, NOBODY) && die_with_parent(b));
        CHECK(getuid() == NOBODY && getgid() == NOBODY && getgroups(0, NULL) == 0);
}

/* Not everybody may, not even each root: a user namespace may lack the other ids. */
static bool may_drop_rights(void) {
        pid_t pid = born();

        if (pid == 0)
                _exit(setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                      setresuid(NOBODY, NOBODY, NOBODY) < 0);
        return exited(reaped(pid), 0);
}

static void a_child_without_rights_dies_with_its_parent(void) {
        if (!may_drop_rights())
                _exit(SKIPPED);
        it_dies_with(start_parent(fork, drop_and_arm));
}

static void arm_late(Barrier *b) {
        close(parent_is_dead[1]);
        tell(number[1], getpid());
        CHECK(hear(parent_is_dead[0]) == -1);
        CHECK(!die_with_parent(b) && errno == ECONNRESET);
        _exit(0);
}

static void a_parent_that_was_dead_before_is_noticed(void) {
        make_pipe(parent_is_dead);
        pid_t parent = start_parent(fork, arm_late), pid = hear(number[0]);

        CHECK(kill(parent, SIGKILL) == 0 && killed(reaped(parent)));
        close(parent_is_dead[1]);
        CHECK(exited(reaped(pid), 0));
}

/* What is in the middle ends when the child is armed, and is reaped before the child goes on. */
static pid_t fork_twice(void) {
        make_pipe(armed);
        make_pipe(middle_is_dead);
        pid_t pid = fork();

        if (pid == 0) {
                pid = fork_for_parent();
                if (pid != 0) {
                        close(armed[1]);
                        CHECK(hear(armed[0]) == -1);
                        _exit(0);
                }
        } else {
                close(armed[1]);
                CHECK(exited(reaped(pid), 0));
        }
        close(middle_is_dead[1]);
        return pid;
}

static void arm_and_outlive(Barrier *b) {
        CHECK(die_with_parent(b));
        close(armed[1]);
        CHECK(hear(middle_is_dead[0]) == -1);
}

static void a_grandchild_dies_with_the_first_not_with_the_middle(void) {
        it_dies_with(start_parent(fork_twice, arm_and_outlive));
}

/* ---- ask and answer -------------------------------------------------------------------------- */

static int go_on[2];

static int square(int question) {
        if (question == 7)
                CHECK(hear(go_on[0]) == 0);
        return question * question;
}

static void each_answer_is_that_to_its_question(void) {
        struct desk *desk = (struct desk *) shared(sizeof *desk);
        Barrier b;
        int question, answer;

        make_pipe(go_on);
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                serve(&b, desk, square);
                _exit(barrier_they_left(&b) ? 0 : 1);
        }
        for (question = 8; question < 1000; question++)
                CHECK(ask(&b, desk, question, &answer) && answer == question * question);

        barrier_set_timeout(&b, 0);
        CHECK(!ask(&b, desk, 7, &answer) && errno == ETIMEDOUT);
        CHECK(!ask(&b, desk, 6, &answer) && errno == ETIMEDOUT);
        CHECK(desk->question == 7); /* the child is still at it */
        tell(go_on[1], 0);
        barrier_set_timeout(&b, -1);
        CHECK(ask(&b, desk, 5, &answer) && answer == 25);
        CHECK(ask(&b, desk, 4, &answer) && answer == 16);
        barrier_destroy(&b);
        CHECK(exited(reaped(pid), 0));
}

/* ---- two barriers, or three processes -------------------------------------------------------- */

enum { MANY = 4 };

static void nobody_goes_on_before_all_have_arrived(void) {
        int *arrived = (int *) shared(MANY * sizeof *arrived), i, j;
        Barrier b[MANY];
        pid_t pids[MANY];

        for (i = 0; i < MANY; i++) {
                pids[i] = start_sides(&b[i]);
                if (pids[i] == 0) {
                        arrived[i] = 1;
                        CHECK(barrier_place_and_sync(&b[i]));
                        for (j = 0; j < MANY; j++)
                                CHECK(arrived[j] == 1);
                        _exit(0);
                }
        }
        CHECK(meet(b, MANY) == 0);
        for (i = 0; i < MANY; i++)
                CHECK(exited(reaped(pids[i]), 0));
}

static void all_learn_why_one_failed(void) {
        Barrier b[MANY];
        pid_t pids[MANY];
        int i;

        for (i = 0; i < MANY; i++) {
                pids[i] = start_sides(&b[i]);
                if (pids[i] == 0) {
                        if (i == 1)
                                barrier_fail(&b[i], ENOSPC);
                        else
                                CHECK(!barrier_place_and_sync(&b[i]));
                        _exit(i == 1 ? 0 : errno);
                }
        }
        CHECK(meet(b, MANY) == ENOSPC);
        for (i = 0; i < MANY; i++)
                CHECK(exited(reaped(pids[i]), i == 1 ? 0 : ENOSPC));
}

static void leave_second(Barrier *b) {
        CHECK(barrier_place_and_sync(b));
        CHECK(!barrier_wait_next(b) && barrier_they_left(b));
}

static void leave_first(Barrier *b) {
        CHECK(barrier_place_and_sync(b));
}

static void two_children_meet_and_see_each_other_leave(void) {
        pid_t pids[2];

        CHECK(start_pair(leave_first, leave_second, pids) == 0);
        CHECK(exited(reaped(pids[0]), 0) && exited(reaped(pids[1]), 0));
        CHECK(start_pair(leave_second, leave_first, pids) == 0);
        CHECK(exited(reaped(pids[0]), 0) && exited(reaped(pids[1]), 0));
}

/* ---- end a wait by a signal, or from another thread ------------------------------------------ */

static void wait_and_end_up(char how, bool ok, int error) {
        Barrier b;
        int stop = eventfd(0, EFD_CLOEXEC);
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                if (how == 'p')
                        CHECK(barrier_place(&b));
                if (how == 'f')
                        barrier_fail(&b, ETIMEDOUT);
                if (how != 'l')
                        hang();
                _exit(0);
        }
        CHECK(wait_next_or(&b, stop) == ok && (ok || errno == error));
        if (!ok) /* the second time it has ended before there is anything to wait for */
                CHECK(!wait_next_or(&b, stop) && errno == error);
        CHECK(end_child(&b, pid) >= 0);
}

static void a_wait_that_can_be_stopped_is_a_wait(void) {
        wait_and_end_up('p', true, 0);
        wait_and_end_up('f', false, ETIMEDOUT);
        wait_and_end_up('l', false, ECONNRESET);
}

static void a_signal_ends_a_wait_which_can_be_repeated(void) {
        Barrier b;
        struct sigaction action = { .sa_handler = on_signal };
        pid_t self = getpid();
        char byte;

        CHECK(pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
        CHECK(sigaction(SIGTERM, &action, NULL) == 0);
        make_pipe(go_on);
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                CHECK(signal(SIGTERM, SIG_DFL) != SIG_ERR);
                CHECK(kill(self, SIGTERM) == 0 && hear(go_on[0]) == 0);
                CHECK(barrier_place(&b));
                hang();
        }
        CHECK(!wait_next_or(&b, stop_pipe[0]) && errno == EINTR);
        CHECK(read(stop_pipe[0], &byte, 1) == 1);
        tell(go_on[1], 0);
        CHECK(wait_next_or(&b, stop_pipe[0]));
        CHECK(killed(end_child(&b, pid)));
}

static void *stop_it(void *stop) {
        CHECK(eventfd_write(*(int *) stop, 1) == 0);
        return NULL;
}

static void another_thread_ends_a_wait(void) {
        Barrier b;
        int stop = eventfd(0, EFD_CLOEXEC);
        pthread_t thread;
        pid_t pid = start_sides(&b);

        if (pid == 0)
                hang();
        CHECK(pthread_create(&thread, NULL, stop_it, &stop) == 0);
        CHECK(!wait_next_or(&b, stop) && errno == EINTR);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(killed(end_child(&b, pid)));
}

/* ---- what to print --------------------------------------------------------------------------- */

static bool says(const Barrier *b, int error, const char *sentence) {
        char text[200];

        describe(b, "the child", error, text, sizeof text);
        if (strcmp(text, sentence) == 0)
                return true;
        fprintf(stderr, "%s\n", text);
        return false;
}

/* What is to be said after a wait, if the child fails with `code`, or leaves for a negative one. */
static bool ending_says(int code, int own, const char *sentence) {
        Barrier b;
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                if (code >= 0)
                        barrier_fail(&b, code);
                _exit(0);
        }
        CHECK(exited(reaped(pid), 0));
        if (own > 0)
                barrier_fail(&b, own);
        CHECK(!barrier_wait_abortion(&b) || own == 0);
        CHECK(!barrier_wait_next(&b));
        return says(&b, errno, sentence);
}

static void each_ending_has_its_sentence(void) {
        Barrier b;
        uint64_t garbage = UINT64_MAX - 1;

        CHECK(ending_says(ENOENT, 0, "the child failed: No such file or directory"));
        CHECK(ending_says(ETIMEDOUT, 0, "the child failed: Connection timed out"));
        CHECK(ending_says(0, 0, "the child gave up"));
        CHECK(ending_says(-1, 0, "the child died, or closed its end"));
        CHECK(ending_says(EIO, EINTR, "the child cannot be waited for: Input/output error"));

        pid_t pid = start_sides(&b);
        if (pid == 0)
                hang();
        barrier_set_timeout(&b, 0);
        CHECK(!barrier_wait_next(&b) && says(&b, errno, "the child has not answered in time"));
        barrier_abort(&b);
        CHECK(!barrier_wait_next(&b) &&
              says(&b, errno, "the child is not waited for any more: Operation canceled"));
        CHECK(killed(end_child(&b, pid)));

        pid = start_sides(&b);
        if (pid == 0) {
                garbage = UINT64_C(1) << 50;
                CHECK(write(b.me, &garbage, sizeof garbage) == sizeof garbage);
                hang();
        }
        CHECK(!barrier_wait_next(&b) &&
              says(&b, errno, "the child cannot be waited for: Protocol error"));
        CHECK(killed(end_child(&b, pid)));
        CHECK(!barrier_wait_next(&b) &&
              says(&b, errno,
                   "the child is not waited for any more: " /* it has no role */
                   "Transport endpoint is not connected"));
}

/* ---- README and PORTING ---------------------------------------------------------------------- */

static void the_readme_waits_for_its_daemon(void) {
        Barrier b;

        CHECK(barrier_init(&b) == 0);
        pid_t pid = born();
        if (pid == 0) {
                barrier_set_role(&b, BARRIER_CHILD);
                CHECK(barrier_place_and_sync(&b));
                _exit(0);
        }
        CHECK(wait_for_daemon(&b) == 0);
        CHECK(exited(reaped(pid), 0));
        barrier_destroy(&b);

        CHECK(barrier_init(&b) == 0);
        pid = born();
        if (pid == 0) {
                barrier_set_role(&b, BARRIER_CHILD);
                barrier_fail(&b, EADDRINUSE);
                _exit(0);
        }
        CHECK(wait_for_daemon(&b) == EADDRINUSE);
        CHECK(exited(reaped(pid), 0));
}

static void go_ahead_comes_from_the_parent_alone(void) {
        Barrier b;
        int *went = (int *) shared(sizeof *went);
        pid_t pid = fork_and_wait(&b);

        CHECK(pid >= 0);
        if (pid == 0) {
                *went = 1;
                _exit(0);
        }
        barrier_destroy(&b);
        CHECK(exited(reaped(pid), 1) && *went == 0);

        pid = fork_and_wait(&b);
        CHECK(pid >= 0);
        if (pid == 0)
                _exit(0);
        CHECK(barrier_place(&b));
        CHECK(exited(reaped(pid), 0));
}

static int start_command(const char *path, bool die) {
        Barrier b;
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                char *argv[] = { (char *) path, NULL };

                if (die && barrier_place_and_sync(&b))
                        raise(SIGKILL);
                run(&b, argv);
        }
        int r = started(&b);
        CHECK(killed(reaped(pid)) == die);
        barrier_destroy(&b);
        return r;
}

static void the_end_of_a_pipe_is_told_from_a_death(void) {
        CHECK(start_command("/bin/true", false) == 0);
        CHECK(start_command("/dev/null/none", false) == ENOTDIR);
        CHECK(start_command("/bin/true", true) == ECONNRESET);
}

static void a_daemon_is_ready_fails_or_is_ended(void) {
        enum { READY, READY_BESIDE_STOPPED, FAILS, DIES, STUCK, WAYS };
        static const int errors[] = { 0, 0, EADDRINUSE, ECONNRESET, ETIMEDOUT };
        Barrier b;
        int way, alive[2];

        for (way = 0; way < WAYS; way++) {
                bool ready = way == READY || way == READY_BESIDE_STOPPED;

                make_pipe(alive);
                stops = way == READY_BESIDE_STOPPED;
                int r = start_daemon(&b, way == STUCK ? 1 : 0), error = errno;

                if (r == 1) {
                        if (way == FAILS)
                                barrier_fail(&b, EADDRINUSE);
                        if (way == STUCK)
                                hang();
                        if (ready && barrier_place_and_sync(&b))
                                tell(alive[1], 0);
                        _exit(0);
                }
                close(alive[1]);
                CHECK(hear(alive[0]) == (ready ? 0 : -1));
                CHECK(hear(alive[0]) == -1); /* none of its processes is left */
                CHECK(ready ? r == 0 : r == -1 && error == errors[way]);
        }
}

static void a_child_starts_one_of_its_own(void) {
        Barrier b, own;
        pid_t pid = fork_with_barrier(&b);

        if (pid == 0) {
                pid = fork_with_barrier(&own);
                _exit(pid != 0 && !exited(reaped(pid), 0));
        }
        CHECK(exited(reaped(pid), 0));
        barrier_destroy(&b);
}

/* Of the parent's children the first is started again, so that the others are there before it. */
static void a_child_that_is_started_again_hides_no_death(void) {
        enum { CHILDREN = 3 };
        int told[2], i, numbers[CHILDREN + 1];

        CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        make_pipe(told);
        pid_t parent = born();
        if (parent == 0) {
                Barrier b[CHILDREN] = { BARRIER_NULL, BARRIER_NULL, BARRIER_NULL };

                for (i = 0; i < CHILDREN + 1; i++) {
                        int own = i % CHILDREN;

                        barrier_destroy(&b[own]);
                        CHECK(barrier_init(&b[own]) == 0);
                        pid_t pid = fork();
                        CHECK(pid >= 0);
                        if (pid == 0) {
                                keep_own(b, CHILDREN, own);
                                if (i == CHILDREN)
                                        hang();
                                CHECK(!barrier_wait_next(&b[own]) && barrier_they_left(&b[own]));
                                _exit(0);
                        }
                        CHECK(barrier_set_role(&b[own], BARRIER_PARENT) == 0);
                        tell(told[1], pid);
                        if (i == 0) { /* it ends, but has to be there no longer */
                                barrier_destroy(&b[own]);
                                CHECK(exited(reaped(pid), 0));
                        }
                }
                hang();
        }
        for (i = 0; i < CHILDREN + 1; i++)
                numbers[i] = hear(told[0]);
        CHECK(kill(parent, SIGKILL) == 0 && killed(reaped(parent)));
        CHECK(exited(reaped(numbers[1]), 0) && exited(reaped(numbers[2]), 0));
        CHECK(kill(numbers[CHILDREN], SIGKILL) == 0 && killed(reaped(numbers[CHILDREN])));
}

/* ---- starts from threads and from a big process ---------------------------------------------- */

static sem_t in_the_middle, go_ahead, is_over;
static bool intrudes;

static void before_fork(void) {
        if (intrudes)
                CHECK(sem_post(&in_the_middle) == 0 && sem_wait(&go_ahead) == 0);
}

/* Forks a worker with the lock held: at once if it is free, else when it is. The start goes on when
 * it is known which. */
static void *intruder(void *arg) {
        CHECK(sem_wait(&in_the_middle) == 0);
        bool at_once = pthread_mutex_trylock(&starting) == 0;
        if (!at_once)
                CHECK(sem_post(&go_ahead) == 0 && pthread_mutex_lock(&starting) == 0);
        pid_t worker = born();
        if (worker == 0)
                hang();
        CHECK(pthread_mutex_unlock(&starting) == 0);
        if (at_once)
                CHECK(sem_post(&go_ahead) == 0);
        CHECK(sem_wait(&is_over) == 0);
        CHECK(kill(worker, SIGKILL) == 0 && killed(reaped(worker)));
        return arg;
}

static void a_fork_in_the_middle_of_a_start_hides_no_exec(void) {
        pthread_t thread;
        Barrier b;

        CHECK(sem_init(&in_the_middle, 0, 0) == 0 && sem_init(&go_ahead, 0, 0) == 0);
        CHECK(sem_init(&is_over, 0, 0) == 0);
        CHECK(pthread_create(&thread, NULL, intruder, NULL) == 0);
        intrudes = true;
        pid_t pid = fork_with_barrier(&b);
        intrudes = false;
        if (pid == 0) {
                if (barrier_place_and_sync(&b))
                        (void) execlp("true", "true", (char *) NULL);
                _exit(1);
        }
        barrier_set_timeout(&b, 10000);
        CHECK(barrier_place_and_sync(&b));
        CHECK(barrier_wait_abortion(&b) && barrier_they_left(&b)); /* not stuck */
        CHECK(exited(reaped(pid), 0));
        CHECK(sem_post(&is_over) == 0 && pthread_join(thread, NULL) == 0);
        barrier_destroy(&b);
}

static void create_with_signals_blocked(struct start *s) {
        sigset_t all, old;

        CHECK(sigfillset(&all) == 0 && pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
        CHECK(create(s) == 0);
        CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

/* Returns 0 if the child exec'd, or why not. */
static int vfork_and_meet(char **argv, int status) {
        struct start s = { .argv = argv };

        create_with_signals_blocked(&s);
        CHECK(s.pid > 0);
        bool executed = barrier_wait_next(&s.b) && barrier_place(&s.b) && barrier_wait_next(&s.b) &&
                        barrier_wait_abortion(&s.b) && barrier_they_left(&s.b);
        int error = executed ? 0 : barrier_error(&s.b);
        CHECK(pthread_join(s.thread, NULL) == 0);
        CHECK(exited(reaped(s.pid), status));
        barrier_destroy(&s.b);
        return error;
}

static void a_child_of_vfork_meets_and_says_whether_it_execs(void) {
        CHECK(vfork_and_meet((char *[]){ "true", NULL }, 0) == 0);
        CHECK(vfork_and_meet((char *[]){ "/no/such", NULL }, 127) == ENOENT);
}

static void so_it_does_where_vfork_is_fork(void) {
        what_vfork_does = IS_FORK;
        a_child_of_vfork_meets_and_says_whether_it_execs();
}

static void a_vfork_that_fails_is_told(void) {
        struct start s = { .argv = (char *[]){ "true", NULL } };

        what_vfork_does = IS_REFUSED;
        create_with_signals_blocked(&s);
        CHECK(s.pid == -EAGAIN);
        CHECK(pthread_join(s.thread, NULL) == 0);
        barrier_destroy(&s.b);
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define TEST(function)                                                                             \
        { #function, function }

static const struct test {
        const char *name;
        void (*function)(void);
} tests[] = {
        TEST(marked_descriptors_go_at_the_exec_and_a_failed_one_is_told),
        TEST(looking_finds_out_and_consumes_nothing),
        TEST(a_child_that_gave_up_and_lives_on_is_ended),
        TEST(passed_descriptors_do_not_hit_the_barrier),
        TEST(passed_descriptors_do_not_hit_each_other),
        TEST(a_command_starts_before_the_deadline),
        TEST(each_wait_ends_when_the_deadline_is_over),
        TEST(a_deadline_is_not_early),
        TEST(a_child_without_rights_dies_with_its_parent),
        TEST(a_parent_that_was_dead_before_is_noticed),
        TEST(a_grandchild_dies_with_the_first_not_with_the_middle),
        TEST(each_answer_is_that_to_its_question),
        TEST(nobody_goes_on_before_all_have_arrived),
        TEST(all_learn_why_one_failed),
        TEST(two_children_meet_and_see_each_other_leave),
        TEST(a_wait_that_can_be_stopped_is_a_wait),
        TEST(a_signal_ends_a_wait_which_can_be_repeated),
        TEST(another_thread_ends_a_wait),
        TEST(each_ending_has_its_sentence),
        TEST(a_fork_in_the_middle_of_a_start_hides_no_exec),
        TEST(a_child_of_vfork_meets_and_says_whether_it_execs),
        TEST(so_it_does_where_vfork_is_fork),
        TEST(a_vfork_that_fails_is_told),
        TEST(the_readme_waits_for_its_daemon),
        TEST(go_ahead_comes_from_the_parent_alone),
        TEST(the_end_of_a_pipe_is_told_from_a_death),
        TEST(a_daemon_is_ready_fails_or_is_ended),
        TEST(a_child_that_is_started_again_hides_no_death),
        TEST(a_child_starts_one_of_its_own),
};

int main(void) {
        int passed = 0, failed = 0, skipped = 0;
        size_t i;

        for (i = 0; i < sizeof tests / sizeof *tests; i++) {
                pid_t pid = fork();

                CHECK(pid >= 0);
                if (pid == 0) {
                        (void) alarm(HANGS);
                        tests[i].function();
                        _exit(0);
                }
                int status = reaped(pid);
                if (exited(status, 0))
                        passed++;
                else if (exited(status, SKIPPED)) {
                        skipped++;
                        printf("pages: SKIPPED: %s\n", tests[i].name);
                } else {
                        failed++;
                        fprintf(stderr, "pages: %s: %s\n", tests[i].name,
                                WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "failed");
                }
        }
        printf("pages: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
        return failed > 0;
}
