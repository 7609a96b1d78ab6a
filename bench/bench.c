/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * bench - what a wait costs, side by side with what else there is
 *
 * How to run it, how it measures and what came out: README.md beside this file.
 *
 * A contender is one way to meet: open_link(), take_side(), go_round() and close_link() say how. A
 * scenario is an entry of the table near the end: a function that takes one sample of one of its
 * rows, parameters, and targets. run() takes the samples, each in a process made for it; what is
 * printed are medians and quartiles of many, and figure() makes them. The library is compiled in,
 * so a variant is one option of the compiler away.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* System calls are counted where they are made, in the library and beside it. An increment is below
 * a nanosecond and the same for all, so it stays in while the clock runs. */
static unsigned long calls;
#define write(fd, p, n)                (calls++, write(fd, p, n))
#define read(fd, p, n)                 (calls++, read(fd, p, n))
#define preadv2(fd, iov, n, at, flags) (calls++, preadv2(fd, iov, n, at, flags))
#define poll(fds, n, msec)             (calls++, poll(fds, n, msec))
#define ppoll(fds, n, timeout, set)    (calls++, ppoll(fds, n, timeout, set))

#define BARRIER_API static
#include "../barrier.c" /* NOLINT(bugprone-suspicious-include): a private copy, as barrier.h says */

enum { MAX_ROWS = 8, MAX_REPS = 201, MAX_TARGETS = 4, MAX_CHILDREN = 2000 };
enum { WARM_UP_MSEC = 5, BATCH = 64, HABIT = 1000 };

static size_t usable[2], nusable; /* the first two that this process may use; all runs on these */
static int repetition;

/* ---- small things ---------------------------------------------------------------------------- */

static void die(const char *what) {
        fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static int must(int r, const char *what) {
        if (r < 0)
                die(what);
        return r;
}

static int64_t clock_ns(clockid_t id) {
        struct timespec ts = { 0, 0 };

        must(clock_gettime(id, &ts), "clock_gettime");
        return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* What passed between start() and stop(), all such stretches together. */
static struct spent {
        int64_t wall, cpu;
        unsigned long calls;
} spent;

static void start(void) {
        spent.calls -= calls;
        spent.cpu -= clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        spent.wall -= clock_ns(CLOCK_MONOTONIC);
}

static void stop(void) {
        spent.wall += clock_ns(CLOCK_MONOTONIC);
        spent.cpu += clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        spent.calls += calls;
}

static void spin(unsigned times) {
        volatile unsigned i;

        for (i = 0; i < times; i++)
                ;
}

/* Works for that much CPU time, so that it is the same work however often it is preempted. */
static void work(int64_t ns) {
        const int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;

        while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
                spin(500);
}

static uint32_t random_below(uint32_t limit, uint32_t *seed) {
        *seed = *seed * 1664525u + 1013904223u;
        return (uint32_t) ((uint64_t) *seed * limit >> 32);
}

/* Where the two sides run: on either CPU; on one; on one from when the roles are set; on one each. */
enum where { FREE = 1, ONE, LATE, APART };

static void pin(enum where where, size_t side) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(usable[where == APART ? side : 0], &set);
        if (where == FREE || where == LATE)
                CPU_SET(usable[nusable - 1], &set);
        must(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

/* fork(); the child does not outlive its parent. */
static pid_t spawn(void) {
        const pid_t parent = getpid(), pid = must(fork(), "fork");

        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(1);
        return pid;
}

static void finish(pid_t pid) {
        must(kill(pid, SIGKILL), "kill");
        must(waitpid(pid, NULL, 0), "waitpid");
}

/* ---- the contenders -------------------------------------------------------------------------- */

/* RAW is one eventfd each way, which tells nobody that the other side died. */
enum who { LIBRARY = 1, CLASSIC, PTHREAD, SEMS, SOCKETS, PIPES, RAW, RAW_SPINNING, FORK_ALONE };

/* clang-format off */
static const char *const names[] = { "", "library", "classic", "pthread_barrier_t", "two sem_t",
        "socket pair", "two pipes", "raw eventfds", "raw, spinning", "fork alone" };
/* clang-format on */

/* All times are in microseconds, and of one round. */
enum metric { WALL, CPU, CALLS, SHARED, LOST, METRICS };

/* What the processes of one sample share. */
static struct shared {
        volatile long last[2]; /* the last round, of warming up and of what is measured */
        volatile int cpu;      /* that the child was last seen on */
        struct spent child;
        double result[METRICS];
        pthread_barrier_t barrier;
        sem_t sem[2];
} * shared;

struct link {
        enum who who;
        int side;      /* 0: the parent, 1: the child */
        int way[2][2]; /* what is read and what is written, to the parent and to the child */
        int gone[2];   /* tells the classic design of hang-ups */
        uint64_t placed, received;
        Barrier b;
};

static void open_link(struct link *l, enum who who) {
        const int flags = EFD_CLOEXEC | (who == RAW ? EFD_SEMAPHORE : EFD_NONBLOCK);
        pthread_barrierattr_t attr;

        memset(l, 0, sizeof *l);
        l->who = who;
        if (who == LIBRARY)
                must(barrier_init(&l->b), "barrier_init");
        else if (who == CLASSIC || who == RAW || who == RAW_SPINNING) {
                l->way[0][0] = l->way[0][1] = must(eventfd(0, flags), "eventfd");
                l->way[1][0] = l->way[1][1] = must(eventfd(0, flags), "eventfd");
                if (who == CLASSIC)
                        must(pipe2(l->gone, O_CLOEXEC | O_NONBLOCK), "pipe2");
        } else if (who == PIPES) {
                must(pipe2(l->way[0], O_CLOEXEC), "pipe2");
                must(pipe2(l->way[1], O_CLOEXEC), "pipe2");
        } else if (who == SOCKETS) { /* either end does for reading and for writing */
                must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->way[0]), "socketpair");
                l->way[1][0] = l->way[0][1];
                l->way[1][1] = l->way[0][0];
        } else if (who == PTHREAD) {
                must(-pthread_barrierattr_init(&attr), "pthread_barrierattr_init");
                must(-pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), "setpshared");
                must(-pthread_barrier_init(&shared->barrier, &attr, 2), "pthread_barrier_init");
        } else if (who == SEMS) {
                must(sem_init(&shared->sem[0], 1, 0), "sem_init");
                must(sem_init(&shared->sem[1], 1, 0), "sem_init");
        }
}

