#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutate-examples.sh [EXAMPLE] - breaks the examples on purpose; the demo, `kill` or `starts` has to
#         see each
#
# What the head of an example promises has an entry below that breaks it: the example, a function of
# it, a sed command for one line of that, and what is wrong with it then. The demo has to see it, or
# what the last field names; any other last field is the reason why nothing does. One that does not
# change exactly one line, or does not compile, is an error, as is one that is seen though it has a
# reason. Seen means that a scene of the demo came out wrong, or that `kill` or `starts` said what
# is; what only a net for hangs has ended is not. An entry without a function is the example as it
# stands, in which nothing must be seen. Exit status: 0; 1 if anything failed, or more than one in
# twenty is unseen.

# shellcheck source=../lib.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/../lib.sh"

compile="${CC:-cc} -std=c99 -O2 -w -pthread -I."

list() {
        cat << 'LIST'
spawn@@@as it stands
spawn@child@/about to exec/s/_and_sync//@the child does not ask whether it is still wanted before its exec@kill
spawn@die_with_parent@/wait_abortion/d@nobody asks whether the parent died before the death signal was set@kill
spawn@die_with_parent@s/SIGKILL/SIGTERM/@the death signal is one that a command can ignore
spawn@run_setup@s/ || getppid() != self//@SETUP does not ask whether the child died before its death signal was set@kill
spawn@run_setup@s/prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || //@SETUP does not die with the child
spawn@child@s/ || setsid() < 0//@no session of its own
spawn@child@s/(void) signal(sig, SIG_DFL)//@ignored signals stay ignored
spawn@child@/sigprocmask/d@blocked signals stay blocked
spawn@signal_child@s/kill(-pid, sig) < 0/kill(pid, sig) < 0/@signals go to the command, not to its group
spawn@forward@/SIGCONT/d@what is stopped is not continued
spawn@parent@/signal_child(SIGKILL)/d@a child that is stuck is not killed before it is waited for
spawn@main@/barrier_set_timeout/d@-t is ignored
spawn@parent@s/barrier_they_left(b);/barrier_they_aborted(b);/@they_aborted for they_left: a failed exec counts as executed
spawn@report@s/they_left/they_aborted/@they_aborted for they_left: what the child says is not reported
spawn@parent@s/error && !barrier_they_aborted(b)/error/@the parent's failure hides the child's
spawn@parent@s/(void) barrier_abort(b)//@no abortion when the parent's set-up failed@the timeout of 0, which is still set, ends its next wait too, unless the child is there by then
spawn@parent@s/!raise_oom_score(oom_score_adj)/false/@the parent sets nothing up
spawn@child@s/EXEC \* STEP + errno/EXEC * STEP/@the errno of the exec is lost
spawn@main@s/ && old.sa_handler != SIG_IGN//@a signal that was ignored is passed on
spawn@main@/SIGCHLD/d@an ignored SIGCHLD takes the status away
spawn@main@/SIGPIPE/d@a lost message ends it
spawn@child@s/status != 0/false/@a set-up step that failed is ignored
spawn@exit_status@s/128 + WTERMSIG/WTERMSIG/@the signal that killed the command passes for a status
spawn@report@s/return LATE/return FAILED/@late passes for another failure
spawn@report@s/error == ENOENT ?/false ?/@what is not found passes for not executable
spawn@parent@s/if (WIFSIGNALED(status))/if (false)/@it does not say which signal killed the command
spawn@main@s/!proc_is_ours()/false/@a stranger gets the score
spawn@parent@/signal_child(SIGKILL)/s/$/ (void) waitid(P_PID, (id_t) pid, \&info, WEXITED | WNOWAIT);/@it waits for the child's end before it says why@nothing here survives SIGKILL for long
userns@@@as it stands
userns@child@/in the namespaces; mapped/s/_and_sync//@the child does not wait for its maps
userns@main@s/barrier_wait_next(&b) && !write_maps/barrier_sync(\&b) \&\& !write_maps/@sync for wait_next: the maps are written before there are namespaces
userns@die_with_parent@/wait_abortion/d@nobody asks whether the parent died before the death signal was set@the parent has placed nothing yet: it waits for the child first, whose next wait sees the death
userns@die_with_parent@s/SIGKILL/SIGTERM/@the death signal is one that a command can ignore
userns@main@/barrier_abort/d@no abortion when the maps could not be written
userns@main@s/code = MAP \* STEP + errno//@which file could not be written is lost
userns@child@s/prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0/false/@an exec may bring privileges
userns@child@s/prctl(PR_SET_SECUREBITS, NOROOT_LOCKED) < 0/false/@root keeps its capabilities
userns@child@s/mount("tmpfs", .*) < 0/false/@no /tmp of its own
userns@main@/signal(SIGINT, SIG_IGN)/d@SIGINT ends it before the command
userns@write_maps@s/write_file(pid, "setgroups", "deny")/true/@setgroups() is not denied
userns@write_maps@s/"%u %u 1", geteuid(), geteuid()/"1 %u 1", geteuid()/@the command is another user
userns@main@s/ && error != ENOSPC//@where namespaces are forbidden it is a failure
daemonize@@@as it stands
daemonize@kill_daemon@/kill(-pid/d@the daemon, in the group, is not killed
daemonize@kill_daemon@/kill(pid/d@the process in between is not killed@kill
daemonize@give_up@/kill_daemon/d@a signal ends the start alone, and no daemon that is stuck
daemonize@daemon_main@/ready; the foreground/s/_and_sync//@the daemon serves before it is told to@kill
daemonize@main@s/if (barrier_wait_next(&b))/if (barrier_sync(\&b))/@sync for wait_next: the start returns before the daemon is ready
daemonize@main@s/setsid() < 0 || //@no session, and no group
daemonize@main@/barrier_set_timeout(&b, (int)/d@-t is ignored
daemonize@main@/barrier_abort/d@no abortion when the time is over@it exits at once, which tells the daemon the same
daemonize@main@/SIG_UNBLOCK/d@no signal ends the start
daemonize@main@/SYS_close_range, 3/d@the daemon keeps descriptors that it inherited
daemonize@daemon_main@/barrier_destroy/d@the daemon keeps its ends of the barrier
daemonize@daemon_main@/umask/d@others may use the socket
daemonize@daemon_main@s/ || dup2(null, 1) < 0//@the daemon keeps a standard stream
daemonize@daemon_main@s/flock(pid_file, LOCK_EX | LOCK_NB) < 0/false/@two daemons in one directory
daemonize@daemon_main@s/(unlink("sock") < 0 && errno != ENOENT)/false/@the socket of a killed daemon is in the way
daemonize@daemon_main@s/ftruncate(pid_file, 0) < 0/false/@the pid of an old daemon stays
daemonize@daemon_main@/signal(SIGTERM, terminate)/d@SIGTERM leaves the socket
daemonize@main@s/(pid = fork()) < 0/(pid = 0) < 0/@the daemon leads the session and can get a terminal
daemonize@main@s/seconds >= 0.001/true/@-t 0 is no wrong usage
daemonize@daemon_main@s/dprintf(pid_file.*) < 0)/false)/@no pid in the file
prefork@@@as it stands
prefork@worker_main@s/n < index/n < 0/@a worker keeps copies of the ends of those before it
prefork@start_worker@/barrier_watch/d@no watch
prefork@worker_main@/ready; all are/s/_and_sync//@a worker accepts before all are ready@kill
prefork@die_with_parent@/wait_abortion/d@nobody asks whether the parent died before the death signal was set@kill
prefork@die_with_parent@s/SIGKILL/SIGTERM/@the death signal is one that workers ignore@kill
prefork@report@/SIGKILL/d@a worker that lives on is not killed before its end is waited for
prefork@stop@/^ \{16\}(void) kill/d@a worker that does not go is not killed before it is waited for
prefork@stop@s/!w->ready/false/@a worker that was never ready gets time to end
prefork@stop@s/!w->ready/true/@answers that are under way are cut off
prefork@stop@/barrier_abort/d@no abortion at the end
prefork@open_server@s/(void) barrier_place(&w->b)//@the workers are not told that all are ready
prefork@serve@s/n_ready < n_workers ? msec_left() : -1/-1/@-t is ignored
prefork@serve@s/++n_ready == n_workers/++n_ready == 1/@it opens when the first worker is ready
prefork@worker_main@/signal(SIGTERM, SIG_IGN)/d@a SIGTERM for the whole group cuts answers off
prefork@main@/r = serve/,/stop/s/ + msec//@answers that are under way get no time
prefork@report@s/strsignal(info.si_status)/reason/@it does not say which signal killed a worker
prefork@report_late@s/return 1/return 0/@a start that is late exits with 0
prefork@main@/starting a worker/s/errno/0/@the errno of a worker that cannot be started is lost
handover@@@as it stands
handover@helper@/ready; it has/s/_and_sync//@the helper begins before it is told to
handover@helper@s/no_file.rlim_cur > BARRIER_POLLFDS/false/@the helper works without the limit
handover@helper@s/r == -EBADF/r == -EINVAL/@a damaged string is called stale
handover@die_with_parent@/wait_abortion/d@nobody asks whether the parent died before the death signal was set@kill
handover@child@/both are set up/s/_and_sync//@the child executes the helper before the parent is set up@kill
handover@child@s/prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0/true/@the helper may gain privileges
handover@child@/EXEC + errno/d@a failed exec is not told
handover@main@/(void) kill(pid/d@a helper that is stuck is not killed before it is waited for
handover@main@s/!barrier_wait_next(&b) ||/!barrier_sync(\&b) ||/@sync for wait_next: the limit comes before the helper is ready
handover@main@s/prlimit(pid, RLIMIT_CORE, &core, NULL) < 0/false/@core dumps are not forbidden
handover@main@s/prlimit(pid, RLIMIT_NOFILE, &no_file, NULL) < 0/false/@descriptors are not limited
handover@main@/signal(SIGINT, SIG_IGN)/d@SIGINT ends it before the helper
handover@helper@s/!getenv(VARIABLE)/false/@a helper started by hand speaks of damage
launch@@@as it stands
launch@child@s/getppid() != s->parent/false/@nobody asks whether the parent died before the death signal was set@kill
launch@child@s/SIGKILL/SIGTERM/@the death signal is one that a command can ignore
launch@child@s/ || setsid() < 0//@no session of its own
launch@child@/SIG_SETMASK/d@blocked signals stay blocked
launch@child@s/!barrier_wait_next(&b) || //@the child does not wait for the parent's set-up@kill
launch@forks@/SIG_SETMASK/d@a handler of the parent may run in the child
launch@forks@s/(void) waitid(.*)//@the thread that forks ends before the command
launch@meet@s/setpriority(.*) < 0/false/@the parent sets nothing up
launch@meet@s/they_left/they_aborted/@they_aborted for they_left: a failed exec counts as executed
launch@start@s/(void) kill(s->pid, SIGKILL)//@a child that is stuck is not killed before it is waited for
launch@start@/pthread_mutex_lock/d@two threads start at once, and children hold each other's pipe ends@starts
launch@start@/barrier_destroy/d@descriptors are left@starts
launch@run@s/code == ECONNRESET/false/@a child that died is reported as a broken barrier
launch@main@/signal(SIGABRT/d@SIGABRT stays ignored
launch@child@s/s->pid = getpid()/(void) 0/@termination during the start is not passed on
launch@forks@s/s->pid == 0/false/@a fork() that is no vfork() is forgotten
launch@main@s/number(optarg, -20, 19, &nice)/true/@-n is ignored
LIST
}

# try EXAMPLE FUNCTION EDIT KILLER...: in the present, empty directory; says which killer sees it,
# and leaves what that said in `seen`
try() {
        example=$1
        mkdir -p examples verify/failures
        cp -s "$top"/barrier.[ch] "$build/libbarrier.a" .
        cp -s "$top/verify/common.h" verify
        cp -s "$top/verify/failures/starts.c" "$build/verify/failures/kill" verify/failures
        cp "$top/examples/demo.sh" "$build/examples/spawn" "$build/examples/userns" examples
        rm -f "examples/$example"
        sed "${2:+/[ *]$2(.*{\$/,/^\}/}{$3
        }" "$top/examples/$example.c" > "examples/$example.c"
        lines=$(diff "$top/examples/$example.c" "examples/$example.c" | grep -c '^<')
        [ -z "$2" ] || [ "$lines" = 1 ] || {
                echo "trouble: changes $lines lines of $2()"
                return
        }
        $compile -o "examples/$example" "examples/$example.c" libbarrier.a > log 2>&1 || {
                echo 'trouble: does not compile'
                return
        }
        shift 3
        for killer; do
                case $killer in # in a session of its own, for what kills a group without a number
                demo) TMPDIR=$PWD sh examples/demo.sh -x examples "$example" ;;
                kill) setsid -w verify/failures/kill --short examples "$example" ;;
                starts)
                        [ "$example" != launch ] || {
                                $compile -o starts verify/failures/starts.c &&
                                        setsid -w ./starts 1000
                        }
                        ;;
                esac > log 2>&1 && continue
                awk '/^# / { scene = substr($0, 3) }
                     /^WRONG, / && verdict !~ /for ever/ { print scene " " verdict }
                     /^FAILED / || /^starts: / && !/: seed / { print }
                     { verdict = $0 }' log > seen
                [ -s seen ] || killer="trouble: $killer: $(tail -n 3 log)"
                echo "$killer"
                return
        done
        echo nothing
}

