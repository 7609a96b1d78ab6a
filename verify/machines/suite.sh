# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# shellcheck shell=sh disable=SC2034 # its variables are for the scripts that read it in
# shellcheck disable=SC2086 # flags are words
#
# suite.sh - how the scripts here build the suite, and programs as its users do; they read it in
#
# It is barrier.c that a job is about. The tests are the same each time, and optimising them takes
# ten times as long: it is done only where a job says `whole`.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

strict="-std=c99 $warnings -Werror"
tests='-O0 -I. test-barrier.c'

# linked CC FLAG...: $dir/test-barrier of barrier.c and $tests, with $libs
linked() {
        cc=$1
        shift
        $cc $strict "$@" -c -o "$dir/barrier.o" barrier.c
        $cc $strict "$@" $tests "$dir/barrier.o" -o "$dir/test-barrier" $libs
}

# suite CC FLAG...: with the libcheck of this machine
suite() {
        libs=$(pkg-config --cflags --libs check)
        linked "$@"
        "$dir/test-barrier"
}

whole() {
        tests='-I. test-barrier.c'
        suite "$@"
}

under_valgrind() {
        suite gcc -g -O1 > /dev/null
        valgrind -q --trace-children=yes --error-exitcode=99 "$dir/test-barrier"
}

# ---- libcheck for where the distribution has none ------------------------------------------------

# libcheck CC FLAG...: compiles the one of debian_source bookworm check, and sets $tests and $libs.
# What its configure would ask is the same on every Linux, and takes longer than all the rest.
libcheck() {
        printf '#define HAVE_%s 1\n' DECL_ALARM DECL_LOCALTIME_R DECL_STRDUP DECL_STRSIGNAL FORK \
                GETLINE GETPID GETTIMEOFDAY LIBRT MALLOC MKSTEMP PTHREAD REALLOC SIGACTION \
                SNPRINTF STDARG_H STDINT_H SYS_TIME_H SYS_WAIT_H UNISTD_H VSNPRINTF > "$dir/config.h"
        check=$debian/check-bookworm
        (
                cd "$dir"
                "$@" -std=gnu99 -DHAVE_CONFIG_H -I. -I"$check" -I"$check/src" -c \
                        "$check"/src/check*.c
        )
        tests="-O0 -I. -isystem $check -isystem $check/src test-barrier.c"
        libs="$(echo "$dir"/check*.o) -pthread -lrt -lm"
}

# ---- programs for other machines -----------------------------------------------------------------

# What a compiler calls Debian's machine.
triplet() {
        case $1 in
        amd64) echo x86_64-linux-gnu ;;
        arm64) echo aarch64-linux-gnu ;;
        armhf) echo arm-linux-gnueabihf ;;
        i386) echo i686-linux-gnu ;;
        ppc64el) echo powerpc64le-linux-gnu ;;
        *) echo "$1-linux-gnu" ;;
        esac
}

need_compiler() {
        [ "$1" != "$(dpkg --print-architecture)" ] || return 0
        need "gcc-$(triplet "$1" | tr _ -)" "$(triplet "$1")-gcc"
        need "libc6-dev-$1-cross" "/usr/$(triplet "$1")/lib/libc.a"
}

# ---- the library as its users compile it in ------------------------------------------------------

# A program that meets its child at one barrier and exits with 0. With `static` it has barrier.c
# inside; it is C99 and C++11.
handshake() {
        if [ "$1" = static ]; then
                echo '#define BARRIER_API static'
                echo '#include "barrier.c"'
        else
                echo '#include "barrier.h"'
        fi
        cat << 'END'
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
        Barrier b = BARRIER_NULL;
        int status;
        pid_t pid;

        if (barrier_init(&b) < 0)
                return 1;
        pid = fork();
        if (pid < 0 || barrier_set_role(&b, pid ? BARRIER_PARENT : BARRIER_CHILD) < 0 ||
            !barrier_place_and_sync(&b))
                return 1;
        barrier_destroy(&b);
        return pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0);
}
END
}

# included CC SUFFIX STANDARD
included() {
        gcc -std=c99 -c -o "$dir/barrier.o" barrier.c
        for kind in header static; do
                handshake $kind > "$dir/$kind.$2"
                $1 -std=$3 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
                        -Werror -I. -c -o "$dir/$kind.o" "$dir/$kind.$2"
        done
        symbols=$(nm -g --defined-only -P "$dir/static.o" | cut -d' ' -f1)
        [ "$symbols" = main ] || {
                echo "a private copy shows these symbols: $symbols"
                return 1
        }
        $1 -o "$dir/header" "$dir/header.o" "$dir/barrier.o"
        $1 -o "$dir/static" "$dir/static.o"
        "$dir/header"
        "$dir/static"
        echo 'figure: 2 programs'
}
