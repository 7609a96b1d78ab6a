/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * older - runs a program as on a kernel before Linux 5.2: eventfds do not know RWF_NOWAIT, there is
 *         no pidfd_open(), and /proc does not number eventfds
 *
 *      older PROGRAM ARGUMENT...       exits as the program does; 2: it could not be run
 *
 * A seccomp filter refuses the first two. For the third it reports each openat() of the program and
 * of whatever it starts to this process, which hands out a copy of fdinfo without the number.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(bool good, const char *what) {
        if (good)
                return;
        perror(what);
        exit(2);
}

#define LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(n, to)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, to)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

/* Returns the descriptor on which the kernel reports each openat(). */
static int filter(void) {
        struct sock_filter code[] = {
                LOAD(nr),
                UNLESS(SYS_pidfd_open, 1),
                RETURN(SECCOMP_RET_ERRNO | ENOSYS),
                UNLESS(SYS_openat, 1),
                RETURN(SECCOMP_RET_USER_NOTIF),
                UNLESS(SYS_preadv2, 3),
                LOAD(args[5]),
                UNLESS(RWF_NOWAIT, 1),
                RETURN(SECCOMP_RET_ERRNO | EOPNOTSUPP),
                RETURN(SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof code / sizeof *code, code };
        int fd;

        check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
        fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                           &program);
        check(fd >= 0, "seccomp");
        return fd;
}

/* A file of the process in /proc. openat() would be reported to this process itself. */
static int open_of(unsigned pid, const char *dir, const char *file) {
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
        char path[128];

        (void) snprintf(path, sizeof path, "/proc/%u/%s/%s", pid, dir, file);
        return (int) syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* What the file would say, in a file of its own; -1 if the program wants something else. */
static int fdinfo(const struct seccomp_notif *call) {
        static const char proc[] = "/proc/", own[] = "self/fdinfo/", key[] = "eventfd-id:";
        char path[64] = "", text[4096], *number, *line, *end;
        struct iovec from = { (void *) (uintptr_t) call->data.args[1], sizeof path - 1 };
        struct iovec to = { path, sizeof path - 1 };
        ssize_t n;
        int fd;

        if (process_vm_readv((pid_t) call->pid, &to, 1, &from, 1, 0) < 0 ||
            strncmp(path, proc, sizeof proc - 1) != 0)
                return -1;
        number = memmem(path, strlen(path), own, sizeof own - 1);
        if (!number)
                return -1;
        /* The program may have a root without /proc. */
        fd = open_of(call->pid, "root/proc", "version");
        if (fd < 0)
                return -1;
        (void) close(fd);
        fd = open_of(call->pid, "fdinfo", number + sizeof own - 1);
        if (fd < 0)
                return -1;
        n = read(fd, text, sizeof text - 1);
        (void) close(fd);
        if (n < 0) /* it is a directory */
                return -1;
        text[n] = 0;
        line = memmem(text, (size_t) n, key, sizeof key - 1);
        if (line) {
                end = line + strcspn(line, "\n") + 1;
                memmove(line, end, strlen(end) + 1);
        }
        fd = memfd_create("fdinfo", MFD_CLOEXEC);
        check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text) &&
                      lseek(fd, 0, SEEK_SET) == 0,
              "memfd");
        return fd;
}

static void answer(int listener) {
        struct seccomp_notif call = { 0 };
        struct seccomp_notif_resp reply = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        struct seccomp_notif_addfd give = { .flags = SECCOMP_ADDFD_FLAG_SEND,
                                            .newfd_flags = O_CLOEXEC };
        int fd;

        /* ENOENT: whoever asked is dead, or was interrupted and will ask again. */
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
                check(errno == ENOENT || errno == EINTR, "SECCOMP_IOCTL_NOTIF_RECV");
                return;
        }
        reply.id = give.id = call.id;
        fd = fdinfo(&call);
        if (fd >= 0) {
                give.srcfd = (uint32_t) fd;
                reply.flags = 0;
                reply.error = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0 ? -errno : 0;
                (void) close(fd);
                if (reply.error == 0)
                        return;
        }
        check(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0 || errno == ENOENT,
              "SECCOMP_IOCTL_NOTIF_SEND");
}

static void nothing(int sig) {
        (void) sig;
}

int main(int argc, char **argv) {
        struct sigaction action = { .sa_handler = nothing };
        struct pollfd pfd = { .events = POLLIN };
        sigset_t none, chld, before;
        int status;
        pid_t pid;

        check(argc > 1, "usage: older PROGRAM ARGUMENT...");
        (void) sigemptyset(&none);
        (void) sigemptyset(&chld);
        (void) sigaddset(&chld, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &chld, &before);
        (void) sigaction(SIGCHLD, &action, NULL);
        pfd.fd = filter();
        pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0) {
                (void) sigprocmask(SIG_SETMASK, &before, NULL);
                (void) execvp(argv[1], argv + 1);
                _exit(127);
        }
        /* SIGCHLD comes while it polls, and at no other time. */
        while (waitpid(pid, &status, WNOHANG) == 0)
                if (ppoll(&pfd, 1, NULL, &none) > 0)
                        answer(pfd.fd);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
