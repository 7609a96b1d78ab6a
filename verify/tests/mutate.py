# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
"""mutate.py - see mutate.sh, which starts it: mutate.py DIR [ARGUMENT]

All mutants inside of functions are compiled into one barrier.c (schema() of mutants.py); the
environment says which one runs. The others, of macros, types and constants, are compiled each by
itself. How a mutant is found out:

    suite       a test fails, of those that reach the function
    hangs       a test is ended by libcheck after PATIENCE seconds, or by the kernel after a second of
                CPU time; the same, with nothing changed, passes right afterwards in a fifth of that
    sanitizers  a test fails with AddressSanitizer and UBSan, and zeros in what was never set
    explore     the short form prints a schedule; asked if it reaches the function
    faults      a violation in the short form, for what reaches the function
    prove       one of the fast proofs does not hold

Anything else, a program that takes too long or dies of a limit, counts for nothing, and is said.
"""
import glob
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import mutants

PATIENCE = 5
PASSED = re.compile(r'^ok \d+ - [^:]*:[^:]*:(.*): Passed$', re.M)
FAILED = re.compile(r'^not ok \d+ - [^:]*:[^:]*:(.*)\n', re.M)
CFLAGS = '-std=c99 -O2 -ftrivial-auto-var-init=pattern -Werror=return-type'.split()
SANITIZE = '''-std=c99 -O1 -w -ftrivial-auto-var-init=zero -fsanitize=address,undefined
    -fno-sanitize-recover=all'''.split()
CHOSEN = '''
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int mutant_chosen;
unsigned char *mutant_reached;

__attribute__((constructor)) static void choose(void) {
        const char *mutant = getenv("BARRIER_MUTANT"), *reached = getenv("BARRIER_REACHED");
        int fd = reached ? open(reached, O_RDWR | O_CLOEXEC) : -1;

        if (fd >= 0) {
                mutant_reached = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                close(fd);
        }
        if (mutant)
                mutant_chosen = atoi(mutant);
}
'''
PROGRAMS = {'explore': 'verify/states/explore.c', 'faults': 'verify/failures/faults.c'}

out = os.path.abspath(sys.argv[1])
check_flags, check_libs = (subprocess.check_output(['pkg-config', o, 'check'], text=True).split()
                           for o in ('--cflags', '--libs'))