if [ "$1" = --job ]; then
        IFS=@ read -r example function edit what by << END
$2
END
        case "$function:$by" in
        :* | *' '*) killers='demo kill starts' ;;
        *) killers=${by:-demo} ;;
        esac
        top=$PWD
        build=$(realpath "$base/..")
        dir=$(mktemp -d "$(realpath "$out")/XXXXXX")
        # shellcheck disable=SC2086 # killers are words
        found=$(cd "$dir" && try "$example" "$function" "$edit" $killers)
        line="$example: $what: $found"
        [ ! -s "$dir/seen" ] || line="$line: $(head -n 1 "$dir/seen")"
        case "$found, $killers, $function" in
        "$killers, $killers, $function" | 'nothing, demo kill starts, ') echo "ok      $line" ;;
        'nothing, demo kill starts, '*) echo "UNSEEN  $line: $by" ;;
        *) echo "FAILED  $line" ;;
        esac
        rm -rf "$dir"
        exit
fi

# With a last field they take longest, so they come first.
list | sort -r -t@ -k5 | grep "^${1:-[a-z]*}@" > "$out/jobs" || {
        echo "$name: no example is called $1" >&2
        exit 2
}
# Most of the time they wait: for the net of a scene that hangs, for `kill` to see who sleeps.
xargs -d '\n' -n 1 -P $((4 * $(nproc))) sh "$script" --job < "$out/jobs" | tee "$out/results"
awk -v name="$name" -v jobs="$(grep -vc '@@@' "$out/jobs")" -v all="$(list | grep -vc '@@@')" '
        /^ok .*as it stands/ { whole++; next }
        /^ok / { seen++ }
        /^UNSEEN / { unseen++ }
        END {
                printf "%s: %d of %d changes are seen, %d argued away\n", name, seen, jobs, unseen
                exit !jobs || seen + unseen != jobs || whole + jobs != NR || unseen > all / 20
        }' "$out/results"
