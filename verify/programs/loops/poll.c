/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <poll.h>
#include <stddef.h>

#include "harness.h"
#include "poll.inc"

enum { MOST = 16 };

static struct pollfd fds[MOST];
static void *datas[MOST];
static nfds_t n_fds;

const char *const loop_mistakes[] = { "POLLOUT", "POLLRDHUP", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return true;
}

void *loop_watch(int fd, int ask, void *data) {
        static const short events[] = { POLLIN, 0, POLLOUT, 0x2000 };
        nfds_t i = 0;

        while (i < n_fds && fds[i].fd >= 0)
                i++;
        if (i == n_fds)
                n_fds++;
        fds[i].fd = fd;
        fds[i].events = events[ask];
        fds[i].revents = 0;
        datas[i] = data;
        return &fds[i];
}

void loop_unwatch(void *w) {
        ((struct pollfd *) w)->fd = -1;
}

void loop_turn(void) {
        turn(fds, datas, n_fds);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
