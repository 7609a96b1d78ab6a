/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * pages.c - runs what readme.sh has taken out of README.md and doc/
 *
 * A call of the parent's side that ends in an errno has rows in `situations`: how the child is
 * started, what it does meanwhile, and what has to come of it. All else is a test of its own.
 *
 * Who has to be first is settled by stops: stop() stops the process that calls it, until somebody
 * lets it go_on(), and until_stopped() waits for that. Each case of a test is a process, with an
 * alarm that ends what hangs; what is left in its process group is killed.
 */
#include "RECIPES/recipes.c"
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SKIPPED = 77, NOBODY = 65534, HANGS = 60, MANY = 4 };

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "pages.c:%d: not so: %s\n", __LINE__, #condition);         \
                        _exit(1);                                                                  \
                }                                                                                  \
        } while (0)

#include "PORTING/from-a-pipe-whose-end-means-go-or-exec-d.c"
#include "PORTING/from-an-eventfd-go-ahead.c"
#include "PORTING/who-holds-copies.c"
#include "README/recipes.c"
#include "RECIPES/a-daemon-that-says-when-it-is-ready.c"
#include "RECIPES/ask-and-answer.c"
#include "RECIPES/close-all-others-before-an-exec.c"
#include "RECIPES/descriptors-at-fixed-numbers.c"
#include "RECIPES/drop-rights-and-die-with-the-parent.c"
#include "RECIPES/end-a-wait-by-a-signal-or-from-another-thread.c"
#include "RECIPES/is-the-other-side-still-there.c"
#include "RECIPES/two-barriers-or-three-processes.c"
#include "RECIPES/what-to-print.c"

static int timeouts; /* set by the next */
#define barrier_set_timeout(b, msec) (timeouts++, barrier_set_timeout(b, msec))
#include "RECIPES/one-deadline-over-several-waits.c"
#undef barrier_set_timeout

/* These have to hold a lock at each of these calls. */
static void locked(pthread_mutex_t *lock) {
        CHECK(pthread_mutex_trylock(lock) == EBUSY);
}
#define barrier_init(b) (locked(&LOCK), barrier_init(b))

#define LOCK                      starting
#define fork()                    (locked(&LOCK), fork())
#define barrier_set_role(b, role) (locked(&LOCK), barrier_set_role(b, role))
#include "RECIPES/from-many-threads.c"
#undef LOCK
#undef fork
#undef barrier_set_role

enum { SUSPENDS, IS_FORK, IS_REFUSED };
static int what_vfork_does;
#define LOCK turn
#define vfork()                                                                                    \
        (locked(&LOCK), what_vfork_does == SUSPENDS  ? vfork()                                     \
                        : what_vfork_does == IS_FORK ? fork()                                      \
                                                     : (errno = EAGAIN, (pid_t) -1))
#include "RECIPES/from-a-big-process.c"
#undef barrier_init
#undef vfork

/* In a session of its own, where none of this is killed after a test. */
static void hang(void) {
        (void) alarm(HANGS);
        for (;;)
                (void) pause();
}

static bool middle_hangs; /* of the double fork, when its work is done */
#define _exit(status)                                                                              \
        do {                                                                                       \
                if (middle_hangs && (status) == 0)                                                 \
                        hang();                                                                    \
                _exit(status);                                                                     \
        } while (0)
#include "PORTING/from-libdaemon-s-return-value.c"
#undef _exit

/* ---- what the tests need --------------------------------------------------------------------- */

static char none[] = "/dev/null/none"; /* no program */
static int which;                      /* of the cases of a test */

struct shared { /* by all processes of a case */
        pid_t pids[MANY];
        bool there[MANY];
        struct desk desk;
};
static struct shared *shared;

