#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# loops.sh [N] - the code of doc/LOOPS.md in each loop, with N rounds of ping-pong, 20,000 without N
#
# A block of doc/LOOPS.md becomes build/loops/blocks/HEADING.inc, which the program loops/HEADING.c
# includes: there is no second copy. loops/harness.c says what a program does. With --short only six
# loops are built. At the end stands what comes of mistakes.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"
here=verify/programs/loops

# PROGRAM BACKENDS PACKAGES LIBRARIES [FORGOTTEN], where - is none; LIBRARIES are options or names for
# pkg-config. libev leaves an eventfd in its epoll until that is ready once more.
loops() {
        cat << 'END'
poll - - -
libuv - libuv1-dev libuv
libevent epoll,poll,select libevent-dev libevent_core
glib - libglib2.0-dev glib-2.0
sd-event - libsystemd-dev libsystemd
io_uring - liburing-dev liburing
END
        [ "$short" ] || cat << 'END'
epoll level,edge,one-shot - -
select - - -
libev epoll libev-dev -lev 1
libev poll,select libev-dev -lev
asio - libasio-dev -pthread
qt5 glib,poll qtbase5-dev Qt5Core
qt6 glib,poll qt6-base-dev Qt6Core
asyncio - python3 -
uvloop - python3-uvloop -
ivykis - libivykis-dev ivykis
tevent epoll,poll libtevent-dev tevent,talloc
libverto glib libverto-dev,libverto-glib1 libverto
avahi - libavahi-common-dev -lavahi-common
pulseaudio - libpulse-dev libpulse
wayland - libwayland-dev wayland-server
apr - libapr1-dev apr-1
END
}

installed() {
        # shellcheck disable=SC2016 # the field is dpkg's
        dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' "$1" 2> /dev/null |
                sed -n '/^ii /{s///;s/^[0-9]*://;s/[-+~].*//;p;}'
}

build() { # PROGRAM LIBRARIES
        flags=
        libs=
        case $2 in
        -) ;;
        -*) libs=$2 ;;
        *)
                modules=$(echo "$2" | tr , ' ')
                # shellcheck disable=SC2086
                flags=$(pkg-config --cflags $modules | sed 's/-I/-isystem /g')
                # shellcheck disable=SC2086
                libs=$(pkg-config --libs $modules)
                ;;
        esac
        case $1 in
        asyncio | uvloop) compiler="gcc -std=gnu99 $warnings -shared" source=asyncio.c ;;
        asio | qt?) compiler='g++ -std=c++17 -Wall -Wextra' source=${1%[56]}.cc ;;
        *) compiler="gcc -std=gnu99 $warnings" source=$1.c ;;
        esac
        # shellcheck disable=SC2086 # options are words
        $compiler -Werror -O2 -g -fPIC -I$here -I"$out/blocks" $flags -o "$out/$1" \
                $here/$source "$out/harness.o" "$out/barrier.o" $libs
}

run() { # PROGRAM NAME-AND-BACKEND ROUNDS FORGOTTEN
        program=$(realpath "$out")/$1
        case $1 in
        asyncio | uvloop) set -- /usr/bin/python3 $here/python-loop.py "$program" "$2" "$3" "$4" ;;
        *) set -- "$program" "$2" "$3" "$4" ;;
        esac
        status=0
        "$@" || status=$?
        [ $status != 77 ] || echo "SKIPPED: no such backend here"
        [ $status = 77 ] || return $status
}

if [ "$1" = --job ]; then
        # shellcheck disable=SC2086 # a job is words
        set -- $2
        backend=$([ "$2" = - ] || echo "$2")
        attempt "$1-$3${backend:+-$backend}" run "$1" "$1${backend:+ $backend}" "$4" "$5"
        exit
fi
short=
[ "${1-}" != --short ] || short=$1
rounds=${1:-20000}
[ -z "$short" ] || rounds=2000

need gcc gcc
need pkgconf pkg-config
need dpkg dpkg-query
[ "$short" ] || need g++ g++
for package in $(loops | awk '$3 != "-" { print $3 }' | tr , '\n'); do
        [ "$(installed "$package")" ] || missing="$missing $package"
done
all_there

mkdir -p "$out/blocks"
awk -v out="$out/blocks" '
        /^# / && !file { name = "first" }
        /^## / && !file { name = tolower($NF) }
        /^```[a-z]/ { file = out "/" name ".inc"; printf "" > file; next }
        /^```/ { file = "" }
        file { print > file }' doc/LOOPS.md
# shellcheck disable=SC2086 # options are words
gcc -std=c99 $warnings -Werror -O2 -g -I. -I"$out/blocks" -fPIC -c -o "$out/harness.o" \
        $here/harness.c || exit 1
gcc -std=c99 -O2 -g -fPIC -c -o "$out/barrier.o" barrier.c || exit 1

loops | while read -r program backends package libs forgotten; do
        build "$program" "$libs" || exit
        version=$(uname -r | sed "s/-.*//")
        [ "$package" = - ] || version=$(installed "${package%,*}")
        for backend in $(echo "$backends" | tr , ' '); do
                echo "$program $backend $version $rounds ${forgotten:-0}"
        done
done > "$out/list" || exit 1
run_jobs < "$out/list" || exit
echo 'What comes of mistakes with the pipe end:'
cat "$out"/*.log | sed -n 's/^mistake: /  /p'
