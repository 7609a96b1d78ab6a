# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
"""mutants.py - every change of a single token, operand, condition or statement of a C file, and a
file that has all of them in it

It relies on clang-format, which sets blanks on both sides of a binary operator and none behind a
unary one, and begins and ends a function in the first column. Whether a change compiles, and
whether it changes anything, others find out.
"""
import re
from dataclasses import dataclass

BECOMES = {words.split()[0]: words.split()[1:] for words in (
    '< <= >=', '<= < >', '> >= <=', '>= > <', '== !=', '!= ==', '+ -', '- +', '* /', '/ *', '% *',
    '<< >>', '>> <<', '& |', '| &', '^ |', '&& ||', '|| &&', '+= -=', '-= +=', '*= /=', '/= *=',
    '++ --', '-- ++', 'true false', 'false true', 'break continue', 'continue break')}
KEYWORDS = set('''break case char const continue default do else enum false for if int long return
    short signed sizeof static struct switch true typedef union unsigned void while'''.split())
NOT_STATEMENTS = set('if for while do else switch enum struct static typedef const unsigned'.split())
FUNCTION = re.compile(r'''
    ^(?P<type>(?:static|BARRIER_API)\ [^;{}()=]*?)(?P<name>\w+)(?P<parameters>\([^;{}]*\))\ (?={\n)
    (?P<body>.*?^})''', re.M | re.S | re.X)
TOKEN = re.compile(r'''
    (?P<define>^\#define\ (?P<macro>[A-Z_]+)\ +) | (?P<directive>^\#[^\n]*) | (?P<comment>/\*.*?\*/) |
    (?P<newline>\n) | (?P<blank>[ \t]+) |
    (?P<word>[A-Za-z_]\w*) | (?P<digits>[0-9]\w*) | (?P<character>'(?:\\.|[^'\\])*') |
    (?P<string>"(?:\\.|[^"\\])*") |
    (?P<operator>->|\+\+|--|&&|\|\||<<|>>|[<>=!+*/%&|^-]=|.)''', re.M | re.S | re.X)


@dataclass
class Token:
    kind: str       # a group of TOKEN; "end" where a macro begins or ends, or the file
    text: str
    at: int
    gap: str = ''   # a blank if there was one before
    within: str = ''    # the function, macro, or "file"; "" between functions


@dataclass
class Mutant:
    number: int
    within: str
    name: str       # shows the change among some tokens: outlives changes elsewhere, and of layout
    at: int
    length: int
    new: str
    body: re.Match  # the function in which it is; None: it cannot be chosen at run time

    def apply(self, source, first=0, last=None):
        return source[first:self.at] + self.new + source[self.at + self.length:last]


def fold(name):
    """A name in which it does not matter what is called how, as long as that is in lower case."""
    return re.sub(r'\b[a-z_]\w*', lambda m: m[0] if m[0] in KEYWORDS else '_', name)


def function_at(functions, at):
    return next((f for f in functions if f.start('body') < at < f.end()), None)


def tokens_of(source, functions):
    tokens, gap, macro, depth = [Token('end', ';', 0)], ' ', '', 0
    for m in TOKEN.finditer(source):
        kind, text = m.lastgroup, m[0]
        if kind == 'define' or (kind == 'newline' and macro):
            macro = m['macro'] or ''
            tokens.append(Token('end', ';', m.end()))
        elif kind not in ('directive', 'comment', 'newline', 'blank'):
            depth += (text == '{') - (tokens[-1].text == '}')
            body = function_at(functions, m.start())
            tokens.append(Token(kind, text, m.start(), gap,
                                macro or (body['name'] if body else 'file' if depth else '')))
            gap = ''
            continue
        gap = '' if kind == 'define' else ' '
    return tokens + [Token('end', ';', len(source))]


