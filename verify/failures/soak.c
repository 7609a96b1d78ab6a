/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * soak - handshakes between real processes, with SIGKILL at random moments
 *
 * HOW TO READ THIS FILE
 *
 * In each handshake this process forks a parent, the parent forks a child, and the two meet at one
 * to four barriers. Then the child exits, or aborts with a code, and the parent waits for that.
 * One of them, both or neither is a victim: it is killed at a random moment, either by itself
 * before a system call of the library, or from here after a random number of turns of a loop.
 * In two handshakes of three a grandchild, forked by the child or by the parent, holds copies of
 * that side's descriptors to the very end; then the other side uses barrier_watch(). In one of two
 * the waits do not block: both sides sleep on what barrier_epoll() gives them.
 *
 * No wait has a timeout, so each must end by itself. Both sides note in shared memory what they
 * placed and what their waits said; judge_side() holds that against what is allowed. Whatever is
 * orphaned becomes a child of this process and is counted. The alarm is only for hangs.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"

/* ---- a fuse in front of each system call that the library makes after fork() ----------------- */

static int fuse; /* before how many calls from now this process kills itself; 0: never */

static void burn(void) {
        if (fuse > 0 && --fuse == 0)
                (void) kill(getpid(), SIGKILL);
}

#define close(fd)                          (burn(), close(fd))
#define write(fd, p, size)                 (burn(), write(fd, p, size))
#define preadv2(fd, iov, n, offset, flags) (burn(), preadv2(fd, iov, n, offset, flags))
#define poll(fds, n, msec)                 (burn(), poll(fds, n, msec))

#include "../../barrier.c"

#undef close
#undef write

/* ---- one handshake --------------------------------------------------------------------------- */

enum { NOBODY, PARENT = 1, CHILD = 2, BOTH = 3, VICTIMS };
enum { SYNC, SYNC_NEXT, WAIT_NEXT, KINDS };
enum { CODE = 4711, ROUNDS_MAX = 4, HUNG_AFTER = 300 };

static const char *const victims[VICTIMS] = { "nobody", "the parent", "the child", "both" };
static const char *const holders[] = { "no copies", "of the parent's", "of the child's" };
static const char *const kinds[KINDS] = { "sync", "sync_next", "wait_next" };

struct plan {
        int victims;   /* NOBODY to BOTH */
        int holder;    /* of whose descriptors a grandchild holds copies */
        int kind;      /* which wait */
        int rounds;    /* how many barriers */
        bool epoll;    /* they sleep on that */
        bool code;     /* the child ends by barrier_fail(CODE), not by leaving */
        int fuse[3];   /* of the parent [1] and the child [2], or 0 */
        bool born;     /* this process kills the other victims only once the child was forked */
        uint32_t spin; /* and so many turns later */
};

/* What a side tells of itself. */
struct side {
        volatile pid_t pid;
        volatile int placed;  /* barriers that barrier_place() returned for */
        volatile int reached; /* waits that returned true */
        volatile int error;   /* errno of the wait that did not, or 0 */
        volatile int ended;   /* for the parent: why it ended, as wait_abortion has it, or 0 */
        volatile bool left;   /* barrier_they_left() with either of them */
        volatile bool done;   /* it came to its end alive */
        const char *volatile wrong; /* what it found broken itself, or NULL */
};

static struct side *sides; /* [PARENT] and [CHILD], shared */
static struct plan plan;
static int alive[2]; /* end of file when neither parent nor child is left */
static int leash[2]; /* end of file lets the grandchild go */

static char descriptors[MAPPED + 1]; /* of the parent before the barrier was there */

static bool descriptor_is_left(void) {
        char map[MAPPED + 1];

        map_descriptors(map, false);
        return strcmp(map, descriptors) != 0;
}

static int open_pidfd(pid_t pid) {
        return (int) syscall(SYS_pidfd_open, pid, 0);
}

static void hold_copies(void) {
        char c;

        if (fork() != 0)
                return;
        (void) close(alive[1]);
        (void) read(leash[0], &c, 1);
        _exit(0);
}

static bool wait_once(Barrier *b) {
        return plan.kind == SYNC        ? barrier_sync(b)
               : plan.kind == SYNC_NEXT ? barrier_sync_next(b)
                                        : barrier_wait_next(b);
}

