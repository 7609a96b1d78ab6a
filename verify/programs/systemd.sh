#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# systemd.sh - systemd, which has a barrier of its own, with this one in its place
#
# Debian's source is fetched, src/shared/barrier.[ch] replaced and barrier_create() called
# barrier_init(); no place of use is changed. Then its own test-barrier has to pass, all 16 tests in
# each of 20 runs. With --short it is compiled alone, with stand-ins for the headers that it
# includes. Without --short, systemd's build makes it as well, in a system below build/, and
# systemd-nspawn, which has to end as the original does, whatever becomes of its container.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"
runs=20

# The test tells by timers of 20 ms what hangs. That is not enough on a busy machine, so it runs on
# real machines only. Here its timers are five times as long, and no machine counts as virtual.
stretch() {
        sed -i -e 's/(20 \* USEC_PER_MSEC)/(100 * USEC_PER_MSEC)/' -e 's/999999/5 * &/' \
                -e 's/detect_virtualization()/VIRTUALIZATION_NONE/' "$1"
        [ "$(grep -c '(100 \* USEC\|5 \* 999999\|= VIRTUALIZATION_NONE;' "$1")" = 3 ]
}

# What test-barrier.c takes from systemd's headers, other than barrier.h.
stand_ins() {
        cat << 'END'
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

typedef uint64_t usec_t;
typedef int Virtualization;
#define USEC_PER_MSEC             UINT64_C(1000)
#define USEC_PER_SEC              UINT64_C(1000000)
#define VIRTUALIZATION_NONE       0
#define ERRNO_IS_PRIVILEGE(r)     ((r) == EPERM)
#define ERRNO_IS_NEG_PRIVILEGE(r) ((r) == -EPERM)
#define assert_se                 assert
#define ASSERT_OK(x)              assert((x) >= 0)
#define ASSERT_EQ(x, y)           assert((x) == (y))
#define ASSERT_GT(x, y)           assert((x) > (y))
#define slow_tests_enabled()      true
#define log_tests_skipped(why)    (puts(why), 77)
#define usleep_safe               usleep

static inline void timeval_store(struct timeval *tv, usec_t usec) {
        tv->tv_sec = (time_t) (usec / USEC_PER_SEC);
        tv->tv_usec = (suseconds_t) (usec % USEC_PER_SEC);
}

#define TEST(NAME)                                                                                 \
        static void test_##NAME(void);                                                             \
        __attribute__((constructor)) static void run_##NAME(void) {                                \
                fputs("/* test_" #NAME " */\n", stderr);                                           \
                test_##NAME();                                                                     \
        }                                                                                          \
        static void test_##NAME(void)

#define DEFINE_TEST_MAIN_WITH_INTRO(LEVEL, INTRO)                                                  \
        int main(void) {                                                                           \
                return INTRO();                                                                    \
        }
END
}

# repeat DIR COMMAND...: the test names each of its tests before it runs it, and stops at the first
# that fails
repeat() {
        where=$1
        shift
        # shellcheck disable=SC2016
        seq $runs | xargs -I N -P 5 sh -c '
                log=$1
                shift
                "$@" > "$log" 2>&1 && [ "$(grep -c "^/\* test_" "$log")" = 16 ] || {
                        cat "$log"
                        exit 1
                }' sh "$where/run.N" "$@"
        echo "figure: 16 of 16 tests in each of $runs runs, systemd $version"
}

# alone SUITE
alone() {
        debian_source "$1" systemd
        dir=$out/alone-$1
        rm -rf "$dir"
        mkdir -p "$dir"
        cp barrier.c barrier.h "$source/src/test/test-barrier.c" "$dir"
        stretch "$dir/test-barrier.c"
        stand_ins > "$dir/errno-util.h" # the first of them that it includes
        for header in tests time-util util virt; do
                : > "$dir/$header.h"
        done
        cc -D_GNU_SOURCE -Dbarrier_create=barrier_init -Wall -Wextra -Werror -Wno-clobbered -O2 \
                -o "$dir/test-barrier" "$dir/test-barrier.c" "$dir/barrier.c"
        repeat "$dir" "$dir/test-barrier"
}

# How containers end, one a line: by themselves, with a user namespace, without a program, killed.
containers() {
        mkdir -p "$root/container/usr" "$root/container/etc" "$root/container/tmp"
        for link in bin sbin lib lib64; do
                ln -sfn usr/$link "$root/container/$link"
        done
        : > "$root/container/etc/os-release"
        cat > "$root/containers" << 'END'
try() {
        echo "$*"
        timeout 60 /systemd/build/systemd-nspawn --quiet --register=no --keep-unit \
                --directory=/container --bind-ro=/usr "$@" < /dev/null
        echo "status $?"
}
try sh -c 'exit 0'
try sh -c 'exit 42'
try --private-users=1000000:65536 --private-users-ownership=off sh -c 'exit 43'
try --private-network --as-pid2 sh -c 'exit 44'
try --as-pid2 sh -c 'kill -KILL $$'
try /no/such/program
try --private-users=1000000:65536 --private-users-ownership=off /no/such/program
try --bind=/no/such/directory sh -c 'exit 45'
END
        inside sh /containers 2>&1
}

# build PROGRAMS...
build() {
        inside sh -ec '
                cd /systemd
                [ -e build/build.ninja ] ||
                        meson setup build -Dmode=release -Dc_args=-Dbarrier_create=barrier_init
                ninja -C build "$@"' sh "$@"
}

# whole SUITE
whole() {
        if [ "$(id -u)" != 0 ] || ! unshare --mount true; then
                echo 'SKIPPED: only root, with the right to mount, can do this: sudo make systemd'
                return
        fi
        debian_source "$1" systemd
        dir=$out/whole-$1
        mkdir -p "$dir"
        debian_root "$1" gcc gperf libblkid-dev libc6-dev libcap-dev libcrypt-dev libmount-dev \
                libseccomp-dev meson ninja-build pkgconf python3-jinja2
        # nspawn asks for its host's
        echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"

        rm -rf "$root/systemd"
        cp -r "$source" "$root/systemd"
        build systemd-nspawn
        containers > "$dir/before"
        cp barrier.c barrier.h "$root/systemd/src/shared"
        stretch "$root/systemd/src/test/test-barrier.c"
        build systemd-nspawn test-barrier
        nm "$root/systemd/build/test-barrier" | grep ' U barrier_init'

        repeat "$dir" env root="$root" sh "$script" --inside env SYSTEMD_SLOW_TESTS=1 \
                /systemd/build/test-barrier
        if [ "$(grep -c '^status 42$' "$dir/before")" != 1 ]; then
                cat "$dir/before"
                echo 'SKIPPED: the original systemd-nspawn starts no container here'
                return
        fi
        for _ in $(seq $runs); do
                containers > "$dir/after"
                diff "$dir/before" "$dir/after"
        done
        echo "figure: $((runs * $(grep -c '^status' "$dir/before"))) containers of systemd-nspawn" \
                "end as with the original"
}

case $1 in
--job)
        # shellcheck disable=SC2086
        set -- $2
        attempt "$1-$2" "$@"
        exit
        ;;
--inside)
        shift
        inside "$@"
        exit
        ;;
esac

need gcc cc
need_debian
if [ "$1" != --short ]; then
        need mmdebstrap mmdebstrap
        need util-linux unshare
fi
all_there
for suite in bookworm trixie; do
        debian_source $suite systemd || exit 1
done
{
        echo alone bookworm
        echo alone trixie
        [ "$1" = --short ] || printf 'whole %s\n' bookworm trixie
} | run_jobs
