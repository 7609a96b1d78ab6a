#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# prove.sh - proves every function of barrier.c for every input, by CBMC; prove.c says what and how
#
#       verify/inputs/prove.sh                  the proofs, and mutants that they have to find
#       verify/inputs/prove.sh --proofs         the proofs alone
#       verify/inputs/prove.sh --source DIR [--fast]
#                                               the proofs of DIR/barrier.c alone, up to the first
#                                               that fails; --fast: without those that take long
#
# CBMC is Debian 13's, whose packages are unpacked below build/ and run from there. Exit status: 0;
# 1 if a proof failed; 2 if none could be tried.

directory=
fast=
if [ "$1" = --source ]; then
        directory=$(realpath -- "$2") || exit 2
        [ "$3" = --fast ] && fast=1
fi
# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# Each prove_NAME() of prove.c, and the functions barrier_X() that are any_X() there, as far as
# another proof shows that they may. The longest come first.
proofs() {
        cat << 'END'
parse sum
try receive time_left
init
wait try sleep receive
sleep time_left
export sum identify
move
place
fail
receive
shift write read close
lag write read close
split write read close
without write read close
epoll
import parse identify
identify identify_eventfd
identify_eventfd read_number
read_number decimal
decimal
plausible
sum
set_role
destroy
close
time_left
waits wait place
queries
get_pollfds
watch
END
}
# These take more than ten seconds.
slow=' parse try init epoll identify_eventfd decimal without shift sleep wait move '

# What breaks barrier.c: the proof that has to find it, a function, and which of its tokens becomes
# what; the first is number 1.
mutants() {
        cat << 'END'
parse barrier_parse 1 == >=
close barrier_close 1 > >=
init barrier_keep 1 > >=
init barrier_throw_away 1 close (void)
init barrier_pipe 1 && ||
init barrier_pipe 1 barrier_close (void)
init barrier_init 1 barrier_throw_away (void)
init barrier_init 1 barrier_destroy barrier_reset
set_role barrier_set_role 2 BARRIER_PARENT BARRIER_CHILD
set_role barrier_set_role 3 != ==
set_role barrier_set_role 1 true false
set_role barrier_set_role 2 <= <
move barrier_move 1 >= >
move barrier_move 1 F_DUPFD_CLOEXEC F_DUPFD
move barrier_move 1 close (void)
move barrier_move 2 close (void)
destroy barrier_destroy 2 errno saved
place barrier_write 1 == <=
place barrier_broke 1 == !=
fail barrier_fail 1 > >=
fail barrier_fail 2 errno error
receive barrier_receive 1 || &&
try barrier_try 1 ! !!
try barrier_try 4 == <
sleep barrier_sleep 1 2 1
sleep barrier_sleep 3 poll 1 || poll
sleep barrier_sleep 1 EINTR EAGAIN
sleep barrier_sleep 1 3 2
wait barrier_wait 1 || &&
wait barrier_look 1 ! true || !
wait barrier_consume 2 > <
waits barrier_sync_next 1 | &
queries barrier_we_aborted 1 && ||
watch barrier_watch 1 = ==
time_left barrier_time_left 2 int64_t int
time_left barrier_time_left 1 barrier_broke (void)
get_pollfds barrier_get_pollfds 3 1 2
epoll barrier_epoll 1 EPOLL_CLOEXEC 0
epoll barrier_epoll 1 barrier_throw_away (void)
epoll barrier_epoll 1 barrier_close (void)
epoll barrier_epoll 3 < <=
read_number barrier_read_number 1 1 0
read_number barrier_read_number 6 0 1
decimal barrier_decimal 1 9 10
sum barrier_sum 1 offsetof 200 + offsetof
identify barrier_identify 1 O_RDONLY O_WRONLY
identify_eventfd barrier_identify_eventfd 1 10 9
plausible barrier_plausible 1 > <
plausible barrier_plausible 9 > >=
import barrier_import 1 == !=
export barrier_export 1 <= <
shift barrier_reached 1 consumed role
lag barrier_reached 1 > - 1 >
split barrier_receive 1 += =
without barrier_reached 1 >= + 5 >=
without barrier_consume 1 > - 2 >
END
}

