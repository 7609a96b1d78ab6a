/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * bench - what a wait costs, side by side with what else there is
 *
 *      cc -O2 -pthread -o bench bench.c && ./bench
 *
 * The library is compiled in, so a variant is one option away: -DBARRIER_TRIES=0.
 *
 * HOW TO READ THIS FILE
 *
 * A scenario is a table of rows (who is measured), a function that takes one sample of one row, and
 * targets. run() takes all samples, one of each row per repetition and in a new random order each
 * time, so that whatever else the machine does hits all rows alike. A sample is taken in processes
 * made for it. What is printed are medians and quartiles over the repetitions. A target compares
 * two rows by the median of the ratios within one repetition.
 *
 * Nothing here judges by its exit status: it is 0 whatever the figures, 1 if measuring failed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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

#define BARRIER_API static
#include "../barrier.c"

enum { WALL, CPU, WAITING, CALLS, COUNT, METRICS };
enum { MAX_ROWS = 9, MAX_REPS = 31, MAX_TARGETS = 4, MAX_CHILDREN = 2000 };
enum { HABIT = 1000, WINDOW = 32, BATCH = 64 };

static size_t cpus[2], ncpus; /* the first two that this process may use; all runs on these */

/* ---- small things ---------------------------------------------------------------------------- */

