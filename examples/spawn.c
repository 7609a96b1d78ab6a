/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * spawn - starts a command the way a supervisor has to
 *
 *      spawn [-t SECONDS] [-s SETUP] COMMAND [ARG...]
 *
 * Parent and child set up at the same time: the child gets its own session, default signals and a
 * parent whose death it does not survive; the parent makes it the OOM killer's first choice. Then
 * they meet, and only then the child executes COMMAND. Says on stderr how that went, passes
 * termination, stopping and the usual signals on, and exits as COMMAND does.
 *
 *      -t SECONDS      how long the start may take altogether; for ever if not given
 *      -s SETUP        one more step of the child's set-up, run by the shell; the child is its $PPID
 *
 * COMMAND has no controlling terminal: it may use one that it inherits, but not /dev/tty.
 *
 * Exit status: that of COMMAND, or 128 + the signal that killed it; if COMMAND was not executed
 *      124 the start took longer than SECONDS
 *      125 wrong usage, a set-up step failed, or the child died before the exec
 *      126 COMMAND can not be executed
 *      127 COMMAND was not found
 *
 * Read parent() and child() side by side; the calls of barrier_place() and barrier_sync() pair up.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

enum { LATE = 124, FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

/* Which step of the child failed goes above its errno, which is at most 4095. */
enum { STEP = 4096, EXEC = STEP, SESSION = 2 * STEP, SETUP = 3 * STEP };

static const int forwarded[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                                 SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH };

static int complain(const char *what, const char *why) {
        fprintf(stderr, "spawn: %s: %s\n", what, why);
        return FAILED;
}

static int exit_status(int status) {
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int64_t now_msec(void) {
        struct timespec ts = { 0, 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the child ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void child_failed(Barrier *b, int code) {
        (void) barrier_fail(b, code);
        _exit(FAILED);
}

__attribute__((noreturn)) static void child(Barrier *b, const char *setup, char **command) {
        sigset_t none;
        int sig, status;

        (void) barrier_set_role(b, BARRIER_CHILD);

        for (sig = 1; sig < NSIG; sig++)
                (void) signal(sig, SIG_DFL); /* refused for SIGKILL and a few more: as it is */
        /* A parent that died before prctl() is noticed by barrier_sync(). */
        if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                child_failed(b, SESSION + errno);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL); /* what was passed on till now, arrives */
        if (setup) {
                status = system(setup);
                if (status < 0)
                        child_failed(b, SESSION + errno);
                if (status)
                        child_failed(b, SETUP + exit_status(status));
        }

        if (!barrier_place_and_sync(b)) /* both are set up */
                _exit(FAILED);
        if (!barrier_place(b)) /* about to exec */
                _exit(FAILED);
        (void) execvp(command[0], command);
        child_failed(b, EXEC + errno);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void send_signal(pid_t pid, int sig) {
        if (kill(-pid, sig) < 0) /* no session yet */
                (void) kill(pid, sig);
}

/* Takes one signal and passes it on, if it is not SIGCHLD. */
static void forward(int signals, pid_t pid) {
        struct signalfd_siginfo info;
        ssize_t n = read(signals, &info, sizeof info);

        if (n != (ssize_t) sizeof info || info.ssi_signo == SIGCHLD)
                return;
        if (info.ssi_signo == SIGTSTP) { /* has no effect outside the terminal's own session */
                send_signal(pid, SIGSTOP);
                (void) raise(SIGSTOP);
        } else
                send_signal(pid, (int) info.ssi_signo);
}

/* A wait that goes on passing signals on. False if the barrier ended or time ran out. */
static bool await(Barrier *b, bool (*wait)(Barrier *), int signals, pid_t pid, int64_t deadline) {
        struct pollfd fds[BARRIER_POLLFDS + 1];
        int64_t left = -1;
        int n;

        barrier_set_timeout(b, 0);
        while (!wait(b)) {
                if (errno != ETIMEDOUT || barrier_they_aborted(b))
                        return false;
                if (deadline) {
                        left = deadline - now_msec();
                        if (left <= 0)
                                return false;
                }
                n = barrier_get_pollfds(b, fds);
                fds[n].fd = signals;
                fds[n].events = POLLIN;
                fds[n].revents = 0;
                if (poll(fds, (nfds_t) n + 1, (int) left) > 0 && fds[n].revents)
                        forward(signals, pid);
        }
        return true;
}

/* Memory shall be taken from the command, not from its supervisor. */
static bool raise_oom_score(pid_t pid) {
        char path[64], text[16] = "";
        int fd;
        long score;
        ssize_t n;

        fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof text - 1);
        (void) close(fd);
        if (n < 0)
                return false;
        score = strtol(text, NULL, 10) + 100;
        (void) snprintf(path, sizeof path, "/proc/%ld/oom_score_adj", (long) pid);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = dprintf(fd, "%ld", score < 1000 ? score : 1000);
        (void) close(fd);
        return n > 0;
}

/* Says why the command was not executed; the child is dead. */
static int report(const Barrier *b, const char *command, int status) {
        int code = barrier_error(b), error = code % STEP;

        if (!code)
                return complain(command, "the start took too long"), LATE;
        if (barrier_they_exited(b)) {
                fprintf(stderr, "spawn: %s: died before the exec: %s\n", command,
                        WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exited");
                return FAILED;
        }
        switch (code - error) {
        case EXEC:
                complain(command, strerror(error));
                return error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
        case SESSION:
                return complain("set-up", strerror(error));
        case SETUP:
                fprintf(stderr, "spawn: -s: failed with status %d\n", error);
                return FAILED;
        default:
                return complain("barrier", strerror(code));
        }
}

static int parent(Barrier *b, pid_t pid, int signals, int64_t deadline, const char *command) {
        int status, r, error = 0;

        (void) barrier_set_role(b, BARRIER_PARENT);

        if (!raise_oom_score(pid)) {
                error = errno;
                (void) barrier_fail(b, error);
        }
        if (!barrier_place(b) || !await(b, barrier_sync, signals, pid, deadline) ||
            !barrier_place(b) || !await(b, barrier_sync, signals, pid, deadline) ||
            !await(b, barrier_wait_abortion, signals, pid, deadline) || !barrier_they_exited(b)) {
                if (error) /* or was it because the child died? Its exit status tells */
                        (void) await(b, barrier_wait_abortion, signals, pid, deadline);
                send_signal(pid, SIGKILL); /* it may be stuck anywhere */
                if (waitpid(pid, &status, 0) < 0)
                        return complain("waitpid", strerror(errno));
                if (error && !(barrier_they_exited(b) && WIFSIGNALED(status)))
                        return complain("oom_score_adj", strerror(error));
                return report(b, command, status);
        }

        fprintf(stderr, "spawn: %s: exec'd, pid %ld\n", command, (long) pid);
        barrier_destroy(b);
        while ((r = waitpid(pid, &status, WNOHANG)) == 0)
                forward(signals, pid);
        if (r < 0)
                return complain("waitpid", strerror(errno));
        if (WIFSIGNALED(status))
                complain(command, strsignal(WTERMSIG(status)));
        return exit_status(status);
}

static int usage(void) {
        fputs("usage: spawn [-t SECONDS] [-s SETUP] COMMAND [ARG...]\n", stderr);
        return FAILED;
}

int main(int argc, char **argv) {
        Barrier b;
        sigset_t set;
        size_t i;
        pid_t pid;
        double seconds;
        int64_t deadline = 0;
        const char *setup = NULL;
        char *end;
        int option, signals, r;

        opterr = 0;
        while ((option = getopt(argc, argv, "+t:s:")) != -1) {
                if (option == 's')
                        setup = optarg;
                else if (option == 't') {
                        seconds = strtod(optarg, &end);
                        if (*end || !(seconds > 0 && seconds <= 1e6))
                                return usage();
                        deadline = now_msec() + (int64_t) (seconds * 1000);
                } else
                        return usage();
        }
        if (optind == argc)
                return usage();

        /* Nothing that arrives from here on is lost, or kills the parent alone. */
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        for (i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
                (void) sigaddset(&set, forwarded[i]);
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        if (signals < 0)
                return complain("signalfd", strerror(errno));

        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", strerror(-r));
        pid = fork();
        if (pid < 0)
                return complain("fork", strerror(errno));
        if (pid == 0)
                child(&b, setup, argv + optind);
        return parent(&b, pid, signals, deadline, argv[optind]);
}
