/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * daemonize [-t SECONDS] DIR - starts a daemon in DIR, and returns when it is ready
 *
 * The daemon locks DIR/pid, binds the socket DIR/sock, and writes its pid. Only then does the start
 * return 0; that may take 5 seconds, or what -t says. The foreground process decides: the daemon
 * begins to serve only when told to, so never after a start that gave up, or was killed before it
 * had told it to. A start that takes too long, or is ended by SIGHUP, SIGINT or SIGTERM, leaves
 * no process, wherever the daemon is stuck. SIGTERM ends the daemon; `flock DIR/pid true` waits
 * until it has gone. DIR/pid stays; DIR/sock, if a daemon was killed, until the next start.
 *
 * Exit status: 0, 1 with the reason on stderr, 2 wrong usage.
 *
 * To make it yours replace serve(), and let daemon_main() do what has to be done before it.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "barrier.h"

/* The step that failed goes above its errno, which is at most 4095. */
enum { STEP = 4096, SESSION = 1, STREAMS, DIRECTORY, PID, LOCK, SOCKET };
static const char *const steps[] = { "barrier", "session", "/dev/null", "chdir",
                                     "pid",     "lock",    "sock" };

static int pid_file;
static pid_t pid; /* of the process in between, and of the group that it makes */

static int complain(const char *what, const char *why) {
        fprintf(stderr, "daemonize: %s: %s\n", what, why);
        return 1;
}

static void kill_daemon(void) {
        (void) kill(pid, SIGKILL); /* not reaped, so the number is still its own */
        (void) kill(-pid, SIGKILL);
}

static void give_up(int sig) {
        kill_daemon();
        (void) signal(sig, SIG_DFL);
        (void) raise(sig);
}

/* Nothing can be printed by the daemon: the reason goes to the foreground process. */
__attribute__((noreturn)) static void failed(Barrier *b, int step) {
        (void) barrier_fail(b, step * STEP + errno);
        _exit(1);
}

__attribute__((noreturn)) static void terminate(int sig) {
        (void) sig;
        (void) unlink("sock");
        _exit(ftruncate(pid_file, 0) < 0);
}

__attribute__((noreturn)) static void serve(int listener) {
        for (;;) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE) /* would fail for ever */
                                terminate(0);
                        continue;
                }
                (void) dprintf(fd, "pid %ld\n", (long) getpid());
                (void) close(fd);
        }
}

/* A process that is forked here has to call barrier_destroy(b): while it runs and has copies, the
 * daemon looks alive. */
__attribute__((noreturn)) static void daemon_main(Barrier *b, const char *dir) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "sock" };
        int null, listener, sig;
        sigset_t none;

        for (sig = 1; sig < NSIG; sig++)
                (void) signal(sig, SIG_DFL); /* refused for SIGKILL and a few more: as it is */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
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
        pid_file = open("pid", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (pid_file < 0)
                failed(b, PID);
        if (flock(pid_file, LOCK_EX | LOCK_NB) < 0)
                failed(b, LOCK);
        if (ftruncate(pid_file, 0) < 0) /* a daemon that was killed has left its pid */
                failed(b, PID);
        (void) signal(SIGTERM, terminate);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || (unlink("sock") < 0 && errno != ENOENT) ||
            bind(listener, (const struct sockaddr *) &address, sizeof address) < 0 ||
            listen(listener, SOMAXCONN) < 0)
                failed(b, SOCKET);
        if (dprintf(pid_file, "%ld\n", (long) getpid()) < 0)
                (void) barrier_fail(b, PID * STEP + errno);

        if (!barrier_place_and_sync(b)) /* ready; the foreground process agrees */
                terminate(0);
        barrier_destroy(b);
        serve(listener);
}

int main(int argc, char **argv) {
        static const int ends_a_start[] = { SIGHUP, SIGINT, SIGTERM };
        struct sigaction action = { .sa_handler = give_up }, old;
        sigset_t signals;
        double seconds = 5;
        char *end = NULL;
        const char *dir;
        int option, r;
        size_t i;
        Barrier b;

        (void) signal(SIGPIPE, SIG_IGN); /* a lost message must not change the exit status */
        opterr = 0;
        while ((option = getopt(argc, argv, "t:")) == 't')
                seconds = strtod(optarg, &end);
        if (option != -1 || (end && *end) || !(seconds >= 0.001 && seconds <= 1e6) ||
            argc - optind != 1) {
                fputs("usage: daemonize [-t SECONDS] DIR\n", stderr);
                return 2;
        }
        dir = argv[optind];

        (void) signal(SIGCHLD, SIG_DFL); /* ignored, it would reap the process in between */
#ifdef SYS_close_range
        (void) syscall(SYS_close_range, 3, ~0U, 0); /* a daemon must not keep what it inherited */
#endif
        (void) sigemptyset(&signals);
        for (i = 0; i < sizeof ends_a_start / sizeof *ends_a_start; i++) {
                (void) sigaddset(&signals, ends_a_start[i]);
                (void) sigprocmask(SIG_BLOCK, &signals, NULL); /* till there is a process */
                if (sigaction(ends_a_start[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        (void) sigaction(ends_a_start[i], &action, NULL);
        }
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
        barrier_set_timeout(&b, (int) (seconds * 1000));
        (void) sigprocmask(SIG_UNBLOCK, &signals, NULL);
        if (barrier_wait_next(&b)) {
                (void) sigprocmask(SIG_BLOCK, &signals, NULL); /* from here on it is started */
                if (barrier_place(&b))
                        return 0;
        }
        if (!barrier_they_aborted(&b)) { /* it may be stuck anywhere */
                (void) barrier_abort(&b);
                kill_daemon();
                barrier_set_timeout(&b, 1000); /* not for ever, if a stranger holds copies */
                (void) barrier_wait_abortion(&b);
                return complain(dir, "the daemon was not ready in time");
        }
        if (barrier_they_left(&b))
                return complain(dir, "the daemon died before it was ready");
        r = barrier_error(&b);
        if (r / STEP == LOCK && r % STEP == EWOULDBLOCK)
                return complain(dir, "a daemon is already running there");
        fprintf(stderr, "daemonize: %s: %s: %s\n", dir, steps[r / STEP], strerror(r % STEP));
        return 1;
}
