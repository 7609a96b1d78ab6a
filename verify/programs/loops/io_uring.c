/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "harness.h"
#include "io_uring.inc"

static struct io_uring ring;

const char *const loop_mistakes[] = { "POLLOUT", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return io_uring_queue_init(16, &ring, 0) == 0;
}

void *loop_watch(int fd, int ask, void *data) {
        static const unsigned events[] = { POLLIN, 0, POLLOUT };
        struct watch *w = malloc(sizeof *w);

        if (!w)
                abort();
        w->fd = fd;
        w->events = events[ask];
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

        waits++;
        if (io_uring_wait_cqe(&ring, &cqe) < 0)
                return;
        w = io_uring_cqe_get_data(cqe);
        io_uring_cqe_seen(&ring, cqe);
        completed(&ring, w);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