# mutant FUNCTION NUMBER TOKEN REPLACEMENT: barrier.c with that change
mutant() {
        awk -v head="^[^ ].* $1[(].*{\$" -v number="$2" -v token="$3" -v replacement="$4" '
                function kind(c) { return c ~ /[A-Za-z0-9_]/ ? "word" : c ~ /[-+*\/%&|^<>=!]/ ? c : "" }
                function joined(a, b) { return kind(a) != "" && kind(b) != "" &&
                        (kind(a) == "word") == (kind(b) == "word") }
                $0 ~ head { inside = 1 }
                /^}/ { inside = 0 }
                {
                        done = ""
                        while (inside && (i = index($0, token))) {
                                before = substr(" " done $0, length(done) + i, 1)
                                after = substr($0 " ", i + length(token), 1)
                                mine = !joined(before, substr(token, 1, 1)) &&
                                        !joined(substr(token, length(token)), after) &&
                                        ++found == number
                                done = done substr($0, 1, i - 1) (mine ? replacement : token)
                                $0 = substr($0, i + length(token))
                        }
                        print done $0
                }
                END { exit found < number }' barrier.c
}

# The functions with a loop that is cut.
cuts='wait sleep read_number'

# Conversions that are meant to wrap.
meant='in \\(unsigned int\\)(code|[*]s|[*]tmp_post_s.*)$'

root=$debian/cbmc-trixie

# Unpacks Debian 13's CBMC, and the libraries that it needs.
fetch_cbmc() {
        rm -rf "$root" "$root.new"
        mkdir -p "$root.new" || return
        (
                cd "$root.new" &&
                        debian_apt trixie "$(dpkg --print-architecture)" apt-get -qq download cbmc \
                                minisat libc6 libgcc-s1 libstdc++6 zlib1g
        ) || return
        for package in "$root.new"/*.deb; do
                dpkg-deb -x "$package" "$root.new" || return
        done
        mv "$root.new" "$root"
}

# run TOOL ARGUMENT...: with the libraries of its own system
run() {
        tool=$1
        shift
        for loader in "$root"/usr/lib/*/ld-linux*; do
                timeout 1200 "$loader" --library-path "${loader%/*}:$root/usr/lib" \
                        "$root/usr/bin/$tool" "$@"
                return
        done
}

# translate BARRIER.C DIR: makes DIR/prove.gb of it, with cut_NAME() at the head of the first loop of
# barrier_NAME(), and all its locals as arguments. None of them may be a parameter that changes.
translate() {
        cp --parents barrier.h verify/inputs/prove.c "$2" || return
        cp "$1" "$2/barrier.c" &&
                run goto-cc -std=gnu99 -c -o "$2/whole.gb" "$2/barrier.c" &&
                run goto-instrument --show-goto-functions "$2/whole.gb" > "$2/whole" || return
        for cut in $cuts; do
                locals=$(sed -n "s/.* DECL barrier_$cut::1::\([a-z_]*\) .*/, \&\1/p" "$2/whole")
                sed "/^static .* barrier_$cut(/,/^}/{
                        /^ *\(for\|while\|do\) .*{\$/s/\$/ cut_$cut($(echo "$locals" | tr -d '\n' |
                                sed 's/^, //; s/&/\\&/g'));/
                }" "$2/barrier.c" > "$2/marked" && mv "$2/marked" "$2/barrier.c"
                if [ "$(grep -c "cut_$cut(" "$2/barrier.c")" != 1 ] ||
                        grep -q "ASSIGN barrier_$cut::[a-z_]* :=" "$2/whole"; then
                        echo "$name: barrier_$cut() has not one loop, or changes a parameter" >&2
                        return 1
                fi
        done
        run goto-cc -std=gnu99 -o "$2/prove.gb" "$2/verify/inputs/prove.c"
}

# prove DIR NAME REPLACED...: says how it went in a line; fails if a property does not hold
prove() {
        dir=$1
        proof=$2
        program=$dir/prove.gb
        shift 2
        if [ $# -gt 0 ]; then
                program=$dir/$proof.gb
                for callee; do
                        set -- "$@" --replace-calls "barrier_$callee:any_$callee"
                        shift
                done
                run goto-instrument "$@" "$dir/prove.gb" "$program" > "$dir/$proof.log" 2>&1
        fi
        case $proof in
        shift | lag | split | without) checks='--no-standard-checks --unwinding-assertions' ;;
        *) checks='--conversion-check --pointer-overflow-check' ;;
        esac
        # shellcheck disable=SC2086
        run cbmc "$program" --function "prove_$proof" $checks --drop-unused-functions \
                --slice-formula --object-bits 8 --unwind 200 \
                --unwindset barrier_eventfd.0:5,barrier_pipe.0:5,barrier_epoll.0:5,barrier_epoll.1:4 \
                --unwindset barrier_try.0:4,barrier_write.0:2,barrier_receive.0:3,barrier_wait.0:2 \
                --unwindset barrier_sleep.0:2,barrier_sleep.1:3,barrier_read_number.0:2 \
                --unwindset barrier_identify_eventfd.0:2,barrier_identify_eventfd.1:11 \
                > "$dir/$proof.log" 2>&1
        awk -v meant="$meant" '
                /^\[.*\] line [0-9]+ .*: (SUCCESS|FAILURE|UNKNOWN|ERROR)$/ {
                        holds = / SUCCESS$/
                        sub(/: [A-Z]*$/, "")
                        if (/ reached$/) { marks++; wrong = holds }
                        else { properties++; wrong = !holds && $0 !~ meant }
                        if (wrong) failed[++n] = $0 (/ reached$/ ? ", which it is not" : "")
                }
                /^VERIFICATION / { ended = 1 }
                END {
                        if (!ended || !marks) { print "no verdict"; exit 2 }
                        for (i = 1; i <= n; i++) print "        " failed[i]
                        if (n) exit 1
                        print properties " properties, " marks " marks reached"
                }' "$dir/$proof.log"
}

