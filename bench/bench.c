/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * bench - what a wait costs, side by side with what else there is
 *
 * How to run it, how it measures and what came out: README.md beside this file.
 *
 * A contender is one way to meet: open_link(), meet(), go_round() and close_link() say how. A
 * scenario is an entry of the table near the end: a function that takes one sample of one of its
 * rows, parameters, and targets. run() takes the samples; figure() makes medians and quartiles of
 * them. The library is compiled in, so a variant is one option of the compiler away.
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
#include <sys/uio.h>
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

#define BARRIER_API static
#include "../barrier.c" /* NOLINT(bugprone-suspicious-include): a private copy, as barrier.h says */

enum { MAX_ROWS = 8, MAX_REPS = 201, MAX_TARGETS = 4, MAX_CHILDREN = 2000 };
enum { WARM_UP = 1000, BATCH = 64, SLOW_NSEC = 400000 };

static size_t usable[2]; /* the first two CPUs that this process may use; all runs on these */
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
        for (volatile unsigned i = 0; i < times; i++)
                ;
}

/* Works for that much CPU time, so that it is the same work however often it is preempted. */
static void work(int64_t ns) {
        const int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;

        while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
                spin(500);
}

/* Where both sides run: on either CPU; on one; on one from when the roles are set; on one each. */
enum where { FREE = 1, ONE, LATE, APART };

static void pin(enum where where, size_t side) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(usable[where == APART ? side : 0], &set);
        if (where == FREE || where == LATE)
                CPU_SET(usable[1], &set);
        must(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

/* fork(); the child does not outlive its parent. */
static pid_t spawn(void) {
        const pid_t parent = getpid(), pid = must(fork(), "fork");

        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(1);
        return pid;
}

static void finish(const pid_t *pids, long n) {
        while (n-- > 0) {
                must(kill(pids[n], SIGKILL), "kill");
                must(waitpid(pids[n], NULL, 0), "waitpid");
        }
}

/* ---- the contenders -------------------------------------------------------------------------- */

/* PTHREAD is a pthread_barrier_t. RAW is one eventfd each way. Neither tells anybody that the other
 * side died. */
enum who { LIBRARY = 1, CLASSIC, PTHREAD, RAW, FORK_ALONE };

static const char *const names[] = { "", "library", "classic", "pthread", "raw", "fork alone" };

/* Of one round. */
static const char *const metrics[] = { "wall us", "CPU us", "calls", "% shared" };
enum metric { WALL, CPU, CALLS, SHARED, METRICS };

/* What the processes of one sample share. */
static struct shared {
        volatile int cpu; /* that the child is on */
        struct spent child;
        double result[METRICS];
        pthread_barrier_t barrier;
} * shared;

struct link {
        enum who who;
        int side;    /* 0: the parent, 1: the child */
        int to[2];   /* the eventfd that each side reads */
        int gone[2]; /* tells the classic design of hang-ups */
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
        else if (who == CLASSIC || who == RAW) {
                l->to[0] = must(eventfd(0, flags), "eventfd");
                l->to[1] = must(eventfd(0, flags), "eventfd");
                if (who == CLASSIC)
                        must(pipe2(l->gone, O_CLOEXEC | O_NONBLOCK), "pipe2");
        } else if (who == PTHREAD) {
                must(-pthread_barrierattr_init(&attr), "pthread_barrierattr_init");
                must(-pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), "setpshared");
                must(-pthread_barrier_init(&shared->barrier, &attr, 2), "pthread_barrier_init");
        }
}

static void put(int fd) {
        const uint64_t one = 1;

        must((int) write(fd, &one, sizeof one), "write");
}

static void place(struct link *l) {
        if (l->who != LIBRARY)
                put(l->to[!l->side]);
        else if (!barrier_place(&l->b))
                die("barrier_place");
}

static void take(struct link *l) {
        uint64_t value;

        if (read(l->to[l->side], &value, sizeof value) < 0)
                die("read");
        l->received += value;
}

