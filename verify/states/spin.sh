#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# spin.sh [--short] - the protocol in every state, by Spin; barrier.pml says what and how
#
# The model as it stands keeps all promises, and no line of it is dead. With each of the errors
# below it breaks the promise beside it, asked alone. --short: fewer barriers.
#
# `pan`, which Spin makes of the model, exits with 0 whatever it found. When it ran out of depth or
# memory it even says "errors: 0": so all of its text is looked at.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

model=$(realpath verify/states/barrier.pml)

# Name, N, WAITING, what to look for (a broken promise, or an operation that turns for ever without
# being DISTURBED), whether it takes long enough for gcc to take its time, BUG, and ONLY.
right() {
        case $1 in
        --short) printf '%s 0 0\n' 'both-wait 1 2 promises -O0' 'one-waits 2 1 promises -O0' \
                'turning 1 1 loops -O0' ;;
        *) printf '%s 0 0\n' 'both-wait 3 2 promises -O2' 'one-waits 6 1 promises -O2' \
                'turning 2 2 loops -O2' ;;
        esac
}

# The same for each BUG and the promise that it breaks.
wrong() {
        sed 's/\(.*\) \(.*\)/\1-\2 2 1 promises -O0 \1 \2/; s/promises \(.*\) loops/loops \1 0/' << 'END'
full_at_one P1_placing_never_waits
off_by_one P2_linked
consumes_nothing P3_consumed_once
next_consumes_one P3_consumed_once
sync_consumes_all P3_barrier_wakes
failure_consumes P3_barrier_wakes
sleeps_first P3_barrier_wakes
no_clock P3_time_ends
old_news P4_abortion_supersedes
barriers_first P4_abortion_supersedes
deaf_to_itself P4_abortion_supersedes
no_word P4_abortion_wakes
no_second_read P4_abortion_outlives_exit
no_second_read P5_barrier_outlives_exit
no_pipe P5_leaving_wakes
no_pidfd P5_leaving_wakes
end_is_go P5_leaving_is_no_barrier
one_look P5_living_has_not_left
turns_for_ever loops
END
}

# What pan says is in `said`. Spin warns that its reduction does not go with a rendezvous that ends
# an `unless`.
search() {
        rm -rf "${out:?}/$1"
        mkdir -p "$out/$1"
        cd "$out/$1" || return
        optimise=$5 bug=$6
        case $4 in
        promises) disturbed=true compile=-DSAFETY run='' found='assertion violated' ;;
        loops) disturbed=false compile=-DNP run=-l found='non-progress cycle' ;;
        esac
        set -- "-DN=$2" "-DWAITING=$3" "-DDISTURBED=$disturbed" "-DBUG=$6" "-DONLY=$7"
        spin "$@" -a "$model"
        gcc "$optimise" -w -DNOREDUCE -DMEMLIM=4000 "$compile" -o pan pan.c
        # shellcheck disable=SC2086
        ./pan $run -b -m100000 -w20 > said
        cat said
        if [ "$bug" != 0 ]; then
                grep -q "^pan:1: $found " said
                grep -q '^State-vector .*, errors: 1$' said
                return
        fi
        if [ -e barrier.pml.trail ]; then # the way to it
                spin "$@" -k barrier.pml.trail -p "$model"
                return 1
        fi
        grep -q '^State-vector .*, errors: 0$' said
        # All of it was looked at; nothing ends the process that is the kernel, and without signals
        # some lines are dead.
        awk -v kind="$compile" '/not completed|too small|bound$/ { print "not all: " $0; bad = 1 }
             /barrier.pml:[0-9]*, state/ && !/"-end-"$/ && kind != "-DNP" {
                     print "never reached: " $0; bad = 1 }
             / states, stored/ { states = $1 }
             / transitions \(=/ { transitions = $1 }
             /total actual memory usage/ { memory = $1 }
             END { printf "figure: %d states, %d transitions, %.0f MB\n", states, transitions,
                           memory
                   exit bad }' said
}

if [ "$1" = --job ]; then
        # shellcheck disable=SC2086
        set -- $2
        attempt "$1" search "$@"
        exit
fi

need gcc gcc
need libc6-dev /usr/include/stdio.h
need spin spin
all_there

# Each promise and each error of the model stands above.
wrong | sed 's/.* -O0 //' | tr ' ' '\n' | grep -v '^0$' | sort -u > "$out/here"
sed -n 's/.*\(PROMISE(\|BUG [!=]= \)\([A-Za-z0-9_]*\).*/\2/p' "$model" | grep -v '^name$' |
        sort -u | diff "$out/here" - || {
        echo "$name: barrier.pml has other promises or errors than are listed here" >&2
        exit 2
}

{
        right "$1"
        wrong
} | run_jobs
