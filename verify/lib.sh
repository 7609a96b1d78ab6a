# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
# shellcheck shell=sh disable=SC2034 # its variables are for the scripts that read it in
#
# lib.sh - what the scripts in the folders here share; they read it in with `.`
#
# A script is a list of jobs, one a line; table() is a form of it that most have. run_jobs runs the
# script again for each, `SCRIPT --job LINE`, as many at once as there are CPUs; attempt() runs the
# commands of a job and says how it went in one line. Whatever a job prints goes to a log below
# build/ (BUILD=DIR: below DIR). Exit status of a script: 0; 1 if anything failed; 2 if a tool is
# missing, with the command that installs it.

script=$(realpath -- "$0")
name=$(basename -- "$script" .sh)
cd "$(dirname -- "$script")/../.." || exit 2
base=${BUILD:-build}
out=$base/$name
mkdir -p "$out" || exit 2
warnings=$(sed -n 's/^WARNINGS := //p' Makefile)
begun=$(date +%s)

# Nothing outside decides which tests run or how a tool judges, and make's own make is none of ours.
unset CK_RUN_SUITE CK_RUN_CASE CK_INCLUDE_TAGS CK_EXCLUDE_TAGS CK_FORK CK_TIMEOUT_MULTIPLIER \
        BARRIER_TESTS ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS MSAN_OPTIONS LLVM_PROFILE_FILE \
        MAKEFLAGS MFLAGS
LC_ALL=C
export LC_ALL

