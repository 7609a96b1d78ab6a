/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>
#include <verto.h>

#include "harness.h"

static verto_ctx *context;

const struct ask asks[] = { ASK(VERTO_EV_FLAG_IO_READ),
                            ASK(VERTO_EV_FLAG_IO_READ),
                            { "0", 0 },
                            ASK(VERTO_EV_FLAG_IO_WRITE),
                            { NULL, 0 } };

bool loop_open(void) {
        context = verto_new("glib", VERTO_EV_TYPE_IO);
        return context != NULL;
}

static void on_io(verto_ctx *c, verto_ev *w) {
        (void) c;
        look(verto_get_private(w));
}

void *loop_watch(int fd, int what, void *data) {
        verto_ev_flag flags = VERTO_EV_FLAG_PERSIST | (verto_ev_flag) what;
        verto_ev *w = verto_add_io(context, flags, on_io, fd);

        if (w)
                verto_set_private(w, data, NULL);
        return w;
}

void loop_unwatch(void *w) {
        verto_del(w);
}

void loop_turn(void) {
        verto_run_once(context);
}
