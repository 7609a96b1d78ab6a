# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutate.awk - every change of a single token or statement of a C file, one a line:
#
#       OFFSET LENGTH NAME REPLACEMENT
#
# with tabs between; offset and length are in bytes. The name tells the function and shows the
# change among some tokens, so it outlives changes elsewhere, and of the layout. Whether a change
# compiles, and whether it is one, others find out. It relies on clang-format, which sets blanks on
# both sides of a binary operator, and none behind a unary one.

BEGIN {
        changes("< <= >=;  <= < >;  > >= <=;  >= > <;  == !=;  != ==;  + -;  - +;  * /;  / *;  % *")
        changes("<< >>;  >> <<;  & |;  | &;  ^ |;  && ||;  || &&;  += -=;  -= +=;  *= /=;  /= *=")
        changes("++ --;  -- ++;  true false;  false true;  break continue;  continue break")
}

function changes(list, each, word, i, j, n, m) {
        n = split(list, each, /; +/)
        for (i = 1; i <= n; i++) {
                m = split(each[i], word, / +/)
                for (j = 2; j <= m; j++)
                        becomes[word[1], ++becomes[word[1]]] = word[j]
        }
}

# ---- tokens: text[], kind[], at[] is the offset, gap[] the blank before, if any ----------------

{
        start = offset
        offset += length($0) + 1
        macro = ""
        if (!comment && /^#/) {
                if (!match($0, /^#define [A-Z_]+ +/))
                        next
                macro = $2
                start += RLENGTH
                $0 = substr($0, RLENGTH + 1)
                add("macro", ";", "")
        }
        before = " "
        while ($0 != "") {
                if (comment) {
                        comment = !match($0, /\*\//)
                        skip(comment ? length($0) : RSTART + 1)
                } else if (match($0, /^\/\*/)) {
                        comment = 1
                        skip(2)
                } else if (match($0, /^[ \t]+/))
                        skip(RLENGTH)
                else if (match($0, /^[A-Za-z_][A-Za-z_0-9]*/))
                        add("word", substr($0, 1, RLENGTH), before)
                else if (match($0, /^[0-9][0-9A-Za-z]*/))
                        add("number", substr($0, 1, RLENGTH), before)
                else if (match($0, /^'(\\.|[^'\\])*'/))
                        add("character", substr($0, 1, RLENGTH), before)
                else if (match($0, /^"(\\.|[^"\\])*"/))
                        add("string", substr($0, 1, RLENGTH), before)
                else if (match($0, /^(->|\+\+|--|&&|\|\||<<|>>|[<>=!+*\/%&|^-]=)/) ||
                         match($0, /^./))
                        add("operator", substr($0, 1, RLENGTH), before)
        }
        if (macro != "")
                add("macro", ";", "")
}

function skip(length_) {
        start += length_
        $0 = substr($0, length_ + 1)
        before = " "
}

# Notes a token, and in which function it is: that of the last name before a `(` outside of braces.
function add(k, t, blank) {
        kind[++n] = k
        text[n] = t
        at[n] = start
        gap[n] = blank
        if (k != "macro") {
                skip(length(t))
                before = ""
        }
        if (t == "{" && k == "operator")
                depth++
        if (depth == 0 && t == "(" && kind[n - 1] == "word")
                name = text[n - 1]
        within[n] = macro != "" ? macro : depth == 0 ? "" : name != "" ? name : "file"
        if (k == "operator" && (t == "}" && --depth == 0 || t == ";" && depth == 0))
                name = ""
}

# ---- changes -------------------------------------------------------------------------------------

function boundary(i) {
        return i < 1 || i > n || kind[i] == "macro" || text[i] ~ /^[;{}]$/
}

# Tokens i to j as they stand, in one line.
function shown(i, j, s) {
        for (; i <= j; i++)
                s = s (s == "" ? "" : gap[i]) text[i]
        return s
}

# Tokens i to j become `new`. The name shows so much, or that `is` was put before.
function change(i, j, new, is, was, a, b, left, right, id) {
        for (a = i; (i - a < 5 || gap[a] == "") && !boundary(a - 1); a--)
                continue
        for (b = j; (b - j < 5 || gap[b + 1] == "") && !boundary(b + 1); b++)
                continue
        left = shown(a, i - 1)
        right = shown(j + 1, b)
        if (is == "") {
                was = shown(i, j)
                is = new
        }
        id = within[i] ": " left (left == "" ? "" : gap[i]) "{" was " => " is "}" \
                (right == "" ? "" : gap[j + 1]) right
        if (++seen[id] > 1)
                id = id " #" seen[id]
        printf "%d\t%d\t%s\t%s\n", at[i], at[j] + length(text[j]) - at[i], id, new
}

# Beside < and the like, changing these does the same to 0 and 1.
function number(i, digits, suffix) {
        digits = text[i]
        if (sub(/^0x/, "", digits)) {
                change(i, i, "(" text[i] " + 1)")
                return
        }
        sub(/[a-zA-Z]+$/, "", digits)
        suffix = substr(text[i], length(digits) + 1)
        if (digits > 1 || text[i - 1] !~ /^[<>]=?$/)
                change(i, i, sprintf("%.0f%s", digits == 1 ? 0 : digits + 1, suffix))
}

function flag(i) {
        return text[i - 1] ~ /^[|&]/ || text[i + 1] ~ /^[|&]/
}

# A name or a call whose truth is asked for.
function operand(i, j) {
        if (kind[i] != "word" || text[i] ~ /^(return|if)$/ ||
            text[i - 1] !~ /^(\(|&&|\|\||=|,|return)$/)
                return
        for (j = i; text[j + 1] == "->"; j += 2)
                continue
        if (text[j + 1] == "(")
                j = pair[j + 1]
        if (text[j + 1] ~ /^(&&|\|\||\?)$/ || (text[j + 1] == ")" && text[i - 1] ~ /^(&&|\|\|)$/))
                change(i, i, "!" text[i])
}

# A condition as a whole, unless it has one operator alone, which is changed anyway.
function condition(i, j, k, others, comparisons) {
        if (text[i] !~ /^(if|while)$/ || !((i + 1) in pair))
                return
        j = pair[i + 1] - 1
        for (k = i + 2; k <= j; k++) {
                comparisons += text[k] ~ /^([<>]=?|[=!]=)$/
                others += text[k] ~ /^(&&|\|\||!)$/
        }
        if (others ? text[i + 2] != "!" || others > 1 : comparisons != 1)
                change(i + 2, j, "!(" shown(i + 2, j) ")", "!")
}

function statement(i, j) {
        if (boundary(i) || nested[i] || kind[i - 1] == "macro" ||
            !(boundary(i - 1) || text[i - 1] ~ /^(else|do)$/ || (i - 1) in header))
                return
        if (text[i] ~ /^(if|for|while|do|else|switch|enum|struct|static|typedef|const|unsigned)$/ ||
            (kind[i] == "word" && kind[i + 1] == "word" && text[i] != "return"))
                return
        for (j = i; text[j + 1] != ";"; j++)
                if (text[j + 1] ~ /^[{}]$/)
                        return
        change(i, j, "")
}

END {
        for (i = 1; i <= n; i++) {
                if (kind[i] == "operator" && text[i] ~ /^[(\[]$/)
                        open[++level] = i
                if (kind[i] == "operator" && text[i] ~ /^[)\]]$/) {
                        pair[open[level]] = i
                        if (text[open[level--] - 1] ~ /^(if|for|while|switch)$/)
                                header[i]
                }
                nested[i] = level
        }
        for (i = 1; i <= n; i++) {
                if (within[i] == "" || kind[i] == "macro")
                        continue
                statement(i)
                operand(i)
                condition(i)
                t = text[i]
                if (kind[i] == "number")
                        number(i)
                else if (kind[i] == "character")
                        change(i, i, "(" t " + 1)")
                else if (kind[i] == "string")
                        change(i, i, "\"\"")
                else if (t == "!" || (t == "-" && gap[i + 1] == "" && text[i - 1] != ")"))
                        change(i, i, "")
                else if (t ~ /^[A-Z][A-Z0-9_]+$/ && text[i + 1] !~ /^[(=]$/)
                        change(i, i, flag(i) ? 0 : "(" t " + 1)")
                else if (kind[i] == "word" || t ~ /^(\+\+|--)$/ || gap[i] gap[i + 1] == "  ")
                        for (j = 1; j <= becomes[t]; j++)
                                change(i, i, becomes[t, j])
        }
}
