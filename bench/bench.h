/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * What bench.c and each build of the library (build.c) share. Include it after all system headers.
 */
#ifndef BENCH_H
#define BENCH_H

/* System calls are counted where they are made, in the library and beside it. An increment is below
 * a nanosecond and the same for all, so it stays in while the clock runs. */
extern unsigned long calls;
#define write(fd, p, n)                (calls++, write(fd, p, n))
#define read(fd, p, n)                 (calls++, read(fd, p, n))
#define preadv2(fd, iov, n, at, flags) (calls++, preadv2(fd, iov, n, at, flags))
#define poll(fds, n, msec)             (calls++, poll(fds, n, msec))
#define eventfd(value, flags)          (calls++, eventfd(value, flags))
#define pipe2(fds, flags)              (calls++, pipe2(fds, flags))
#define close(fd)                      (calls++, close(fd))
#define sched_getaffinity(pid, n, set) (calls++, sched_getaffinity(pid, n, set))

struct Barrier;

/* One build of the library. All are called in this way, so that none has an advantage. */
struct build {
        const char *version;
        int tries;
        unsigned long size; /* of its struct Barrier; me, them and pipe come first in any version */
        int (*init)(struct Barrier *b);
        int (*set_role)(struct Barrier *b, unsigned role);
        void (*destroy)(struct Barrier *b);
        bool (*place)(struct Barrier *b);
        bool (*wait_next)(struct Barrier *b);
        bool (*sync)(struct Barrier *b);
        bool (*place_and_sync)(struct Barrier *b);
        bool (*wait_abortion)(struct Barrier *b);
        void (*set_timeout)(struct Barrier *b, int msec);
        int (*get_pollfds)(const struct Barrier *b, struct pollfd *fds);
};

extern const struct build present;
extern const struct build old __attribute__((weak)); /* with make bench OLD=FILE, else at NULL */

#endif
