/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <apr_poll.h>
#include <apr_portable.h>
#include <stdlib.h>

#include "harness.h"

static apr_pool_t *pool;
static apr_pollset_t *set;

const struct ask asks[] = { ASK(APR_POLLIN), ASK(0), ASK(APR_POLLOUT), { NULL, 0 } };

bool loop_open(void) {
        return apr_initialize() == 0 && apr_pool_create(&pool, NULL) == 0 &&
               apr_pollset_create(&set, 16, pool, 0) == 0;
}

void *loop_watch(int fd, int what, void *data) {
        apr_pollfd_t *w = calloc(1, sizeof *w);

        if (!w || apr_os_file_put(&w->desc.f, &fd, 0, pool) != 0)
                abort();
        w->desc_type = APR_POLL_FILE;
        w->reqevents = (apr_int16_t) what;
        w->client_data = data;
        w->p = pool;
        return apr_pollset_add(set, w) == 0 ? w : NULL;
}

void loop_unwatch(void *w) {
        (void) apr_pollset_remove(set, w);
        free(w);
}

void loop_turn(void) {
        const apr_pollfd_t *ready;
        apr_int32_t i, n = 0;

        (void) apr_pollset_poll(set, -1, &n, &ready);
        for (i = 0; i < n; i++)
                look(ready[i].client_data);
}