# need PACKAGE COMMAND-OR-FILE
missing=
need() {
        case $2 in
        /*) [ -e "$2" ] ;;
        *) command -v "$2" > /dev/null ;;
        esac || case " $missing " in
        *" $1 "*) ;;
        *) missing="$missing $1" ;;
        esac
}

all_there() {
        [ -z "$missing" ] && return
        {
                echo "$name: tools are missing. As root:"
                echo "  apt-get install -y --no-install-recommends$missing"
        } >&2
        exit 2
}

# The figures of a log: what its programs said in the end, and what they could not do.
figures() {
        awk '/^100%: Checks: / { checks += $3 }
             /^(faults|figure): [0-9]/ { sub(/^figure: /, ""); say($0) }
             /^ *all  *[0-9]/ { say("explore: " $2 " states, " $3 " transitions") }
             /SKIPPED: / { sub(/.*SKIPPED: /, ""); if (!skipped[$0]++) why[++reasons] = $0 }
             function say(what) { line = line (line == "" ? "" : "; ") what }
             END { if (checks) line = checks " checks" (line == "" ? "" : "; ") line
                   for (i = 1; i <= reasons; i++) say(skipped[why[i]] " SKIPPED: " why[i])
                   print line }' "$1"
}

# attempt NAME COMMAND...: a shell function, which runs with -e
attempt() {
        log=$out/$1.log
        what=$1
        shift
        (
                set -e
                "$@"
        ) > "$log" 2>&1
        status=$?
        if [ $status = 0 ]; then
                printf 'ok      %-22s %s\n' "$what" "$(figures "$log")"
        else
                printf 'FAILED  %s, status %d, %s ends:\n%s\n' "$what" $status "$log" \
                        "$(tail -n 25 "$log" | sed 's/^/        /')"
        fi
}

# run_jobs < JOBS; then the closing line, and the exit status
run_jobs() {
        cat > "$out/jobs"
        xargs -d '\n' -n 1 -P "$(nproc)" sh "$script" --job < "$out/jobs" |
                tee "$out/results"
        awk -v name="$name" -v jobs="$(wc -l < "$out/jobs")" \
                -v seconds=$(($(date +%s) - begun)) '
                /^ok / { ok++ }
                /^ok / && match($0, /[0-9]+ checks/) { checks += substr($0, RSTART) }
                /^ok / { while (match($0, /[0-9]+ SKIPPED/)) { skipped += substr($0, RSTART)
                                $0 = substr($0, RSTART + RLENGTH) } }
                END { printf "%s: %d of %d jobs passed, %d checks of the suite, %d SKIPPED, %d s\n",
                                name, ok, jobs, checks, skipped, seconds
                        exit ok != jobs || jobs == 0 }' "$out/results"
}

# table "$@" < TABLE: runs its jobs, `NAME FUNCTION ARGUMENT...` each; with `--job PATTERN` those
# whose lines begin so. In FUNCTION, $dir is a folder of its own; $out/shared is that of all jobs,
# empty at first.
table() {
        lines=$(cat)
        if [ "$1" = --job ] && printf '%s\n' "$lines" | grep -qFx -e "$2"; then
                # shellcheck disable=SC2086 # words
                set -- $2
                dir=$out/$1
                mkdir -p "$dir"
                attempt "$@"
        else
                rm -rf "$out/shared"
                mkdir "$out/shared"
                printf '%s\n' "$lines" | grep -e "^${2:-.}" | run_jobs
        fi
}

# ---- Debian's packages, of any suite and machine, without a change to this system ----------------

debian=$(realpath "$base")/debian

need_debian() {
        need apt apt-get
        need dpkg-dev dpkg-source
        need debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg
}

# debian_mirror LABEL: the mirror that this system takes Debian's packages from
debian_mirror() {
        # shellcheck disable=SC2016 # the field is apt's
        apt-get indextargets --format '$(REPO_URI)' "Label: $1" 'Identifier: Packages' |
                sort -u | grep -m 1 . || {
                echo "$name: apt knows no mirror of $1; as root: apt-get update" >&2
                return 1
        }
}

# locked NAME COMMAND...: a shell function, for one process at a time, as targets run side by side
locked() (
        mkdir -p "$debian" && exec 9> "$debian/$1.lock" && flock 9 && shift && "$@"
)

# lists SUITE MACHINE: makes $apt, unless it is there, and what apt reads in it
lists() {
        [ "$(cat "$apt/updated" 2> /dev/null)" != "$apt" ] || return 0 # or this folder was moved
        case $1 in
        *-security) label=Debian-Security ;;
        *) label=Debian ;;
        esac
        mirror=$(unset APT_CONFIG && debian_mirror $label) || return
        rm -rf "$apt"
        mkdir -p "$apt/lists/partial" "$apt/archives/partial" || return
        key=/usr/share/keyrings/debian-archive-keyring.gpg
        printf "%s [signed-by=$key] $mirror $1 main\n" deb deb-src > "$apt/sources"
        : > "$apt/status"
        cat > "$APT_CONFIG" << END
Dir::Etc::SourceList "$apt/sources";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
APT::Architecture "$2";
APT::Architectures "$2";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
END
        apt-get -qq -o APT::Update::Error-Mode=any update && echo "$apt" > "$apt/updated"
}

# debian_apt SUITE MACHINE COMMAND...: apt-get or apt-cache, with sources, lists, cache of their own
debian_apt() (
        apt=$debian/$1-$2
        APT_CONFIG=$apt/apt.conf
        export APT_CONFIG
        locked "$1-$2" lists "$1" "$2" || exit
        shift 2
        "$@"
)

# unpack SUITE PACKAGE: makes $source, unless it is there
unpack() {
        [ ! -e "$source/debian/changelog" ] || return 0
        rm -rf "$source" "$source.new" && mkdir "$source.new" && cd "$source.new" &&
                debian_apt "$1" "$(dpkg --print-architecture)" \
                        apt-get -qq source --download-only "$2" &&
                dpkg-source --no-check -x ./*.dsc unpacked &&
                mv unpacked "$source" && rm -rf "$source.new"
}

# debian_source SUITE PACKAGE: sets `source`, where it lies with Debian's patches, and `version`
debian_source() {
        source=$debian/$2-$1
        locked "$2-$1" unpack "$1" "$2" > "$out/$2.log" 2>&1 || {
                tail -n 25 "$out/$2.log" >&2
                echo "$name: the source package $2 of $1 cannot be had" >&2
                return 1
        }
        version=$(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)
}

# debian_root SUITE PACKAGE...: sets `root`, where a system of Debian lies
debian_root() {
        root=$(realpath "$out")/root-$1
        [ ! -e "$root/ready" ] || return 0
        mirror=$(debian_mirror Debian) || return
        release=$1
        shift
        rm -rf "$root"
        # A mirror may be a snapshot, whose dates are past; apt's configuration here knows.
        mmdebstrap --quiet --variant=apt --include="mount $*" \
                --aptopt="$(apt-config dump Acquire::Check-Valid-Until)" \
                "$release" "$root" "deb $mirror $release main" || return
        : > "$root/ready"
}

# inside COMMAND...: in the system that lies in $root, where this folder and what is built have the
# paths that they have here. The mounts vanish with the command. Not by chroot, in which nobody can
# make a user namespace.
inside() {
        # shellcheck disable=SC2016
        unshare --mount --pid --fork sh -ec '
                root=$1 built=$2
                shift 2
                mount --bind "$root" "$root"
                mount -t proc proc "$root/proc"
                mount --rbind /dev "$root/dev"
                mount --rbind /sys "$root/sys"
                mount -t tmpfs tmpfs "$root/run"
                for dir in "$PWD" "$built"; do
                        mkdir -p "$root$dir"
                        mount --bind "$dir" "$root$dir"
                done
                cd "$root"
                pivot_root . mnt
                umount -l /mnt
                exec env -i LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin "$@"' sh \
                "$root" "$(realpath "$base")" "$@"
}
