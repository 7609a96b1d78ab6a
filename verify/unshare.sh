#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# unshare.sh - util-linux' unshare with a barrier in the place of the eventfd by which it lets its
# children go ahead
#
# Debian's source is fetched and built as it is and changed; N processes (default 400) of each are
# killed at random moments, and util-linux' own test that uses it has to pass with both.

# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/lib.sh"
kills=${1:-400}

# What takes the place of three functions of unshare.c.
replacement() {
        cat << 'END'
#define BARRIER_API static
#include "barrier.c"

/* Exits unless the child exits with 0; a child that was killed has not done its work. */
static void waitchild(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        err(EXIT_FAILURE, "waitpid");
        if (WIFSIGNALED(status))
                errx(EXIT_FAILURE, "a child was killed by signal %d", WTERMSIG(status));
        if (WEXITSTATUS(status) != 0)
                exit(WEXITSTATUS(status));
}

/* The child returns when the parent lets it go ahead, and exits if the parent does not live to. */
static pid_t fork_and_wait(Barrier *b) {
        pid_t pid;

        errno = -barrier_init(b);
        if (errno)
                err(EXIT_FAILURE, "barrier_init");
        pid = fork();
        if (pid < 0)
                err(EXIT_FAILURE, "fork");
        barrier_set_role(b, pid ? BARRIER_PARENT : BARRIER_CHILD);
        if (pid == 0) {
                if (!barrier_wait_next(b))
                        err(EXIT_FAILURE, "the parent gave up");
                barrier_destroy(b);
        }
        return pid;
}

static void sync_with_child(pid_t pid, Barrier *b) {
        barrier_place(b);
        waitchild(pid);
        barrier_destroy(b);
}
END
}

# change DIR
change() {
        cp barrier.c barrier.h "$1"
        replacement > "$1/replacement.h"
        sed -i -e '/^static .*waitchild(/i #include "replacement.h"' \
                -e '/^static .*waitchild(/,/^}/d' \
                -e '/^static .*sync_with_child(/,/^}/d' \
                -e '/^static .*fork_and_wait(/,/^}/d' \
                -e 's/\(_from_child(\)int \*fd/\1Barrier *fd/' \
                -e 's/int fd_idmap, fd_bind = -1;/Barrier fd_idmap, fd_bind = BARRIER_NULL;/' \
                -e 's/\(sync_with_child(pid_[a-z]*, \)fd_/\1\&fd_/' \
                -e 's/close(fd_bind)/barrier_destroy(\&fd_bind)/' "$1/unshare.c"
}

# own_test DIR
own_test() (
        cd "$1/tests"
        TS_CMD_LSNS=/usr/bin/lsns bash ts/lsns/ioctl_ns --srcdir="$PWD/.." --builddir="$PWD/.." |
                tee result
        grep -q -e 'OK$' -e SKIPPED result
)

build() {
        dir=$(realpath "$out")/util-linux
        if [ ! -e "$out/before" ]; then
                rm -rf "$dir"
                cp -r "$source" "$dir"
                cd "$dir"
                # Generated files come newer than what they are made of, for those without autoconf.
                touch aclocal.m4
                touch configure config.h.in Makefile.in
                ./configure -q --disable-all-programs --enable-unshare --disable-nls
                make -s unshare test_sysinfo
                own_test .
                cd - > /dev/null
                mv "$dir/unshare" "$out/before"
        fi
        cp "$source/sys-utils/unshare.c" "$dir/sys-utils"
        change "$dir/sys-utils"
        make -s -C "$dir" unshare
        own_test "$dir"
        mv "$dir/unshare" "$out/after"
        diff "$source/sys-utils/unshare.c" "$dir/sys-utils/unshare.c" > "$out/diff" || [ $? = 1 ]
        echo "lines: -$(grep -c '^<' "$out/diff")" \
                "+$(($(grep -c '^>' "$out/diff") + $(replacement | wc -l)))"
}

need gcc cc
need bash bash
need make make
need util-linux lsns
need_debian
all_there
debian_source bookworm util-linux || exit 1
(
        set -e
        build
        mkdir -p "$out/path"
        # shellcheck disable=SC2086
        ${CC:-cc} -std=c99 $warnings -O2 -o "$out/kill" verify/unshare.c
        for program in newuidmap newgidmap; do
                ln -sf ../kill "$out/path/$program"
        done
) > "$out/build.log" 2>&1
status=$?
if [ $status != 0 ]; then
        tail -n 25 "$out/build.log"
        exit 1
fi
sed -n '/SKIPPED/p' "$out/build.log"
echo "util-linux $version, $(grep '^lines:' "$out/build.log")"
PATH=$(realpath "$out/path"):$PATH
for which in before after; do
        "$out/kill" "$out/$which" "$kills" > "$out/$which.kills"
        status=$?
        if [ $which$status = before77 ]; then
                echo 'SKIPPED: unshare cannot map users here: no user namespaces'
                exit
        elif [ $status != 0 ]; then
                echo "$name: status $status, $which the change" >&2
                exit 1
        fi
        printf '%-8s%s\n' $which "$(cat "$out/$which.kills")"
done
if grep -q ' 0 hung, 0 ran on' "$out/before.kills"; then
        echo "$name: too few kills: the original survived all of them" >&2
        exit 1
fi
grep -q ' 0 hung, 0 ran on' "$out/after.kills"
