/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <ev.h>
#include <string.h>

#include "harness.h"
#include "libev.inc"

static struct ev_loop *loop;
static ev_io watchers[MOST];

const struct ask asks[] = { ASK(EV_READ), ASK(EV_READ), ASK(0), ASK(EV_WRITE), { NULL, 0 } };

bool loop_open(void) {
        loop = ev_loop_new(strstr(backend, "epoll")  ? EVBACKEND_EPOLL
                           : strstr(backend, "poll") ? EVBACKEND_POLL
                                                     : EVBACKEND_SELECT);
        return loop != NULL;
}

void *loop_watch(int fd, int what, void *data) {
        ev_io *w = &watchers[fd];

        watch(loop, w, fd, data);
        ev_io_stop(loop, w);
        ev_io_set(w, fd, what);
        ev_io_start(loop, w);
        return w;
}

void loop_unwatch(void *w) {
        unwatch(loop, w);
}

void loop_turn(void) {
        (void) ev_run(loop, EVRUN_ONCE);
}