# one LINE: a job
one() {
        from=$(date +%s)
        case $1 in
        proof*)
                read -r _ proof replaced << END
$1
END
                # shellcheck disable=SC2086
                said=$(prove "$out" "$proof" $replaced)
                case $? in
                0) printf 'ok      %-16s %s, %d s\n' "$proof" "$said" $(($(date +%s) - from)) ;;
                1) printf 'FAILED  %s, all of it in %s:\n%s\n' "$proof" "$out/$proof.log" "$said" ;;
                *) printf 'FAILED  %s, %s/%s.log ends:\n%s\n' "$proof" "$out" "$proof" \
                        "$(tail -n 5 "$out/$proof.log" | sed 's/^/        /')" ;;
                esac
                ;;
        mutant*)
                read -r _ proof change << END
$1
END
                read -r function number token replacement << END
$change
END
                dir=$(mktemp -d "$out/mutant.XXXXXX")
                replaced=$(proofs | sed -n "s/^$proof *//p")
                status=2
                if mutant "$function" "$number" "$token" "$replacement" > "$dir/edited" &&
                        translate "$dir/edited" "$dir" > "$dir/log" 2>&1; then
                        # shellcheck disable=SC2086
                        prove "$dir" "$proof" $replaced > "$dir/said"
                        status=$?
                fi
                case $status in
                0) printf 'FAILED  %s does not find %s\n' "$proof" "$change" ;;
                1) printf 'ok      %-16s finds %s\n' "$proof" "$change" ;;
                *) printf 'FAILED  no mutant any more (%s): %s\n' "$dir" "$change" ;;
                esac
                [ $status = 2 ] || rm -r "$dir"
                ;;
        esac
}

if [ "$1" = --job ]; then
        one "$2"
        exit
fi

need gcc gcc
need_debian
all_there
if [ ! -e "$root" ]; then
        fetch_cbmc > "$out/fetch.log" 2>&1 || {
                cat "$out/fetch.log" >&2
                echo "$name: cbmc of Debian 13 (trixie) cannot be had from this system's mirror;" \
                        "unpack it and its libraries into $root" >&2
                exit 2
        }
fi
if [ "$(proofs | cut -d ' ' -f 1 | sort)" != \
        "$(sed -n 's/^void prove_\([a-z_]*\)(void) {$/\1/p' verify/inputs/prove.c | sort)" ]; then
        echo "$name: the proofs of prove.c are not those listed here" >&2
        exit 2
fi

if [ -n "$directory" ]; then
        work=$(mktemp -d "$out/source.XXXXXX") || exit 2
        trap 'rm -rf "$work"' EXIT
        trap 'exit 2' HUP INT TERM
        translate "$directory/barrier.c" "$work" || exit 2
        proofs | tac | {
                while read -r proof replaced; do
                        [ -n "$fast" ] && [ "${slow#* "$proof" }" != "$slow" ] && continue
                        # shellcheck disable=SC2086
                        said=$(prove "$work" "$proof" $replaced < /dev/null) && continue
                        status=$?
                        printf '%s: %s\n' "$proof" "$said"
                        exit $status
                done
        }
        exit
fi

translate barrier.c "$out" > "$out/goto-cc.log" 2>&1 || {
        cat "$out/goto-cc.log" >&2
        exit 2
}
{
        proofs | sed 's/^/proof /'
        [ "$1" = --proofs ] || mutants | sed 's/^/mutant /'
} > "$out/jobs"
xargs -d '\n' -n 1 -P "$(nproc)" sh "$script" --job < "$out/jobs" | tee "$out/results"
awk -v jobs="$(wc -l < "$out/jobs")" '
        /^ok / { passed++ }
        /^FAILED / { failed++ }
        END { if (passed + failed != jobs) failed = jobs - passed
              printf "prove: %d passed, %d failed, 0 skipped\n", passed, failed
              exit failed > 0 || passed == 0 }' "$out/results"
