/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * prefork [-t SECONDS] N [DIR] - a server on 127.0.0.1 that opens when its N workers are ready
 *
 * The workers set themselves up at the same time, each with a log DIR/1, DIR/2, ... if there is a
 * DIR. They have 5 seconds altogether, or what -t says. When all are ready, connections are
 * accepted, and a line on stdout tells the port. A worker that fails, dies or is late is named on
 * stderr with the reason, and the whole server ends. SIGTERM ends it too, after the answers that
 * are under way, for which there is the same time again. If the server is killed, its workers end.
 * Each worker takes 5 descriptors of the server.
 *
 * Exit status: 0 after SIGTERM or SIGINT, 1 if something went wrong, 2 wrong usage.
 *
 * To make it yours replace worker_set_up() and worker_answer().
 */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

enum { WORKERS_MAX = 1000, SIGNAL = -1 };

enum { LOG = 4096 }; /* goes on top of an errno that is about the log */

static struct worker {
        Barrier b;
        pid_t pid;
        int pidfd; /* -1 on a kernel that has none: the pipe of the barrier has to do */
        int epoll; /* of the barrier, or -1 */
        bool ready;
} workers[WORKERS_MAX];

static int n_workers;    /* that were started */
static int loop;         /* epoll; its events carry the index of a worker, or SIGNAL */
static int64_t deadline; /* of the start, later of the stop */

static int complain(const char *what, int error) {
        fprintf(stderr, "prefork: %s: %s\n", what, strerror(error));
        return 1;
}