/* Ends this process, and with it whatever it started: see spawn(). */
static void die(const char *what) {
        fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static int64_t now(clockid_t id) {
        struct timespec ts;

        if (clock_gettime(id, &ts) < 0)
                die("clock_gettime");
        return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t wall(void) {
        return now(CLOCK_MONOTONIC);
}

static int64_t cpu(void) {
        return now(CLOCK_PROCESS_CPUTIME_ID);
}

static uint32_t random32(uint32_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

/* Where the two processes may run; LATE: on ONE, but only after the roles were set. */
enum { FREE = 1, ONE, LATE, APART };

static void pin(int where, size_t which) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpus[where == APART ? which % ncpus : 0], &set);
        if (where == FREE)
                CPU_SET(cpus[ncpus - 1], &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
                die("sched_setaffinity");
}

/* fork(); the child does not outlive its parent. */
static pid_t try_spawn(void) {
        pid_t parent = getpid(), pid = fork();

        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(1);
        return pid;
}

static pid_t spawn(void) {
        pid_t pid = try_spawn();

        if (pid < 0)
                die("fork");
        return pid;
}

/* Waits for n children to exit; if one failed, the others may wait for it for ever, so this process
 * goes too. */
static void reap(int n) {
        int status;

        while (n-- > 0)
                if (wait(&status) < 0)
                        die("wait");
                else if (status) {
                        fprintf(stderr, "bench: a process of a sample failed\n");
                        _exit(1);
                }
}

static void stop(pid_t pid) {
        int status;

        if (kill(pid, SIGKILL) < 0 || waitpid(pid, &status, 0) < 0)
                die("kill");
}

/* ---- the contenders -------------------------------------------------------------------------- */

struct side {
        int64_t wall, cpu, worked;
        unsigned long calls;
        long rounds;
};

/* What the processes of one sample share. */
static struct shared {
        volatile long last[2];
        struct side side[2];
        uint32_t took[2][HABIT];
        pthread_barrier_t barrier;
        struct {
                sem_t sem;
                char pad[64];
        } sem[2];
        double result[METRICS];
} * shared;

struct link {
        Barrier b;
        int me, them, pipe[2]; /* of the classic design; the others use me and them alone */
        uint64_t placed, received;
        int which;
};

struct contender {
        const char *name;
        void (*open)(struct link *l);
        void (*side)(struct link *l, int which);
        void (*round)(struct link *l);
        void (*close)(struct link *l);
};

static void library_open(struct link *l) {
        errno = -barrier_init(&l->b);
        if (errno)
                die("barrier_init");
}

static void library_side(struct link *l, int which) {
        errno = -barrier_set_role(&l->b, which ? BARRIER_CHILD : BARRIER_PARENT);
        if (errno)
                die("barrier_set_role");
        l->them = l->b.them;
}

static void library_round(struct link *l) {
        if (!barrier_place_and_sync(&l->b))
                die("barrier_place_and_sync");
}

static void library_close(struct link *l) {
        barrier_destroy(&l->b);
}

/* The classic design: write; poll both until there is news; read. */
static void classic_open(struct link *l) {
        l->placed = l->received = 0;
        l->me = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        l->them = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->me < 0 || l->them < 0 || pipe2(l->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
                die("eventfd, pipe2");
}

static void swap_sides(struct link *l, int which) {
        int fd = l->me;

        l->which = which;
        if (which) {
                l->me = l->them;
                l->them = fd;
        }
}

static void classic_side(struct link *l, int which) {
        swap_sides(l, which);
        close(l->pipe[!which]);
        l->pipe[!which] = -1;
}

static void classic_round(struct link *l) {
        uint64_t value = 1;

        if (write(l->me, &value, sizeof value) != sizeof value)
                die("write");
        l->placed++;
        while (l->received < l->placed) {
                struct pollfd fds[2] = { { l->pipe[l->which], 0, 0 }, { l->them, POLLIN, 0 } };

                if (poll(fds, 2, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        die("poll");
                }
                if (fds[1].revents) {
                        if (read(l->them, &value, sizeof value) != sizeof value)
                                die("read");
                        l->received += value;
                } else if (fds[0].revents)
                        die("hang-up");
        }
}

static void classic_close(struct link *l) {
        int i;

        close(l->me);
        close(l->them);
        for (i = 0; i < 2; i++)
                if (l->pipe[i] >= 0)
                        close(l->pipe[i]);
}

static void pthread_open(struct link *l) {
        pthread_barrierattr_t attr;

        (void) l;
        if (pthread_barrierattr_init(&attr) ||
            pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) ||
            pthread_barrier_init(&shared->barrier, &attr, 2))
                die("pthread_barrier_init");
        pthread_barrierattr_destroy(&attr);
}

static void pthread_round(struct link *l) {
        (void) l;
        pthread_barrier_wait(&shared->barrier);
}

static void sem_open_both(struct link *l) {
        (void) l;
        if (sem_init(&shared->sem[0].sem, 1, 0) < 0 || sem_init(&shared->sem[1].sem, 1, 0) < 0)
                die("sem_init");
}

static void sem_round(struct link *l) {
        sem_post(&shared->sem[l->which].sem);
        while (sem_wait(&shared->sem[!l->which].sem) < 0)
                if (errno != EINTR)
                        die("sem_wait");
}

static void socket_open(struct link *l) {
        int fd[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
                die("socketpair");
        l->me = fd[0];
        l->them = fd[1];
}

static void socket_round(struct link *l) {
        char c = 0;

        if (write(l->me, &c, 1) != 1 || read(l->me, &c, 1) != 1)
                die("socket");
}

/* pipe[] is what the first side reads, me and them are write ends. */
static void pipes_open(struct link *l) {
        int a[2], b[2];

        if (pipe2(a, O_CLOEXEC) < 0 || pipe2(b, O_CLOEXEC) < 0)
                die("pipe2");
        l->me = a[1];
        l->them = b[1];
        l->pipe[0] = b[0];
        l->pipe[1] = a[0];
}

static void pipes_round(struct link *l) {
        char c = 0;

        if (write(l->me, &c, 1) != 1 || read(l->pipe[l->which], &c, 1) != 1)
                die("pipe");
}

static void spinning_open(struct link *l) {
        l->me = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        l->them = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->me < 0 || l->them < 0)
                die("eventfd");
}

static void blocking_open(struct link *l) {
        l->me = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
        l->them = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
        if (l->me < 0 || l->them < 0)
                die("eventfd");
}

static void blocking_round(struct link *l) {
        uint64_t value = 1;

        if (write(l->me, &value, sizeof value) != sizeof value ||
            read(l->them, &value, sizeof value) != sizeof value)
                die("eventfd");
}

static void spinning_round(struct link *l) {
        uint64_t value = 1;

        if (write(l->me, &value, sizeof value) != sizeof value)
                die("write");
        l->placed++;
        while (l->received < l->placed)
                if (read(l->them, &value, sizeof value) == sizeof value)
                        l->received += value;
}

static void two_close(struct link *l) {
        close(l->me);
        close(l->them);
}

static void nothing_open(struct link *l) {
        (void) l;
}

static void nothing_side(struct link *l, int which) {
        l->which = which;
}

static const struct contender
        library = { "library", library_open, library_side, library_round, library_close },
        classic = { "classic", classic_open, classic_side, classic_round, classic_close },
        pthread = { "pthread_barrier", pthread_open, nothing_side, pthread_round, nothing_open },
        sems = { "two sem_t", sem_open_both, nothing_side, sem_round, nothing_open },
        sockets = { "socketpair", socket_open, swap_sides, socket_round, two_close },
        pipes = { "two pipes", pipes_open, swap_sides, pipes_round, classic_close },
        spinning = { "floor: spinning", spinning_open, swap_sides, spinning_round, two_close },
        blocking = { "floor: blocking", blocking_open, swap_sides, blocking_round, two_close },
        nothing = { "floor: bare fork", nothing_open, nothing_side, nothing_open, nothing_open };

/* ---- statistics ------------------------------------------------------------------------------ */

struct summary {
        double q1, median, q3;
};

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static double quantile(const double *sorted, int n, double q) {
        double at = q * (n - 1);
        int i = (int) at;

        return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

static struct summary summarise(double *v, int n) {
        struct summary s;

        qsort(v, (size_t) n, sizeof *v, compare);
        s.q1 = quantile(v, n, 0.25);
        s.median = quantile(v, n, 0.5);
        s.q3 = quantile(v, n, 0.75);
        return s;
}

/* ---- scenarios: how a sample is taken -------------------------------------------------------- */

struct target {
        int metric;
        char kind;    /* '/' ratio or '-' difference of two rows, '=' value of the first */
        int of, to;   /* the rows */
        double limit; /* at most; 0: shown only */
};

/* What libc and the kernel offer ready-made are these rows; FASTEST stands for one of them. */
enum { READY_MADE = 2, READY_MADE_END = 6, FASTEST = -1 };

struct scenario {
        const char *name, *title;
        void (*sample)(struct scenario *s, int row, uint32_t rep, double *v);
        int cpus, reps;  /* CPUs that it needs, samples of each row */
        int where, hogs; /* where the two sides run, and where two spinning processes, if any */
        int msec;        /* how long a sample lasts, */
        long rounds;     /* or how many rounds it has */
        long work;       /* up to that many nanoseconds before each round */
        const struct contender *who[MAX_ROWS];
        long n[MAX_ROWS]; /* what else distinguishes the rows */
        struct target target[MAX_TARGETS];
};

/* Spins for ns of wall time and returns the CPU time that it took. */
static int64_t work(int64_t ns) {
        int64_t used = cpu(), end = wall() + ns;

        while (wall() < end)
                ;
        return cpu() - used;
}

/* One side's rounds. The first side says which one is the last before it begins it; no contender
 * lets the other side end that round earlier, so it can not miss it. */
static void play(struct link *l, const struct contender *who, int phase, int64_t nsec, long limit,
                 long max_work, uint32_t *seed, struct side *result) {
        const unsigned long calls_before = calls;
        const int64_t start = wall(), cpu_start = cpu();
        int64_t worked = 0;
        long n;

        for (n = 1;; n++) {
                if (l->which == 0 && (limit ? n == limit : n % 16 == 0 && wall() - start >= nsec))
                        shared->last[phase] = n;
                if (max_work)
                        worked += work((int64_t) (random32(seed) % (uint32_t) max_work));
                who->round(l);
                if (shared->last[phase] == n)
                        break;
        }
        result->cpu = cpu() - cpu_start;
        result->wall = wall() - start;
        result->worked = worked;
        result->calls = calls - calls_before;
        result->rounds = n;
}

/* Runs body in one process for each side of a fresh link. */
static void two_sides(struct scenario *s, int row, uint32_t rep,
                      void (*body)(struct scenario *s, int row, struct link *l, uint32_t rep)) {
        struct link l;
        size_t i;

        memset(&l, 0, sizeof l);
        l.pipe[0] = l.pipe[1] = -1;
        memset(shared, 0, sizeof *shared);
        s->who[row]->open(&l);
        for (i = 0; i < 2; i++)
                if (spawn() == 0) {
                        pin(s->where == LATE ? FREE : s->where, i);
                        s->who[row]->side(&l, (int) i);
                        pin(s->where, i);
                        l.which = (int) i;
                        body(s, row, &l, rep);
                        _exit(0);
                }
        s->who[row]->close(&l);
        reap(2);
}

static void pair_body(struct scenario *s, int row, struct link *l, uint32_t rep) {
        struct side *result = &shared->side[l->which];
        uint32_t seed = 2654435761u * (2 * rep + 1 + (uint32_t) l->which);

        play(l, s->who[row], 0, s->msec * INT64_C(200000), s->rounds / 5, s->work, &seed, result);
        play(l, s->who[row], 1, s->msec * INT64_C(1000000), s->rounds, s->work, &seed, result);
}

static void pair_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        const struct side *side = shared->side;
        double n;

        two_sides(s, row, rep, pair_body);
        n = (double) side[0].rounds;
        v[WALL] = (double) side[0].wall / n;
        v[CPU] = (double) (side[0].cpu + side[1].cpu) / n;
        if (s->work)
                v[WAITING] = v[CPU] - (double) (side[0].worked + side[1].worked) / n;
        if (s->who[row] != &pthread && s->who[row] != &sems) /* libc makes theirs */
                v[CALLS] = (double) (side[0].calls + side[1].calls) / n / 2;
}

/* Takes a sample in a process of its own, which leaves its figures in shared->result. */
static bool alone(const struct scenario *s, double *v) {
        pid_t pid;

        memset(shared, 0, sizeof *shared);
        memcpy(shared->result, v, sizeof shared->result);
        fflush(NULL);
        pid = spawn();
        if (pid == 0) {
                pin(s->where, 0);
                return true;
        }
        reap(1);
        memcpy(v, shared->result, sizeof shared->result);
        return false;
}

static void fork_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        struct rusage ru;
        int64_t start, cpu_start, used;
        struct link l;
        long i;

        (void) rep;
        if (!alone(s, v))
                return;
        start = wall();
        cpu_start = cpu();
        for (i = 0; i < s->rounds; i++) {
                pid_t pid;

                s->who[row]->open(&l);
                pid = fork();
                if (pid < 0)
                        die("fork");
                if (pid == 0) {
                        s->who[row]->side(&l, 1);
                        s->who[row]->round(&l);
                        _exit(0);
                }
                s->who[row]->side(&l, 0);
                s->who[row]->round(&l);
                reap(1);
                s->who[row]->close(&l);
        }
        used = cpu() - cpu_start;
        shared->result[WALL] = (double) (wall() - start) / (double) s->rounds;
        if (getrusage(RUSAGE_CHILDREN, &ru) < 0)
                die("getrusage");
        used += (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * INT64_C(1000000000) +
                (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * INT64_C(1000);
        shared->result[CPU] = (double) used / (double) s->rounds;
        _exit(0);
}

/* The other side's barrier is written on its behalf, a batch at a time and off the clock: the other
 * process only holds its descriptors. */
static void ready_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        static struct link link[BATCH];
        const uint64_t one = 1;
        int64_t start, used = 0;
        unsigned long made = 0;
        long i, k;

        (void) rep;
        if (!alone(s, v))
                return;
        for (i = 0; i < BATCH; i++)
                s->who[row]->open(&link[i]);
        if (spawn() == 0) {
                for (i = 0; i < BATCH; i++)
                        s->who[row]->side(&link[i], 1);
                for (;;)
                        pause();
        }
        for (i = 0; i < BATCH; i++)
                s->who[row]->side(&link[i], 0);
        for (k = 0; k < s->rounds; k++) {
                for (i = 0; i < BATCH; i++)
                        if (write(link[i].them, &one, sizeof one) != sizeof one)
                                die("write");
                made -= calls;
                start = wall();
                for (i = 0; i < BATCH; i++)
                        s->who[row]->round(&link[i]);
                used += wall() - start;
                made += calls;
        }
        shared->result[WALL] = (double) used / (double) (s->rounds * BATCH);
        shared->result[CALLS] = (double) made / (double) (s->rounds * BATCH);
        _exit(0);
}

/* The first side waits 50 ms for the other, out of a habit of quick rounds. */
static void late_body(struct scenario *s, int row, struct link *l, uint32_t rep) {
        struct side *result = &shared->side[l->which];
        int64_t start, cpu_start;

        (void) rep;
        play(l, s->who[row], 0, 0, s->rounds, 0, NULL, result);
        if (l->which)
                (void) poll(NULL, 0, 50);
        start = wall();
        cpu_start = cpu();
        s->who[row]->round(l);
        result->cpu = cpu() - cpu_start;
        result->wall = wall() - start;
}

static void late_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        two_sides(s, row, rep, late_body);
        v[WALL] = (double) shared->side[0].wall;
        v[CPU] = (double) shared->side[0].cpu;
}

static void ahead_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        struct link l;
        int64_t start;
        long i;

        (void) rep;
        if (!alone(s, v))
                return;
        library_open(&l);
        if (spawn() == 0) {
                library_side(&l, 1);
                for (i = 0; i < s->n[row]; i++)
                        if (!barrier_place(&l.b))
                                die("barrier_place");
                _exit(0);
        }
        library_side(&l, 0);
        for (i = 0; i < s->n[row]; i++)
                if (!barrier_place(&l.b))
                        die("barrier_place");
        reap(1);
        calls = 0;
        start = wall();
        if (!barrier_sync(&l.b))
                die("barrier_sync");
        shared->result[WALL] = (double) (wall() - start);
        shared->result[CALLS] = (double) calls;
        _exit(0);
}

/* Waits for news without taking it. */
static void await(const struct link *l) {
        struct pollfd fd = { l->them, POLLIN, 0 };

        if (poll(&fd, 1, -1) < 0)
                die("poll");
}

static void loop_place(const struct contender *who, struct link *l) {
        const uint64_t one = 1;

        if (who == &library ? !barrier_place(&l->b) : write(l->me, &one, sizeof one) < 0)
                die("place");
}

/* One child's turn in the event loop, as far as it goes without blocking; 1 if that was its last
 * round. */
static int loop_turn(const struct contender *who, struct link *l, long *left) {
        uint64_t value;

        if (who != &library) {
                if (read(l->them, &value, sizeof value) < 0)
                        die("read");
                if (--*left)
                        loop_place(who, l);
                return *left == 0;
        }
        while (barrier_sync(&l->b)) {
                if (--*left == 0)
                        return 1;
                loop_place(who, l);
        }
        if (errno != ETIMEDOUT || barrier_they_aborted(&l->b))
                die("barrier_sync");
        return 0;
}

/* All children place and wait; from then on the parent's event loop takes each through its rounds.
 * It is always about the same number of rounds, shared out among the children. */
static void loop_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        static struct link link[MAX_CHILDREN];
        static long left[MAX_CHILDREN];
        const struct contender *who = s->who[row];
        const long rounds = s->rounds / s->n[row];
        struct pollfd fds[BARRIER_POLLFDS];
        struct epoll_event e[64];
        struct rlimit files;
        long i, k, n, busy, max = s->n[row];
        int64_t start, cpu_start;
        int ready, epoll;
        pid_t pid;

        (void) rep;
        if (!alone(s, v)) {
                s->n[row] = (long) v[COUNT]; /* how many there really were */
                v[COUNT] = (double) NAN;
                return;
        }
        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                die("getrlimit");
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                die("setrlimit");
        if (files.rlim_cur < 3 * (rlim_t) max + 50)
                max = ((long) files.rlim_cur - 50) / 3;
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
                die("epoll_create1");

        for (n = 0; n < max; n++) {
                struct link *l = &link[n];

                who->open(l);
                pid = try_spawn();
                if (pid < 0)
                        break; /* as many as the machine allows */
                if (pid == 0) {
                        who->side(l, 1);
                        for (k = 0; k < rounds; k++)
                                who->round(l);
                        /* until all are done; the library may have read that already */
                        if (who != &library)
                                await(l);
                        else if (!barrier_wait_next(&l->b))
                                die("barrier_wait_next");
                        _exit(0);
                }
                who->side(l, 0);
                await(l);
                fds[0].fd = l->them;
                fds[0].events = POLLIN;
                k = 1;
                if (who == &library) {
                        barrier_set_timeout(&l->b, 0);
                        k = barrier_get_pollfds(&l->b, fds);
                }
                while (k-- > 0) {
                        memset(e, 0, sizeof *e);
                        e->events = (uint32_t) fds[k].events;
                        e->data.u64 = (uint64_t) n;
                        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[k].fd, e) < 0)
                                die("epoll_ctl");
                }
                left[n] = rounds;
        }
        if (n < 1)
                die("no child");

        busy = n;
        start = wall();
        cpu_start = cpu();
        for (i = 0; i < n; i++)
                loop_place(who, &link[i]);
        while (busy) {
                ready = epoll_wait(epoll, e, 64, -1);
                if (ready < 0 && errno != EINTR)
                        die("epoll_wait");
                while (ready-- > 0) {
                        i = (long) e[ready].data.u64;
                        busy -= loop_turn(who, &link[i], &left[i]);
                }
        }
        shared->result[CPU] = (double) (cpu() - cpu_start) / (double) (rounds * n);
        shared->result[WALL] = (double) (wall() - start) / (double) (rounds * n);
        shared->result[COUNT] = (double) n;
        for (i = 0; i < n; i++)
                loop_place(who, &link[i]);
        reap((int) n);
        _exit(0);
}

