#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutate.sh - changes barrier.c in one place after the other; some test or proof has to see each
#
#       verify/tests/mutate.sh                  every mutant that mutate.awk makes
#       verify/tests/mutate.sh 40               so many of them, spread over the file
#       verify/tests/mutate.sh barrier_look     those whose names begin so
#       verify/tests/mutate.sh listed           those that stand in survivors
#
# The suite, also with sanitizers and with zeros in what was never set, explorer, faults and CBMC are
# asked in this order until one sees it. What none of them sees has to stand in survivors: a name at
# the start of a line, and under one or several of them the reason, indented. It fails if a mutant
# survives that is not in the list, if one of the list is seen after all, and if the list names what
# is no mutant. The 40 are taken from those that are not in the list, which cost little: they are
# soon seen.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

top=$PWD
tab=$(printf '\t')
killers='suite sanitizers zeros explore faults prove'

# What was never set is not right by chance, neither as a pattern nor as zeros, and no function
# forgets to return something.
cflags='-std=c99 -O2 -ftrivial-auto-var-init=pattern -Werror=return-type'

build() {
        # shellcheck disable=SC2086
        gcc $cflags "$@" 2>> errors
}

# Below: 0 if it sees the mutant, 1 if not, 2 if it cannot be asked.

# sees PATTERN COMMAND...: whether it prints a line with PATTERN, fails, or takes for ever. Once
# that is known, the next line that it prints ends it.
sees() {
        pattern=$1
        shift
        {
                timeout -k 1 "$limit" "$@" 2>&1
                echo "status $?"
        } | grep -m 1 -e "$pattern" -e '^status [^0]' > seen
        [ -s seen ]
}

# suite LIBRARY...: a test that hangs is ended after some time
suite() {
        # shellcheck disable=SC2046
        build -o suite "$@" ../test-barrier.o $(pkg-config --libs check) || return 2
        CK_TAP_LOG_FILE_NAME=- CK_DEFAULT_TIMEOUT=20 sees '^not ok' ./suite
}

by_suite() {
        suite barrier.o
}

by_sanitizers() {
        suite -fsanitize=address,undefined -fno-sanitize-recover=all barrier.c
}

by_zeros() {
        suite -ftrivial-auto-var-init=zero barrier.c
}

by_explore() {
        build -o explore verify/states/explore.c || return 2
        sees '^The shortest schedule' ./explore --short
}

by_faults() {
        build -o faults verify/failures/faults.c || return 2
        sees '^faults: [^0-9]' ./faults --short
}

by_prove() {
        timeout -k 1 "$limit" sh "$top/verify/inputs/prove.sh" --source "$1" --fast > seen 2>&1
        case $? in
        0) return 1 ;;
        1 | 124) return 0 ;;
        *) return 2 ;;
        esac
}

# try OFFSET LENGTH REPLACEMENT: in the present, empty directory; says by what it is seen
try() {
        (cd "$top" && cp --parents barrier.h verify/*.h verify/*/*.[ch] "$OLDPWD")
        {
                head -c "$1" "$top/barrier.c"
                printf %s "$3"
                tail -c +$(($1 + $2 + 1)) "$top/barrier.c"
        } > barrier.c
        build -c -o barrier.o barrier.c || {
                echo compiler
                return
        }
        if [ "$2" -gt 0 ] && cmp -s barrier.o ../barrier.o; then
                echo 'same code'
                return
        fi
        for killer in $killers; do
                "by_$killer" "$PWD"
                case $? in
                0) echo "$killer" ;;
                1) continue ;;
                *) echo "trouble: $killer" && tail -n 5 errors seen >&2 ;;
                esac
                return
        done
        echo nothing
}

# one NUMBER OFFSET LENGTH NAME REPLACEMENT: says what sees it, its name, and how it is seen
one() {
        dir=$out/$1
        rm -rf "$dir"
        mkdir "$dir"
        : > "$dir/seen"
        printf '%s\t%s\t%s\n' "$(cd "$dir" && try "$2" "$3" "$5")" "$4" "$(head -n 1 "$dir/seen")"
        rm -rf "$dir"
}

if [ "$1" = --job ]; then
        IFS=$tab read -r number offset length id new << END
$2
END
        ulimit -f 100000
        limit=$(cat "$out/limit")
        one "$number" "$offset" "$length" "$id" "$new"
        exit
fi

need gcc gcc
need check /usr/include/check.h
need pkgconf pkg-config
all_there

awk -f verify/tests/mutate.awk barrier.c > "$out/all"
awk '/^[^ #]/' verify/tests/survivors | sort > "$out/listed"
cut -f 3 "$out/all" | sort | comm -13 - "$out/listed" > "$out/stale"
if [ -s "$out/stale" ]; then
        echo "$name: survivors names what is no mutant:"
        cat "$out/stale"
        exit 1
fi
awk -v which="$1" -F '\t' '
        FILENAME == ARGV[1] { listed[$0]; next }
        which == "listed" ? !($3 in listed) \
                : which ~ /^[0-9]+$/ ? $3 in listed : substr($3, 1, length(which)) != which { next }
        { line[n++] = $0 }
        END {
                some = which ~ /^[0-9]+$/ && which < n ? which : n
                for (i = 0; i < some; i++)
                        print i + 1 "\t" line[int((i + 0.5) * n / some)]
        }' "$out/listed" "$out/all" > "$out/jobs"
[ -s "$out/jobs" ] || {
        echo "$name: no mutant is asked for by '$1'" >&2
        exit 2
}

# barrier.c as it stands has to pass, and tells how long that may take.
limit=600
(
        cd "$out" || exit
        # shellcheck disable=SC2046
        build -I"$top" $(pkg-config --cflags check) -c -o test-barrier.o "$top/test-barrier.c"
        build -c -o barrier.o "$top/barrier.c"
)
one 0 0 0 'barrier.c as it stands' > "$out/unchanged"
if ! grep -q '^nothing' "$out/unchanged"; then
        cat "$out/unchanged"
        exit 1
fi
echo $(((($(date +%s) - begun) * 3) + 10)) > "$out/limit"

jobs=$(wc -l < "$out/jobs")
xargs -d '\n' -n 1 -P "$(nproc)" sh "$script" --job < "$out/jobs" | tee "$out/results" | {
        n=0
        while IFS=$tab read -r killer id _; do
                n=$((n + 1))
                printf '%d of %d: %-10s  %s\n' "$n" "$jobs" "$killer" "$id"
        done
}
awk -F '\t' -v name="$name" -v jobs="$jobs" '
        FILENAME == ARGV[1] { listed[$0]; next }
        { by[$1]++; n++ }
        /^trouble/ { wrong($1 ": " $2) }
        $1 == "nothing" && !($2 in listed) { wrong("survives and is not listed: " $2) }
        $1 != "nothing" && $2 in listed { wrong("is listed, but: " $1 ": " $2) }
        function wrong(what) { print what; failed++ }
        END {
                printf "%s:", name
                for (killer in by)
                        printf " %d %s,", by[killer], killer
                skipped = by["compiler"] + by["same code"]
                printf " %d passed, %d failed, %d skipped\n", n - failed - skipped, failed, skipped
                exit failed || n != jobs || !n
        }' "$out/listed" "$out/results"