static void take_side(struct link *l, int side) {
        l->side = side;
        if (l->who == LIBRARY) {
                must(barrier_set_role(&l->b, side ? BARRIER_CHILD : BARRIER_PARENT), "set_role");
                l->way[side][0] = l->way[side][1] = l->b.them;
        } else if (l->who == CLASSIC)
                close(l->gone[!side]);
}

static void put(int fd) {
        const uint64_t one = 1;

        must((int) write(fd, &one, sizeof one), "write");
}

static void place(struct link *l) {
        if (l->who != LIBRARY)
                put(l->way[!l->side][1]);
        else if (!barrier_place(&l->b))
                die("barrier_place");
}

/* False if nothing is there. */
static bool take(struct link *l) {
        uint64_t value = 0;

        if (read(l->way[l->side][0], &value, sizeof value) < 0 && errno != EAGAIN)
                die("read");
        l->received += value;
        return value > 0;
}

static void go_round(struct link *l) {
        struct pollfd fds[2] = { { l->gone[l->side], 0, 0 }, { l->way[l->side][0], POLLIN, 0 } };

        if (l->who == LIBRARY) {
                if (!barrier_place_and_sync(&l->b))
                        die("barrier_place_and_sync");
        } else if (l->who == PTHREAD)
                (void) pthread_barrier_wait(&shared->barrier);
        else if (l->who == SEMS) {
                must(sem_post(&shared->sem[l->side]), "sem_post");
                must(sem_wait(&shared->sem[!l->side]), "sem_wait");
        } else if (l->who != FORK_ALONE) {
                place(l);
                for (l->placed++; l->received < l->placed;) {
                        if (l->who == CLASSIC)
                                must(poll(fds, 2, -1), "poll");
                        if (!take(l) && l->who != RAW_SPINNING)
                                die("the other side left");
                }
        }
}

/* Of those that one process opens again and again. */
static void close_link(struct link *l) {
        if (l->who == LIBRARY)
                barrier_destroy(&l->b);
        else if (l->who == CLASSIC) {
                close(l->way[0][0]);
                close(l->way[1][0]);
                close(l->gone[l->side]);
        }
}

/* ---- how a sample is taken ------------------------------------------------------------------- */

