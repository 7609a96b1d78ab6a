#!/bin/bash
# Package:   libdaemon0, libdaemon-dev 0.14-7.1 (Debian bookworm)
# Ground:    daemon_retval_wait(), with which the start of a daemon waits for what the daemon says over a pipe
# Guess:     it returns -1 at once when the daemon is killed before it has said anything: the pipe has come to its end
# Behaviour: it waits out its timeout and says ETIMEDOUT, as for a daemon that lives and says nothing: the process that
#            waits keeps a writing end of the same pipe, which therefore never comes to an end.
# Seen:      killed: -1, "Connection timed out" after 1.0 s of 1 and 3.0 s of 3; a word, 7, arrives after 0.0 s; and
#            the caller's own descriptors have both ends of the pipe while it waits
# Source:    no public report found
set -eu
export LC_ALL=C
version=0.14-7.1
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq download "libdaemon-dev=$version" "libdaemon0=$version" 2>/dev/null || { echo "libdaemon0 $version cannot be had"; exit 2; }
for deb in *.deb; do dpkg -x "$deb" root; done
cat > t.c <<'C'
#include <errno.h>
#include <libdaemon/daemon.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
static void start(const char *how, int timeout) {
        struct timespec from, to;
        struct stat st[2];
        int r, fd, ends = 0;
        daemon_log_use = 0;
        if (daemon_retval_init() < 0) exit(2);
        pid_t pid = daemon_fork();
        if (pid < 0) exit(2);
        if (pid == 0) { if (*how == 'k') raise(SIGKILL); daemon_retval_send(7); _exit(0); }
        for (fd = 3; fd < 9; fd++) ends += fstat(fd, &st[0]) == 0 && S_ISFIFO(st[0].st_mode);
        clock_gettime(CLOCK_MONOTONIC, &from);
        errno = 0;
        r = daemon_retval_wait(timeout);
        int why = errno;
        clock_gettime(CLOCK_MONOTONIC, &to);
        printf("%s, timeout %d: %d (%s) after %.0f s; %d ends of pipes here\n", how, timeout, r, strerror(why),
               (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9, ends);
        daemon_retval_done();
}
int main(void) { start("says 7", 20); start("killed", 1); start("killed", 3); return 0; }
C
cc -w -Iroot/usr/include t.c -o t "$(find root -name 'libdaemon.so.0')"
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libdaemon.so.0')") ./t | tee seen
printf '%s\n' 'says 7, timeout 20: 7 (Success) after 0 s; 2 ends of pipes here' \
        'killed, timeout 1: -1 (Connection timed out) after 1 s; 2 ends of pipes here' \
        'killed, timeout 3: -1 (Connection timed out) after 3 s; 2 ends of pipes here' | cmp - seen
echo "as described, libdaemon0 $version"
