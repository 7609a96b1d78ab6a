/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <avahi-common/simple-watch.h>
#include <stddef.h>

#include "harness.h"

static AvahiSimplePoll *simple;
static const AvahiPoll *api;

const struct ask asks[] = { ASK(AVAHI_WATCH_IN), ASK(0), ASK(AVAHI_WATCH_OUT), { NULL, 0 } };

bool loop_open(void) {
        simple = avahi_simple_poll_new();
        api = avahi_simple_poll_get(simple);
        return simple != NULL;
}

static void on_fd(AvahiWatch *w, int fd, AvahiWatchEvent event, void *data) {
        (void) w, (void) fd, (void) event;
        look(data);
}

void *loop_watch(int fd, int what, void *data) {
        return api->watch_new(api, fd, (AvahiWatchEvent) what, on_fd, data);
}

void loop_unwatch(void *w) {
        api->watch_free(w);
}

void loop_turn(void) {
        (void) avahi_simple_poll_iterate(simple, -1);
}
