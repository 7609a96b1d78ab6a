/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <apr_poll.h>
#include <apr_portable.h>
#include <stdlib.h>

#include "harness.h"

static apr_pool_t *pool;
static apr_pollset_t *set;

const char *const loop_mistakes[] = { "APR_POLLOUT", NULL };

bool loop_open(const char *backend) {
        (void) backend;
        return apr_initialize() == 0 && apr_pool_create(&pool, NULL) == 0 &&
               apr_pollset_create(&set, 16, pool, 0) == 0;
}

void *loop_watch(int fd, int ask, void *data) {
        static const apr_int16_t events[] = { APR_POLLIN, 0, APR_POLLOUT };
        apr_pollfd_t *w = calloc(1, sizeof *w);

        if (!w || apr_os_file_put(&w->desc.f, &fd, 0, pool) != 0)
                abort();
        w->desc_type = APR_POLL_FILE;
        w->reqevents = events[ask];
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

int main(int argc, char **argv) {
        return harness(argc, argv);
}
