/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <iv.h>

#include "harness.h"

static struct iv_fd fds[MOST];

enum { IN, OUT, ERR };
const struct ask asks[] = {
        { "handler_in", IN }, { "handler_err", ERR }, { "handler_in", IN }, { "handler_out", OUT },
        { NULL, 0 },
};

bool loop_open(void) {
        iv_init();
        return true;
}

static void on_fd(void *data) {
        iv_quit(); /* loop_turn() ends */
        look(data);
}

void *loop_watch(int fd, int what, void *data) {
        struct iv_fd *w = &fds[fd];

        IV_FD_INIT(w);
        w->fd = fd;
        w->cookie = data;
        w->handler_in = what == IN ? on_fd : NULL;
        w->handler_out = what == OUT ? on_fd : NULL;
        w->handler_err = what == ERR ? on_fd : NULL;
        iv_fd_register(w);
        return w;
}

void loop_unwatch(void *w) {
        iv_fd_unregister(w);
}

void loop_turn(void) {
        iv_main();
}
