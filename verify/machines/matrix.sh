#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# matrix.sh - the suite with every compiler, optimisation and standard of C, and once more in narrow
# quarters; the library as its users compile it in: by its header and as a private copy, in C and in
# C++, and in each way of "In your build" in doc/PORTING.md; and misuse that the compiler stops.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# Runs a program behind a filter that answers clone3() with ERRNO.
refuse() {
        cat << 'END'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ERRNO),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof code / sizeof *code, code };

        if (argc > 1 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
                (void) execv(argv[1], argv + 1);
        perror("refuse");
        return 1;
}
END
}

# narrow NAME CC FLAGS: the suite; the same with 64 descriptors; and where a filter refuses threads:
# after ENOSYS alone glibc makes them in another way
narrow() {
        suite "$1" "$2" "$3"
        prlimit --nofile=64 "$out/$1/test-barrier"
        refuse > "$out/$1/refuse.c"
        for error in EPERM ENOSYS; do
                $2 -DERRNO=$error -o "$out/$1/refuse" "$out/$1/refuse.c"
                "$out/$1/refuse" "$out/$1/test-barrier"
        done
}

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

# ---- doc/PORTING.md, "In your build" --------------------------------------------------------------

strict='-O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'

# unity NAME CC SUFFIX STANDARD: all in one file, with barrier.c last
unity() {
        dir=$out/$1
        mkdir -p "$dir"
        {
                printf '%s\n' '#ifndef _GNU_SOURCE' '#define _GNU_SOURCE' '#endif' '#include <stdio.h>'
                handshake header
                echo '#include "barrier.c"'
        } > "$dir/all.$3"
        # Not optimised, so that each function is a symbol.
        # shellcheck disable=SC2086
        $2 -std=$4 $strict -O0 -I. -c -o "$dir/all.o" "$dir/all.$3"
        others=$(nm -C --defined-only "$dir/all.o" | sed -n 's/^[0-9a-f]* [Tt] //p' |
                sed '/^barrier_/d; /^main$/d')
        [ -z "$others" ] || {
                echo "barrier.c takes these names: $others"
                return 1
        }
        $2 -o "$dir/all" "$dir/all.o"
        "$dir/all"
        echo 'figure: 1 program'
}

# cmake_project DIR LANGUAGE CC LINE...: makes a project with a program of its own and barrier.c
cmake_project() {
        project=$1 language=$2 cc=$3
        case $language in
        C) program=program.c ;;
        *) program=program.cc ;;
        esac
        shift 3
        rm -rf "$project"
        mkdir -p "$project"
        cp barrier.c barrier.h "$project"
        handshake header > "$project/$program"
        printf '%s\n' 'cmake_minimum_required(VERSION 3.20)' "project(program LANGUAGES $language)" \
                "add_executable(program $program barrier.c)" "$@" > "$project/CMakeLists.txt"
        cmake -S "$project" -B "$project/build" -D "CMAKE_${language}_COMPILER=$cc" \
                -D "CMAKE_${language}_FLAGS=$strict" -D "CMAKE_${language}_EXTENSIONS=OFF" > /dev/null
}

# built DIR: builds the program, and runs it
built() {
        cmake --build "$1/build"
        "$1/build/program"
}

# not_built MESSAGE DIR
not_built() {
        if cmake --build "$2/build" > "$2/log" 2>&1 || ! grep -F -e "$1" "$2/log"; then
                tail -n 20 "$2/log"
                echo "built, or not for this reason: $1"
                return 1
        fi
}

# precompiled NAME CC: with headers that are compiled once and come first in each file
precompiled() {
        dir=$out/$1
        headers='target_precompile_headers(program PRIVATE <stdio.h> barrier.h)'
        cmake_project "$dir/late" C "$2" "$headers"
        not_built 'include barrier.c before any other header' "$dir/late"
        cmake_project "$dir/defined" C "$2" "$headers" \
                'target_compile_definitions(program PRIVATE _GNU_SOURCE)'
        built "$dir/defined"
        cmake_project "$dir/skipped" C "$2" "$headers" \
                'set_source_files_properties(barrier.c PROPERTIES SKIP_PRECOMPILE_HEADERS ON)'
        built "$dir/skipped"
        echo 'figure: 2 programs'
}

# cxx_alone NAME CC: in a project that knows no C
cxx_alone() {
        dir=$out/$1
        cmake_project "$dir/passed-over" CXX "$2"
        not_built 'undefined reference' "$dir/passed-over"
        cmake_project "$dir/right" CXX "$2" \
                'set_source_files_properties(barrier.c PROPERTIES LANGUAGE CXX)'
        built "$dir/right"
        echo 'figure: 1 program'
}

# library NAME OPTION...: one whose function use() meets a child, with barrier.c inside
library() {
        name=$1
        shift
        for source in "$dir/use.c" barrier.c; do
                # shellcheck disable=SC2086
                $cc -std=c99 $strict -fPIC -I. "$@" -c -o "$dir/$(basename "$source" .c).o" "$source"
        done
        # What is not position-independent is an error by -z text alone.
        $cc -shared -Wl,-z,text -o "$dir/lib$name.so" "$dir/use.o" "$dir/barrier.o"
        nm -D --defined-only "$dir/lib$name.so" | sed -n 's/.* \(barrier_\)/\1/p' > "$dir/$name"
}

# shared NAME CC: inside of a shared library, which keeps it to itself or offers it
shared() {
        dir=$out/$1 cc=$2
        mkdir -p "$dir"
        handshake header | sed 's/^int main(void)/__attribute__((visibility("default"))) int use(void);\
int use(void)/' > "$dir/use.c"
        echo 'int use(void); int main(void) { return use(); }' > "$dir/main.c"
        handshake header > "$dir/program.c"

        library option -fvisibility=hidden
        library macro '-DBARRIER_API=__attribute__((visibility("hidden")))'
        library offered -fvisibility=hidden '-DBARRIER_API=__attribute__((visibility("default")))'
        for name in option macro; do
                [ ! -s "$dir/$name" ] || {
                        echo "lib$name.so shows these: $(cat "$dir/$name")"
                        return 1
                }
                $cc -o "$dir/$name-user" "$dir/main.c" "$dir/lib$name.so"
                "$dir/$name-user"
        done
        $cc -I. -o "$dir/offered-user" "$dir/program.c" "$dir/liboffered.so"
        "$dir/offered-user"
        echo 'figure: 3 programs'
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
need util-linux prlimit
# Not gcc-multilib, which cannot be installed beside a cross compiler.
need "gcc-$(gcc -dumpversion)-multilib" "$(gcc -m32 -print-libgcc-file-name)"
need libc6-dev-i386 /usr/lib32/libc.a
need cmake cmake
need make make
need_debian
all_there
fetch_libcheck

{
        echo 'narrow|gcc-O2-narrow|gcc|-O2'
        echo 'suite|clang-O2|clang|-O2'
        for cc in gcc clang; do
                for standard in c99 c2x; do
                        echo "included|$cc-$standard-included|$cc|c|$standard"
                done
        done
        for cc in gcc clang; do
                echo "misused|$cc-misused|$cc"
        done
        for cc in gcc clang; do
                echo "unity|$cc-unity|$cc|c|c99"
                echo "precompiled|$cc-precompiled|$cc"
                echo "shared|$cc-shared|$cc"
        done
        for cc in g++ clang++; do
                echo "unity|$cc-unity|$cc|cc|c++11"
                echo "cxx_alone|$cc-cmake|$cc"
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
