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
 * them. The library is compiled in (build.c), and an older one too if asked for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
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

#include "../barrier.h"
#include "bench.h"

enum { MAX_ROWS = 12, MAX_REPS = 201, MAX_TARGETS = 4, MAX_CHILDREN = 2000 };
enum { WARM_UP = 1000, BATCH = 64, SLOW_NSEC = 400000 };

static size_t usable[2]; /* the first two CPUs that this process may use; all runs on these */
static size_t cpus;      /* how many these are */
static int repetition;
unsigned long calls;

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

/* What passed between start() and stop(), all such stretches together. CPU time, page faults and
 * context switches are those of this process and of its children that were reaped. */
static struct spent {
        int64_t wall, cpu;
        long faults, switches;
        unsigned long calls;
} spent;

static void add_usage(int who, int sign) {
        struct rusage u;

        must(getrusage(who, &u), "getrusage");
        spent.faults += sign * u.ru_minflt;
        spent.switches += sign * (u.ru_nvcsw + u.ru_nivcsw);
        if (who == RUSAGE_CHILDREN) /* a clock tells it more exactly of this process */
                spent.cpu += sign * ((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000000) +
                                     (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * INT64_C(1000));
}

static void start(void) {
        add_usage(RUSAGE_CHILDREN, -1);
        add_usage(RUSAGE_SELF, -1);
        spent.calls -= calls;
        spent.cpu -= clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        spent.wall -= clock_ns(CLOCK_MONOTONIC);
}

static void stop(void) {
        spent.wall += clock_ns(CLOCK_MONOTONIC);
        spent.cpu += clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        spent.calls += calls;
        add_usage(RUSAGE_SELF, 1);
        add_usage(RUSAGE_CHILDREN, 1);
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

        if (pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                        _exit(1);
                calls = 0;
        }
        return pid;
}

static void finish(const pid_t *pids, long n) {
        while (n-- > 0) {
                must(kill(pids[n], SIGKILL), "kill");
                must(waitpid(pids[n], NULL, 0), "waitpid");
        }
}

/* ---- the contenders -------------------------------------------------------------------------- */

/* OLD is an older build of the library, PTHREAD a pthread_barrier_t, RAW one eventfd each way. The
 * last two do not tell anybody that the other side died. */
enum who { LIBRARY = 1, OLD, CLASSIC, PTHREAD, RAW, FORK_ALONE, CONTENDERS };

static const char *const names[] = {
        "", "library", "old", "classic", "pthread", "raw", "fork alone"
};
static const struct build *const builds[CONTENDERS] = { [LIBRARY] = &present, [OLD] = &old };

/* Of one round. */
static const char *const metrics[] = { "wall us", "CPU us",   "calls",
                                       "faults",  "switches", "% shared" };
enum metric { WALL, CPU, CALLS, FAULTS, SWITCHES, SHARED, METRICS };

/* What the processes of one sample share. */
static struct shared {
        volatile int cpu; /* that the child is on */
        struct spent child;
        double result[METRICS];
        pthread_barrier_t barrier;
} * shared;

struct link {
        enum who who;
        const struct build *build; /* of the library, or NULL */
        int side;                  /* 0: the parent, 1: the child */
        int timeout;               /* of each wait, in milliseconds */
        int to[2];                 /* the eventfd that each side reads */
        int gone[2];               /* tells the classic design of hang-ups */
        uint64_t placed, received;
        Barrier b;
};

static void open_link(struct link *l, enum who who) {
        const int flags = EFD_CLOEXEC | (who == RAW ? EFD_SEMAPHORE : EFD_NONBLOCK);
        pthread_barrierattr_t attr;

        memset(l, 0, sizeof *l);
        l->who = who;
        l->build = builds[who];
        l->timeout = -1;
        if (l->build)
                must(l->build->init(&l->b), "barrier_init");
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
        l->placed++;
        if (!l->build)
                put(l->to[!l->side]);
        else if (!l->build->place(&l->b))
                die("barrier_place");
}

static void take(struct link *l) {
        uint64_t value;

        if (read(l->to[l->side], &value, sizeof value) < 0)
                die("read");
        l->received += value;
}

static void set_timeout(struct link *l, int msec) {
        l->timeout = msec;
        if (l->build)
                l->build->set_timeout(&l->b, msec);
}

/* Waits as the classic design does, or only in the read. */
static void await(struct link *l, uint64_t barriers) {
        struct pollfd fds[2] = { { l->gone[l->side], 0, 0 }, { l->to[l->side], POLLIN, 0 } };

        while (l->received < barriers) {
                if (l->who == CLASSIC)
                        must(poll(fds, 2, l->timeout), "poll");
                take(l);
        }
}

static void go_round(struct link *l) {
        if (l->build) {
                if (!l->build->place_and_sync(&l->b) && errno != ETIMEDOUT)
                        die("barrier_place_and_sync");
        } else if (l->who == PTHREAD)
                (void) pthread_barrier_wait(&shared->barrier);
        else if (l->who != FORK_ALONE) {
                place(l);
                await(l, l->placed);
        }
}

/* The parent lets the child go on when it is ready to exec, and waits until it has. */
static void send_off(struct link *l) {
        struct pollfd fds[2] = { { l->gone[l->side], 0, 0 }, { l->to[l->side], POLLIN, 0 } };

        if (l->build) {
                if (!l->build->wait_next(&l->b) || !l->build->place(&l->b) ||
                    !l->build->wait_abortion(&l->b))
                        die("barrier_wait_next");
        } else {
                await(l, l->placed + 1);
                place(l);
                while (!fds[0].revents)
                        must(poll(fds, 2, l->timeout), "poll");
        }
}

static void close_link(struct link *l) {
        if (l->build)
                l->build->destroy(&l->b);
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
        long each;     /* rounds with each child that is forked */
        long work;     /* up to that many nanoseconds before each round */
        int late;      /* milliseconds that the child comes late to each round */
        int taken;     /* repetitions */
        double others; /* of the time of the CPUs, what others than this program took */
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
        if (l->build) {
                must(l->build->set_role(&l->b, child ? BARRIER_PARENT : BARRIER_CHILD), "set_role");
                l->to[l->side] = l->b.them;
        } else if (l->who == CLASSIC)
                close(l->gone[!l->side]);
        if (s->where == LATE)
                pin(ONE, 0);
        return child;
}

/* The child ends, with that status, which is not 1; the parent returns it. */
static int part(pid_t child, int status) {
        if (child == 0)
                _exit(status);
        must(waitpid(child, &status, 0), "waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 1)
                _exit(1);
        return WEXITSTATUS(status);
}

/* Time of this process; CPU time, page faults and context switches of both; system calls of so many
 * sides, but for those that libc makes. */
static void report(long rounds, int sides) {
        const struct spent *child = &shared->child;
        const double n = (double) rounds;

        shared->result[WALL] = (double) spent.wall / n / 1000;
        shared->result[CPU] = (double) (spent.cpu + child->cpu) / n / 1000;
        shared->result[FAULTS] = (double) (spent.faults + child->faults) / n;
        shared->result[SWITCHES] = (double) (spent.switches + child->switches) / n;
        if (spent.calls)
                shared->result[CALLS] = (double) (spent.calls + child->calls) / n / sides;
}

/* One side's rounds. The child leaves a note where it is; as long as it stays there, nobody writes
 * to that cache line. */
static void play(struct link *l, long rounds, long most_work, int late) {
        const struct timespec lateness = { 0, late * 1000000L };
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
                if (l->side && late)
                        must(nanosleep(&lateness, NULL), "nanosleep");
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

        play(&l, WARM_UP, 0, 0);
        play(&l, s->n[row], l.side ? SLOW_NSEC : 0, 0);
        play(&l, s->rounds, s->work, s->late);
        part(child, 0);
        report(s->rounds, 2);
}

/* How far a row goes; 0 is all the way. */
enum step { INIT = 1, ROLES, PLACE, CHILD_WAITS };

/* Fork, rounds, exit, reap. The exit status says how many system calls the child made: writing that
 * to `shared` would be one more page fault. */
static void raise_child(const struct scenario *s, int row, struct link *l) {
        const pid_t child = meet(s, row, l);
        const bool waits = s->n[row] == 0 || (s->n[row] == CHILD_WAITS && l->side);
        long k;
        int status;

        for (k = 0; k < s->each && s->n[row] != ROLES; k++)
                if (waits)
                        go_round(l);
                else
                        place(l);
        status = part(child, calls ? 1 + (int) calls : 0);
        if (status)
                spent.calls += (unsigned) status - 1;
}

static void fork_sample(const struct scenario *s, int row) {
        struct link l;
        long i;

        start();
        for (i = 0; i < s->rounds; i++) {
                if (s->n[row] != INIT)
                        raise_child(s, row, &l);
                else {
                        open_link(&l, s->who[row]);
                        if (l.who == CLASSIC)
                                close(l.gone[1]);
                }
                close_link(&l);
        }
        stop();
        report(s->rounds, 1);
}

static const char exits[] = "exits at once";

/* The README's program, until the parent knows that the child has executed the new one; its timeout
 * is given to each design. CPU time is that of the new program too. */
static void exec_sample(const struct scenario *s, int row) {
        struct link l;
        pid_t child;
        long i;

        add_usage(RUSAGE_CHILDREN, -1); /* no child is reaped while the clock runs */
        for (i = 0; i < s->rounds; i++) {
                start();
                child = meet(s, row, &l);
                if (child)
                        set_timeout(&l, 10000);
                go_round(&l);
                if (child == 0) {
                        go_round(&l);
                        execl("/proc/self/exe", exits, (char *) NULL);
                        die("/proc/self/exe");
                }
                send_off(&l);
                close_link(&l);
                stop();
                part(child, 0);
        }
        add_usage(RUSAGE_CHILDREN, 1);
        report(s->rounds, 1);
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

enum { THERE = 1, FIRST, HEARD = 16 }; /* so many rounds, and the parent looks before it sleeps */

/* A place and a sync whose barrier is already there, written on the child's behalf and off the
 * clock, or is not, and then the sync is a try. */
static void ready_sample(const struct scenario *s, int row) {
        const long before = s->n[row] == FIRST ? 0 : HEARD;
        long i, k;

        gather(s, row, BATCH, before);
        for (i = 0; i < BATCH; i++)
                for (k = 0; k < before; k++)
                        go_round(&links[i]);
        for (k = 0; k < s->rounds; k++) {
                for (i = 0; i < BATCH; i++)
                        if (s->n[row])
                                put(links[i].to[0]);
                        else
                                set_timeout(&links[i], 0);
                start();
                for (i = 0; i < BATCH; i++)
                        go_round(&links[i]);
                stop();
        }
        report(s->rounds * BATCH, 1);
        finish(children, BATCH);
}

/* Takes one child as far as it goes without blocking; returns for how many rounds. */
static long advance(struct link *l) {
        long n = 0;

        if (!l->build) {
                take(l);
                place(l);
                return 1;
        }
        for (; l->build->sync(&l->b); n++)
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
                if (links[i].build) {
                        set_timeout(&links[i], 0);
                        k = must(links[i].build->get_pollfds(&links[i].b, fds), "get_pollfds");
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
        report(rounds * n, 1);
        finish(children, n);
}

/* ---- the scenarios --------------------------------------------------------------------------- */

/* A child is forked for each round; compared with the classic design and an older build. */
#define FORKS(than_classic, than_old)                                                              \
        .who = { LIBRARY, CLASSIC, OLD, FORK_ALONE }, THAN(than_classic, than_old)
#define EXECS .who = { LIBRARY, CLASSIC, OLD }, THAN(1.02, 1)
#define THAN(classic, old)                                                                         \
        .target = { { WALL, '/', 0, 1, classic, 0 },                                               \
                    { CPU, '/', 0, 1, classic, 0 },                                                \
                    { WALL, '/', 0, 2, old, 0 } }

/* clang-format off */
static struct scenario scenarios[] = {
{ "lockstep", "lockstep, nothing bound", pair_sample, FREE, .rounds = 10000,
  .who = { LIBRARY, CLASSIC, PTHREAD, RAW },
  .target = { { WALL, '/', 0, 1, 0.04, APART }, { WALL, '/', 0, 1, 1.08, ONE } } },
{ "apart", "lockstep, each side bound to a CPU", pair_sample, APART, .rounds = 10000,
  .who = { LIBRARY, CLASSIC }, .target = { { WALL, '/', 0, 1, 0.04, 0 } } },
{ "hogs-apart", "the same, a hog on each CPU", pair_sample, APART, APART, .rounds = 20000,
  .who = { LIBRARY, CLASSIC }, .target = { { WALL, '/', 0, 1, 0.1, 0 } } },
{ "hogs-free", "lockstep, two hogs, nothing bound", pair_sample, FREE, FREE, .rounds = 20000,
  .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.08, 0 }, { CPU, '/', 0, 1, 1.08, 0 } } },
{ "one-cpu", "lockstep on one CPU", pair_sample, ONE, .rounds = 10000,
  .who = { LIBRARY, CLASSIC, PTHREAD, RAW },
  .target = { { WALL, '/', 0, 1, 1.08, 0 }, { CPU, '/', 0, 1, 1.08, 0 } } },
{ "one-cpu-late", "lockstep, moved to one CPU after the roles were set", pair_sample, LATE,
  .rounds = 10000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.08, 0 }, { CPU, '/', 0, 1, 1.08, 0 } } },
{ "works", "each side works 0 to 40 us before each round", pair_sample, FREE, .rounds = 1000,
  .work = 40000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 0.85, APART }, { WALL, '/', 0, 1, 1.08, ONE },
              { CPU, '/', 0, 1, 1.02, 0 } } },
{ "works-long", "each side works 0 to 2 ms before each round", pair_sample, FREE, .rounds = 80,
  .work = 2000000, .who = { LIBRARY, CLASSIC },
  .target = { { WALL, '/', 0, 1, 1.005, 0 }, { CPU, '-', 0, 1, 25, 0 } } },
{ "late", "one side comes 5 ms late to each of 64 rounds", pair_sample, FREE, .rounds = 64,
  .late = 5, .who = { LIBRARY, CLASSIC, OLD },
  .target = { { WALL, '/', 0, 1, 1.005, 0 }, { CPU, '-', 0, 1, 5, 0 } } },
{ "fork", "fork, one round, exit, reap", fork_sample, FREE, .rounds = 60, .each = 1,
  FORKS(1, 1) },
{ "fork-busy", "the same, two hogs, nothing bound", fork_sample, FREE, FREE, .rounds = 60,
  .each = 1, FORKS(1, 0.87) },
{ "fork-one-cpu", "the same on one CPU", fork_sample, ONE, .rounds = 60, .each = 1,
  FORKS(1.02, 1) },
{ "fork-one-cpu-busy", "the same on one CPU, a hog on it", fork_sample, ONE, ONE, .rounds = 60,
  .each = 1, FORKS(1.02, 1) },
{ "three", "fork, three rounds, exit, reap", fork_sample, FREE, .rounds = 60, .each = 3,
  FORKS(1.02, 1) },
{ "three-busy", "the same, two hogs, nothing bound", fork_sample, FREE, FREE, .rounds = 60,
  .each = 3, FORKS(1.02, 1) },
{ "three-one-cpu", "the same on one CPU", fork_sample, ONE, .rounds = 60, .each = 3,
  FORKS(1.02, 1) },
{ "three-one-cpu-busy", "the same on one CPU, a hog on it", fork_sample, ONE, ONE, .rounds = 60,
  .each = 3, FORKS(1.02, 1) },
{ "exec", "the README's handshake, from before the fork until the exec is known", exec_sample,
  FREE, .rounds = 40, EXECS },
{ "exec-busy", "the same, two hogs, nothing bound", exec_sample, FREE, FREE, .rounds = 40, EXECS },
{ "exec-one-cpu", "the same on one CPU", exec_sample, ONE, .rounds = 40, EXECS },
{ "exec-one-cpu-busy", "the same on one CPU, a hog on it", exec_sample, ONE, ONE, .rounds = 40,
  EXECS },
{ "overhead", "on one CPU: init and destroy (1); fork, roles, exit, reap too (2); both place (3); "
  "the child waits too (4); both wait", fork_sample, ONE, .rounds = 60, .each = 1,
  .who = { LIBRARY, LIBRARY, LIBRARY, LIBRARY, LIBRARY, CLASSIC, CLASSIC, CLASSIC, CLASSIC,
           CLASSIC, FORK_ALONE },
  .n = { INIT, ROLES, PLACE, CHILD_WAITS, 0, INIT, ROLES, PLACE, CHILD_WAITS, 0, 0 } },
{ "ready", "place and sync: its barrier is there (1), as the parent's first too (2), or it is a try "
  "and is not", ready_sample, ONE, .rounds = 10,
  .who = { LIBRARY, CLASSIC, LIBRARY, LIBRARY }, .n = { THERE, THERE, 0, FIRST },
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

/* Without an older build, its rows are left out. */
static bool has_row(const struct scenario *s, int row) {
        return s->who[row] && (s->who[row] != OLD || builds[OLD]);
}

/* How long the first n of the CPUs had nothing to do; negative if the kernel does not say. */
static int64_t idle_ns(size_t n) {
        FILE *stat = fopen("/proc/stat", "re");
        unsigned long long ticks = 0;
        char line[512], *p;
        size_t cpu, found = 0;
        int i;

        while (stat && fgets(line, sizeof line, stat)) {
                if (strncmp(line, "cpu", 3) != 0 || line[3] == ' ')
                        continue;
                cpu = strtoul(line + 3, &p, 10);
                if (cpu != usable[0] && cpu != usable[n - 1])
                        continue;
                for (i = 0; i < 5; i++) { /* user, nice, system, idle, iowait */
                        const unsigned long long spell = strtoull(p, &p, 10);

                        ticks += i < 3 ? 0 : spell;
                }
                found++;
        }
        if (stat)
                (void) fclose(stat);
        return found == n ? (int64_t) ticks * (1000000000 / sysconf(_SC_CLK_TCK)) : -1;
}

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
                memset(&spent, 0, sizeof spent);
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
        const long hogs = s->hogs ? 1 + (s->hogs != ONE) : 0;
        const size_t used = s->where == ONE ? 1 : cpus;
        const int64_t idle = idle_ns(used);
        pid_t hog[2];

        memset(&spent, 0, sizeof spent);
        start();
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
                        if (has_row(s, order[i]))
                                take_sample(s, order[i]);
        }
        s->taken = reps;
        finish(hog, hogs);
        stop();
        if (idle < 0)
                s->others = (double) NAN;
        else
                s->others = 1 - (double) (idle_ns(used) - idle + spent.cpu) /
                                        ((double) spent.wall * (double) used);
}