static void go_round(struct link *l) {
        struct pollfd fds[2] = { { l->gone[l->side], 0, 0 }, { l->to[l->side], POLLIN, 0 } };

        if (l->who == LIBRARY) {
                if (!barrier_place_and_sync(&l->b) && errno != ETIMEDOUT)
                        die("barrier_place_and_sync");
        } else if (l->who == PTHREAD)
                (void) pthread_barrier_wait(&shared->barrier);
        else if (l->who != FORK_ALONE) {
                place(l);
                for (l->placed++; l->received < l->placed;) {
                        if (l->who == CLASSIC)
                                must(poll(fds, 2, -1), "poll");
                        take(l);
                }
        }
}

static void close_link(struct link *l) {
        if (l->who == LIBRARY)
                barrier_destroy(&l->b);
        else if (l->who == CLASSIC) {
                close(l->to[0]);
                close(l->to[1]);
                close(l->gone[l->side]);
        }
}

/* ---- how a sample is taken ------------------------------------------------------------------- */

/* Row `of` divided by row `to`, less row `to`, or as it is. */
struct target {
        enum metric metric;
        char sign; /* '/', '-' or '=' */
        int of, to;
        double limit;    /* at most */
        enum where when; /* only where the sides were found APART, or on ONE CPU */
};

struct scenario {
        const char *name, *title;
        void (*sample)(const struct scenario *s, int row);
        enum where where, hogs;
        long rounds;
        long work; /* up to that many nanoseconds before each round */
        int late;  /* milliseconds that the child comes late */
        int taken; /* repetitions */
        enum who who[MAX_ROWS];
        long n[MAX_ROWS]; /* what else distinguishes the rows */
        struct target target[MAX_TARGETS];
        double samples[MAX_ROWS][MAX_REPS][METRICS];
};

/* Makes this process the parent of a fresh link, and a new one the child. Both return, and run the
 * same code until part(). */
static pid_t meet(const struct scenario *s, int row, struct link *l) {
        pid_t child;

        open_link(l, s->who[row]);
        child = spawn();
        pin(s->where, child == 0);
        l->side = child == 0;
        if (l->who == LIBRARY) {
                must(barrier_set_role(&l->b, child ? BARRIER_PARENT : BARRIER_CHILD), "set_role");
                l->to[l->side] = l->b.them;
        } else if (l->who == CLASSIC)
                close(l->gone[!l->side]);
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
static void report(double rounds) {
        const struct spent *child = &shared->child;

        shared->result[WALL] = (double) spent.wall / rounds / 1000;
        shared->result[CPU] = (double) (spent.cpu + child->cpu) / rounds / 1000;
        if (spent.calls) /* some contenders leave that to libc */
                shared->result[CALLS] =
                        (double) (spent.calls + child->calls) / rounds / (child->calls ? 2 : 1);
}

/* One side's rounds. The child leaves a note where it is; as long as it stays there, nobody writes
 * to that cache line. */
static void play(struct link *l, long rounds, long most_work) {
        unsigned seed = (unsigned) (2 * repetition + l->side);
        long i, same = 0;

        memset(&spent, 0, sizeof spent);
        start();
        for (i = 0; i < rounds; i++) {
                const int cpu = sched_getcpu();
                const bool elsewhere = cpu != shared->cpu;

                same += !elsewhere;
                if (l->side && elsewhere)
                        shared->cpu = cpu;
                if (most_work)
                        work(rand_r(&seed) % most_work);
                go_round(l);
        }
        stop();
        if (l->side)
                shared->child = spent;
        else
                shared->result[SHARED] = 100.0 * (double) same / (double) rounds;
}

/* Quick rounds to warm up; as many rounds as the row says for which the child takes its time; and
 * those that count. */
static void pair_sample(const struct scenario *s, int row) {
        struct link l;
        const pid_t child = meet(s, row, &l);

        play(&l, WARM_UP, 0);
        play(&l, s->n[row], l.side ? SLOW_NSEC : 0);
        if (l.side)
                (void) poll(NULL, 0, s->late);
        play(&l, s->rounds, s->work);
        part(child);
        report((double) s->rounds);
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
        shared->result[WALL] = (double) spent.wall / (double) s->rounds / 1000;
}

/* The parent's side of many links. */
static struct link links[MAX_CHILDREN];
static pid_t children[MAX_CHILDREN];

/* Makes n links, each with a child that goes so many rounds and then just holds its descriptors. */
static void gather(const struct scenario *s, int row, long n, long rounds) {
        long i;

        for (i = 0; i < n; i++) {
                children[i] = meet(s, row, &links[i]);
                if (children[i] > 0)
                        continue;
                while (rounds-- > 0)
                        go_round(&links[i]);
                _exit(pause());
        }
}

/* A place and a sync whose barrier is already there, written on the child's behalf and off the
 * clock, or is not, and then the sync is a try. */
static void ready_sample(const struct scenario *s, int row) {
        long i, k;

        gather(s, row, BATCH, 0);
        for (k = 0; k < s->rounds; k++) {
                for (i = 0; i < BATCH; i++)
                        if (s->n[row])
                                put(links[i].to[0]);
                        else
                                barrier_set_timeout(&links[i].b, 0);
                start();
                for (i = 0; i < BATCH; i++)
                        go_round(&links[i]);
                stop();
        }
        report((double) s->rounds * BATCH);
        finish(children, BATCH);
}

/* Takes one child as far as it goes without blocking; returns for how many rounds. */
static long advance(struct link *l) {
        long n = 0;

        if (l->who != LIBRARY) {
                take(l);
                place(l);
                return 1;
        }
        for (; barrier_sync(&l->b); n++)
                place(l);
        if (errno != ETIMEDOUT)
                die("barrier_sync");
        return n;
}

/* All children place and wait; the parent's event loop takes each through its rounds. It is about
 * the same number of rounds for any number of children. */
static void loop_sample(const struct scenario *s, int row) {
        const long n = s->n[row], rounds = s->rounds / n;
        const int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        struct epoll_event e[64];
        long i, left = rounds * n;

        gather(s, row, n, rounds);
        for (i = 0; i < n; i++) {
                struct pollfd fds[BARRIER_POLLFDS] = { { links[i].to[0], POLLIN, 0 } };
                int k = 1;

                must(poll(fds, 1, -1), "poll"); /* it has placed */
                if (s->who[row] == LIBRARY) {
                        barrier_set_timeout(&links[i].b, 0);
                        k = must(barrier_get_pollfds(&links[i].b, fds), "barrier_get_pollfds");
                }
                while (k-- > 0) {
                        e->events = (uint32_t) fds[k].events;
                        e->data.u64 = (uint64_t) i;
                        must(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[k].fd, e), "epoll_ctl");
                }
        }
        start();
        for (i = 0; i < n; i++)
                place(&links[i]);
        while (left > 0) {
                int ready = must(epoll_wait(epoll, e, 64, -1), "epoll_wait");

                while (ready-- > 0)
                        left -= advance(&links[e[ready].data.u64]);
        }
        stop();
        report((double) (rounds * n));
        finish(children, n);
}

