/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <asio.hpp>
#include <memory>

#include "harness.h"
#include "asio.inc"

static asio::io_context *context;

using descriptor = asio::posix::stream_descriptor;
const struct ask asks[] = {
        ASK(descriptor::wait_read),
        ASK(descriptor::wait_error),
        { "wait_write", descriptor::wait_write },
        { nullptr, 0 },
};

bool loop_open(void) {
        context = new asio::io_context(1);
        return true;
}

static void watch_for(const std::shared_ptr<watch> &w, descriptor::wait_type what) {
        w->descriptor.async_wait(what, [w, what](const asio::error_code &) {
                if (w->descriptor.is_open())
                        look(w->data);
                if (w->descriptor.is_open())
                        watch_for(w, what);
        });
}

void *loop_watch(int fd, int what, void *data) {
        auto w = std::make_shared<watch>(watch{ { *context, fd }, data });

        if (what == descriptor::wait_read)
                watch_on(w);
        else
                watch_for(w, (descriptor::wait_type) what);
        return new std::shared_ptr<watch>(w);
}

void loop_unwatch(void *w) {
        unwatch(*(std::shared_ptr<watch> *) w);
        delete (std::shared_ptr<watch> *) w;
}

void loop_turn(void) {
        context->run_one();
}
