#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# sanitize.sh - suite, explore and faults with the sanitizers of gcc and clang, and the suite under
# valgrind
#
# ThreadSanitizer has little to find in a library without threads, but for signal handlers that
# spoil errno and for calls after fork() that are not allowed there. The suite alone runs under it,
# optimised: else clang's makes system calls of its own where the suite counts them.

# shellcheck disable=SC2086 # flags are words

# shellcheck source=suite.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/suite.sh"

flags='-g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all'

# sanitized CC SANITIZERS
sanitized() {
        suite "$1" $flags "-fsanitize=$2"
}

# The same with tests that are optimised
optimised() {
        whole "$1" $flags "-fsanitize=$2"
}

# MSan takes what an uninstrumented library writes for uninitialised.
without_libraries() {
        libcheck clang $flags -fsanitize=memory
        linked clang $flags -fsanitize=memory
        "$dir/test-barrier"
}

# barrier.c alone; letters, digits, the check sum and a negated code wrap around on purpose
integer() {
        tests="-fno-sanitize=integer $tests"
        suite clang $flags -fsanitize=undefined,integer -fno-sanitize=unsigned-integer-overflow
}

# program CC SANITIZERS PROGRAM ARGUMENT...
program() {
        $1 -std=c99 $flags "-fsanitize=$2" -o "$dir/$3" verify/*/"$3.c"
        test=$dir/$3
        shift 3
        "$test" "$@"
}

export CK_TIMEOUT_MULTIPLIER=10

need gcc gcc
need clang clang
need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" \
        "$(clang -print-file-name=lib)/linux/libclang_rt.msan-x86_64.a"
need pkgconf pkg-config
need check /usr/include/check.h
need valgrind valgrind
need_debian
all_there
debian_source bookworm check || exit

# A sanitizer looks at what a step does: the first states have each kind of step.
table "$@" << 'END'
msan-suite without_libraries
clang-asan-ubsan-suite sanitized clang address,undefined
gcc-asan-ubsan-suite sanitized gcc address,undefined
clang-tsan-suite optimised clang thread
gcc-tsan-suite optimised gcc thread
integer-suite integer
valgrind-suite under_valgrind
msan-explore program clang memory explore --first 20000
clang-asan-ubsan-explore program clang address,undefined explore --first 20000
msan-faults program clang memory faults --short
gcc-asan-ubsan-faults program gcc address,undefined faults --short
END
