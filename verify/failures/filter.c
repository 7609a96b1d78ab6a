/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * filter - all of barrier.c behind a seccomp filter made from SYSTEM CALLS in barrier.h
 *
 *      filter
 *
 * The list below is that paragraph, with what it says that libc makes of it. Any other call ends the
 * process by a signal, and it is told which. It is tried with timeouts, and without: then the clock is
 * not on the list. Where there is no seccomp, it says SKIPPED.
 *
 * Exit status 0; 1: a call that the list does not have, or a wrong answer.
 */
#define _GNU_SOURCE 1

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common.h"

#include "../../barrier.c"

static const long clocks[] = {
        SYS_clock_gettime,
#ifdef SYS_clock_gettime64
        SYS_clock_gettime64,
#endif
};

static const long others[] = {
        /* all the time */
        SYS_write,
        SYS_preadv2,
        SYS_read,
        SYS_ppoll,
        SYS_close,
        SYS_restart_syscall,
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
        SYS_eventfd2,
        SYS_pipe2,
        SYS_epoll_create1,
        SYS_epoll_ctl,
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
        /* the end of the process, and of a signal handler */
        SYS_exit_group,
        SYS_rt_sigreturn,
};

enum { COUNT = sizeof others / sizeof *others, CLOCKS = sizeof clocks / sizeof *clocks };

/* Ends the process with the number of the call, as far as it fits into a status. */
static void refused(int sig, siginfo_t *info, void *context) {
        (void) sig, (void) context;
        _exit(info->si_syscall > 0 && info->si_syscall < 200 ? info->si_syscall : 255);
}

static void add(struct sock_fprog *program, struct sock_filter instruction) {
        program->filter[program->len++] = instruction;
}

static bool install(bool timed) {
        struct sock_filter code[2 * (COUNT + CLOCKS) + 2];
        struct sock_fprog program = { 0, code };
        size_t i;

        add(&program, (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                    offsetof(struct seccomp_data, nr)));
        for (i = 0; i < COUNT + (timed ? CLOCKS : 0); i++) {
                add(&program,
                    (struct sock_filter) BPF_JUMP(
                            BPF_JMP | BPF_JEQ | BPF_K,
                            (uint32_t) (i < COUNT ? others[i] : clocks[i - COUNT]), 0, 1));
                add(&program, (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
        }
        add(&program, (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void check(bool right, int line) {
        if (!right)
                _exit(line > 199 ? line - 100 : line);
}
#define CHECK(condition) check(condition, __LINE__)

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
        static const struct {
                const char *name;
                int msec;
        } ways[] = { { "untimed", -1 }, { "tries", 0 }, { "timed", 1 } };
        struct sigaction action;
        int i, status, ok = 0;
        pid_t pid;

        memset(&action, 0, sizeof action);
        action.sa_sigaction = refused;
        action.sa_flags = SA_SIGINFO;
        (void) sigaction(SIGSYS, &action, NULL);
        for (i = 0; i < 3; i++) {
                pid = fork();
                if (pid == 0) {
                        if (!install(ways[i].msec > 0))
                                _exit(254);
                        use(ways[i].msec);
                        _exit(0);
                }
                if (pid < 0 || waitpid(pid, &status, 0) < 0)
                        return 1;
                if (WIFEXITED(status) && WEXITSTATUS(status) == 254) {
                        puts("filter: SKIPPED: no seccomp here");
                        return 0;
                }
                if (status == 0)
                        ok++;
                else
                        fprintf(stderr, "filter: %s: %s %d, the call or the line\n", ways[i].name,
                                WIFEXITED(status) ? "status" : "signal",
                                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        }
        printf("filter: %d passed, %d failed, 0 skipped\n", ok, 3 - ok);
        return ok != 3;
}
