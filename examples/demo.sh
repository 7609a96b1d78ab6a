#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# demo.sh [-q | -x] [DIR [EXAMPLE...]] - runs examples and compares what they do with what they should
#
# A scene is one command line: its explanation, its exit status, and on standard input what it has
# to print: standard output, then standard error with "2> " before each line. When it has ended,
# nothing that it started may be left. Process ids and ports differ from run to run and are compared
# as N. A scene that is not possible here is skipped, and says why. -q shows only scenes that went
# wrong or were skipped; -x does too, and stops at the first that went wrong. DIR is where the
# programs are; without it, where this script is.
#
# Exit status: 0, or 1 if a scene came out differently.

unset CDPATH HANDOVER_BARRIER
quiet='' stop=''
case $1 in
-q) quiet=1 && shift ;;
-x) quiet=1 stop=1 && shift ;;
esac
source=$(cd -- "$(dirname -- "$0")" && pwd)
bin=$source
if [ $# -gt 0 ] && ! bin=$(cd -- "$1" && pwd); then
        echo 'usage: demo.sh [-q | -x] [DIR [EXAMPLE...]]' >&2
        exit 2
fi
[ $# = 0 ] || shift
asked=" $* "
PATH=$bin:$PATH LC_ALL=C
export PATH LC_ALL
command -v perl > /dev/null || {
        echo 'demo.sh needs perl: apt-get install perl-base' >&2
        exit 1
}

tmp=$(mktemp -d) || exit 1
cd "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo fifo turn

# ---- what the scenes use -------------------------------------------------------------------------

tool() {
        cat > "$1"
        chmod +x "$1"
}

# play COMMAND: ends what COMMAND has started and left, and says in .verdict how it came out
tool play << 'EOT'
#!/usr/bin/env perl
sub contents {
        open(my $file, '<', $_[0]) or return '';
        local $/;
        return scalar <$file> // '';
}

# Finds all that is left, by a variable of the environment: @pids and the names. What there is to
# see of each task tells whether it did anything since: its state, and how often it went to sleep.
sub look {
        my $seen = '';
        (@pids, %names) = ();
        for my $pid (map { m,/(\d+)$, } glob '/proc/*') {
                next unless contents("/proc/$pid/environ") =~ /(^|\0)SCENE=$$\0/;
                push @pids, $pid;
                for (map { contents("$_/status") } glob "/proc/$pid/task/*") {
                        /^Name:\s*(\S+).*^State:\s*(\S).*^(voluntary_ctxt_switches:.*?)$/ms or next;
                        $names{$2 eq 'T' ? "$1 (stopped)" : $1} = 1;
                        $seen .= "$2 $pid $3\n";
                }
        }
        return $seen;
}

sub end_all {
        do { kill 'KILL', @pids } while look;
}

$SIG{CHLD} = sub { }; # interrupts the pause below
$SIG{$_} = sub { end_all; exit 1 } for qw(HUP INT TERM);
$ENV{SCENE} = $$;
$first = fork // die "play: fork: $!\n";
if (!$first) {
        # Whoever starts the demo may ignore some, as a shell does for what is in its background.
        $SIG{$_} = 'DEFAULT' for qw(CHLD HUP INT PIPE QUIT TERM USR1 USR2);
        exec 'setsid', 'sh', '-c', @ARGV;
}

# What sleeps, and did not wake up for longer than any example waits, sleeps for ever. What is left
# when COMMAND has ended need not wait for anything.
$status = $before = '';
$begun = $since = time;
for (;; select undef, undef, undef, 0.01) {
        $status = 'exit status ' . ($? & 127 ? 128 + ($? & 127) : $? >> 8)
                if $status eq '' && waitpid($first, 1) == $first;
        $seen = look;
        last if $status && $seen eq '' && $before eq '';
        $since = time if $seen ne $before || $seen =~ ($status ? qr/^[RD]/m : qr/^R/m);
        $before = $seen;
        if (time > $begun + 60) {
                $what = 'goes on for ever';
        } elsif (time > $since + ($status ? 1 : 11)) {
                $what = $status ? 'left behind' : 'hangs';
        } else {
                next;
        }
        $status .= ($status && ', ') . "$what: " . join ', ', sort keys %names;
        end_all;
        last;
}
open(STDOUT, '>', '.verdict') or die "play: .verdict: $!\n";
print "$status\n";
EOT

# ask ADDRESS: what the server there says
tool ask << 'EOT'
#!/usr/bin/env perl
use IO::Socket;
my $type = $ARGV[0] =~ /:/ ? 'IO::Socket::INET' : 'IO::Socket::UNIX';
print((($type->new($ARGV[0])) or die "ask: $!\n")->getlines);
EOT

# ignoring SIGNAL,... COMMAND...: is started with these signals ignored. SIGINT is not among them, as
# it is in the background of a shell.
tool ignoring << 'EOT'
#!/usr/bin/env perl
$SIG{INT} = DEFAULT;
$SIG{$_} = IGNORE for split /,/, shift;
exec @ARGV;
EOT

# reaches STATE PID: waits till the process is in that state (S: asleep, T: stopped), or gone
tool reaches << 'EOT'
#!/bin/sh
while grep -s State: "/proc/$2/status" | grep -qv "[$1ZX] ("; do :; done
EOT

# signals [PID]: the signals that are blocked and ignored; exits with 3. 1 to 28: glibc's
# posix_spawn(), which make uses, leaves 32 and 33 ignored. No fork, in which a shell unblocks all.
tool signals << 'EOT'
#!/bin/sh
exec sed -n 's/^Sig\(Blk\|Ign\):.*\(.......\)$/\1 \2/p; $q3' "/proc/${1:-self}/status"
EOT

# end_daemon: ends the one in run
tool end_daemon << 'EOT'
#!/bin/sh
kill "$(cat run/pid)" && exec flock run/pid true
EOT

# variant EXAMPLE NAME SED-SCRIPT: compiles an example with something else in it
variant() {
        wanted || return 0
        sed "$3" "$source/$1.c" > "$2.c"
        if cmp -s "$2.c" "$source/$1.c"; then
                echo "demo.sh: $1.c has nothing for the variant '$2'" >&2
                exit 1
        fi
        ${CC:-cc} -pthread -I"$source/.." -o "$2" "$2.c" "$bin/../libbarrier.a" || exit
}

# ---- how a scene is run --------------------------------------------------------------------------

# Where namespaces work, that they are "not possible here" is a mistake of the example.
namespaces=$(unshare -rm mount -t tmpfs tmpfs /tmp 2>&1) && namespaces=

passed=0 failed=0 skipped=0
obstacle= # why the scenes that follow are not possible here

title() {
        example=${1%%:*}
        [ -n "$quiet" ] || ! wanted || printf '\n==== %s\n' "$1"
}

wanted() {
        case $asked in
        '  ' | *" $example "*) ;;
        *) false ;;
        esac
}

