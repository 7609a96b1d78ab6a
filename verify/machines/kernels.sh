#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# kernels.sh [N | PATTERN] - the suite on real kernels, and whether they do what kernel.h says
#
# On all of the list below, on its first N, or on those whose line matches.
#
# The kernels are Debian's, unchanged; qemu boots them. A virtual machine has no disk and nothing
# but init.c and what that runs, linked statically. Downloads stay below build/. A kernel that is no
# longer to be had is said to be MISSING; that is a failure if of all of them fewer than six are
# left, or of those that were asked for none. A test that a real kernel skips is one as well.

# shellcheck source=suite.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/suite.sh"

# The suite of Debian, the machine, the package, and how many CPUs. The first ones differ most.
#   runsc: gVisor, which is no Linux, in a process of this machine
list() {
        case $1 in
        *[!0-9]*) grep -e "$1" ;;
        *) head -n "${1:-100}" ;;
        esac << 'END'
bullseye-security|amd64|linux-image-cloud-amd64|2
trixie-backports|amd64|linux-image-cloud-amd64|2
bookworm|s390x|linux-image-s390x|2
trixie|arm64|linux-image-arm64-16k|2
bullseye-security|amd64|linux-image-cloud-amd64|1
bullseye|amd64|linux-image-rt-amd64|2
bookworm|amd64|linux-image-cloud-amd64|2
trixie|amd64|linux-image-cloud-amd64|2
trixie-backports|amd64|linux-image-cloud-amd64|1
sid|amd64|linux-image-cloud-amd64|2
sid|amd64|linux-image-rt-amd64|2
experimental|amd64|linux-image-cloud-amd64|2
bullseye|i386|linux-image-686-pae|2
bookworm|i386|linux-image-686-pae|2
bullseye|arm64|linux-image-cloud-arm64|2
bookworm|arm64|linux-image-cloud-arm64|2
sid|arm64|linux-image-arm64|2
bullseye|armhf|linux-image-armmp|2
bookworm|armhf|linux-image-armmp|2
sid|armhf|linux-image-armmp|2
trixie|riscv64|linux-image-riscv64|2
sid|riscv64|linux-image-riscv64|2
bookworm|s390x|linux-image-s390x|1
sid|s390x|linux-image-s390x|2
bookworm|ppc64el|linux-image-powerpc64le|2
sid|ppc64el|linux-image-powerpc64le|2
sid|ppc64el|linux-image-powerpc64le-64k|2
bookworm|amd64|runsc|-
trixie|amd64|runsc|-
END
}

# fetch SUITE MACHINE PACKAGE FILE: the kernel from the package, or from the one it stands for
fetch() {
        new=$(realpath "$4").d
        rm -rf "$new"
        mkdir "$new"
        package=$3 next=$3
        while [ -n "$next" ]; do
                package=$next
                next=$(debian_apt "$1" "$2" apt-cache depends "$package" |
                        awk '/^  Depends: linux-(image|binary)-[0-9]/ { print $2; exit }')
        done
        (cd "$new" && debian_apt "$1" "$2" apt-get -qq download "$package")
        dpkg-deb --fsys-tarfile "$new"/*.deb |
                tar -x --to-stdout --wildcards '*/vmlinu[xz]*' './usr/bin/runsc' > "$new/file" \
                        2> /dev/null || [ -s "$new/file" ] # one of the two is not there
        mv "$new/file" "$4"
        rm -r "$new"
}

# The programs of a machine, and packed for its kernels.
build() {
        cc=$(triplet "$1")-gcc
        dir=$out/$1
        mkdir -p "$dir"
        libcheck "$cc"
        linked "$cc" -O2 -static
        # shellcheck disable=SC2086 # options
        for source in verify/machines/init.c verify/states/model.c; do
                $cc $strict -O2 -static -o "$dir/$(basename $source .c)" $source
        done
        (cd "$dir" && printf '%s\n' init test-barrier model | cpio -o -H newc -R 0:0 > initramfs)
}