def run(argv, limit, until=None, **environment):
    """Runs a program, each of whose processes may take so many seconds of CPU time, until it ends or
    says what `until` matches."""
    begun, said, status = time.time(), b'', None
    process = subprocess.Popen(
        ['sh', '-c', 'ulimit -t %d; ulimit -f 100000; ulimit -n 1024; exec timeout %d "$@"' % (
            limit, 20 * limit + 100), 'sh'] + argv, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, **environment))
    with process.stdout as pipe:
        while True:
            # What it started may live on, and keep the pipe open.
            if select.select([pipe], [], [], 0.1)[0]:
                new = os.read(pipe.fileno(), 65536)
                said += new
                if not new or until and until.search(said.decode(errors='replace')):
                    break
            elif os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                break
        if until:
            os.kill(process.pid, signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return SimpleNamespace(status=process.returncode, said=said.decode(errors='replace'),
                           cpu=usage.ru_utime + usage.ru_stime, wall=time.time() - begun)


def must(errors):
    if errors:
        sys.exit('mutate: ' + errors)


def compile_(*argv):
    """Returns what the compiler says against it."""
    process = subprocess.run(['gcc', *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    return process.stderr if process.returncode else ''


class Build:
    """A barrier.c in a directory of its own, and the programs made of it when they are asked for"""

    def __init__(self, name, source, objects=()):
        self.dir, self.objects, self.lock = os.path.join(out, name), list(objects), threading.Lock()
        os.makedirs(self.dir)
        self.write(source)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, source):
        with open(self.path('barrier.c'), 'w') as f:
            f.write(source)

    def compile(self, *more):
        return compile_(*CFLAGS, *more, '-I.', '-c', '-o', self.path('barrier.o'),
                        self.path('barrier.c'))

    def object(self):
        with open(self.path('barrier.o'), 'rb') as f:
            return f.read()

    def program(self, name):
        with self.lock:
            if not os.path.exists(self.path(name)):
                self.make(name)
        return self.path(name)

    def make(self, name):
        if name == 'suite':
            argv = CFLAGS + [self.path('barrier.o'), os.path.join(out, 'test-barrier.o')]
        elif name == 'sanitizers':
            argv = SANITIZE + ['-I.', self.path('barrier.c'), 'test-barrier.c', *check_flags]
        else:
            for path in glob.glob('verify/**/*.[ch]', recursive=True) + ['barrier.h']:
                os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
                shutil.copy(path, self.path(path))
            argv = CFLAGS + [self.path(PROGRAMS[name])]
        must(compile_('-o', self.path(name), *argv, *self.objects, *check_libs))


class Mutate:
    def __init__(self, source):
        self.source = source
        self.found = mutants.Mutants(source)
        self.reach = {}     # which functions, of a test or program
        self.failed = {}    # which tests how often, of a function
        self.odd = []
        with open(os.path.join(out, 'chosen.c'), 'w') as f:
            f.write(CHOSEN)
        for name, *argv in ('chosen', os.path.join(out, 'chosen.c')), \
                ('test-barrier', '-I.', *check_flags, 'test-barrier.c'):
            must(compile_(*CFLAGS, '-c', '-o', os.path.join(out, name + '.o'), *argv))
        self.plain = Build('plain', self.source)
        must(self.plain.compile())

    def compile(self, name, chosen):
        """All that can be chosen at run time. Returns the numbers of what the compiler refuses."""
        inside, refused = [m for m in chosen if m.body], set()
        self.schema = Build(name, '', [os.path.join(out, 'chosen.o')])
        while True:
            self.schema.write(self.found.schema(inside))
            errors = self.schema.compile('-O0')
            if not errors:
                must(self.schema.compile())
                return refused
            new = {int(n) for n in re.findall(r'^mutant-(\d+):.* error:', errors, re.M)}
            must('' if new else errors)
            refused |= new
            inside = [m for m in inside if m.number not in refused]

    # ---- what reaches what ----------------------------------------------------------------------

    def map_one(self, name, argv, **environment):
        with tempfile.NamedTemporaryFile(dir=out) as f:
            f.truncate(4096)
            result = run(argv, 120, BARRIER_REACHED=f.name, **environment)
            reached = f.read()
        must(result.status and 'barrier.c as it stands does not pass:\n' + result.said)
        self.reach[name] = {f.name for n, f in enumerate(self.found.functions) if reached[n]}

    def map_suite(self, pool):
        suite = self.schema.program('suite')
        self.tests = PASSED.findall(run([suite], 60, CK_TAP_LOG_FILE_NAME='-').said)
        list(pool.map(lambda name: self.map_one(name, [suite], BARRIER_TESTS=name),
                      self.tests))

    def reaches(self, name, argv, mutant):
        with self.schema.lock:
            if name not in self.reach:
                self.map_one(name, argv)
        return not mutant.body or mutant.body.name in self.reach[name]

    # ---- who sees it: each returns how, or None --------------------------------------------------

    def test(self, program, names, patience, mutant=None, limit=1):
        """Up to the first test that fails"""
        return run([program], limit, FAILED,
                   BARRIER_TESTS='\n'.join(names), CK_TAP_LOG_FILE_NAME='-',
                   BARRIER_MUTANT=str(mutant.number if mutant else 0),
                   CK_DEFAULT_TIMEOUT=str(patience))

    def failing(self, program, mutant, *limits):
        """The tests that fail: first of those that failed for others or reach little else."""
        failed = self.failed.setdefault(mutant.within, {})
        names = [n for n in self.tests if not mutant.body or mutant.body.name in self.reach[n]]
        likely = {*sorted(names, key=lambda n: -failed.get(n, 0))[:6],
                  *sorted(names, key=lambda n: len(self.reach[n]))[:6]}
        for batch in [n for n in names if n in likely], [n for n in names if n not in likely]:
            while batch:
                result = self.test(program, batch, limits[0], mutant, *limits[1:])
                found = FAILED.search(result.said)
                if not found:
                    if result.status:
                        self.is_odd(mutant, program, 'status %d' % result.status)
                    break
                name = max((n for n in batch if found[1].startswith(n + ': ')), key=len)
                batch = batch[batch.index(name) + 1:]
                failed[name] = failed.get(name, 0) + 1
                yield name, found[1], result

    def suite(self, build, mutant):
        program = build.program('suite')
        for name, said, result in self.failing(program, mutant, PATIENCE):
            # On a machine that is busy just now the question is put again, with more time.
            for patience in (PATIENCE, 4 * PATIENCE, 16 * PATIENCE):
                if 'timeout expired' not in said and result.cpu < 0.9:
                    return 'suite', said
                result = self.test(program, [name], patience, mutant)
                found = FAILED.search(result.said)
                if not found:
                    break
                said = found[1]
                plain = self.test(self.schema.program('suite'), [name], patience)
                if plain.status == 0 and (result.cpu > max(0.9, 5 * plain.cpu) or
                                          result.wall > max(patience, 5 * plain.wall)):
                    return 'hangs', said
            self.is_odd(mutant, 'suite', said)
        return None

    def sanitizers(self, build, mutant):
        program = build.program('sanitizers')
        for name, said, _ in self.failing(program, mutant, 12 * PATIENCE, 12):
            if 'timeout expired' not in said and not self.test(
                    self.schema.program('sanitizers'), [name], 12 * PATIENCE, limit=12).status:
                return 'sanitizers', said
            self.is_odd(mutant, 'sanitizers', said)
        return None

    def explore(self, build, mutant):
        if not self.reaches('explore', [self.schema.program('explore'), '--short'], mutant):
            return None
        result = self.ask([build.program('explore'), '--short'], mutant)
        if result.status and 'The shortest schedule' not in result.said:
            self.is_odd(mutant, 'explore', 'status %d' % result.status)
            return None
        return ('explore', result.said) if result.status else None

    def faults(self, build, mutant):
        faults = self.schema.program('faults')
        for name in re.findall('^        (.*)$', run([faults, '--short', ''], 60).said, re.M):
            if not self.reaches('faults: ' + name, [faults, '--short', name], mutant):
                continue
            result = self.ask([build.program('faults'), '--short', name], mutant)
            said = re.search('^faults: [^0-9].*', result.said, re.M)
            if said:
                return 'faults', '%s: %s' % (name, said[0])
            if result.status:
                self.is_odd(mutant, 'faults', '%s: status %d' % (name, result.status))
        return None

    def prove(self, build, mutant):
        alone = os.path.join(out, 'alone-%d' % mutant.number)
        result = self.ask(['sh', 'verify/inputs/prove.sh', '--source', alone, '--fast'], mutant)
        must(result.status > 1 and result.said)
        return ('prove', result.said) if result.status else None

    def ask(self, argv, mutant):
        return run(argv, 60, BARRIER_MUTANT=str(mutant.number))

    def is_odd(self, mutant, kind, said):
        self.odd.append('%s: %s: %s: %s' % (mutant.within, mutant.name, kind, said))

    def judge(self, mutant, kinds):
        """Returns who sees it, and how"""
        build = self.schema
        if not mutant.body or kinds[0] != 'suite':
            alone = Build('alone-%d' % mutant.number, mutant.apply(self.source))
            if alone.compile():
                return 'compiler', ''
            if alone.object() == self.plain.object():
                return 'same code', ''
            build = build if mutant.body else alone
        for kind in kinds:
            seen = getattr(self, kind)(build, mutant)
            if seen:
                return seen
        return 'nothing', ''


# ---- survivors -----------------------------------------------------------------------------------

def listed(found):
    """The mutants that survivors lists. A function that is not there any more stands for the one
    that has all that is listed of it."""
    by_name, entries, result = {}, {}, set()
    for m in found.all:
        by_name.setdefault(m.within, {})[mutants.fold(m.name)] = m
    with open('verify/tests/survivors') as f:
        for line in f:
            if line[0] not in ' #\n':
                within, name = line.rstrip('\n').split(': ', 1)
                entries.setdefault(within, []).append(mutants.fold(name))
    for within, names in entries.items():
        heirs = [within] if within in by_name else [
            w for w, had in by_name.items() if w not in entries and had.keys() >= {*names}]
        must(len(heirs) != 1 and 'survivors names what is not there: ' + within)
        for name in names:
            must(name not in by_name[heirs[0]] and
                 'survivors names what is no mutant: %s: %s' % (within, name))
            result.add(by_name[heirs[0]][name].number)
    return result


def spread(all_, n):
    return [all_[int((i + 0.5) * len(all_) / n)] for i in range(n)] if n < len(all_) else all_


class Report:
    def __init__(self, mutate):
        self.mutate, self.log = mutate, open(os.path.join(out, 'log'), 'w')
        self.seen = {}

    def all(self, pool, chosen, kinds):
        """Judges these, and says how it went. Returns what nobody has seen."""
        for m, (kind, how) in zip(chosen, pool.map(lambda m: self.mutate.judge(m, kinds), chosen)):
            self.note(m, kind, how)
        return [m for m in chosen if self.seen[m.number] == 'nothing']

    def note(self, m, kind, how):
        self.seen[m.number] = kind
        print('%-10s  %s: %s' % (kind, m.within, m.name), flush=True)
        self.log.write('%s: %s: %s\n%s\n' % (kind, m.within, m.name, how))

    def end(self, wrong):
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN,
                                                     resource.RUSAGE_SELF)]
        kinds = [*self.seen.values()]
        for what in self.mutate.odd + wrong:
            print(what)
        print('mutate: %s; %d failed, %d s of CPU time' % (
            ', '.join('%d %s' % (kinds.count(k), k) for k in sorted(set(kinds))), len(wrong),
            sum(u.ru_utime + u.ru_stime for u in usage)))
        sys.exit(1 if wrong or not kinds else 0)


