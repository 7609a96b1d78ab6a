/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <tevent.h>

#include "harness.h"

static struct tevent_context *context;

const struct ask asks[] = {
        ASK(TEVENT_FD_READ), ASK(TEVENT_FD_READ), ASK(0), ASK(TEVENT_FD_WRITE), { NULL, 0 }
};

bool loop_open(void) {
        context = tevent_context_init_byname(NULL, strstr(backend, "epoll") ? "epoll" : "poll");
        return context != NULL;
}

static void on_fd(struct tevent_context *c, struct tevent_fd *w, uint16_t flags, void *data) {
        (void) c, (void) w, (void) flags;
        look(data);
}

void *loop_watch(int fd, int what, void *data) {
        return tevent_add_fd(context, NULL, fd, (uint16_t) what, on_fd, data);
}

void loop_unwatch(void *w) {
        (void) talloc_free(w);
}

void loop_turn(void) {
        (void) tevent_loop_once(context);
}
