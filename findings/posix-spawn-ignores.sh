#!/bin/bash
# Package:   libc6 2.36-9+deb12u14 (Debian bookworm)
# Ground:    which signals a command finds ignored that was started by posix_spawn(), by a program that ignores none
# Guess:     none: "Signals that launch was started with ignored are not ignored in the command", SigIgn 0
# Behaviour: 32 and 33, the two that the threads library keeps for itself, are ignored, and stay so for all that the
#            command starts; with POSIX_SPAWN_SETSIGDEF for all signals too, since sigfillset() leaves these two out. So
#            in whatever make starts. No program can undo it through libc: signal() refuses these numbers.
# Seen:      SigIgn 0 after fork(), 180000000 after posix_spawn(), with SETSIGDEF and without; signal(33): EINVAL
# Source:    no public report found
set -eu
export LC_ALL=C
version=2.36-9+deb12u14
[ "$(dpkg-query -W -f '${Version}' libc6)" = "$version" ] || { echo "libc6 $version is not what runs here"; exit 2; }
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
cat > t.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static char *command[] = { "grep", "SigIgn", "/proc/self/status", NULL };
static void wait_for(const char *how, pid_t pid) { int status; fflush(stdout); if (pid < 0 || waitpid(pid, &status, 0) < 0 || status) _exit(2); printf("%s\n", how); }
int main(void) {
        struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } none = { 0 };
        posix_spawnattr_t attr; sigset_t all; pid_t pid;
        /* whoever started this may be one of those */
        for (int sig = 32; sig <= 33; sig++) if (syscall(SYS_rt_sigaction, sig, &none, NULL, 8) < 0) return 2;
        for (int sig = 1; sig < 32; sig++) signal(sig, SIG_DFL);
        pid = fork(); if (pid == 0) { execvp(command[0], command); _exit(127); }
        wait_for("  by fork()", pid);
        if (posix_spawnp(&pid, command[0], NULL, NULL, command, environ)) return 2;
        wait_for("  by posix_spawn()", pid);
        sigfillset(&all); posix_spawnattr_init(&attr); posix_spawnattr_setsigdefault(&attr, &all); posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
        if (posix_spawnp(&pid, command[0], NULL, &attr, command, environ)) return 2;
        wait_for("  by posix_spawn(), SETSIGDEF for all", pid);
        errno = 0; printf("signal(33, SIG_DFL): %s\n", signal(33, SIG_DFL) == SIG_ERR ? strerror(errno) : "done");
        return 0;
}
C
cc -O1 -w t.c -o t
./t | tee seen
[ "$(grep -c 0000000000000000 seen) $(grep -c 0000000180000000 seen)" = '1 2' ] && grep -q 'Invalid argument' seen
echo "as described, libc6 $version"
