#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# troubleshooting.sh - runs the commands of doc/TROUBLESHOOTING.md on programs that hang
#
# A block of the page begins with ```console WAY: hang.c hangs in that way, each command is run on
# it, and has to print what the page says. Numbers of processes and pipes are those of the page
# then; blanks, the order of lines and the user do not count.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"
need findutils find
need gdb gdb
need lsof lsof
need strace strace
all_there
passed=0
failed=0
skipped=0

rm -rf "$out"
mkdir -p "$out"
# shellcheck disable=SC2086 # options are words
${CC:-cc} -std=c99 $warnings -Werror -g -o "$out/hang" verify/programs/hang.c barrier.c
trap 'kill -9 $hang 2> /dev/null' EXIT
trap 'exit 1' HUP INT TERM

# N.way, N.command and N.wanted for each command
commands=$(awk -v out="$out/" '
        /^```/ && way != "" { way = ""; next }
        /^```console/ { way = $2 == "" ? "?" : $2; next }
        way == "" { next }
        sub(/^[$] /, "") {
                file = out (++n)
                print way > (file ".way")
                print > (file ".command")
                printf "" > (file ".wanted")
                next
        }
        { print > (file ".wanted") }
        END { print n + 0 }' doc/TROUBLESHOOTING.md)
[ "$commands" -gt 0 ] || {
        echo "$name: the page has no commands" >&2
        exit 1
}

plain() { # FILE: as it is compared
        sed -e "s/\b$PID\b/4711/g; s/\b$CHILD\b/4712/g; s/\b${HOLDER:-4713}\b/4713/g" \
                -e "s/\b${INODE:-88001}\b/88001/g; s/\b$(id -un)\b/root/g; s/\b0,[0-9]*\b/0,15/g" \
                -e 's/[[:blank:]]\{1,\}/ /g; s/ $//' "$1" | sort
}

seen() { # N
        plain "$out/$1.wanted" > "$out/$1.plain"
        plain "$out/$1.said" | cmp -s - "$out/$1.plain"
}

# Runs a command on a program that hangs, which has an alarm.
try() { # N
        read -r way < "$out/$1.way"
        unset PID CHILD FD HOLDER INODE EPFD
        mkfifo "$out/$1.fifo" # of its own, as processes of the last may still be dying
        "$out/hang" "$way" > "$out/$1.fifo" < /dev/null 2> "$out/errors" &
        hang=$!
        read -r line < "$out/$1.fifo" || {
                cat "$out/errors" >&2
                return 1
        }
        eval "$line"
        export PID CHILD FD HOLDER INODE EPFD
        until [ "$way" = spin ] || grep -q 'State:.[SZ]' "/proc/$PID/status"; do :; done

        sh "$out/$1.command" > "$out/$1.said" 2>&1 &
        command=$!
        if grep -q ^strace "$out/$1.command"; then # which goes on
                until seen "$1" || ! kill -0 $command 2> /dev/null; do :; done
        else
                wait $command
        fi
        seen "$1"
        right=$?
        kill -9 $hang $command 2> /dev/null # with strace, $command is the shell or strace itself
        wait $hang $command 2> /dev/null
        return $right
}

i=0
while [ "$i" -lt "$commands" ]; do
        i=$((i + 1))
        if try $i; then
                passed=$((passed + 1))
        elif grep -q 'ptrace.*not permitted\|Could not attach' "$out/$i.said"; then
                skipped=$((skipped + 1))
                echo "$name: SKIPPED: may not trace another process: $(cat "$out/$i.command")"
        else
                failed=$((failed + 1))
                echo "$name: $(cat "$out/$i.way"): $(cat "$out/$i.command"), page and truth:" >&2
                plain "$out/$i.said" | diff "$out/$i.plain" - >&2
        fi
done
echo "$name: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