/* Quick rounds, rounds for which the second side takes its time, quick rounds again. */
static void habit_body(struct scenario *s, int row, struct link *l, uint32_t rep) {
        int64_t start;
        int i, k;

        (void) rep;
        for (k = 0; k < 3; k++)
                for (i = 0; i < HABIT; i++) {
                        start = wall();
                        if (l->which == 1 && k == 1)
                                (void) work(s->work);
                        s->who[row]->round(l);
                        if (l->which == 0 && k != 1)
                                shared->took[k / 2][i] = (uint32_t) (wall() - start);
                }
}

static double median_of(const uint32_t *took, int n) {
        double v[HABIT];
        int i;

        for (i = 0; i < n; i++)
                v[i] = took[i];
        return summarise(v, n).median;
}

/* Steady is the median of the second half of the first quick rounds; back is the first of WINDOW
 * rounds whose median is within 5 % of that. */
static void habit_sample(struct scenario *s, int row, uint32_t rep, double *v) {
        int i = 0;

        two_sides(s, row, rep, habit_body);
        v[WALL] = median_of(shared->took[0] + HABIT / 2, HABIT / 2);
        while (i < HABIT - WINDOW && median_of(shared->took[1] + i, WINDOW) > 1.05 * v[WALL])
                i++;
        v[COUNT] = i;
}