static int64_t now_msec(void) {
        struct timespec ts = { 0, 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int msec_left(void) {
        int64_t now = now_msec();

        return now < deadline ? (int) (deadline - now) : 0;
}

/* ---- a worker -------------------------------------------------------------------------------- */

static bool worker_set_up(int number, const char *dir) {
        char path[PATH_MAX + 1]; /* what has to be cut is too long for open() as well */
        int fd;

        if (!dir)
                return true;
        (void) snprintf(path, sizeof path, "%s/%d", dir, number);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        return fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 && close(fd) == 0 &&
               dprintf(STDERR_FILENO, "worker %d is ready\n", number) > 0;
}

static void worker_answer(int number, int client) {
        (void) dprintf(client, "worker %d, pid %ld\n", number, (long) getpid());
}

/* Die with the parent. If it is dead already, the barrier says so; getppid() cannot tell that from
 * inside a pid namespace. */
static bool die_with_parent(Barrier *b) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return false;
        barrier_set_timeout(b, 0);
        (void) barrier_wait_abortion(b);
        barrier_set_timeout(b, -1);
        errno = barrier_error(b);
        return errno == 0;
}

__attribute__((noreturn)) static void worker_main(int index, int listener, const char *dir) {
        struct pollfd fds[2] = { { .fd = listener, .events = POLLIN }, { .events = POLLIN } };
        Barrier *b = &workers[index].b;
        sigset_t none;
        int n, client;

        /* Copies of the parent's ends, forked along: they would hide its death from the others. */
        for (n = 0; n < index; n++) {
                barrier_destroy(&workers[n].b);
                (void) close(workers[n].pidfd);
                (void) close(workers[n].epoll);
        }
        (void) barrier_set_role(b, BARRIER_CHILD);
        if (!die_with_parent(b))
                _exit(1);
        (void) signal(SIGINT, SIG_IGN); /* of the whole group; the parent ends us, by the barrier */
        (void) signal(SIGTERM, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);

        if (!worker_set_up(index + 1, dir)) {
                (void) barrier_fail(b, LOG + errno);
                _exit(1);
        }
        if (!barrier_place_and_sync(b)) /* ready; all are, and the listener listens */
                _exit(1);
        barrier_set_timeout(b, 0);
        fds[1].fd = barrier_epoll(b);
        while (!barrier_wait_abortion(b)) { /* the parent tells us to stop, or dies */
                if (fds[1].fd < 0 || barrier_is_aborted(b)) /* or something is broken */
                        _exit(1);
                (void) poll(fds, 2, -1);
                client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (client >= 0) { /* another worker may have been faster */
                        worker_answer(index + 1, client);
                        (void) close(client);
                } else if (errno == EMFILE || errno == ENFILE) /* would fail for ever */
                        _exit(1);
        }
        _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static bool watch(int fd, int index) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = index };

        return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool start_worker(int listener, const char *dir) {
        struct worker *w = &workers[n_workers];

        errno = -barrier_init(&w->b);
        if (errno)
                return false;
        w->pid = fork();
        if (w->pid == 0)
                worker_main(n_workers, listener, dir);
        if (w->pid < 0)
                return false;
        n_workers++;
        (void) barrier_set_role(&w->b, BARRIER_PARENT);
        barrier_set_timeout(&w->b, 0);
        w->pidfd = (int) syscall(SYS_pidfd_open, w->pid, 0);
        (void) barrier_watch(&w->b, w->pidfd); /* its death is seen whoever holds copies */
        w->epoll = barrier_epoll(&w->b);
        if (w->epoll < 0)
                errno = -w->epoll;
        return w->epoll >= 0 && watch(w->epoll, n_workers - 1);
}

/* Says why a worker ended, after it has. One that left or failed may live on: it may exec, or close
 * its descriptors. What ends already ends as it would without SIGKILL. */
static void report(const struct worker *w, const char *dir) {
        int number = (int) (w - workers) + 1, error = barrier_error(&w->b);
        const char *reason = strerror(error % LOG);
        siginfo_t info;

        (void) kill(w->pid, SIGKILL);
        if (barrier_they_left(&w->b) && waitid(P_PID, (id_t) w->pid, &info, WEXITED | WNOWAIT) == 0)
                reason = info.si_code == CLD_EXITED ? "exited" : strsignal(info.si_status);
        if (dir && error > LOG)
                fprintf(stderr, "prefork: worker %d: %s/%d: %s\n", number, dir, number, reason);
        else
                fprintf(stderr, "prefork: worker %d: %s\n", number, reason);
}

static int report_late(void) {
        int n;

        for (n = 0; n < n_workers; n++)
                if (!workers[n].ready)
                        fprintf(stderr, "prefork: worker %d: late\n", n + 1);
        return 1;
}

/* All workers are ready. Returns an exit status. */
static int open_server(int listener) {
        struct sockaddr_in address = { 0 };
        socklen_t size = sizeof address;
        struct worker *w;

        if (listen(listener, SOMAXCONN) < 0 ||
            getsockname(listener, (struct sockaddr *) &address, &size) < 0)
                return complain("listen", errno);
        for (w = workers; w < workers + n_workers; w++)
                (void) barrier_place(&w->b); /* one that died tells later */
        if (printf("prefork: %d workers ready on 127.0.0.1:%d\n", n_workers,
                   ntohs(address.sin_port)) < 0 ||
            fflush(stdout) == EOF)
                return complain("standard output", errno);
        return 0;
}

/* Opens the server when all workers are ready. Returns the exit status when it has to end. */
static int serve(int listener, const char *dir) {
        struct epoll_event event;
        struct worker *w;
        int n, n_ready = 0;

        for (;;) {
                n = epoll_wait(loop, &event, 1, n_ready < n_workers ? msec_left() : -1);
                if (n < 0 && errno != EINTR)
                        return complain("epoll_wait", errno);
                if (n == 0)
                        return report_late();
                if (n < 0)
                        continue;
                if (event.data.fd == SIGNAL)
                        return 0;
                w = &workers[event.data.fd];
                if (barrier_wait_next(&w->b)) { /* it is ready, and says so once */
                        w->ready = true;
                        if (++n_ready == n_workers && open_server(listener) != 0)
                                return 1;
                } else if (barrier_they_aborted(&w->b)) {
                        report(w, dir);
                        return 1;
                }
        }
}

/* Ends them all; one that does not go in time, or was never ready, is killed. So is one that says
 * it has gone, for who waits for a process has to know that it ends. */
static void stop(void) {
        struct worker *w;

        for (w = workers; w < workers + n_workers; w++) {
                (void) barrier_abort(&w->b);
                if (!w->ready)
                        (void) kill(w->pid, SIGKILL);
        }
        for (w = workers; w < workers + n_workers; w++) {
                barrier_set_timeout(&w->b, msec_left());
                (void) barrier_wait_abortion(&w->b);
                if (!barrier_they_aborted(&w->b))
                        fprintf(stderr, "prefork: worker %d: killed\n", (int) (w - workers) + 1);
                (void) kill(w->pid, SIGKILL);
                (void) waitpid(w->pid, NULL, 0);
        }
}

int main(int argc, char **argv) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        int option, listener, signals, msec, r = 0;
        char *end = NULL, *end_n = NULL;
        const char *dir;
        double seconds = 5;
        sigset_t mask;
        long n = 0;

        opterr = 0;
        while ((option = getopt(argc, argv, "t:")) == 't')
                seconds = strtod(optarg, &end);
        if (optind < argc)
                n = strtol(argv[optind], &end_n, 10);
        if (option != -1 || (end && *end) || !(seconds >= 0.001 && seconds <= 1e6) || n < 1 ||
            n > WORKERS_MAX || *end_n || argc - optind > 2) {
                fprintf(stderr, "usage: prefork [-t SECONDS] N [DIR]   (N is 1 to %d)\n",
                        WORKERS_MAX);
                return 2;
        }
        dir = argv[optind + 1]; /* or NULL */
        msec = (int) (seconds * 1000);

        do /* so that no descriptor below gets the number of a standard stream */
                listener = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (listener >= 0 && listener <= STDERR_FILENO);
        (void) close(listener);
        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the workers' statuses away */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        loop = epoll_create1(EPOLL_CLOEXEC);
        signals = signalfd(-1, &mask, SFD_CLOEXEC);
        if (loop < 0 || signals < 0 || !watch(signals, SIGNAL))
                return complain("epoll", errno);

        /* All share one socket; who connects before listen() is refused. The kernel takes a port.
         * */
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (listener < 0 || bind(listener, (const struct sockaddr *) &address, sizeof address) < 0)
                return complain("socket", errno);

        deadline = now_msec() + msec;
        while (n_workers < n && !r)
                if (!start_worker(listener, dir))
                        r = complain("starting a worker", errno);
        if (!r)
                r = serve(listener, dir);
        deadline = now_msec() + msec;
        stop();
        return r;
}
