/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stdlib.h>
#include <uv.h>

#include "harness.h"
#include "libuv.inc"

static uv_loop_t loop;

const char *const loop_mistakes[] = { "0", "UV_READABLE", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return uv_loop_init(&loop) == 0;
}

void *loop_watch(int fd, int ask, void *data) {
        uv_poll_t *w = malloc(sizeof *w);
        int events = ask == PIPE_END ? UV_DISCONNECT : ask == MISTAKE ? 0 : UV_READABLE;

        if (!w || watch(&loop, w, fd, data) < 0)
                abort();
        return events == UV_READABLE || uv_poll_start(w, events, on_poll) == 0 ? w : NULL;
}

static void gone(uv_handle_t *w) {
        free(w);
}

void loop_unwatch(void *w) {
        unwatch(w, gone);
}

void loop_turn(void) {
        (void) uv_run(&loop, UV_RUN_ONCE);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
