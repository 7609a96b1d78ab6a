/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <pulse/mainloop.h>
#include <stddef.h>

#include "harness.h"

static pa_mainloop *loop;
static pa_mainloop_api *api;

const struct ask asks[] = {
        ASK(PA_IO_EVENT_INPUT), ASK(PA_IO_EVENT_NULL), ASK(PA_IO_EVENT_OUTPUT), { NULL, 0 }
};

bool loop_open(void) {
        loop = pa_mainloop_new();
        api = pa_mainloop_get_api(loop);
        return loop != NULL;
}

static void on_fd(pa_mainloop_api *a, pa_io_event *w, int fd, pa_io_event_flags_t flags,
                  void *data) {
        (void) a, (void) w, (void) fd, (void) flags;
        look(data);
}

void *loop_watch(int fd, int what, void *data) {
        return api->io_new(api, fd, (pa_io_event_flags_t) what, on_fd, data);
}

void loop_unwatch(void *w) {
        api->io_free(w);
}

void loop_turn(void) {
        (void) pa_mainloop_iterate(loop, 1, NULL);
}
