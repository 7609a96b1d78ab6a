/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>
#include <wayland-server-core.h>

#include "harness.h"

static struct wl_event_loop *loop;

const char *const loop_mistakes[] = { "WL_EVENT_WRITABLE", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        loop = wl_event_loop_create();
        return loop != NULL;
}

static int on_fd(int fd, uint32_t mask, void *data) {
        (void) fd, (void) mask;
        look(data);
        return 0;
}

void *loop_watch(int fd, int ask, void *data) {
        static const uint32_t masks[] = { WL_EVENT_READABLE, 0, WL_EVENT_WRITABLE };

        return wl_event_loop_add_fd(loop, fd, masks[ask], on_fd, data);
}

void loop_unwatch(void *w) {
        (void) wl_event_source_remove(w);
}

void loop_turn(void) {
        (void) wl_event_loop_dispatch(loop, -1);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
