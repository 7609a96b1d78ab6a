#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# prove.sh - proves every function of barrier.c for every input, by CBMC; prove.c says what and how
#
#       verify/inputs/prove.sh                  the proofs, and mutants that they have to find
#       verify/inputs/prove.sh NAME             that proof, and its mutants
#       verify/inputs/prove.sh --source DIR [--of FUNCTION]
#                                               the proofs of DIR/barrier.c that do not take long, up
#                                               to the first that fails; of these those about that
#                                               function of it, or about one that calls it
#
# CBMC is Debian 13's, whose packages are unpacked below build/ and run from there. Exit status: 0;
# 1 if a proof failed, or did not find a mutant; 2 if none could be tried.

directory=
[ "$1" != --source ] || directory=$(realpath -- "$2") || exit 2
# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

# The proofs of prove.c, as its macros name them: PROOF NAME BOUND FUNCTION...
proofs() {
        sed -n 's/^\([A-Z_]*\)(\(.*\)) {$/\1 \2/p' verify/inputs/prove.c | tr -d , | sort
}

# Names that prove.c and the mutants give to private functions of barrier.c. Each is the only one,
# not named above it, that the second word calls and that calls the third; - is any.
names() {
        cat << 'END'
close barrier_destroy close
note_end barrier_set_role -
pipe - pipe2
throw_away barrier_epoll close
keep barrier_epoll -
write barrier_place write
read - preadv2
receive - barrier_read
look - barrier_receive
wait barrier_sync -
try barrier_wait barrier_look
sleep barrier_wait poll
time_left barrier_sleep clock_gettime
broke barrier_time_left -
reached barrier_try -
consume barrier_look -
plausible - barrier_we_aborted
parse barrier_import barrier_plausible
sum barrier_parse -
read_number - memmem
decimal barrier_read_number -
identify_eventfd - barrier_read_number
identify barrier_import barrier_identify_eventfd
END
}

