# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
"""mutate.py - see mutate.sh, which starts it: mutate.py DIR [ARGUMENT]

All mutants inside of functions are compiled into one barrier.c (schema() of mutants.py); the
environment says which one runs. The others, of macros, types and constants, are compiled each by
itself. How a mutant is found out:

    suite       a test fails, of those that reach the function, and passes with nothing changed
    hangs       a test is ended by libcheck after some seconds, or by the kernel after a second of CPU
                time, and passes with nothing changed in a fifth of that right afterwards
    sanitizers  a test fails with AddressSanitizer and UBSan, and zeros in what was never set
    explore     a violation in its short form; asked if it reaches the function
    faults      the same
    prove       a proof does not hold, of the fast ones that are about the function

Anything else, a program that takes too long or dies of a limit, counts for nothing, and is said.
"""
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

FIRST = 20000   # states of each of explore's passes, where it is asked alone
PASSED = re.compile(r'^ok \d+ - [^:]*:[^:]*:(.*): Passed$', re.M)
FAILED = re.compile(r'^not ok \d+ - [^:]*:[^:]*:(.*)\n', re.M)
ENDED = re.compile('timeout expired|CPU time|Killed')
CFLAGS = '-std=c99 -O2 -ftrivial-auto-var-init=pattern -Werror=return-type -I.'.split()
SANITIZE = '''-std=c99 -O1 -w -ftrivial-auto-var-init=zero -fsanitize=address,undefined
    -fno-sanitize-recover=all -I.'''.split()
