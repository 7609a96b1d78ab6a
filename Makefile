# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors

CC ?= cc
AR ?= ar
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
# The address of the project, for barrier.pc and the manual page; they leave it out as long as it is
# empty. It is filled in here and nowhere else.
URL :=
# Where products go; another directory, without spaces in its name, keeps a second build apart.
override BUILD := $(or $(BUILD),.)

# What the environment has by these names is something else.
N :=
OLD :=
FROM :=
QUIET :=
THREADS :=
unexport CDPATH

VERSION := $(shell sed -n 's/^.define BARRIER_VERSION "\(.*\)"/\1/p' barrier.h)
FUNCTIONS := $(shell sed -n 's/^BARRIER_[A-Z]* [a-z ]*\(barrier_[a-z_]*\).*/\1/p' barrier.h)
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
# What the user gives comes last and wins.
COMPILE = $(CC) -std=c99 $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
EXAMPLES := spawn userns daemonize prefork handover launch
FLAGS := $(BUILD)/build/flags

.DELETE_ON_ERROR:
.PHONY: all
all: $(BUILD)/libbarrier.a $(BUILD)/doc/barrier.3 $(EXAMPLES:%=$(BUILD)/examples/%)
all: ## the library, its manual page and the examples

# What is compiled is compiled again when the compiler or its options change.
$(FLAGS): export COMMAND = $(COMPILE) $(LDFLAGS) $(OLD) $(URL)
$(FLAGS): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$COMMAND" | cmp -s - $@ || printf '%s\n' "$$COMMAND" > $@
FORCE:

$(BUILD)/barrier.o: barrier.c barrier.h $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/libbarrier.a: $(BUILD)/barrier.o
	rm -f $@
	$(AR) rcs $@ $<

$(BUILD)/doc/barrier.3: barrier.h doc/man.awk $(FLAGS)
	@mkdir -p $(@D)
	awk -v date="$$(date -u -r barrier.h +%Y-%m-%d)" -v url='$(URL)' -f doc/man.awk barrier.h > $@

$(BUILD)/examples/%: examples/%.c barrier.h $(BUILD)/libbarrier.a $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) $(THREADS) -I. $(LDFLAGS) -o $@ $< $(BUILD)/libbarrier.a

$(BUILD)/examples/launch: THREADS := -pthread

# ---- tests --------------------------------------------------------------------------------------

SHORT := explore-short faults-short kill-short
PARTS := suite readme installed filter $(SHORT) 'starts N=500' 'demo QUIET=-q'

.PHONY: check suite readme installed
check: all ## the suite, the code in README and doc/, what is installed, short proofs, the demo
	@MAKE='$(MAKE)' sh verify/tests/count.sh $(PARTS)

suite: $(BUILD)/test-barrier
	$(BUILD)/test-barrier

$(BUILD)/test-barrier: test-barrier.c barrier.h $(BUILD)/libbarrier.a $(FLAGS)
	@mkdir -p $(@D)
	@pkg-config --exists check || { echo 'make check needs libcheck and pkg-config:' \
		'apt-get install check pkgconf' >&2; exit 1; }
	$(COMPILE) -I. $$(pkg-config --cflags check) $(LDFLAGS) -o $@ $< $(BUILD)/libbarrier.a \
		$$(pkg-config --libs check)

readme:
	@BUILD=$(BUILD)/build CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
		sh verify/tests/readme.sh

installed:
	@MAKE='$(MAKE)' BUILD=$(BUILD)/build CC='$(CC)' sh verify/tests/installed.sh

# ---- proofs -------------------------------------------------------------------------------------

PROOFS := states/explore states/model inputs/fuzz-import failures/faults failures/filter \
	failures/hostile failures/kill failures/soak failures/starts
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/verify/%: verify/%.c verify/common.h barrier.c barrier.h $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) $(LDFLAGS) -o $@ $<

