/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * starts - many starts at once, in the way of examples/launch.c, whose promises are tested
 *
 *      starts [STARTS [SEED]]
 *
 * launch.c is compiled in as it stands, and with it barrier.c; calls that the child makes are
 * redirected, and before one of them, drawn by lot, it kills or stops itself. Six threads start
 * commands at once, each in a thread that ends before the command does. judge() holds what a start
 * said against what the child did. A timeout can run out only for a child that stops itself. The
 * alarm is for hangs.
 */
#define _GNU_SOURCE 1
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common.h"

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
        if (!plan || syscall(SYS_getpid) == parent_pid)
                return;
        plan->execs = plan->execs || execs;
        if (plan->fuse == 0 || --plan->fuse > 0)
                return;
        plan->burnt = true;
        (void) syscall(SYS_kill, syscall(SYS_getpid), plan->sig);
}

static struct plan *plan_of(const void *start);
static void no_fork(int role);

#define close(fd)                          (burn(false), close(fd))
#define write(fd, p, size)                 (burn(false), write(fd, p, size))
#define preadv2(fd, iov, n, offset, flags) (burn(false), preadv2(fd, iov, n, offset, flags))
#define poll(fds, n, msec)                 (burn(false), poll(fds, n, msec))

#include "../../barrier.c"

#define getpid()                   (burn(false), getpid())
#define prctl(option, value)       (burn(false), prctl(option, value))
#define setsid()                   (burn(false), setsid())
#define sigprocmask(how, set, old) (burn(false), sigprocmask(how, set, old))
#define execvp(file, argv)         (burn(true), execvp(file, argv))
#define vfork()                    (plan = plan_of(s), vfork())
#define barrier_init(b)            (no_fork(BARRIER_PARENT), barrier_init(b))
#define barrier_set_role(b, role)  (no_fork(role), barrier_set_role(b, role))
#define main                       launch_main

#include "../../examples/launch.c"

#undef main

enum { STARTERS = 6, LONG = 300000, SHORT = 50, HUNG_AFTER = 600 };

struct job {
        struct start start;
        struct plan *plan;
        int code; /* what start() returned */
};

/* `start` is the first member of a job. */
static struct plan *plan_of(const void *start) {
        return ((const struct job *) start)->plan;
}

__attribute__((noreturn)) static void fail(const char *what) {
        printf("starts: %s\n", what);
        exit(1);
}

/* launch.c has a lock for whoever forks a child that does not exec at once: such a child must not
 * come in between barrier_init() and here, or it holds the end of the pipe. */
static void no_fork(int role) {
        if (role == BARRIER_PARENT && pthread_mutex_trylock(&turn) == 0)
                fail("the lock is free while others must not fork");
}

static pthread_t create(void *(*f)(void *), void *arg) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, f, arg) != 0)
                fail("pthread_create failed");
        return thread;
}

static char *healthy[] = { "true", NULL }, *absent[] = { "/no/such", NULL };
static struct plan *plans; /* of the starters */
static uint64_t n_starts = 20000, seed;
static volatile sig_atomic_t handled;

enum { EXECUTED, ABSENT, KILLED, KILLED_LAST, STOPPED, WRONG };
static long outcomes[WRONG];

/* What happened. */
static int judge(const struct job *j, int status) {
        const int code = j->code, sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        const struct plan *p = j->plan;

        if (p->sig == SIGSTOP && code == ETIMEDOUT) /* slow, or stopped */
                return sig == SIGKILL ? STOPPED : WRONG;
        if (!p->burnt && j->start.command == absent) /* it has told why, and is killed or exits */
                return code == EXEC * STEP + ENOENT && (sig == SIGKILL || status == FAILED << 8)
                               ? ABSENT
                               : WRONG;
        if (!p->burnt)
                return code == 0 && status == 0 ? EXECUTED : WRONG;
        if (p->sig == SIGSTOP || sig != p->sig)
                return WRONG;
        if (p->execs) /* counts as exec'd: only the status says otherwise */
                return code == 0 ? KILLED_LAST : WRONG;
        return code == ECONNRESET ? KILLED : WRONG;
}

static void *start_and_end(void *arg) {
        struct job *j = arg;

        j->code = start(&j->start);
        return NULL;
}

static void *starter(void *arg) {
        static const int signals[] = { SIGKILL, SIGKILL, SIGUSR1, SIGSTOP };
        struct plan *p = arg;
        unsigned lot = (unsigned) (seed + (uint64_t) (p - plans));
        uint64_t i;

        for (i = (uint64_t) (p - plans); i < n_starts; i += STARTERS) {
                struct job j = { .plan = p };
                int status, outcome;

                memset(p, 0, sizeof *p);
                p->sig = signals[rand_r(&lot) % 4];
                if (rand_r(&lot) % 2) /* not stopped before it has told its number */
                        p->fuse = 1 + (p->sig == SIGSTOP) + rand_r(&lot) % 16;
                j.start.command = rand_r(&lot) % 8 ? healthy : absent;
                j.start.nice = getpriority(PRIO_PROCESS, 0);
                j.start.timeout = p->sig == SIGSTOP && p->fuse ? SHORT : LONG;
                (void) pthread_join(create(start_and_end, &j), NULL);
                status = finish(&j.start);
                outcome = judge(&j, status);
                if (outcome == WRONG) {
                        printf("starts: %s: code %d * %d + %d, status %#x; the child sent itself "
                               "signal %d%s\n",
                               j.start.command[0], j.code / STEP, STEP, j.code % STEP,
                               (unsigned) status, p->burnt ? p->sig : 0,
                               p->execs ? " after its last barrier" : "");
                        exit(1);
                }
                (void) __atomic_add_fetch(&outcomes[outcome], 1, __ATOMIC_RELAXED);
        }
        return NULL;
}

static void on_signal(int sig) {
        (void) sig;
        handled = 1;
}

int main(int argc, char **argv) {
        char before[MAPPED + 1], after[MAPPED + 1];
        pthread_t starters[STARTERS];
        int i;

        seed = (uint64_t) time(NULL);
        parse_arguments(argc, argv, "starts [STARTS", &n_starts, &seed);
        printf("starts: seed %llu\n", (unsigned long long) seed);
        (void) fflush(stdout);
        (void) alarm(HUNG_AFTER);
        (void) signal(SIGUSR1, on_signal);
        parent_pid = syscall(SYS_getpid);
        plans = mmap(NULL, STARTERS * sizeof *plans, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        need(plans != MAP_FAILED, "starts: mmap");

        map_descriptors(before, false);
        for (i = 0; i < STARTERS; i++)
                starters[i] = create(starter, &plans[i]);
        for (i = 0; i < STARTERS; i++)
                (void) pthread_join(starters[i], NULL);
        if (handled)
                fail("a handler of the parent ran in a child");
        map_descriptors(after, false);
        if (strcmp(before, after) != 0)
                fail("a descriptor is left");
        if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
                fail("a child is left");

        for (i = 0; i < WRONG; i++)
                if (outcomes[i] == 0 && n_starts >= 500)
                        fail("one of the outcomes never came");
        printf("starts: %llu starts in %d threads: %ld exec'd, %ld not found, %ld killed "
               "before the exec, %ld killed after the last barrier, %ld stopped; nothing "
               "unexpected\n",
               (unsigned long long) n_starts, STARTERS, outcomes[EXECUTED], outcomes[ABSENT],
               outcomes[KILLED], outcomes[KILLED_LAST], outcomes[STOPPED]);
        return 0;
}
