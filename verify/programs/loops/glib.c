/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <glib-unix.h>

#include "harness.h"
#include "glib.inc"

const char *const loop_mistakes[] = { "GIOChannel with G_IO_IN", "G_IO_OUT", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return true;
}

static gboolean on_channel(GIOChannel *channel, GIOCondition condition, gpointer data) {
        (void) channel, (void) condition;
        look(data);
        return G_SOURCE_CONTINUE;
}

void *loop_watch(int fd, int ask, void *data) {
        GIOChannel *channel;
        guint w;

        if (ask == PIPE_END)
                w = g_unix_fd_add(fd, 0, on_fd, data);
        else if (ask == MISTAKE + 1)
                w = g_unix_fd_add(fd, G_IO_OUT, on_fd, data);
        else if (ask == MISTAKE) {
                channel = g_io_channel_unix_new(fd);
                w = g_io_add_watch(channel, G_IO_IN, on_channel, data);
                g_io_channel_unref(channel);
        } else
                w = watch(fd, data);
        return GUINT_TO_POINTER(w);
}

void loop_unwatch(void *w) {
        unwatch(GPOINTER_TO_UINT(w));
}

void loop_turn(void) {
        (void) g_main_context_iteration(NULL, TRUE);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