# boot MACHINE KERNEL CPUS: emulated even where that is not needed, so that all run alike
boot() {
        initramfs=$out/$1/initramfs kernel=$2 cpus=$3
        case $1 in
        # These try their timer for a moment, and panic if this machine is too busy to run it.
        amd64 | i386) set -- 'ttyS0 no_timer_check' x86_64 -M q35 -cpu max ;;
        arm64) set -- ttyAMA0 aarch64 -M virt -cpu max ;;
        armhf) set -- ttyAMA0 arm -M virt -cpu cortex-a15 ;;
        riscv64) set -- ttyS0 riscv64 -M virt -cpu rv64 ;;
        s390x) set -- ttysclp0 s390x -M s390-ccw-virtio -cpu max ;;
        ppc64el)
                set -- hvc0 ppc64 -cpu power9 -M \
                        pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off
                ;;
        esac
        console=$1 system=$2
        shift 2
        nice timeout 1200 "qemu-system-$system" "$@" -accel tcg,thread=multi -smp "$cpus" -m 512 \
                -nographic -no-reboot -nodefaults -serial mon:stdio -kernel "$kernel" \
                -initrd "$initramfs" -append "console=$console panic=-1 quiet" | tr -d '\r'
}

# run MACHINE PACKAGE KERNEL CPUS
run() {
        [ -e "$out/$1/initramfs" ] || build "$1"
        case $2 in
        runsc)
                chmod +x "$3"
                # Through a pipe, for it overwrites what is already in a file.
                nice timeout 1200 "$3" --rootless --network=none --ignore-cgroups 'do' \
                        "$out/$1/init" "$(realpath "$out/$1")" 2>&1 | cat
                ;;
        *) boot "$1" "$3" "$4" ;;
        esac
}

# verdict LOG PACKAGE: what the log says of the kernel and the programs; fails unless both ran and
# passed, on a real kernel all of it
verdict() {
        awk -v package="$2" '/^init: Linux / { kernel = substr($0, 13); cpus = $5 }
             /^[0-9]+%: Checks: / { checks = $3; failures = $5 + $7 }
             /^[0-9]+ passed, [0-9]+ failed, / { skipped = $5 }
             /^model: [0-9]+ answers agree/ { agree = $2 }
             /SKIPPED: / && package ~ /^linux-image-/ { bad = 1 }
             /^init: .* ended with status / { bad += $6 != 0; programs++ }
             END { printf "%s%s; %d checks, %d failures, %d SKIPPED, %d answers agree",
                          kernel, cpus == 1 ? "" : "s", checks, failures, skipped, agree
                   exit !(programs == 2 && !bad && checks && !failures && agree) }' "$1"
}

# one NUMBER SUITE MACHINE PACKAGE CPUS
one() {
        kernel=$out/$2-$3-$4
        log=$kernel-$5.log
        from=$(date +%s)
        printf '%2d of %d  ' "$1" "$kernels"
        if [ ! -e "$kernel" ]; then
                (
                        set -e
                        fetch "$2" "$3" "$4" "$kernel"
                ) > "$log" 2>&1
                status=$?
                if [ $status != 0 ]; then
                        echo "MISSING $4 of $2 for $3: $(tail -n 1 "$log")"
                        return
                fi
        fi
        (
                set -e
                run "$3" "$4" "$kernel" "$5"
        ) > "$log" 2>&1
        status=$?
        case $4 in
        linux-image-*) what= ;;
        *) what="$4: " ;;
        esac
        line=$(verdict "$log" "$4") || status=1
        if [ $status = 0 ]; then
                echo "ok      $what$line; $(($(date +%s) - from)) s"
                sed -n 's/.*SKIPPED: /                /p' "$log" | sort | uniq -c
        else
                echo "FAILED  $4 of $2 for $3, $5 CPUs: $line; $log ends:"
                tail -n 25 "$log" | sed 's/^/        /'
        fi
}

need_debian
need cpio cpio
for machine in $(list "$1" | cut -d '|' -f 2 | sort -u); do
        need_compiler "$machine"
        case $machine in
        amd64 | i386) need qemu-system-x86 qemu-system-x86_64 ;;
        arm*) need qemu-system-arm qemu-system-aarch64 ;;
        ppc64el) need qemu-system-ppc qemu-system-ppc64 ;;
        *) need qemu-system-misc qemu-system-s390x ;;
        esac
        rm -f "$out/$machine/initramfs"
done
all_there
debian_source bookworm check || exit

kernels=$(list "$1" | wc -l)
list "$1" | {
        n=0
        while IFS='|' read -r suite machine package cpus; do
                n=$((n + 1))
                one $n "$suite" "$machine" "$package" "$cpus" < /dev/null
        done
} | tee "$out/results"
awk -v kernels="$kernels" -v least="$([ -n "$1" ] && echo 1 || echo 6)" \
        -v seconds=$(($(date +%s) - begun)) '
        / of [0-9]+  ok / { ok++ }
        / of [0-9]+  MISSING / { missing++ }
        END { printf "kernels: %d of %d passed, %d MISSING, %d s\n", ok, kernels, missing, seconds
              exit !ok || ok + missing != kernels || (missing && ok < least) }' "$out/results"
