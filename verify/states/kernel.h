/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * kernel.h - the part of Linux that barrier.c stands on, as a model of a hundred lines
 *
 * Two eventfds, one pipe, a pidfd for each process, and the descriptors of three processes. A
 * struct kernel is a value: copy it to go back, compare it with memcmp() to know it again.
 *
 * Each function is one step of the process `who`, which nothing interrupts, and answers as the
 * system call of its name does, but for a negative errno in the place of -1. -ENOSYS: the model has
 * no answer. The eventfds are non-blocking, and nobody writes to the pipe.
 *
 * poll() is not atomic: kernel_poll() is one look at one descriptor. When a poll() is interrupted
 * or has run out of time is for the caller to say: it may end with -EINTR before its first look
 * (POSIX allows that; Linux looks first) and while it is asleep, and while it is asleep with 0 too.
 *
 * While a thread of a process other than its first executes a new program, a look at its pidfd may
 * find it ready though the process lives. That wakes nobody, and the next look is right. When it
 * happens is for the caller to say (kernel_poll.exec).
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        KERNEL_PROCESSES = 3,
        KERNEL_POLLFDS = 3, /* entries of a poll() at most */

        /* The objects. A descriptor is its object + 3, in every process that has it. */
        KERNEL_EVENTFD = 0,
        KERNEL_READ_END = 2,
        KERNEL_WRITE_END = 3,
        KERNEL_PIDFD = 4, /* + the process that it stands for */
        KERNEL_OBJECTS = KERNEL_PIDFD + KERNEL_PROCESSES
};

#define KERNEL_FD(object) ((object) + 3)

struct kernel {
        uint64_t counter[2];            /* of the eventfds */
        uint8_t open[KERNEL_PROCESSES]; /* the descriptors of a process, one bit for each object */
        uint8_t dead[KERNEL_PROCESSES]; /* 1: it ended, and nobody has waited for it */
        uint8_t eventfds, pipes;        /* so many were made */
};

/* A poll() under way; set the rest to 0. */
struct kernel_poll {
        int8_t fd[KERNEL_POLLFDS]; /* -1: no entry */
        uint8_t events[KERNEL_POLLFDS], revents[KERNEL_POLLFDS];
        bool asleep;  /* it has seen nothing in any of them */
        bool exec;    /* its look at a pidfd falls into an execve() */
        uint8_t look; /* the entry that it looks at next */
        int msec;
};

/* The object that a descriptor of this process refers to, or -EBADF. */
static inline int kernel_object(const struct kernel *k, int who, int fd) {
        int object = fd - KERNEL_FD(0);

        if (object < 0 || object >= KERNEL_OBJECTS || !(k->open[who] >> object & 1))
                return -EBADF;
        return object;
}

static inline int kernel_open(struct kernel *k, int who, int object) {
        k->open[who] = (uint8_t) (k->open[who] | 1 << object);
        return KERNEL_FD(object);
}

static inline int kernel_eventfd(struct kernel *k, int who) {
        return k->eventfds < 2 ? kernel_open(k, who, KERNEL_EVENTFD + k->eventfds++) : -ENOSYS;
}

static inline int kernel_pipe2(struct kernel *k, int who, int fd[2]) {
        if (k->pipes++)
                return -ENOSYS;
        fd[0] = kernel_open(k, who, KERNEL_READ_END);
        fd[1] = kernel_open(k, who, KERNEL_WRITE_END);
        return 0;
}

static inline int kernel_pidfd_open(struct kernel *k, int who, int whom) {
        return kernel_open(k, who, KERNEL_PIDFD + whom);
}

static inline void kernel_fork(struct kernel *k, int who, int child) {
        k->open[child] = k->open[who];
}

/* It is killed, or exits. In truth it loses one descriptor after the other and is dead only then:
 * where that matters, call kernel_close() on them first. */
static inline void kernel_kill(struct kernel *k, int who) {
        k->open[who] = 0;
        k->dead[who] = 1;
}

