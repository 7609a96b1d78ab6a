/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * userns COMMAND [ARG...] - runs a command with a /tmp of its own and without capabilities
 *
 * The child enters new user and mount namespaces, where nobody is mapped yet, and waits. The parent
 * writes setgroups, uid_map and gid_map: its own id alone here, but from outside others can be
 * mapped as well. They meet; the child mounts an empty tmpfs on /tmp, gives up all capabilities in
 * these namespaces for good, and executes COMMAND as the same user as before: a COMMAND started by
 * root can still write what root owns. If either of the two is killed, at any time, the other ends
 * too; what COMMAND itself has started does not. SIGINT and SIGQUIT are left to COMMAND.
 *
 * Exit status: that of COMMAND, or 128 + the signal that killed it; 77 user namespaces are not
 * possible here; 125 another failure; 126 COMMAND cannot be executed; 127 it was not found.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"

enum { NOROOT_LOCKED = 3 }; /* for PR_SET_SECUREBITS; see capabilities(7) */

/* The step that failed goes above its errno, which is at most 4095. */
enum { STEP = 4096, UNSHARE = 1, MAP, ROOT, TMP, DROP, EXEC };
static char map[64]; /* the path of the file that the parent wrote last */
static const char *const steps[] = { "barrier", "unshare", map, "mount /", "mount /tmp", "prctl" };

static int complain(const char *what, int error, int status) {
        fprintf(stderr, "userns: %s: %s\n", what, strerror(error));
        return status;
}

__attribute__((noreturn)) static void failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(125);
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
        (void) barrier_set_role(b, BARRIER_CHILD);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !die_with_parent(b))
                failed(b, UNSHARE);
        if (!barrier_place_and_sync(b)) /* in the namespaces; mapped */
                _exit(125);
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                failed(b, ROOT);
        if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
                failed(b, TMP);
        /* So that no exec brings a capability back, not that of root, of a set-uid file either. */
        if (prctl(PR_SET_SECUREBITS, NOROOT_LOCKED) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                failed(b, DROP);
        if (!barrier_place(b)) /* about to exec */
                _exit(125);
        (void) execvp(command[0], command);
        failed(b, EXEC);
}

/* In a pid namespace of its own, but with the /proc from outside, /proc/PID is a stranger. */
static bool proc_is_ours(void) {
        char self[32] = "";
        bool told = readlink("/proc/self", self, sizeof self - 1) > 0;

        return told && strtol(self, NULL, 10) == getpid();
}

/* The kernel takes a map in one write only. */
static bool write_file(pid_t pid, const char *name, const char *text) {
        int fd;

        (void) snprintf(map, sizeof map, "/proc/%ld/%s", (long) pid, name);
        fd = open(map, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) >= 0 && close(fd) == 0;
}

/* Maps the user and the group to themselves, the only map that an ordinary user may write. */
static bool write_maps(pid_t pid) {
        char uid[64], gid[64];

        (void) snprintf(uid, sizeof uid, "%u %u 1", geteuid(), geteuid());
        (void) snprintf(gid, sizeof gid, "%u %u 1", getegid(), getegid());
        return write_file(pid, "setgroups", "deny") && write_file(pid, "uid_map", uid) &&
               write_file(pid, "gid_map", gid);
}

int main(int argc, char **argv) {
        int r, status, error, code = 0;
        bool executed;
        Barrier b;
        pid_t pid;

        if (argc < 2 || *argv[1] == '-') {
                fputs("usage: userns COMMAND [ARG...]\n", stderr);
                return 125;
        }
        if (!proc_is_ours()) {
                fputs("userns: /proc: not mounted, or that of another pid namespace\n", stderr);
                return 125;
        }
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status away */
        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", -r, 125);
        pid = fork();
        if (pid < 0)
                return complain("fork", errno, 125);
        if (pid == 0)
                child(&b, argv + 1);

        (void) barrier_set_role(&b, BARRIER_PARENT);
        (void) signal(SIGINT, SIG_IGN); /* the terminal sends these two to COMMAND as well */
        (void) signal(SIGQUIT, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN); /* a lost message must not change the exit status */
        if (barrier_wait_next(&b) && !write_maps(pid)) { /* it is in the namespaces */
                code = MAP * STEP + errno;
                (void) barrier_abort(&b);
        }
        executed = barrier_place(&b) && barrier_place_and_sync(&b) && /* mapped; about to exec */
                   barrier_wait_abortion(&b) && barrier_they_left(&b);
        if (waitpid(pid, &status, 0) < 0)
                return complain("waitpid", errno, 125);
        if (executed)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (WIFSIGNALED(status)) {
                fprintf(stderr, "userns: %s: died before the exec\n", argv[1]);
                return 125;
        }
        if (!code)
                code = barrier_error(&b);
        error = code % STEP;
        if (code / STEP == EXEC)
                return complain(argv[1], error, error == ENOENT ? 127 : 126);
        (void) complain(steps[code / STEP], error, 0);
        if (error != EPERM && error != EACCES && error != ENOSPC && error != EINVAL &&
            error != ENOSYS)
                return 125;
        fputs("userns: user namespaces are not possible here\n", stderr);
        return 77;
}