/* ---- the scenarios --------------------------------------------------------------------------- */

/* clang-format off */
static struct scenario scenarios[] = {
{ "lockstep", "lockstep, nothing bound", pair_sample, FREE, .rounds = 10000,
  .who = { LIBRARY, CLASSIC, PTHREAD, RAW },
  .target = { { WALL, '/', 0, 1, 0.05, APART }, { WALL, '/', 0, 1, 1.05, ONE } } },
{ "apart", "lockstep, each side bound to a CPU", pair_sample, APART, .rounds = 10000,
  .who = { LIBRARY, CLASSIC }, .target = { { WALL, '/', 0, 1, 0.05, 0 } } },
{ "hogs-apart", "the same, a hog on each CPU", pair_sample, APART, APART, .rounds = 20000,
  .who = { LIBRARY, CLASSIC }, .target = { { WALL, '/', 0, 1, 0.1, 0 } } },
{ "hogs-free", "lockstep, two hogs, nothing bound", pair_sample, FREE, FREE, .rounds = 20000,
  .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.05, 0 }, { CPU, '/', 0, 1, 1.05, 0 } } },
{ "one-cpu", "lockstep on one CPU", pair_sample, ONE, .rounds = 10000,
  .who = { LIBRARY, CLASSIC, PTHREAD, RAW },
  .target = { { WALL, '/', 0, 1, 1.05, 0 }, { CPU, '/', 0, 1, 1.05, 0 } } },
{ "one-cpu-late", "lockstep, moved to one CPU after the roles were set", pair_sample, LATE,
  .rounds = 10000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.05, 0 }, { CPU, '/', 0, 1, 1.05, 0 } } },
{ "works", "each side works 0 to 40 us before each round", pair_sample, FREE, .rounds = 1000,
  .work = 40000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 0.85, APART }, { WALL, '/', 0, 1, 1.05, ONE },
              { CPU, '/', 0, 1, 1.05, 0 } } },
{ "works-long", "each side works 0 to 2 ms before each round", pair_sample, FREE, .rounds = 80,
  .work = 2000000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.005, 0 }, { CPU, '-', 0, 1, 25, 0 } } },
{ "late", "one side comes 50 ms late", pair_sample, FREE, .rounds = 1, .late = 50,
  .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.005, 0 }, { CPU, '-', 0, 1, 25, 0 } } },
{ "fork", "fork, one round, exit, reap", fork_sample, FREE, .rounds = 60,
  .who = { LIBRARY, CLASSIC, FORK_ALONE }, .target = { { WALL, '/', 0, 1, 0.95, 0 } } },
{ "fork-one-cpu", "the same on one CPU", fork_sample, ONE, .rounds = 60,
  .who = { LIBRARY, CLASSIC, FORK_ALONE }, .target = { { WALL, '/', 0, 1, 1.02, 0 } } },
{ "ready", "place and sync: its barrier is there (1), or it is a try and is not", ready_sample,
  ONE, .rounds = 10, .who = { LIBRARY, CLASSIC, LIBRARY }, .n = { 1, 1, 0 },
  .target = { { WALL, '/', 0, 1, 0.6, 0 }, { CALLS, '=', 0, 0, 2, 0 },
              { CALLS, '=', 2, 2, 3, 0 } } },
{ "habit", "1,000 quick rounds after so many before which the child works 0 to 400 us",
  pair_sample, APART, .rounds = 1000, .who = { LIBRARY, LIBRARY }, .n = { 0, 1000 },
  .target = { { WALL, '-', 1, 0, 10, 0 } } }, /* 5 % of the time that slow rounds take */
{ "loop", "so many children, an event loop: a round of one child, CPU time of the parent",
  loop_sample, FREE, .rounds = 20000,
  .who = { LIBRARY, LIBRARY, LIBRARY, LIBRARY, RAW, RAW, RAW, RAW },
  .n = { 10, 100, 1000, MAX_CHILDREN, 10, 100, 1000, MAX_CHILDREN },
  .target = { { CPU, '/', 0, 4, 1, 0 }, { CPU, '/', 1, 5, 1, 0 }, { CPU, '/', 2, 6, 1, 0 },
              { CPU, '/', 3, 7, 1, 0 } } },
};
/* clang-format on */

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- running and judging --------------------------------------------------------------------- */

