#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# spin.sh [--short] - the protocol in every state, by Spin; barrier.pml says what and how
#
# The model as it stands keeps all promises, and no line of it is dead. With each of the errors
# below it breaks the promises beside it, each asked alone. --short: fewer barriers.
#
# `pan`, which Spin makes of the model, exits with 0 whatever it found. When it ran out of depth or
# memory it even says "errors: 0": so all of its text is looked at.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

model=$(realpath verify/states/barrier.pml)

# Name, N, WAITING, what to look for (a broken promise, or an operation that turns for ever without
# being DISTURBED), and whether it takes long enough for gcc to take its time.
right() {
        if [ "$1" = --short ]; then
                echo both-wait 1 2 promises -O0
                echo one-waits 2 1 promises -O0
                echo turning 1 1 loops -O0
        else
                echo both-wait 3 2 promises -O2
                echo one-waits 6 1 promises -O2
                echo turning 2 2 loops -O2
        fi
}

# BUG, and the promises that it breaks.
errors() {
        cat << 'END'
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
no_second_read P4_abortion_outlives_exit P5_barrier_outlives_exit
no_pipe P5_leaving_wakes
no_pidfd P5_leaving_wakes
end_is_go P5_leaving_is_no_barrier
one_look P5_living_has_not_left
turns_for_ever loops
END
}

# search DIR N WAITING promises|loops OPTIMISATION BUG ONLY: leaves what pan said in DIR/said
search() (
        rm -rf "$1"
        mkdir -p "$1"
        cd "$1"
        case $4 in
        promises) disturbed=true compile=-DSAFETY run= ;;
        loops) disturbed=false compile=-DNP run=-l ;;
        esac
        options="-DN=$2 -DWAITING=$3 -DDISTURBED=$disturbed -DBUG=$6 -DONLY=$7"
        # shellcheck disable=SC2086
        spin $options -a "$model"
        # Spin warns that its reduction does not go with a rendezvous that ends an `unless`.
        gcc "$5" -w -DNOREDUCE -DMEMLIM=4000 "$compile" -o pan pan.c
        # shellcheck disable=SC2086
        ./pan $run -b -m100000 -w20 > said
        cat said
        # The way to an error that is not meant.
        # shellcheck disable=SC2086
        [ "$6" != 0 ] || [ ! -e barrier.pml.trail ] ||
                spin $options -k barrier.pml.trail -p "$model"
)

# holds NAME N WAITING KIND OPTIMISATION: no error, all of it looked at, no dead line
holds() {
        said=$out/$1/said
        search "$out/$1" "$2" "$3" "$4" "$5" 0 0
        grep -q '^State-vector .*, errors: 0$' "$said"
        [ ! -e "$out/$1/barrier.pml.trail" ]
        not_all=$(grep -i 'not completed\|too small\|bound$' "$said" || [ $? = 1 ])
        # Nothing ends the process that is the kernel; and without signals some lines are dead.
        dead=$(grep 'barrier.pml:[0-9]*, state' "$said" | grep -v '"-end-"$' || [ $? = 1 ])
        [ -z "$not_all" ]
        [ "$4" = loops ] || [ -z "$dead" ] || {
                printf 'never reached:\n%s\n' "$dead"
                return 1
        }
        awk '/ states, stored/ { states = $1 }
             / transitions \(=/ { transitions = $1 }
             /total actual memory usage/ { memory = $1 }
             /^pan: elapsed time/ { time = $4 }
             END { printf "figure: %d states, %d transitions, %.0f MB, %.0f s\n",
                           states, transitions, memory, time }' "$said"
}

# fails BUG PROMISE...
fails() {
        bug=$1
        shift
        for promise; do
                said=$out/$bug-$promise/said
                case $promise in
                loops)
                        search "$out/$bug-$promise" 2 1 loops -O0 "$bug" 0
                        grep -q '^pan:1: non-progress cycle ' "$said"
                        ;;
                *)
                        search "$out/$bug-$promise" 2 1 promises -O0 "$bug" "$promise"
                        grep -q '^pan:1: assertion violated ' "$said"
                        ;;
                esac
                grep -q '^State-vector .*, errors: 1$' "$said"
        done
        echo "figure: $# broken, as meant: $*"
}

if [ "$1" = --job ]; then
        # shellcheck disable=SC2086
        set -- $2
        case $5 in
        -O*) attempt "$1" holds "$@" ;;
        *) attempt "$1" fails "$@" ;;
        esac
        exit
fi

need gcc gcc
need libc6-dev /usr/include/stdio.h
need spin spin
all_there

# Each promise and each error of the model stands above.
errors | tr ' ' '\n' | grep -v '^loops$' | sort -u > "$out/here"
sed -n 's/.*\(PROMISE(\|BUG [!=]= \)\([A-Za-z0-9_]*\).*/\2/p' "$model" | grep -v '^name$' |
        sort -u | diff "$out/here" - || {
        echo "$name: barrier.pml has other promises or errors than are listed here" >&2
        exit 2
}

{
        right "$1"
        errors
} | run_jobs
