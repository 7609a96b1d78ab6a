/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * hang.c - hangs in one of the ways of doc/TROUBLESHOOTING.md, for troubleshooting.sh
 *
 *      hang WAY
 *
 * Prints its processes and descriptors as assignments of a shell, and then hangs; all its processes
 * die with it. The alarm is for a test that has lost its way.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../barrier.h"

enum { SECONDS = 100 };

Barrier b; /* so that a debugger finds it */

static pid_t child, holder;

static void need(bool condition, const char *what) {
        if (condition)
                return;
        fprintf(stderr, "hang: not so: %s\n", what);
        exit(1);
}
#define NEED(condition) need(condition, #condition)

static pid_t born(void) {
        pid_t parent = getpid(), pid = fork();

        NEED(pid >= 0);
        if (pid == 0) {
                NEED(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
                NEED(getppid() == parent);
        }
        return pid;
}

static void set_role(unsigned role) {
        NEED(barrier_set_role(&b, role) == 0);
}

static void say(int epfd) {
        struct stat sb;

        printf("PID=%d CHILD=%d FD=%d", (int) getpid(), (int) child, b.pipe[0]);
        if (holder > 0)
                printf(" HOLDER=%d", (int) holder);
        if (b.pipe[0] >= 0) {
                NEED(fstat(b.pipe[0], &sb) == 0);
                printf(" INODE=%llu", (unsigned long long) sb.st_ino);
        }
        if (epfd >= 0)
                printf(" EPFD=%d", epfd);
        printf("\n");
        NEED(fflush(stdout) == 0);
}

static void pause_for_ever(void) {
        for (;;)
                pause();
}

/* ---- the ways -------------------------------------------------------------------------------- */

static void start_holder(void) {
        holder = born();
        if (holder == 0)
                pause_for_ever();
}

/* The child is dead, and another process, forked before it, has copies. */
static void dead(void) {
        siginfo_t info;

        start_holder();
        child = born();
        if (child == 0) {
                set_role(BARRIER_CHILD);
                NEED(barrier_place_and_sync(&b));
                _exit(1);
        }
        set_role(BARRIER_PARENT);
        NEED(barrier_place_and_sync(&b));
        NEED(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT) == 0);
        say(-1);
        (void) barrier_wait_abortion(&b);
}

/* The command runs, and another process has copies. */
static void healthy(void) {
        int runs[2];
        char byte;

        start_holder();
        NEED(pipe2(runs, O_CLOEXEC) == 0);
        child = born();
        if (child == 0) {
                set_role(BARRIER_CHILD);
                if (barrier_place_and_sync(&b))
                        (void) execlp("sleep", "sleep", "1000", (char *) NULL);
                _exit(1);
        }
        set_role(BARRIER_PARENT);
        NEED(barrier_place_and_sync(&b));
        (void) close(runs[1]);
        NEED(read(runs[0], &byte, 1) == 0);
        (void) close(runs[0]);
        say(-1);
        (void) barrier_wait_abortion(&b);
}

static void same_role(void) {
        int ready[2];
        char byte;

        NEED(pipe2(ready, O_CLOEXEC) == 0);
        child = born();
        set_role(BARRIER_PARENT);
        if (child == 0) {
                NEED(write(ready[1], "", 1) == 1);
                (void) close(ready[1]);
                (void) close(ready[0]);
                pause_for_ever();
        }
        (void) close(ready[1]);
        NEED(read(ready[0], &byte, 1) == 1);
        NEED(read(ready[0], &byte, 1) == 0);
        (void) close(ready[0]);
        NEED(!barrier_wait_next(&b) && errno == ECONNRESET);
        say(-1);
        (void) waitpid(child, NULL, 0);
}

/* Each side has made a barrier of its own. */
static void late(void) {
        barrier_destroy(&b);
        child = born();
        NEED(barrier_init(&b) == 0);
        set_role(child == 0 ? BARRIER_CHILD : BARRIER_PARENT);
        if (child == 0)
                pause_for_ever();
        NEED(!barrier_wait_next(&b) && errno == ECONNRESET);
        say(-1);
        (void) waitpid(child, NULL, 0);
}

/* The child does not look at what it is told. */
static void deaf(void) {
        child = born();
        if (child == 0) {
                set_role(BARRIER_CHILD);
                pause_for_ever();
        }
        set_role(BARRIER_PARENT);
        NEED(barrier_place(&b) && barrier_place(&b) && barrier_fail(&b, ENOENT));
        say(-1);
        (void) waitpid(child, NULL, 0);
}

/* Closed too early, b.them stays in the epoll, as the child has it open. */
static void spin(void) {
        struct epoll_event event = { .events = EPOLLIN };
        int epfd = epoll_create1(EPOLL_CLOEXEC);

        child = born();
        set_role(child == 0 ? BARRIER_CHILD : BARRIER_PARENT);
        if (child == 0) {
                (void) barrier_place(&b);
                pause_for_ever();
        }
        NEED(epfd >= 0 && epoll_ctl(epfd, EPOLL_CTL_ADD, b.them, &event) == 0);
        NEED(epoll_wait(epfd, &event, 1, -1) == 1);
        barrier_destroy(&b);
        say(epfd);
        while (epoll_wait(epfd, &event, 1, -1) == 1)
                ;
}

static void limited(void) {
        child = born();
        set_role(child == 0 ? BARRIER_CHILD : BARRIER_PARENT);
        if (child == 0)
                pause_for_ever();
        NEED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1, 1 }) == 0);
        NEED(!barrier_wait_next(&b) && errno == EINVAL);
        say(-1);
        (void) waitpid(child, NULL, 0);
}

static void closed(void) {
        child = born();
        set_role(child == 0 ? BARRIER_CHILD : BARRIER_PARENT);
        if (child == 0)
                pause_for_ever();
        (void) close(b.them);
        NEED(!barrier_wait_next(&b) && errno == EBADF);
        say(-1);
        (void) waitpid(child, NULL, 0);
}

static void early(void) {
        child = born();
        set_role(child == 0 ? BARRIER_CHILD : BARRIER_PARENT);
        if (child == 0)
                pause_for_ever(); /* it is not set up */
        NEED(barrier_sync(&b));
        say(-1);
        (void) waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
        static const struct way {
                const char *name;
                void (*hang)(void);
        } ways[] = {
                { "dead", dead }, { "healthy", healthy }, { "same-role", same_role },
                { "late", late }, { "deaf", deaf },       { "early", early },
                { "spin", spin }, { "closed", closed },   { "limited", limited },
        };
        size_t i;

        (void) alarm(SECONDS);
        (void) close_range(3, ~0U, 0); /* what the caller left open has numbers too */
        NEED(barrier_init(&b) == 0);
        for (i = 0; i < sizeof ways / sizeof *ways; i++)
                if (argc == 2 && strcmp(argv[1], ways[i].name) == 0)
                        ways[i].hang();
        fprintf(stderr, "hang: no such way\n");
        return 2;
}
