#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutate.sh - changes barrier.c in one place after the other; some test or proof has to see each
#
#       verify/tests/mutate.sh                  every mutant that mutants.py makes
#       verify/tests/mutate.sh 40               so many of them, spread over the file
#       verify/tests/mutate.sh barrier_look     those whose names begin so
#       verify/tests/mutate.sh listed           those that stand in survivors
#
# mutate.py says how a mutant is seen. What none sees has to stand in survivors. It fails if a mutant
# survives that is not in the list, if one of the list is seen after all, and if the list names what
# is no mutant. Those of the list are tried with the suite alone, unless they are asked for. What is
# built lies below build/mutate; its `log` has how each was seen, with explore's shortest schedule.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

need python3 python3
need gcc gcc
need check /usr/include/check.h
need pkgconf pkg-config
all_there
rm -rf "$out"
mkdir -p "$out"
exec python3 verify/tests/mutate.py "$out" "$@"
