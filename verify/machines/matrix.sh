#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# matrix.sh - barrier.c by every compiler, optimisation and standard of C, under the suite, and once
# more in narrow quarters; the library as its users compile it in: by its header and as a private
# copy, in C and in C++, and in each way of "In your build" in doc/PORTING.md; and misuse that the
# compiler stops.

# shellcheck disable=SC2086 # flags are words

# shellcheck source=suite.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/suite.sh"

# refused_threads ERRNO PROGRAM: behind a filter that answers clone3(), which is 435, with ERRNO
refused_threads() {
        # shellcheck disable=SC2016 # Perl's
        perl -e '
                my $errno = shift;
                my $filter = join "", map { pack "SCCL", @$_ }
                        [0x20, 0, 0, 0],                    # load the number of the call
                        [0x15, 0, 1, 435],                  # if it is not this one, skip
                        [0x06, 0, 0, 0x50000 | $errno],     # SECCOMP_RET_ERRNO
                        [0x06, 0, 0, 0x7fff0000];           # SECCOMP_RET_ALLOW
                # prctl(PR_SET_NO_NEW_PRIVS), prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER)
                syscall(157, 38, 1, 0, 0, 0) == 0 &&
                        syscall(157, 22, 2, pack("Sx6P", 4, $filter)) == 0 && exec @ARGV;
                die "no filter: $!"' "$@"
}

# shared ABI CC FLAG...: with the tests that the first job of this ABI compiles, by gcc
shared() {
        abi=$1
        shift
        # The kernel's headers serve both, but are in the path of one machine.
        flags="-m32 -idirafter /usr/include/$(gcc -print-multiarch)"
        case $abi in
        64) flags=-m64 ;;
        32-time64) flags="$flags -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64" ;;
        esac
        (
                flock 9
                [ ! -e "$out/shared/$abi.o" ] || exit 0
                libcheck gcc $flags
                gcc $strict $flags $tests -r -nostdlib -o "$out/shared/$abi.o" "$dir"/check*.o
        ) 9> "$out/shared/$abi.lock"
        tests=$out/shared/$abi.o libs='-pthread -lrt -lm'
        linked "$@" $flags
        "$dir/test-barrier"
}

# narrow CC FLAG...: the suite; the same with 64 descriptors; and where a filter refuses threads:
# after ENOSYS alone glibc makes them in another way
narrow() {
        whole "$@"
        prlimit --nofile=64 "$dir/test-barrier"
        for errno in 1 38; do # EPERM, ENOSYS
                refused_threads $errno "$dir/test-barrier"
        done
}

# compiles WHAT LINES
compiles() {
        printf '%s\n' "$2" > "$dir/$1.c"
        count=$((count + 1))
        $compiler $strict -I. -c -o "$dir/$1.o" "$dir/$1.c" 2> "$dir/$1.log"
}

# refused MESSAGE WHAT LINES
refused() {
        if compiles "$2" "$3" || ! grep -F -e "$1" "$dir/$2.log"; then
                echo "not refused: $2"
                return 1
        fi
}

# misused CC: what the compiler stops, and the same done right
misused() {
        compiler=$1
        count=0
        for call in init import export wait_next sync_next sync place_and_sync; do
                case $call in
                import) arguments='(b, s)' ;;
                export) arguments='(b, s, 256)' ;;
                *) arguments='(b)' ;;
                esac
                begin='#include "barrier.h"
                        int f(Barrier *b, char *s);
                        int f(Barrier *b, char *s) { *s = 0;'
                made="barrier_$call$arguments"
                refused warn_unused_result $call-ignored "$begin $made; return 0; }"
                compiles $call "$begin return $made; }"
        done
        header='#include <stdio.h>
' source='#include "barrier.c"
' define='#define _GNU_SOURCE
'
        refused 'include barrier.c before any other header' late "$header$source"
        refused '_GNU_SOURCE was defined after the first' later "$header$define$source"
        for tries in -1 1000001; do
                refused 'BARRIER_TRIES is how often' tries "#define BARRIER_TRIES ($tries)
                        $source"
        done
        compiles early "$source$header"
        compiles early-define "$define$header$source"
        echo "figure: $count sources"
}

# ---- doc/PORTING.md, "In your build" -------------------------------------------------------------

careful='-O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'

# unity CC SUFFIX STANDARD: all in one file, with barrier.c last
unity() {
        {
                printf '%s\n' '#ifndef _GNU_SOURCE' '#define _GNU_SOURCE' '#endif' '#include <stdio.h>'
                handshake header
                echo '#include "barrier.c"'
        } > "$dir/all.$2"
        # Not optimised, so that each function is a symbol.
        $1 -std=$3 $careful -O0 -I. -c -o "$dir/all.o" "$dir/all.$2"
        others=$(nm -C --defined-only "$dir/all.o" | sed -n 's/^[0-9a-f]* [Tt] //p' |
                sed '/^barrier_/d; /^main$/d')
        [ -z "$others" ] || {
                echo "barrier.c takes these names: $others"
                return 1
        }
        $1 -o "$dir/all" "$dir/all.o"
        "$dir/all"
        echo 'figure: 1 program'
}

