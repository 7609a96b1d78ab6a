/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "harness.h"
#include "epoll.inc"

static int epfd;
static uint32_t flags;

static struct entry {
        int fd;
        uint32_t events;
        void *data; /* NULL: removed */
} entries[MOST];

const struct ask asks[] = { ASK(EPOLLIN), ASK(0), ASK(EPOLLOUT), ASK(EPOLLRDHUP), { NULL, 0 } };

bool loop_open(void) {
        flags = strstr(backend, "edge") ? EPOLLET : strstr(backend, "one-shot") ? EPOLLONESHOT : 0;
        epfd = epoll_create1(EPOLL_CLOEXEC);
        return epfd >= 0;
}

static int modify(struct entry *w) {
        struct epoll_event event = { .events = w->events, .data.ptr = w };

        return epoll_ctl(epfd, EPOLL_CTL_MOD, w->fd, &event);
}

void *loop_watch(int fd, int what, void *data) {
        struct entry *w = &entries[fd];

        w->fd = fd;
        w->events = (uint32_t) what | flags;
        w->data = data;
        return watch(epfd, fd, w) < 0 || modify(w) < 0 ? NULL : w;
}

void loop_unwatch(void *watched) {
        struct entry *w = watched;

        w->data = NULL;
        if (unwatch(epfd, w->fd) < 0)
                abort();
}

void loop_turn(void) {
        struct epoll_event events[8];
        int i, n = epoll_wait(epfd, events, 8, -1);
        struct entry *w;

        for (i = 0; i < n; i++) {
                w = events[i].data.ptr;
                if (w->data)
                        look(w->data);
                if (w->data && flags == EPOLLONESHOT)
                        (void) modify(w);
        }
}
