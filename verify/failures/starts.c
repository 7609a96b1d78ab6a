/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * starts - many starts at once, in the way of examples/launch.c, whose promises are tested
 *
 * HOW TO READ THIS FILE
 *
 * launch.c is compiled in as it stands, and with it barrier.c; calls that the child makes are
 * redirected, and before one of them, drawn by lot, it kills or stops itself. Six threads start
 * commands, two others allocate and print without end; judge() holds what a start said against what
 * the child did. Before that come three situations that hand-offs make certain. A timeout can run out
 * only for a child that stops itself. The alarm is for hangs.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

/* ---- a fuse in front of each call that the child makes --------------------------------------- */

/* What the child does to itself; in memory that it shares even where vfork() is fork(). */
struct plan {
        int fuse;   /* before how many calls from now; 0: never */
        int sig;    /* SIGKILL, SIGSTOP, or SIGUSR1, for which the parent has a handler */
        bool burnt; /* it did */
        bool execs; /* it has placed its last barrier */
};

static __thread struct plan *plan; /* of the thread that forks, and of its child */
static long parent_pid;

static void burn(bool execs) {
        const long pid = syscall(SYS_getpid);

        if (!plan || pid == parent_pid)
                return;
        plan->execs = plan->execs || execs;
        if (plan->fuse == 0 || --plan->fuse > 0)
                return;
        plan->burnt = true;
        (void) syscall(SYS_kill, pid, plan->sig);
}

static struct plan *plan_of(const void *s);
static void hand_off(void);
static void let_child_wait(id_t pid);

#define close(fd)                          (burn(false), close(fd))
#define write(fd, p, size)                 (burn(false), write(fd, p, size))
#define preadv2(fd, iov, n, offset, flags) (burn(false), preadv2(fd, iov, n, offset, flags))
#define poll(fds, n, msec)                 (burn(false), poll(fds, n, msec))
#define getpid()                           (burn(false), getpid())
#define prctl(option, value)               (burn(false), prctl(option, value))
#define setsid()                           (burn(false), setsid())
#define sigprocmask(how, set, old)         (burn(false), sigprocmask(how, set, old))
#define execvp(file, argv)                 (burn(true), execvp(file, argv))
#define vfork()                            (plan = plan_of(s), vfork())
#define pthread_create(thread, attr, f, s) (hand_off(), pthread_create(thread, attr, f, s))
#define setpriority(which, pid, nice)      (let_child_wait(pid), setpriority(which, pid, nice))
#define main                               launch_main

#include "../../barrier.c"
#include "../../examples/launch.c"

#undef close
#undef write
#undef pthread_create
#undef main

enum { STARTERS = 6, CHURNERS = 2, LONG = 300000, SHORT = 50, HUNG_AFTER = 600 };

struct job {
        struct start start;
        struct plan *plan;
};

static struct plan *plans;

/* `s` is the first member of a job. */
static struct plan *plan_of(const void *s) {
        return ((const struct job *) s)->plan;
}

static char *healthy[] = { "true", NULL }, *absent[] = { "/no/such", NULL },
            *cat[] = { "cat", NULL };

__attribute__((noreturn)) static void fail(const char *what) {
        printf("starts: %s\n", what);
        exit(1);
}

static pthread_t create(void *(*f)(void *), void *arg) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, f, arg) != 0)
                fail("pthread_create failed");
        return thread;
}

static void prepare(struct job *j, char **command, int timeout) {
        j->start.command = command;
        j->start.nice = getpriority(PRIO_PROCESS, 0);
        j->start.timeout = timeout;
}

/* ---- a fork between barrier_init() and set_role ---------------------------------------------- */

static sem_t go, answer;
static bool handing_off;
static int leash[2]; /* end of file lets the worker go */

/* In start(), when there is a barrier and no child yet. */
static void hand_off(void) {
        if (!handing_off)
                return;
        (void) sem_post(&go);
        (void) sem_wait(&answer);
}

/* Forks a worker that does not exec, with the lock held as launch.c wants it: right now if the lock
 * is free, else once it is; start() goes on when that is known. */
