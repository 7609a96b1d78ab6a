#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutate.sh - changes barrier.c in one place after the other; some test or proof has to see each
#
#       verify/tests/mutate.sh                  every mutant that mutants.py makes
#       verify/tests/mutate.sh 40               so many of them, spread over the file
#       verify/tests/mutate.sh barrier_look     those whose names begin so
#       verify/tests/mutate.sh listed           those that stand in survivors, which otherwise only
#                                               the suite is asked about
#       verify/tests/mutate.sh explore          which of them explore sees, asked alone
#
# It fails if a mutant survives that is not listed, if one of the list is seen, and if the list names
# what is no mutant; with explore, if there is a violation that explore can say and no mutant makes
# it say. Below build/mutate, or build/mutants, `log` has how each was seen.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

need python3 python3
need gcc gcc
need check /usr/include/check.h
need pkgconf pkg-config
all_there
[ "$1" != explore ] || out=$base/mutants
rm -rf "$out"
mkdir -p "$out"
exec python3 verify/tests/mutate.py "$out" "$@"
