#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# sanitize.sh - suite, explore and faults with the sanitizers of gcc and clang, and the suite under
# valgrind
#
# ThreadSanitizer has little to find in a library without threads, but for signal handlers that
# spoil errno and for calls after fork() that are not allowed there. The suite alone runs under it.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# sanitized NAME CC SANITIZERS PROGRAM [ARGUMENT]
sanitized() {
        mkdir -p "$out/$1"
        test=$out/$1/$4
        flags="-std=c99 -g -O1 -fno-omit-frame-pointer -fsanitize=$3 -fno-sanitize-recover=all"
        library_flags=$flags
        case $3-$4 in
        memory-suite) # takes what an uninstrumented library writes for uninitialised
                libcheck "$1" clang '-g -O1 -fsanitize=memory'
                ;;
        *-suite)
                check_flags=$(pkg-config --cflags check)
                check_libs=$(pkg-config --libs check)
                ;;
        esac
        case $1 in
        *integer*) # barrier.c alone; check sum, letters, digits, a negated code wrap on purpose
                printf '%s\n' '[unsigned-integer-overflow]' 'fun:barrier_sum' 'fun:barrier_parse' \
                        'fun:barrier_decimal' 'fun:barrier_fail' > "$out/$1/ignore"
                library_flags="$flags -fsanitize=integer -fno-sanitize-recover=integer"
                library_flags="$library_flags -fsanitize-ignorelist=$out/$1/ignore"
                ;;
        esac
        # shellcheck disable=SC2086
        if [ "$4" = suite ]; then
                $2 $library_flags -c -o "$out/$1/barrier.o" barrier.c
                $2 $flags -I. $check_flags -o "$test" test-barrier.c "$out/$1/barrier.o" $check_libs
        else
                $2 $flags -o "$test" verify/*/"$4.c"
        fi
        CK_TIMEOUT_MULTIPLIER=10
        export CK_TIMEOUT_MULTIPLIER
        # shellcheck disable=SC2086
        "$test" $5
}

if [ "$1" = --job ]; then
        IFS='|' read -r kind what cc sanitizers program argument << END
$2
END
        attempt "$what" "$kind" "$what" "$cc" "$sanitizers" "$program" "$argument"
        exit
fi

need gcc gcc
need clang clang
need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" \
        "$(clang -print-file-name=lib)/linux/libclang_rt.msan-x86_64.a"
need pkgconf pkg-config
need check /usr/include/check.h
need valgrind valgrind
need_debian
all_there
fetch_libcheck

run_jobs << 'END'
sanitized|msan-suite|clang|memory|suite|
sanitized|clang-asan-ubsan-suite|clang|address,undefined|suite|
sanitized|gcc-asan-ubsan-suite|gcc|address,undefined|suite|
sanitized|clang-tsan-suite|clang|thread|suite|
sanitized|gcc-tsan-suite|gcc|thread|suite|
sanitized|integer-suite|clang|undefined|suite|
under_valgrind|valgrind-suite
sanitized|msan-explore|clang|memory|explore|--short
sanitized|clang-asan-ubsan-explore|clang|address,undefined|explore|--short
sanitized|msan-faults|clang|memory|faults|--short
sanitized|gcc-asan-ubsan-faults|gcc|address,undefined|faults|--short
END
