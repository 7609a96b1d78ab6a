/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * prefork - a server on the loopback interface that opens when all of its workers are ready
 *
 *      prefork [-t SECONDS] [-p PORT] [-l DIR] N       start N workers and serve until SIGTERM
 *      prefork -a PORT                                 ask a server: prints its answer
 *
 * Each worker sets itself up, with a log DIR/1, DIR/2, ... if -l says so. They have 5 seconds
 * altogether, or what -t says. When all are ready, connections are accepted and a line on stdout
 * says so; the kernel chooses the port if -p does not. If one fails, dies or is late, at the start
 * or later, its number and the reason go to stderr, and the whole server ends. If the server is
 * killed, its workers end.
 *
 * Exit status: 0 after SIGTERM or SIGINT, 1 if something went wrong, 2 wrong usage.
 *
 * To make it yours replace worker_set_up() and worker_answer().
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

enum { WORKERS_MAX = 1000 };

static struct worker {
        Barrier b;
        pid_t pid;
        int pidfd; /* -1 on a kernel that has none: the pipe of the barrier has to do */
        bool ready;
} workers[WORKERS_MAX];

static int n_workers; /* that were started */
static int loop;      /* epoll; its events carry a worker's index, or -1 for a signal */

static int complain(const char *what, int error) {
        fprintf(stderr, "prefork: %s: %s\n", what, strerror(error));
        return 1;
}

static int64_t now_msec(void) {
        struct timespec ts = { 0, 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- a worker -------------------------------------------------------------------------------- */

static int worker_log = -1;

static bool worker_set_up(int number, const char *log_dir) {
        char path[4096];

        if (!log_dir)
                return true;
        if (snprintf(path, sizeof path, "%s/%d", log_dir, number) >= (int) sizeof path) {
                errno = ENAMETOOLONG;
                return false;
        }
        worker_log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        return worker_log >= 0 && dprintf(worker_log, "ready, pid %ld\n", (long) getpid()) > 0;
}

static void worker_answer(int number, int client) {
        (void) dprintf(client, "worker %d, pid %ld\n", number, (long) getpid());
        if (worker_log >= 0)
                (void) dprintf(worker_log, "answered\n");
}

__attribute__((noreturn)) static void worker_main(int index, int listener, const char *log_dir) {
        struct pollfd fds[BARRIER_POLLFDS + 1];
        Barrier *b = &workers[index].b;
        sigset_t none;
        int i, n, client;

        /* Copies of the parent's ends, forked along: they would hide its death from the others. */
        for (i = 0; i < index; i++) {
                barrier_destroy(&workers[i].b);
                (void) close(workers[i].pidfd);
        }
        (void) barrier_set_role(b, BARRIER_CHILD);
        barrier_set_timeout(b, -1);

        (void) signal(SIGINT, SIG_IGN); /* the terminal's; the parent ends us through the barrier */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);

        if (!worker_set_up(index + 1, log_dir)) {
                (void) barrier_fail(b, errno);
                _exit(1);
        }
        if (!barrier_place_and_sync(b)) /* ready; all are, and the listener listens */
                _exit(1);

        barrier_set_timeout(b, 0);
        for (;;) {
                (void) barrier_wait_abortion(b);
                n = barrier_get_pollfds(b, fds);
                if (n < 0) /* the parent told us to stop, or died */
                        _exit(0);
                fds[n].fd = listener;
                fds[n].events = POLLIN;
                if (poll(fds, (nfds_t) n + 1, -1) < 0 && errno != EINTR)
                        _exit(1);
                client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (client >= 0) { /* another worker may have been faster */
                        worker_answer(index + 1, client);
                        (void) close(client);
                }
        }
}

/* ---- the parent ------------------------------------------------------------------------------ */

static bool watch(int fd, uint32_t events, int index) {
        struct epoll_event event = { .events = events, .data.fd = index };

        return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Returns 0 or an errno value. */
static int start_worker(int listener, const char *log_dir) {
        struct pollfd fds[BARRIER_POLLFDS];
        struct worker *w = &workers[n_workers];
        int i, n, r;

        r = barrier_init(&w->b);
        if (r < 0)
                return -r;
        w->pid = fork();
        if (w->pid == 0)
                worker_main(n_workers, listener, log_dir);
        if (w->pid < 0) {
                r = errno;
                barrier_destroy(&w->b);
                return r;
        }
        n_workers++;
        (void) barrier_set_role(&w->b, BARRIER_PARENT);
        barrier_set_timeout(&w->b, 0);

        /* Whatever holds copies of the worker's end, its death is seen. */
        w->pidfd = (int) syscall(SYS_pidfd_open, w->pid, 0);
        if (w->pidfd < 0 && errno != ENOSYS)
                return errno;
        (void) barrier_watch(&w->b, w->pidfd);
        n = barrier_get_pollfds(&w->b, fds);
        for (i = 0; i < n; i++)
                if (!watch(fds[i].fd, (uint32_t) fds[i].events, n_workers - 1))
                        return errno;
        return 0;
}

/* Looks what a worker has to say; false if it ended, which is reported. */
static bool check_worker(struct worker *w) {
        int status;

        if (barrier_wait_next(&w->b)) {
                w->ready = true;
                return true;
        }
        if (!barrier_they_aborted(&w->b)) /* nothing new */
                return true;
        fprintf(stderr, "prefork: worker %d: ", (int) (w - workers) + 1);
        if (!barrier_they_exited(&w->b))
                fprintf(stderr, "%s\n", strerror(barrier_error(&w->b)));
        else if (waitpid(w->pid, &status, 0) == w->pid) {
                w->pid = -1;
                if (WIFSIGNALED(status))
                        fprintf(stderr, "died: %s\n", strsignal(WTERMSIG(status)));
                else
                        fprintf(stderr, "exited with status %d\n", WEXITSTATUS(status));
        }
        return false;
}

/* Takes events until all workers are ready. Returns an exit status, or -1 to go on. */
static int wait_for_workers(int64_t deadline) {
        struct epoll_event event;
        int64_t left;
        int i, n;

        for (;;) {
                for (i = n = 0; i < n_workers; i++)
                        n += workers[i].ready;
                if (n == n_workers && deadline)
                        return -1;

                left = deadline ? deadline - now_msec() : -1;
                if (deadline && left < 0)
                        left = 0;
                n = epoll_wait(loop, &event, 1, (int) left);
                if (n < 0 && errno != EINTR)
                        return complain("epoll_wait", errno);
                if (n == 0) {
                        for (i = 0; i < n_workers; i++)
                                if (!workers[i].ready)
                                        fprintf(stderr, "prefork: worker %d: late\n", i + 1);
                        return 1;
                }
                if (n > 0 && event.data.fd < 0)
                        return 0; /* told to stop */
                if (n > 0 && !check_worker(&workers[event.data.fd]))
                        return 1;
        }
}

/* Ends them all; one that does not go in time, or was not yet ready, is killed. */
static void stop_workers(int64_t deadline) {
        struct worker *w, *end = workers + n_workers;
        int64_t left;

        for (w = workers; w < end; w++) {
                (void) barrier_abort(&w->b);
                if (!w->ready && w->pid > 0)
                        (void) kill(w->pid, SIGKILL);
        }
        for (w = workers; w < end; w++) {
                left = deadline - now_msec();
                barrier_set_timeout(&w->b, left > 0 ? (int) left : 0);
                (void) barrier_wait_abortion(&w->b);
                if (w->pid > 0) {
                        if (!barrier_they_aborted(&w->b))
                                (void) kill(w->pid, SIGKILL);
                        (void) waitpid(w->pid, NULL, 0);
                }
                barrier_destroy(&w->b);
        }
}

static int serve(int n, int port, const char *log_dir, int msec) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        socklen_t size = sizeof address;
        int64_t deadline = now_msec() + msec;
        int listener, signals, on = 1, i, r;
        sigset_t stop;

        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would take the workers' statuses away */
        (void) sigemptyset(&stop);
        (void) sigaddset(&stop, SIGTERM);
        (void) sigaddset(&stop, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &stop, NULL);
        loop = epoll_create1(EPOLL_CLOEXEC);
        signals = signalfd(-1, &stop, SFD_CLOEXEC);
        if (loop < 0 || signals < 0 || !watch(signals, EPOLLIN, -1))
                return complain("epoll", errno);

        /* Bound here, so that all share it; who connects before listen() is refused. */
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
            bind(listener, (const struct sockaddr *) &address, sizeof address) < 0 ||
            getsockname(listener, (struct sockaddr *) &address, &size) < 0)
                return complain("socket", errno);

        for (i = 0, r = 0; i < n && !r; i++) {
                r = start_worker(listener, log_dir);
                if (r) {
                        fprintf(stderr, "prefork: worker %d: %s\n", i + 1, strerror(r));
                        r = 1;
                }
        }
        if (!r)
                r = wait_for_workers(deadline);
        if (r < 0 && listen(listener, SOMAXCONN) < 0)
                r = complain("listen", errno);
        if (r < 0) {
                for (i = 0; i < n; i++)
                        (void) barrier_place(&workers[i].b); /* one that died, tells below */
                printf("prefork: %d workers ready on 127.0.0.1:%d\n", n, ntohs(address.sin_port));
                (void) fflush(stdout);
                r = wait_for_workers(0);
        }
        stop_workers(now_msec() + msec);
        return r;
}

