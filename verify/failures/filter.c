/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * filter - all of barrier.c behind a seccomp filter made from SYSTEM CALLS in barrier.h
 *
 * The list below is that paragraph, with what it says that libc makes of it. Any other call ends
 * the process, which says what it was. Where there is no seccomp, it says SKIPPED. Exit status 0;
 * 1: a call that is not on the list, or a wrong answer.
 */
#define _GNU_SOURCE 1

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common.h"

#include "../../barrier.c"

static const long listed[] = {
        /* all the time */
        SYS_write, SYS_preadv2, SYS_read, SYS_ppoll, SYS_close, SYS_restart_syscall,
        SYS_clock_gettime,
#ifdef SYS_clock_gettime64
        SYS_clock_gettime64,
#endif
#ifdef SYS_poll
        SYS_poll,
#endif
#ifdef SYS_ppoll_time64
        SYS_ppoll_time64,
#endif
#ifdef SYS_fcntl
        SYS_fcntl,
#endif
#ifdef SYS_fcntl64
        SYS_fcntl64,
#endif
        /* barrier_init(), barrier_epoll() */
        SYS_eventfd2, SYS_pipe2, SYS_epoll_create1, SYS_epoll_ctl,
        /* export and import */
        SYS_openat,
#ifdef SYS_open
        SYS_open,
#endif
#ifdef SYS_fstat
        SYS_fstat,
#endif
#ifdef SYS_fstat64
        SYS_fstat64,
#endif
#ifdef SYS_newfstatat
        SYS_newfstatat,
#endif
#ifdef SYS_statx
        SYS_statx,
#endif
        /* the end of the process */
        SYS_exit_group
};

enum { LISTED = sizeof listed / sizeof *listed };

static bool install(void) {
        struct sock_filter code[LISTED + 3] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                         offsetof(struct seccomp_data, nr)) };
        const struct sock_filter trap = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
        const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = { LISTED + 3, code };
        unsigned i;

        for (i = 0; i < LISTED; i++) /* to the last instruction, if it is this one */
                program.filter[i + 1] = (struct sock_filter) BPF_JUMP(
                        BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) listed[i], (uint8_t) (LISTED - i), 0);
        program.filter[LISTED + 1] = trap;
        program.filter[LISTED + 2] = allow;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* There is nothing but write() and _exit() any more. */
static void finish(int status, const char *what, int number) {
        char text[100];
        int length = snprintf(text, sizeof text, "filter: %s %d\n", what, number);

        _exit(write(STDERR_FILENO, text, (size_t) length) == length ? status : 2);
}

static void refused(int sig, siginfo_t *info, void *context) {
        (void) sig, (void) context;
        finish(1, "not on the list is system call", info->si_syscall);
}

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        finish(1, "a wrong answer in line", __LINE__);                             \
        } while (0)

/* Both sides of it in one process; each function at least once. */
static void use(int msec) {
        struct pollfd fds[BARRIER_POLLFDS];
        char string[BARRIER_EXPORT_MAX];
        Barrier mine, theirs;
        int fd, i;

        CHECK(barrier_init(&mine) == 0);
        theirs = forked(&mine);
        CHECK(barrier_set_role(&mine, BARRIER_PARENT) == 0);
        CHECK(barrier_set_role(&theirs, BARRIER_CHILD) == 0);
        CHECK(barrier_watch(&mine, STDERR_FILENO + 1) == 0 && barrier_watch(&mine, -1) == 0);
        CHECK(barrier_move(&mine, 40) == 0);
        barrier_set_timeout(&mine, msec);
        for (i = 0; i < 40; i++) { /* some of these look again and again before they sleep */
                CHECK(barrier_place(&theirs) && barrier_place_and_sync(&mine));
                CHECK(barrier_sync_next(&theirs) && barrier_sync(&theirs));
                if (msec >= 0)
                        CHECK(!barrier_wait_next(&mine) && errno == ETIMEDOUT);
        }
        CHECK(barrier_get_pollfds(&mine, fds) == 2);
        fd = barrier_epoll(&mine);
        CHECK(fd >= 0 && close(fd) == 0);
        CHECK(barrier_export(&theirs, string, sizeof string) > 0);
        CHECK(barrier_import(&theirs, string) == 0);
        CHECK(barrier_fail(&theirs, ENOENT) && barrier_wait_abortion(&mine));
        CHECK(barrier_error(&mine) == ENOENT && !barrier_abort(&mine));
        barrier_destroy(&theirs);
        barrier_destroy(&mine);
}

int main(void) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        action.sa_sigaction = refused;
        action.sa_flags = SA_SIGINFO;
        (void) sigaction(SIGSYS, &action, NULL);
        if (!install()) {
                puts("filter: SKIPPED: no seccomp here");
                return 0;
        }
        use(-1);
        use(0);
        use(1);
        finish(0, "each function works; system calls on the list:", LISTED);
}
