#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# matrix.sh - the suite with every compiler, optimisation and standard of C, and the library as its
# users compile it in: by its header and as a private copy, in C and in C++; and misuse that the
# compiler stops.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# compiles WHAT LINE...
compiles() {
        what=$1
        shift
        printf '%s\n' "$@" > "$dir/$what.c"
        count=$((count + 1))
        # shellcheck disable=SC2086
        $compiler -std=c99 $warnings -Werror -I. -c -o "$dir/$what.o" "$dir/$what.c" \
                2> "$dir/$what.log"
}

# refused MESSAGE WHAT LINE...
refused() {
        message=$1
        shift
        if compiles "$@" || ! grep -F -e "$message" "$dir/$what.log"; then
                echo "not refused: $what"
                return 1
        fi
}

# misused NAME CC: what the compiler stops, and the same done right
misused() {
        dir=$out/$1
        compiler=$2
        count=0
        mkdir -p "$dir"
        for call in init import export wait_next sync_next sync place_and_sync; do
                case $call in
                import) arguments='(b, s)' ;;
                export) arguments='(b, s, 256)' ;;
                *) arguments='(b)' ;;
                esac
                set -- '#include "barrier.h"' 'int f(Barrier *b, char *s);' \
                        'int f(Barrier *b, char *s) {' '*s = 0;'
                refused warn_unused_result $call-ignored "$@" "barrier_$call$arguments; return 0; }"
                compiles $call "$@" "return barrier_$call$arguments; }"
        done
        header='#include <stdio.h>' source='#include "barrier.c"' define='#define _GNU_SOURCE'
        refused 'include barrier.c before any other header' late "$header" "$source"
        refused '_GNU_SOURCE was defined after the first' later "$header" "$define" "$source"
        for tries in -1 1000001; do
                refused 'BARRIER_TRIES is how often' tries "#define BARRIER_TRIES ($tries)" "$source"
        done
        compiles early "$source" "$header"
        compiles early-define "$define" "$header" "$source"
        echo "figure: $count sources"
}

if [ "$1" = --job ]; then
        IFS='|' read -r kind what cc flags standard << END
$2
END
        attempt "$what" "$kind" "$what" "$cc" "$flags" "$standard"
        exit
fi

need gcc gcc
need libc6-dev /usr/include/stdio.h
need g++ g++
need clang clang
need clang clang++
need binutils nm
need pkgconf pkg-config
need check /usr/include/check.h
need tcc tcc
# Not gcc-multilib, which cannot be installed beside a cross compiler.
need "gcc-$(gcc -dumpversion)-multilib" "$(gcc -m32 -print-libgcc-file-name)"
need libc6-dev-i386 /usr/lib32/libc.a
need_libcheck
all_there
fetch_libcheck

{
        for cc in gcc clang; do
                echo "suite|$cc-O2|$cc|-O2"
                for standard in c99 c2x; do
                        echo "included|$cc-$standard-included|$cc|c|$standard"
                done
        done
        for cc in gcc clang; do
                echo "misused|$cc-misused|$cc"
        done
        for cc in g++ clang++; do
                for standard in c++11 c++14 c++17 c++20 c++2b; do
                        echo "included|$cc-$standard|$cc|cc|$standard"
                done
        done
        echo 'suite|tcc|tcc|'
        # gcc takes an array that was filled in under a condition for uninitialised.
        echo 'suite|gcc-flto|gcc|-O2 -flto=auto -Wno-maybe-uninitialized'
        echo 'suite|clang-flto|clang|-O2 -flto'
        for cc in gcc clang; do
                for flag in -O0 -O1 -O3 -Os; do
                        echo "suite|$cc$flag|$cc|$flag"
                done
                for standard in c11 c17 c2x; do
                        echo "suite|$cc-$standard|$cc|-O2 -std=$standard"
                done
                echo "suite|$cc-m32|$cc|-O2 -m32"
                echo "suite|$cc-m32-time64|$cc|-O2 -m32 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64"
                echo "suite|$cc-never-tries|$cc|-O2 -DBARRIER_TRIES=0"
        done
} | run_jobs
