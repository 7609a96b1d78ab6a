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

/* What to ask of a descriptor: to be told when it is readable; for an end of the pipe, what
 * doc/LOOPS.md says; or one of the loop's mistakes, for an end of the pipe. */
enum ask { READABLE, PIPE_END, MISTAKE };

/* ---- of the harness -------------------------------------------------------------------------- */

/* To be called when a descriptor is ready. It may call loop_unwatch(). */
void look(void *data);

/* How often the loop waited. libc's own calls are counted; io_uring's are not. */
extern unsigned long waits;

/* Runs everything and returns the exit status. */
int harness(int argc, char **argv);

/* ---- of the loop's program ------------------------------------------------------------------- */

/* What people ask of an end of the pipe, and should not: MISTAKE, MISTAKE + 1, ... */
extern const char *const loop_mistakes[]; /* ends with NULL */

/* False if there is no such backend here. */
bool loop_open(const char *backend);

/* Returns NULL if the loop refuses it. */
void *loop_watch(int fd, int ask, void *data);
void loop_unwatch(void *watch);

/* Waits until something is ready, and calls look(). */
void loop_turn(void);

#ifdef __cplusplus
}
#endif

#endif
