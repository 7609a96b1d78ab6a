/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 */
#include <QCoreApplication>
#include <QSocketNotifier>

#include "harness.h"
#include "qt.inc"

static QCoreApplication *application;

const struct ask asks[] = {
        { "Read", QSocketNotifier::Read },
        { "Read", QSocketNotifier::Read },
        { "Exception", QSocketNotifier::Exception },
        { "Write", QSocketNotifier::Write },
        { nullptr, 0 },
};

bool loop_open(void) {
        static char name[] = "qt", *argv[] = { name, nullptr };
        static int argc = 1;

        if (QByteArray(backend).endsWith("poll"))
                qputenv("QT_NO_GLIB", "1");
        application = new QCoreApplication(argc, argv);
        return true;
}

void *loop_watch(int fd, int what, void *data) {
        QSocketNotifier *w;

        if (what == QSocketNotifier::Read)
                return watch(fd, data);
        w = new QSocketNotifier(fd, (QSocketNotifier::Type) what);
        QObject::connect(w, &QSocketNotifier::activated, w, [data] { look(data); });
        return w;
}

void loop_unwatch(void *w) {
        unwatch(static_cast<QSocketNotifier *>(w));
}

void loop_turn(void) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}
