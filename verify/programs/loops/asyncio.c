/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stdint.h>

#include "harness.h"

/* The loop is in python-loop.py, which sets these. */
void (*py_open)(void);
bool (*py_watch)(int fd, int what, void *data);
void (*py_unwatch)(int fd);
void (*py_turn)(void);

const struct ask asks[] = {
        { "add_reader", 0 }, { "add_reader", 0 }, { "add_writer", 1 }, { NULL, 0 }
};

bool loop_open(void) {
        py_open();
        return true;
}

void *loop_watch(int fd, int what, void *data) {
        return py_watch(fd, what, data) ? (void *) (intptr_t) fd : NULL;
}

void loop_unwatch(void *w) {
        py_unwatch((int) (intptr_t) w);
}

void loop_turn(void) {
        py_turn();
}