static void take_sample(struct scenario *s, int row) {
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
        memcpy(s->samples[row][repetition], shared->result, sizeof shared->result);
}

/* Takes one sample of each row per repetition, in a new random order each time, so that whatever
 * else the machine does hits all rows alike. */
static void run(struct scenario *s, int reps) {
        static unsigned seed = 1;
        int i, k, order[MAX_ROWS] = { 0 };
        const long hogs = s->hogs ? 2 : 0;
        pid_t hog[2];

        for (i = 0; i < hogs; i++) {
                hog[i] = spawn();
                if (hog[i] == 0)
                        for (pin(s->hogs, (size_t) i);;)
                                spin(1000000);
        }
        for (repetition = 0; repetition < reps; repetition++) {
                for (i = 0; i < MAX_ROWS; i++) { /* shuffles while it fills */
                        k = rand_r(&seed) % (i + 1);
                        order[i] = order[k];
                        order[k] = i;
                }
                for (i = 0; i < MAX_ROWS; i++)
                        if (s->who[order[i]])
                                take_sample(s, order[i]);
        }
        s->taken = reps;
        finish(hog, hogs);
}

/* Finds quartiles; returns of how many repetitions. Compares within each, so that what slows the
 * whole machine for a while cancels out. If the target is for one placement only, takes those in
 * which both rows were found APART, or in which one of them shared ONE CPU. */
