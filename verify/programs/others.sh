#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# others.sh - starts programs with what else there is, and compares what that says with OTHERS.md
#
#       verify/programs/others.sh BIN
#
# BIN is the directory of the examples. Each row that doc/OTHERS.md marks with an asterisk is made
# again, of Debian bookworm's packages, and has to be there to the letter; no row may be marked that
# is not made here. The rows are the table at the end. strace kills at the entry of execve(), and
# waits for all that was started.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

page=doc/OTHERS.md
bin=$(realpath -- "$1") || exit 2
programs=$(realpath -- "$out")/programs
trace=$out/trace
PATH=/usr/sbin:/usr/bin:/sbin:/bin

for tool in strace:strace python3:python3.11 perl-base:perl tcl8.6:tclsh8.6 ruby3.1:ruby3.1 \
        lua5.3:lua5.3 lua-posix:/usr/share/lua/5.3/posix/init.lua php8.2-cli:php8.2 bash:bash \
        dash:dash mksh:mksh coreutils:timeout findutils:xargs bsdutils:script tini:tini \
        dumb-init:dumb-init runit:chpst dpkg:start-stop-daemon busybox:busybox make:make; do
        need "${tool%%:*}" "${tool#*:}"
done
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

# start WHAT COMMAND...: prints what COMMAND prints
start() {
        what=$1
        shift
        case $what in
        killed) set -- -e inject=execve:signal=KILL "$@" ;;
        esac
        case $what in
        killed | heir) set -- strace -f -qq -o "$trace" -P "$programs/$what" -e trace=execve "$@" ;;
        esac
        timeout -k 5 60 env --default-signal "$@" 7< /dev/null < /dev/null 2> "$out/stderr" || {
                echo "BROKEN, status $?: $(tail -n 1 "$out/stderr")"
                return
        }
        [ "$what" != killed ] || grep -q 'killed by SIGKILL' "$trace" || echo 'NOT KILLED'
}

# ---- what starts a program, and says what it got to know -------------------------------------------

# This project's programs: what they say, without path and pid.
cat > "$out/ours.sh" << 'END'
for program; do :; done # the last word
{
        "$@" 2>&1
        echo "exit $?"
} | sed -e "s/^[a-z]*: //" -e "s|^$program\( in /\)*: ||" -e "s/, pid .*//" \
        -e "s/ after .* ms//" | paste -s -d ";" | sed "s/;/, /g"
END

cat > "$out/run.py" << 'END'
import errno, os, subprocess, sys

def wait(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

how, program = sys.argv[1:]
try:
        print("started,", eval(how), end="")
except OSError as error:
        print(errno.errorcode[error.errno], end="")
END

cat > "$out/system.pl" << 'END'
open my $cell, ">&", STDOUT;
open STDOUT, ">", "/dev/null"; # a wrapper's output would be in the way
system { $ARGV[0] } @ARGV;
print $cell $? == -1 ? grep { $!{$_} } keys %!
        : $? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8);
END

cat > "$out/open3.pl" << 'END'
use IPC::Open3;
my $child = eval { open3("<&STDIN", ">&STDERR", 0, $ARGV[0]) };
if ($child) {
        waitpid $child, 0;
        print "started, ", $? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8);
} else {
        print grep { $!{$_} } keys %!;
}
END

cat > "$out/run.tcl" << 'END'
lassign $argv how program
set started ""
catch {
        if {$how eq "exec"} { exec $program }
        set pipe [open "|$program"]
        set started "started, "
        read $pipe
        close $pipe
} message options
lassign [dict get $options -errorcode] kind what signal
puts -nonewline "$started[expr {$kind eq "POSIX" ? $what : "$kind $signal"}]"
END

cat > "$out/spawn.rb" << 'END'
begin
        Process.wait(Process.spawn([ARGV[0], ARGV[0]]))
        print "started, ", $?.signaled? ? "signal #{$?.termsig}" : "exit #{$?.exitstatus}"
rescue SystemCallError => error
        print error.class.name.delete_prefix("Errno::")
end
END

cat > "$out/spawn.lua" << 'END'
local how, what = require("posix").spawn({arg[1]})
io.write(tostring(how), " ", tostring(what))
END

cat > "$out/execute.lua" << 'END'
local _, how, code = os.execute(arg[1])
io.write(how, " ", code)
END

cat > "$out/proc_open.php" << 'END'
<?php
$child = proc_open([$argv[1]], [], $pipes);
echo is_resource($child) ? "started, " . proc_close($child) : "false";
END

# What $? is at once, and after wait.
cat > "$out/background.sh" << 'END'
"$1" &
now=$?
wait $!
printf "%s, then %s" $now $?
END

