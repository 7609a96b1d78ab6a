#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# coverage.sh - which lines and branches of barrier.c the suite, explore and faults run
#
# clang's counters live in files that are mapped, so that a process keeps them when it is killed.
# The counts of the three programs are added up by place: line, and how manieth condition in it.
# Fails below the thresholds, and prints what no program ran. MC/DC (does each condition decide on
# its own?) is reported only: its counters do not survive a kill or an _exit().

lines_wanted=100 branches_wanted=100

# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/lib.sh"

counters='-g -O1 -fprofile-instr-generate -fcoverage-mapping'

# build NAME COMPILER...
build() {
        program=$1
        shift
        mkdir -p "$out/$program"
        rm -f "$out/$program"/*.profraw
        # shellcheck disable=SC2046,SC2086
        "$@" -std=c99 $counters -I. -o "$out/$program/program" \
                $(case $program in
                suite*) echo test-barrier.c barrier.c; pkg-config --cflags --libs check ;;
                *) echo "verify/${program%-*}.c" ;;
                esac)
}

# measured NAME ARGUMENTS...
measured() {
        program=$1
        shift
        build "$program" clang -mllvm -runtime-counter-relocation -fprofile-update=atomic
        LLVM_PROFILE_FILE=$out/$program/%p%c.profraw
        export LLVM_PROFILE_FILE
        failed=0
        "$out/$program/program" "$@" || failed=$?
        if [ "$program" = suite ]; then
                # Once more on a single CPU, where the library does not try before it sleeps.
                taskset -c "$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' \
                        /proc/self/status)" "$out/$program/program"
        fi
        # A process that is killed while it starts leaves a file without a header, and no counts.
        llvm-profdata merge --failure-mode=all -o "$out/$program/profile" \
                "$out/$program"/*.profraw
        llvm-cov export -format=lcov -instr-profile "$out/$program/profile" \
                "$out/$program/program" > "$out/$program/all.lcov"
        awk '/^SF:/ { mine = /[\/]barrier\.c$/ } mine' "$out/$program/all.lcov" \
                > "$out/$program.lcov"
        grep -q '^BRDA:' "$out/$program.lcov"
        return $failed
}

# mcdc NAME ARGUMENTS...
mcdc() {
        program=$1
        shift
        build "$program" clang-19 -fcoverage-mcdc
        LLVM_PROFILE_FILE=$out/$program/%p.profraw
        export LLVM_PROFILE_FILE
        "$out/$program/program" "$@"
        llvm-profdata-19 merge -o "$out/$program/profile" "$out/$program"/*.profraw
        llvm-cov-19 report --show-mcdc-summary -instr-profile "$out/$program/profile" \
                "$out/$program/program" barrier.c |
                awk '$1 ~ /barrier\.c$/ { conditions = $(NF - 2); missed = $(NF - 1)
                        print "figure: " conditions - missed " of " conditions " conditions, " $NF }
                        END { exit !conditions }'
}

if [ "$1" = --job ]; then
        IFS='|' read -r kind what argument << END
$2
END
        # shellcheck disable=SC2086
        attempt "$what" "$kind" "$what" $argument
        exit
fi

need clang clang
need llvm llvm-profdata
need llvm llvm-cov
need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" \
        "$(clang -print-file-name=lib)/linux/libclang_rt.profile-x86_64.a"
need pkgconf pkg-config
need check /usr/include/check.h
need util-linux taskset
all_there
need clang-19 clang-19
need llvm-19 llvm-cov-19
need libclang-rt-19-dev /usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.profile-x86_64.a

{
        echo 'measured|suite|'
        echo 'measured|explore|--short'
        echo 'measured|faults|--short'
        if [ -z "$missing" ]; then
                echo 'mcdc|suite-mcdc|'
                echo 'mcdc|faults-mcdc|--short'
        fi
} | run_jobs
failed=$?
[ -z "$missing" ] || echo "coverage: no MC/DC figures: apt-get install$missing"

# What there is to run is what the suite's barrier.o has; explore leaves functions out.
awk -F'[:,]' -v lines_wanted=$lines_wanted -v branches_wanted=$branches_wanted '
        FILENAME == "barrier.c" { text[FNR] = $0; next }
        /^DA:/ { line[$2] += $3; if (FILENAME ~ /suite\.lcov$/) has[$2] = 1 }
        /^BRDA:/ { key = $2 SUBSEP $3 SUBSEP $4; branch[key] += $5
                if (FILENAME ~ /suite\.lcov$/) known[key] = 1
                else if (!(key in known)) odd = odd " " $2 }
        END {
                for (n = 1; n in text; n++) {
                        if (n in has && ++lines && line[n] > 0)
                                lines_run++
                        else if (n in has)
                                print "barrier.c:" n ": never runs: " text[n]
                        for (i = 0; (n SUBSEP i SUBSEP 2 * i) in known; i++)
                                for (way = 0; way < 2; way++) {
                                        branches++
                                        if (branch[n, i, 2 * i + way] > 0)
                                                branches_run++
                                        else
                                                print "barrier.c:" n ": condition " i + 1 " is never " (way ? "false" : "true") ": " text[n]
                                }
                }
                for (key in known)
                        all++
                if (odd != "" || all != branches || !branches) {
                        print "coverage: the programs do not have the same branches: line" odd
                        exit 2
                }
                printf "coverage: %d of %d lines, %d of %d branches of barrier.c (wanted: %d %%, %d %%)\n",
                        lines_run, lines, branches_run, branches, lines_wanted, branches_wanted
                exit lines_run * 100 < lines * lines_wanted ||
                        branches_run * 100 < branches * branches_wanted
        }' FS='^$' barrier.c FS='[:,]' "$out/suite.lcov" "$out/explore.lcov" "$out/faults.lcov" &&
        [ $failed = 0 ]