/* RATIO of one row to another, how much MORE it is, or just its VALUE. */
enum kind { RATIO = 1, MORE, VALUE };

struct target {
        const char *what;
        enum metric metric;
        enum kind kind;
        int of, to;      /* rows */
        double limit;    /* at most */
        enum where when; /* only where the sides were found APART, or on ONE CPU */
};

struct scenario {
        const char *name, *title;
        void (*sample)(const struct scenario *s, int row);
        int reps; /* samples of each row, as far as the command line does not say */
        enum where where, hogs;
        int msec;    /* how long a sample lasts, */
        long rounds; /* or how many rounds it has */
        long work;   /* up to that many nanoseconds before each round */
        int late;    /* milliseconds that the child comes late, after a habit of quick rounds */
        enum who who[MAX_ROWS];
        long n[MAX_ROWS]; /* what else distinguishes the rows */
        struct target target[MAX_TARGETS];
};

/* Makes this process the parent of a fresh link, and a new one the child. Both return, and run the
 * same code until part(). */
static pid_t meet(const struct scenario *s, int row, struct link *l) {
        pid_t child;

        open_link(l, s->who[row]);
        child = spawn();
        pin(s->where, child == 0);
        take_side(l, child == 0);
        if (s->where == LATE)
                pin(ONE, 0);
        return child;
}

static void part(pid_t child) {
        int status = 0;

        if (child == 0)
                _exit(0);
        must(waitpid(child, &status, 0), "waitpid");
        if (status)
                _exit(1);
}

/* Time of this process, CPU time and system calls of both. */
static void report(long rounds) {
        const struct spent *child = &shared->child;
        const double n = (double) rounds;

        shared->result[WALL] = (double) spent.wall / n / 1000;
        shared->result[CPU] = (double) (spent.cpu + child->cpu) / n / 1000;
        if (spent.calls) /* some contenders leave that to libc */
                shared->result[CALLS] =
                        (double) (spent.calls + child->calls) / n / (child->calls ? 2 : 1);
}

/* One side's rounds, to warm up (phase 0) or to be measured. The parent says which one is the last
 * before it begins it; no contender lets the child end that round earlier, so the child can not
 * miss it. */
static long play(const struct scenario *s, struct link *l, int phase) {
        const long limit = phase ? s->rounds : 0, every = s->rounds ? 1 : 16;
        const int64_t nsec = (phase ? s->msec : WARM_UP_MSEC) * INT64_C(1000000);
        const int64_t deadline = clock_ns(CLOCK_MONOTONIC) + nsec;
        uint32_t seed = (uint32_t) (2 * repetition + l->side);
        long n = 0, looks = 0, same = 0;

        memset(&spent, 0, sizeof spent);
        start();
        do {
                n++;
                if (l->side == 0 &&
                    (limit ? n == limit : n % 16 == 0 && clock_ns(CLOCK_MONOTONIC) >= deadline))
                        shared->last[phase] = n;
                if (s->work)
                        work(random_below((uint32_t) s->work, &seed));
                go_round(l);
                if ((n - 1) % every == 0) {
                        looks++;
                        same += shared->cpu == sched_getcpu();
                        if (l->side)
                                shared->cpu = sched_getcpu();
                }
        } while (shared->last[phase] != n);
        stop();
        if (l->side)
                shared->child = spent;
        else
                shared->result[SHARED] = 100.0 * (double) same / (double) looks;
        return n;
}

static void pair_sample(const struct scenario *s, int row) {
        struct link l;
        const pid_t child = meet(s, row, &l);
        long rounds;

        (void) play(s, &l, 0);
        if (child == 0 && s->late)
                (void) poll(NULL, 0, s->late);
        rounds = play(s, &l, 1);
        part(child);
        report(rounds);
}

/* Quick rounds, the first of them to warm up; rounds for which the child takes its time; quick
 * rounds. What is lost is how much longer the latter take than the former, in per cent of the time
 * of the slow ones. */
static void habit_sample(const struct scenario *s, int row) {
        struct link l;
        const pid_t child = meet(s, row, &l);
        int64_t took[4];
        int i, phase;

        for (phase = 0; phase < 4; phase++) {
                took[phase] = -clock_ns(CLOCK_MONOTONIC);
                for (i = 0; i < HABIT; i++) {
                        if (child == 0 && phase == 2)
                                work(s->work);
                        go_round(&l);
                }
                took[phase] += clock_ns(CLOCK_MONOTONIC);
        }
        part(child);
        shared->result[WALL] = (double) took[1] / HABIT / 1000;
        shared->result[LOST] = 100.0 * (double) (took[3] - took[1]) / (double) took[2];
}