skip() {
        wanted || return 0
        skipped=$((skipped + 1))
        printf '\nSKIPPED: %s\n  %s\n' "$2" "$1"
}

# scene EXPLANATION STATUS COMMAND < EXPECTED
scene() {
        wanted || return 0
        if [ -n "$obstacle" ]; then
                skip "$1" "$obstacle"
                return
        fi
        ./play "$3" > .out 2> .err < /dev/null || exit
        sed 's/^/2> /' .err >> .out
        {
                sed -e 's/worker [0-9]*, pid/worker N, pid/' -e 's/pid [0-9][0-9]*/pid N/' \
                        -e 's/127\.0\.0\.1:[0-9]*/127.0.0.1:N/' -e 's,/proc/[0-9]*/,/proc/N/,' \
                        -e "s/exec'd after [0-9.]* ms/exec'd after N ms/" .out
                cat .verdict
        } > .seen
        { cat; echo "exit status $2"; } > .expected

        if cmp -s .seen .expected; then
                passed=$((passed + 1))
                [ -z "$quiet" ] || return
        elif grep -q '^exit status 77$' .verdict && [ -n "$namespaces" ] &&
                grep -q 'not possible here' .out; then
                skip "$1" "$(sed -n -e '/not possible here/{x;s/^2> //p;q;}' -e h .out)"
                return
        else
                failed=$((failed + 1))
        fi
        printf '\n# %s\n$ %s\n' "$1" "$3"
        cat .out .verdict
        if ! cmp -s .seen .expected; then
                echo 'WRONG, expected was:'
                cat .expected
                [ -z "$stop" ] || exit 1
        fi
}

