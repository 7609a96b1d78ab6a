#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# coverage.sh - what of barrier.c the suite and the faults run: lines, branches and MC/DC
#
# MC/DC asks of each condition whether it made the difference on its own in some decision. clang's
# counters live in files that are mapped, so that a process keeps them when it is killed. The suite
# runs twice, once on a single CPU, where the library does not try before it sleeps. What the
# programs ran is put together by line and column. Fails below 100 %, and prints what is missing.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

clang=22 # Debian 12 has it beside its default; older ones cannot say which vectors ran

# measured NAME ARGUMENTS...
measured() {
        program=$1
        shift
        rm -f "$dir"/*.profraw
        # shellcheck disable=SC2046 # options, several of them
        clang-$clang -std=c99 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc \
                -fprofile-continuous -I. -o "$dir/program" \
                $(case $program in
                suite) echo test-barrier.c barrier.c; pkg-config --cflags --libs check ;;
                *) echo verify/*/"$program.c" ;;
                esac)
        LLVM_PROFILE_FILE=$dir/%p.profraw
        export LLVM_PROFILE_FILE
        "$dir/program" "$@"
        if [ "$program" = suite ]; then
                taskset -c "$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' \
                        /proc/self/status)" "$dir/program"
        fi
        # A process that is killed while it starts leaves a file without a header, and no counts.
        llvm-profdata-$clang merge --failure-mode=all -o "$dir/profile" "$dir"/*.profraw
        for format in text lcov; do
                llvm-cov-$clang export -format=$format -instr-profile "$dir/profile" \
                        "$dir/program" > "$out/$program.$format"
        done
}

need clang-$clang clang-$clang
need llvm-$clang llvm-cov-$clang
need libclang-rt-$clang-dev \
        "$(clang-$clang -print-runtime-dir 2> /dev/null)/libclang_rt.profile-x86_64.a"
need jq jq
need pkgconf pkg-config
need check /usr/include/check.h
need util-linux taskset
all_there

table "$@" << 'END' || exit 1
suite measured suite
faults measured faults --short
END
[ "$1" != --job ] || exit 0

{
        jq -rs -f verify/tests/coverage.jq "$out/suite.text" "$out/faults.text" || exit 1
        awk -F'[:,]' '
                FNR == 1 { program++ }
                /^SF:/ { mine = /[\/]barrier\.c$/ }
                mine && /^DA:/ { run[$2] += $3; if (program == 1) has[$2] }
                END { for (n in has) {
                                all++
                                if (run[n])
                                        ok++
                                else
                                        print "barrier.c:" n ": never runs"
                      }
                      print "lines", ok, all }' "$out/suite.lcov" "$out/faults.lcov"
} | awk '
        /^barrier/ { print; next }
        { said = said sprintf("%s %d of %d %s", kinds++ ? "," : "coverage:", $2, $3, $1) }
        $2 < $3 || !$3 { missing = 1 }
        END { print said; exit missing || kinds != 3 }'