/* As an event loop does it. */
static bool wait_on_epoll(Barrier *b, struct side *s) {
        struct pollfd epoll = { .fd = barrier_epoll(b), .events = POLLIN };
        bool reached;
        int error;

        if (epoll.fd < 0 && epoll.fd != -EPIPE)
                s->wrong = "barrier_epoll failed";
        barrier_set_timeout(b, 0);
        while (!(reached = wait_once(b)) && errno == ETIMEDOUT && !barrier_they_aborted(b))
                (void) poll(&epoll, 1, -1);
        error = errno;
        barrier_set_timeout(b, -1);
        if (epoll.fd >= 0)
                (void) close(epoll.fd);
        errno = error;
        return reached;
}

/* What either side does once it has its role; `pidfd` is of the other one. */
static void meet(Barrier *b, int me, int pidfd) {
        struct side *s = &sides[me];
        int i;

        fuse = plan.fuse[me];
        if (plan.holder == me)
                hold_copies();
        if (plan.holder == (PARENT + CHILD - me) && barrier_watch(b, pidfd) < 0)
                s->wrong = "barrier_watch failed";

        for (i = 0; i < plan.rounds; i++) {
                if (!barrier_place(b)) {
                        s->wrong = "barrier_place failed";
                        break;
                }
                s->placed++;
                if (!(plan.epoll ? wait_on_epoll(b, s) : wait_once(b))) {
                        s->error = errno;
                        break;
                }
                s->reached++;
        }
        if (me == PARENT && !s->error) {
                if (!barrier_wait_abortion(b))
                        s->wrong = "barrier_wait_abortion failed";
                s->ended = barrier_error(b);
        }
        if (s->error && s->error != barrier_error(b))
                s->wrong = "errno is not barrier_error()";
        s->left = barrier_they_left(b);
        if (me == CHILD && plan.code && !s->error && !barrier_fail(b, CODE))
                s->wrong = "barrier_fail failed";
}

static void child_main(Barrier *b, int parent_pidfd) {
        if (barrier_set_role(b, BARRIER_CHILD) < 0)
                sides[CHILD].wrong = "barrier_set_role failed";
        meet(b, CHILD, parent_pidfd);
        barrier_destroy(b);
        if (descriptor_is_left())
                sides[CHILD].wrong = "a descriptor is left";
        sides[CHILD].done = true;
        _exit(0);
}

static void parent_main(void) {
        int pidfd, parent_pidfd = open_pidfd(getpid());
        Barrier b;
        pid_t pid;

        sides[PARENT].pid = getpid();
        map_descriptors(descriptors, false);
        if (barrier_init(&b) < 0) {
                sides[PARENT].wrong = "barrier_init failed";
                _exit(1);
        }
        pid = fork();
        if (pid == 0)
                child_main(&b, parent_pidfd);
        if (pid < 0) {
                sides[PARENT].wrong = "fork failed";
                _exit(1);
        }
        sides[CHILD].pid = pid;
        pidfd = open_pidfd(pid);
        if (parent_pidfd < 0 || pidfd < 0)
                sides[PARENT].wrong = "pidfd_open failed";
        if (barrier_set_role(&b, BARRIER_PARENT) < 0)
                sides[PARENT].wrong = "barrier_set_role failed";
        meet(&b, PARENT, pidfd);
        barrier_destroy(&b);
        (void) close(pidfd);
        if (descriptor_is_left())
                sides[PARENT].wrong = "a descriptor is left";
        sides[PARENT].done = true;
        _exit(0);
}

/* ---- what is allowed ------------------------------------------------------------------------- */

/* What the parent learnt at last, after all its barriers were reached. */
static const char *judge_end(const struct side *s, bool they_die) {
        if (s->ended == CODE)
                return plan.code && !s->left ? NULL : "a code that nobody gave";
        if (s->ended != ECONNRESET || !s->left)
                return "wait_abortion learnt a wrong reason";
        return plan.code && !they_die ? "wait_abortion missed the code" : NULL;
}

