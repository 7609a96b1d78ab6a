/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stddef.h>

#include "harness.h"

/* The loop is in python-loop.py; these are its functions. */
static bool (*py_open)(const char *backend);
static bool (*py_watch)(int fd, int ask, void *data);
static void (*py_unwatch)(int fd);
static void (*py_turn)(void);

int run(bool (*o)(const char *), bool (*w)(int, int, void *), void (*u)(int), void (*t)(void),
        int argc, char **argv);

const char *const loop_mistakes[] = { "add_writer", NULL };

bool loop_open(const char *backend) {
        return py_open(backend);
}

void *loop_watch(int fd, int ask, void *data) {
        static int fds[1024];

        fds[fd] = fd;
        return py_watch(fd, ask, data) ? &fds[fd] : NULL;
}

void loop_unwatch(void *w) {
        py_unwatch(*(int *) w);
}

void loop_turn(void) {
        py_turn();
}

int run(bool (*o)(const char *), bool (*w)(int, int, void *), void (*u)(int), void (*t)(void),
        int argc, char **argv) {
        py_open = o;
        py_watch = w;
        py_unwatch = u;
        py_turn = t;
        return harness(argc, argv);
}
