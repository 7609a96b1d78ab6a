/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * soak - handshakes between real processes, with SIGKILL at random moments
 *
 *      soak [HANDSHAKES [SEED]]
 *
 * In each handshake this process forks the two sides, which meet at one to four barriers. Then the
 * child exits, or aborts with a code, and the parent waits for that. One of them, both or neither
 * is a victim, which is killed after a random number of turns of a loop, counted from its birth or
 * from when both have placed a barrier. In two handshakes of three one more process holds copies of
 * the descriptors of one side to the very end; then the other side uses barrier_watch(). In one of
 * two the waits do not block: both sides sleep on what barrier_epoll() gives them.
 *
 * No wait has a timeout, so each must end by itself; the alarm is only for hangs. Both sides note
 * in shared memory what they placed and what their waits said; judge() holds that against what is
 * allowed.
 */
#define _GNU_SOURCE 1
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

#include "../../barrier.c"

enum { PARENT = BARRIER_PARENT, CHILD = BARRIER_CHILD, CODE = 4711, HUNG_AFTER = 300 };

static struct plan {
        int victims; /* PARENT, CHILD, both or 0 */
        int holder;  /* whose descriptors another process holds copies of, or 0 */
        int wait;    /* OP_WAIT_NEXT, OP_SYNC_NEXT or OP_SYNC */
        int rounds;  /* how many barriers */
        bool epoll;  /* they sleep on that */
        bool code;   /* the child ends by barrier_fail(CODE), not by leaving */
        bool met;    /* the victims are killed only once both have placed a barrier, */
        int spin;    /* and so many turns later */
} plan;

/* What a side tells of itself. */
struct side {
        int placed;  /* barriers that barrier_place() returned for */
        int reached; /* waits that returned true */
        int error;   /* errno of the wait that did not, or how it ended for the parent, or 0 */
        bool left;   /* barrier_they_left() then */
        bool done;   /* it came to its end alive */
};

static volatile struct side *sides; /* of PARENT and of CHILD, shared */
static volatile sig_atomic_t hung;

/* ---- one handshake --------------------------------------------------------------------------- */

/* Waits as an event loop does. */
static bool wait_on_epoll(Barrier *b) {
        struct pollfd epoll = { .fd = barrier_epoll(b), .events = POLLIN };
        bool reached;

        need(epoll.fd >= 0, "soak: barrier_epoll");
        barrier_set_timeout(b, 0);
        while (!(reached = operate(b, plan.wait, 0)) && errno == ETIMEDOUT &&
               !barrier_they_aborted(b))
                (void) poll(&epoll, 1, -1);
        barrier_set_timeout(b, -1);
        (void) close(epoll.fd);
        return reached;
}

/* What either side does; `pidfd` is of the other one, if copies of its descriptors are held. */
static void meet(Barrier *b, int me, int pidfd) {
        volatile struct side *s = &sides[me];
        bool good = true;

        need(barrier_set_role(b, (unsigned) me) == 0, "soak: barrier_set_role");
        if (plan.holder == PARENT + CHILD - me)
                need(barrier_watch(b, pidfd) == 0, "soak: barrier_watch");

        while (good && s->reached < plan.rounds) {
                need(barrier_place(b), "soak: barrier_place");
                s->placed++;
                good = plan.epoll ? wait_on_epoll(b) : operate(b, plan.wait, 0);
                s->reached += good;
        }
        if (good && me == PARENT) {
                need(barrier_wait_abortion(b), "soak: barrier_wait_abortion");
                errno = barrier_error(b);
                good = false;
        }
        s->left = barrier_they_left(b);
        s->error = good ? 0 : errno;
        need(s->error == barrier_error(b), "soak: errno is not barrier_error()");
        if (good && plan.code)
                need(barrier_fail(b, CODE), "soak: barrier_fail");
        s->done = true;
}