static int figure(const struct scenario *s, const struct target *t, double quartiles[3]) {
        double v[MAX_REPS], x;
        int i, k, n = 0;

        for (i = 0; i < s->taken; i++) {
                const double *of = s->samples[t->of][i], *to = s->samples[t->to][i];
                const bool sharing = of[SHARED] > 10 || to[SHARED] > 10;

                x = of[t->metric];
                if (t->sign == '/')
                        x /= to[t->metric];
                else if (t->sign == '-')
                        x -= to[t->metric];
                if (isnan(x) || (t->when && sharing != (t->when == ONE)))
                        continue;
                for (k = n++; k > 0 && v[k - 1] > x; k--)
                        v[k] = v[k - 1];
                v[k] = x;
        }
        for (k = 0; k < 3 && n > 0; k++)
                quartiles[k] = v[(n - 1) * (k + 1) / 4];
        return n;
}

/* Medians, and the wall time of the first row against that of each other. */
static void show(const struct scenario *s) {
        double q[3];
        int row, k;

        printf("%25s   wall us    CPU us     calls  %% shared   wall, library / this\n", "");
        for (row = 0; row < MAX_ROWS && s->who[row]; row++) {
                const struct target ratio = { WALL, '/', 0, row, 0, 0 };

                printf("%-17s %7.0ld", names[s->who[row]], s->n[row]); /* .0 leaves a 0 out */
                for (k = 0; k < METRICS; k++) {
                        const struct target value = { (enum metric) k, '=', row, row, 0, 0 };

                        if (figure(s, &value, q))
                                printf(" %9.2f", q[1]);
                        else
                                printf(" %9s", "-");
                }
                if (row > 0 && s->n[row] == s->n[0] && figure(s, &ratio, q))
                        printf("   %.3f (%.3f to %.3f)", q[1], q[0], q[2]);
                putchar('\n');
        }
}

/* A target is met if the median keeps to it; if just the lower quartile does, that may be noise. */
static void judge(const struct scenario *s) {
        static const char *const verdict[] = { "met", "noise", "MISSED" };
        const struct target *t;
        double q[3];

        for (t = s->target; t < s->target + MAX_TARGETS && t->sign; t++) {
                const int n = figure(s, t, q);

                if (n == 0)
                        continue;
                printf("%-6s %-12s %s, %s", verdict[(q[1] > t->limit) + (q[0] > t->limit)], s->name,
                       metrics[t->metric], names[s->who[t->of]]);
                if (t->sign != '=')
                        printf(" %c %s", t->sign, names[s->who[t->to]]);
                if (s->n[t->of])
                        printf(", %ld", s->n[t->of]);
                if (t->when)
                        printf(t->when == APART ? ", on two CPUs" : ", sharing a CPU");
                printf(": %.3f (%.3f to %.3f), at most %g", q[1], q[0], q[2], t->limit);
                printf(n < s->taken ? ", in %d of %d\n" : "\n", n, s->taken);
        }
}

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
        cpu_set_t set;
        size_t i, n = 0;

        must(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
        for (i = 0; i < CPU_SETSIZE && n < 2; i++)
                if (CPU_ISSET(i, &set))
                        usable[n++] = i;
        if (n < 2)
                usable[1] = usable[0];
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                die("mmap");
        must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
        files.rlim_cur = files.rlim_max;
        must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
        printf("barrier %s, BARRIER_TRIES %d, %zu CPU(s)\n", BARRIER_VERSION, BARRIER_TRIES, n);
}

int main(int argc, char **argv) {
        struct scenario *s;
        int c, i, reps = 31, known = 0;

        while ((c = getopt(argc, argv, "r:")) >= 0) {
                reps = c == 'r' ? (int) strtol(optarg, NULL, 10) : 0;
                if (reps < 1 || reps > MAX_REPS)
                        return usage();
        }
        prepare();
        for (s = scenarios; s < scenarios + SCENARIOS; s++) {
                for (i = optind; i < argc && strcmp(argv[i], s->name) != 0; i++)
                        ;
                known += i < argc;
                if (i == argc && optind < argc)
                        continue;
                printf("\n%s: %s\n", s->name, s->title);
                fflush(stdout);
                run(s, reps);
                show(s);
        }
        if (known < argc - optind)
                return usage();
        printf("\nTargets; what is compared is compared within each repetition:\n");
        for (s = scenarios; s < scenarios + SCENARIOS; s++)
                judge(s);
        if (fflush(stdout) || ferror(stdout))
                die("standard output");
        return 0;
}