/* Both sides; returns like fork(). */
static pid_t start_sides(Barrier *b) {
        CHECK(barrier_init(b) == 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        CHECK(barrier_set_role(b, pid == 0 ? BARRIER_CHILD : BARRIER_PARENT) == 0);
        return pid;
}

static void stop(void) {
        CHECK(raise(SIGSTOP) == 0);
}

static void until_stopped(pid_t pid) {
        int status;

        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
}

static void go_on(pid_t pid) {
        CHECK(kill(pid, SIGCONT) == 0);
}

/* Its exit status, or the signal that killed it, negated. */
static int outcome(int status) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int reaped(pid_t pid) {
        int status;

        CHECK(waitpid(pid, &status, 0) == pid);
        return outcome(status);
}

/* Does what each letter of the script says, and exits. */
__attribute__((noreturn)) static void act(Barrier *b, const char *script, int code) {
        static const uint64_t garbage = UINT64_C(1) << 50;
        char *argv[] = { code == 0 ? (char *) "/bin/true" : none, NULL };

        for (; *script; script++)
                switch (*script) {
                case 'p':
                        CHECK(barrier_place(b));
                        break;
                case 'm': /* meets the parent */
                        CHECK(barrier_place_and_sync(b));
                        break;
                case 'l': /* until the parent leaves */
                        CHECK(barrier_wait_abortion(b) && barrier_they_left(b));
                        break;
                case 'f':
                        barrier_fail(b, code);
                        break;
                case 'g':
                        CHECK(write(b->me, &garbage, sizeof garbage) == sizeof garbage);
                        break;
                case 'r': /* runs a program, of which there is none if there is a code */
                        run(b, argv);
                        break;
                case 'k':
                        CHECK(raise(SIGKILL) == 0);
                        break;
                case 's':
                        stop();
                        break;
                default:
                        abort();
                }
        _exit(0);
}

/* ---- calls that end in an errno -------------------------------------------------------------- */

static pid_t start_under_lock(Barrier *b) {
        pid_t pid = fork_with_barrier(b);

        CHECK(pthread_mutex_trylock(&starting) == 0);
        return pid;
}

static int place(Barrier *b) {
        return barrier_place(b) ? 0 : errno;
}

static int start_in_time(Barrier *b) {
        int r = start(b, INT64_MAX);

        CHECK(timeouts == 3); /* one for each wait */
        return r;
}

static int start_late(Barrier *b) {
        return start(b, now_ms() - 1);
}

static int start_soon(Barrier *b) {
        struct timespec ts;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
        int64_t now = now_ms();
        CHECK(now / 1000 >= ts.tv_sec && now / 1000 < ts.tv_sec + HANGS);
        int r = start(b, now + 20);
        CHECK(now_ms() >= now + 20);
        return r;
}

static int wait_or_stop(Barrier *b) {
        int stop = eventfd(0, EFD_CLOEXEC);

        if (wait_next_or(b, stop))
                return 0;
        int error = errno; /* the second time it has ended before there is anything to wait for */
        CHECK(!wait_next_or(b, stop) && errno == error);
        return error;
}

static int wait_after_own_end(Barrier *b) {
        barrier_fail(b, EINTR);
        barrier_set_timeout(b, 0);
        CHECK(!barrier_wait_abortion(b));
        return barrier_wait_next(b) ? 0 : errno;
}

static int leave(Barrier *b) {
        barrier_destroy(b);
        return barrier_wait_next(b) ? 0 : errno;
}

#define FAILED "the child failed: "
#define BROKEN "the child cannot be waited for: "
#define ENDED  "the child is not waited for any more: "

/* A script that stops in the end has come so far before the call; then end_child() ends it. */
static const struct situation {
        const char *name;
        pid_t (*start)(Barrier *); /* like fork() */
        int (*call)(Barrier *);
        const char *script;
        int code, error, outcome;
        const char *sentence; /* that describes it, or NULL: that is not asked */
} situations[] = {
#define ROW_BY(start, call, ...)                                                                   \
        { #call, start, call, __VA_ARGS__ }
#define ROW(call, ...) ROW_BY(start_sides, call, __VA_ARGS__)
        ROW(wait_for_daemon, "m", 0, 0, 0, NULL),
        ROW(wait_for_daemon, "f", EADDRINUSE, EADDRINUSE, 0, NULL),
        ROW(wait_for_daemon, "", 0, ECONNRESET, 0, NULL),
        ROW(start_in_time, "r", 0, 0, 0, NULL),
        ROW(start_in_time, "r", 1, ENOTDIR, 127, NULL),
        ROW(start_late, "s", 0, ETIMEDOUT, -SIGKILL, "the child has not answered in time"),
        ROW(start_late, "ps", 0, ETIMEDOUT, -SIGKILL, NULL),
        ROW(start_late, "pps", 0, ETIMEDOUT, -SIGKILL, NULL),
        ROW(start_soon, "s", 0, ETIMEDOUT, -SIGKILL, NULL),
        ROW(started, "r", 0, 0, 0, NULL),
        ROW(started, "r", 1, ENOTDIR, 127, NULL),
        ROW(started, "mk", 0, ECONNRESET, -SIGKILL, NULL),
        ROW(wait_or_stop, "p", 0, 0, 0, NULL),
        ROW(wait_or_stop, "f", ETIMEDOUT, ETIMEDOUT, 0, FAILED "Connection timed out"),
        ROW(wait_or_stop, "f", ENOENT, ENOENT, 0, FAILED "No such file or directory"),
        ROW(wait_or_stop, "fs", 0, ECONNABORTED, -SIGKILL, "the child gave up"),
        ROW(wait_or_stop, "", 0, ECONNRESET, 0, "the child died, or closed its end"),
        ROW(wait_or_stop, "gs", 0, EPROTO, -SIGKILL, BROKEN "Protocol error"),
        ROW(wait_after_own_end, "fs", EIO, EIO, -SIGKILL, BROKEN "Input/output error"),
        ROW(wait_after_own_end, "s", 0, ECANCELED, -SIGKILL, ENDED "Operation canceled"),
        ROW(leave, "s", 0, ENOTCONN, -SIGKILL, ENDED "Transport endpoint is not connected"),
        ROW_BY(start_under_lock, wait_for_daemon, "m", 0, 0, 0, NULL),
        ROW_BY(fork_and_wait, place, "", 0, 0, 0, NULL),
        ROW_BY(fork_and_wait, leave, "", 0, ENOTCONN, 1, NULL),
#undef ROW
#undef ROW_BY
};

static void each_call_says_how_it_ended(void) {
        const struct situation *s = &situations[which];
        char text[200] = "";
        Barrier b;
        bool stops = strchr(s->script, 's') != NULL;
        pid_t pid = s->start(&b);

        CHECK(pid >= 0);
        if (pid == 0)
                act(&b, s->script, s->code);
        if (stops)
                until_stopped(pid);
        int error = s->call(&b);
        describe(&b, "the child", error, text, sizeof text);
        if (error != s->error || (s->sentence && strcmp(text, s->sentence) != 0)) {
                fprintf(stderr, "pages: %s, child \"%s\": %d, %s\n", s->name, s->script, error,
                        text);
                _exit(1);
        }
        CHECK((stops ? outcome(end_child(&b, pid)) : reaped(pid)) == s->outcome);
}

/* ---- RECIPES --------------------------------------------------------------------------------- */

static void marked_descriptors_go_at_the_exec_and_a_failed_one_is_told(void) {
        Barrier b;
        int end[2], r = close_at_exec(INT_MAX);
        char byte;

        if (r == EINVAL || r == ENOSYS || r == EPERM)
                _exit(SKIPPED);
        CHECK(pipe(end) == 0); /* not close-on-exec */
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                CHECK(close_at_exec(3) == 0);
                execl(none, none, (char *) NULL);
                barrier_fail(&b, errno);
                execlp("sleep", "sleep", "1000", (char *) NULL);
                _exit(1);
        }
        CHECK(!barrier_wait_next(&b) && errno == ENOTDIR);
        close(end[1]);
        CHECK(read(end[0], &byte, 1) == 0);
        CHECK(outcome(end_child(&b, pid)) == -SIGKILL); /* it runs, and holds none */
}

static void looking_finds_out_and_consumes_nothing(void) {
        Barrier b;
        pid_t pid = start_sides(&b);

        if (pid == 0)
                act(&b, "psp", 0);
        until_stopped(pid);
        CHECK(still_there(&b, -1) && barrier_wait_next(&b));
        go_on(pid);
        CHECK(barrier_wait_next(&b)); /* for as long as it takes */
        CHECK(reaped(pid) == 0);
        CHECK(!barrier_they_aborted(&b)); /* nobody has looked */
        CHECK(!still_there(&b, -1) && barrier_they_left(&b));
}

/* Either the barrier or the descriptors are there first and have the numbers from 3 on. */
static void passed_descriptors_do_not_hit_the_barrier_or_each_other(void) {
        Barrier b;
        int ends[2], i;
        struct stat want, got;

        if (which == 0)
                CHECK(pipe2(ends, O_CLOEXEC) == 0);
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                if (which == 1)
                        CHECK(pipe2(ends, O_CLOEXEC) == 0);
                int crosswise[] = { ends[1], ends[0] };
                CHECK(fstat(ends[0], &want) == 0);
                CHECK(pass_descriptors(&b, crosswise, 2) == 0);
                for (i = 3; i < 5; i++) {
                        CHECK(fstat(i, &got) == 0 && got.st_ino == want.st_ino);
                        CHECK((fcntl(i, F_GETFL) & O_ACCMODE) == (i == 3 ? O_WRONLY : O_RDONLY));
                        CHECK(fcntl(i, F_GETFD) == 0);
                }
                act(&b, "p", 0);
        }
        CHECK(barrier_wait_next(&b));
        CHECK(reaped(pid) == 0);
}

