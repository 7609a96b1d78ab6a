/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * common.h - what several programs in the folders here need
 *
 * To be included before barrier.c and before any system call is redirected.
 */
#ifndef COMMON_H
#define COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../barrier.h"

enum operation {
        OP_PLACE,
        OP_ABORT,
        OP_FAIL,
        OP_WAIT_NEXT,
        OP_SYNC_NEXT,
        OP_SYNC,
        OP_PLACE_AND_SYNC,
        OP_WAIT_ABORTION,
        OPERATIONS
};

#define OPERATION_NAMES                                                                            \
        "place", "abort", "fail", "wait_next", "sync_next", "sync", "place_and_sync",              \
                "wait_abortion"

/* `code` is for OP_FAIL. */
static inline bool operate(Barrier *b, int operation, int code) {
        switch (operation) {
        case OP_PLACE:
                return barrier_place(b);
        case OP_ABORT:
                return barrier_abort(b);
        case OP_FAIL:
                return barrier_fail(b, code);
        case OP_WAIT_NEXT:
                return barrier_wait_next(b);
        case OP_SYNC_NEXT:
                return barrier_sync_next(b);
        case OP_SYNC:
                return barrier_sync(b);
        case OP_PLACE_AND_SYNC:
                return barrier_place_and_sync(b);
        case OP_WAIT_ABORTION:
                return barrier_wait_abortion(b);
        default:
                abort();
        }
}

/* What fork() gives the other side: descriptors of its own, of the same open files. */
static inline Barrier forked(const Barrier *b) {
        Barrier copy = *b;

        copy.me = fcntl(b->me, F_DUPFD_CLOEXEC, 3);
        copy.them = fcntl(b->them, F_DUPFD_CLOEXEC, 3);
        copy.pipe[0] = fcntl(b->pipe[0], F_DUPFD_CLOEXEC, 3);
        copy.pipe[1] = fcntl(b->pipe[1], F_DUPFD_CLOEXEC, 3);
        return copy;
}

enum { MAPPED = 64 }; /* no program here has a descriptor above */

/* For each descriptor '-' if it is closed, 'o' if it is open; with `flags` 'x' if execve() closes
 * it. */
static inline void map_descriptors(char map[MAPPED + 1], bool flags) {
        struct pollfd fds[MAPPED];
        int i;

        for (i = 0; i < MAPPED; i++) {
                fds[i].fd = i;
                fds[i].events = 0;
        }
        (void) poll(fds, MAPPED, 0);
        for (i = 0; i < MAPPED; i++)
                map[i] = (fds[i].revents & POLLNVAL) != 0                 ? '-'
                         : flags && (fcntl(i, F_GETFD) & FD_CLOEXEC) != 0 ? 'x'
                                                                          : 'o';
        map[MAPPED] = 0;
}

/* Ends the program if something that it needs for its work has failed. */
static inline void need(bool good, const char *what) {
        if (good)
                return;
        perror(what);
        exit(1);
}

/* Reads a number from 1, as an argument of a program. */
static inline bool parse_number(const char *s, uint64_t *n) {
        char *end;

        errno = 0;
        *n = strtoull(s, &end, 10);
        return *s >= '0' && *s <= '9' && !*end && !errno && *n > 0 && *n <= INT64_MAX;
}

/* Reads the arguments [COUNT [SEED]] of a program, where they are given; `usage` is its name and
 * what is counted. Ends the program, with status 2, if they are anything else. */
static inline void parse_arguments(int argc, char **argv, const char *usage, uint64_t *count,
                                   uint64_t *seed) {
        uint64_t otherwise = *count;

        if (argc <= 3 && (argc < 2 || parse_number(argv[1], count)) &&
            (argc < 3 || parse_number(argv[2], seed)))
                return;
        fprintf(stderr, "usage: %s [SEED]], numbers from 1; without the first it is %llu\n", usage,
                (unsigned long long) otherwise);
        exit(2);
}

#endif