static void *intruder(void *arg) {
        pid_t *worker = arg;
        bool now;
        char c;

        (void) sem_wait(&go);
        now = pthread_mutex_trylock(&turn) == 0;
        if (!now) {
                (void) sem_post(&answer);
                (void) pthread_mutex_lock(&turn);
        }
        *worker = fork();
        if (*worker == 0) {
                (void) close(leash[1]);
                _exit(read(leash[0], &c, 1) != 0);
        }
        (void) pthread_mutex_unlock(&turn);
        if (now)
                (void) sem_post(&answer);
        return arg;
}

static void healthy_command_is_not_taken_for_stuck(void) {
        struct job j = { .plan = NULL };
        pthread_t thread;
        int code, status;
        pid_t worker;

        if (sem_init(&go, 0, 0) < 0 || sem_init(&answer, 0, 0) < 0 || pipe2(leash, O_CLOEXEC) < 0)
                fail("set-up failed");
        thread = create(intruder, &worker);
        prepare(&j, healthy, 10000);
        handing_off = true;
        code = start(&j.start);
        handing_off = false;
        (void) pthread_join(thread, NULL);
        (void) close(leash[0]);
        (void) close(leash[1]);
        if (worker < 0 || waitpid(worker, &status, 0) != worker || status != 0)
                fail("the worker failed");
        if (code == ETIMEDOUT)
                fail("a healthy command was taken for stuck: another child held its pipe end");
        if (code != 0 || finish(&j.start) != 0)
                fail("a healthy command failed");
}

/* ---- a child that is faster than its parent --------------------------------------------------- */

static const struct plan *fast;

/* Before the parent's set-up: till the child sleeps, as it has to, or is about to exec. */
static void let_child_wait(id_t pid) {
        char path[64], state = 'R';
        FILE *file;

        (void) snprintf(path, sizeof path, "/proc/%ld/stat", (long) pid);
        while (fast && !*(const volatile bool *) &fast->execs && state != 'S') {
                file = fopen(path, "re");
                if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
                        fail("there is no /proc/PID/stat");
                (void) fclose(file);
        }
        if (fast && fast->execs)
                fail("a child did not wait for its parent");
}

static void child_waits_for_its_parent(void) {
        struct job j = { .plan = plans };

        prepare(&j, healthy, LONG);
        fast = plans;
        if (start(&j.start) != 0 || finish(&j.start) != 0)
                fail("a healthy command failed");
        fast = NULL;
}

/* ---- a thread that calls start() and ends ---------------------------------------------------- */

static struct job outlives = { .plan = NULL };

static void *starts_and_ends(void *arg) {
        long *tid = arg;

        *tid = syscall(SYS_gettid);
        if (start(&outlives.start) != 0)
                fail("cat was not started");
        return arg;
}

static void command_outlives_the_thread_that_called_start(void) {
        int input[2];
        long tid;

        if (pipe2(input, O_CLOEXEC) < 0 || dup2(input[0], 0) < 0)
                fail("set-up failed");
        prepare(&outlives, cat, LONG);
        (void) pthread_join(create(starts_and_ends, &tid), NULL);
        while (syscall(SYS_tgkill, parent_pid, tid, 0) == 0) /* and has sent its death signals */
                (void) sched_yield();
        (void) close(input[0]);
        (void) close(input[1]);
        if (finish(&outlives.start) != 0)
                fail("the command did not outlive the thread that called start()");
}

/* ---- many starts ----------------------------------------------------------------------------- */

enum { EXECUTED, ABSENT, KILLED, KILLED_LAST, STOPPED, OUTCOMES };
static const char *const outcomes[] = { "exec'd", "not found", "killed before the exec",
                                        "killed after the last barrier", "stopped" };
static long counts[STARTERS][OUTCOMES];

static uint64_t n_starts = 20000, seed;
static bool enough;
static volatile sig_atomic_t handled;

static void on_signal(int sig) {
        (void) sig;
        handled = 1;
}

/* Returns what happened, or OUTCOMES if that is not what may happen. */
static int judge(const struct job *j, int code, int status) {
        const int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        const struct plan *p = j->plan;

        if (p->sig == SIGSTOP && code == ETIMEDOUT) /* slow, or stopped */
                return sig == SIGKILL ? STOPPED : OUTCOMES;
        if (!p->burnt && j->start.command == absent) /* it has told why, and is killed or exits */
                return code == EXEC * STEP + ENOENT && (sig == SIGKILL || status == FAILED << 8)
                               ? ABSENT
                               : OUTCOMES;
        if (!p->burnt)
                return code == 0 && status == 0 ? EXECUTED : OUTCOMES;
        if (p->sig == SIGSTOP || sig != p->sig)
                return OUTCOMES;
        if (p->execs) /* counts as exec'd: only the status says otherwise */
                return code == 0 ? KILLED_LAST : OUTCOMES;
        return code == ECONNRESET ? KILLED : OUTCOMES;
}

