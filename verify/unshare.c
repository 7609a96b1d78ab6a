/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * unshare - what becomes of util-linux' unshare when one of its processes is killed
 *
 *      unshare PROGRAM N   starts PROGRAM, an unshare, N times with a user and a group map, and
 *                          kills one of its processes, any, at a random moment; counts how often
 *                          - it hung: a process was left asleep that nobody will ever wake, or
 *                          - it ran on: its program was started, but without the maps
 *
 * unshare starts newuidmap and newgidmap, which write the maps, and then the program. All three are
 * this one too, so that it needs neither set-user-id programs nor an entry in /etc/subuid.
 * Exit status: 0; 1: something failed; 77: it does not work here, killed or not.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RESULT_FD = 3, MAX_PROCESSES = 16, UNDISTURBED = 20, GIVEN_UP_MSEC = 20000 };

static void fail(const char *what) {
        perror(what);
        exit(1);
}

static int64_t now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* Returns the length, or -1: the process is gone, or is not ours to look at. */
static ssize_t read_file(const char *path, char *text, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

        if (fd >= 0)
                close(fd);
        text[n < 0 ? 0 : n] = 0;
        return n;
}

static bool write_file(const char *pid, const char *name, const char *text) {
        char path[64];
        int fd;

        snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

/* newuidmap PID INNER OUTER COUNT. Only root may write a group map while setgroups() is allowed. */
static int write_map(char **argv, const char *map) {
        char text[64];

        snprintf(text, sizeof text, "%s %s %s\n", argv[2], argv[3], argv[4]);
        if (geteuid() && !strcmp(map, "gid_map") && !write_file(argv[1], "setgroups", "deny"))
                return 1;
        return !write_file(argv[1], map, text);
}

/* The program that unshare starts. */
static int program(void) {
        char text[64];
        bool mapped = read_file("/proc/self/uid_map", text, sizeof text) > 0 &&
                      read_file("/proc/self/gid_map", text, sizeof text) > 0;

        return write(RESULT_FD, mapped ? "m" : "u", 1) != 1;
}

/* Appends the descendants of the last process in the list. */
static int descendants(pid_t *list, int n) {
        char path[64], text[256], *p = text;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", list[n - 1], list[n - 1]);
        read_file(path, text, sizeof text);
        for (pid_t pid; n < MAX_PROCESSES && (pid = (pid_t) strtol(p, &p, 10)) > 0;) {
                list[n] = pid;
                n = descendants(list, n + 1);
        }
        return n;
}

/* Every descendant is asleep. That lasts only where nobody will wake them. */
static bool asleep(void) {
        pid_t list[MAX_PROCESSES] = { getpid() };
        int n = descendants(list, 1);

        for (int i = 1; i < n; i++) {
                char path[64], text[512], *p;

                snprintf(path, sizeof path, "/proc/%d/stat", list[i]);
                if (read_file(path, text, sizeof text) <= 0 || !(p = strrchr(text, ')')) ||
                    !strchr("SZ", p[2]))
                        return false;
        }
        return true;
}

/* Reaps all that there is. Returns whether some of it had to be killed. */
static bool reap(void) {
        const struct timespec tick = { 0, 1000000 };
        bool killed = false;
        int still = 0, ticks = 0;
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
                pid_t list[MAX_PROCESSES] = { getpid() };

                if (pid > 0)
                        continue;
                still = asleep() ? still + 1 : 0;
                if (still > 500 || ++ticks > GIVEN_UP_MSEC) {
                        int n = descendants(list, 1);

                        killed = true;
                        while (--n > 0)
                                kill(list[n], SIGKILL);
                }
                nanosleep(&tick, NULL);
        }
        return killed;
}

static pid_t start(char *unshare, char *self, int result) {
        char users[32], groups[32];
        pid_t pid = fork();

        if (pid < 0)
                fail("fork");
        if (pid)
                return pid;
        snprintf(users, sizeof users, "--map-users=%u,0,1", (unsigned) geteuid());
        snprintf(groups, sizeof groups, "--map-groups=%u,0,1", (unsigned) getegid());
        if (dup2(result, RESULT_FD) < 0)
                fail("dup2");
        close(2); /* it tells of every kill */
        execl(unshare, unshare, users, groups, self, "--program", (char *) NULL);
        _exit(127);
}

int main(int argc, char **argv) {
        const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
        int n = argc == 3 ? (int) strtol(argv[2], NULL, 10) : 0, hung = 0, ran_on = 0, fds[2];
        char self[4096] = "";
        int64_t took = 0;

        if (argc == 5 && !strcmp(name, "newuidmap"))
                return write_map(argv, "uid_map");
        if (argc == 5 && !strcmp(name, "newgidmap"))
                return write_map(argv, "gid_map");
        if (argc == 2 && !strcmp(argv[1], "--program"))
                return program();
        if (n <= 0) {
                fprintf(stderr, "usage: %s PROGRAM N\n", name);
                return 2;
        }

        /* Orphans are for this process to count and to reap. */
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || readlink("/proc/self/exe", self, 4095) < 0 ||
            pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                fail("set-up");
        srandom(1);
        for (int i = -UNDISTURBED; i < n; i++) {
                int64_t begun = now();
                char result = 0;
                pid_t pid = start(argv[1], self, fds[1]);
                bool stuck;

                if (i >= 0) {
                        pid_t list[MAX_PROCESSES] = { pid };
                        int64_t moment = begun + random() % (took * 5 / 4);

                        while (now() < moment)
                                ;
                        kill(list[random() % descendants(list, 1)], SIGKILL);
                }
                stuck = reap();
                (void) !read(fds[0], &result, 1);
                if (i >= 0) {
                        hung += stuck;
                        ran_on += result == 'u';
                } else if (result != 'm') {
                        return 77;
                } else
                        took += (now() - begun) / UNDISTURBED;
        }
        printf("%d kills: %d hung, %d ran on without its maps\n", n, hung, ran_on);
        return 0;
}
