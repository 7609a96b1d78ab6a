/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * spawn [-t SECONDS] [-s SETUP] COMMAND [ARG...] - starts a command the way a supervisor has to
 *
 * Parent and child set up at the same time: the child gets its own session, default signals and a
 * parent whose death it does not survive; the parent makes it the OOM killer's first choice. They
 * meet, and only then does the child execute COMMAND. Termination is passed on to it, unless spawn
 * was started with that signal ignored. These survive spawn: a COMMAND that gains privileges by its
 * exec, and what SETUP or COMMAND has started. What went wrong is said before spawn waits for the
 * child to be gone, which may take a while; and if both sides failed, what the child says counts.
 *
 *      -t SECONDS      how long each step may take: the set-up, getting to the exec, the exec
 *      -s SETUP        one more step of the child's set-up, run by sh; the child is its $PPID
 *
 * Exit status: that of COMMAND, or 128 + the signal that killed it; 124 the start took too long;
 * 125 another failure; 126 COMMAND cannot be executed; 127 it was not found.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"

enum { LATE = 124, FAILED, NOT_EXECUTABLE, NOT_FOUND };

/* The step that failed goes above its errno, or the status of SETUP; both are below 4096. */
enum { STEP = 4096, SESSION = 1, SHELL, SETUP, EXEC };

static const int termination[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static sigset_t signals; /* the same */
static pid_t pid;        /* of the child */

static int complain(const char *what, const char *why) {
        fprintf(stderr, "spawn: %s: %s\n", what, why);
        return FAILED;
}

static int exit_status(int status) {
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void signal_child(int sig) {
        if (kill(-pid, sig) < 0) /* no session yet */
                (void) kill(pid, sig);
}

static void forward(int sig) {
        int saved = errno;

        signal_child(sig);
        signal_child(SIGCONT); /* while it is stopped it takes no other */
        errno = saved;
}

__attribute__((noreturn)) static void failed(Barrier *b, int code) {
        (void) barrier_fail(b, code);
        _exit(FAILED);
}

/* Die with the parent. If it is dead already, the barrier says so; getppid() cannot tell that from
 * inside a pid namespace. */
static bool die_with_parent(Barrier *b) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return false;
        barrier_set_timeout(b, 0);
        (void) barrier_wait_abortion(b);
        barrier_set_timeout(b, -1);
        errno = barrier_error(b);
        return errno == 0;
}

/* Not system(), which ignores SIGINT and SIGQUIT meanwhile, and returns 127 if fork() fails. The
 * death signal is not inherited. */
static int run_setup(const char *setup) {
        int status;
        pid_t self = getpid(), shell = fork();

        if (shell == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != self)
                        _exit(FAILED);
                (void) execl("/bin/sh", "sh", "-c", setup, (char *) NULL);
                _exit(NOT_FOUND);
        }
        return shell < 0 || waitpid(shell, &status, 0) < 0 ? -1 : status;
}

__attribute__((noreturn)) static void child(Barrier *b, const char *setup, char **command) {
        sigset_t none;
        int sig, status = 0;

        (void) barrier_set_role(b, BARRIER_CHILD);
        if (!die_with_parent(b) || setsid() < 0)
                failed(b, SESSION * STEP + errno);
        for (sig = 1; sig < NSIG; sig++)
                (void) signal(sig, SIG_DFL); /* refused for SIGKILL and a few more: as it is */
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (setup && (status = run_setup(setup)) < 0)
                failed(b, SHELL * STEP + errno);
        if (status != 0)
                failed(b, SETUP * STEP + exit_status(status));
        if (!barrier_place_and_sync(b)) /* both are set up */
                _exit(FAILED);
        if (!barrier_place_and_sync(b)) /* about to exec, and still wanted */
                _exit(FAILED);
        (void) execvp(command[0], command);
        failed(b, EXEC * STEP + errno);
}

/* In a pid namespace of its own, but with the /proc from outside, /proc/PID is a stranger. */
static bool proc_is_ours(void) {
        char self[32] = "";
        bool told = readlink("/proc/self", self, sizeof self - 1) > 0;

        return told && strtol(self, NULL, 10) == getpid();
}

