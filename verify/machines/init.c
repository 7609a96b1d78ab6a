/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * init - says which kernel this is, runs the programs of kernels.sh, and says how each ended
 *
 *      init            as process 1 of a kernel that was booted for them; they are in the root
 *      init DIR        as any process; they are in DIR
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void check(int result, const char *what) {
        if (result >= 0)
                return;
        printf("init: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void prepare(void) {
        int fd;

        (void) mkdir("/dev", 0755); /* it may be there */
        check(mount("dev", "/dev", "devtmpfs", 0, NULL), "/dev");
        fd = open("/dev/console", O_RDWR);
        check(fd, "/dev/console");
        check(dup2(fd, STDIN_FILENO), "stdin");
        check(dup2(fd, STDOUT_FILENO), "stdout");
        check(dup2(fd, STDERR_FILENO), "stderr");
        if (fd > STDERR_FILENO)
                check(close(fd), "/dev/console");
        check(mkdir("/dev/pts", 0755), "/dev/pts");
        check(mount("pts", "/dev/pts", "devpts", 0, NULL), "/dev/pts");
        check(mkdir("/proc", 0755), "/proc");
        check(mount("proc", "/proc", "proc", 0, NULL), "/proc");
        check(mkdir("/sys", 0755), "/sys");
        check(mount("sys", "/sys", "sysfs", 0, NULL), "/sys");
        check(mkdir("/tmp", 01777), "/tmp");
        check(mount("tmp", "/tmp", "tmpfs", 0, NULL), "/tmp");
}

/* Whoever is orphaned meanwhile is reaped too. The console is nobody's controlling terminal: at the
 * end of a session, what it has not printed yet would be lost. */
static void run(const char *dir, const char *name, const char *argument) {
        struct timespec from, to;
        char program[4096];
        int status = 0;
        pid_t pid;

        (void) snprintf(program, sizeof program, "%s/%s", dir, name);
        check(clock_gettime(CLOCK_MONOTONIC, &from), "clock_gettime");
        pid = fork();
        check(pid, "fork");
        if (pid == 0) {
                (void) execl(program, program, argument, (char *) NULL);
                _exit(127);
        }
        while (wait(&status) != pid)
                ;
        check(clock_gettime(CLOCK_MONOTONIC, &to), "clock_gettime");
        printf("init: %s ended with status %d after %d s\n", name, status,
               (int) (to.tv_sec - from.tv_sec));
}

int main(int argc, char **argv) {
        const char *dir = argc > 1 ? argv[1] : "";
        struct utsname name;
        cpu_set_t cpus;

        if (argc == 1)
                prepare();
        check(setvbuf(stdout, NULL, _IOLBF, 0), "stdout");
        check(setenv("CK_TIMEOUT_MULTIPLIER", "10", 1), "setenv");
        check(uname(&name), "uname");
        check(sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
        printf("\ninit: Linux %s, %s, %d CPU\n", name.release, name.machine, CPU_COUNT(&cpus));
        run(dir, "test-barrier", NULL);
        run(dir, "model", "7000"); /* calls; an emulated machine takes its time */
        if (argc == 1) {
                check(tcdrain(STDOUT_FILENO), "tcdrain");
                (void) reboot(RB_POWER_OFF);
        }
        return 0;
}
