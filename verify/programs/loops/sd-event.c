/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <systemd/sd-event.h>

#include "harness.h"
#include "sd-event.inc"

static sd_event *event;

const char *const loop_mistakes[] = { "EPOLLOUT", "EPOLLRDHUP", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return sd_event_new(&event) >= 0;
}

void *loop_watch(int fd, int ask, void *data) {
        static const uint32_t events[] = { EPOLLIN, 0, EPOLLOUT, EPOLLRDHUP };
        sd_event_source *w = NULL;

        if (watch(event, &w, fd, data) < 0)
                return NULL;
        return sd_event_source_set_io_events(w, events[ask]) < 0 ? NULL : w;
}

void loop_unwatch(void *w) {
        unwatch(w);
}

void loop_turn(void) {
        (void) sd_event_run(event, UINT64_MAX);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