title 'spawn: starts a command the way a supervisor has to'

[ -e /proc/self/oom_score_adj ] || obstacle='there is no /proc/PID/oom_score_adj for spawn to write'

scene 'Both sides are set up, the command runs, and its status is passed on.' \
        7 "spawn sh -c 'echo hello; exit 7'" << 'EOT'
hello
2> spawn: sh: exec'd, pid N
EOT

scene 'A command that is killed after the exec: 128 + the signal, as in a shell.' \
        143 "spawn sh -c 'kill -TERM \$\$'" << 'EOT'
2> spawn: sh: exec'd, pid N
2> spawn: sh: Terminated
EOT

scene 'What either side had to do was done before the exec.' \
        0 "spawn sh -c 'cat /proc/self/oom_score_adj
  read -r pid name state parent group session rest < /proc/\$\$/stat; [ \$session = \$\$ ]'" << 'EOT'
1000
2> spawn: sh: exec'd, pid N
EOT

scene 'Signals that spawn was started with ignored, or has blocked, are neither in the command.' \
        3 './ignoring USR1,CHLD spawn ./signals' << 'EOT'
Blk 0000000
Ign 0000000
2> spawn: ./signals: exec'd, pid N
EOT

scene 'The exec failed: there is no such command.' \
        127 'spawn /no/such' << 'EOT'
2> spawn: /no/such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'spawn /etc/passwd' << 'EOT'
2> spawn: /etc/passwd: Permission denied
EOT

scene 'The child is killed during its set-up. That is not "exec'\''d", though the pipe closed.' \
        125 "spawn -s 'kill -KILL \$PPID' echo hello" << 'EOT'
2> spawn: echo: died before the exec: Killed
EOT

scene 'The child hangs during its set-up; after a tenth of a second it is ended.' \
        124 "spawn -t 0.1 -s 'kill -STOP \$PPID' echo hello" << 'EOT'
2> spawn: echo: the start took too long
EOT

scene 'A set-up step of the child fails.' \
        125 "spawn -s 'exit 3' echo hello" << 'EOT'
2> spawn: -s: failed with status 3
EOT

variant spawn refused '/^static bool raise_oom_score/,/^}/c\
static bool raise_oom_score(const char *path) {\
        siginfo_t info;\
        (void) waitid(P_PID, (id_t) pid, \&info, WEXITED | WNOWAIT);\
        (void) path;\
        errno = EACCES; /* for users: /proc/PID of who is dead belongs to root */\
        return false; }'
scene 'It fails before the parent'\''s set-up, which then fails too: what the child says counts.' \
        125 "./refused -s 'exit 3' echo hello" << 'EOT'
2> spawn: -s: failed with status 3
EOT

scene 'Termination is passed on: the command ends as it likes, here with 5.' \
        5 "spawn sh -c 'trap \"exit 5\" TERM; kill -TERM \$PPID; while :; do :; done'" << 'EOT'
2> spawn: sh: exec'd, pid N
EOT

scene 'Not a signal that spawn was started with ignored.' \
        5 "./ignoring HUP spawn sh -c 'kill -HUP \$PPID; ./reaches S \$PPID; exit 5'" << 'EOT'
2> spawn: sh: exec'd, pid N
EOT

scene 'Termination ends the command while it is stopped, and what is in its process group.' \
        143 "spawn sh -c '(./reaches T \$\$; kill -TERM \$PPID; exec cat fifo) & kill -STOP \$\$'" << 'EOT'
2> spawn: sh: exec'd, pid N
2> spawn: sh: Terminated
EOT