# A proof, a function whose first match of a sed command breaks what it proves, and what that is. Of
# barrier.c the commands know what barrier.h, the system and prove.c know too.
mutants() {
        cat << 'END'
parse@parse@s/ == / >= /@a string may go on
init@keep@s/ > / >= /@2 is no standard stream
init@throw_away@s/close(/(/@what was kept stays open
init@pipe@s/ && / || /@one end of a pipe may be a standard stream
init@pipe@s/barrier_close(/(/@the other end stays open
init@init@s/barrier_throw_away(/(/@nothing that was kept is closed
init@init@s/barrier_destroy(/(/@a failure leaves descriptors open
set_role@set_role@s/ != / == /@the parent's role is none
set_role@set_role@s/close(\(.*\) == /close(\1 != /@it closes the wrong end of the pipe
set_role@set_role@s/true/false/@who takes the other role goes on
set_role@set_role@s/ <= / < /@2 may be a barrier's
set_role@close@s/ > / >= /@2 is closed
move@move@s/ >= / > /@what need not move does
move@move@s/F_DUPFD_CLOEXEC/F_DUPFD/@a copy stays open across execve()
move@move@s/while (--/if (--/@a failure leaves copies open
move@move@s/close(\*/(*/@what has moved stays open
destroy@destroy@s/errno = .*;/;/@it changes errno
place@write@s/ == (/ <= (/@any write is enough
place@broke@s/ == / != /@who broke the protocol is told
fail@fail@s/ > / >= /@the highest code is lost
fail@fail@s/errno = .*;/;/@it changes errno
receive@receive@s/ || / \&\& /@received overflows
try@try@s/error && /error || /@what is known already need not decide
try@try@s/time_left(\(.*\) == /time_left(\1 < /@it looks on when its time is up
sleep@sleep@s/ == 2)/ == 1)/@the clock stands as soon as poll() ended early once
sleep@sleep@s/ > 0 && / > 3 \&\& /@a pidfd is believed at once
sleep@sleep@s/2 : 3/2 : 2/@the pidfd is forgotten
sleep@sleep@s/ || (.* == EINTR)//@a signal ends the barrier
wait@wait@s/ || / \&\& /@a look after the last
wait@look@s/return BARRIER_NOT_YET/(void) 0/@a side leaves without a hang-up
wait@consume@s/ > / < /@sync consumes what comes later
waits@sync_next@s/ | / \& /@sync_next waits for nothing
queries@we_aborted@s/ && / || /@one side is both
watch@watch@s/watch = /watch == /@nothing is watched
time_left@time_left@s/(int64_t) \([^ ]*timeout\)/\1/@the deadline overflows
time_left@time_left@s/barrier_broke(.*)/(void) 0/@a clock that cannot be read goes on
queries@get_pollfds@s/2 : 3/2 : 2/@the pidfd is forgotten
epoll@epoll@s/EPOLL_CLOEXEC/0/@it stays open across execve()
epoll@epoll@s/barrier_throw_away(/(/@what was kept stays open
epoll@epoll@s/barrier_close(/(/@a failure leaves it open
epoll@epoll@s/for (.* < /&1 + /@it has one descriptor more
read_number@read_number@s/ - 1 - [a-z_]*/ - 1/@it reads behind the end of the buffer
read_number@read_number@s/\] = 0/] = 1/@a text without an end
decimal@decimal@s/ <= 9/ <= 10/@a colon is a digit
sum@sum@s/ < / < 200 + /@it reads behind the state
identify@identify@s/O_RDONLY : O_WRONLY/O_WRONLY : O_RDONLY/@it takes the wrong end of a pipe
identify_eventfd@identify_eventfd@s/ + 10\]/ + 9]/@no room for the ten digits of a number
plausible@plausible@s/ > / < /@what was consumed was not received
plausible@plausible@s/ > STDERR_FILENO/ >= STDERR_FILENO/@2 may be a barrier's
import@import@s/ == / != /@another pipe will do
export@export@s/ <= / < /@the buffer may be too small by one
shift@reached@s/->consumed/->role/@the counters themselves matter
lag@reached@s/ > / - 1 > /@it matters how far a side lags
split@receive@s/ += / = /@what came before is forgotten
without@reached@s/ >= / + 5 >= /@a wait may be five behind
without@consume@s/ > / - 2 > /@two of what comes later are consumed
END
}

# How often those loops turn that are none of the bounds' in prove.c.
loops=poll.0:4,barrier_write.0:2,barrier_epoll.1:4

root=$debian/cbmc-trixie

# Unpacks Debian 13's CBMC, and the libraries that it needs, unless it is there.
fetch_cbmc() {
        [ ! -e "$root" ] || return 0
        rm -rf "$root" "$root.new"
        mkdir -p "$root.new" &&
                cd "$root.new" &&
                debian_apt trixie "$(dpkg --print-architecture)" apt-get -qq download cbmc minisat \
                        libc6 libgcc-s1 libstdc++6 zlib1g || return
        for package in *.deb; do
                dpkg-deb -x "$package" . || return
        done
        mv "$root.new" "$root"
}

# run TOOL ARGUMENT...: with the libraries of its own system
run() {
        tool=$1
        shift
        set -- --library-path "$(echo "$root"/usr/lib/*-linux-gnu*):$root/usr/lib" \
                "$root/usr/bin/$tool" "$@"
        timeout 1200 "$root"/usr/lib/*/ld-linux*.so.? "$@"
}

# named DIR: by DIR/names sed gives the private functions of barrier.c the names that they have here
named() {
        run goto-cc -std=gnu99 -c -o "$1/whole.gb" barrier.c &&
                run goto-instrument --call-graph "$1/whole.gb" > "$1/calls" || return
        {
                sed -n 's/^static .* \**\([a-z_0-9]*\)(.*/\1/p' barrier.c
                sed -n 's/ -> / /p' "$1/calls"
                names
        } | awk '
                NF == 1 { private[$1] }
                NF == 2 { calls[$1, $2]; calls["-", $2]; calls[$1, "-"] }
                NF == 3 {
                        a = $2 in is ? is[$2] : $2
                        b = $3 in is ? is[$3] : $3
                        found = ""
                        for (f in private)
                                if ((a, f) in calls && (b == "-" || (f, b) in calls))
                                        found = found f
                        if (!(found in private)) {
                                print "No one function of barrier.c is " $0 > "/dev/stderr"
                                exit wrong = 1
                        }
                        delete private[found]
                        is["barrier_" $1] = found
                        print "s/\\<" found "\\>/@" $1 "@/g"
                }
                END { print "s/@\\([a-z_]*\\)@/barrier_\\1/g"; exit wrong }' > "$1/names"
}

# translate BARRIER.C DIR COMMAND OPTION...: makes DIR/prove.gb of it, changed by a command for sed
translate() {
        source=$1
        dir=$2
        command=$3
        shift 3
        cp --parents barrier.h verify/inputs/prove.c "$dir" &&
                named "$dir" &&
                sed -f "$dir/names" "$source" > "$dir/named.c" &&
                sed "$command" "$dir/named.c" > "$dir/barrier.c" || return
        if [ -n "$command" ] && cmp "$dir/named.c" "$dir/barrier.c"; then
                echo "nothing to change"
                return 1
        fi
        run goto-cc -std=gnu99 "$@" -o "$dir/prove.gb" "$dir/verify/inputs/prove.c"
}

# cbmc DIR NAME OPTION...: what it says is in DIR/NAME.cbmc; fails if it came to no end
cbmc() {
        program=$1/$2.gb
        log=$1/$2.cbmc
        proofs | grep "^[A-Z_]* $2\\b" > "$1/$2.words"
        read -r kind proof bound replaced < "$1/$2.words"
        replaced=$(echo "$replaced" | sed 's/[a-z_]\+/--replace-calls barrier_&:any_&/g')
        # shellcheck disable=SC2086
        run goto-instrument $replaced "$1/prove.gb" "$program" > "$log" 2>&1 || return
        shift 2
        case $kind in
        *LEMMA) set -- --no-standard-checks --unwinding-assertions "$@" ;;
        *) set -- --pointer-overflow-check "$@" ;;
        esac
        run cbmc "$program" --function "prove_$proof" --drop-unused-functions --slice-formula \
                --object-bits 8 --unwind "${bound:-200}" --unwindset "$loops" "$@" \
                > "$log" 2>&1 || [ $? = 10 ]
}

# prove DIR NAME: says what does not hold, or how much does; status 2 if nobody knows. A letter and
# a code are made unsigned on purpose, whatever they are.
prove() {
        from=$(date +%s)
        cbmc "$1" "$2" --conversion-check || {
                tail -n 5 "$log"
                return 2
        }
        grep '^\[.*\] line [0-9].*: [A-Z]*$' "$log" > "$log.all"
        if sed '/ reached: FAILURE$/d; / reached: /b
                        /^\[barrier_\(decimal\|fail\|parse\)\..* in (unsigned int)/d
                        /: SUCCESS$/d' "$log.all" |
                awk '/: UNKNOWN$/ { unknown = unknown $0 "\n"; next }
                        { print known = $0 }
                        END { if (known == "") printf "%s", unknown }' | grep .; then
                return 1
        fi
        marks=$(grep -c ' reached: ' "$log.all") || return 2
        echo "figure: $(grep -vc ' reached: ' "$log.all") properties, $marks marks reached," \
                "$(($(date +%s) - from)) s"
}

# affected DIR FUNCTION: those of DIR/proofs that call it, and then those that call what calls it
affected() {
        function=$(echo "$2" | sed -f "$1/names")
        if ! grep -q "^[^ ].*\<$function(" "$1/named.c"; then
                echo "$name: barrier.c has no $2()" >&2
                return 1
        fi
        run goto-instrument --call-graph "$1/prove.gb" | sed -n 's/ -> / /p' > "$1/calls"
        awk -v wanted="$function" '
                function walk(from, steps, called, n, i) {
                        n = split(calls[from], called)
                        for (i = 1; i <= n; i++)
                                if (called[i] == wanted)
                                        near = near && near < steps ? near : steps
                                else if (steps == 1 && !(called[i] in replaced))
                                        walk(called[i], called[i] ~ /^barrier_/ ? 2 : 1)
                }
                FILENAME ~ /calls$/ { calls[$1] = calls[$1] " " $2; next }
                {
                        split("", replaced)
                        for (i = 4; i <= NF; i++)
                                replaced["barrier_" $i]
                        near = 0
                        if (!(wanted in replaced))
                                walk("prove_" $2, 1)
                        if (near)
                                print near, $2
                }' "$1/calls" "$1/proofs" | sort -n | cut -d ' ' -f 2
}

# seek PROOF FUNCTION COMMAND: whether the proof finds what the command breaks there. CBMC prints how
# one property was violated if it is to stop then, which it cannot for all.
seek() {
        dir=$(mktemp -d "$out/mutant.XXXXXX")
        translate barrier.c "$dir" "/^[^ ].*\\<barrier_$2(.*[^;]\$/,/^}/{$3;T;:a;n;ba}" -D MUTANT
        stop=$(proofs | sed -n "s/^LONG_[A-Z]* $1 .*/--stop-on-fail/p")
        cbmc "$dir" "$1" ${stop:+"$stop"}
        grep -m 1 -A 3 '^Violated property\|: FAILURE$' "$log"
        rm -r "$dir"
}

if [ "$1" = --job ]; then
        IFS=@ read -r proof function command what << END
$2
END
        if [ -z "$command" ]; then
                attempt "$proof" prove "$out" "$proof"
        else
                attempt "$proof: $what" seek "$proof" "$function" "$command"
        fi
        exit
fi

need gcc gcc
need_debian
all_there
if ! locked cbmc-trixie fetch_cbmc > "$out/fetch.log" 2>&1; then
        cat "$out/fetch.log" >&2
        echo "$name: cbmc of Debian 13 (trixie) cannot be had from this system's mirror;" \
                "unpack it and its libraries into $root" >&2
        exit 2
fi

if [ -n "$directory" ]; then
        work=$(mktemp -d "$out/source.XXXXXX") || exit 2
        trap 'rm -rf "$work"' EXIT
        trap 'exit 2' HUP INT TERM
        translate "$directory/barrier.c" "$work" '' || exit 2
        proofs | sed '/^LONG_/d' > "$work/proofs"
        if [ "$3" = --of ]; then
                affected "$work" "$4" > "$work/chosen" || exit 2
                [ -s "$work/chosen" ] || echo "$name: no short proof is about $4()"
        else
                cut -d ' ' -f 2 "$work/proofs" > "$work/chosen"
        fi
        while read -r proof; do
                prove "$work" "$proof" > "$work/said" < /dev/null && continue
                status=$?
                sed "s/^/$proof: /" "$work/said"
                exit $status
        done < "$work/chosen"
        exit
fi

translate barrier.c "$out" '' > "$out/goto-cc.log" 2>&1 || {
        cat "$out/goto-cc.log" >&2
        exit 2
}
{
        proofs | cut -d ' ' -f 2
        mutants
} | grep "^${1:-.*}\(@\|$\)" > "$out/chosen" || {
        echo "$name: no proof is called $1" >&2
        exit 2
}
run_jobs < "$out/chosen"