/* ---- the list -------------------------------------------------------------------------------- */

#define TWO &library, &classic
#define SIX TWO, &pthread, &sems, &sockets, &pipes

static struct scenario scenarios[] = {
        { .name = "lockstep",
          .title = "lockstep, both CPUs free",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 31,
          .where = FREE,
          .msec = 20,
          .who = { SIX, &spinning, &blocking },
          .target = { { WALL, '/', 0, 1, 0.05 },
                      { WALL, '/', 0, FASTEST, 0.06 },
                      { WALL, '/', 0, 6, 1.5 } } },
        { .name = "apart",
          .title = "lockstep, pinned apart, both CPUs free",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 15,
          .where = APART,
          .msec = 20,
          .who = { SIX, &spinning, &blocking },
          .target = { { WALL, '/', 0, 1, 0 } } },
        { .name = "one-cpu",
          .title = "lockstep, both pinned to one CPU",
          .sample = pair_sample,
          .cpus = 1,
          .reps = 31,
          .where = ONE,
          .msec = 20,
          .who = { SIX, &blocking },
          .target = { { WALL, '/', 0, 1, 1 }, { CPU, '/', 0, 1, 1 }, { WALL, '/', 0, 6, 0 } } },
        { .name = "one-cpu-late",
          .title = "lockstep, moved to one CPU after the roles were set",
          .sample = pair_sample,
          .cpus = 1,
          .reps = 15,
          .where = LATE,
          .msec = 20,
          .who = { TWO, &blocking },
          .target = { { WALL, '/', 0, 1, 0 }, { CPU, '/', 0, 1, 0 } } },
        { .name = "hogs-apart",
          .title = "lockstep, pinned apart, a spinning process on each CPU",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 15,
          .where = APART,
          .hogs = APART,
          .msec = 100,
          .who = { SIX },
          .target = { { WALL, '/', 0, 1, 1 } } },
        { .name = "hogs-free",
          .title = "lockstep, two spinning processes, nothing pinned",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 15,
          .where = FREE,
          .hogs = FREE,
          .msec = 100,
          .who = { SIX },
          .target = { { WALL, '/', 0, 1, 1.05 } } },
        { .name = "works",
          .title = "each side works 0 to 40 microseconds between rounds",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 31,
          .where = FREE,
          .rounds = 500,
          .work = 40000,
          .who = { SIX },
          .target = { { WALL, '/', 0, 1, 0.85 },
                      { CPU, '/', 0, 1, 1.05 },
                      { WAITING, '/', 0, 1, 1.05 } } },
        { .name = "works-long",
          .title = "each side works 0 to 2 ms between rounds",
          .sample = pair_sample,
          .cpus = 2,
          .reps = 21,
          .where = FREE,
          .rounds = 80,
          .work = 2000000,
          .who = { TWO },
          .target = { { WALL, '/', 0, 1, 1.02 },
                      { CPU, '/', 0, 1, 1.02 },
                      { WAITING, '/', 0, 1, 1.02 } } },
        { .name = "late",
          .title = "one side waits 50 ms for the other",
          .sample = late_sample,
          .cpus = 1,
          .reps = 31,
          .where = FREE,
          .rounds = 200,
          .who = { TWO },
          .target = { { CPU, '-', 0, 1, 50000 } } },
        { .name = "fork",
          .title = "fork, one round, exit, reap",
          .sample = fork_sample,
          .cpus = 2,
          .reps = 31,
          .where = FREE,
          .rounds = 60,
          .who = { TWO, &nothing },
          .target = { { WALL, '/', 0, 1, 0.95 } } },
        { .name = "fork-one-cpu",
          .title = "fork, one round, exit, reap, on one CPU",
          .sample = fork_sample,
          .cpus = 1,
          .reps = 31,
          .where = ONE,
          .rounds = 60,
          .who = { TWO, &nothing },
          .target = { { WALL, '/', 0, 1, 1 } } },
        { .name = "ready",
          .title = "place + sync, the other side's barrier is already there",
          .sample = ready_sample,
          .cpus = 1,
          .reps = 31,
          .where = ONE,
          .rounds = 300,
          .who = { TWO, &spinning },
          .target = { { WALL, '/', 0, 1, 0.65 }, { CALLS, '=', 0, 0, 2 } } },
        { .name = "ahead",
          .title = "many barriers placed ahead, then one sync",
          .sample = ahead_sample,
          .cpus = 1,
          .reps = 9,
          .where = FREE,
          .who = { &library, &library, &library },
          .n = { 1, 1000, 1000000 },
          .target = { { CALLS, '=', 2, 0, 1 } } },
        { .name = "loop",
          .title = "one parent, many children at once in an event loop",
          .sample = loop_sample,
          .cpus = 1,
          .reps = 5,
          .where = FREE,
          .rounds = 20000,
          .who = { &library, &library, &library, &library, &blocking, &blocking },
          .n = { 10, 100, 1000, MAX_CHILDREN, 10, MAX_CHILDREN },
          .target = { { WALL, '/', 3, 0, 1.2 },
                      { CPU, '/', 3, 0, 1.2 },
                      { WALL, '/', 5, 4, 0 },
                      { CPU, '/', 5, 4, 0 } } },
        { .name = "habit",
          .title = "quick rounds, slow ones, quick ones: how many until it is quick again",
          .sample = habit_sample,
          .cpus = 2,
          .reps = 21,
          .where = FREE,
          .work = 200000,
          .who = { &library },
          .target = { { COUNT, '=', 0, 0, 100 } } },
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- running --------------------------------------------------------------------------------- */

static double samples[MAX_ROWS][MAX_REPS][METRICS];

static int rows(const struct scenario *s) {
        int n = 0;

        while (n < MAX_ROWS && s->who[n])
                n++;
        return n;
}

static void progress(const struct scenario *s, int rep, int reps) {
        if (!isatty(STDERR_FILENO))
                return;
        fprintf(stderr, "\r\033[K");
        if (rep < reps)
                fprintf(stderr, "%s: %d of %d", s->name, rep + 1, reps);
        fflush(stderr);
}

static void run(struct scenario *s, int reps) {
        static uint32_t seed = 1;
        const int n = rows(s);
        int i, k, rep, order[MAX_ROWS] = { 0 };
        pid_t hog[2] = { 0, 0 };
        size_t h;

        for (h = 0; s->hogs && h < 2; h++) {
                hog[h] = spawn();
                if (hog[h] == 0) {
                        volatile unsigned spin = 0;

                        for (pin(s->hogs, h);;)
                                spin++;
                }
        }
        for (rep = 0; rep < reps; rep++) {
                progress(s, rep, reps);
                for (i = 0; i < n; i++) { /* shuffles while it fills */
                        k = (int) (random32(&seed) % (uint32_t) (i + 1));
                        order[i] = order[k];
                        order[k] = i;
                }
                for (i = 0; i < n; i++) {
                        double *v = samples[order[i]][rep];

                        for (k = 0; k < METRICS; k++)
                                v[k] = (double) NAN;
                        s->sample(s, order[i], (uint32_t) rep, v);
                }
        }
        progress(s, reps, reps);
        for (h = 0; s->hogs && h < 2; h++)
                stop(hog[h]);
}

static struct summary of_row(int row, int metric, int reps) {
        double v[MAX_REPS];
        int i;

