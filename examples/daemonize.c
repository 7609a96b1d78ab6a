/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * daemonize - a daemon whose start returns when it is ready, and says why if it is not
 *
 *      daemonize [-t SECONDS] DIR      start the daemon in DIR, wait until it is ready
 *      daemonize -a DIR                ask it: prints its answer
 *      daemonize -k DIR                stop it, wait until it is gone
 *
 * The daemon locks DIR/pid, binds the socket DIR/sock and writes its pid, in that order; if another
 * one is still there, it waits for it to go. Only then the start returns 0. All of that may take 5
 * seconds altogether, or what -t says. Who decides is the foreground process: the daemon begins to
 * serve only when told so, so it never does after a start that was given up, or killed.
 *
 * Exit status: 0, 1 with the reason on stderr, 2 wrong usage.
 *
 * To make it yours replace serve(), and let daemon_main() do what has to be done before it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"

/* The daemon tells which step failed, above its errno, which is at most 4095. */
enum { STEP = 4096, SESSION = 1, STREAMS, DIRECTORY, LOCK, SOCKET, PID };
static const char *const step_names[] = { "barrier", "session", "/dev/null", "chdir",
                                          "pid",     "sock",    "pid" };

static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "sock" };

static int complain(const char *what, const char *why) {
        fprintf(stderr, "daemonize: %s: %s\n", what, why);
        return 1;
}

/* ---- the daemon ------------------------------------------------------------------------------ */

__attribute__((noreturn)) static void failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(1);
}

/* Answers until a signal tells it to stop. */
static void serve(int listener, int signals) {
        struct pollfd fds[2] = { { signals, POLLIN, 0 }, { listener, POLLIN, 0 } };
        unsigned long requests = 0;
        int fd;

        while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        continue;
                (void) dprintf(fd, "pid %ld, request %lu\n", (long) getpid(), ++requests);
                (void) close(fd);
        }
}

/* No message may be printed here: the standard streams are gone, and the reason goes to the
 * foreground process. */
__attribute__((noreturn)) static void daemon_main(Barrier *b, const char *dir) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int null, listener, pid_file, signals, sig;
        sigset_t termination;

        for (sig = 1; sig < NSIG; sig++)
                (void) signal(sig, SIG_DFL); /* refused for SIGKILL and a few more: as it is */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) umask(077);

        /* First, so that no other descriptor gets one of the three numbers. */
        null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
                failed(b, STREAMS);
        if (null > 2)
                (void) close(null);
        if (chdir(dir) < 0)
                failed(b, DIRECTORY);

        /* The file stays for ever: if it were removed, two daemons could lock one each. */
        pid_file = open("pid", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (pid_file < 0 || fcntl(pid_file, F_SETLKW, &lock) < 0)
                failed(b, LOCK);

        (void) sigemptyset(&termination);
        (void) sigaddset(&termination, SIGTERM);
        (void) sigaddset(&termination, SIGINT);
        (void) sigprocmask(SIG_SETMASK, &termination, NULL);
        signals = signalfd(-1, &termination, SFD_CLOEXEC);
        if (signals < 0)
                failed(b, SESSION);

        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener < 0 || (unlink("sock") < 0 && errno != ENOENT) ||
            bind(listener, (const struct sockaddr *) &address, sizeof address) < 0 ||
            listen(listener, SOMAXCONN) < 0)
                failed(b, SOCKET);
        if (ftruncate(pid_file, 0) < 0 || dprintf(pid_file, "%ld\n", (long) getpid()) < 0)
                failed(b, PID);

        if (barrier_place_and_sync(b)) { /* ready; the foreground process agrees */
                barrier_destroy(b);
                serve(listener, signals);
        }
        (void) unlink("sock");
        _exit(ftruncate(pid_file, 0) < 0);
}

/* ---- the foreground process ------------------------------------------------------------------ */

/* Opens the pid file and finds out who holds the lock: that one is the daemon, what the file says
 * is for people. Returns a descriptor or -1. */
