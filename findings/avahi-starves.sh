#!/bin/bash
# Package:   libavahi-common3 0.8-10+deb12u1 (Debian bookworm)
# Ground:    avahi_simple_poll with two descriptors that are both ready
# Guess:     avahi_simple_poll_iterate() calls the callback of each of them, or takes them in turn
# Behaviour: it calls one callback and returns, and begins anew with the watch that was added last: a descriptor
#            that stays ready (a peer that hung up, and was not taken out) starves all that were added before it
# Seen:      in 1000 iterations: the one added first 0 calls, the one added last 1000
# Source:    simple-watch.c, avahi_simple_poll_dispatch()
set -eu
export LC_ALL=C
version=0.8-10+deb12u1
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq download "libavahi-common-dev=$version" "libavahi-common3=$version" 2>/dev/null || { echo "libavahi-common3 $version cannot be had"; exit 2; }
for deb in *.deb; do dpkg -x "$deb" root; done
cat > t.c <<'C'
#include <avahi-common/simple-watch.h>
#include <stdio.h>
#include <unistd.h>
static int calls[2];
static void told(AvahiWatch *w, int fd, AvahiWatchEvent event, void *data) { ++*(int *) data; }
static int ready(void) {
        int fd[2];
        if (pipe(fd) || write(fd[1], "", 1) != 1) _exit(3);
        return fd[0];
}
int main(void) {
        AvahiSimplePoll *s = avahi_simple_poll_new();
        const AvahiPoll *api = avahi_simple_poll_get(s);
        api->watch_new(api, ready(), AVAHI_WATCH_IN, told, &calls[0]);
        api->watch_new(api, ready(), AVAHI_WATCH_IN, told, &calls[1]);
        for (int i = 0; i < 1000; i++)
                if (avahi_simple_poll_iterate(s, -1) != 0) return 3;
        printf("in 1000 iterations: the one added first %d calls, the one added last %d\n", calls[0], calls[1]);
        return !(calls[0] == 0 && calls[1] == 1000);
}
C
lib=$PWD/root/usr/lib/x86_64-linux-gnu
gcc -O1 t.c -Iroot/usr/include -L"$lib" -Wl,-rpath,"$lib" -lavahi-common -o t
timeout 10 ./t
echo "as described, libavahi-common3 $version"
