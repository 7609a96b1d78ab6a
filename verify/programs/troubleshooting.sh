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

# `commands` has a line for each, after its way; wanted.N is what the N-th has to print.
awk -v out="$out/" '
        /^```/ && way != "" { way = ""; next }
        /^```console/ { way = $2 == "" ? "?" : $2; next }
        way == "" { next }
        sub(/^[$] /, "") {
                wanted = out "wanted." (++n)
                print way, $0 > (out "commands")
                printf "" > wanted
                next
        }
        { print > wanted }' doc/TROUBLESHOOTING.md
[ -s "$out/commands" ] || {
        echo "$name: the page has no commands" >&2
        exit 1
}

plain() { # as it is compared
        sed -e "s/\b$PID\b/4711/g; s/\b$CHILD\b/4712/g; s/\b${HOLDER:-4713}\b/4713/g" \
                -e "s/\b${INODE:-88001}\b/88001/g; s/\b$(id -un)\b/root/g; s/\b0,[0-9]*\b/0,15/g" \
                -e 's/[[:blank:]]\{1,\}/ /g; s/ $//' | sort
}

seen() {
        plain < "$out/wanted.$n" > "$out/wanted"
        plain < "$out/said" | cmp -s - "$out/wanted"
}

# Runs the command on a program that hangs, which has an alarm.
try() {
        unset PID CHILD FD HOLDER INODE EPFD
        mkfifo "$out/fifo.$n" # of its own, as processes of the last may still be dying
        "$out/hang" "$way" > "$out/fifo.$n" < /dev/null 2> "$out/said" &
        hang=$!
        read -r line < "$out/fifo.$n" || {
                cat "$out/said" >&2
                return 1
        }
        eval "$line"
        export PID CHILD FD HOLDER INODE EPFD
        until [ "$way" = spin ] || grep -q 'State:.[SZ]' "/proc/$PID/status"; do :; done

        sh -c "$command" < /dev/null > "$out/said" 2>&1 &
        runs=$!
        case $command in
        strace*) until seen || ! kill -0 $runs 2> /dev/null; do :; done ;; # it goes on
        *) wait $runs ;;
        esac
        seen
        right=$?
        kill -9 $hang $runs 2> /dev/null # with strace, $runs is the shell or strace itself
        wait $hang $runs 2> /dev/null
        return $right
}

n=0
while read -r way command; do
        n=$((n + 1))
        if try; then
                passed=$((passed + 1))
        elif grep -q 'ptrace.*not permitted\|Could not attach' "$out/said"; then
                skipped=$((skipped + 1))
                echo "$name: SKIPPED: may not trace another process: $command"
        else
                failed=$((failed + 1))
                printf '%s\n' "$name: $way: $command, page and truth:" >&2
                plain < "$out/said" | diff "$out/wanted" - >&2
        fi
done < "$out/commands"
echo "$name: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