static const char *judge_side(int me) {
        const int they = PARENT + CHILD - me;
        const struct side *s = &sides[me], *other = &sides[they];
        bool they_die = plan.victims & they;

        if (s->wrong)
                return s->wrong;
        if (!(plan.victims & me) && !s->done && s->pid)
                return "died without being a victim";

        /* A wait is true only if the other side placed (it may have died before it could note it),
         * and a barrier that was placed is not lost to whatever came after it; the child's code
         * alone, which it gives after its last wait, discards its last barrier. */
        if (s->reached > other->placed + 1)
                return "a wait returned true for a barrier that was not placed";
        if (s->error == ECONNRESET && s->reached < other->placed)
                return "a placed barrier was lost";

        switch (s->error) {
        case 0:
                if (s->done && s->reached != plan.rounds)
                        return "stopped half-way";
                break;
        case ECONNRESET:
                if (!they_die)
                        return "ECONNRESET, but the other side lived";
                if (!s->left)
                        return "ECONNRESET, but not barrier_they_left()";
                break;
        case CODE:
                if (me == CHILD || !plan.code || s->reached != plan.rounds - 1 || s->left)
                        return "a code out of place";
                break;
        default:
                return "an errno that nothing explains";
        }

        return me == CHILD || !s->done || s->error ? NULL : judge_end(s, they_die);
}

/* ---- all of them ----------------------------------------------------------------------------- */

enum { REACHED, LEFT, CODED, KILLED, NEVER, ENDS };
static long outcomes[VICTIMS][3][3][ENDS];
static long rounds_of[VICTIMS][3], orphans;

static uint32_t random_number(void) {
        return (uint32_t) random() << 16 ^ (uint32_t) random();
}

/* Small numbers are as likely as big ones: many a moment of interest is early. */
static uint32_t random_below_2_to(uint32_t bits) {
        return random_number() & ((1u << random_number() % (bits + 1)) - 1);
}

static void make_plan(void) {
        int me;

        memset(&plan, 0, sizeof plan);
        plan.victims = (int) (random_number() % VICTIMS);
        plan.holder = (int) (random_number() % 3);
        plan.kind = (int) (random_number() % KINDS);
        /* wait_next may swallow the barrier of the next step. */
        plan.rounds = plan.kind == WAIT_NEXT ? 1 : 1 + (int) (random_number() % ROUNDS_MAX);
        plan.epoll = random_number() & 1;
        plan.code = random_number() & 1;
        plan.born = random_number() % 4 > 0;
        plan.spin = random_below_2_to(18);
        for (me = PARENT; me <= CHILD; me++)
                if ((plan.victims & me) && random_number() & 1)
                        plan.fuse[me] = 1 + (int) random_below_2_to(7);
}

static volatile sig_atomic_t hung;

static void on_alarm(int sig) {
        (void) sig;
        hung = 1;
}

static void fail(long n, const char *what) {
        int me;

        fprintf(stderr,
                "soak: handshake %ld: %s\n"
                "  victim: %s, grandchild: %s, %d times %s%s, the child %s; fuses %d %d, spin %u\n",
                n, what, victims[plan.victims], holders[plan.holder], plan.rounds, kinds[plan.kind],
                plan.epoll ? " with an epoll" : "", plan.code ? "aborts with a code" : "leaves",
                plan.fuse[PARENT], plan.fuse[CHILD], plan.spin);
        for (me = PARENT; me <= CHILD; me++)
                fprintf(stderr,
                        "  %s: placed %d, reached %d, error %d, ended %d, left %d, done %d\n",
                        me == PARENT ? "parent" : "child", sides[me].placed, sides[me].reached,
                        sides[me].error, sides[me].ended, sides[me].left, sides[me].done);
        for (me = PARENT; me <= CHILD; me++)
                if (sides[me].pid && !sides[me].done)
                        (void) kill(sides[me].pid, SIGKILL);
        exit(1);
}

static void kill_victims(void) {
        volatile uint32_t turns = plan.spin;
        int me;

        while (plan.born && !sides[CHILD].pid && !sides[PARENT].wrong && !hung)
                (void) sched_yield();
        while (turns > 0)
                turns--;
        for (me = PARENT; me <= CHILD; me++)
                if ((plan.victims & me) && !plan.fuse[me] && sides[me].pid)
                        (void) kill(sides[me].pid, SIGKILL);
}