def main(which=''):
    with open('barrier.c') as f:
        mutate = Mutate(f.read())
    survivors = listed(mutate.found)
    chosen = mutate.found.all
    if which == 'listed':
        chosen = [m for m in chosen if m.number in survivors]
    elif which.isdigit():
        chosen = spread([m for m in chosen if m.number not in survivors], int(which))
    else:
        chosen = [m for m in chosen if ('%s: %s' % (m.within, m.name)).startswith(which)]
    must('' if chosen else 'no mutant is called ' + which)
    report = Report(mutate)
    refused = mutate.compile('all', chosen)
    for m in chosen:
        if m.number in refused:
            report.note(m, 'compiler', '')
    rest = [m for m in chosen if m.number not in refused]
    with ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        mutate.map_suite(pool)
        rest = report.all(pool, rest, ['suite'])
    if which != 'listed':
        rest = [m for m in rest if m.number not in survivors]
    if rest:
        mutate.compile('rest', rest)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            report.all(pool, rest, ['sanitizers', 'explore', 'faults', 'prove'])
    wrong = []
    for m in chosen:
        kind = report.seen[m.number]
        if m.number in survivors and kind != 'nothing':
            wrong.append('is listed, but: %s: %s: %s' % (kind, m.within, m.name))
        elif m.number not in survivors and kind == 'nothing':
            wrong.append('survives and is not listed: %s: %s' % (m.within, m.name))
    report.end(wrong)


if __name__ == '__main__':
    main(*sys.argv[2:])