static void drop_and_arm(Barrier *b) {
        CHECK(drop_rights(NOBODY, NOBODY) && die_with_parent(b));
        CHECK(getuid() == NOBODY && getgid() == NOBODY && getgroups(0, NULL) == 0);
        stop();
}

static void arm_late(Barrier *b) {
        stop();
        CHECK(!die_with_parent(b) && errno == ECONNRESET);
}

static void arm_and_outlive(Barrier *b) {
        CHECK(die_with_parent(b));
        stop();
        stop();
}

/* What is in the middle ends when the child is armed, before that goes on. */
static pid_t fork_twice(void) {
        pid_t middle = fork(), pid;

        if (middle == 0) {
                pid = fork_for_parent();
                if (pid == 0)
                        return 0;
                shared->pids[0] = pid;
                stop();
                _exit(0);
        }
        until_stopped(middle);
        pid = shared->pids[0];
        until_stopped(pid);
        go_on(middle);
        CHECK(reaped(middle) == 0);
        go_on(pid);
        return pid;
}

/* The parent is killed when its child has stopped, which is that of this process then. */
static void a_child_dies_with_its_parent_or_learns_that_it_is_dead(void) {
        static const struct {
                pid_t (*forks)(void);
                void (*child)(Barrier *);
                int outcome;
        } ways[] = {
                { fork, drop_and_arm, -SIGKILL },
                { fork, arm_late, 0 },
                { fork_twice, arm_and_outlive, -SIGKILL },
        };
        static const gid_t nobody = NOBODY;
        Barrier b;

        if (ways[which].child == drop_and_arm && setgroups(1, &nobody) < 0)
                _exit(SKIPPED); /* not even each root may: its user namespace may lack other ids */
        CHECK(barrier_init(&b) == 0);
        pid_t parent = fork();
        if (parent == 0) {
                pid_t pid = ways[which].forks();
                if (pid == 0) {
                        CHECK(barrier_set_role(&b, BARRIER_CHILD) == 0);
                        ways[which].child(&b);
                        _exit(0);
                }
                until_stopped(pid);
                shared->pids[0] = pid;
                stop();
        }
        barrier_destroy(&b);
        until_stopped(parent);
        CHECK(kill(parent, SIGKILL) == 0 && reaped(parent) == -SIGKILL);
        go_on(shared->pids[0]);
        CHECK(reaped(shared->pids[0]) == ways[which].outcome);
}