static int find_daemon(const char *dir, struct flock *lock) {
        int fd = chdir(dir) < 0 ? -1 : open("pid", O_RDONLY | O_CLOEXEC);

        lock->l_type = F_RDLCK;
        lock->l_whence = SEEK_SET;
        lock->l_start = lock->l_len = 0;
        return fd < 0 || fcntl(fd, F_GETLK, lock) < 0 ? -1 : fd;
}

static int start(const char *dir, double seconds) {
        struct flock lock;
        Barrier b;
        pid_t pid;
        int r;

        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would make waitpid() fail */
#ifdef SYS_close_range
        (void) syscall(SYS_close_range, 3u, ~0u,
                       0u); /* what was inherited, a daemon must not keep */
#endif
        r = barrier_init(&b);
        if (r < 0)
                return complain("barrier", strerror(-r));
        pid = fork();
        if (pid < 0)
                return complain("fork", strerror(errno));
        if (pid == 0) {
                /* The process in between leads the session and goes: the daemon, which leads
                 * none, never gets a controlling terminal. The barrier passes on to it. */
                (void) barrier_set_role(&b, BARRIER_CHILD);
                if (setsid() < 0 || (pid = fork()) < 0)
                        failed(&b, SESSION);
                if (pid == 0)
                        daemon_main(&b, dir);
                _exit(0);
        }
        (void) barrier_set_role(&b, BARRIER_PARENT);
        if (waitpid(pid, NULL, 0) < 0)
                return complain("waitpid", strerror(errno));

        barrier_set_timeout(&b, (int) (seconds * 1000));
        if (barrier_wait_next(&b) && barrier_place(&b))
                return 0;

        if (!barrier_error(&b)) { /* it may be stuck anywhere */
                (void) kill(-pid, SIGKILL);
                barrier_set_timeout(&b, -1);
                (void) barrier_wait_abortion(&b);
                complain(dir, "the daemon was not ready in time");
                if (find_daemon(dir, &lock) >= 0 && lock.l_type != F_UNLCK)
                        fprintf(stderr, "daemonize: %s: pid %ld is still running there\n", dir,
                                (long) lock.l_pid);
                return 1;
        }
        if (barrier_they_exited(&b))
                return complain(dir, "the daemon died before it was ready");
        fprintf(stderr, "daemonize: %s: %s: %s\n", dir, step_names[barrier_error(&b) / STEP],
                strerror(barrier_error(&b) % STEP));
        return 1;
}

static int ask(const char *dir) {
        char answer[128];
        ssize_t n;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || chdir(dir) < 0 ||
            connect(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return complain(dir, strerror(errno));
        while ((n = read(fd, answer, sizeof answer)) > 0)
                (void) fwrite(answer, 1, (size_t) n, stdout);
        if (n < 0 || fflush(stdout) == EOF)
                return complain(dir, strerror(errno));
        return 0;
}

static int stop(const char *dir) {
        struct flock lock;
        int fd = find_daemon(dir, &lock);

        if (fd < 0)
                return complain(dir, strerror(errno));
        if (lock.l_type == F_UNLCK)
                return complain(dir, "no daemon is running");
        if (kill(lock.l_pid, SIGTERM) < 0)
                return complain(dir, strerror(errno));
        lock.l_type = F_RDLCK;
        return fcntl(fd, F_SETLKW, &lock) < 0 ? complain(dir, strerror(errno)) : 0;
}

static int usage(void) {
        fputs("usage: daemonize [-t SECONDS] DIR\n"
              "       daemonize -a DIR\n"
              "       daemonize -k DIR\n",
              stderr);
        return 2;
}

int main(int argc, char **argv) {
        double seconds = 5;
        int option, what = 't';
        char *end = NULL;

        opterr = 0;
        while ((option = getopt(argc, argv, "t:ak")) != -1) {
                if (option == '?' || what != 't' || (end && option != 't'))
                        return usage();
                what = option;
                if (option == 't') {
                        seconds = strtod(optarg, &end);
                        if (*end || !(seconds > 0 && seconds <= 1e6))
                                return usage();
                }
        }
        if (argc - optind != 1)
                return usage();
        switch (what) {
        case 'a':
                return ask(argv[optind]);
        case 'k':
                return stop(argv[optind]);
        default:
                return start(argv[optind], seconds);
        }
}
