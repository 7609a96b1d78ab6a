/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <iv.h>
#include <stdlib.h>

#include "harness.h"

const char *const loop_mistakes[] = { "handler_in", "handler_out", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        iv_init();
        return true;
}

static void on_fd(void *data) {
        iv_quit(); /* loop_turn() ends */
        look(data);
}

void *loop_watch(int fd, int ask, void *data) {
        struct iv_fd *w = malloc(sizeof *w);

        if (!w)
                abort();
        IV_FD_INIT(w);
        w->fd = fd;
        w->cookie = data;
        w->handler_in = ask == READABLE || ask == MISTAKE ? on_fd : NULL;
        w->handler_out = ask == MISTAKE + 1 ? on_fd : NULL;
        w->handler_err = ask == PIPE_END ? on_fd : NULL;
        iv_fd_register(w);
        return w;
}

void loop_unwatch(void *w) {
        iv_fd_unregister(w);
        free(w);
}

void loop_turn(void) {
        iv_main();
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
