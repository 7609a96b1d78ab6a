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
clock() {
        cat << 'END'
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { STRETCH = 5 };

int detect_virtualization(void);
int usleep_safe(uint64_t usec);

int detect_virtualization(void) {
        return 0;
}

int setitimer(__itimer_which_t which, const struct itimerval *new, struct itimerval *old) {
        long long usec = STRETCH * (new->it_value.tv_sec * 1000000LL + new->it_value.tv_usec);
        struct itimerval v = { { 0, 0 }, { (time_t) (usec / 1000000), (long) (usec % 1000000) } };

        return (int) syscall(SYS_setitimer, which, &v, old);
}

/* systemd's own, of 257 */
int usleep_safe(uint64_t usec) {
        struct timespec ts = { (time_t) (STRETCH * usec / 1000000),
                               (long) (STRETCH * usec % 1000000 * 1000) };

        return nanosleep(&ts, NULL);
}

int usleep(useconds_t usec) {
        return usleep_safe(usec);
}
END
}

# What test-barrier.c takes from systemd's headers, other than barrier.h.
stand_ins() {
        cat << 'END'
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

typedef uint64_t usec_t;
typedef int Virtualization;
#define USEC_PER_MSEC            UINT64_C(1000)
#define USEC_PER_SEC             UINT64_C(1000000)
#define VIRTUALIZATION_NONE      0
#define ERRNO_IS_PRIVILEGE(r)    ((r) == EPERM || (r) == EACCES)
#define ERRNO_IS_NEG_PRIVILEGE(r) ((r) == -EPERM || (r) == -EACCES)
#define assert_se(x)             ((x) ? (void) 0 : broken(#x, __LINE__))
#define ASSERT_OK(x)             assert_se((x) >= 0)
#define ASSERT_EQ(x, y)          assert_se((x) == (y))
#define ASSERT_GT(x, y)          assert_se((x) > (y))
#define log_tests_skipped(why)   (puts(why), 77)

Virtualization detect_virtualization(void);
int usleep_safe(usec_t usec);

static inline _Noreturn void broken(const char *what, int line) {
        fprintf(stderr, "line %d: %s\n", line, what);
        abort();
}

static inline bool slow_tests_enabled(void) {
        return true;
}

static inline void timeval_store(struct timeval *tv, usec_t usec) {
        tv->tv_sec = (time_t) (usec / USEC_PER_SEC);
        tv->tv_usec = (suseconds_t) (usec % USEC_PER_SEC);
}

static struct {
        void (*run)(void);
        const char *name;
} tests[64];
static int n_tests;

#define TEST(NAME)                                                                                 \
        static void test_##NAME(void);                                                             \
        __attribute__((constructor)) static void add_##NAME(void) {                                \
                tests[n_tests].run = test_##NAME;                                                  \
                tests[n_tests++].name = #NAME;                                                     \
        }                                                                                          \
        static void test_##NAME(void)

#define DEFINE_TEST_MAIN_WITH_INTRO(LEVEL, INTRO)                                                  \
        int main(void) {                                                                           \
                int i, r = INTRO();                                                                \
                                                                                                   \
                for (i = 0; !r && i < n_tests; i++) {                                              \
                        fprintf(stderr, "/* test_%s */\n", tests[i].name);                         \
                        tests[i].run();                                                            \
                }                                                                                  \
                return r;                                                                          \
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
                "$@" > "$log" 2>&1 || echo FAILED >> "$log"' sh "$where/run.N" "$@"
        for run in $(seq $runs); do
                if grep -q FAILED "$where/run.$run" ||
                        [ "$(grep -c '^/\* test_' "$where/run.$run")" != 16 ]; then
                        cat "$where/run.$run"
                        return 1
                fi
        done
        echo "figure: 16 of 16 tests in each of $runs runs, systemd $version"
}

# alone SUITE
alone() {
        debian_source "$1" systemd
        dir=$out/alone-$1
        rm -rf "$dir"
        mkdir -p "$dir"
        cp barrier.c barrier.h "$source/src/test/test-barrier.c" "$dir"
        for header in errno-util tests time-util util virt; do
                echo '#include "stand-ins.h"' > "$dir/$header.h"
        done
        { echo '#pragma once' && stand_ins; } > "$dir/stand-ins.h"
        clock > "$dir/clock.c"
        cc -D_GNU_SOURCE -Dbarrier_create=barrier_init -Wall -Wextra -Werror -Wno-clobbered -O2 \
                -o "$dir/test-barrier" "$dir/test-barrier.c" "$dir/barrier.c" "$dir/clock.c"
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
        build systemd-nspawn test-barrier
        nm "$root/systemd/build/test-barrier" | grep ' U barrier_init'

        clock > "$root/clock.c"
        inside gcc -shared -fPIC -o /clock.so /clock.c
        cat > "$root/test" << 'END'
SYSTEMD_SLOW_TESTS=1 LD_PRELOAD=/clock.so /systemd/build/test-barrier
END
        repeat "$dir" env root="$root" sh "$script" --inside sh /test

        if [ "$(grep -c '^status 42$' "$dir/before")" != 1 ]; then
                cat "$dir/before"
                echo 'SKIPPED: the original systemd-nspawn starts no container here'
                return
        fi
        same=0
        while [ $same -lt $runs ]; do
                containers > "$dir/after"
                diff "$dir/before" "$dir/after"
                same=$((same + 1))
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
