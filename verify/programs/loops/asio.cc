/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <asio.hpp>
#include <memory>

#include "harness.h"
#include "asio.inc"

static asio::io_context *context;

extern "C" const char *const loop_mistakes[] = { "wait_write", nullptr };

bool loop_open(const char *) {
        context = new asio::io_context(1);
        return true;
}

static void watch_for(const std::shared_ptr<watch> &w,
                      asio::posix::stream_descriptor::wait_type what) {
        w->descriptor.async_wait(what, [w, what](const asio::error_code &) {
                if (w->descriptor.is_open())
                        look(w->data);
                if (w->descriptor.is_open())
                        watch_for(w, what);
        });
}

void *loop_watch(int fd, int ask, void *data) {
        auto w = std::make_shared<watch>(watch{ { *context, fd }, data });

        if (ask == READABLE)
                watch_on(w);
        else
                watch_for(w, ask == PIPE_END ? w->descriptor.wait_error : w->descriptor.wait_write);
        return new std::shared_ptr<watch>(w);
}

void loop_unwatch(void *w) {
        unwatch(*(std::shared_ptr<watch> *) w);
        delete (std::shared_ptr<watch> *) w;
}

void loop_turn(void) {
        context->run_one();
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
