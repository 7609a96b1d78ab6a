#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# prove.sh - proves every function of barrier.c for every input, by CBMC; prove.c says what and how
#
#       verify/inputs/prove.sh                  the proofs, and mutants that they have to find
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
parse|sum
wait|time_left
export|sum identify
place|
fail|
shift|write read close
lag|write read close
split|write read close
init|
import|parse identify
identify|identify_eventfd
identify_eventfd|read_number
read_number|decimal
decimal|
plausible|
sum|
set_role|
destroy|
close|
time_left|
waits|wait place
queries|
get_pollfds|
watch|
END
}
# These take more than ten seconds.
slow=' parse wait '

# What breaks barrier.c: the proof that has to find it, the function, a sed command for a line.
mutants() {
        cat << 'END'
parse|barrier_parse|s/\*s == 0 \&\& //
close|barrier_close|s/> STDERR_FILENO/>= STDERR_FILENO/
init|barrier_init|s/b->me > STDERR_FILENO/b->me >= STDERR_FILENO/
init|barrier_init|s/(void) close(fd)/(void) fd/
init|barrier_init|s/barrier_destroy(b)/barrier_reset(b)/
set_role|barrier_set_role|s/barrier_close(&b->pipe.0.)/barrier_close(\&b->pipe[1])/
destroy|barrier_destroy|s/errno = saved/(void) saved/
place|barrier_write|s/n == (ssize_t) sizeof value/n > 0/
place|barrier_broke|s/(unsigned) error/0/
fail|barrier_fail|s/word > BARRIER_CODE_MAX/word >= BARRIER_CODE_MAX/
fail|barrier_fail|s/errno = saved/(void) saved/
wait|barrier_receive|s/ || value > UINT64_MAX - b->received//
wait|barrier_look|s/!b->they_aborted/true/
waits|barrier_sync_next|s/BARRIER_NEW | //
queries|barrier_we_aborted|s/&&/||/
watch|barrier_watch|s/b->watch = pidfd/(void) pidfd/
time_left|barrier_time_left|s/(int64_t) b->timeout \* 1000000/b->timeout * 1000000/
get_pollfds|barrier_get_pollfds|s/fds.1..fd = fds.2..fd/fds[2].fd/
read_number|barrier_read_number|s/sizeof text - 1 - length/sizeof text - length/
read_number|barrier_read_number|s/text.length. = 0/text[0] = 0/
decimal|barrier_decimal|s/<= 9/<= 10/
sum|barrier_sum|s/offsetof(struct barrier_state, sum)/sizeof *st + 1/
identify|barrier_identify|s/O_RDONLY : O_WRONLY/O_WRONLY : O_RDONLY/
identify_eventfd|barrier_identify_eventfd|s/sizeof dir + 10/sizeof dir + 9/
plausible|barrier_plausible|s/b->consumed > b->received || //
plausible|barrier_plausible|s/end > STDERR_FILENO/end >= STDERR_FILENO/
import|barrier_import|s/i == 2 || //
export|barrier_export|s/size <= 2/size < 2/
shift|barrier_enough|s/b->received > b->consumed/b->received > 0/
split|barrier_receive|s/b->received += value/b->received++/
lag|barrier_enough|s/b->received > b->consumed/b->received - b->consumed > 1/
END
}

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

# translate BARRIER.C DIR: makes DIR/prove.gb of it, with the heads of three loops marked
translate() {
        cp --parents barrier.h verify/inputs/prove.c "$2" || return
        sed -e '/^static bool barrier_wait(/,/^}/s/^ *for (.*{$/& CUT_WAIT/' \
                -e '/^static int barrier_read_number(/,/^}/s/^ *for (.*{$/& CUT_READ_NUMBER/' \
                -e '/^static uint64_t barrier_decimal(/,/^}/s/^ *for (.*)$/& CUT_DECIMAL/' \
                "$1" > "$2/barrier.c"
        [ "$(grep -c ' CUT_[A-Z_]*$' "$2/barrier.c")" = 3 ] || {
                echo "$name: the loops of $1 are not where they were" >&2
                return 1
        }
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
        shift | lag | split) checks='--no-standard-checks --unwinding-assertions' ;;
        *) checks='--conversion-check --pointer-overflow-check' ;;
        esac
        # shellcheck disable=SC2086
        run cbmc "$program" --function "prove_$proof" $checks --drop-unused-functions \
                --slice-formula --object-bits 8 --unwind 200 \
                --unwindset barrier_init.0:5,barrier_write.0:2,barrier_receive.0:3,barrier_wait.0:2 \
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
                IFS='|' read -r _ proof replaced << END
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
                IFS='|' read -r _ proof function edit << END
$1
END
                dir=$(mktemp -d "$out/mutant.XXXXXX")
                sed "/^[^ ].* $function(.*{\$/,/^}/$edit" barrier.c > "$dir/edited"
                changed=$(diff barrier.c "$dir/edited" | grep -c '^<')
                replaced=$(proofs | sed -n "s/^$proof|//p")
                status=2
                if [ "$changed" = 1 ] && translate "$dir/edited" "$dir" > "$dir/log" 2>&1; then
                        # shellcheck disable=SC2086
                        prove "$dir" "$proof" $replaced > "$dir/said"
                        status=$?
                fi
                case $status in
                0) printf 'FAILED  %s does not find %s: %s\n' "$proof" "$function" "$edit" ;;
                1) printf 'ok      %-16s finds %s: %s\n' "$proof" "$function" "$edit" ;;
                *) printf 'FAILED  no mutant any more (%s): %s: %s\n' "$dir" "$function" "$edit" ;;
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
if [ "$(proofs | cut -d '|' -f 1 | sort)" != \
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
                while IFS='|' read -r proof replaced; do
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
        proofs | sed 's/^/proof|/'
        mutants | sed 's/^/mutant|/'
} > "$out/jobs"
xargs -d '\n' -n 1 -P "$(nproc)" sh "$script" --job < "$out/jobs" | tee "$out/results"
awk -v jobs="$(wc -l < "$out/jobs")" '
        /^ok / { passed++ }
        /^FAILED / { failed++ }
        END { if (passed + failed != jobs) failed = jobs - passed
              printf "prove: %d passed, %d failed, 0 skipped\n", passed, failed
              exit failed > 0 || passed == 0 }' "$out/results"