static void count(int me) {
        const struct side *s = &sides[me];

        outcomes[plan.victims][plan.holder][me][!s->pid                  ? NEVER
                                                : !s->done               ? KILLED
                                                : s->error == ECONNRESET ? LEFT
                                                : s->error == CODE       ? CODED
                                                                         : REACHED]++;
}

static void handshake(long n) {
        const char *what;
        int status, me, reaped = 0;
        ssize_t r;
        pid_t pid, parent;
        char c;

        make_plan();
        memset(sides, 0, 3 * sizeof *sides);
        if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(leash, O_CLOEXEC) < 0)
                fail(n, "pipe2 failed");
        (void) alarm(HUNG_AFTER);

        parent = fork();
        if (parent == 0) {
                (void) close(alive[0]);
                (void) close(leash[1]);
                parent_main();
        }
        if (parent < 0)
                fail(n, "fork failed");
        sides[PARENT].pid = parent;
        (void) close(alive[1]);
        (void) close(leash[0]);
        kill_victims();

        r = read(alive[0], &c, 1);
        (void) close(alive[0]);
        (void) close(leash[1]);
        if (r != 0)
                fail(n, hung ? "hangs" : "read failed");

        while ((pid = waitpid(-1, &status, 0)) > 0) {
                reaped++;
                orphans += pid != parent;
                if (WIFEXITED(status) ? WEXITSTATUS(status) != 0 : WTERMSIG(status) != SIGKILL)
                        fail(n, "a process ended with an error");
        }
        if (errno != ECHILD || reaped > 3)
                fail(n, hung ? "a process does not end" : "not the processes that were started");

        for (me = PARENT; me <= CHILD; me++) {
                what = judge_side(me);
                if (what)
                        fail(n, what);
                count(me);
        }
        rounds_of[plan.victims][plan.holder]++;
}

static void print_table(void) {
        static const char *const ends[ENDS] = { "reached", "left", "code", "killed", "unborn" };
        int v, h, me, e;

        printf("%-11s%-16s%10s  %-44s%-44s\n%-37s", "killed", "copies held", "handshakes",
               "  what the parent saw", "  what the child saw", "");
        for (me = PARENT; me <= CHILD; me++) {
                printf("  ");
                for (e = 0; e < ENDS; e++)
                        printf("%8s", ends[e]);
                printf("  ");
        }
        for (v = 0; v < VICTIMS; v++)
                for (h = 0; h < 3; h++) {
                        printf("\n%-11s%-16s%10ld", victims[v], holders[h], rounds_of[v][h]);
                        for (me = PARENT; me <= CHILD; me++) {
                                printf("  ");
                                for (e = 0; e < ENDS; e++)
                                        printf("%8ld", outcomes[v][h][me][e]);
                                printf("  ");
                        }
                }
        printf("\n");
}

int main(int argc, char **argv) {
        uint64_t n = 100000, seed = (uint64_t) time(NULL);
        bool terminal = isatty(STDERR_FILENO);
        struct sigaction sa;
        long i;

        parse_arguments(argc, argv, "soak [HANDSHAKES", &n, &seed);
        srandom((unsigned) seed);
        printf("soak: seed %llu\n", (unsigned long long) seed);
        (void) fflush(stdout);

        memset(&sa, 0, sizeof sa);
        sa.sa_handler = on_alarm;
        (void) sigaction(SIGALRM, &sa, NULL);
        sides = mmap(NULL, 3 * sizeof *sides, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
        if (sides == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                perror("soak");
                return 2;
        }

        map_descriptors(descriptors, false);
        for (i = 1; i <= (long) n; i++) {
                handshake(i);
                if (terminal && i % 512 == 0)
                        fprintf(stderr, "\r%ld of %llu", i, (unsigned long long) n);
        }
        if (terminal)
                fprintf(stderr, "\r%30s\r", "");
        if (descriptor_is_left())
                fail(i, "a descriptor is left");
        print_table();
        printf("soak: %llu handshakes, %ld orphans reaped, nothing unexpected\n",
               (unsigned long long) n, orphans);
        return 0;
}
