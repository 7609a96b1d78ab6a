#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
# shellcheck disable=SC2016 # variables in single quotes are those of perl, PHP, another shell
#
# others.sh - starts programs with what else there is, and compares what that says with OTHERS.md
#
#       verify/programs/others.sh BIN
#
# BIN is the directory of the examples. Each row that doc/OTHERS.md marks with an asterisk is made
# again, of Debian bookworm's packages, and has to be there to the letter; no row may be marked that
# is not made here. strace kills at the entry of execve(), and waits for all that was started.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

page=doc/OTHERS.md
bin=$(realpath -- "$1") || exit 2
programs=$(realpath -- "$out")/programs
trace=$out/trace
PATH=/usr/sbin:/usr/bin:/sbin:/bin

need strace strace
need python3 python3.11
need perl-base perl
need tcl8.6 tclsh8.6
need ruby3.1 ruby3.1
need lua5.3 lua5.3
need lua-posix /usr/share/lua/5.3/posix/init.lua
need php8.2-cli php8.2
need bash bash
need dash dash
need mksh mksh
need coreutils timeout
need findutils xargs
need bsdutils script
need tini tini
need dumb-init dumb-init
need runit chpst
need dpkg start-stop-daemon
need busybox busybox
need make make
all_there

if ! strace -o "$trace" true 2> "$out/why"; then
        echo "$name: SKIPPED: strace may not trace here: $(head -n 1 "$out/why")"
        exit 0
fi

# absent is not there.
rm -rf "$programs"
mkdir "$programs"
printf '#!/bin/sh\n' | tee "$programs/denied" > "$programs/killed"
echo '#!/no/such/interpreter' > "$programs/script"
cat > "$programs/heir" << 'END'
#!/bin/sh
exec > "${0%/*}/inherited"
[ -e /proc/self/fd/7 ] && echo 7
exec cat /proc/self/status
END
chmod +x "$programs/script" "$programs/killed" "$programs/heir"
echo word > "$programs/words"

# Signals ignored or blocked, and whether descriptor 7 is open, from what heir has written.
heritage='use Config; @name = split / /, $Config{sig_name};
while (<>) {
        $open = 1 if /^7$/;
        $set{$1} = hex $2 if /^Sig(Ign|Blk):\s*(\w+)/;
}
for $kind (Ign, Blk) {
        @in = map { $set{$kind} >> $_ - 1 & 1 ? $name[$_] : () } 1 .. 31;
        push @all, join " ", @in, $kind eq Ign ? "ignored" : "blocked" if @in;
}
printf "%s | %s", join(", ", @all) || "-", $open ? "open" : "closed"'

# What became of a wrapper. Its output would be in the way.
exits='open my $cell, ">&", STDOUT; open STDOUT, ">/dev/null";
system { $ARGV[0] } @ARGV;
printf $cell $? & 127 ? "signal %d" : "exit %d", $? & 127 || $? >> 8'

# start WHAT COMMAND...: an @ at the end of a word is the program. Prints what COMMAND prints.
start() {
        what=$1
        program=$programs/$what
        shift
        for arg; do
                shift
                case $arg in
                *@) arg=${arg%@}$program ;;
                esac
                set -- "$@" "$arg"
        done
        case $what in
        killed) set -- -e inject=execve:signal=KILL "$@" ;;
        esac
        case $what in
        killed | heir) set -- strace -f -qq -o "$trace" -P "$program" -e trace=execve "$@" ;;
        esac
        timeout -k 5 60 env --default-signal "$@" 7< /dev/null < /dev/null 2> "$out/stderr" || {
                echo "BROKEN, status $?: $(tail -n 1 "$out/stderr")"
                return
        }
        [ "$what" != killed ] || grep -q 'killed by SIGKILL' "$trace" || echo 'NOT KILLED'
}

made=0 wrong=0

# row NAME PACKAGE COMMAND...: the version of PACKAGE is cut to two numbers
row() {
        row=$1
        if [ -n "$2" ]; then
                row="$row, $(dpkg-query -W -f '${source:Upstream-Version}' "$2" |
                        sed 's/^\([0-9a-z]*\.\{0,1\}[0-9]*\).*/\1/')"
        fi
        row="| $row * |"
        shift 2
        rm -f "$programs/inherited"
        for what in absent denied script killed; do
                row="$row $(start "$what" "$@") |"
        done
        start heir "$@" > /dev/null
        row="$row $(perl -e "$heritage" "$programs/inherited") |"
        made=$((made + 1))
        if grep -qxF -- "$row" "$page"; then
                echo "$row"
        else
                wrong=$((wrong + 1))
                echo "NOT IN $page: $row"
        fi
}

# ---- ours: what it says, without path and pid ----------------------------------------------------

# ours NAME COMMAND...
ours() {
        label=$1
        shift
        row "$label" '' sh -c '"$@" > "$0.said" 2>&1
                echo "exit $?" >> "$0.said"
                sed -e "s/^[a-z]*: //" -e "s|^$0\( in /\)*: ||" -e "s/, pid .*//" \
                        -e "s/ after .* ms//" "$0.said" | paste -s -d ";" | sed "s/;/, /g"' @ "$@"
}