/* Finds quartiles; returns of how many repetitions. Compares within each, so that what slows the
 * whole machine for a while cancels out. If the target is for one placement only, takes those in
 * which both rows were found APART, or in which one of them shared ONE CPU. */
static int figure(const struct scenario *s, const struct target *t, double quartiles[3]) {
        double v[MAX_REPS], x;
        int i, k, n = 0;

        for (i = 0; i < s->taken && has_row(s, t->of) && has_row(s, t->to); i++) {
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

static int figure_of(const struct scenario *s, int metric, int row, double quartiles[3]) {
        const struct target value = { (enum metric) metric, '=', row, row, 0, 0 };

        return figure(s, &value, quartiles);
}

/* Medians, and the wall time of the first row against that of each other. */
static void show(const struct scenario *s) {
        bool any[METRICS] = { false };
        double q[3];
        int row, k;

        for (row = 0; row < MAX_ROWS; row++)
                for (k = 0; k < METRICS; k++)
                        any[k] |= has_row(s, row) && figure_of(s, k, row, q) > 0;
        printf("%25s", "");
        for (k = 0; k < METRICS; k++)
                if (any[k])
                        printf(" %9s", metrics[k]);
        printf("   wall, library / this\n");
        for (row = 0; row < MAX_ROWS; row++) {
                const struct target ratio = { WALL, '/', 0, row, 0, 0 };

                if (!has_row(s, row))
                        continue;
                printf("%-17s %7.0ld", names[s->who[row]], s->n[row]); /* .0 leaves a 0 out */
                for (k = 0; k < METRICS; k++)
                        if (figure_of(s, k, row, q))
                                printf(" %9.2f", q[1]);
                        else if (any[k])
                                printf(" %9s", "-");
                if (row > 0 && s->n[row] == s->n[0] && figure(s, &ratio, q))
                        printf("   %.3f (%.3f to %.3f)", q[1], q[0], q[2]);
                putchar('\n');
        }
        printf("%25s others had %.1f %% of its CPU(s)\n", "", 100 * s->others);
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
                printf("%-6s %-18s %s, %s", verdict[(q[1] > t->limit) + (q[0] > t->limit)], s->name,
                       metrics[t->metric], names[s->who[t->of]]);
                if (t->sign != '=')
                        printf(" %c %s", t->sign, names[s->who[t->to]]);
                if (s->n[t->of])
                        printf(", %ld", s->n[t->of]);
                if (t->when)
                        printf(t->when == APART ? ", on two CPUs" : ", sharing a CPU");
                printf(": %.3f (%.3f to %.3f), at most %g", q[1], q[0], q[2], t->limit);
                if (n < s->taken)
                        printf(", in %d of %d", n, s->taken);
                printf("; others had %.1f %%\n", 100 * s->others);
        }
}

static int usage(void) {
        int i;

        fprintf(stderr, "usage: bench [-r REPETITIONS] [SCENARIO]...\n");
        for (i = 0; i < SCENARIOS; i++)
                fprintf(stderr, "  %-18s %s\n", scenarios[i].name, scenarios[i].title);
        return 2;
}

/* Finds the CPUs, makes what the processes of a sample share, and room for their descriptors. */
static void prepare(void) {
        struct rlimit files;
        cpu_set_t set;
        double load[3] = { 0, 0, 0 };
        size_t i;

        must(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
        for (i = 0; i < CPU_SETSIZE && cpus < 2; i++)
                if (CPU_ISSET(i, &set))
                        usable[cpus++] = i;
        if (cpus < 2)
                usable[1] = usable[0];
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                die("mmap");
        must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
        files.rlim_cur = files.rlim_max;
        must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
        for (i = LIBRARY; i <= OLD; i++)
                if (builds[i]) {
                        if (builds[i]->size > sizeof(Barrier))
                                die("its struct is larger");
                        printf("%s: barrier %s, BARRIER_TRIES %d\n", names[i], builds[i]->version,
                               builds[i]->tries);
                }
        (void) getloadavg(load, 3);
        printf("%zu CPU(s), load average %.2f, %.2f, %.2f\n", cpus, load[0], load[1], load[2]);
}

int main(int argc, char **argv) {
        struct scenario *s;
        int c, i, reps = 31, known = 0;

        if (argc > 0 && strcmp(argv[0], exits) == 0)
                return 0;
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
