/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <QCoreApplication>
#include <QSocketNotifier>

#include "harness.h"
#include "qt.inc"

static QCoreApplication *application;

extern "C" const char *const loop_mistakes[] = { "Exception", "Write", nullptr };

bool loop_open(const char *backend) {
        static char name[] = "qt", *argv[] = { name, nullptr };
        static int argc = 1;

        if (QByteArray(backend).endsWith("poll"))
                qputenv("QT_NO_GLIB", "1");
        application = new QCoreApplication(argc, argv);
        return true;
}

void *loop_watch(int fd, int ask, void *data) {
        static const QSocketNotifier::Type types[] = { QSocketNotifier::Exception,
                                                       QSocketNotifier::Write };
        QSocketNotifier *w;

        if (ask < MISTAKE)
                return watch(fd, data);
        w = new QSocketNotifier(fd, types[ask - MISTAKE]);
        QObject::connect(w, &QSocketNotifier::activated, w, [data] { look(data); });
        return w;
}

void loop_unwatch(void *w) {
        unwatch(static_cast<QSocketNotifier *>(w));
}

void loop_turn(void) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

int main(int argc, char **argv) {
        return harness(argc, argv);
}