        for (i = 0; i < reps; i++)
                v[i] = samples[row][i][metric];
        return summarise(v, reps);
}

/* The row that a target is set against. */
static int against(const struct target *t, int reps) {
        int i, best = READY_MADE;

        if (t->to != FASTEST)
                return t->to;
        for (i = READY_MADE; i < READY_MADE_END; i++)
                if (of_row(i, WALL, reps).median < of_row(best, WALL, reps).median)
                        best = i;
        return best;
}

/* Compares within each repetition, so that what slows the whole machine for a while cancels out. */
static struct summary of_target(const struct target *t, int reps) {
        const int to = against(t, reps);
        double v[MAX_REPS];
        int i;

        for (i = 0; i < reps; i++) {
                v[i] = samples[t->of][i][t->metric];
                if (t->kind == '/')
                        v[i] /= samples[to][i][t->metric];
                else if (t->kind == '-')
                        v[i] -= samples[to][i][t->metric];
        }
        return summarise(v, reps);
}

/* ---- output ---------------------------------------------------------------------------------- */

static const char *const metric_name[METRICS] = { "wall", "CPU", "CPU less work", "system calls",
                                                  "rounds" };
static const char *const metric_key[METRICS] = { "wall_ns", "cpu_ns", "cpu_less_work_ns",
                                                 "system_calls", "rounds" };

/* 12345.6 as 12,346, small numbers with three digits; the text is good for eight calls. */
static const char *number(double x) {
        static char ring[8][32];
        static int next;
        char digits[32], *out = ring[next++ % 8];
        int i, n, k = 0;

        if (isnan(x))
                return "-";
        if (x > -100 && x < 100) {
                snprintf(out, sizeof ring[0], "%.3g", x);
                return out;
        }
        n = snprintf(digits, sizeof digits - 8, "%.0f", x);
        for (i = 0; i < n; i++) {
                out[k++] = digits[i];
                if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
                        out[k++] = ',';
        }
        out[k] = 0;
        return out;
}

static const char *row_name(const struct scenario *s, int row) {
        static char ring[4][40];
        static int next;
        char *out = ring[next++ % 4];

        if (s->n[row])
                snprintf(out, sizeof ring[0], "%s, %s", s->who[row]->name,
                         number((double) s->n[row]));
        else
                snprintf(out, sizeof ring[0], "%s", s->who[row]->name);
        return out;
}

static int targets;
static const char *missed[SCENARIOS * MAX_TARGETS];
static int misses;

static bool judge(const struct scenario *s, const struct target *t, double measured) {
        const bool met = measured <= t->limit;

        targets++;
        if (!met)
                missed[misses++] = s->name;
        return met;
}

static void show(const struct scenario *s, int reps) {
        const int n = rows(s), main_metric = s->target[0].metric;
        double max = 1e-9;
        int i, k;

        for (i = 0; i < n; i++)
                if (of_row(i, main_metric, reps).median > max)
                        max = of_row(i, main_metric, reps).median;
        printf("\n%s: %s\n", s->name, s->title);
        printf("  %-18s %10s %10s %10s %6s  quartiles of %s\n", "", "wall ns", "CPU ns",
               "less work", "calls", metric_name[main_metric]);
        for (i = 0; i < n; i++) {
                const struct summary x = of_row(i, main_metric, reps);

                printf("  %-18s %10s %10s %10s %6s  %10s to %-10s |", row_name(s, i),
                       number(of_row(i, WALL, reps).median), number(of_row(i, CPU, reps).median),
                       number(of_row(i, WAITING, reps).median),
                       number(of_row(i, CALLS, reps).median), number(x.q1), number(x.q3));
                for (k = (int) (x.median / max * 20 + 0.5); k > 0; k--)
                        putchar('#');
                putchar('\n');
        }
        for (k = 0; k < MAX_TARGETS && s->target[k].kind; k++) {
                const struct target *t = &s->target[k];
                const struct summary x = of_target(t, reps);
                char what[120];

                if (t->kind == '=')
                        snprintf(what, sizeof what, "%s of %s", metric_name[t->metric],
                                 row_name(s, t->of));
                else
                        snprintf(what, sizeof what, "%s, %s %c %s", metric_name[t->metric],
                                 row_name(s, t->of), t->kind, row_name(s, against(t, reps)));
                printf("  %-44s %8s (%s to %s)", what, number(x.median), number(x.q1),
                       number(x.q3));
                if (t->limit > 0)
                        printf(", target %s: %s%s", number(t->limit),
                               judge(s, t, x.median) ? "met" : "MISSED",
                               (x.q1 <= t->limit) == (x.q3 <= t->limit) ? "" : " within the noise");
                putchar('\n');
        }
        fflush(stdout);
}

static void show_json_summary(const char *key, struct summary x) {
        if (isfinite(x.q1) && isfinite(x.q3))
                printf("\"%s\": {\"median\": %.6g, \"q1\": %.6g, \"q3\": %.6g}", key, x.median,
                       x.q1, x.q3);
        else
                printf("\"%s\": null", key);
}

static void show_json(const struct scenario *s, int reps) {
        const int n = rows(s);
        int i, k;

        printf("{\"name\": \"%s\", \"title\": \"%s\", \"repetitions\": %d,\n  \"rows\": [", s->name,
               s->title, reps);
        for (i = 0; i < n; i++) {
                printf("%s\n    {\"name\": \"%s\"", i ? "," : "", s->who[i]->name);
                if (s->n[i])
                        printf(", \"n\": %ld", s->n[i]);
                for (k = 0; k < METRICS; k++)
                        if (!isnan(of_row(i, k, reps).median)) {
                                printf(", ");
                                show_json_summary(metric_key[k], of_row(i, k, reps));
                        }
                putchar('}');
        }
        printf("],\n  \"targets\": [");
        for (k = 0; k < MAX_TARGETS && s->target[k].kind; k++) {
                const struct target *t = &s->target[k];
                const struct summary x = of_target(t, reps);

                printf("%s\n    {\"metric\": \"%s\", \"of\": %d, ", k ? "," : "",
                       metric_key[t->metric], t->of);
                if (t->kind != '=')
                        printf("\"%s\": %d, ", t->kind == '/' ? "divided_by" : "minus",
                               against(t, reps));
                show_json_summary("measured", x);
                if (t->limit > 0)
                        printf(", \"at_most\": %g, \"met\": %s", t->limit,
                               x.median <= t->limit ? "true" : "false");
                putchar('}');
        }
        printf("]}");
        fflush(stdout);
}

/* ---- the command line ------------------------------------------------------------------------ */

static const char usage[] =
        "usage: bench [--quick] [--json] [--scenario NAME]... [--list] [--help]\n";

static const char help[] =
        "\n"
        "Measures what a wait of the library costs beside the classic design (two eventfds and a\n"
        "pipe: write, poll, read) and what libc and the kernel offer ready-made.\n"
        "\n"
        "  --quick          a third of the repetitions\n"
        "  --scenario NAME  only this one; may be repeated\n"
        "  --json           for machines\n"
        "  --list           names the scenarios\n"
        "  --help           prints this\n"
        "\n"
        "Figures are medians, with quartiles, over repetitions that run all contenders in random\n"
        "order. Wall time is per round, CPU time per round of both sides together, system calls\n"
        "per round and side. Of a target, what is judged is the median of the ratios within one\n"
        "repetition; \"within the noise\" means that it lies between their quartiles. Timing\n"
        "never changes the exit status: 0, or 1 if measuring failed, 2 for a wrong option.\n";

static struct scenario *find(const char *name) {
        int i;