# Signals ignored or blocked, and whether descriptor 7 is open, from what heir has written.
cat > "$out/heritage.pl" << 'END'
use Config;
@name = split / /, $Config{sig_name};
while (<>) {
        $open = 1 if /^7$/;
        $set{$1} = hex $2 if /^Sig(Ign|Blk):\s*(\w+)/;
}
for $kind (Ign, Blk) {
        @in = map { $set{$kind} >> $_ - 1 & 1 ? $name[$_] : () } 1 .. 31;
        push @all, join " ", @in, $kind eq Ign ? "ignored" : "blocked" if @in;
}
printf "%s | %s", join(", ", @all) || "-", $open ? "open" : "closed";
END

awk '/^```c$/ { on = 1; next } /^```/ && on { exit } on' README.md > "$out/readme.c"
# shellcheck disable=SC2086 # options are words
${CC:-cc} -std=gnu99 -O2 $warnings -Werror -I. -o "$out/readme.bin" "$out/readme.c" barrier.c ||
        exit 1

# ---- the rows ------------------------------------------------------------------------------------

made=0 wrong=0
# NAME#PACKAGE#COMMAND: of the version of PACKAGE two numbers are told; @ is the program
while IFS='#' read -r row package command; do
        if [ -n "$package" ]; then
                row="$row, $(dpkg-query -W -f '${source:Upstream-Version}' "$package" |
                        sed 's/^\([0-9a-z]*\.\{0,1\}[0-9]*\).*/\1/')"
        fi
        row="| $row * |"
        rm -f "$programs/inherited"
        for what in absent denied script killed; do
                # shellcheck disable=SC2086 # words
                row="$row $(start $what ${command%@}$programs/$what) |"
        done
        # shellcheck disable=SC2086
        start heir ${command%@}$programs/heir > /dev/null
        row="$row $(perl "$out/heritage.pl" "$programs/inherited") |"
        made=$((made + 1))
        if grep -qxF -- "$row" "$page"; then
                echo "$row"
        else
                wrong=$((wrong + 1))
                echo "NOT IN $page: $row"
        fi
done << END
the README's program##sh $out/ours.sh $out/readme.bin / @
\`spawn\`##sh $out/ours.sh $bin/spawn @
\`launch\`##sh $out/ours.sh $bin/launch @
Python \`subprocess\`#python3.11#python3.11 $out/run.py subprocess.Popen([program]).wait() @
Python \`os.posix_spawn()\`, glibc's#python3.11#python3.11 $out/run.py wait(os.posix_spawn(program,[program],{})) @
Python \`os.spawnv()\`#python3.11#python3.11 $out/run.py wait(os.spawnv(os.P_NOWAIT,program,[program])) @
Perl \`system\`#perl-base#perl $out/system.pl @
Perl \`IPC::Open3\`#perl-base#perl $out/open3.pl @
Tcl \`exec\`#tcl8.6#tclsh8.6 $out/run.tcl exec @
Tcl \`open "\\|..."\`#tcl8.6#tclsh8.6 $out/run.tcl open @
Ruby \`Process.spawn\`#ruby3.1#ruby3.1 $out/spawn.rb @
luaposix \`spawn\`#lua-posix#lua5.3 $out/spawn.lua @
PHP \`proc_open\`, an array#php8.2-cli#php8.2 -d display_errors=0 $out/proc_open.php @
Lua \`os.execute\`, glibc's \`system()\`#lua5.3#lua5.3 $out/execute.lua @
bash \`&\`#bash#bash $out/background.sh @
dash \`&\`#dash#dash $out/background.sh @
mksh \`&\`#mksh#mksh $out/background.sh @
env, nice#coreutils#perl $out/system.pl env nice @
timeout#coreutils#perl $out/system.pl timeout 60 @
setsid#util-linux#perl $out/system.pl setsid @
setsid --fork --wait#util-linux#perl $out/system.pl setsid --fork --wait @
unshare --fork#util-linux#perl $out/system.pl unshare --fork @
flock#util-linux#perl $out/system.pl flock $programs/words @
xargs#findutils#perl $out/system.pl xargs -a $programs/words @
script -e#bsdutils#perl $out/system.pl script -qe -O /dev/null -c @
tini#tini#perl $out/system.pl tini -s @
dumb-init#dumb-init#perl $out/system.pl dumb-init @
chpst#runit#perl $out/system.pl chpst -n 1 @
busybox timeout#busybox#perl $out/system.pl busybox timeout 60 @
busybox start-stop-daemon -b#busybox#perl $out/system.pl busybox start-stop-daemon -S -b -x @
start-stop-daemon --background#dpkg#perl $out/system.pl start-stop-daemon --start --background --exec @
make#make#perl $out/system.pl make -s -f /dev/null --eval=all:;@
END

marked=$(grep -c '^|.* \* |' "$page")
echo "others: $made rows made, $wrong of them not in $page, where $marked are marked"
[ $wrong -eq 0 ] && [ $made -eq "$marked" ]