scene 'Termination reaches a child that is stopped during its set-up.' \
        125 "export SPAWN=\$\$; exec spawn -s 'kill -STOP \$PPID; ./reaches T \$PPID
  kill -TERM \$SPAWN' echo hello" << 'EOT'
2> spawn: echo: died before the exec: Terminated
EOT

scene 'Termination ends the start during the set-up step too, even if that goes well after it.' \
        125 "export SPAWN=\$\$; exec ./ignoring HUP spawn \
  -s 'trap \"exit 0\" INT; kill -INT \$SPAWN; while :; do :; done' echo hello" << 'EOT'
2> spawn: echo: died before the exec: Interrupt
EOT

scene 'spawn is killed while a set-up step runs, which would never end: that is gone too.' \
        137 "export SPAWN=\$\$; exec spawn -s 'trap \"\" TERM; kill -KILL \$SPAWN; exec cat fifo' true" \
        < /dev/null

scene 'spawn is killed: the command, which would never end, is gone too.' \
        137 "exec spawn sh -c 'trap \"\" TERM; kill -KILL \$PPID; exec cat fifo' 2> err" < /dev/null

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 ': < fifo & exec 2> fifo; wait; spawn /no/such' < /dev/null

unshare -rpf true 2> .err || obstacle="there can be no pid namespace: $(cat .err)"
scene 'In a pid namespace with the /proc from outside, its pids there are those of strangers.' \
        125 'unshare -rpf spawn true' << 'EOT'
2> spawn: /proc: not mounted, or that of another pid namespace
EOT
no_pids=$obstacle obstacle=

read_only='mount -o remount,bind,ro /proc'
unshare -rm sh -c "$read_only" 2> .err || obstacle="/proc cannot be made read-only: $(cat .err)"
scene 'What the parent had to do failed: nothing is executed.' \
        125 "unshare -rm sh -c '$read_only; spawn echo hello'" << 'EOT'
2> spawn: /proc/N/oom_score_adj: Read-only file system
EOT
no_read_only=$obstacle obstacle=

title 'userns: a command in namespaces of its own, set up from both sides'

[ -e /proc/self/uid_map ] || obstacle='there is no /proc/PID/uid_map for userns to write'

scene 'A /tmp of its own, no capabilities, the same user; the status is passed on.' \
        3 "id -u > id; userns sh -c 'touch /tmp/mine; ls /tmp; cat /proc/self/setgroups
  grep \"CapEff\\|NoNewPrivs\" /proc/self/status; id -u | cmp - id; exit 3'" << 'EOT'
mine
deny
CapEff:	0000000000000000
NoNewPrivs:	1
EOT

scene 'A command that is killed: 128 + the signal, as in a shell.' \
        143 "userns sh -c 'kill -TERM \$\$'" < /dev/null

scene 'SIGINT and SIGQUIT do not end userns. Nor does SIGCHLD ignored take the status away.' \
        5 "./ignoring CHLD userns sh -c 'kill -INT \$PPID; kill -QUIT \$PPID; exit 5'" < /dev/null

scene 'The exec failed, after a long search; the child tells from inside the namespaces.' \
        127 'PATH=${PATH%%:*}$(printf %030000d 0 | sed s,0,:/,g) userns no-such' << 'EOT'
2> userns: no-such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'userns /etc/passwd' << 'EOT'
2> userns: /etc/passwd: Permission denied
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 'userns true || exit; : < fifo & exec 2> fifo; wait; userns /no/such' < /dev/null

scene 'The parent is killed: the command, which would never end, is gone too.' \
        137 "exec userns sh -c 'trap \"\" TERM; kill -KILL \$PPID; exec cat fifo'" < /dev/null

scene 'Termination ends it while the command is stopped; the command is gone too.' \
        143 "exec userns sh -c '(./reaches T \$\$; kill -TERM \$PPID) & kill -STOP \$\$'" < /dev/null

forbid='echo 0 > /proc/sys/user/max_user_namespaces'
if unshare -r sh -c "$forbid" 2> .err; then
        scene 'Where user namespaces are forbidden it says so.' \
                77 "unshare -r sh -c '$forbid; userns true'" << 'EOT'
