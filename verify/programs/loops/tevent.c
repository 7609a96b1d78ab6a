/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <tevent.h>

#include "harness.h"

static struct tevent_context *context;

const char *const loop_mistakes[] = { "0", "TEVENT_FD_WRITE", NULL };

bool loop_open(const char *backend) {
        context = tevent_context_init_byname(NULL, strstr(backend, "epoll") ? "epoll" : "poll");
        return context != NULL;
}

static void on_fd(struct tevent_context *c, struct tevent_fd *w, uint16_t flags, void *data) {
        (void) c, (void) w, (void) flags;
        look(data);
}

void *loop_watch(int fd, int ask, void *data) {
        static const uint16_t flags[] = { TEVENT_FD_READ, TEVENT_FD_READ, 0, TEVENT_FD_WRITE };

        return tevent_add_fd(context, NULL, fd, flags[ask], on_fd, data);
}

void loop_unwatch(void *w) {
        (void) talloc_free(w);
}

void loop_turn(void) {
        (void) tevent_loop_once(context);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
