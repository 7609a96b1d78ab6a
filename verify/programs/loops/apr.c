/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <apr_poll.h>
#include <apr_portable.h>

#include "harness.h"

static apr_pool_t *pool;
static apr_pollset_t *set;
static apr_pollfd_t fds[MOST];

const struct ask asks[] = { ASK(APR_POLLIN), ASK(0), ASK(APR_POLLOUT), { NULL, 0 } };

bool loop_open(void) {
        return apr_initialize() == 0 && apr_pool_create(&pool, NULL) == 0 &&
               apr_pollset_create(&set, 16, pool, 0) == 0;
}

void *loop_watch(int fd, int what, void *data) {
        apr_pollfd_t *w = &fds[fd];

        *w = (apr_pollfd_t){ pool, APR_POLL_FILE, (apr_int16_t) what, 0, { NULL }, data };
        if (apr_os_file_put(&w->desc.f, &fd, 0, pool) != 0)
                return NULL;
        return apr_pollset_add(set, w) == 0 ? w : NULL;
}

void loop_unwatch(void *w) {
        (void) apr_pollset_remove(set, w);
}

void loop_turn(void) {
        const apr_pollfd_t *ready;
        apr_int32_t i, n = 0;

        (void) apr_pollset_poll(set, -1, &n, &ready);
        for (i = 0; i < n; i++)
                look(ready[i].client_data);
}