static inline int kernel_close(struct kernel *k, int who, int fd) {
        int object = kernel_object(k, who, fd);

        if (object < 0)
                return object;
        k->open[who] = (uint8_t) (k->open[who] & ~(1 << object));
        return 0;
}

/* F_GETFD and F_SETFL, as far as anything depends on their answer. */
static inline int kernel_fcntl(const struct kernel *k, int who, int fd) {
        int object = kernel_object(k, who, fd);

        return object < 0 ? object : 0;
}

static inline int kernel_write(struct kernel *k, int who, int fd, uint64_t value) {
        int object = kernel_object(k, who, fd);

        if (object < 0)
                return object;
        if (object >= KERNEL_READ_END)
                return -ENOSYS;
        if (value == UINT64_MAX)
                return -EINVAL;
        if (value >= UINT64_MAX - k->counter[object])
                return -EAGAIN;
        k->counter[object] += value;
        return sizeof value;
}

/* read(), and preadv2() with RWF_NOWAIT. */
static inline int kernel_read(struct kernel *k, int who, int fd, uint64_t *value) {
        int object = kernel_object(k, who, fd);

        if (object < 0)
                return object;
        if (object >= KERNEL_READ_END)
                return -ENOSYS;
        if (!k->counter[object])
                return -EAGAIN;
        *value = k->counter[object];
        k->counter[object] = 0;
        return sizeof *value;
}

static inline bool kernel_held(const struct kernel *k, int object) {
        int who, held = 0;

        for (who = 0; who < KERNEL_PROCESSES; who++)
                held |= k->open[who] >> object & 1;
        return held;
}

/* What poll() reports of a descriptor if it looks now. */
static inline int kernel_look(const struct kernel *k, int who, int fd, int events) {
        int object, revents;

        if (fd < 0)
                return 0;
        object = kernel_object(k, who, fd);
        if (object < 0)
                return POLLNVAL;
        if (object < KERNEL_READ_END)
                revents = (k->counter[object] ? POLLIN : 0) |
                          (k->counter[object] < UINT64_MAX - 1 ? POLLOUT : 0);
        else if (object == KERNEL_READ_END)
                revents = kernel_held(k, KERNEL_WRITE_END) ? 0 : POLLHUP;
        else if (object == KERNEL_WRITE_END)
                revents = POLLOUT | (kernel_held(k, KERNEL_READ_END) ? 0 : POLLERR);
        else
                revents = k->dead[object - KERNEL_PIDFD] ? POLLIN : 0;
        return revents & (events | POLLHUP | POLLERR);
}

/* One look. Returns what poll() returns if that was the last; -EAGAIN if it goes on or sleeps. */
static inline int kernel_poll(const struct kernel *k, int who, struct kernel_poll *p) {
        int i, ready = 0;
        bool looked = false;

        p->asleep = false;
        for (; p->look < KERNEL_POLLFDS; p->look++)
                if (p->fd[p->look] >= 0) {
                        if (looked)
                                return -EAGAIN;
                        looked = true;
                        i = kernel_look(k, who, p->fd[p->look], p->events[p->look]);
                        if (p->exec && p->fd[p->look] >= KERNEL_FD(KERNEL_PIDFD))
                                i |= p->events[p->look] & POLLIN;
                        p->revents[p->look] = (uint8_t) i;
                }
        for (i = 0; i < KERNEL_POLLFDS; i++)
                ready += p->revents[i] != 0;
        p->look = 0;
        p->asleep = !ready && p->msec != 0;
        return p->asleep ? -EAGAIN : ready;
}

/* Whether a poll() that is asleep looks again. */
static inline bool kernel_wakes(const struct kernel *k, int who, const struct kernel_poll *p) {
        int i, ready = 0;

        for (i = 0; i < KERNEL_POLLFDS; i++)
                ready |= kernel_look(k, who, p->fd[i], p->events[i]);
        return ready;
}

#endif
