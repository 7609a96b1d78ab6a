/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * harness.h - what a program of `make loops` gives the harness, and gets from it
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ask {
        const char *name;
        int what;
};
#define ASK(what)                                                                                  \
        { #what, what }

/* ---- of the harness -------------------------------------------------------------------------- */

extern const char *backend;

enum { MOST = 1024 }; /* no descriptor here is above */

/* To be called when a descriptor is ready. It may call loop_unwatch(). */
void look(void *data);

/* ---- of the loop's program ------------------------------------------------------------------- */

/* What to ask of a descriptor, to be told when it is readable; what to ask of an end of the pipe,
 * as doc/LOOPS.md says; and what people ask of that, and should not. A name that is NULL ends
 * it. */
extern const struct ask asks[];

/* False if there is no such backend here. */
bool loop_open(void);

/* `what` is one of the asks. Returns NULL if the loop refuses it. */
void *loop_watch(int fd, int what, void *data);
void loop_unwatch(void *watch);

/* Waits until something is ready, and calls look(). */
void loop_turn(void);

#ifdef __cplusplus
}
#endif

#endif