class Mutants:
    def __init__(self, source):
        self.source = source
        self.functions = list(FUNCTION.finditer(source))
        self.tokens = tokens_of(source, self.functions)
        self.all, self.seen = [], {}
        self.find_pairs()
        for i, token in enumerate(self.tokens):
            if token.within:
                self.mutate(i, token)

    def find_pairs(self):
        self.pair, self.header, self.nested, level = {}, set(), [], []
        for i, token in enumerate(self.tokens):
            if token.text in '([' and token.kind == 'operator':
                level.append(i)
            elif token.text in ')]' and token.kind == 'operator':
                self.pair[level[-1]] = i
                if self.text(level.pop() - 1) in ('if', 'for', 'while', 'switch'):
                    self.header.add(i)
            self.nested.append(len(level))

    def text(self, i):
        return self.tokens[i].text

    def boundary(self, i):
        return self.text(i) in ('{', '}', ';')

    def shown(self, first, last):
        return ''.join(t.gap + t.text for t in self.tokens[first:last + 1]).lstrip()

    def change(self, first, last, new, shown=None):
        """Tokens first to last become `new`. The name shows so much, or (what was, what is)."""
        a, b, tokens = first, last, self.tokens
        while (first - a < 5 or not tokens[a].gap) and not self.boundary(a - 1):
            a -= 1
        while (b - last < 5 or not tokens[b + 1].gap) and not self.boundary(b + 1):
            b += 1
        was, now = shown or (self.shown(first, last), new)
        name = (self.shown(a, first - 1) + tokens[first].gap if a < first else '') \
            + '{%s => %s}' % (was, now) \
            + (tokens[last + 1].gap + self.shown(last + 1, b) if b > last else '')
        within, at = tokens[first].within, tokens[first].at
        key = within, fold(name)
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] > 1:
            name += ' #%d' % self.seen[key]
        self.all.append(Mutant(
            len(self.all) + 1, within, name, at, tokens[last].at + len(tokens[last].text) - at, new,
            function_at(self.functions, at)))

    def mutate(self, i, token):
        text, before, after = token.text, self.text(i - 1), self.text(i + 1)
        self.statement(i)
        self.operand(i)
        self.condition(i)
        if token.kind == 'digits':
            self.number(i)
        elif token.kind == 'character':
            self.change(i, i, '(%s + 1)' % text)
        elif token.kind == 'string':
            self.change(i, i, '""')
        elif text == '!' or (text == '-' and not self.tokens[i + 1].gap and before != ')'):
            self.change(i, i, '')
        elif re.fullmatch('[A-Z][A-Z0-9_]+', text) and after not in ('(', '='):
            flag = before[0] in '|&' or after[0] in '|&'
            self.change(i, i, '0' if flag else '(%s + 1)' % text)
        elif token.kind == 'word' or text in ('++', '--') or \
                token.gap and self.tokens[i + 1].gap:
            for new in BECOMES.get(text, ()):
                self.change(i, i, new)

    def number(self, i):
        """Beside < and the like, changing these does the same to 0 and 1."""
        text = self.text(i)
        if text.startswith('0x'):
            self.change(i, i, '(%s + 1)' % text)
            return
        digits = text.rstrip('uUlL')
        n = int(digits)
        if n > 1 or self.text(i - 1) not in ('<', '<=', '>', '>='):
            self.change(i, i, '%d%s' % (0 if n == 1 else n + 1, text[len(digits):]))

    def operand(self, i):
        """A name or a call whose truth is asked for."""
        before = self.text(i - 1)
        if self.tokens[i].kind != 'word' or self.text(i) in ('return', 'if') or \
                before not in ('(', '&&', '||', '=', ',', 'return'):
            return
        j = i
        while self.text(j + 1) == '->':
            j += 2
        j = self.pair[j + 1] if self.text(j + 1) == '(' else j
        if self.text(j + 1) in ('&&', '||', '?') or \
                (self.text(j + 1) == ')' and before in ('&&', '||')):
            self.change(i, i, '!' + self.text(i))

    def condition(self, i):
        """A condition as a whole, unless it has one operator alone, which is changed anyway."""
        if self.text(i) not in ('if', 'while') or i + 1 not in self.pair:
            return
        first, last = i + 2, self.pair[i + 1] - 1
        words = [self.text(k) for k in range(first, last + 1)]
        others = sum(w in ('&&', '||', '!') for w in words)
        comparisons = sum(w in ('<', '>', '<=', '>=', '==', '!=') for w in words)
        if (words[0] != '!' or others > 1) if others else comparisons != 1:
            self.change(first, last, '!(%s)' % self.shown(first, last), ('', '!'))

    def statement(self, i):
        """Left out, unless it is a declaration."""
        text, before = self.text(i), self.text(i - 1)
        if self.boundary(i) or self.nested[i] or self.tokens[i - 1].kind == 'end' or \
                not (self.boundary(i - 1) or before in ('else', 'do') or i - 1 in self.header) or \
                text in NOT_STATEMENTS or \
                (text != 'return' and self.tokens[i].kind == self.tokens[i + 1].kind == 'word'):
            return
        j = i
        while not self.boundary(j + 1):
            j += 1
        if self.text(j + 1) == ';':
            self.change(i, j, '')

    def schema(self, mutants):
        """The source with all these in it: each is a copy of its function, which begins by asking
        which is chosen, and notes that it was reached. What the compiler says of a copy, it says of
        a file with the mutant's number."""
        parts, done = [], 0
        for n, f in enumerate(self.functions):
            kind = re.sub(r'\b(BARRIER_API|static)\b', '', f['type']).strip()
            names = re.findall(r'(\w+)(?:\[\w*\])?[,)]', f['parameters'])
            arguments = ', '.join(name for name in names if name != 'void')
            parts.append(self.source[done:f.start()])
            choices = []
            for m in (m for m in mutants if m.body is f):
                name = '%s__%d' % (f['name'], m.number)
                call = '%s(%s);' % (name, arguments)
                choices.append('case %d: %s' % (
                    m.number, call + ' return;' if kind == 'void' else 'return ' + call))
                parts.append('#line 1 "mutant-%d"\nstatic %s %s%s %s\n' % (
                    m.number, kind, name, f['parameters'],
                    m.apply(self.source, f.start('body'), f.end())))
            parts.append('#line %d "barrier.c"\n' % (self.source.count('\n', 0, f.start()) + 1))
            parts.append(self.source[f.start():f.start('body') + 1] + (
                ' extern int mutant_chosen; extern unsigned char *mutant_reached;'
                ' if (mutant_reached) mutant_reached[%d] = 1;'
                ' if (mutant_chosen) switch (mutant_chosen) { %s }' % (n, ' '.join(choices))))
            done = f.start('body') + 1
        return ''.join(parts) + self.source[done:]
