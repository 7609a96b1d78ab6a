/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>
#include <wayland-server-core.h>

#include "harness.h"

static struct wl_event_loop *loop;

const struct ask asks[] = { ASK(WL_EVENT_READABLE), ASK(0), ASK(WL_EVENT_WRITABLE), { NULL, 0 } };

bool loop_open(void) {
        loop = wl_event_loop_create();
        return loop != NULL;
}

static int on_fd(int fd, uint32_t mask, void *data) {
        (void) fd, (void) mask;
        look(data);
        return 0;
}

void *loop_watch(int fd, int what, void *data) {
        return wl_event_loop_add_fd(loop, fd, (uint32_t) what, on_fd, data);
}

void loop_unwatch(void *w) {
        (void) wl_event_source_remove(w);
}

void loop_turn(void) {
        (void) wl_event_loop_dispatch(loop, -1);
}
