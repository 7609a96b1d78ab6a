# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# man.awk - makes the manual page barrier.3 from barrier.h
#
#      awk -v date=YYYY-MM-DD [-v url=URL] -f doc/man.awk barrier.h
#
# It relies on this:
#
#   - The first comment has a line `barrier - what it is`. What precedes it is left out.
#   - In the first comment and in the notes, headings stand at the left edge, in capitals. Text that
#     is indented by five or more, or has columns, is shown as it is. List items begin with `1.` or
#     `-`, and go on indented further than that.
#   - A comment `---- title ----`, or `---- title: sentence ----`, begins a section. If it goes on,
#     it is notes, and its title is left out.
#   - A function is declared at the left edge, after BARRIER_API or BARRIER_CHECKED. The comment
#     above describes it, or the one behind it, or, for the first ones, the sentence of the section.
#   - So are typedef, enum and struct. The first #define of a macro is shown if it has a value, or a
#     comment above. All other code is left out.
#
# It fails where a function is not described.

function say(line) {
        page = page line "\n"
        last = line
}

# Below these there is room as it is.
function paragraph() {
        if (last !~ /^\.(SH|RS)/)
                say(".PP")
}

function escape(s) {
        gsub(/\\/, "\\e", s)
        gsub(/-/, "\\-", s)
        return (s ~ /^[.']/ ? "\\&" : "") s
}

# Says the text that was gathered, in lines that are not too long.
function flush(    n, i, words, word, line) {
        n = split(text, words, " ")
        for (i = 1; i <= n; i++) {
                word = escape(words[i])
                gsub(/barrier_[a-z_]+\(\)/, "\\fB&\\fR", word)
                if (line != "" && length(line) + length(word) > 77) {
                        say(line)
                        line = ""
                }
                line = line (line == "" ? "" : " ") word
                if (word ~ /[.!?]\)?$/) { # a sentence of its own line gets its room
                        say(line)
                        line = ""
                }
        }
        if (line != "")
                say(line)
        text = ""
}

# A block is "text", "item" or "literal".
function end_block() {
        flush()
        if (block == "literal")
                say(".EE")
        block = ""
}

function begin_block(what) {
        end_block()
        if (what != "item")
                paragraph()
        block = what
}

function heading(s) {
        end_block()
        say(".SH \"" s "\"")
}

# Takes a line of a comment, without what frames it.
function describe(s,    indent) {
        match(s, /^ */)
        indent = RLENGTH
        if (s ~ /^ *$/)
                end_block()
        else if (s ~ /^[A-Z][A-Z, ]+$/)
                heading(s)
        else if (s ~ /^ *([0-9]+\.|-) /) {
                sub(/^ */, "", s)
                begin_block("item")
                say(".IP " (s ~ /^-/ ? "\\(bu" : substr(s, 1, index(s, " ") - 1)) " 4")
                text = substr(s, index(s, " ") + 1)
                item_indent = indent
        } else if (block == "item" && indent > item_indent)
                text = text " " s
        else if (indent >= 5 || s ~ /[^ ]  +[^ ]/) {
                if (block != "literal") {
                        begin_block("literal")
                        say(".EX")
                }
                say(escape(substr(s, (indent > 5 ? 5 : indent) + 1)))
        } else {
                if (block != "text" || s ~ /^Returns /)
                        begin_block("text")
                text = text " " s
        }
}

# What stood in the comment above, and is described now.
function describe_held(    i) {
        for (i = 1; i <= n_held; i++)
                describe(held[i])
        end_block()
        n_held = 0
}

# Shows code, and what is said of it.
function show(code) {
        paragraph()
        say("\\fB" escape(code) "\\fR")
        if (n_held) {
                say(".RS 4")
                describe_held()
                say(".RE")
        }
}

function fail(why) {
        print FILENAME ":" FNR ": " why > "/dev/stderr"
        failed = 1
        exit 1
}

function comment_ends(line) {
        return line ~ /\*\/$/
}

function unframed(line) {
        sub(/^ ?\/?\* ?/, "", line)
        sub(/ *\*\/$/, "", line)
        return line
}

/BARRIER_VERSION "/ {
        version = $3
        gsub(/"/, "", version)
}

# ---- comments ------------------------------------------------------------------------------------

!in_comment && /^\/\* ---- / {
        title = $0
        sub(/^\/\* ---- /, "", title)
        sub(/ -+( \*\/)?$/, "", title)
        sentence = ""
        n_held = 0
        if (!comment_ends($0)) {
                in_comment = notes = 1
                next
        }
        if (match(title, /: /)) {
                sentence = toupper(substr(title, RSTART + 2, 1)) substr(title, RSTART + 3) "."
                title = substr(title, 1, RSTART - 1)
        }
        heading(toupper(title))
        if (sentence != "")
                describe(sentence)
        end_block()
        next
}

!in_comment && /^\/\*/ {
        in_comment = 1
        n_held = 0
}

in_comment {
        if (!name) {
                if ($0 ~ /^ \* barrier - /) {
                        name = $0
                        sub(/^ \* barrier - /, "", name)
                        heading("DESCRIPTION")
                }
        } else if (!first_ended || notes) {
                if ($0 !~ /^ \*\/$/)
                        describe(unframed($0))
        } else
                held[++n_held] = unframed($0)
        if (comment_ends($0)) {
                in_comment = notes = 0
                first_ended = 1
                end_block()
        }
        next
}

# ---- code ----------------------------------------------------------------------------------------

/^BARRIER_(API|CHECKED) / {
        prototype = $0
        while (prototype !~ /;/ && (getline line) > 0) {
                sub(/^ +/, "", line)
                prototype = prototype " " line
        }
        sub(/^BARRIER_(API|CHECKED) /, "", prototype)
        behind = n_held == 0
        if (prototype ~ /\/\*/) {
                held[n_held = 1] = prototype
                sub(/.*\/\* */, "", held[1])
                sub(/ *\*\/.*/, ".", held[1])
                held[1] = toupper(substr(held[1], 1, 1)) substr(held[1], 2)
                sub(/ *\/\*.*/, "", prototype)
        }
        if (!n_held && sentence == "")
                fail("nothing describes " prototype)
        synopsis = synopsis escape(prototype) "\n"
        match(prototype, /barrier_[a-z_]+\(/)
        names = names ",\n" substr(prototype, RSTART, RLENGTH - 1)
        show(prototype)
        if (!behind)
                sentence = ""
        next
}

/^(typedef|enum) / {
        synopsis = synopsis escape($0) "\n"
}

/^struct .*\{$/ {
        describe_held()
        paragraph()
        say(".EX")
        in_struct = 1
}

in_struct {
        say(escape($0))
        if (/^\};/) {
                in_struct = 0
                say(".EE")
        }
        next
}

/^#define BARRIER_/ && (n_held || NF > 2) && !shown[$2]++ {
        if (!macros++)
                heading("MACROS")
        definition = $0
        while (sub(/ *\\$/, "", definition) && (getline line) > 0) {
                sub(/^ +/, "", line)
                definition = definition " " line
        }
        show(definition)
}

/[^ ]/ && !/^#if/ {
        n_held = 0
}

END {
        if (failed)
                exit 1
        if (!name || !version || synopsis !~ /\(/)
                fail("no name, no version or no functions")
        printf ".TH BARRIER 3 %s \"barrier %s\" \"Library Functions Manual\"\n", date, version
        printf ".SH NAME\nbarrier%s\n\\- %s\n", names, name
        printf ".SH LIBRARY\nLink with \\-lbarrier, or compile barrier.c with the program.\n"
        printf ".SH SYNOPSIS\n.nf\n.B #include <barrier.h>\n.PP\n%s.fi\n", synopsis
        printf "%s", page
        if (url != "")
                printf ".SH HOME PAGE\n%s\n", escape(url)
}
