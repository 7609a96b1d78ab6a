/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * userns - runs a command with a /tmp of its own and without privileges, for root and for users
 *
 *      userns COMMAND [ARG...]
 *
 * The child enters new user and mount namespaces, where nobody is mapped yet, and waits. The parent
 * writes setgroups, uid_map and gid_map, which only a process outside can do. They meet; the child
 * mounts an empty tmpfs on /tmp, gives up all capabilities for good, and executes COMMAND, as the
 * same user as before. Whoever of the two dies, and whenever: the other ends too.
 *
 * Exit status: that of COMMAND, or 128 + the signal that killed it; if COMMAND was not executed
 *      77  user namespaces are not possible here
 *      125 wrong usage or another failure
 *      126 COMMAND can not be executed
 *      127 COMMAND was not found
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"

enum { IMPOSSIBLE = 77, FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

/* The child tells which step failed, above its errno, which is at most 4095. */
enum { STEP = 4096, UNSHARE = 1, LIFELINE, MOUNT, DROP, EXEC };
static const char *const step_names[] = { "barrier", "unshare", "prctl", "mount /tmp", "drop" };

static int complain(const char *what, int error) {
        fprintf(stderr, "userns: %s: %s\n", what, strerror(error));
        return FAILED;
}

/* ---- the child ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void child_failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(FAILED);
}

/* Without a bounding set and with no_new_privs no exec brings a capability back, not even root's. */
static bool drop_privileges(void) {
        int cap;

        for (cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
                if (prctl(PR_CAPBSET_DROP, cap) < 0)
                        return false;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

__attribute__((noreturn)) static void child(Barrier *b, char **command) {
        (void) barrier_set_role(b, BARRIER_CHILD);

        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                child_failed(b, UNSHARE);
        /* If the parent was dead before this, the next wait says so. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                child_failed(b, LIFELINE);
        if (!barrier_place_and_sync(b)) /* in the namespaces; mapped */
                _exit(FAILED);

        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
                child_failed(b, MOUNT);
        if (!drop_privileges())
                child_failed(b, DROP);
        if (!barrier_place(b)) /* about to exec */
                _exit(FAILED);
        (void) execvp(command[0], command);
        child_failed(b, EXEC);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Returns 0 or an errno value. The kernel takes a map in one write only. */
static int write_file(pid_t pid, const char *name, const char *text) {
        char path[64];
        int fd, error;

        (void) snprintf(path, sizeof path, "/proc/%ld/%s", (long) pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return errno;
        error = write(fd, text, strlen(text)) < 0 ? errno : 0;
        (void) close(fd);
        return error;
}

/* Maps the user and the group to themselves, the only map an ordinary user may write. */
static int write_maps(pid_t pid) {
        char uid[64], gid[64];
        int error;

        (void) snprintf(uid, sizeof uid, "%lu %lu 1", (unsigned long) geteuid(),
                        (unsigned long) geteuid());
        (void) snprintf(gid, sizeof gid, "%lu %lu 1", (unsigned long) getegid(),
                        (unsigned long) getegid());
        error = write_file(pid, "setgroups", "deny");
        if (!error)
                error = write_file(pid, "uid_map", uid);
        if (!error)
                error = write_file(pid, "gid_map", gid);
        return error;
}

static int impossible(int error) {
        if (error != EPERM && error != EACCES && error != ENOSPC && error != EINVAL)
                return FAILED;
        fputs("userns: user namespaces are not possible here\n", stderr);
        return IMPOSSIBLE;
}

/* Says what the child failed at, and returns the exit status. */
static int report(const Barrier *b, const char *command) {
        int error = barrier_error(b) % STEP, step = barrier_error(b) / STEP;

        if (step == EXEC) {
                complain(command, error);
                return error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
        }
        complain(step_names[step], error);
        return step == UNSHARE || step == MOUNT ? impossible(error) : FAILED;
}

static int parent(Barrier *b, pid_t pid, const char *command) {
        int status, error = 0;
        bool executed;

        (void) barrier_set_role(b, BARRIER_PARENT);
        (void) signal(SIGINT, SIG_IGN); /* the terminal sends these two to the command as well */
        (void) signal(SIGQUIT, SIG_IGN);

        if (barrier_wait_next(b)) { /* in the namespaces */
                error = write_maps(pid);
                if (error)
                        (void) barrier_fail(b, error);
        }
        executed = barrier_place(b) && barrier_place_and_sync(b) && /* mapped; about to exec */
                   barrier_wait_abortion(b) && barrier_they_exited(b);

        if (waitpid(pid, &status, 0) < 0)
                return complain("waitpid", errno);
        if (executed)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (error && !WIFSIGNALED(status)) { /* else that is why nothing could be written */
                complain("uid_map", error);
                return impossible(error);
        }
        if (barrier_they_exited(b) || error) {
                fprintf(stderr, "userns: %s: died before the exec\n", command);
                return FAILED;
        }
        return report(b, command);
}

int main(int argc, char **argv) {
        Barrier b;
        pid_t pid;
        int r;

        if (argc < 2 || *argv[1] == '-') {
                fputs("usage: userns COMMAND [ARG...]\n", stderr);
                return FAILED;
        }
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", -r);
        pid = fork();
        if (pid < 0)
                return complain("fork", errno);
        if (pid == 0)
                child(&b, argv + 1);
        return parent(&b, pid, argv[1]);
}