        for (i = 0; i < SCENARIOS; i++)
                if (strcmp(scenarios[i].name, name) == 0)
                        return &scenarios[i];
        return NULL;
}

/* Finds the CPUs, and makes what the processes of a sample share. */
static void look_around(void) {
        cpu_set_t set;
        size_t i;

        if (sched_getaffinity(0, sizeof set, &set) < 0)
                die("sched_getaffinity");
        for (i = 0; i < CPU_SETSIZE && ncpus < 2; i++)
                if (CPU_ISSET(i, &set))
                        cpus[ncpus++] = i;

        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                die("mmap");
}

static int finish(void) {
        if (fflush(stdout) || ferror(stdout))
                die("standard output");
        return 0;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "quick", no_argument, NULL, 'q' },          { "json", no_argument, NULL, 'j' },
                { "scenario", required_argument, NULL, 's' }, { "list", no_argument, NULL, 'l' },
                { "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 }
        };
        bool quick = false, json = false, chosen[SCENARIOS] = { false }, any = false;
        const char *separator = "";
        struct scenario *s;
        struct utsname un;
        double load;
        int c, i;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'q':
                        quick = true;
                        break;
                case 'j':
                        json = true;
                        break;
                case 's':
                        s = find(optarg);
                        if (!s) {
                                fprintf(stderr, "bench: no scenario '%s'; see bench --list\n",
                                        optarg);
                                return 2;
                        }
                        chosen[s - scenarios] = any = true;
                        break;
                case 'l':
                        for (i = 0; i < SCENARIOS; i++)
                                printf("%-13s %s\n", scenarios[i].name, scenarios[i].title);
                        return finish();
                case 'h':
                        printf("%s%s", usage, help);
                        return finish();
                default:
                        fputs(usage, stderr);
                        return 2;
                }
        if (optind < argc) {
                fprintf(stderr, "bench: unexpected argument '%s'\n%s", argv[optind], usage);
                return 2;
        }

        look_around();
        if (uname(&un) < 0)
                die("uname");
        if (getloadavg(&load, 1) < 1)
                load = 0;
        printf(json ? "{\"version\": \"%s\", \"tries\": %d, \"system\": \"%s %s %s\", "
                      "\"cpus_used\": %d, \"load_before\": %.2f, \"scenarios\": [\n"
                    : "barrier %s, BARRIER_TRIES %d; %s %s %s, on %d CPU(s), load before %.2f\n",
               BARRIER_VERSION, BARRIER_TRIES, un.sysname, un.release, un.machine, (int) ncpus,
               load);
        if (!json && load > 0.5)
                printf("Others are busy on this machine: no scenario will find its CPUs free.\n");

        for (i = 0; i < SCENARIOS; i++) {
                const int reps = scenarios[i].reps / (quick ? 3 : 1);

                s = &scenarios[i];
                if (any && !chosen[i])
                        continue;
                if (json)
                        printf("%s", separator);
                separator = ",\n";
                if ((int) ncpus < s->cpus) {
                        printf(json ? "{\"name\": \"%s\", \"title\": \"%s\", \"skipped\": "
                                      "\"needs two CPUs\"}"
                                    : "\n%s: %s\n  skipped: it needs two CPUs\n",
                               s->name, s->title);
                        continue;
                }
                run(s, reps);
                if (json)
                        show_json(s, reps);
                else
                        show(s, reps);
        }
        if (json)
                printf("\n]}\n");
        else {
                printf("\n%d of %d targets met%s", targets - misses, targets,
                       misses ? "; missed:" : "");
                for (i = 0; i < misses; i++)
                        if (i == 0 || missed[i] != missed[i - 1])
                                printf(" %s", missed[i]);
                putchar('\n');
        }
        return finish();
}
