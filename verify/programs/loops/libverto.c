/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>
#include <string.h>
#include <verto.h>

#include "harness.h"

static verto_ctx *context;

const char *const loop_mistakes[] = { "0", "VERTO_EV_FLAG_IO_WRITE", NULL };

bool loop_open(const char *backend) {
        context = verto_new(strchr(backend, ' ') + 1, VERTO_EV_TYPE_IO);
        return context != NULL;
}

static void on_io(verto_ctx *c, verto_ev *w) {
        (void) c;
        look(verto_get_private(w));
}

void *loop_watch(int fd, int ask, void *data) {
        static const verto_ev_flag flags[] = { VERTO_EV_FLAG_IO_READ, VERTO_EV_FLAG_IO_READ,
                                               VERTO_EV_FLAG_NONE, VERTO_EV_FLAG_IO_WRITE };
        verto_ev *w = verto_add_io(context, VERTO_EV_FLAG_PERSIST | flags[ask], on_io, fd);

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

int main(int argc, char **argv) {
        return harness(argc, argv);
}
