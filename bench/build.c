/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * One build of the library for the benchmark: a private copy of the source BARRIER_C, called BUILD.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"

#ifndef BUILD
#define BUILD     present
#define BARRIER_C "../barrier.c"
#endif

#define BARRIER_API static
#include BARRIER_C /* NOLINT(bugprone-suspicious-include): a private copy, as barrier.h says */

const struct build BUILD = {
        .version = BARRIER_VERSION,
        .tries = BARRIER_TRIES,
        .size = sizeof(Barrier),
        .init = barrier_init,
        .set_role = barrier_set_role,
        .destroy = barrier_destroy,
        .place = barrier_place,
        .wait_next = barrier_wait_next,
        .sync = barrier_sync,
        .place_and_sync = barrier_place_and_sync,
        .wait_abortion = barrier_wait_abortion,
        .set_timeout = barrier_set_timeout,
        .get_pollfds = barrier_get_pollfds,
};
