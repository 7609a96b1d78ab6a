/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <event2/event.h>
#include <string.h>

#include "harness.h"
#include "libevent.inc"

static struct event_base *base;

const struct ask asks[] = { ASK(EV_READ), ASK(EV_READ), ASK(0), ASK(EV_CLOSED), { NULL, 0 } };

bool loop_open(void) {
        static const char *const methods[] = { "epoll", "poll", "select" };
        struct event_config *config = event_config_new();
        size_t i;

        for (i = 0; i < sizeof methods / sizeof *methods; i++)
                if (!strstr(backend, methods[i]))
                        (void) event_config_avoid_method(config, methods[i]);
        base = event_base_new_with_config(config);
        event_config_free(config);
        return base && strstr(backend, event_base_get_method(base));
}

void *loop_watch(int fd, int what, void *data) {
        struct event *w;

        if (what == EV_READ)
                return watch(base, fd, data);
        w = event_new(base, fd, (short) (EV_PERSIST | what), on_event, data);
        return w && event_add(w, NULL) == 0 ? w : NULL;
}

void loop_unwatch(void *w) {
        unwatch(w);
}

void loop_turn(void) {
        (void) event_base_loop(base, EVLOOP_ONCE);
}
