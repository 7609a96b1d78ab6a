#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# cross.sh - the suite on other machines, emulated but for i686, and with musl, all linked
# statically; the explorer where the byte order is another and where numbers have 32 bits. And the
# size of a program that does nothing but a handshake.
#
# qemu lacks some system calls and ptrace(); then the suite says what it could not test.

# shellcheck source=suite.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/suite.sh"

# What stands between an emulated program and the emulator:
#   A program cannot execve() another for its own machine, so the emulator is put in front.
#   qemu turns the bytes of an eventfd round for a big-endian machine, but not of a descriptor that
#   fcntl() duplicated; of one that dup3() made it does.
wrappers() {
        cat << 'END'
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

int __real_execv(const char *path, char *const argv[]);
int __wrap_execv(const char *path, char *const argv[]);
int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);

int __wrap_execv(const char *path, char *const argv[]) {
        const char *args[32] = { EMULATOR, path };
        int i;

        for (i = 1; i < 30 && argv[i]; i++)
                args[i + 1] = argv[i];
        return __real_execv(args[0], (char *const *) args);
}

int __wrap_fcntl(int fd, int cmd, ...) {
        va_list args;
        long argument;
        int to;

        va_start(args, cmd);
        argument = va_arg(args, long);
        va_end(args);
        to = __real_fcntl(fd, cmd, argument);
        if (to >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
                return dup3(fd, to, cmd == F_DUPFD ? 0 : O_CLOEXEC);
        return to;
}
END
}

# machine CC [EMULATOR]
machine() {
        libcheck "$1"
        if [ -n "$2" ]; then
                wrappers > "$dir/wrappers.c"
                $1 -O2 "-DEMULATOR=\"$(command -v "$2")\"" -c -o "$dir/wrappers.o" "$dir/wrappers.c"
                libs="$dir/wrappers.o -Wl,--wrap=execv,--wrap=fcntl $libs"
        fi
        linked "$1" -O2 -static
        if [ "$2" = qemu-s390x-static ]; then
                # In a new program the emulator does not know which descriptors are eventfds.
                echo 'SKIPPED: section "execve": qemu gets the byte order wrong there'
                CK_EXCLUDE_TAGS=execve $2 "$dir/test-barrier"
        else
                $2 "$dir/test-barrier"
        fi
}

# explored CC [EMULATOR]: the same, and the explorer. The states are those of every machine: what
# another one does in each kind of step, the first of them show.
explored() {
        machine "$@"
        # shellcheck disable=SC2086 # options
        $1 -std=c99 -O2 -static -o "$dir/explore" verify/states/explore.c
        $2 "$dir/explore" --first 20000
}

# filtered CC: the same where other system calls are used, for 32 bits; and their filter
filtered() {
        explored "$1"
        # shellcheck disable=SC2086 # options
        $1 $strict -O2 -static -o "$dir/filter" verify/failures/filter.c
        "$dir/filter"
}

# smallest CC LIMIT
smallest() {
        handshake static > "$dir/handshake.c"
        $1 -std=c99 -Os -static -s -I. -o "$dir/handshake" "$dir/handshake.c"
        "$dir/handshake"
        size=$(wc -c < "$dir/handshake")
        echo "figure: $size bytes, allowed are $2"
        [ "$size" -le "$2" ]
}

export CK_TIMEOUT_MULTIPLIER=10

need_debian
need musl-tools musl-gcc
need qemu-user-static qemu-aarch64-static
for machine in arm64 armhf riscv64 s390x i386; do
        need_compiler $machine
done
all_there
debian_source bookworm check || exit

table "$@" << 'END'
s390x explored s390x-linux-gnu-gcc qemu-s390x-static
arm64 machine aarch64-linux-gnu-gcc qemu-aarch64-static
armhf machine arm-linux-gnueabihf-gcc qemu-arm-static
riscv64 machine riscv64-linux-gnu-gcc qemu-riscv64-static
i386 filtered i686-linux-gnu-gcc
musl machine musl-gcc
musl-handshake smallest musl-gcc 30720
END
