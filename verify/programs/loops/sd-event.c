/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <systemd/sd-event.h>

#include "harness.h"
#include "sd-event.inc"

static sd_event *event;

const struct ask asks[] = { ASK(EPOLLIN), ASK(0), ASK(EPOLLOUT), ASK(EPOLLRDHUP), { NULL, 0 } };

bool loop_open(void) {
        return sd_event_new(&event) >= 0;
}

void *loop_watch(int fd, int what, void *data) {
        sd_event_source *w = NULL;

        if (watch(event, &w, fd, data) < 0)
                return NULL;
        return sd_event_source_set_io_events(w, (uint32_t) what) < 0 ? NULL : w;
}

void loop_unwatch(void *w) {
        unwatch(w);
}

void loop_turn(void) {
        (void) sd_event_run(event, UINT64_MAX);
}
