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

const struct ask asks[] = {
        ASK(POLLIN), ASK(0), ASK(POLLOUT), { "POLLRDHUP", 0x2000 }, { NULL, 0 }
};

bool loop_open(void) {
        return true;
}

void *loop_watch(int fd, int what, void *data) {
        nfds_t i = 0;

        while (i < n_fds && fds[i].fd >= 0)
                i++;
        if (i == n_fds)
                n_fds++;
        fds[i].fd = fd;
        fds[i].events = (short) what;
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
