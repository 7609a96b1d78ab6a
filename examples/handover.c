/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * handover [HELPER [ARG...]] < FILE - meets a helper program before and after its execve()
 *
 * The helper works on input that nobody trusts; the one below, `handover --helper`, counts lines
 * and bytes. Two things have to be done to it from outside, each at the right moment:
 *
 *      before the exec         core dumps are forbidden, so that none shows the input
 *      after the exec          no further descriptors: not earlier, because loading a program and
 *                              its own set-up need some, and not later than the first byte
 *
 * So the two meet twice. The child exports its side to the environment, the helper imports it from
 * there, and refuses to work if the variable is missing, damaged or stale. SIGINT and SIGQUIT are
 * left to HELPER.
 *
 * Exit status: that of the helper, or 128 + the signal that killed it; if it did not get that far
 * 125, or 126 HELPER cannot be executed, or 127 it was not found.
 */
#define _GNU_SOURCE 1

#include <errno.h>
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

enum { FAILED = 125, NOT_EXECUTABLE, NOT_FOUND };

enum { EXEC = 4096 }; /* goes on top of the errno of a failed exec */

static int complain(const char *what, const char *why) {
        fprintf(stderr, "handover: %s: %s\n", what, why);
        return FAILED;
}

static int helper(void) {
        unsigned long bytes = 0, lines = 0;
        struct rlimit no_file;
        Barrier b;
        int c, r;

        if (!getenv(VARIABLE))
                return complain(VARIABLE, "not set; this program is to be started by handover");
        r = barrier_import(&b, getenv(VARIABLE));
        if (r < 0)
                return complain(VARIABLE,
                                r == -EBADF ? "stale, its descriptors are not there" : "damaged");
        (void) unsetenv(VARIABLE); /* it is of no use to anybody else */

        /* Here a helper opens what it needs. */

        if (!barrier_place_and_sync(&b)) /* ready; it has all descriptors that it gets */
                return complain("barrier", strerror(errno));
        barrier_destroy(&b);
        if (getrlimit(RLIMIT_NOFILE, &no_file) < 0 || no_file.rlim_cur > BARRIER_POLLFDS)
                return complain("RLIMIT_NOFILE", "is not in force");

        while ((c = getchar()) != EOF) {
                bytes++;
                lines += c == '\n';
        }
        if (ferror(stdin))
                return complain("standard input", strerror(errno));
        printf("lines %lu, bytes %lu\n", lines, bytes);
        return fflush(stdout) == EOF ? complain("standard output", strerror(errno)) : 0;
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

__attribute__((noreturn)) static void child(Barrier *b, char **command) {
        char exported[BARRIER_EXPORT_MAX];
        int r = 0;

        (void) barrier_set_role(b, BARRIER_CHILD);
        if (die_with_parent(b) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            barrier_place_and_sync(b) && /* both are set up */
            (r = barrier_export(b, exported, sizeof exported)) >= 0 &&
            setenv(VARIABLE, exported, 1) == 0) {
                (void) execvp(command[0], command);
                (void) barrier_fail(b, EXEC + errno); /* the barrier goes on working */
        } else
                (void) barrier_fail(b, r < 0 ? r : errno);
        _exit(FAILED);
}

/* Says why the helper did not get to its work. */
static int report(Barrier *b, const char *command, int error) {
        if (!barrier_they_aborted(b) && error == ETIMEDOUT)
                return complain(command, "the helper was not ready in time");
        barrier_set_timeout(b, 0); /* prlimit() fails for a child that is dead already */
        if (!barrier_wait_abortion(b))
                return complain("prlimit", strerror(error));
        if (barrier_they_left(b))
                return complain(command, "the helper ended before it was ready");
        error = barrier_error(b);
        (void) complain(command, strerror(error % EXEC));
        return error < EXEC ? FAILED : error == EXEC + ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

int main(int argc, char **argv) {
        struct rlimit core = { 0, 0 };
        const struct rlimit no_file = { BARRIER_POLLFDS, BARRIER_POLLFDS }; /* less: no poll() */
        char self_helper[] = "--helper";
        char *self[] = { argv[0], self_helper, NULL };
        char **command = argc > 1 ? argv + 1 : self;
        int error, r, status, result = FAILED;
        Barrier b;
        pid_t pid;

        if (argc == 2 && !strcmp(argv[1], self_helper))
                return helper();
        if (argc > 1 && *argv[1] == '-') {
                fputs("usage: handover [HELPER [ARG...]] < FILE\n", stderr);
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

        (void) barrier_set_role(&b, BARRIER_PARENT);
        barrier_set_timeout(&b, 5000);
        (void) signal(SIGINT, SIG_IGN); /* the terminal sends these two to the helper as well */
        (void) signal(SIGQUIT, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN); /* a lost message must not change the exit status */
        error = 0;
        if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max > 1)
                core.rlim_max = 1; /* where a program takes the dumps, it heeds 1, but not 0 */
        core.rlim_cur = core.rlim_max;
        if (prlimit(pid, RLIMIT_CORE, &core, NULL) < 0 ||
            !barrier_place_and_sync(&b) || /* both are set up */
            !barrier_wait_next(&b) ||      /* the helper is ready */
            prlimit(pid, RLIMIT_NOFILE, &no_file, NULL) < 0 ||
            !barrier_place(&b)) { /* now it may begin */
                error = errno;
                result = report(&b, command[0], error);
                (void) kill(pid, SIGKILL); /* it may be stuck anywhere, and not die at once */
        }
        if (waitpid(pid, &status, 0) < 0)
                return complain("waitpid", strerror(errno));
        if (error)
                return result;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