static int square(int question) {
        if (question == 7)
                stop();
        return question * question;
}

static void each_answer_is_that_to_its_question(void) {
        struct desk *desk = &shared->desk;
        Barrier b;
        int question, answer;
        pid_t pid = start_sides(&b);

        if (pid == 0) {
                serve(&b, desk, square);
                _exit(barrier_they_left(&b) ? 0 : 1);
        }
        for (question = 8; question < 1000; question++)
                CHECK(ask(&b, desk, question, &answer) && answer == question * question);

        barrier_set_timeout(&b, 0);
        CHECK(!ask(&b, desk, 7, &answer) && errno == ETIMEDOUT);
        until_stopped(pid);
        CHECK(!ask(&b, desk, 6, &answer) && errno == ETIMEDOUT);
        CHECK(desk->question == 7); /* the child is still at it */
        go_on(pid);
        barrier_set_timeout(&b, -1);
        CHECK(ask(&b, desk, 5, &answer) && answer == 25);
        CHECK(ask(&b, desk, 4, &answer) && answer == 16);
        barrier_destroy(&b);
        CHECK(reaped(pid) == 0);
}

static void all_meet_or_learn_why_one_failed(void) {
        Barrier b[MANY];
        pid_t pids[MANY];
        int i, j, failing = which == 0 ? MANY : which, error = which == 0 ? 0 : ENOSPC;

        for (i = 0; i < MANY; i++) {
                pids[i] = start_sides(&b[i]);
                if (pids[i] == 0) {
                        if (i == failing)
                                act(&b[i], "f", error);
                        shared->there[i] = true;
                        if (!barrier_place_and_sync(&b[i]))
                                _exit(errno);
                        for (j = 0; j < MANY; j++)
                                CHECK(shared->there[j]);
                        _exit(0);
                }
        }
        CHECK(meet(b, MANY) == error);
        for (i = 0; i < MANY; i++)
                CHECK(reaped(pids[i]) == (i == failing ? 0 : error));
}