/* Returns what is wrong with what a side tells, or NULL. */
static const char *judge(int me) {
        const int they = PARENT + CHILD - me;
        const volatile struct side *s = &sides[me];
        const bool all = s->reached == plan.rounds;

        if (s->reached >
            sides[they].placed + 1) /* it may have died before it could note the last */
                return "a wait returned true for a barrier that was not placed";
        switch (s->error) {
        case 0:
                return !s->done || (me == CHILD && all) ? NULL : "stopped half-way";
        case ECONNRESET:
                if (s->reached < sides[they].placed)
                        return "a placed barrier was lost";
                if (!s->left)
                        return "ECONNRESET, but not barrier_they_left()";
                if (!(plan.victims & they) && (me == CHILD || !all || plan.code))
                        return "ECONNRESET, but the other side lived";
                return NULL;
        case CODE: /* given after the child's last wait, and it discards the child's last barrier */
                return me == PARENT && plan.code && !s->left && s->reached >= plan.rounds - 1
                               ? NULL
                               : "a code out of place";
        default:
                return "an errno that nothing explains";
        }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void make_plan(void) {
        plan.victims = (int) random() & (PARENT | CHILD);
        plan.holder = (int) (random() % 3);
        plan.wait = OP_WAIT_NEXT + (int) (random() % 3);
        /* wait_next may swallow the barrier of the next step. */
        plan.rounds = plan.wait == OP_WAIT_NEXT ? 1 : 1 + (int) (random() % 4);
        plan.epoll = random() & 1;
        plan.code = random() & 1;
        plan.met = random() & 1;
        /* Small numbers are as likely as big ones: many a moment of interest is early. */
        plan.spin = (int) random() & ((1 << random() % 21) - 1);
}

__attribute__((noreturn)) static void fail(const char *what) {
        static const char *const operations[] = { OPERATION_NAMES };
        int me;

        printf("soak: %s\n  %d times %s%s, the child %s; copies of %d; victims %d after %d "
               "turns%s\n",
               what, plan.rounds, operations[plan.wait], plan.epoll ? " with an epoll" : "",
               plan.code ? "aborts with a code" : "leaves", plan.holder, plan.victims, plan.spin,
               plan.met ? " from the first barriers" : "");
        for (me = PARENT; me <= CHILD; me++)
                printf("  %d, the %s: placed %d, reached %d, error %d, left %d, done %d\n", me,
                       me == PARENT ? "parent" : "child", sides[me].placed, sides[me].reached,
                       sides[me].error, sides[me].left, sides[me].done);
        exit(1);
}

static void on_alarm(int sig) {
        (void) sig;
        hung = 1;
}

static pid_t fork_one(void) {
        pid_t pid = fork();

        need(pid >= 0, "soak: fork");
        if (pid == 0)
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        return pid;
}

static void kill_victims(const pid_t pids[3]) {
        volatile int turns = plan.spin;
        int me;

        while (plan.met && !hung && !(sides[PARENT].placed && sides[CHILD].placed))
                (void) sched_yield();
        while (turns > 0)
                turns--;
        for (me = PARENT; me <= CHILD; me++)
                if (plan.victims & me)
                        (void) kill(pids[me], SIGKILL);
}

static void handshake(void) {
        int i, me, status, pidfd = -1;
        pid_t pids[3] = { 0 }; /* of the one that holds the copies, and of the sides */
        const char *wrong;
        Barrier b;

        make_plan();
        memset((void *) sides, 0, 3 * sizeof *sides);
        need(barrier_init(&b) == 0, "soak: barrier_init");
        if (plan.holder && (pids[0] = fork_one()) == 0) {
                (void) barrier_set_role(&b, (unsigned) plan.holder);
                _exit(pause());
        }
        /* The one who is watched first. */
        for (i = 0, me = plan.holder == CHILD ? CHILD : PARENT; i < 2; i++, me ^= PARENT | CHILD) {
                pids[me] = fork_one();
                if (pids[me] == 0) {
                        meet(&b, me, pidfd);
                        _exit(0);
                }
                if (i == 0)
                        pidfd = (int) syscall(SYS_pidfd_open, pids[me], 0);
        }
        barrier_destroy(&b);
        (void) close(pidfd);

        (void) alarm(HUNG_AFTER);
        kill_victims(pids);
        for (me = PARENT; me <= CHILD; me++)
                if (waitpid(pids[me], &status, 0) < 0 ||
                    (status != 0 && !(status == SIGKILL && (plan.victims & me))))
                        fail(hung ? "hangs" : "a side ended with an error");
        if (pids[0]) {
                (void) kill(pids[0], SIGKILL);
                (void) waitpid(pids[0], &status, 0);
        }
        if ((wrong = judge(PARENT)) || (wrong = judge(CHILD)))
                fail(wrong);
}

int main(int argc, char **argv) {
        uint64_t n = 100000, seed = (uint64_t) time(NULL), i;
        const struct sigaction action = { .sa_handler = on_alarm };
        long killed[3] = { 0 };

        parse_arguments(argc, argv, "soak [HANDSHAKES", &n, &seed);
        srandom((unsigned) seed);
        printf("soak: seed %llu\n", (unsigned long long) seed);
        (void) fflush(stdout);
        sides = mmap(NULL, 3 * sizeof *sides, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
        need(sides != MAP_FAILED && sigaction(SIGALRM, &action, NULL) == 0, "soak: set-up");

        for (i = 0; i < n; i++) {
                handshake();
                killed[PARENT] += !sides[PARENT].done;
                killed[CHILD] += !sides[CHILD].done;
        }
        printf("soak: %llu handshakes, %ld parents and %ld children killed, nothing unexpected\n",
               (unsigned long long) n, killed[PARENT], killed[CHILD]);
        if (n >= 100 && (!killed[PARENT] || !killed[CHILD])) {
                printf("soak: one of the sides was never killed\n");
                return 1;
        }
        return 0;
}
