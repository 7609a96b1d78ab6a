/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * start [-r REPETITIONS] [MIB]... - what it costs to start a command from a process of that size
 *
 * How it measures and what came out: README.md beside this file. A way to start is a function that
 * returns when the parent knows that the child exec'd. Each does what examples/launch.c does, as
 * far as it can: the child gets its own session, default signals and a parent whose death it does
 * not survive, and the parent sets its priority before the exec.
 */
#define main launch_main
#include "../examples/launch.c" /* NOLINT(bugprone-suspicious-include): launch's way is its own */
#undef main

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>

enum { MAX_REPS = 201, PAGE = 4096, HUGE_PAGE = 2 << 20, WRITTEN = 64 };

static char *command[] = { "/bin/true", NULL };

__attribute__((noreturn)) static void die(const char *what) {
        fprintf(stderr, "start: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static int must(int r, const char *what) {
        if (r < 0)
                die(what);
        return r;
}

static void check(bool ok, const char *what) {
        if (!ok)
                die(what);
}

static double microseconds(void) {
        return milliseconds() * 1000;
}

/* ---- the ways to start ----------------------------------------------------------------------- */

/* What the child sets up. */
static void set_up(void) {
        sigset_t none;
        int sig;

        must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        must(setsid(), "setsid");
        for (sig = 1; sig < NSIG; sig++)
                if (sig != SIGABRT)
                        (void) signal(sig, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void execute(void) {
        (void) execve(command[0], command, environ);
        die(command[0]);
}

static void set_priority(pid_t pid) {
        must(setpriority(PRIO_PROCESS, (id_t) pid, 0), "setpriority");
}

/* The classic design: two eventfds and a pipe; poll() both, then read(). */
struct classic {
        int me, them, gone;
        uint64_t received, consumed;
};

static void classic_place(const struct classic *c) {
        const uint64_t one = 1;

        check(write(c->me, &one, sizeof one) == sizeof one, "write");
}

/* Returns whether there is one more barrier; false if the other side has left. */
static bool classic_wait(struct classic *c) {
        struct pollfd fds[2] = { { c->them, POLLIN, 0 }, { c->gone, 0, 0 } };
        uint64_t n;

        for (; c->received == c->consumed; c->received += n) {
                must(poll(fds, 2, -1), "poll");
                if (!(fds[0].revents & POLLIN))
                        return false;
                check(read(c->them, &n, sizeof n) == sizeof n, "read");
        }
        c->consumed++;
        return true;
}

static pid_t fork_classic(void) {
        int to[2], gone[2], i;
        struct classic c;
        pid_t pid;

        for (i = 0; i < 2; i++)
                to[i] = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
        must(pipe2(gone, O_CLOEXEC | O_NONBLOCK), "pipe2");
        pid = must(fork(), "fork");
        c = (struct classic){ to[pid == 0], to[pid != 0], gone[pid == 0], 0, 0 };
        (void) close(gone[pid != 0]);
        if (pid == 0) {
                set_up();
                check(classic_wait(&c), "parent");
                classic_place(&c);
                execute();
        }
        set_priority(pid);
        classic_place(&c);
        check(classic_wait(&c), "child");
        check(!classic_wait(&c), "exec");
        for (i = 0; i < 2; i++)
                (void) close(to[i]);
        (void) close(gone[0]);
        return pid;
}

static pid_t fork_barrier(void) {
        Barrier b;
        pid_t pid;

        must(barrier_init(&b), "barrier_init");
        pid = must(fork(), "fork");
        must(barrier_set_role(&b, pid ? BARRIER_PARENT : BARRIER_CHILD), "barrier_set_role");
        if (pid == 0) {
                set_up();
                check(barrier_wait_next(&b) && barrier_place(&b), "parent");
                execute();
        }
        set_priority(pid);
        check(barrier_place(&b) && barrier_wait_next(&b), "child");
        check(barrier_wait_abortion(&b) && barrier_they_left(&b), "exec");
        barrier_destroy(&b);
        return pid;
}

static struct start launched;

static pid_t launch(void) {
        launched.command = command;
        launched.timeout = 60000;
        check(start(&launched) == 0, "launch");
        return launched.pid;
}

static int finish_launch(pid_t pid) {
        (void) pid;
        return finish(&launched);
}

static pid_t spawn(void) {
        posix_spawnattr_t attr;
        sigset_t none, all;
        pid_t pid;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        (void) posix_spawnattr_init(&attr);
        (void) posix_spawnattr_setsigmask(&attr, &none);
        (void) posix_spawnattr_setsigdefault(&attr, &all);
        (void) posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETSID);
        must(-posix_spawn(&pid, command[0], NULL, &attr, command, environ), "posix_spawn");
        (void) posix_spawnattr_destroy(&attr);
        return pid;
}

static pid_t fork_pipe(void) {
        int fds[2], error;
        pid_t pid;

        must(pipe2(fds, O_CLOEXEC), "pipe2");
        pid = must(fork(), "fork");
        if (pid == 0) {
                set_up();
                execute();
        }
        (void) close(fds[1]);
        check(read(fds[0], &error, sizeof error) == 0, "exec");
        (void) close(fds[0]);
        return pid;
}

__attribute__((noinline)) static pid_t bare_vfork(void) {
        pid_t pid = must(vfork(), "vfork");

        if (pid == 0)
                execute();
        return pid;
}

/* ---- what launch is made of ------------------------------------------------------------------ */

__attribute__((noinline)) static pid_t vfork_set_up(void) {
        pid_t pid = must(vfork(), "vfork");

        if (pid == 0) {
                set_up();
                execute();
        }
        return pid;
}

static pthread_t thread;
static sem_t todo, done;
static volatile pid_t from_thread;

static void *vforks(void *arg) {
        siginfo_t info;

        from_thread = vfork_set_up();
        (void) sem_post(&done);
        (void) waitid(P_PID, (id_t) from_thread, &info, WEXITED | WNOWAIT);
        return arg;
}

static pid_t wait_for_thread(void) {
        while (sem_wait(&done) < 0)
                ;
        return from_thread;
}

static pid_t vfork_in_thread(void) {
        must(-pthread_create(&thread, NULL, vforks, NULL), "pthread_create");
        return wait_for_thread();
}

static int finish_thread(pid_t pid) {
        int status;

        (void) pthread_join(thread, NULL);
        must(waitpid(pid, &status, 0), "waitpid");
        return status;
}

static void *vforks_for_ever(void *arg) {
        for (;;)
                if (sem_wait(&todo) == 0)
                        (void) vforks(arg);
        return NULL;
}

static pid_t vfork_in_kept_thread(void) {
        static bool kept;

        if (!kept)
                must(-pthread_create(&thread, NULL, vforks_for_ever, NULL), "pthread_create");
        kept = true;
        (void) sem_post(&todo);
        return wait_for_thread();
}

/* Of which the parent side makes all but the close() of two ends in the child. */
static pid_t barrier_alone(void) {
        Barrier b;

        must(barrier_init(&b), "barrier_init");
        must(barrier_set_role(&b, BARRIER_PARENT), "barrier_set_role");
        barrier_destroy(&b);
        return 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

enum { CLASSIC, BARRIER, LAUNCH, SPAWN, PIPE, VFORK, WAYS, PARTS = WAYS + 4 };

static const struct {
        const char *name;
        pid_t (*start)(void);
        int (*finish)(pid_t); /* waits for the child, if there is more to it than that */
        bool copies;          /* the page tables: afterwards each page has to be written once */
} ways[PARTS] = {
        [CLASSIC] = { "fork + classic barrier", fork_classic, NULL, true },
        [BARRIER] = { "fork + barrier.c", fork_barrier, NULL, true },
        [LAUNCH] = { "launch", launch, finish_launch, false },
        [SPAWN] = { "posix_spawn, no handshake", spawn, NULL, false },
        [PIPE] = { "fork + exec pipe", fork_pipe, NULL, true },
        [VFORK] = { "vfork + exec", bare_vfork, NULL, false },
        { "vfork, set-up, exec", vfork_set_up, NULL, false },
        { "the same in a new thread", vfork_in_thread, finish_thread, false },
        { "the same in a kept thread", vfork_in_kept_thread, NULL, false },
        { "init, set_role, destroy", barrier_alone, NULL, false },
};

/* Microseconds till the exec is known, till WRITTEN MiB are written after it, and both; and how
 * many page faults the parent had. */
enum { START, WRITE, BOTH, FAULTS, METRICS };
static double samples[PARTS][METRICS][MAX_REPS];

static char *memory;

static void write_memory(size_t mib) {
        size_t at;

        for (at = 0; at < mib << 20; at += PAGE)
                memory[at]++;
}

static double faults(void) {
        struct rusage usage;

        must(getrusage(RUSAGE_SELF, &usage), "getrusage");
        return (double) usage.ru_minflt;
}

static void take_sample(int way, int repetition, size_t mib) {
        double before = faults(), begun, known, written;
        int status = 0;
        pid_t pid;

        begun = microseconds();
        pid = ways[way].start();
        known = microseconds();
        write_memory(mib < WRITTEN ? mib : WRITTEN);
        written = microseconds();
        samples[way][START][repetition] = known - begun;
        samples[way][WRITE][repetition] = written - known;
        samples[way][BOTH][repetition] = written - begun;
        samples[way][FAULTS][repetition] = faults() - before;
        if (ways[way].finish)
                status = ways[way].finish(pid);
        else if (pid > 0)
                must(waitpid(pid, &status, 0), "waitpid");
        check(status == 0, command[0]);
        if (ways[way].copies)
                write_memory(mib);
}

static int compare(const void *a, const void *b) {
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Sorts, for `of` itself, or for its ratio to `to` within a repetition. */
static void sort(double *v, const double *of, const double *to, int reps) {
        int i;

        for (i = 0; i < reps; i++)
                v[i] = to ? of[i] / to[i] : of[i];
        qsort(v, (size_t) reps, sizeof *v, compare);
}

static void judge(int reps, int metric, int way, double limit, const char *what) {
        static const char *const verdict[] = { "met", "noise", "MISSED" };
        double v[MAX_REPS];

        if (limit == 0)
                return;
        sort(v, samples[LAUNCH][metric], samples[way][metric], reps);
        printf("%-6s launch / %s, %s: %.4f (%.4f to %.4f), at most %g\n",
               verdict[(v[reps / 2] > limit) + (v[reps / 4] > limit)], ways[way].name, what,
               v[reps / 2], v[reps / 4], v[reps * 3 / 4], limit);
}

/* At most so much; 0: no target. */
static const struct size {
        size_t mib;
        double small, written, huge, spawn;
} sizes[] = {
        { 0, 0.80, 0, 0, 2.0 },
        { 64, 0.10, 0.04, 0.75, 2.0 },
        { 256, 0, 0, 0, 2.0 },
        { 1024, 0.015, 0.015, 0.40, 2.0 },
        { 4096, 0.008, 0.010, 0.12, 2.0 },
};

static void have_pages(size_t mib, bool huge) {
        const size_t bytes = mib << 20;
        char *p;

        if (mib == 0)
                return;
        p = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0);
        if (p == MAP_FAILED)
                die("mmap");
        memory = p + (HUGE_PAGE - (uintptr_t) p % HUGE_PAGE);
        must(madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE), "madvise");
        memset(memory, 1, bytes);
}

/* With nothing resident the parts of launch are measured too. */
__attribute__((noreturn)) static void measure(const struct size *size, bool huge, int reps) {
        const int n = size->mib == 0 ? PARTS : WAYS;
        const size_t mib = size->mib;
        unsigned seed = 1;
        double v[MAX_REPS];
        int i, k, r, order[PARTS] = { 0 };

        have_pages(mib, huge);
        for (r = -1; r < reps; r++) {
                for (i = 0; i < n; i++) { /* shuffles while it fills */
                        k = rand_r(&seed) % (i + 1);
                        order[i] = order[k];
                        order[k] = i;
                }
                for (i = 0; i < n; i++)
                        take_sample(order[i], r < 0 ? 0 : r, mib); /* the first does not count */
        }

        printf("\n%4zu MiB%s\n%-26s %10s %9s %9s %9s %16s %7s\n", mib,
               mib == 0 ? ""
               : huge   ? " in huge pages"
                        : " in 4 KiB pages",
               "start, us", "lowest 10th", "quartile", "median", "quartile", "write 64 MiB, us",
               "faults");
        for (i = 0; i < n; i++) {
                sort(v, samples[i][START], NULL, reps);
                printf("%-26s %11.0f %9.0f %9.0f %9.0f", ways[i].name, v[reps / 10], v[reps / 4],
                       v[reps / 2], v[reps * 3 / 4]);
                sort(v, samples[i][WRITE], NULL, reps);
                printf(" %16.0f", v[reps / 2]);
                sort(v, samples[i][FAULTS], NULL, reps);
                printf(" %7.0f\n", v[reps / 2]);
        }
        judge(reps, START, CLASSIC, huge ? size->huge : size->small, "start");
        judge(reps, BOTH, CLASSIC, huge ? 0 : size->written, "start and write");
        judge(reps, START, SPAWN, size->spawn, "start");
        (void) fflush(stdout);
        _exit(0);
}

/* In small pages and in huge ones, each in a process of its own. */
static void measure_both(const struct size *size, int reps) {
        int huge, status;
        pid_t pid;

        if ((double) (size->mib << 20) * 1.2 >
            (double) sysconf(_SC_AVPHYS_PAGES) * (double) sysconf(_SC_PAGESIZE)) {
                printf("\nSKIPPED: %zu MiB: that much memory is not free\n", size->mib);
                return;
        }
        for (huge = 0; huge < (size->mib ? 2 : 1); huge++) {
                pid = must(fork(), "fork");
                if (pid == 0)
                        measure(size, huge, reps);
                must(waitpid(pid, &status, 0), "waitpid");
                if (status != 0)
                        exit(1);
        }
}

int main(int argc, char **argv) {
        const struct size *size;
        int c, i, reps = 15;
        sigset_t all;

        while ((c = getopt(argc, argv, "r:")) >= 0) {
                reps = c == 'r' ? (int) strtol(optarg, NULL, 10) : 0;
                if (reps < 1 || reps > MAX_REPS) {
                        fputs("usage: start [-r REPETITIONS] [MIB]...\n", stderr);
                        return 2;
                }
        }
        (void) sem_init(&todo, 0, 0);
        (void) sem_init(&done, 0, 0);
        (void) sigfillset(&all);
        (void) sigprocmask(SIG_SETMASK, &all, NULL);
        for (size = sizes; size < sizes + sizeof sizes / sizeof *sizes; size++) {
                for (i = optind; i < argc && strtoul(argv[i], NULL, 10) != size->mib; i++)
                        ;
                if (i < argc || optind == argc)
                        measure_both(size, reps);
        }
        return 0;
}