2> userns: unshare: No space left on device
2> userns: user namespaces are not possible here
EOT
else
        skip 'Where user namespaces are forbidden it says so.' \
                "they cannot be forbidden: $(cat .err)"
fi

no_proc=$obstacle obstacle=${obstacle:-$no_pids}
scene 'In a pid namespace with the /proc from outside, its pids there are those of strangers.' \
        125 'unshare -rpf userns true' << 'EOT'
2> userns: /proc: not mounted, or that of another pid namespace
EOT

obstacle=${no_proc:-$no_read_only}
scene 'The maps cannot be written: nothing is executed.' \
        125 "unshare -rm sh -c '$read_only; userns echo hello'" << 'EOT'
2> userns: /proc/N/setgroups: Read-only file system
EOT
obstacle=

title 'daemonize: a start that returns when the daemon is ready, or says why it is not'

mkdir run late
mkfifo late/pid

scene 'When the start returns, the daemon can be asked. It goes when told, and takes its socket.' \
        0 'daemonize run && ./ask run/sock; ls run; kill "$(cat run/pid)"; flock run/pid ls run' << 'EOT'
pid N
pid
sock
pid
EOT

scene 'A second one is refused, and the first one is not disturbed.' \
        1 'daemonize run; daemonize run; status=$?; ./ask run/sock; ./end_daemon; exit $status' << 'EOT'
pid N
2> daemonize: run: a daemon is already running there
EOT

scene 'One that was killed left its socket, which is no obstacle.' \
        0 'daemonize run; kill -KILL "$(cat run/pid)"; flock run/pid ls run
  daemonize run && ./ask run/sock; ./end_daemon' << 'EOT'
pid
sock
pid N
EOT

scene 'It keeps no signal or descriptor of its start, and leads no session. Its socket is private.' \
        0 './ignoring USR1,CHLD daemonize run 9< ask; daemon=$(cat run/pid); ./signals $daemon
  cd /proc/$daemon/fd && readlink 0 1 2 && ls | wc -l; cd "$OLDPWD" && stat -c %A run/sock
  read -r pid name state parent group session rest < /proc/$daemon/stat; ./end_daemon
  [ $session != $pid ]' << 'EOT'
Blk 0000000
Ign 0001000
/dev/null
/dev/null
/dev/null
5
srwx------
EOT

scene 'The daemon fails long after its terminal is gone; its reason arrives. An old pid is gone.' \
        1 'echo old > run/pid; mkdir run/sock; daemonize run; status=$?; rmdir run/sock
  cat run/pid; exit $status' << 'EOT'
2> daemonize: run: sock: Is a directory
EOT

scene 'The daemon dies: it may not write a byte, not even its pid.' \
        1 'out=$(ulimit -c 0; ulimit -f 0; daemonize run 2>&1); status=$?; echo "$out"; exit $status' << 'EOT'
daemonize: run: the daemon died before it was ready
EOT

scene 'The daemon is not ready in time: its pid file is a pipe that nobody reads. It is gone too.' \
        1 'daemonize -t 0.1 late' << 'EOT'
2> daemonize: late: the daemon was not ready in time
EOT

stuck='until readlink /proc/[0-9]*/cwd | grep -qx "$(readlink -f late)"; do :; done'
scene 'SIGTERM ends a start whose daemon is stuck, which is gone too; SIGHUP was ignored before.' \
        143 "./ignoring HUP daemonize late & $stuck
  kill -HUP \$!; ./reaches S \$!; kill -TERM \$!; wait \$! 2> err" < /dev/null

scene 'Nobody reads what it says; its exit status tells all the same.' \
        1 ': < fifo & exec 2> fifo; wait; daemonize none' < /dev/null

scene 'Wrong usage.' 2 'daemonize -t 0 run' << 'EOT'
2> usage: daemonize [-t SECONDS] DIR
EOT

title 'prefork: a server that opens when all of its workers are ready'

mkdir -p log log/2

scene 'The line comes when all are ready; connections are answered. SIGTERM ends it cleanly.' \
        0 'prefork 3 > fifo & read -r line < fifo; echo "$line"
  ./ask "${line##* }"; kill $!; wait $!' << 'EOT'
