#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# count.sh TARGET... - makes each, and says in the last line how many checks passed
#
# A target tells by lines that end in `N passed, N failed, N skipped`. One that does not is a check
# of its own; what it skips are lines with `SKIPPED:`. Exit status: 0, or 1 if a check failed.

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

for target; do
        {
                # shellcheck disable=SC2086 # `TARGET VARIABLE=VALUE` is two words
                "${MAKE:-make}" -s --no-print-directory $target 2>&1
                echo $? > "$tmp/status"
        } | tee "$tmp/log"
        read -r status < "$tmp/status"
        awk -v status="$status" '
                /(^| )[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
                        told = 1
                        passed += $(NF - 5); failed += $(NF - 3); skipped += $(NF - 1)
                }
                /SKIPPED: / { reasons++ }
                END {
                        if (!told) { passed = status == 0; skipped = reasons }
                        if (status != 0 && !failed) failed = 1
                        print passed + 0, failed + 0, skipped + 0
                }' "$tmp/log" >> "$tmp/counts"
done

awk '{ passed += $1; failed += $2; skipped += $3 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
           exit failed > 0 || passed == 0 }' "$tmp/counts"
