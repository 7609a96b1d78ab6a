/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <glib-unix.h>

#include "harness.h"
#include "glib.inc"

enum { CHANNEL = -1 };
const struct ask asks[] = {
        ASK(G_IO_IN), ASK(0), { "GIOChannel with G_IO_IN", CHANNEL }, ASK(G_IO_OUT), { NULL, 0 },
};

bool loop_open(void) {
        return true;
}

static gboolean on_channel(GIOChannel *channel, GIOCondition condition, gpointer data) {
        (void) channel, (void) condition;
        look(data);
        return G_SOURCE_CONTINUE;
}

void *loop_watch(int fd, int what, void *data) {
        GIOChannel *channel;
        guint w;

        if (what == G_IO_IN)
                w = watch(fd, data);
        else if (what != CHANNEL)
                w = g_unix_fd_add(fd, (GIOCondition) what, on_fd, data);
        else {
                channel = g_io_channel_unix_new(fd);
                w = g_io_add_watch(channel, G_IO_IN, on_channel, data);
                g_io_channel_unref(channel);
        }
        return GUINT_TO_POINTER(w);
}

void loop_unwatch(void *w) {
        unwatch(GPOINTER_TO_UINT(w));
}

void loop_turn(void) {
        (void) g_main_context_iteration(NULL, TRUE);
}
