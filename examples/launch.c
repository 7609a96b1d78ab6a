/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * launch [-m MIB] [-n NICE] COMMAND [ARG...] - starts a command from a process that is big
 *
 * fork() copies the page tables: from a process with gigabytes in memory it takes as long as a
 * hundred execs, and each page that the parent writes afterwards costs it a fault. vfork() copies
 * nothing, but suspends the thread that calls it until the exec. So a second thread calls it, and
 * the first one is the parent's side: it sets the child's priority while the child gets its own
 * session and default signals; they meet, and only then does the child execute COMMAND.
 *
 *   - Whatever fails, on either side, is reported with its errno. A child that was killed before
 *     its exec is not taken for one that exec'd.
 *   - If launch is killed, at any moment, COMMAND is killed too, unless it gained privileges by its
 *     exec; what COMMAND itself has started is not. The thread that forks lasts as long as COMMAND,
 *     because the death signal depends on it; the one that called start() may end.
 *   - If a step takes longer than the timeout, the child is killed, once its number is known.
 *   - Termination is passed on, during the start too, unless launch was started with it ignored.
 *   - Any number of threads may start commands at once, whatever the others do meanwhile.
 *   - Where vfork() is fork(), as under valgrind, all of this holds; it only takes longer.
 *
 *      -m MIB          have that much memory in use first, to see what it costs: nearly nothing
 *      -n NICE         the nice value of COMMAND; that of launch if it is not given
 *
 * Exit status: that of COMMAND, or 128 + the signal that killed it; 124 the start took too long;
 * 125 another failure; 126 COMMAND cannot be executed; 127 it was not found.
 *
 * To make it yours let child() and meet() do what has to be done before the exec.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

enum { LATE = 124, FAILED, NOT_EXECUTABLE, NOT_FOUND };

/* The step that failed goes above its errno, which is at most 4095. */
enum { STEP = 4096, THREAD = 1, FORK, PRIORITY, SESSION, EXEC };
static const char *const steps[] = { "barrier", "thread", "vfork", "setpriority", "set-up" };

/* One start. The child is in the parent's memory: each sees what the other writes here. */
struct start {
        char **command;
        int nice;
        int timeout; /* of each wait, in ms */

        pid_t parent;
        volatile pid_t pid; /* -1: vfork() failed; 0: nothing is there that finish() waits for */
        int error;          /* of vfork() */
        sem_t born;         /* the two above are known */
        pthread_t thread;
        Barrier b; /* the parent's side */
};

/* Held from barrier_init() till the role is set, or other children hold the ends of the pipe. Hold
 * it over every other fork too whose child does not exec at once. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* ---- the child --------------------------------------------------------------------------------
 *
 * The parent's other threads go on meanwhile, in the same memory. So it may write to its own
 * variables, to *s, and to errno, which is that of the suspended thread. It must not take a lock,
 * because it can be killed while it holds it: no stdio, no malloc(), no setuid() of libc. */

__attribute__((noreturn)) static void failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(FAILED);
}

__attribute__((noreturn)) static void child(struct start *s) {
        Barrier b = s->b; /* a copy, made before the parent goes on with the original */
        sigset_t none;
        int sig;

        s->pid = getpid(); /* in a new pid namespace, where this were wrong, there is no thread */
        (void) sem_post(&s->born);
        (void) barrier_set_role(&b, BARRIER_CHILD);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0)
                failed(&b, SESSION);
        if (getppid() != s->parent) /* it was dead before; its barrier may be there all the same */
                _exit(FAILED);
        for (sig = 1; sig < NSIG; sig++) /* before a handler can run here */
                if (sig != SIGABRT)      /* for which libc may take a lock; main() has done it */
                        (void) signal(sig, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (!barrier_wait_next(&b) || !barrier_place(&b)) /* both are set up; about to exec */
                _exit(FAILED);
        (void) execvp(s->command[0], s->command);
        failed(&b, EXEC);
}

/* On its own: the child goes on with this frame, and the parent after it. */
__attribute__((noinline)) static pid_t give_birth(struct start *s) {
        pid_t pid = vfork();

        if (pid == 0)
                child(s);
        return pid;
}

static void *forks(void *arg) {
        struct start *s = arg;
        siginfo_t info;
        sigset_t all;
        pid_t pid;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, NULL); /* till the child has reset them */
        pid = give_birth(s);
        s->error = errno;
        if (s->pid == 0) /* it failed, or the child was killed, or vfork() is fork() here */
                s->pid = pid;
        (void) sem_post(&s->born);
        if (pid > 0)
                (void) waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT);
        return NULL;
}

/* ---- the parent's side ----------------------------------------------------------------------- */

/* Returns 0 if COMMAND was executed, or what failed. */
static int meet(struct start *s) {
        Barrier *b = &s->b;

        barrier_set_timeout(b, s->timeout);
        if (setpriority(PRIO_PROCESS, (id_t) s->pid, s->nice) < 0)
                return PRIORITY * STEP + errno;
        if (barrier_place(b) &&     /* the child may exec as soon as it is set up */
            barrier_wait_next(b) && /* it is about to */
            barrier_wait_abortion(b) && barrier_they_left(b))
                return 0;
        return barrier_is_aborted(b) ? barrier_error(b) : ETIMEDOUT;
}