/* ---- the client ------------------------------------------------------------------------------ */

static int ask(int port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char answer[128];
        ssize_t n;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return complain("connect", errno);
        while ((n = read(fd, answer, sizeof answer)) > 0)
                (void) fwrite(answer, 1, (size_t) n, stdout);
        return n < 0 || fflush(stdout) == EOF ? complain("answer", errno) : 0;
}

static int usage(void) {
        fputs("usage: prefork [-t SECONDS] [-p PORT] [-l DIR] N\n"
              "       prefork -a PORT\n",
              stderr);
        return 2;
}

/* A number from 1 to max times scale, or -1. */
static int number(const char *s, int max, int scale) {
        char *end;
        double d = strtod(s, &end);

        return *end || !(d * scale >= 1 && d <= max) ? -1 : (int) (d * scale);
}

int main(int argc, char **argv) {
        int option, n, msec = 5000, port = 0;
        const char *log_dir = NULL;

        opterr = 0;
        while ((option = getopt(argc, argv, "t:p:l:a:")) != -1) {
                if (option == 't')
                        msec = number(optarg, 1000000, 1000);
                else if (option == 'p')
                        port = number(optarg, 65535, 1);
                else if (option == 'l')
                        log_dir = optarg;
                else if (option == 'a' && argc == 3)
                        return (port = number(optarg, 65535, 1)) < 0 ? usage() : ask(port);
                else
                        return usage();
        }
        if (argc - optind != 1 || msec < 0 || port < 0)
                return usage();
        n = number(argv[optind], WORKERS_MAX, 1);
        return n < 0 ? usage() : serve(n, port, log_dir, msec);
}