static void leave_first(Barrier *b) {
        act(b, "m", 0);
}

static void leave_second(Barrier *b) {
        act(b, "ml", 0);
}

static void two_children_meet_and_see_each_other_leave(void) {
        void (*const leave[])(Barrier *) = { leave_first, leave_second };
        pid_t pids[2];

        CHECK(start_pair(leave[which], leave[1 - which], pids) == 0);
        CHECK(reaped(pids[0]) == 0 && reaped(pids[1]) == 0);
}

static void a_signal_ends_a_wait_which_can_be_repeated(void) {
        Barrier b;
        struct sigaction action = { .sa_handler = on_signal };
        char byte;

        CHECK(pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
        CHECK(sigaction(SIGTERM, &action, NULL) == 0);
        pid_t pid = start_sides(&b);
        if (pid == 0) {
                CHECK(kill(getppid(), SIGTERM) == 0);
                act(&b, "sps", 0);
        }
        CHECK(!wait_next_or(&b, stop_pipe[0]) && errno == EINTR);
        CHECK(read(stop_pipe[0], &byte, 1) == 1);
        until_stopped(pid);
        go_on(pid);
        CHECK(wait_next_or(&b, stop_pipe[0]));
}

static void a_child_of_vfork_meets_and_says_whether_it_execs(void) {
        bool fails = which % 2 == 1;
        struct start s = { .argv = (char *[]){ fails ? none : (char *) "/bin/true", NULL } };
        sigset_t all, old;

        what_vfork_does = which / 2;
        CHECK(sigfillset(&all) == 0 && pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
        CHECK(create(&s) == 0);
        CHECK(what_vfork_does == IS_REFUSED ? s.pid == -EAGAIN : s.pid > 0);
        CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
        CHECK(pthread_mutex_trylock(&turn) == 0);
        if (what_vfork_does != IS_REFUSED) {
                bool executed = barrier_wait_next(&s.b) && barrier_place(&s.b) &&
                                barrier_wait_next(&s.b) && barrier_wait_abortion(&s.b) &&
                                barrier_they_left(&s.b);
                CHECK(executed == !fails && (executed || barrier_error(&s.b) == ENOTDIR));
                CHECK(reaped(s.pid) == (fails ? 127 : 0));
        }
        CHECK(pthread_join(s.thread, NULL) == 0);
}

/* ---- PORTING --------------------------------------------------------------------------------- */

static void a_daemon_is_ready_fails_or_is_ended(void) {
        enum { READY, READY_BESIDE_STUCK, FAILS, DIES, STUCK };
        static const int errors[] = { 0, 0, EADDRINUSE, ECONNRESET, ETIMEDOUT };
        Barrier b;

        middle_hangs = which == READY_BESIDE_STUCK;
        int r = start_daemon(&b, which == STUCK ? 1 : 0), error = errno;
        if (r == 1) {
                if (which == STUCK)
                        hang();
                if (which == FAILS)
                        barrier_fail(&b, EADDRINUSE);
                shared->there[0] = which < FAILS && barrier_place_and_sync(&b);
                _exit(0);
        }
        while (wait(NULL) > 0) /* until none of its processes is left */
                ;
        CHECK(shared->there[0] == (which < FAILS));
        CHECK(which < FAILS ? r == 0 : r == -1 && error == errors[which]);
}

/* The first of the children is started again, so that the others are there before it. When the
 * parent is dead it goes on, and they have to find out. */
static void a_child_that_is_started_again_hides_no_death(void) {
        enum { CHILDREN = MANY - 1 };
        Barrier b[CHILDREN] = { BARRIER_NULL, BARRIER_NULL, BARRIER_NULL };
        int i;

        pid_t parent = fork();
        if (parent == 0) {
                for (i = 0; i < MANY; i++) {
                        Barrier *own = &b[i % CHILDREN];

                        barrier_destroy(own);
                        CHECK(barrier_init(own) == 0);
                        pid_t pid = fork();
                        CHECK(pid >= 0);
                        if (pid == 0) {
                                keep_own(b, CHILDREN, i % CHILDREN);
                                act(own, i < CHILDREN ? "pls" : "ps", 0);
                        }
                        shared->pids[i] = pid;
                        CHECK(barrier_set_role(own, BARRIER_PARENT) == 0 && barrier_wait_next(own));
                }
                stop();
        }
        until_stopped(parent);
        CHECK(kill(parent, SIGKILL) == 0 && reaped(parent) == -SIGKILL);
        for (i = 1; i < MANY; i++)
                until_stopped(shared->pids[i]);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct test {
        const char *name;
        void (*function)(void);
        int cases;
} tests[] = {
#define TEST(function, cases)                                                                      \
        { #function, function, cases }
        TEST(each_call_says_how_it_ended, sizeof situations / sizeof *situations),
        TEST(marked_descriptors_go_at_the_exec_and_a_failed_one_is_told, 1),
        TEST(looking_finds_out_and_consumes_nothing, 1),
        TEST(passed_descriptors_do_not_hit_the_barrier_or_each_other, 2),
        TEST(a_child_dies_with_its_parent_or_learns_that_it_is_dead, 3),
        TEST(each_answer_is_that_to_its_question, 1),
        TEST(all_meet_or_learn_why_one_failed, 2),
        TEST(two_children_meet_and_see_each_other_leave, 2),
        TEST(a_signal_ends_a_wait_which_can_be_repeated, 1),
        TEST(a_child_of_vfork_meets_and_says_whether_it_execs, 5),
        TEST(a_daemon_is_ready_fails_or_is_ended, 5),
        TEST(a_child_that_is_started_again_hides_no_death, 1),
#undef TEST
};

/* Runs one case of a test; returns its exit status, or the signal that killed it, negated. */
static int run_case(const struct test *t) {
        shared = (struct shared *) mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(shared != MAP_FAILED);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(setpgid(0, 0) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
                (void) alarm(HANGS);
                t->function();
                _exit(0);
        }
        int end = reaped(pid);
        (void) kill(-pid, SIGKILL);
        return end;
}

int main(void) {
        const struct test *t;
        int passed = 0, failed = 0, skipped = 0;

        for (t = tests; t < tests + sizeof tests / sizeof *tests; t++)
                for (which = 0; which < t->cases; which++) {
                        int end = run_case(t);

                        passed += end == 0;
                        skipped += end == SKIPPED;
                        failed += end != 0 && end != SKIPPED;
                        if (end == SKIPPED)
                                printf("pages: SKIPPED: %s\n", t->name);
                        else if (end != 0)
                                fprintf(stderr, "pages: %s, case %d: %s\n", t->name, which,
                                        end < 0 ? strsignal(-end) : "failed");
                }
        printf("pages: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
        return failed > 0;
}