static void *starter(void *arg) {
        static const int signals[] = { SIGKILL, SIGKILL, SIGUSR1, SIGSTOP };
        const long me = (const struct plan *) arg - plans;
        unsigned lot = (unsigned) (seed + (uint64_t) me);
        uint64_t i;

        for (i = (uint64_t) me; i < n_starts; i += STARTERS) {
                struct job j = { .plan = &plans[me] };
                int code, status, outcome;

                memset(j.plan, 0, sizeof *j.plan);
                j.plan->sig = signals[rand_r(&lot) % 4];
                if (rand_r(&lot) % 2) /* not stopped before it has told its number */
                        j.plan->fuse = 1 + (j.plan->sig == SIGSTOP) + rand_r(&lot) % 16;
                prepare(&j, rand_r(&lot) % 8 ? healthy : absent,
                        j.plan->sig == SIGSTOP && j.plan->fuse ? SHORT : LONG);
                code = start(&j.start);
                status = finish(&j.start);
                outcome = judge(&j, code, status);
                if (outcome == OUTCOMES) {
                        printf("starts: %s: code %d * %d + %d, status %#x; the child sent itself "
                               "signal %d%s\n",
                               j.start.command[0], code / STEP, STEP, code % STEP,
                               (unsigned) status, j.plan->burnt ? j.plan->sig : 0,
                               j.plan->execs ? " after its last barrier" : "");
                        exit(1);
                }
                counts[me][outcome]++;
        }
        return NULL;
}

static void *churner(void *arg) {
        FILE *null = arg;
        void *p[64] = { NULL };
        unsigned i;

        for (i = 0; !__atomic_load_n(&enough, __ATOMIC_RELAXED); i++) {
                free(p[i % 64]);
                p[i % 64] = malloc(16 + i % 9000);
                fprintf(null, "%p\n", p[i % 64]);
                (void) fflush(null);
        }
        for (i = 0; i < 64; i++)
                free(p[i]);
        return NULL;
}

int main(int argc, char **argv) {
        char before[MAPPED + 1], after[MAPPED + 1];
        pthread_t starters[STARTERS], churners[CHURNERS];
        FILE *null = fopen("/dev/null", "we");
        int i, k;
        long sum;

        seed = (uint64_t) time(NULL);
        parse_arguments(argc, argv, "starts [STARTS", &n_starts, &seed);
        printf("starts: seed %llu\n", (unsigned long long) seed);
        (void) fflush(stdout);
        (void) alarm(HUNG_AFTER);
        parent_pid = syscall(SYS_getpid);
        plans = mmap(NULL, STARTERS * sizeof *plans, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (!null || plans == MAP_FAILED || signal(SIGUSR1, on_signal) == SIG_ERR)
                fail("set-up failed");

        healthy_command_is_not_taken_for_stuck();
        child_waits_for_its_parent();
        command_outlives_the_thread_that_called_start();

        map_descriptors(before, false);
        for (i = 0; i < CHURNERS; i++)
                churners[i] = create(churner, null);
        for (i = 0; i < STARTERS; i++)
                starters[i] = create(starter, &plans[i]);
        for (i = 0; i < STARTERS; i++)
                (void) pthread_join(starters[i], NULL);
        __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
        for (i = 0; i < CHURNERS; i++)
                (void) pthread_join(churners[i], NULL);
        if (handled)
                fail("a handler of the parent ran in a child");
        map_descriptors(after, false);
        if (strcmp(before, after) != 0)
                fail("a descriptor is left");
        if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
                fail("a child is left");

        printf("starts: %llu starts in %d threads:", (unsigned long long) n_starts, STARTERS);
        for (k = 0; k < OUTCOMES; k++) {
                for (sum = i = 0; i < STARTERS; i++)
                        sum += counts[i][k];
                printf("%s %ld %s", k ? "," : "", sum, outcomes[k]);
        }
        puts("; nothing unexpected");
        return 0;
}
