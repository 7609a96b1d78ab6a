#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# versions.sh - barrier 1.1.0 on one side and this one on the other, as processes, and as strings
#
#       verify/programs/versions.sh
#
# 1.1.0 is taken from the history of this repository.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"
set -e

first=31e27a204c22
if ! git cat-file -e "$first:barrier.c" 2> /dev/null; then
        echo "$name: SKIPPED: no history here with 1.1.0 in it: clone the whole of the repository"
        exit 0
fi
mkdir -p "$out/first"
git show "$first:barrier.c" > "$out/first/barrier.c"
git show "$first:barrier.h" > "$out/first/barrier.h"
grep -q '"1\.1\.0"' "$out/first/barrier.h"

# build VERSION SOURCE
build() {
        # shellcheck disable=SC2086 # words
        ${CC:-cc} -std=c99 $warnings -Werror -O2 "-DBARRIER_C=\"$(realpath "$2")\"" \
                -o "$out/$1.bin" verify/programs/versions.c
}
build first "$out/first/barrier.c"
build present barrier.c
"$out/present.bin" "$out/first.bin"
"$out/first.bin" "$out/present.bin"