# project LANGUAGE CC LINE...: of a program, for CMake; LINEs say how it is built, from barrier.c or
# from apart.c, which is the same
project() {
        language=$1 cc=$2
        shift 2
        rm -rf "$dir/build"
        cp barrier.c barrier.h "$dir"
        cp barrier.c "$dir/apart.c"
        handshake header > "$dir/program.c"
        handshake header > "$dir/program.cc"
        printf '%s\n' 'cmake_minimum_required(VERSION 3.20)' "project(program LANGUAGES $language)" \
                "$@" > "$dir/CMakeLists.txt"
        cmake -S "$dir" -B "$dir/build" -D "CMAKE_${language}_COMPILER=$cc" \
                -D "CMAKE_${language}_FLAGS=$careful" -D "CMAKE_${language}_EXTENSIONS=OFF" > /dev/null
}

# built NAME: builds this program of the project, and runs it
built() {
        cmake --build "$dir/build" --target "$1"
        "$dir/build/$1"
}

# not_built MESSAGE NAME
not_built() {
        if cmake --build "$dir/build" --target "$2" > "$dir/log" 2>&1 ||
                ! grep -F -e "$1" "$dir/log"; then
                tail -n 20 "$dir/log"
                echo "built, or not for this reason: $1"
                return 1
        fi
}

# precompiled CC: with headers that are compiled once and come first in each file
precompiled() {
        project C "$1" \
                'add_executable(late program.c barrier.c)' \
                'add_executable(defined program.c barrier.c)' \
                'add_executable(skipped program.c apart.c)' \
                'target_precompile_headers(late PRIVATE <stdio.h> barrier.h)' \
                'target_precompile_headers(defined PRIVATE <stdio.h> barrier.h)' \
                'target_precompile_headers(skipped PRIVATE <stdio.h> barrier.h)' \
                'target_compile_definitions(defined PRIVATE _GNU_SOURCE)' \
                'set_source_files_properties(apart.c PROPERTIES SKIP_PRECOMPILE_HEADERS ON)'
        not_built 'include barrier.c before any other header' late
        built defined
        built skipped
        echo 'figure: 2 programs'
}

# cxx_alone CC: in a project that knows no C
cxx_alone() {
        project CXX "$1" \
                'add_executable(passed-over program.cc barrier.c)' \
                'add_executable(right program.cc apart.c)' \
                'set_source_files_properties(apart.c PROPERTIES LANGUAGE CXX)'
        not_built 'undefined reference' passed-over
        built right
        echo 'figure: 1 program'
}

# library NAME OPTION...: one whose function use() meets a child, with barrier.c inside
library() {
        name=$1
        shift
        for source in "$dir/use.c" barrier.c; do
                $cc -std=c99 $careful -fPIC -I. "$@" -c -o "$dir/$(basename "$source" .c).o" "$source"
        done
        # What is not position-independent is an error by -z text alone.
        $cc -shared -Wl,-z,text -o "$dir/lib$name.so" "$dir/use.o" "$dir/barrier.o"
        nm -D --defined-only "$dir/lib$name.so" | sed -n 's/.* \(barrier_\)/\1/p' > "$dir/$name"
}

# shared_library CC: inside of one, which keeps it to itself or offers it
shared_library() {
        cc=$1
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

need gcc gcc
need libc6-dev /usr/include/stdio.h
need g++ g++
need clang clang
need clang clang++
need binutils nm
need perl-base perl
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
debian_source bookworm check || exit

{
        # gcc takes an array that was filled in under a condition for uninitialised.
        cat << 'END'
gcc-O2-narrow narrow gcc -O2
clang-O2 whole clang -O2
gcc-flto whole gcc -O2 -flto=auto -Wno-maybe-uninitialized
clang-flto whole clang -O2 -flto
tcc suite tcc
END
        for cc in gcc clang; do
                cat << END
$cc-c99-included included $cc c c99
$cc-c2x-included included $cc c c2x
$cc-misused misused $cc
$cc-unity unity $cc c c99
$cc-precompiled precompiled $cc
$cc-shared shared_library $cc
$cc-O0 shared 64 $cc -O0
$cc-O1 shared 64 $cc -O1
$cc-O3 shared 64 $cc -O3
$cc-Os shared 64 $cc -Os
$cc-c11 shared 64 $cc -O2 -std=c11
$cc-c17 shared 64 $cc -O2 -std=c17
$cc-c2x shared 64 $cc -O2 -std=c2x
$cc-never-tries suite $cc -O2 -DBARRIER_TRIES=0
$cc-m32 shared 32 $cc -O2
$cc-m32-time64 shared 32-time64 $cc -O2
END
        done
        for cc in g++ clang++; do
                cat << END
$cc-unity unity $cc cc c++11
$cc-cmake cxx_alone $cc
END
                for standard in c++11 c++14 c++17 c++20 c++2b; do
                        echo "$cc-$standard included $cc cc $standard"
                done
        done
} | table "$@"