$(BUILD)/verify/failures/hostile: verify/failures/hostile.c verify/common.h barrier.c barrier.h \
		$(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -pthread $(SANITIZE) $(LDFLAGS) -o $@ $<

$(BUILD)/verify/inputs/fuzz-import: verify/inputs/fuzz-import.c verify/common.h barrier.c barrier.h
	@mkdir -p $(@D)
	clang -std=c99 $(WARNINGS) -O1 -g -fsanitize=fuzzer,address,undefined -o $@ $<

$(BUILD)/verify/failures/starts: verify/failures/starts.c examples/launch.c verify/common.h \
		barrier.c barrier.h $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -pthread -I. $(LDFLAGS) -o $@ $<

.PHONY: explore model mutants faults filter hostile fuzz soak starts kill bench $(SHORT)
explore: $(BUILD)/verify/states/explore ## every state that the two sides can reach, against a model
	$(BUILD)/verify/states/explore
	$(BUILD)/verify/states/explore --leads

explore-short: $(BUILD)/verify/states/explore
	$(BUILD)/verify/states/explore --short

$(BUILD)/verify/states/explore $(BUILD)/verify/states/model: verify/states/kernel.h
model: $(BUILD)/verify/states/model ## whether the kernel does what explore's model says, N calls
	$(BUILD)/verify/states/model $(N)

mutants: ## break barrier.c everywhere, and ask explore alone; each of its rules has to see one
	BUILD=$(BUILD)/build sh verify/tests/mutate.sh explore

.PHONY: spin spin-short
spin: ## the protocol as a model of its own in every state, by Spin
	BUILD=$(BUILD)/build sh verify/states/spin.sh

spin-short:
	BUILD=$(BUILD)/build sh verify/states/spin.sh --short

faults: $(BUILD)/verify/failures/faults $(BUILD)/barrier.o ## every system call fails in turn
	nm -u -P $(BUILD)/barrier.o | $(BUILD)/verify/failures/faults --symbols
	$(BUILD)/verify/failures/faults

faults-short: $(BUILD)/verify/failures/faults $(BUILD)/barrier.o
	nm -u -P $(BUILD)/barrier.o | $(BUILD)/verify/failures/faults --symbols
	$(BUILD)/verify/failures/faults --short

filter: $(BUILD)/verify/failures/filter ## all of it behind a seccomp filter made from barrier.h
	$(BUILD)/verify/failures/filter

hostile: $(BUILD)/verify/failures/hostile ## a peer that was taken over, N operations
	$(BUILD)/verify/failures/hostile $(N)

fuzz: $(BUILD)/verify/inputs/fuzz-import ## barrier_import() under libFuzzer, N runs
	$(BUILD)/verify/inputs/fuzz-import -runs=$(or $(N),500000) -verbosity=0

soak: $(BUILD)/verify/failures/soak ## N handshakes with SIGKILL at random moments
	$(BUILD)/verify/failures/soak $(N)

starts: $(BUILD)/verify/failures/starts ## N starts from six threads; children are killed and stopped
	$(BUILD)/verify/failures/starts $(N)

kill: all $(BUILD)/verify/failures/kill ## the examples killed at each system call; nothing runs on
	$(BUILD)/verify/failures/kill $(BUILD)/examples

kill-short: all $(BUILD)/verify/failures/kill
	$(BUILD)/verify/failures/kill --short $(BUILD)/examples

.PHONY: mutate-examples
mutate-examples: all $(BUILD)/verify/failures/kill ## break the examples, or the one called N: something sees it
	CC='$(CC)' BUILD=$(BUILD)/build sh verify/tests/mutate-examples.sh '$(N)'

# What the scripts build goes below build/ as well.
.PHONY: coverage sanitize analyze matrix newest cross systemd versions prove troubleshooting \
	others kernels mutate loops
coverage: ## lines, branches and MC/DC of barrier.c that the tests run
sanitize: ## the tests under sanitizers and valgrind
analyze: ## static analysis
matrix: ## barrier.c by every compiler, optimisation and standard of C, under the tests
newest: ## the newest compilers, C libraries and valgrind, of Debian sid: warnings, and the tests
cross: ## the tests on other machines, emulated, and with musl
systemd: ## systemd with this barrier in the place of its own, and its own test of it
versions: ## barrier 1.1.0 on the other side, in every ending, and each other's strings
prove: ## every function for every input, by CBMC
troubleshooting: ## the commands of doc/TROUBLESHOOTING.md, on programs that hang
coverage sanitize analyze matrix newest cross systemd versions prove troubleshooting:
	BUILD=$(BUILD)/build sh verify/*/$@.sh

others: $(EXAMPLES:%=$(BUILD)/examples/%) ## how others start a program, as doc/OTHERS.md has it
	CC='$(CC)' BUILD=$(BUILD)/build sh verify/programs/others.sh $(BUILD)/examples

kernels: ## the suite and make model on Debian's kernels and gVisor: the first N, or those that match N
mutate: ## break barrier.c everywhere, in N places or where N says; some test or proof sees it
loops: ## barrier_epoll() and the descriptors in event loops, with N rounds of ping-pong
kernels mutate loops:
	BUILD=$(BUILD)/build sh verify/*/$@.sh '$(N)'

bench: $(BUILD)/bench/bench $(BUILD)/bench/start
bench: ## what a wait and a start cost, beside what else there is, and beside OLD, another barrier.c
	$(BUILD)/bench/bench
	$(BUILD)/bench/start

.PHONY: plots
plots: ## the pictures in bench/, of FROM, a file with what make bench printed
	sh bench/plots.sh '$(FROM)'

$(BUILD)/bench/bench: bench/bench.c bench/build.c bench/bench.h barrier.c barrier.h $(OLD) \
		$(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -c -o $(BUILD)/build/present.o bench/build.c
	$(if $(OLD),$(COMPILE) -DBUILD=old -DBARRIER_C='"$(abspath $(OLD))"' -c -o $(BUILD)/build/old.o \
		bench/build.c)
	$(COMPILE) -pthread -static $(LDFLAGS) -o $@ $< $(BUILD)/build/present.o \
		$(OLD:%=$(BUILD)/build/old.o)

$(BUILD)/bench/start: bench/start.c examples/launch.c barrier.h $(BUILD)/libbarrier.a $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -pthread -I. $(LDFLAGS) -o $@ $< $(BUILD)/libbarrier.a

# ---- use ----------------------------------------------------------------------------------------

.PHONY: demo install uninstall clean help dist
demo: all ## run the examples and compare what they do with what they should
	@CC='$(CC)' sh examples/demo.sh $(QUIET) $(BUILD)/examples

install: $(BUILD)/libbarrier.a $(BUILD)/doc/barrier.3
install: ## header, library, barrier.pc, manual pages, to DESTDIR, PREFIX; give it make's options
	install -d '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(LIBDIR)' '$(DESTDIR)$(PKGCONFIGDIR)' \
		'$(DESTDIR)$(MANDIR)/man3'
	install -m 644 barrier.h '$(DESTDIR)$(INCLUDEDIR)/barrier.h'
	install -m 644 $(BUILD)/libbarrier.a '$(DESTDIR)$(LIBDIR)/libbarrier.a'
	install -m 644 $(BUILD)/doc/barrier.3 '$(DESTDIR)$(MANDIR)/man3/barrier.3'
	cd '$(DESTDIR)$(MANDIR)/man3' && for name in $(FUNCTIONS); do \
		ln -sf barrier.3 $$name.3 || exit; done
	printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$(INCLUDEDIR)' 'libdir=$(LIBDIR)' 'Name: barrier' \
		'Description: Synchronises the two sides of a fork()' $(URL:%='URL: %') \
		'Version: $(VERSION)' \
		'Libs: -L$${libdir} -lbarrier' 'Cflags: -I$${includedir}' \
		> '$(DESTDIR)$(PKGCONFIGDIR)/barrier.pc'
	chmod 644 '$(DESTDIR)$(PKGCONFIGDIR)/barrier.pc'

uninstall: ## what install has put there
	rm -f '$(DESTDIR)$(INCLUDEDIR)/barrier.h' '$(DESTDIR)$(LIBDIR)/libbarrier.a' \
		'$(DESTDIR)$(PKGCONFIGDIR)/barrier.pc' \
		$(FUNCTIONS:%='$(DESTDIR)$(MANDIR)/man3/%.3') '$(DESTDIR)$(MANDIR)/man3/barrier.3'

clean: ## all that was built
	rm -rf $(BUILD)/build
	rm -f barrier-*.tar.gz $(BUILD)/barrier.o $(BUILD)/libbarrier.a $(BUILD)/test-barrier \
		$(EXAMPLES:%=$(BUILD)/examples/%) $(PROOFS:%=$(BUILD)/verify/%) $(BUILD)/bench/bench \
		$(BUILD)/bench/start $(BUILD)/doc/barrier.3

dist: ## barrier-VERSION.tar.gz, the same bytes each time; its barrier.c compiles all alone
	@[ -e .git ] && command -v git > /dev/null || { \
		echo 'make dist packs what git has: it needs git, and a clone' >&2; exit 1; }
	@git rev-parse -q --verify HEAD > /dev/null
	@git diff --quiet HEAD || { echo 'make dist packs what git has: commit first' >&2; exit 1; }
	@rm -rf $(BUILD)/build/dist && mkdir -p $(BUILD)/build/dist
	git -c tar.umask=0022 archive --prefix=barrier-$(VERSION)/ -o $(BUILD)/build/dist/tar HEAD
	gzip -9nc $(BUILD)/build/dist/tar > barrier-$(VERSION).tar.gz
	tar -xzf barrier-$(VERSION).tar.gz -C $(BUILD)/build/dist --strip-components=1 \
		barrier-$(VERSION)/barrier.c barrier-$(VERSION)/barrier.h
	cd $(BUILD)/build/dist && $(CC) -std=c99 $(WARNINGS) -Werror -c barrier.c

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | \
		while IFS='	' read -r target text; do \
		printf '  make %-15s %s\n' "$$target" "$$text"; done