prefork: 3 workers ready on 127.0.0.1:N
worker N, pid N
EOT

scene 'What a terminal sends to all of the group does not end a worker before the server says so.' \
        0 './ignoring HUP prefork 1 > fifo & read -r line < fifo; answer=$(./ask "${line##* }")
  kill -INT ${answer##* }; kill -TERM ${answer##* }; ./ask "${line##* }"; kill $!; wait $!' << 'EOT'
worker N, pid N
EOT

scene 'A worker cannot set itself up: it cannot open its log.' \
        1 'prefork 3 log' << 'EOT'
2> prefork: worker 2: log/2: Is a directory
EOT

scene 'A worker dies during its set-up: its log may not grow.' \
        1 'rmdir log/2; printf %2048s > log/2; ulimit -c 0; ulimit -f 1; prefork 3 log' << 'EOT'
2> prefork: worker 2: File size limit exceeded
EOT

scene 'A worker hangs during its set-up: nobody reads the pipe that it takes for its log.' \
        1 'rm log/*; mkfifo log/1; prefork -t 0.1 1 log' << 'EOT'
2> prefork: worker 1: late
EOT

scene 'There are no descriptors for a third worker.' \
        1 'ulimit -n 17; prefork 3' << 'EOT'
2> prefork: starting a worker: Too many open files
EOT

scene 'Wrong usage.' 2 'prefork 0' << 'EOT'
2> usage: prefork [-t SECONDS] N [DIR]   (N is 1 to 1000)
EOT

scene 'A worker is killed later, while the server serves.' \
        1 './ignoring CHLD prefork 1 > fifo & read -r line < fifo
  answer=$(./ask "${line##* }"); kill -KILL ${answer##* }; wait $!' << 'EOT'
2> prefork: worker 1: Killed
EOT

scene 'SIGTERM ends it while a worker is stopped; when its time is over that one is gone too.' \
        0 'prefork -t 1 1 > fifo & read -r line < fifo
  answer=$(./ask "${line##* }"); kill -STOP ${answer##* }; ./reaches T ${answer##* }
  kill $!; wait $!' << 'EOT'
2> prefork: worker 1: killed
EOT

answer() { # NAME STATEMENTS: prefork with another worker_answer()
        variant prefork "$1" "/^static void worker_answer/,/^}/c\\
static void worker_answer(int number, int client) { $2 }"
}

answer slow '(void) close(open("turn", O_WRONLY)); (void) close(open("turn", O_RDONLY));\
  (void) dprintf(client, "worker %d\\n", number);'
scene 'SIGTERM ends it while an answer is under way; that is given.' \
        0 './slow 1 > fifo & server=$!; read -r line < fifo; ./ask "${line##* }" & : < turn
  kill $server; ./reaches S $server; : > turn; wait $server' << 'EOT'
worker 1
EOT

hang_up='(void) shutdown(client, SHUT_RDWR);'
answer forks "$hang_up if (fork() == 0) _exit(open(\"turn\", O_RDONLY) < 0); raise(SIGKILL + 0 * number);"
scene 'A worker dies, and what it has forked lives on and holds copies: its death is seen.' \
        1 './forks 1 > fifo & read -r line < fifo; ./ask "${line##* }"; wait $!; r=$?; : > turn; exit $r' << 'EOT'
2> prefork: worker 1: Killed
EOT

answer execs '(void) (number + client); execlp("sleep", "sleep", "infinity", (char *) 0);'
scene 'A worker that was ready becomes another program, which lives on: the server ends it.' \
        1 './execs 1 > fifo & read -r line < fifo; ./ask "${line##* }"; wait $!' << 'EOT'
2> prefork: worker 1: Killed
EOT

answer fails "(void) barrier_fail(&workers[number - 1].b, EIO); $hang_up for (;;) (void) pause();"
scene 'A worker that was ready fails, and lives on: the server ends it.' \
        1 './fails 1 > fifo & read -r line < fifo; ./ask "${line##* }"; wait $!' << 'EOT'
2> prefork: worker 1: Input/output error
EOT

answer fills "uint64_t most = -2; (void) !write(workers[number - 1].b.them, &most, 8);\
  $hang_up for (;;) (void) pause();"
scene 'A worker that was ready cannot be told to stop any more: the server ends it.' \
        0 './fills 1 > fifo & read -r line < fifo; ./ask "${line##* }"; kill $!; wait $!' < /dev/null

variant prefork setuid 's/prctl(PR_SET_PDEATHSIG, [A-Z]*) < 0/b == NULL/'
scene 'The server is killed, workers have no death signal, one is stopped: the other one ends.' \
        0 'cat log/1 > end & end=$!
  ./setuid 2 log > fifo & read -r line < fifo; read -r children < /proc/$!/task/$!/children
  kill -STOP ${children#* }; ./reaches T ${children#* }; kill -KILL $!
  wait $end; kill -KILL ${children#* }; cat end' << 'EOT'
worker 1 is ready
EOT

title 'handover: a barrier that goes on across execve()'

scene 'The two meet before the exec, and again after it, and only then the helper reads.' \
        0 'printf "one\ntwo\n" | handover' << 'EOT'
lines 2, bytes 8
EOT

scene 'SIGINT and SIGQUIT do not end handover. No core dumps, no more rights; all before the exec.' \
        0 "ulimit -Sc \$(ulimit -Hc); ./ignoring CHLD handover sh -c 'kill -INT \$PPID; kill -QUIT \$PPID
  ulimit -c; grep NoNewPrivs /proc/self/status; exec handover --helper'" << 'EOT'
0
NoNewPrivs:	1
lines 0, bytes 0
EOT

scene 'The helper is ready while handover is stopped: it does not begin before the limit is there.' \
        0 "handover sh -c 'kill -STOP \$PPID; ./reaches T \$PPID
  (./reaches S \$\$; kill -CONT \$PPID) & exec handover --helper'" << 'EOT'
lines 0, bytes 0
EOT

variant handover hurried 's/(&b, 5000)/(\&b, 100)/'
scene 'The helper is stopped before it is ready: when its time is over it is gone.' \
        125 "./hurried sh -c 'kill -STOP \$\$'" << 'EOT'
2> handover: sh: the helper was not ready in time
EOT

scene 'handover is killed: the helper, which would never end, is gone too.' \
        137 "exec handover sh -c 'trap \"\" TERM; kill -KILL \$PPID; exec cat fifo'" < /dev/null

scene 'Termination ends it while the helper is stopped; the helper is gone too.' \
        143 "exec handover sh -c '(./reaches T \$\$; kill -TERM \$PPID) & kill -STOP \$\$'" < /dev/null

scene 'The exec failed; the child tells through the barrier that it has already exported.' \
        127 'handover /no/such' << 'EOT'
2> handover: /no/such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'handover /etc/passwd' << 'EOT'
2> handover: /etc/passwd: Permission denied
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 ': < fifo & exec 2> fifo; wait; handover /no/such' < /dev/null

scene 'Nobody reads what the helper says, which is killed: 128 + the signal, as in a shell.' \
        141 ': < fifo & exec > fifo; wait; handover' < /dev/null

scene 'The helper, started by hand: there is no barrier.' \
        125 'handover --helper' << 'EOT'
2> handover: HANDOVER_BARRIER: not set; this program is to be started by handover
EOT

scene 'The limit hits a shell in between: the helper refuses, though it cannot say so.' \
        125 "handover sh -c 'handover --helper 2>&-; exit \$?'" < /dev/null

scene 'The variable was cut short on the way.' \
        125 "handover sh -c 'HANDOVER_BARRIER=\${HANDOVER_BARRIER%?} exec handover --helper'" << 'EOT'
2> handover: HANDOVER_BARRIER: damaged
2> handover: sh: the helper ended before it was ready
EOT

scene 'The variable is that of an earlier run, whose barrier has gone.' \
        125 "export OLD; OLD=\$(handover sh -c 'echo \$HANDOVER_BARRIER' 2> old)
  handover sh -c 'HANDOVER_BARRIER=\$OLD exec handover --helper'" << 'EOT'
2> handover: HANDOVER_BARRIER: stale, its descriptors are not there
2> handover: sh: the helper ended before it was ready
EOT

title 'launch: a start from a big process, by vfork(), with a handshake all the same'

scene 'Both sides are set up, the command runs, and its status is passed on.' \
        3 "launch -m 64 -n 19 sh -c 'nice
  read -r pid name state parent group session rest < /proc/\$\$/stat; [ \$session = \$\$ ] && exit 3'" << 'EOT'
19
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'The exec failed, after a long search: there is no such command.' \
        127 'PATH=${PATH%%:*}$(printf %030000d 0 | sed s,0,:/,g) launch -m 64 no-such' << 'EOT'
2> launch: no-such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'launch /etc/passwd' << 'EOT'
2> launch: /etc/passwd: Permission denied
EOT

unshare -r true 2> .err || obstacle="there can be no user namespace: $(cat .err)"
scene 'What the parent had to do failed: it takes a capability to raise a priority.' \
        125 'prlimit --nice=0 unshare -r launch -n -1 true' << 'EOT'
2> launch: setpriority: Permission denied
EOT
obstacle=

scene 'There are no descriptors for a barrier.' \
        125 '(ulimit -n 5; launch true)' << 'EOT'
2> launch: barrier: Too many open files
EOT

variant launch stops 's/timeout = 10000;/timeout = getenv("LATE") ? 100 : 10000;/
  s/^ *for (sig = 1.*/(void) kill(getpid(), SIGSTOP);\n&/'
scene 'The child hangs during its set-up; after a tenth of a second it is ended.' \
        124 'LATE=1 ./stops true' << 'EOT'
2> launch: true: the start took too long
EOT

scene 'Termination reaches a child that is stopped during its set-up.' \
        125 './stops true & until child=$(cat /proc/$!/task/*/children) && [ "$child" ]; do :; done
  ./reaches T $child; kill $!; wait $!' << 'EOT'
2> launch: true: died before the exec: Terminated
EOT

variant launch forks 's/ = vfork()/ = fork()/'
scene 'Where vfork() is fork() it is all the same.' \
        3 "./forks -n 19 sh -c 'nice; exit 3'" << 'EOT'
19
2> launch: sh: exec'd after N ms, pid N
EOT

variant launch dies 's/^ *for (sig = 1.*/(void) kill(getpid(), SIGKILL);\n&/'
scene 'The child is killed during its set-up. That is not "exec'\''d", though the pipe closed.' \
        125 './dies true' << 'EOT'
2> launch: true: died before the exec: Killed
EOT

scene 'Signals that launch was started with ignored, or has blocked, are neither in the command.' \
        3 './ignoring USR1,ABRT,CHLD launch ./signals' << 'EOT'
Blk 0000000
Ign 0000000
2> launch: ./signals: exec'd after N ms, pid N
EOT

scene 'Termination is passed on: the command ends as it likes, here with 5.' \
        5 "launch sh -c 'trap \"exit 5\" TERM; kill -TERM \$PPID; while :; do :; done'" << 'EOT'
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'Not a signal that launch was started with ignored.' \
        5 "./ignoring HUP launch sh -c 'kill -HUP \$PPID; ./reaches S \$PPID; exit 5'" << 'EOT'
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'Termination ends the command while it is stopped, and what is in its process group.' \
        143 "launch sh -c '(./reaches T \$\$; kill -TERM \$PPID; exec cat fifo) & kill -STOP \$\$'" << 'EOT'
2> launch: sh: exec'd after N ms, pid N
2> launch: sh: Terminated
EOT

scene 'launch is killed: the command, which would never end, is gone too.' \
        137 "exec launch sh -c 'trap \"\" TERM; kill -KILL \$PPID; exec cat fifo' 2> err" < /dev/null

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 ': < fifo & exec 2> fifo; wait; launch /no/such' < /dev/null

[ -n "$quiet" ] || echo
echo "demo: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
