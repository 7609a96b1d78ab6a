#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# analyze.sh - gcc -fanalyzer; clang-tidy, with clang's static analyzer in it; cppcheck; for the
# scripts shellcheck, for the manual page mandoc. Any finding fails. What is not asked, and why, is
# said in .clang-tidy and below.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# Not yet among them: the suite; what is written for CBMC, in words that only CBMC knows; and what
# includes the code of the pages, which readme.sh compiles.
library=barrier.c
programs=$(printf '%s\n' bench/*.c examples/*.c verify/*/*.c | grep -v '/prove\.c$\|/pages\.c$')

# over COMMAND...: for each source
over() {
        count=0
        for source in $library $programs; do
                "$@" "$source"
                count=$((count + 1))
        done
        echo "figure: $count files"
}

gcc_analyzer() {
        over gcc -std=c99 -O2 -fanalyzer -Werror -I. -c -o "$dir/object.o"
}

clang_tidy() {
        clang-tidy --quiet --warnings-as-errors='*' $library -- -std=c99
        # In a program: a message that cannot be printed has nowhere else to go; system() runs what
        # the user said; a proof includes barrier.c as it stands; processes are a tree, to be walked
        # by recursion; an address in another process is a number; and launch.c is about vfork(),
        # and does more in its child than an exec.
        off=-cert-err33-c,-cert-env33-c,-bugprone-suspicious-include,-misc-no-recursion
        off=$off,-performance-no-int-to-ptr
        off=$off,-clang-analyzer-unix.Vfork,-clang-analyzer-security.insecureAPI.vfork
        # One by one: clang-tidy 14 takes a va_list for one of the file before.
        for program in $programs; do
                clang-tidy --quiet --warnings-as-errors='*' --checks=$off "$program" -- -std=c99 -I.
        done
        # shellcheck disable=SC2086
        echo "figure: $(printf '%s\n' $library $programs | wc -l) files"
}

# It knows the system's functions by itself and does not need their headers. Variables stand at the
# top of the function or block where that reads better, which is a matter of style.
cpp_check() {
        over cppcheck --quiet --std=c99 --inconclusive --error-exitcode=1 \
                --enable=warning,style,performance,portability --suppress=variableScope -I.
}

shell() {
        shellcheck -x verify/*.sh verify/*/*.sh
        shellcheck -e SC2016 examples/*.sh # its scenes are command lines for another shell
        echo "figure: $(printf '%s\n' verify/*.sh verify/*/*.sh examples/*.sh | wc -l) files"
}

manual() {
        awk -v date="$(date -u +%Y-%m-%d)" -f doc/man.awk barrier.h > "$dir/barrier.3"
        mandoc -T lint "$dir/barrier.3"
        echo 'figure: 1 page'
}

need gcc gcc
need clang-tidy clang-tidy
need cppcheck cppcheck
need shellcheck shellcheck
need mandoc mandoc
all_there

table "$@" << 'END'
clang-tidy clang_tidy
gcc-analyzer gcc_analyzer
cppcheck cpp_check
shellcheck shell
mandoc manual
END