static void fork_sample(const struct scenario *s, int row) {
        struct link l;
        long i;

        start();
        for (i = 0; i < s->rounds; i++) {
                const pid_t child = meet(s, row, &l);

                go_round(&l);
                part(child);
                close_link(&l);
        }
        stop();
        report(s->rounds);
        shared->result[CPU] = shared->result[CALLS] = (double) NAN; /* the children's are missing */
}

/* A place and a sync with n barriers there already; without any, the sync is a try. The child only
 * holds its descriptors: its barriers are written on its behalf, off the clock, and so are the
 * parent's but for the last one. */
static void ready_sample(const struct scenario *s, int row) {
        static struct link link[BATCH];
        const long n = s->n[row], batch = n > 1 ? 1 : BATCH, rounds = n > 1 ? 1 : s->rounds;
        pid_t child;
        long i, k, m;

        for (i = 0; i < batch; i++)
                open_link(&link[i], s->who[row]);
        child = spawn();
        for (i = 0; i < batch; i++)
                take_side(&link[i], child == 0);
        if (child == 0)
                _exit(pause());
        for (i = 0; n == 0 && i < batch; i++)
                barrier_set_timeout(&link[i].b, 0);
        for (k = 0; k < rounds; k++) {
                for (i = 0; i < batch; i++)
                        for (m = 0; m < n; m++) {
                                put(link[i].way[0][1]);
                                if (m > 0)
                                        place(&link[i]);
                        }
                start();
                for (i = 0; i < batch; i++)
                        if (n > 0)
                                go_round(&link[i]);
                        else if (barrier_place_and_sync(&link[i].b))
                                die("barrier_sync");
                stop();
        }
        report(rounds * batch);
        finish(child);
}

/* Takes one child as far as it goes without blocking; true if that was its last round. */
static bool loop_turn(struct link *l, long *left) {
        do {
                if (l->who != LIBRARY)
                        (void) take(l);
                else if (!barrier_sync(&l->b)) {
                        if (errno != ETIMEDOUT || barrier_they_aborted(&l->b))
                                die("barrier_sync");
                        return false;
                }
                if (--*left == 0)
                        return true;
                place(l);
        } while (l->who == LIBRARY);
        return false;
}

/* All children place and wait; the parent's event loop takes each through its rounds. It is about
 * the same number of rounds for any number of children. */
static void loop_sample(const struct scenario *s, int row) {
        static struct link link[MAX_CHILDREN];
        static pid_t child[MAX_CHILDREN];
        static long left[MAX_CHILDREN];
        const long n = s->n[row], rounds = s->rounds / n;
        const int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        struct epoll_event e[64];
        long i, busy = n;

        for (i = 0; i < n; i++) {
                struct pollfd fds[BARRIER_POLLFDS];
                int k = 1;

                child[i] = meet(s, row, &link[i]);
                for (left[i] = rounds; child[i] == 0 && left[i] > 0; left[i]--)
                        go_round(&link[i]);
                if (child[i] == 0)
                        _exit(pause());
                fds[0].fd = link[i].way[0][0];
                fds[0].events = POLLIN;
                must(poll(fds, 1, -1), "poll"); /* it has placed */
                if (s->who[row] == LIBRARY) {
                        barrier_set_timeout(&link[i].b, 0);
                        k = must(barrier_get_pollfds(&link[i].b, fds), "barrier_get_pollfds");
                }
                while (k-- > 0) {
                        e->events = (uint32_t) fds[k].events;
                        e->data.u64 = (uint64_t) i;
                        must(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[k].fd, e), "epoll_ctl");
                }
        }
        start();
        for (i = 0; i < n; i++)
                place(&link[i]);
        while (busy) {
                int ready = must(epoll_wait(epoll, e, 64, -1), "epoll_wait");

                while (ready-- > 0) {
                        i = (long) e[ready].data.u64;
                        busy -= loop_turn(&link[i], &left[i]);
                }
        }
        stop();
        report(rounds * n);
        for (i = 0; i < n; i++)
                finish(child[i]);
}

