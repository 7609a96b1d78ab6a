#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# newest.sh - the newest gcc, clang, glibc, musl and valgrind that Debian has: no warning anywhere,
# in any standard of C and C++; the suite
#
# They are Debian sid's, in a system below build/, which is made once; `make clean` removes it. All is
# skipped where that cannot be had.

# shellcheck source=suite.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/suite.sh"

# no_warnings CC: every program, with the flags of the Makefile
no_warnings() {
        # shellcheck disable=SC2046,SC2086 # flags
        set -- "$1" $strict -O2 -I. $(pkg-config --cflags check)
        count=0
        for source in barrier.c test-barrier.c bench/*.c examples/*.c verify/*/*.c; do
                case $source in
                # in the words of CBMC; with what a script takes from the documents
                verify/inputs/prove.c | verify/tests/pages.c) continue ;;
                esac
                "$@" '-DBARRIER_C="barrier.c"' -c -o "$dir/object.o" "$source"
                count=$((count + 1))
        done
        echo "figure: $count sources"
}

static_suite() {
        libcheck "$1"
        linked "$1" -O2 -static
        "$dir/test-barrier"
}

jobs() {
        echo 'valgrind under_valgrind'
        for cc in gcc clang; do
                echo "$cc-no-warnings no_warnings $cc"
                echo "$cc-O2 suite $cc -O2"
        done
        echo 'gcc-flto-fhardened whole gcc -O2 -flto=auto -fhardened'
        echo 'clang-asan-ubsan suite clang -g -O1 -fsanitize=address,undefined' \
                '-fno-sanitize-recover=all'
        echo 'musl-static static_suite musl-gcc'
        for cc in gcc clang; do
                for standard in c99 c11 c17 c23 c2y gnu99 gnu11 gnu17 gnu23 gnu2y; do
                        echo "$cc-$standard included $cc c $standard"
                done
        done
        for cc in g++ clang++; do
                for standard in c++11 c++14 c++17 c++20 c++23 c++26; do
                        echo "$cc-$standard included $cc cc $standard"
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

export CK_TIMEOUT_MULTIPLIER=10

if [ -e "/$name" ]; then
        [ "$1" = --job ] ||
                echo "gcc $(gcc -dumpfullversion), clang $(clang -dumpversion)," \
                        "$(getconf GNU_LIBC_VERSION)," \
                        "musl $(dpkg-query -f '${Version}' -W musl-dev), $(valgrind --version)"
        jobs | table "$@"
        exit
fi

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
debian_source bookworm check || exit
: > "$root/$name" # by which the script knows that it is inside
inside env BUILD="$base" sh "$script" "$@"