/* Returns as meet() does. In either case finish() has to follow. */
static int start(struct start *s) {
        int code;

        s->pid = 0;
        s->parent = getpid();
        (void) sem_init(&s->born, 0, 0);
        (void) pthread_mutex_lock(&turn);
        code = -barrier_init(&s->b);
        if (!code && (code = pthread_create(&s->thread, NULL, forks, s)) != 0)
                code += THREAD * STEP;
        while (!code && sem_wait(&s->born) < 0)
                ; /* EINTR; without end if it is stopped in its first instructions */
        (void) barrier_set_role(&s->b, BARRIER_PARENT);
        (void) pthread_mutex_unlock(&turn);

        if (!code && s->pid < 0)
                code = FORK * STEP + s->error;
        if (!code && (code = meet(s)) != 0)
                (void) kill(s->pid, SIGKILL); /* it may be stuck anywhere */
        barrier_destroy(&s->b);
        return code;
}

/* Waits until the child has ended, if there is one. Returns its status, as waitpid() has it. */
static int finish(struct start *s) {
        const pid_t pid = s->pid;
        int status = 0;

        if (pid != 0)
                (void) pthread_join(s->thread, NULL);
        (void) sem_destroy(&s->born);
        s->pid = 0; /* from here on the number may be that of another process */
        if (pid > 0)
                (void) waitpid(pid, &status, 0);
        return status;
}

/* ---- the program ----------------------------------------------------------------------------- */

static struct start only;

static int complain(const char *what, const char *why, int status) {
        fprintf(stderr, "launch: %s: %s\n", what, why);
        return status;
}

static void forward(int sig) {
        const int saved = errno;
        const pid_t pid = only.pid;

        if (pid <= 0) { /* there is no child that could take it */
                (void) signal(sig, SIG_DFL);
                (void) raise(sig);
        } else {
                if (kill(-pid, sig) < 0) /* no session yet */
                        (void) kill(pid, sig);
                (void) kill(pid, SIGCONT); /* while it is stopped it takes no other */
        }
        errno = saved;
}

static double milliseconds(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static int run(const char *command) {
        const double begun = milliseconds();
        const int code = start(&only), step = code / STEP, error = code % STEP;
        int status;

        if (code == 0)
                fprintf(stderr, "launch: %s: exec'd after %.1f ms, pid %ld\n", command,
                        milliseconds() - begun, (long) only.pid);
        else if (code == ETIMEDOUT) /* while it cannot be killed, finish() waits */
                (void) complain(command, "the start took too long", LATE);
        status = finish(&only);
        if (code == 0 && WIFSIGNALED(status))
                return complain(command, strsignal(WTERMSIG(status)), 128 + WTERMSIG(status));
        if (code == 0)
                return WEXITSTATUS(status);
        if (code == ETIMEDOUT)
                return LATE;
        if (code == ECONNRESET) {
                fprintf(stderr, "launch: %s: died before the exec: %s\n", command,
                        WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exited");
                return FAILED;
        }
        if (step != EXEC)
                return complain(steps[step], strerror(error), FAILED);
        return complain(command, strerror(error), error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Has it in 4 KiB pages, as most programs do. */
static bool have_memory(size_t bytes) {
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                return false;
        (void) madvise(p, bytes, MADV_NOHUGEPAGE);
        memset(p, 1, bytes);
        return true;
}

/* Returns whether it is a number from `min` to `max`. */
static bool number(const char *text, long min, long max, long *n) {
        char *end;

        *n = strtol(text, &end, 10);
        return end != text && !*end && *n >= min && *n <= max;
}

int main(int argc, char **argv) {
        static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
        struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART }, old;
        long mib = 0, nice = getpriority(PRIO_PROCESS, 0);
        int option;
        size_t i;

        opterr = 0;
        while ((option = getopt(argc, argv, "+m:n:")) != -1)
                if (!(option == 'm'   ? number(optarg, 1, (long) (SIZE_MAX >> 21), &mib)
                      : option == 'n' ? number(optarg, -20, 19, &nice)
                                      : false)) {
                        optind = argc;
                        break;
                }
        if (optind == argc) {
                fputs("usage: launch [-m MIB] [-n NICE] COMMAND [ARG...]\n", stderr);
                return FAILED;
        }
        if (mib && !have_memory((size_t) mib << 20))
                return complain("-m", strerror(errno), FAILED);

        for (i = 0; i < sizeof signals / sizeof *signals; i++)
                if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        (void) sigaction(signals[i], &action, NULL);
        (void) signal(SIGABRT, SIG_DFL);
        (void) signal(SIGPIPE, SIG_IGN); /* what it says must not end it, and COMMAND with it */
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        only.command = argv + optind;
        only.nice = (int) nice;
        only.timeout = 10000;
        return run(argv[optind]);
}
