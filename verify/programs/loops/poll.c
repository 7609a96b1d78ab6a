/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <poll.h>
#include <stddef.h>

#include "harness.h"
#include "poll.inc"

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
        struct pollfd *w = &fds[n_fds];

        w->fd = fd;
        w->events = (short) what;
        datas[n_fds++] = data;
        return w;
}

void loop_unwatch(void *w) {
        ((struct pollfd *) w)->fd = -1;
}

void loop_turn(void) {
        turn(fds, datas, n_fds);
}