/* ---- the scenarios --------------------------------------------------------------------------- */

/* clang-format off */
#define BOTH                 .who = { LIBRARY, CLASSIC }
#define WALL_AT_MOST(limit)  { "wall, library / classic", WALL, RATIO, 0, 1, limit, 0 }
#define CPU_AT_MOST(limit)   { "CPU, library / classic", CPU, RATIO, 0, 1, limit, 0 }
#define CPU_MORE(limit)      { "CPU, library - classic", CPU, MORE, 0, 1, limit, 0 }
#define LOOP(children, of)   { "CPU, library / raw, " children, CPU, RATIO, of, (of) + 4, 1, 0 }

static const struct scenario scenarios[] = {
{ "lockstep", "lockstep, nothing bound", pair_sample, 31, FREE, .msec = 20,
  .who = { LIBRARY, CLASSIC, PTHREAD, SEMS, SOCKETS, PIPES, RAW, RAW_SPINNING },
  .target = { { "wall, library / classic, on two CPUs", WALL, RATIO, 0, 1, 0.05, APART },
              { "wall, library / classic, sharing a CPU", WALL, RATIO, 0, 1, 1.05, ONE } } },
{ "apart", "lockstep, each side bound to a CPU", pair_sample, 31, APART, .msec = 20,
  BOTH, .target = { WALL_AT_MOST(0.05) } },
{ "hogs-apart", "the same, a hog on each CPU", pair_sample, 15, APART, APART, .msec = 100,
  BOTH, .target = { WALL_AT_MOST(0.1) } },
{ "hogs-free", "lockstep, two hogs, nothing bound", pair_sample, 31, FREE, FREE, .msec = 100,
  BOTH, .target = { WALL_AT_MOST(1.05), CPU_AT_MOST(1.05) } },
{ "one-cpu", "lockstep on one CPU", pair_sample, 31, ONE, .msec = 20,
  .who = { LIBRARY, CLASSIC, PTHREAD, SEMS, SOCKETS, PIPES, RAW },
  .target = { WALL_AT_MOST(1.05), CPU_AT_MOST(1.05) } },
{ "one-cpu-late", "lockstep, moved to one CPU after the roles were set", pair_sample, 31, LATE,
  .msec = 20, BOTH, .target = { WALL_AT_MOST(1.05), CPU_AT_MOST(1.05) } },
{ "works", "each side works 0 to 40 us before each round", pair_sample, 31, FREE, .rounds = 500,
  .work = 40000, BOTH, .target = { WALL_AT_MOST(0.85), CPU_AT_MOST(1.05) } },
{ "works-long", "each side works 0 to 2 ms before each round", pair_sample, 31, FREE, .rounds = 80,
  .work = 2000000, BOTH, .target = { WALL_AT_MOST(1), CPU_MORE(25) } },
{ "late", "one side comes 50 ms late", pair_sample, 31, FREE, .rounds = 1, .late = 50,
  BOTH, .target = { WALL_AT_MOST(1), CPU_MORE(25) } },
{ "fork", "fork, one round, exit, reap", fork_sample, 31, FREE, .rounds = 60,
  .who = { LIBRARY, CLASSIC, FORK_ALONE }, .target = { WALL_AT_MOST(0.95) } },
{ "fork-one-cpu", "the same on one CPU", fork_sample, 31, ONE, .rounds = 60,
  .who = { LIBRARY, CLASSIC, FORK_ALONE }, .target = { WALL_AT_MOST(1.02) } },
{ "ready", "place and sync, so many barriers are already there, or none", ready_sample, 31, ONE,
  .rounds = 300, .who = { LIBRARY, CLASSIC, LIBRARY, LIBRARY }, .n = { 1, 1, 0, 1000000 },
  .target = { WALL_AT_MOST(0.6), { "system calls", CALLS, VALUE, 0, 0, 2, 0 },
              { "system calls, place and an empty try", CALLS, VALUE, 2, 2, 3, 0 },
              { "system calls, 1,000,000 are there", CALLS, VALUE, 3, 3, 2, 0 } } },
{ "habit", "quick rounds, 1,000 slow ones, 1,000 quick ones: time lost, in % of the slow ones'",
  habit_sample, 31, APART, .work = 200000, .who = { LIBRARY },
  .target = { { "time lost", LOST, VALUE, 0, 0, 5, 0 } } },
{ "loop", "so many children, an event loop: a round of one child, CPU time of the parent",
  loop_sample, 9, FREE, .rounds = 20000,
  .who = { LIBRARY, LIBRARY, LIBRARY, LIBRARY, RAW, RAW, RAW, RAW },
  .n = { 10, 100, 1000, MAX_CHILDREN, 10, 100, 1000, MAX_CHILDREN },
  .target = { LOOP("10", 0), LOOP("100", 1), LOOP("1,000", 2), LOOP("2,000", 3) } },
};
/* clang-format on */

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static double samples[SCENARIOS][MAX_ROWS][MAX_REPS][METRICS];
static int taken[SCENARIOS]; /* repetitions */

