/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <uv.h>

#include "harness.h"
#include "libuv.inc"

static uv_loop_t loop;
static uv_poll_t handles[MOST];

const struct ask asks[] = {
        ASK(UV_READABLE), ASK(UV_DISCONNECT), ASK(0), ASK(UV_READABLE), { NULL, 0 }
};

bool loop_open(void) {
        return uv_loop_init(&loop) == 0;
}

void *loop_watch(int fd, int what, void *data) {
        uv_poll_t *w = &handles[fd];

        if (watch(&loop, w, fd, data) < 0)
                return NULL;
        return what == UV_READABLE || uv_poll_start(w, what, on_poll) == 0 ? w : NULL;
}

void loop_unwatch(void *w) {
        unwatch(w, NULL);
}

void loop_turn(void) {
        (void) uv_run(&loop, UV_RUN_ONCE);
}
