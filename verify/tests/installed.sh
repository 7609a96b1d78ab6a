#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# installed.sh - what `make install` puts there, by its use; that all of it has one version; and
# that `make uninstall` takes it away
#
#       MAKE=... BUILD=DIR CC=... verify/tests/installed.sh
set -eu

dir=$(realpath -- "$BUILD")/installed
root=$dir/root
prefix=/opt/barrier
page=$root$prefix/share/man/man3/barrier.3
checks=0

command -v pkg-config > /dev/null || {
        echo 'make installed needs pkg-config: apt-get install pkgconf' >&2
        exit 1
}
rm -rf "$dir"
mkdir -p "$dir"

same() { # WHAT IS WANTED
        if [ "$2" != "$3" ]; then
                echo "installed: $1: '$2' in the place of '$3'" >&2
                exit 1
        fi
        checks=$((checks + 1))
}

# A build of its own, so that another URL does not make anew what others wait for.
target() {
        "$MAKE" -s --no-print-directory BUILD="$dir/build" DESTDIR="$root" PREFIX=$prefix "$@"
}

package() {
        PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root$prefix/lib/pkgconfig \
                pkg-config "$@" barrier
}

urls() {
        sed -n 's/^URL: //p' "$root$prefix/lib/pkgconfig/barrier.pc"
        sed -n '/^\.SH HOME PAGE/{n;s/\\//g;p;}' "$page"
}

target URL= install
same 'outside of PREFIX' "$(find "$root" ! -type d ! -path "$root$prefix/*")" ''
same 'the URL that nobody gave' "$(urls)" ''

version=$(printf '#include "barrier.h"\nBARRIER_VERSION\n' | $CC -E -P -I. - | tail -n 1)
same 'the version of barrier.pc' "\"$(package --modversion)\"" "$version"
same 'the version of barrier.3' "\"$(sed -n '1s/.*"barrier \(.*\)" .*/\1/p' "$page")\"" "$version"
same 'the first line of doc/NEWS' "\"$(sed 's/^barrier //;q' doc/NEWS)\"" "$version"

# shellcheck disable=SC2046 # these are words
$CC -std=c99 $(package --cflags) -o "$dir/spawn" examples/spawn.c $(package --libs)
same 'a command started by what is installed' "$("$dir/spawn" echo yes 2> "$dir/log")" yes

# whatis and apropos read NAME, man looks for a file.
functions=$(nm -g --defined-only -P "$root$prefix/lib/libbarrier.a" |
        sed -n 's/^\(barrier_[a-z_]*\) T.*/\1/p' | sort)
same 'the functions in NAME' "$(sed -n '/^\.SH NAME/,/^\\-/s/^\(barrier_[a-z_]*\),*$/\1/p' "$page" |
        sort)" "$functions"
same 'the manual pages' "$(cd "${page%/*}" && find . ! -type d -exec cmp -s {} barrier.3 \; -print |
        sed 's/^\.\/\(.*\)\.3$/\1/' | sort)" "$(printf '%s\n' barrier "$functions" | sort)"

target uninstall
same 'what uninstall leaves' "$(find "$root" ! -type d)" ''

target URL=https://example.org/a-b install
same 'the URL' "$(urls)" 'https://example.org/a-b
https://example.org/a-b'

echo "installed: $checks passed, 0 failed, 0 skipped"