PATIENCE = {'suite': (2, 1), 'sanitizers': (60, 12)}    # seconds for a test, and of CPU time
EXPLORE, FAULTS = 'verify/states/explore.c', 'verify/failures/faults.c'
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
        mutant_chosen = mutant ? atoi(mutant) : 0;
}
'''
out = os.path.abspath(sys.argv[1])


def run(argv, limit, until=None, **environment):
    """Runs a program, each of whose processes may take so many seconds of CPU time, until it ends or
    says what `until` matches."""
    begun, said = time.time(), b''
    process = subprocess.Popen(
        ['sh', '-c', 'ulimit -t %d; ulimit -f 100000; ulimit -n 1024; exec timeout %d "$@"' % (
            limit, 20 * limit + 100), 'sh', *argv], stdin=subprocess.DEVNULL,
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
    check = subprocess.check_output(['pkg-config', '--cflags', '--libs', 'check'], text=True)
    process = subprocess.run(['gcc', *argv, *check.split()], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    return process.stderr if process.returncode else ''


class Build:
    """A barrier.c in a directory of its own, and the programs made of it when they are asked for"""

    def __init__(self, name, source, *objects):
        self.dir, self.objects, self.lock = os.path.join(out, name), objects, threading.Lock()
        os.makedirs(self.dir, exist_ok=True)
        self.write(source)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, source):
        with open(self.path('barrier.c'), 'w') as f:
            f.write(source)

    def compile(self, *more):
        return compile_(*CFLAGS, *more, '-c', '-o', self.path('barrier.o'), self.path('barrier.c'))

    def object(self):
        with open(self.path('barrier.o'), 'rb') as f:
            return f.read()

    def program(self, name):
        with self.lock:
            if not os.path.exists(self.path(name)):
                shutil.copytree('verify', self.path('verify'), dirs_exist_ok=True)
                shutil.copy('barrier.h', self.dir)
                must(compile_('-o', self.path(name), *self.objects, *{
                    'suite': [*CFLAGS, self.path('barrier.c'), os.path.join(out, 'test-barrier.o')],
                    'sanitizers': [*SANITIZE, self.path('barrier.c'), 'test-barrier.c'],
                    'explore': [*CFLAGS, self.path(EXPLORE)],
                    'faults': [*CFLAGS, self.path(FAULTS)]}[name]))
        return self.path(name)


class Mutate:
    def __init__(self, source):
        self.source = source
        self.found = mutants.Mutants(source)
        self.reach = {}     # which functions, of a test or program
        self.failed = {}    # which tests how often, of a function
        self.kind = {}      # who has seen it, of a mutant's number
        self.odd = []
        self.log = open(os.path.join(out, 'log'), 'w')
        with open(os.path.join(out, 'chosen.c'), 'w') as f:
            f.write(CHOSEN)
        self.chosen = os.path.join(out, 'chosen.o')
        must(compile_('-c', '-o', self.chosen, os.path.join(out, 'chosen.c')))

    def compile(self, name, chosen):
        """All that can be chosen at run time. Returns what the compiler does not refuse."""
        refused = set()
        self.schema = Build(name, '', self.chosen)
        while True:
            self.schema.write(self.found.schema(
                [m for m in chosen if m.body and m.number not in refused]))
            errors = self.schema.compile('-O0')
            if not errors:
                break
            new = {int(n) for n in re.findall(r'^mutant-(\d+):.* error:', errors, re.M)}
            must('' if new else errors)
            refused |= new
        for m in chosen:
            if m.number in refused:
                self.note(m, 'compiler', '')
        return [m for m in chosen if m.number not in refused]

    # ---- what reaches what ----------------------------------------------------------------------

    def map_one(self, name, argv, **environment):
        with tempfile.NamedTemporaryFile(dir=out) as f:
            f.truncate(4096)
            result = run(argv, 120, BARRIER_REACHED=f.name, **environment)
            reached = f.read()
        must(result.status and 'barrier.c as it stands does not pass:\n' + result.said)
        self.reach[name] = {f['name'] for n, f in enumerate(self.found.functions) if reached[n]}

    def map_suite(self, pool):
        suite = self.schema.program('suite')
        self.tests = PASSED.findall(run([suite], 60, CK_TAP_LOG_FILE_NAME='-').said)
        list(pool.map(lambda name: self.map_one(name, [suite], BARRIER_TESTS=name), self.tests))

    def reaches(self, name, argv, mutant):
        with self.schema.lock:
            if name not in self.reach:
                self.map_one(name, argv)
        return not mutant.body or mutant.within in self.reach[name]

    # ---- who sees it: each returns how, or None --------------------------------------------------

    def test(self, program, names, patience, limit, mutant=None):
        """Up to the first test that fails"""
        return run([program], limit, FAILED,
                   BARRIER_TESTS='\n'.join(names), CK_TAP_LOG_FILE_NAME='-',
                   BARRIER_MUTANT=str(mutant.number if mutant else 0),
                   CK_DEFAULT_TIMEOUT=str(patience))

    def failing(self, program, mutant, *limits):
        """The tests that fail: first of those that failed for others or reach little else."""
        failed = self.failed.setdefault(mutant.within, {})
        names = [n for n in self.tests if not mutant.body or mutant.within in self.reach[n]]
        names.sort(key=lambda n: (-failed.get(n, 0), len(self.reach[n])))
        for batch in names[:12], names[12:]:
            while batch:
                result = self.test(program, batch, *limits, mutant)
                found = FAILED.search(result.said)
                if not found:
                    if result.status:
                        self.is_odd(mutant, program, 'status %d' % result.status)
                    break
                name = max((n for n in batch if found[1].startswith(n + ': ')), key=len)
                batch.remove(name)
                failed[name] = failed.get(name, 0) + 1
                yield name, found[1]

    def by_tests(self, kind, build, mutant):
        program, (patience, limit) = build.program(kind), PATIENCE[kind]
        for name, said in self.failing(program, mutant, patience, limit):
            # On a machine that is busy just now the question is put again, with more time.
            for times in 1, 4, 16:
                ended = ENDED.search(said)
                plain = self.test(self.schema.program(kind), [name], times * patience, limit)
                if not plain.status and (not ended or (plain.cpu < limit / 5 and
                                                       plain.wall < times * patience / 5)):
                    return 'hangs' if ended else kind, said
                result = self.test(program, [name], 4 * times * patience, limit, mutant)
                if not result.status:
                    break
                said = result.said
            self.is_odd(mutant, kind, said)
        return None

    def by_program(self, name, build, mutant):
        """Explore or faults, in its short form"""
        if not self.reaches(name, [self.schema.program(name), '--short'], mutant):
            return None
        result = self.ask(mutant, build.program(name), '--short')
        if result.status not in (0, 1):
            self.is_odd(mutant, name, 'status %d' % result.status)
        return (name, result.said) if result.status == 1 else None

    def by_prove(self, alone, mutant):
        about = ['--of', mutant.within] if mutant.body else []
        result = self.ask(mutant, 'sh', 'verify/inputs/prove.sh', '--source', alone.dir, *about)
        must(result.status > 1 and result.said)
        return ('prove', result.said) if result.status else None

    def ask(self, mutant, *argv, limit=60):
        return run(argv, limit, BARRIER_MUTANT=str(mutant.number))

    def is_odd(self, mutant, kind, said):
        self.odd.append('%s: %s: %s: %s' % (mutant.within, mutant.name, kind, said))

    # ---- all of them -----------------------------------------------------------------------------

    def note(self, mutant, kind, how):
        self.kind[mutant.number] = kind
        print('%-10s  %s: %s' % (kind, mutant.within, mutant.name), flush=True)
        self.log.write('%s: %s: %s\n%s\n' % (kind, mutant.within, mutant.name, how))

    def judge(self, mutant, first):
        """Returns who sees it, and how. First the suite is asked, where it can be chosen."""
        build = self.schema
        if not (mutant.body and first):
            alone = Build('alone-%d' % mutant.number, mutant.apply(self.source))
            if alone.compile():
                return 'compiler', ''
            if alone.object() == self.plain.object():
                return 'same code', ''
            build = build if mutant.body else alone
        if first:
            return self.by_tests('suite', build, mutant) or ('nothing', '')
        return self.by_tests('sanitizers', build, mutant) or \
            self.by_program('explore', build, mutant) or \
            self.by_program('faults', build, mutant) or \
            self.by_prove(alone, mutant) or ('nothing', '')

    def judge_all(self, chosen, survivors):
        """Those that are known to survive are asked of the suite alone."""
        must(compile_(*CFLAGS, '-c', '-o', os.path.join(out, 'test-barrier.o'), 'test-barrier.c'))
        self.plain = Build('plain', self.source)
        must(self.plain.compile())
        for first in True, False:
            chosen = chosen and self.compile('first' if first else 'then', chosen)
            with ThreadPoolExecutor(os.cpu_count() * (2 if first else 1)) as pool:
                if first:
                    self.map_suite(pool)
                for m, how in zip(chosen, pool.map(lambda m: self.judge(m, first), chosen)):
                    self.note(m, *how)
            chosen = [m for m in chosen if self.kind[m.number] == 'nothing' and
                      m.number not in survivors]

    def explore_alone(self):
        """Returns what is wrong: explore can say so, no mutant makes it, and no comment says why."""
        with open(EXPLORE) as f:
            can_say = re.findall(r'(/\* No mutant[^"]*)?violation\(\s*"([^"%:]+)', f.read())
        said = {text: 0 for _, text in can_say}
        chosen = self.compile('first', self.found.all)
        argv = [self.schema.program('explore'), '--first', str(FIRST)]
        chosen = [m for m in chosen if m.body and self.reaches('explore', argv, m)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for m, result in zip(chosen, pool.map(lambda m: self.ask(m, *argv, limit=1), chosen)):
                for text in said:
                    said[text] += '\n     ' + text in result.said
                self.note(m, {0: 'nothing', 1: 'explore'}.get(result.status, 'no answer'), result.said)
        for text, n in said.items():
            print('%4d  %s' % (n, text))
        return ['no mutant makes explore say: ' + text for reason, text in can_say
                if not said[text] and not reason]

    def end(self, wrong):
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN,
                                                     resource.RUSAGE_SELF)]
        kinds = [*self.kind.values()]
        for what in self.odd + wrong:
            print(what)
        print('mutate: %s; %d failed, %d s of CPU time' % (
            ', '.join('%d %s' % (kinds.count(k), k) for k in sorted(set(kinds))), len(wrong),
            sum(u.ru_utime + u.ru_stime for u in usage)))
        sys.exit(1 if wrong or not kinds else 0)


def listed(found):
    """The mutants that survivors lists. A function that is not there any more stands for the one
    that has all that is listed of it."""
    by_name, entries, result = {}, {}, set()
    for m in found.all:
        by_name.setdefault(m.within, {})[mutants.fold(m.name)] = m.number
    with open('verify/tests/survivors') as f:
        for line in f:
            if line[0] not in ' #\n':
                within, name = line.rstrip('\n').split(': ', 1)
                entries.setdefault(within, set()).add(mutants.fold(name))
    for within, names in entries.items():
        heirs = [within] if within in by_name else [
            w for w, had in by_name.items() if w not in entries and had.keys() >= names]
        must(len(heirs) != 1 and 'survivors names what is not there: ' + within)
        missing = names - by_name[heirs[0]].keys()
        must(missing and 'survivors names what is no mutant: %s: %s' % (within, missing.pop()))
        result |= {by_name[heirs[0]][name] for name in names}
    return result


def main(which=''):
    with open('barrier.c') as f:
        mutate = Mutate(f.read())
    if which == 'explore':
        mutate.end(mutate.explore_alone())
    survivors = listed(mutate.found)
    chosen = mutate.found.all
    if which == 'listed':
        chosen = [m for m in chosen if m.number in survivors]
    elif which.isdigit():
        chosen = [m for m in chosen if m.number not in survivors]
        n = min(int(which), len(chosen))
        chosen = [chosen[int((i + 0.5) * len(chosen) / n)] for i in range(n)]
    else:
        chosen = [m for m in chosen if ('%s: %s' % (m.within, m.name)).startswith(which)]
    must('' if chosen else 'no mutant is called ' + which)
    mutate.judge_all(chosen, set() if which == 'listed' else survivors)
    wrong = []
    for m in chosen:
        if (m.number in survivors) != (mutate.kind[m.number] == 'nothing'):
            wrong.append('%s: %s: %s: %s' % (
                'is listed, but' if m.number in survivors else 'is not listed, and seen by',
                mutate.kind[m.number], m.within, m.name))
    mutate.end(wrong)


if __name__ == '__main__':
    main(*sys.argv[2:])
