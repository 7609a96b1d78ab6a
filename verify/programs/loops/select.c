/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>
#include <sys/select.h>

#include "harness.h"

static fd_set sets[3];
static void *datas[FD_SETSIZE];

const struct ask asks[] = {
        { "readfds", 0 }, { "readfds", 0 }, { "exceptfds", 2 }, { "writefds", 1 }, { NULL, 0 },
};

bool loop_open(void) {
        return true;
}

void *loop_watch(int fd, int what, void *data) {
        FD_SET(fd, &sets[what]);
        datas[fd] = data;
        return &datas[fd];
}

void loop_unwatch(void *w) {
        int i, fd = (int) ((void **) w - datas);

        for (i = 0; i < 3; i++)
                FD_CLR(fd, &sets[i]);
}

void loop_turn(void) {
        fd_set in = sets[0], out = sets[1], except = sets[2];
        int fd, n = select(FD_SETSIZE, &in, &out, &except, NULL);

        for (fd = 0; n > 0 && fd < FD_SETSIZE; fd++)
                if (FD_ISSET(fd, &in) || FD_ISSET(fd, &out) || FD_ISSET(fd, &except))
                        look(datas[fd]);
}
