/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * handover - hands a barrier over to a helper program, to meet before and after its execve()
 *
 *      handover [HELPER [ARG...]] < FILE       start the helper; without HELPER, the one below
 *      handover --helper                       be the helper; only works when started by the above
 *
 * The helper works on input that nobody trusts, here it counts lines and bytes. Two things have to
 * be done to it from outside, each at the right moment:
 *
 *      before the exec         core dumps are forbidden, so that none shows the input
 *      after the exec          opening files is forbidden: not earlier, because loading a program
 *                              and its own set-up open files, and not later than the first byte
 *
 * So the two meet twice. The child exports its side to the environment, the helper imports it from
 * there, and refuses to work if it is missing, damaged or stale.
 *
 * Exit status: that of the helper, or 128 + the signal that killed it; if it did not come that far
 *      125 wrong usage, or the set-up failed on either side
 *      126 HELPER can not be executed
 *      127 HELPER was not found
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"

#define VARIABLE "HANDOVER_BARRIER"

enum { FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127, START_MSEC = 5000 };

/* The child tells which step failed, above its errno, which is at most 4095. */
enum { STEP = 4096, SET_UP = 1, EXPORT, EXEC };
static const char *const step_names[] = { "barrier", "prctl", "export" };

static int complain(const char *what, const char *why) {
        fprintf(stderr, "handover: %s: %s\n", what, why);
        return FAILED;
}

/* ---- the helper, after the exec -------------------------------------------------------------- */

static int helper(void) {
        unsigned long bytes = 0, lines = 0;
        char buf[4096];
        ssize_t i, n;
        Barrier b;
        int r;

        if (!getenv(VARIABLE))
                return complain(VARIABLE, "not set; this program is to be started by handover");
        r = barrier_import(&b, getenv(VARIABLE));
        if (r == -EBADF)
                return complain(VARIABLE, "stale, its descriptors are not there");
        if (r < 0)
                return complain(VARIABLE, "damaged");
        (void) unsetenv(VARIABLE); /* it is of no use to anybody else */

        /* Here a helper opens what it needs. */

        if (!barrier_place_and_sync(&b)) /* ready; nothing can be opened any more */
                return complain("barrier", strerror(errno));
        barrier_destroy(&b);
        if (open("/", O_RDONLY | O_CLOEXEC) >= 0)
                return complain("open", "is still possible");

        while ((n = read(STDIN_FILENO, buf, sizeof buf)) > 0) {
                bytes += (unsigned long) n;
                for (i = 0; i < n; i++)
                        lines += buf[i] == '\n';
        }
        if (n < 0)
                return complain("standard input", strerror(errno));
        printf("lines %lu, bytes %lu\n", lines, bytes);
        return fflush(stdout) == EOF ? complain("standard output", strerror(errno)) : 0;
}

/* ---- the child, before the exec -------------------------------------------------------------- */

__attribute__((noreturn)) static void failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(FAILED);
}

__attribute__((noreturn)) static void child(Barrier *b, char **command) {
        char exported[BARRIER_EXPORT_MAX];
        int r;

        (void) barrier_set_role(b, BARRIER_CHILD);

        /* A parent that died before this is noticed by the wait. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                failed(b, SET_UP);
        if (!barrier_place_and_sync(b)) /* both are set up */
                _exit(FAILED);

        r = barrier_export(b, exported, sizeof exported);
        if (r < 0) {
                errno = -r;
                failed(b, EXPORT);
        }
        if (setenv(VARIABLE, exported, 1) < 0)
                failed(b, EXPORT);
        (void) execvp(command[0], command);
        failed(b, EXEC); /* the barrier goes on working */
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Says what went wrong, and returns the exit status. */
static int report(const Barrier *b, const char *command) {
        int error = barrier_error(b) % STEP, step = barrier_error(b) / STEP;

        if (!barrier_error(b))
                return complain(command, "the helper was not ready in time");
        if (barrier_they_exited(b))
                return complain(command, "the helper ended before it was ready");
        if (step != EXEC)
                return complain(step_names[step], strerror(error));
        complain(command, strerror(error));
        return error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

static int parent(Barrier *b, pid_t pid, const char *command) {
        const struct rlimit no_core = { 0, 0 };
        const struct rlimit no_file = { BARRIER_POLLFDS, BARRIER_POLLFDS }; /* less: no poll() */
        int status, r = 0;
        bool ready;

        (void) barrier_set_role(b, BARRIER_PARENT);
        barrier_set_timeout(b, START_MSEC);
        (void) signal(SIGINT, SIG_IGN); /* the terminal sends these two to the helper as well */
        (void) signal(SIGQUIT, SIG_IGN);

        if (prlimit(pid, RLIMIT_CORE, &no_core, NULL) < 0)
                r = complain("RLIMIT_CORE", strerror(errno));
        else {
                ready = barrier_place_and_sync(b) && /* both are set up */
                        barrier_wait_next(b);        /* the helper is ready */
                if (ready && prlimit(pid, RLIMIT_NOFILE, &no_file, NULL) < 0)
                        r = complain("RLIMIT_NOFILE", strerror(errno));
                else if (!ready || !barrier_place(b)) /* now it may begin */
                        r = report(b, command);
        }

        if (r)
                (void) kill(pid, SIGKILL); /* it may be stuck anywhere */
        if (waitpid(pid, &status, 0) < 0)
                return complain("waitpid", strerror(errno));
        if (r)
                return r;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
        char self_helper[] = "--helper";
        char *self[] = { argv[0], self_helper, NULL };
        char **command = argc > 1 ? argv + 1 : self;
        Barrier b;
        pid_t pid;
        int r;

        if (argc == 2 && !strcmp(argv[1], self_helper))
                return helper();
        if (argc > 1 && *argv[1] == '-') {
                fputs("usage: handover [HELPER [ARG...]]\n", stderr);
                return FAILED;
        }

        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", strerror(-r));
        pid = fork();
        if (pid < 0)
                return complain("fork", strerror(errno));
        if (pid == 0)
                child(&b, command);
        return parent(&b, pid, command[0]);
}
