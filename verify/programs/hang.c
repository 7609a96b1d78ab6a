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
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common.h"

enum { SECONDS = 100 };

static const struct way {
        const char *name;
        int error;   /* of the parent's wait_next, or 0: it does not wait like that */
        bool holder; /* another process has copies; the two meet, and then the parent waits */
} ways[] = {
        { "dead", 0, true },    /* the child is */
        { "healthy", 0, true }, /* the child has executed a command */
        { "same-role", ECONNRESET, false },
        { "late", ECONNRESET, false }, /* each side has made a barrier of its own */
        { "deaf", 0, false },          /* the child does not look at what it is told */
        { "early", 0, false },         /* the child is not set up */
        { "spin", 0, false },          /* b.them was closed too early: it is in the epoll */
        { "closed", EBADF, false },
        { "limited", EINVAL, false },
        { NULL, 0, false },
};
static const struct way *way = ways;

Barrier b; /* so that a debugger finds it */

#define NEED(condition) need(condition, #condition)

static bool is(const char *name) {
        return strcmp(way->name, name) == 0;
}

static pid_t born(void) {
        pid_t parent = getpid(), pid = fork();

        NEED(pid >= 0);
        if (pid == 0) {
                NEED(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
                NEED(getppid() == parent);
        }
        return pid;
}

static void pause_for_ever(void) {
        for (;;)
                pause();
}

/* The parent waits until nobody has `start` open any more, by an exec or a death either. */
static void be_child(int start) {
        NEED(!way->holder || barrier_place_and_sync(&b));
        if (is("dead"))
                _exit(1);
        if (is("healthy"))
                (void) execlp("sleep", "sleep", "1000", (char *) NULL);
        NEED(!is("spin") || barrier_place(&b));
        (void) close(start);
        pause_for_ever();
}

/* Returns the epoll of who spins, else -1. */
static int prepare(void) {
        struct epoll_event event = { .events = EPOLLIN };
        int epfd = -1;

        NEED(!way->holder || barrier_place_and_sync(&b));
        NEED(!is("deaf") || (barrier_place(&b) && barrier_place(&b) && barrier_fail(&b, ENOENT)));
        NEED(!is("early") || barrier_sync(&b));
        NEED(!is("closed") || close(b.them) == 0);
        NEED(!is("limited") || setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1, 1 }) == 0);
        NEED(way->error == 0 || (!barrier_wait_next(&b) && errno == way->error));
        if (is("spin")) {
                epfd = epoll_create1(EPOLL_CLOEXEC);
                NEED(epfd >= 0 && epoll_ctl(epfd, EPOLL_CTL_ADD, b.them, &event) == 0);
                NEED(epoll_wait(epfd, &event, 1, -1) == 1);
                barrier_destroy(&b);
        }
        return epfd;
}

int main(int argc, char **argv) {
        struct epoll_event event;
        struct stat sb;
        pid_t child, holder = 0;
        int start[2], epfd;
        char byte;

        while (way->name && (argc != 2 || !is(argv[1])))
                way++;
        if (!way->name) {
                fprintf(stderr, "hang: no such way\n");
                return 2;
        }
        (void) alarm(SECONDS);
        (void) close_range(3, ~0U, 0); /* what the caller left open has numbers too */
        NEED(barrier_init(&b) == 0);
        if (way->holder) {
                holder = born();
                if (holder == 0)
                        pause_for_ever();
        }
        NEED(pipe2(start, O_CLOEXEC) == 0);
        child = born();
        if (is("late")) {
                barrier_destroy(&b);
                NEED(barrier_init(&b) == 0);
        }
        NEED(barrier_set_role(&b, child == 0 && !is("same-role") ? BARRIER_CHILD
                                                                 : BARRIER_PARENT) == 0);
        if (child == 0)
                be_child(start[1]);
        (void) close(start[1]);
        printf("PID=%d CHILD=%d FD=%d", (int) getpid(), (int) child, b.pipe[0]);
        if (way->holder)
                printf(" HOLDER=%d", (int) holder);
        NEED(fstat(b.pipe[0], &sb) == 0);
        epfd = prepare();
        NEED(read(start[0], &byte, 1) == 0);
        (void) close(start[0]);
        printf(" INODE=%llu EPFD=%d\n", (unsigned long long) sb.st_ino, epfd);
        NEED(fflush(stdout) == 0);
        if (way->holder)
                (void) barrier_wait_abortion(&b);
        while (epoll_wait(epfd, &event, 1, -1) == 1)
                ;
        pause_for_ever();
}