/* ---- running --------------------------------------------------------------------------------- */

static void take_sample(const struct scenario *s, int row) {
        int status, i;
        pid_t pid;

        memset(shared, 0, sizeof *shared);
        shared->cpu = -1;
        for (i = 0; i < METRICS; i++)
                shared->result[i] = (double) NAN;
        pid = spawn();
        if (pid == 0) {
                (void) alarm(120); /* not everybody notices that the other side failed */
                pin(s->where, 0);
                s->sample(s, row);
                _exit(0);
        }
        must(waitpid(pid, &status, 0), "waitpid");
        if (status) {
                fprintf(stderr, "bench: a sample of %s failed\n", s->name);
                _exit(1);
        }
        memcpy(samples[s - scenarios][row][repetition], shared->result, sizeof shared->result);
}

/* Takes one sample of each row per repetition, in a new random order each time, so that whatever
 * else the machine does hits all rows alike. */
static void run(const struct scenario *s, int reps) {
        static uint32_t seed = 1;
        int i, k, order[MAX_ROWS] = { 0 };
        pid_t hog[2] = { 0, 0 };
        size_t h;

        for (h = 0; s->hogs && h < 2; h++) {
                hog[h] = spawn();
                if (hog[h] == 0)
                        for (pin(s->hogs, h);;)
                                spin(1000000);
        }
        for (repetition = 0; repetition < reps; repetition++) {
                for (i = 0; i < MAX_ROWS; i++) { /* shuffles while it fills */
                        k = (int) random_below((uint32_t) i + 1, &seed);
                        order[i] = order[k];
                        order[k] = i;
                }
                for (i = 0; i < MAX_ROWS; i++)
                        if (s->who[order[i]])
                                take_sample(s, order[i]);
        }
        taken[s - scenarios] = reps;
        for (h = 0; s->hogs && h < 2; h++)
                finish(hog[h]);
}

/* ---- output ---------------------------------------------------------------------------------- */

struct figure {
        double q1, median, q3;
        int n;
};

