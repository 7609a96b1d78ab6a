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
#include <unistd.h>

static void check(int result, const char *what) {
        if (result >= 0)
                return;
        printf("init: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void prepare(void) {
        static const char *const mounts[][2] = { { "/dev", "devtmpfs" },
                                                 { "/dev/pts", "devpts" },
                                                 { "/proc", "proc" },
                                                 { "/sys", "sysfs" },
                                                 { "/tmp", "tmpfs" } };
        size_t i;
        int fd;

        for (i = 0; i < sizeof mounts / sizeof *mounts; i++) {
                (void) mkdir(mounts[i][0], 01777); /* it may be there */
                check(mount(mounts[i][1], mounts[i][0], mounts[i][1], 0, NULL), mounts[i][0]);
        }
        fd = open("/dev/console", O_RDWR);
        check(fd, "/dev/console");
        check(dup2(fd, STDIN_FILENO), "stdin");
        check(dup2(fd, STDOUT_FILENO), "stdout");
        check(dup2(fd, STDERR_FILENO), "stderr");
        if (fd > STDERR_FILENO)
                check(close(fd), "/dev/console");
}

/* Whoever is orphaned meanwhile is reaped too. The console is nobody's controlling terminal: at the
 * end of a session, what it has not printed yet would be lost. */
static void run(const char *dir, const char *name, const char *argument) {
        char program[4096];
        int status = 0;
        pid_t pid;

        (void) snprintf(program, sizeof program, "%s/%s", dir, name);
        pid = fork();
        check(pid, "fork");
        if (pid == 0) {
                (void) execl(program, program, argument, (char *) NULL);
                _exit(127);
        }
        while (wait(&status) != pid)
                ;
        printf("init: %s ended with status %d\n", name, status);
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
