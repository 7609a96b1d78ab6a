#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# demo.sh [-q] [DIR] - runs the examples and compares what they do with what they should
#
# A scene is one command line: its explanation, its exit status, and on standard input what it has
# to print: standard output, then standard error with "2> " before each line. Process ids and
# ports differ from run to run and are compared as N. A scene that is not possible here is skipped,
# and says why. -q shows only scenes that went wrong or were skipped. DIR is where the programs are;
# without it, where this script is.
#
# Exit status: 0, or 1 if a scene came out differently.

unset CDPATH HANDOVER_BARRIER
quiet=
if [ "$1" = -q ]; then
        quiet=1
        shift
fi
if [ $# -gt 1 ] || ! bin=$(cd -- "${1:-$(dirname -- "$0")}" && pwd); then
        echo 'usage: demo.sh [-q] [DIR]' >&2
        exit 2
fi
PATH=$bin:$PATH LC_ALL=C
export PATH LC_ALL
source=$(cd -- "$(dirname -- "$0")" && pwd)
command -v perl > /dev/null || {
        echo 'demo.sh needs perl, to ask the servers: apt-get install perl-base' >&2
        exit 1
}

tmp=$(mktemp -d) || exit 1
cd "$tmp" || exit 1
clean_up() {
        [ ! -s run/pid ] || kill "$(cat run/pid)"
        rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

cat > ask << 'EOT'
#!/usr/bin/env perl
use IO::Socket;
my $type = $ARGV[0] =~ /:/ ? 'IO::Socket::INET' : 'IO::Socket::UNIX';
print((($type->new($ARGV[0])) or die "ask: $!\n")->getlines);
EOT
chmod +x ask
mkfifo fifo

# Where namespaces work, that they are "not possible here" is a mistake of the example.
namespaces=$(unshare -rm mount -t tmpfs tmpfs /tmp 2>&1) && namespaces=

passed=0 failed=0 skipped=0
obstacle= # why the scenes that follow are not possible here

skip() {
        skipped=$((skipped + 1))
        printf '\nSKIPPED: %s\n  %s\n' "$2" "$1"
}

# scene EXPLANATION STATUS COMMAND < EXPECTED
scene() {
        if [ -n "$obstacle" ]; then
                skip "$1" "$obstacle"
                return
        fi
        # A net for hangs, nothing else: what it ends has no exit status.
        timeout -k 5 60 sh -c 'sh -c "$1"; echo "$?" > .status' sh "$3" > .out 2> .err < /dev/null ||
                echo 'none, it hangs' > .status
        read -r status < .status
        sed 's/^/2> /' .err >> .out
        {
                sed -e 's/worker [0-9]*, pid/worker N, pid/' -e 's/pid [0-9][0-9]*/pid N/' \
                        -e 's/127\.0\.0\.1:[0-9]*/127.0.0.1:N/' \
                        -e "s/exec'd after [0-9.]* ms/exec'd after N ms/" .out
                echo "exit status $status"
        } > .seen
        { cat; echo "exit status $2"; } > .expected

        if cmp -s .seen .expected; then
                passed=$((passed + 1))
                [ -z "$quiet" ] || return
        elif [ "$status" = 77 ] && [ -n "$namespaces" ] && grep -q 'not possible here' .out; then
                skip "$1" "$(sed -n -e '/not possible here/{x;s/^2> //p;q;}' -e h .out)"
                return
        else
                failed=$((failed + 1))
        fi
        printf '\n# %s\n$ %s\n' "$1" "$3"
        cat .out
        echo "exit status $status"
        if ! cmp -s .seen .expected; then
                echo 'WRONG, expected was:'
                cat .expected
        fi
}

title() {
        [ -n "$quiet" ] || printf '\n==== %s\n' "$1"
}

title 'spawn: starts a command the way a supervisor has to'

[ -e /proc/self/oom_score_adj ] || obstacle='there is no /proc/PID/oom_score_adj for spawn to write'

scene 'Both sides are set up, the command runs, and its status is passed on.' \
        7 "spawn sh -c 'echo hello; exit 7'" <<'EOT'
hello
2> spawn: sh: exec'd, pid N
EOT

scene 'A command that is killed after the exec: 128 + the signal, as in a shell.' \
        143 "spawn sh -c 'kill -TERM \$\$'" <<'EOT'
2> spawn: sh: exec'd, pid N
2> spawn: sh: Terminated
EOT

scene 'What the parent had to do was done before the exec.' \
        0 'spawn cat /proc/self/oom_score_adj' << 'EOT'
1000
2> spawn: cat: exec'd, pid N
EOT

scene 'The exec failed: there is no such command.' \
        127 'spawn /no/such' <<'EOT'
2> spawn: /no/such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'spawn /etc/passwd' <<'EOT'
2> spawn: /etc/passwd: Permission denied
EOT

scene 'The child is killed during its set-up. That is not "exec'\''d", though the pipe closed.' \
        125 "spawn -s 'kill -KILL \$PPID' echo hello" <<'EOT'
2> spawn: echo: died before the exec: Killed
EOT

scene 'The child hangs during its set-up; after a tenth of a second it is ended.' \
        124 "spawn -t 0.1 -s 'kill -STOP \$PPID' echo hello" <<'EOT'
2> spawn: echo: the start took too long
EOT

scene 'A set-up step of the child fails.' \
        125 "spawn -s 'exit 3' echo hello" <<'EOT'
2> spawn: -s: failed with status 3
EOT

scene 'Termination is passed on: the command ends as it likes, here with 5.' \
        5 "spawn sh -c 'trap \"exit 5\" TERM; kill -TERM \$PPID; while :; do :; done'" <<'EOT'
2> spawn: sh: exec'd, pid N
EOT

scene 'Termination reaches a child that is stopped during its set-up.' \
        125 "export SPAWN=\$\$; exec spawn -s 'kill -STOP \$PPID; kill -TERM \$SPAWN' echo hello" <<'EOT'
2> spawn: echo: died before the exec: Terminated
EOT

scene 'Termination ends the start during the set-up step too, even if that goes well after it.' \
        125 "export SPAWN=\$\$; exec perl -e '\$SIG{INT} = DEFAULT; exec @ARGV' \
  spawn -s 'trap \"exit 0\" INT; kill -INT \$SPAWN; while :; do :; done' echo hello" <<'EOT'
2> spawn: echo: died before the exec: Interrupt
EOT

scene 'spawn is killed while a set-up step runs, which would never end: that is gone too.' \
        137 "out=\$(spawn sh -c 'export SPAWN=\$\$; exec spawn -s \"kill -KILL \\\$SPAWN; while :; do :; done\" true')" <<'EOT'
2> spawn: sh: exec'd, pid N
2> spawn: sh: Killed
EOT

unshare -rpf true 2> .err || obstacle="there can be no pid namespace: $(cat .err)"
scene 'In a pid namespace with the /proc from outside, its pids there are those of strangers.' \
        125 "unshare -rpf sh -c 'userns true; spawn true'" <<'EOT'
2> userns: /proc: not mounted, or that of another pid namespace
2> spawn: /proc: not mounted, or that of another pid namespace
EOT
obstacle=

title 'userns: a command in namespaces of its own, set up from both sides'

[ -e /proc/self/uid_map ] || obstacle='there is no /proc/PID/uid_map for userns to write'

scene 'A /tmp of its own, no capabilities, for root and for users; the status is passed on.' \
        3 "userns sh -c 'touch /tmp/mine; ls /tmp; grep CapEff /proc/self/status; exit 3'" <<'EOT'
mine
CapEff:	0000000000000000
EOT

scene 'The exec failed; the child tells from inside the namespaces.' \
        127 'userns /no/such' <<'EOT'
2> userns: /no/such: No such file or directory
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 'userns true || exit; : < fifo & exec 2> fifo; wait; userns /no/such' < /dev/null

scene 'The parent is killed: the command, which would never end, is gone too.' \
        137 "out=\$(spawn userns sh -c 'kill -KILL \$PPID; while :; do :; done')" <<'EOT'
2> spawn: userns: exec'd, pid N
2> spawn: userns: Killed
EOT

scene 'Termination ends it while the command is stopped; the command is gone too.' \
        143 "out=\$(spawn userns sh -c '(kill -STOP \$\$; kill -TERM \$PPID) & wait')" <<'EOT'
2> spawn: userns: exec'd, pid N
2> spawn: userns: Terminated
EOT

forbid='echo 0 > /proc/sys/user/max_user_namespaces'
if unshare -r sh -c "$forbid" 2> .err; then
        scene 'Where user namespaces are forbidden it says so.' \
                77 "unshare -r sh -c '$forbid; userns true'" <<'EOT'
2> userns: unshare: No space left on device
2> userns: user namespaces are not possible here
EOT
else
        skip 'Where user namespaces are forbidden it says so.' \
                "they cannot be forbidden: $(cat .err)"
fi
obstacle=

title 'daemonize: a start that returns when the daemon is ready, or says why it is not'

scene 'When the start returns, the daemon can be asked at once.' \
        0 'mkdir run; daemonize run && ./ask run/sock; ls run' <<'EOT'
pid N
pid
sock
EOT

scene 'A second one is refused, and the first one is not disturbed.' \
        1 'daemonize run; status=$?; ./ask run/sock; exit $status' <<'EOT'
pid N
2> daemonize: run: a daemon is already running there
EOT

scene 'It goes when told, and takes its socket along.' \
        0 'kill "$(cat run/pid)"; flock run/pid ls run' <<'EOT'
pid
EOT

scene 'The daemon fails long after its terminal is gone; its reason arrives. An old pid is gone.' \
        1 'echo old > run/pid; mkdir run/sock; daemonize run; status=$?; rmdir run/sock
  cat run/pid; exit $status' <<'EOT'
2> daemonize: run: sock: Is a directory
EOT

scene 'The daemon dies: it may not write a byte, not even its pid.' \
        1 'out=$(ulimit -c 0; ulimit -f 0; daemonize run 2>&1); status=$?; echo "$out"; exit $status' <<'EOT'
daemonize: run: the daemon died before it was ready
EOT

scene 'The daemon is not ready in time: its pid file is a pipe that nobody reads.' \
        1 'mkdir late; mkfifo late/pid; daemonize -t 0.1 late' <<'EOT'
2> daemonize: late: the daemon was not ready in time
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        1 ': < fifo & exec 2> fifo; wait; daemonize none' < /dev/null

title 'prefork: a server that opens when all of its workers are ready'

scene 'The line comes when all are ready; connections are answered. SIGTERM ends it cleanly.' \
        0 'prefork 3 > fifo & read -r line < fifo; echo "$line"
  ./ask "${line##* }"; kill $!; wait $!' <<'EOT'
prefork: 3 workers ready on 127.0.0.1:N
worker N, pid N
EOT

scene 'A worker cannot set itself up: it cannot open its log.' \
        1 'mkdir -p log/2; prefork 3 log; status=$?; rmdir log/2; exit $status' <<'EOT'
2> prefork: worker 2: log/2: Is a directory
EOT

scene 'A worker dies during its set-up: its log may not grow.' \
        1 'printf %2048s > log/2; ulimit -c 0; ulimit -f 1; prefork 3 log' <<'EOT'
2> prefork: worker 2: File size limit exceeded
EOT

scene 'Workers hang during their set-up: nobody reads the pipes that they take for their logs.' \
        1 'rm log/*; mkfifo log/1 log/2; prefork -t 0.1 2 log' <<'EOT'
2> prefork: worker 1: late
2> prefork: worker 2: late
EOT

scene 'A worker is killed later, while the server serves.' \
        1 'prefork 1 > fifo & read -r line < fifo
  answer=$(./ask "${line##* }"); kill -KILL ${answer##* }; wait $!' <<'EOT'
2> prefork: worker 1: Killed
EOT

scene 'SIGTERM ends it while a worker is stopped; when its time is over that one is gone too.' \
        0 'prefork -t 1 1 > fifo & read -r line < fifo
  answer=$(./ask "${line##* }"); kill -STOP ${answer##* }
  kill $!; wait $! && ! kill -0 ${answer##* } 2>&-' <<'EOT'
2> prefork: worker 1: killed
EOT

# prefork with another worker_answer()
variant() { # NAME STATEMENTS
        sed "/^static void worker_answer/,/^}/c\\
static void worker_answer(int number, int client) { $2 }" "$source/prefork.c" > "$1.c"
        ${CC:-cc} -I"$source/.." -o "$1" "$1.c" "$source/../barrier.c" || exit
}

variant execs '(void) (number + client); execlp("sleep", "sleep", "infinity", (char *) 0);'
scene 'A worker that was ready becomes another program, which lives on: the server ends it.' \
        1 './execs 1 > fifo & read -r line < fifo; ./ask "${line##* }"; wait $!' <<'EOT'
2> prefork: worker 1: Killed
EOT

hang_up='(void) shutdown(client, SHUT_RDWR); for (;;) (void) pause();'
variant fails "(void) barrier_fail(&workers[number - 1].b, EIO); $hang_up"
scene 'A worker that was ready fails, and lives on: the server ends it.' \
        1 './fails 1 > fifo & read -r line < fifo; ./ask "${line##* }"; wait $!' <<'EOT'
2> prefork: worker 1: Input/output error
EOT

variant fills "uint64_t most = -2; (void) !write(workers[number - 1].b.them, &most, 8); $hang_up"
scene 'A worker that was ready cannot be told to stop any more: the server ends it.' \
        0 './fills 1 > fifo & read -r line < fifo; ./ask "${line##* }"; kill $!; wait $!' < /dev/null

title 'handover: a barrier that goes on across execve()'

scene 'The two meet before the exec, and again after it, and only then the helper reads.' \
        0 'printf "one\ntwo\n" | handover' <<'EOT'
lines 2, bytes 8
EOT

scene 'Termination ends it while the helper is stopped; the helper is gone too.' \
        143 "out=\$(spawn handover sh -c '(kill -STOP \$\$; kill -TERM \$PPID) & wait')" <<'EOT'
2> spawn: handover: exec'd, pid N
2> spawn: handover: Terminated
EOT

scene 'The exec failed; the child tells through the barrier that it has already exported.' \
        127 'handover /no/such' <<'EOT'
2> handover: /no/such: No such file or directory
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 ': < fifo & exec 2> fifo; wait; handover /no/such' < /dev/null

scene 'The helper, started by hand: there is no barrier.' \
        125 'handover --helper' <<'EOT'
2> handover: HANDOVER_BARRIER: not set; this program is to be started by handover
EOT

scene 'The limit hits a shell in between: the helper refuses, though it cannot say so.' \
        125 "handover sh -c 'handover --helper 2>&-; exit \$?'" < /dev/null

scene 'The variable was cut short on the way.' \
        125 "handover sh -c 'HANDOVER_BARRIER=\${HANDOVER_BARRIER%?} exec handover --helper'" <<'EOT'
2> handover: HANDOVER_BARRIER: damaged
2> handover: sh: the helper ended before it was ready
EOT

scene 'The variable is that of an earlier run, whose barrier has gone.' \
        125 "export OLD; OLD=\$(handover sh -c 'echo \$HANDOVER_BARRIER' 2> old)
  handover sh -c 'HANDOVER_BARRIER=\$OLD exec handover --helper'" <<'EOT'
2> handover: HANDOVER_BARRIER: stale, its descriptors are not there
2> handover: sh: the helper ended before it was ready
EOT

title 'launch: a start from a big process, by vfork(), with a handshake all the same'

scene 'Both sides are set up, the command runs, and its status is passed on.' \
        3 "launch -m 64 -n 19 sh -c 'nice; exit 3'" <<'EOT'
19
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'The exec failed: there is no such command.' \
        127 'launch -m 64 /no/such' <<'EOT'
2> launch: /no/such: No such file or directory
EOT

scene 'The exec failed: it is there, but no program.' \
        126 'launch /etc/passwd' <<'EOT'
2> launch: /etc/passwd: Permission denied
EOT

unshare -r true 2> .err || obstacle="there can be no user namespace: $(cat .err)"
scene 'What the parent had to do failed: it takes a capability to raise a priority.' \
        125 'prlimit --nice=0 unshare -r launch -n -1 true' <<'EOT'
2> launch: setpriority: Permission denied
EOT
obstacle=

scene 'There are no descriptors for a barrier.' \
        125 '(ulimit -n 5; launch true)' <<'EOT'
2> launch: barrier: Too many open files
EOT

# Signals 1 to 28: glibc's posix_spawn(), which make uses, leaves 32 and 33 ignored.
scene 'Signals that launch was started with ignored are not ignored in the command.' \
        3 "perl -e '\$SIG{USR1} = \$SIG{ABRT} = \$SIG{CHLD} = IGNORE; exec @ARGV' \
  launch sh -c 'grep SigIgn /proc/\$\$/status | tail -c 8; exit 3'" <<'EOT'
0000000
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'Termination is passed on: the command ends as it likes, here with 5.' \
        5 "launch sh -c 'trap \"exit 5\" TERM; kill -TERM \$PPID; while :; do :; done'" <<'EOT'
2> launch: sh: exec'd after N ms, pid N
EOT

scene 'Termination ends it while the command is stopped; what that has started is gone too.' \
        143 "out=\$(launch sh -c '(kill -STOP \$\$
  until grep -q State:.T /proc/\$\$/status; do :; done; kill -TERM \$PPID; exec cat fifo) & wait')" <<'EOT'
2> launch: sh: exec'd after N ms, pid N
2> launch: sh: Terminated
EOT

scene 'launch is killed: the command, which would never end, is gone too.' \
        137 "out=\$(spawn sh -c 'exec launch sh -c \"trap : TERM; kill -KILL \\\$PPID; while :; do :; done\" 2>&-')" <<'EOT'
2> spawn: sh: exec'd, pid N
2> spawn: sh: Killed
EOT

scene 'Nobody reads what it says; its exit status tells all the same.' \
        127 ': < fifo & exec 2> fifo; wait; launch /no/such' < /dev/null

[ -n "$quiet" ] || echo
echo "demo: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
