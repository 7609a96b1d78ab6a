# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# coverage.jq - which conditions of barrier.c the programs ran together; coverage.sh uses it
#
# In go the exports of llvm-cov, that of the suite first. What there is to run is what the suite's
# barrier.c has: elsewhere its calls are redirected, and what they go to has conditions too.
# A branch is [LINE, COLUMN, _, _, TIMES TRUE, TIMES FALSE, ...]; in a decision, the eleventh entry
# are the vectors: {conditions: [true, false or null for not looked at], executed, result}.

# Does the condition at $i make the difference between two vectors?
def decides($i): .[0] as $a | .[1] as $b |
        $a.result != $b.result and all(range($a.conditions | length);
                $a.conditions[.] as $x | $b.conditions[.] as $y |
                if . == $i then $x != null and $y != null and $x != $y
                else $x == null or $y == null or $x == $y end);

# The records of all programs at each place where the suite has one.
def together(records): (.[0] | map(records) | map(.[0:2])) as $places |
        map(.[] | records) | map(select(.[0:2] as $at | any($places[]; . == $at))) |
        group_by(.[0:2]);

map([.data[0].files[] | select(.filename | endswith("/barrier.c"))]) |
[together(.branches[])[] | ("barrier.c:\(.[0][0]):\(.[0][1])" as $at |
        {what: "\($at): this condition is never true", ok: any(.[]; .[4] > 0)},
        {what: "\($at): this condition is never false", ok: any(.[]; .[5] > 0)})] as $branches |
[together(.mcdc_records[])[] | "barrier.c:\(.[0][0]):\(.[0][1])" as $at |
        (map(.[10][] | select(.executed)) | unique) as $v |
        range($v[0].conditions | length) as $i |
        {what: "\($at): condition \($i + 1) never decides on its own",
         ok: any($v[] as $x | $v[] as $y | [$x, $y]; decides($i))}] as $conditions |
($branches + $conditions | .[] | select(.ok | not) | .what),
"branches \($branches | map(select(.ok)) | length) \($branches | length)",
"conditions \($conditions | map(select(.ok)) | length) \($conditions | length)"
