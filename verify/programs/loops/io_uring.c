/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <liburing.h>
#include <poll.h>

#include "harness.h"
#include "io_uring.inc"

static struct io_uring ring;
static struct watch watches[MOST];

const struct ask asks[] = { ASK(POLLIN), ASK(0), ASK(POLLOUT), { NULL, 0 } };

bool loop_open(void) {
        return io_uring_queue_init(16, &ring, 0) == 0;
}

void *loop_watch(int fd, int what, void *data) {
        struct watch *w = &watches[fd];

        w->fd = fd;
        w->events = (unsigned) what;
        w->data = data;
        watch(&ring, w);
        return w;
}

void loop_unwatch(void *w) {
        unwatch(&ring, w);
}

void loop_turn(void) {
        struct io_uring_cqe *cqe;
        struct watch *w;

        if (io_uring_wait_cqe(&ring, &cqe) < 0)
                return;
        w = io_uring_cqe_get_data(cqe);
        io_uring_cqe_seen(&ring, cqe);
        completed(&ring, w);
}
