#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# readme.sh - compiles and runs the C of README.md and of the pages in doc/
#
#       BUILD=DIR CC=... CFLAGS=... verify/tests/readme.sh
#
# The blocks of a section become one file, PAGE/SECTION.c, which has to compile on its own. The
# README's program is run in each of its endings here; pages.c, which includes the files by their
# names, runs the rest.
# An ending that takes a failure, a kill or a delay comes from the same program with one edit.
# All are here but a fork() that fails: the program without its check would kill all processes.
set -eu

dir=$BUILD/readme
checks=0

rm -rf "$dir"
mkdir -p "$dir/README" "$dir/PORTING" "$dir/RECIPES"
awk -v dir="$dir" '
        FNR == 1 { page = FILENAME; sub(/.*\//, "", page); sub(/\.md$/, "", page) }
        /^```/ && inside { inside = 0; next }
        /^```/ { inside = 1; code = $0 == "```c"; next }
        !inside && /^#/ {
                section = tolower($0)
                gsub(/[^a-z0-9]+/, "-", section)
                gsub(/^-|-$/, "", section)
        }
        !inside || !code { next }
        {
                file = dir "/" page "/" section ".c"
                if (!seen[file]++ && !/^#/) # what these blocks leave out
                        print "#include \"RECIPES/recipes.c\"\n" > file
                print > file
        }' README.md doc/PORTING.md doc/RECIPES.md

compile() {
        # shellcheck disable=SC2086 # options are words
        $CC -std=gnu99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror $CPPFLAGS $CFLAGS \
                -I. -I"$dir" "$@"
        checks=$((checks + 1))
}

# Runs a program as `PROGRAM DIR COMMAND...`, and compares what it says and its exit status.
expect() { # WANTED-STATUS WANTED-OUTPUT PROGRAM DIR COMMAND...
        status=0
        output=$(shift 2 && LC_ALL=C timeout 60 "$@" 2>&1) || status=$?
        if [ "$status $output" != "$1 $2" ]; then
                shift 2
                echo "readme: $* says: $output (status $status)" >&2
                exit 1
        fi
        checks=$((checks + 1))
}

for file in "$dir"/*/*.c; do
        compile -c -o "${file%c}o" "$file"
done

variant() { # NAME [SED-COMMAND]
        sed "${2-}" "$dir/README/barrier.c" > "$dir/$1.c"
        if [ $# -gt 1 ] && cmp -s "$dir/README/barrier.c" "$dir/$1.c"; then
                echo "readme: the first program has no place for: $2" >&2
                exit 1
        fi
        # shellcheck disable=SC2086 # options are words
        compile -o "$dir/$1" "$dir/$1.c" barrier.c $LDFLAGS
}
variant first
expect 0 'it runs' "$dir/first" / echo 'it runs'
expect 1 '' "$dir/first" / false
expect 1 "true in $dir/none: No such file or directory" "$dir/first" "$dir/none" true
expect 1 "./none in $dir: No such file or directory" "$dir/first" "$dir" ./none
expect 0 'it runs' perl -e "\$SIG{CHLD} = 'IGNORE'; exec @ARGV" "$dir/first" / echo 'it runs'
expect 2 'usage: DIR COMMAND [ARG]...' "$dir/first" /

# What is killed last counts as exec'd; its status tells.
while IFS='|' read -r status output edit; do
        variant edited "$edit"
        expect "$status" "$output" "$dir/edited" / true
done << 'END'
1|true in /: died before the exec|s/chdir(argv\[1\]) == 0/raise(SIGKILL) == 0/
1|true in /: died before the exec|s/barrier_place_and_sync(b))/raise(SIGKILL) == 0)/
1||s/execvp(argv\[2\], argv + 2)/raise(SIGKILL)/
1|true in /: Connection timed out|s/chdir(argv\[1\]) == 0/pause() == 0/; s/10000)/100)/
1|true in /: Invalid argument|s/setpriority(PRIO_PROCESS,/setpriority(-1,/
2|Too many open files|s/Barrier b;/& setrlimit(RLIMIT_NOFILE, \&(struct rlimit) { 3, 3 });/
END

# The parent is killed; cat ends when no process is left.
for edit in 's/if (setpriority(/raise(SIGKILL); &/' 's/barrier_wait_next(b)/raise(SIGKILL)/'; do
        variant edited "$edit"
        expect 0 '' sh -c 'exec 2> /dev/null; "$@" 2>&1 | cat' sh \
                "$dir/edited" / echo 'it runs'
done

# shellcheck disable=SC2086 # options are words
compile -pthread -o "$dir/pages" verify/tests/pages.c barrier.c $LDFLAGS
timeout 300 "$dir/pages"

echo "readme: $checks passed, 0 failed, 0 skipped"