/* Memory shall be taken from the command, not from its supervisor. */
static bool raise_oom_score(const char *path) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, "1000", 4) == 4 && close(fd) == 0;
}

/* Says why the command was not executed, unless it takes the child's status to know. */
static int report(const Barrier *b, const char *command) {
        int code = barrier_error(b), error = code % STEP;

        if (!code) {
                (void) complain(command, "the start took too long");
                return LATE;
        }
        if (barrier_they_left(b))
                return FAILED;
        if (code / STEP == SETUP) {
                fprintf(stderr, "spawn: -s: failed with status %d\n", error);
                return FAILED;
        }
        if (code / STEP != EXEC)
                return complain("set-up", strerror(error));
        (void) complain(command, strerror(error));
        return error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

static int parent(Barrier *b, const char *command) {
        char oom_score_adj[64];
        int status, result = 0, error = 0;
        siginfo_t info;
        bool executed;

        (void) snprintf(oom_score_adj, sizeof oom_score_adj, "/proc/%ld/oom_score_adj", (long) pid);
        if (!raise_oom_score(oom_score_adj)) {
                error = errno;
                barrier_set_timeout(b, 0); /* it may be that the child failed, and is dead */
                if (!barrier_wait_abortion(b))
                        (void) barrier_abort(b);
        }
        executed = barrier_place_and_sync(b) &&           /* both are set up */
                   barrier_place(b) && barrier_sync(b) && /* about to exec */
                   barrier_wait_abortion(b) && barrier_they_left(b);
        if (executed)
                fprintf(stderr, "spawn: %s: exec'd, pid %ld\n", command, (long) pid);
        else {
                signal_child(SIGKILL); /* it may be stuck anywhere */
                result = error && !barrier_they_aborted(b)
                                 ? complain(oom_score_adj, strerror(error))
                                 : report(b, command);
        }

        /* Once its status is taken, the number may be that of another process. */
        (void) waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        if (waitpid(pid, &status, 0) < 0)
                return complain("waitpid", strerror(errno));
        if (!executed && barrier_they_left(b))
                fprintf(stderr, "spawn: %s: died before the exec: %s\n", command,
                        WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exited");
        if (!executed)
                return result;
        if (WIFSIGNALED(status))
                (void) complain(command, strsignal(WTERMSIG(status)));
        return exit_status(status);
}

static int usage(void) {
        fputs("usage: spawn [-t SECONDS] [-s SETUP] COMMAND [ARG...]\n", stderr);
        return FAILED;
}

int main(int argc, char **argv) {
        struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART }, old;
        const char *setup = NULL;
        double seconds = -1;
        int option, r;
        char *end = NULL;
        Barrier b;
        size_t i;

        opterr = 0;
        while ((option = getopt(argc, argv, "+t:s:")) != -1) {
                if (option == 's')
                        setup = optarg;
                else if (option == 't') {
                        seconds = strtod(optarg, &end);
                        if (*end || !(seconds >= 0.001 && seconds <= 1e6))
                                return usage();
                } else
                        return usage();
        }
        if (optind == argc)
                return usage();
        if (!proc_is_ours())
                return complain("/proc", "not mounted, or that of another pid namespace");

        (void) sigemptyset(&signals);
        for (i = 0; i < sizeof termination / sizeof *termination; i++) {
                (void) sigaddset(&signals, termination[i]);
                (void) sigprocmask(SIG_BLOCK, &signals, NULL); /* till there is a child */
                if (sigaction(termination[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        (void) sigaction(termination[i], &action, NULL);
        }
        (void) signal(SIGPIPE, SIG_IGN); /* what it says must not end it, and COMMAND with it */
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", strerror(-r));
        pid = fork();
        if (pid < 0)
                return complain("fork", strerror(errno));
        if (pid == 0)
                child(&b, setup, argv + optind);
        (void) sigprocmask(SIG_UNBLOCK, &signals, NULL);
        (void) barrier_set_role(&b, BARRIER_PARENT);
        barrier_set_timeout(&b, seconds < 0 ? -1 : (int) (seconds * 1000));
        return parent(&b, argv[optind]);
}
