#!/bin/bash
# Package:   libtevent0 0.14.1-1 (Debian bookworm)
# Ground:    TEVENT_FD_WRITE on a pipe that is full, and whose reader goes; backends epoll and poll
# Guess:     as with select(), which the source says it matches: the pipe counts as writable, the handler
#            is called, and write() says EPIPE
# Behaviour: the handler is never called: tevent takes TEVENT_FD_WRITE off the descriptor, silently, and a
#            writer with something left to write waits for ever. With TEVENT_FD_READ beside it it is told.
# Seen:      select() 1 ready, EPIPE; tevent with epoll and with poll: WRITE 0 calls, flags 2 before and 0
#            after; READ | WRITE 1 call
# Source:    tevent_epoll.c, epoll_handle_hup_or_err(): "we only report errors when waiting for read events,
#            to match the select() behavior"
set -eu
export LC_ALL=C
version=0.14.1-1
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq download "libtevent-dev=$version" "libtevent0=$version" libtalloc-dev libtalloc2 2>/dev/null || { echo "libtevent0 $version cannot be had"; exit 2; }
for deb in *.deb; do dpkg -x "$deb" root; done
cat > t.c <<'C'
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <talloc.h>
#include <tevent.h>
#include <unistd.h>
static int calls, turns;
static void told(struct tevent_context *c, struct tevent_fd *w, uint16_t flags, void *data) { calls++; talloc_free(w); }
static void turn(struct tevent_context *c, struct tevent_fd *w, uint16_t flags, void *data) { turns++; }
/* a pipe that is full, and whose reader has gone */
static void full(int fd[2]) {
        char page[4096] = { 0 };
        if (pipe(fd) || fcntl(fd[1], F_SETFL, O_NONBLOCK) < 0) _exit(3);
        while (write(fd[1], page, sizeof page) > 0) ;
}
static int run(const char *backend, uint16_t flags, const char *name) {
        int fd[2], other[2]; full(fd);
        if (pipe(other) || write(other[1], "", 1) != 1) _exit(3);
        struct tevent_context *c = tevent_context_init_byname(NULL, backend);
        struct tevent_fd *w = tevent_add_fd(c, NULL, fd[1], flags, told, NULL);
        close(fd[0]);
        int before = tevent_fd_get_flags(w);
        calls = turns = 0;
        /* another descriptor stays readable, so that the loop turns; a hundred turns are plenty */
        tevent_add_fd(c, NULL, other[0], TEVENT_FD_READ, turn, NULL);
        while (turns < 100) tevent_loop_once(c);
        printf("tevent %s, %s: %d calls in %d turns, flags %d before and %d after\n", backend, name, calls, turns, before, calls ? 0 : tevent_fd_get_flags(w));
        return calls;
}
int main(void) {
        int fd[2]; fd_set set; struct timeval none = { 0, 0 };
        signal(SIGPIPE, SIG_IGN);
        full(fd); FD_ZERO(&set); FD_SET(fd[1], &set);
        int open = select(fd[1] + 1, NULL, &set, NULL, &none);
        close(fd[0]); FD_ZERO(&set); FD_SET(fd[1], &set);
        int closed = select(fd[1] + 1, NULL, &set, NULL, &none);
        ssize_t n = write(fd[1], "", 1);
        printf("select(): %d ready while it is read, %d after; write: %s\n", open, closed, n < 0 ? strerror(errno) : "written");
        bool ok = open == 0 && closed == 1 && n < 0 && errno == EPIPE;
        for (const char **b = (const char *[]) { "epoll", "poll", NULL }; *b; b++) {
                ok &= run(*b, TEVENT_FD_WRITE, "WRITE") == 0;
                ok &= run(*b, TEVENT_FD_READ | TEVENT_FD_WRITE, "READ | WRITE") == 1;
        }
        return !ok;
}
C
lib=$PWD/root/usr/lib/x86_64-linux-gnu
gcc -O1 t.c -Iroot/usr/include -L"$lib" -Wl,-rpath,"$lib" -ltevent -ltalloc -o t
timeout 10 ./t
echo "as described, libtevent0 $version"