awk '/^```c$/ { on = 1; next } /^```/ && on { exit } on' README.md > "$out/readme.c"
# shellcheck disable=SC2086 # options are words
${CC:-cc} -std=gnu99 -O2 $warnings -Werror -I. -o "$out/readme.bin" "$out/readme.c" barrier.c ||
        exit 1
ours "the README's program" "$out/readme.bin" / @
for example in spawn launch; do
        ours "\`$example\`" "$bin/$example" @
done

# ---- languages and libraries ---------------------------------------------------------------------

python='import errno, os, subprocess, sys
def said(status):
        killed = os.WIFSIGNALED(status)
        print(("signal %d" if killed else "exit %d") %
              (os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)), end="")
program = sys.argv[1]
try:
'
python_end='
except OSError as error:
        print(errno.errorcode[error.errno], end="")'
row 'Python `subprocess`' python3.11 python3.11 -c "$python
        child = subprocess.Popen([program])
        print('started,', child.wait(), end='')$python_end" @
row 'Python `os.posix_spawn()`, glibc'\''s' python3.11 python3.11 -c "$python
        child = os.posix_spawn(program, [program], {})
        print('started, ', end='')
        said(os.waitpid(child, 0)[1])$python_end" @
row 'Python `os.spawnv()`' python3.11 python3.11 -c "$python
        child = os.spawnv(os.P_NOWAIT, program, [program])
        print('started, ', end='')
        said(os.waitpid(child, 0)[1])$python_end" @

perl='sub name { (grep { $!{$_} } sort keys %!)[0] }
sub said { $? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8) }
my $program = shift;'
row 'Perl `system`' perl-base perl -e "$perl"'
        system { $program } $program;
        print $? == -1 ? name : said' @
row 'Perl `IPC::Open3`' perl-base perl -MIPC::Open3 -e "$perl"'
        my $child = eval { open3("<&STDIN", ">&STDERR", 0, $program) };
        if ($child) { waitpid $child, 0; print "started, ", said }
        else { print name }' @

cat > "$out/exec.tcl" << 'END'
proc code {options} {
        lassign [dict get $options -errorcode] kind what signal
        if {$kind eq "POSIX"} { return $what }
        return [string trimright "$kind $signal"]
}
set program [lindex $argv 1]
if {[lindex $argv 0] eq "exec"} {
        catch { exec $program } message options
        puts -nonewline [code $options]
} elseif {[catch { open "|$program" } pipe options]} {
        puts -nonewline [code $options]
} else {
        catch { read $pipe; close $pipe } message options
        puts -nonewline "started, [code $options]"
}
END
row 'Tcl `exec`' tcl8.6 tclsh8.6 "$out/exec.tcl" exec @
row 'Tcl `open "\|..."`' tcl8.6 tclsh8.6 "$out/exec.tcl" open @

row 'Ruby `Process.spawn`' ruby3.1 ruby3.1 -e 'begin
        child = Process.spawn([ARGV[0], ARGV[0]])
        Process.wait(child)
        print "started, ", $?.signaled? ? "signal #{$?.termsig}" : "exit #{$?.exitstatus}"
rescue SystemCallError => error
        print error.class.name.delete_prefix("Errno::")
end' @

row 'luaposix `spawn`' lua-posix lua5.3 -e 'local how, what = require("posix").spawn({arg[1]})
        io.write(tostring(how), " ", tostring(what))' /dev/null @

row 'PHP `proc_open`, an array' php8.2-cli php8.2 -d display_errors=0 -r '
        $child = proc_open([$argv[1]], [], $pipes);
        echo is_resource($child) ? "started, " . proc_close($child) : "false";' @

row 'Lua `os.execute`, glibc'\''s `system()`' lua5.3 lua5.3 -e '
        local _, how, code = os.execute(arg[1])
        io.write(how, " ", code)' /dev/null @

# ---- shells: what $? is at once, and after wait --------------------------------------------------

for shell in bash dash mksh; do
        row "$shell \`&\`" $shell $shell -c '"$0" &
                now=$?
                wait $!
                printf "%s, then %s" $now $?' @
done

# ---- wrappers: their exit status -----------------------------------------------------------------

while IFS='|' read -r label package command; do
        # shellcheck disable=SC2086 # words
        row "$label" $package perl -e "$exits" $command
done << END
env, nice|coreutils|env nice @
timeout|coreutils|timeout 60 @
setsid|util-linux|setsid @
setsid --fork --wait|util-linux|setsid --fork --wait @
unshare --fork|util-linux|unshare --fork @
flock|util-linux|flock $programs/words @
xargs|findutils|xargs -a $programs/words @
script -e|bsdutils|script -qe -O /dev/null -c @
tini|tini|tini -s @
dumb-init|dumb-init|dumb-init @
chpst|runit|chpst -n 1 @
busybox timeout|busybox|busybox timeout 60 @
busybox start-stop-daemon -b|busybox|busybox start-stop-daemon -S -b -x @
start-stop-daemon --background|dpkg|start-stop-daemon --start --background --exec @
make|make|make -s -f /dev/null --eval=all:;@
END

marked=$(grep -c '^|.* \* |' "$page")
echo "others: $made rows made, $wrong of them not in $page, where $marked are marked"
[ $wrong -eq 0 ] && [ $made -eq "$marked" ]
