#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# newest.sh - the newest gcc, clang, glibc, musl and valgrind that Debian has: no warning anywhere,
# in any standard of C and C++; the suite
#
# They are Debian sid's, in a system below build/, which is made once; `make clean` removes it. All is
# skipped where that cannot be had.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# no_warnings NAME CC: every program, with the flags of the Makefile
no_warnings() {
        mkdir -p "$out/$1"
        check_flags=$(pkg-config --cflags check)
        count=0
        for source in barrier.c test-barrier.c bench/*.c examples/*.c verify/*/*.c; do
                case $source in
                # in the words of CBMC; with what a script takes from the documents
                verify/inputs/prove.c | verify/tests/pages.c) continue ;;
                verify/programs/versions.c) set -- "$1" "$2" '-DBARRIER_C="barrier.c"' ;;
                *) set -- "$1" "$2" '' ;;
                esac
                # shellcheck disable=SC2086
                $2 -std=c99 $warnings -Werror -O2 -I. $check_flags $3 -c -o "$out/$1/object.o" \
                        "$source"
                count=$((count + 1))
        done
        echo "figure: $count sources"
}

static_musl() {
        static_suite "$1" "$2"
        "$suite"
}

jobs() {
        echo 'under_valgrind|valgrind'
        for cc in gcc clang; do
                echo "no_warnings|$cc-no-warnings|$cc"
                echo "suite|$cc-O2|$cc|-O2"
        done
        echo 'suite|gcc-flto-fhardened|gcc|-O2 -flto=auto -fhardened'
        flags='-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all'
        echo "suite|clang-asan-ubsan|clang|$flags"
        echo 'static_musl|musl-static|musl-gcc'
        for cc in gcc clang; do
                for standard in 99 11 17 23 2y; do
                        for dialect in c gnu; do
                                set -- "$cc-$dialect$standard" "$cc" "$dialect$standard"
                                echo "included|$1|$2|c|$3"
                        done
                done
        done
        for cc in g++ clang++; do
                for standard in c++11 c++14 c++17 c++20 c++23 c++26; do
                        echo "included|$cc-$standard|$cc|cc|$standard"
                done
        done
}

skip() {
        echo "$name: SKIPPED: $1"
        exit
}

# highest COMPILER: its highest number in sid
highest() {
        debian_apt sid "$(dpkg --print-architecture)" apt-cache pkgnames "$1-" |
                sed -n "s/^$1-\([0-9]*\)\$/\1/p" | sort -n | tail -n 1
}

case $1 in
--job)
        IFS='|' read -r kind what cc flags standard << END
$2
END
        CK_TIMEOUT_MULTIPLIER=10
        export CK_TIMEOUT_MULTIPLIER
        attempt "$what" "$kind" "$what" "$cc" "$flags" "$standard"
        exit
        ;;
--inside)
        echo "gcc $(gcc -dumpfullversion), clang $(clang -dumpversion)," \
                "$(getconf GNU_LIBC_VERSION), musl $(dpkg-query -f '${Version}' -W musl-dev)," \
                "$(valgrind --version)"
        jobs | run_jobs
        exit
        ;;
esac

if [ "$(id -u)" != 0 ] || ! unshare --mount true; then
        skip 'only root, with the right to mount, can do this: sudo make newest'
fi
need_debian
need mmdebstrap mmdebstrap
need util-linux unshare
all_there
gcc=$(highest gcc) clang=$(highest clang)
[ -n "$gcc$clang" ] || skip 'apt knows nothing of Debian sid'
debian_root sid "gcc-$gcc" "g++-$gcc" "clang-$clang" "libclang-rt-$clang-dev" musl-tools valgrind \
        libc6-dbg check pkgconf > "$out/root.log" 2>&1 ||
        skip "Debian sid cannot be had: $(grep -m 1 -e '^E: ' -e "^$name: " "$out/root.log")"
for compiler in "gcc-$gcc" "g++-$gcc" "clang-$clang" "clang++-$clang"; do
        ln -sf "$compiler" "$root/usr/bin/${compiler%-*}"
done
fetch_libcheck
inside env BUILD="$base" sh "$script" --inside