static int compare(const void *a, const void *b) {
        const double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

/* Compares within each repetition, so that what slows the whole machine for a while cancels out. If
 * the target is for one placement only, takes the repetitions in which both rows were found APART,
 * or those in which one of them shared ONE CPU. */
static struct figure figure(const struct scenario *s, const struct target *t) {
        double v[MAX_REPS];
        int i, n = 0;

        for (i = 0; i < taken[s - scenarios]; i++) {
                const double *of = samples[s - scenarios][t->of][i];
                const double *to = samples[s - scenarios][t->to][i];
                const bool sharing = of[SHARED] > 10 || to[SHARED] > 10;
                double x = of[t->metric];

                if (t->when && sharing != (t->when == ONE))
                        continue;
                if (t->kind == RATIO)
                        x /= to[t->metric];
                else if (t->kind == MORE)
                        x -= to[t->metric];
                if (!isnan(x))
                        v[n++] = x;
        }
        if (n == 0)
                return (struct figure){ (double) NAN, (double) NAN, (double) NAN, 0 };
        qsort(v, (size_t) n, sizeof *v, compare);
        return (struct figure){ v[n / 4], v[n / 2], v[n - 1 - n / 4], n };
}

static void show(const struct scenario *s) {
        int row, k, base;

        printf("%-25s   wall us    CPU us     calls  %% shared    %% lost   wall, library / this\n",
               "");
        for (row = 0; row < MAX_ROWS && s->who[row]; row++) {
                printf("%-17s %7.0ld", names[s->who[row]], s->n[row]); /* .0 leaves a 0 out */
                for (k = 0; k < METRICS; k++) {
                        const struct target t = { "", (enum metric) k, VALUE, row, row, 0, 0 };
                        const struct figure f = figure(s, &t);

                        if (f.n)
                                printf(" %9.2f", f.median);
                        else
                                printf(" %9s", "-");
                }
                for (base = 0; s->n[base] != s->n[row]; base++)
                        ;
                if (base != row) {
                        const struct target t = { "", WALL, RATIO, base, row, 0, 0 };
                        const struct figure f = figure(s, &t);

                        printf("   %.3f (%.3f to %.3f)", f.median, f.q1, f.q3);
                }
                putchar('\n');
        }
        fflush(stdout);
}

/* A target is met if the median keeps to it; if just the lower quartile does, that may be noise. */
static void judge(void) {
        static const char *const verdict[] = { "met", "noise", "MISSED" };
        int i, k, count[3] = { 0, 0, 0 };

        printf("\nTargets; what is compared is compared within each repetition:\n");
        for (i = 0; i < SCENARIOS; i++)
                for (k = 0; k < MAX_TARGETS && scenarios[i].target[k].kind; k++) {
                        const struct target *t = &scenarios[i].target[k];
                        const struct figure f = figure(&scenarios[i], t);
                        const int missed = (f.median > t->limit) + (f.q1 > t->limit);

                        if (taken[i] && f.n == 0)
                                printf("-      %-12s %s: never seen\n", scenarios[i].name, t->what);
                        if (f.n == 0)
                                continue;
                        count[missed]++;
                        printf("%-6s %-12s %s: %.3f (%.3f to %.3f), at most %g", verdict[missed],
                               scenarios[i].name, t->what, f.median, f.q1, f.q3, t->limit);
                        if (f.n < taken[i])
                                printf(", in %d of %d", f.n, taken[i]);
                        putchar('\n');
                }
        printf("%d met, %d may be noise, %d missed\n", count[0], count[1], count[2]);
}

/* ---- the command line ------------------------------------------------------------------------ */

static int usage(void) {
        int i;

        fprintf(stderr, "usage: bench [-r REPETITIONS] [SCENARIO]...\n");
        for (i = 0; i < SCENARIOS; i++)
                fprintf(stderr, "  %-13s %s\n", scenarios[i].name, scenarios[i].title);
        return 2;
}

/* Finds the CPUs, makes what the processes of a sample share, and room for their descriptors. */
static void prepare(void) {
        struct rlimit files;
        struct utsname un;
        double load = 0;
        cpu_set_t set;
        size_t i;

        must(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
        for (i = 0; i < CPU_SETSIZE && nusable < 2; i++)
                if (CPU_ISSET(i, &set))
                        usable[nusable++] = i;
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                die("mmap");
        must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
        files.rlim_cur = files.rlim_max;
        must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
        must(uname(&un), "uname");
        must(getloadavg(&load, 1), "getloadavg");
        printf("barrier %s, BARRIER_TRIES %d; %s %s %s, %zu CPU(s), load %.2f%s\n", BARRIER_VERSION,
               BARRIER_TRIES, un.sysname, un.release, un.machine, nusable, load,
               load > 0.5 ? ": others are busy here" : "");
}

static int wanted(const struct scenario *s, char **name) {
        int n = 0;

        for (; *name; name++)
                n += strcmp(*name, s->name) == 0;
        return n;
}

int main(int argc, char **argv) {
        int c, i, known = 0, reps = 0;

        while ((c = getopt(argc, argv, "r:")) >= 0) {
                reps = c == 'r' ? (int) strtol(optarg, NULL, 10) : 0;
                if (reps < 1 || reps > MAX_REPS)
                        return usage();
        }
        for (i = 0; i < SCENARIOS; i++)
                known += wanted(&scenarios[i], argv + optind);
        if (known != argc - optind)
                return usage();

        prepare();
        for (i = 0; i < SCENARIOS; i++) {
                const struct scenario *s = &scenarios[i];

                if (known && !wanted(s, argv + optind))
                        continue;
                printf("\n%s: %s\n", s->name, s->title);
                fflush(stdout);
                if (nusable < 2 && s->where != ONE)
                        printf("SKIPPED: it needs two CPUs\n");
                else {
                        run(s, reps ? reps : s->reps);
                        show(s);
                }
        }
        judge();
        if (fflush(stdout) || ferror(stdout))
                die("standard output");
        return 0;
}
