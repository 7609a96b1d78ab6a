#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
#
# mutants.sh - breaks barrier.c on purpose, one line at a time, and shows that the explorer sees it
#
#       CC=... verify/states/mutants.sh
#
# Each entry of the list below is a function of barrier.c, a sed command for one line of it, and
# what it breaks. For each the shortest schedule that shows the damage is printed. Exit status 0 if
# all are found. An entry that does not change exactly one line any more is an error, and so is a
# broken barrier.c that does not compile.
set -eu

unset CDPATH
src=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
(cd "$src" && cp --parents barrier.[ch] verify/*.h verify/states/*.[ch] "$tmp")

# Compiles and runs what is in $tmp; returns what the explorer returned.
explore() {
        ${CC:-cc} -std=c99 -O1 -w -o "$tmp/explore" "$tmp/verify/states/explore.c" || exit 2
        timeout 300 "$tmp/explore" --short >"$tmp/out" 2>&1
}

if ! explore; then
        cat "$tmp/out"
        echo 'mutants.sh: barrier.c as it stands does not pass' >&2
        exit 2
fi

n=0
found=0
while IFS='@' read -r function edit what; do
        n=$((n + 1))
        sed "/ $function(.*{\$/,/^}/$edit" "$src/barrier.c" >"$tmp/barrier.c"
        changed=$(diff "$src/barrier.c" "$tmp/barrier.c" | sed -n '/^</p' | wc -l)
        if [ "$changed" -ne 1 ]; then
                echo "mutants.sh: changes $changed lines of $function() instead of 1: $edit" >&2
                exit 2
        fi
        printf '\n=== %d: %s\n' "$n" "$what"
        diff "$src/barrier.c" "$tmp/barrier.c" | sed -n 's/^\([<>]\)  */    \1 /p'
        echo
        status=0
        explore || status=$?
        case $status in
        1)
                found=$((found + 1))
                sed '1,/^The shortest/d' "$tmp/out" | sed 1d
                ;;
        0)
                echo "NOT FOUND"
                ;;
        *)
                echo "mutants.sh: the explorer failed with status $status" >&2
                cat "$tmp/out" >&2
                exit 2
                ;;
        esac
done <<'LIST'
barrier_sleep@s/p->hung_up = (.*) != 0;/p->hung_up = n > 0;/@any wake-up is taken for the other side's leaving
barrier_look@s/if (!b->they_aborted)$/if (!b->they_aborted \&\& !hung_up)/@the eventfd is not read again after a hang-up
barrier_sleep@s/p->hung_up = (.*) != 0;/if ((p->hung_up = (fds[1].revents | fds[2].revents) != 0) \&\& !fds[0].revents) barrier_note_end(b, ECONNRESET, true);/@it is not read again if the same poll() saw nothing in it before it looked at the pipe
barrier_sleep@s/p->hung_up = (.*) != 0;/p->hung_up = fds[2].revents != 0;/@the pipe's hang-up is not looked at
barrier_sleep@s/p->hung_up = (.*) != 0;/p->hung_up = fds[1].revents != 0;/@the watch is not looked at
barrier_sleep@s/b->watch < 0 ? 2 : 3/2/@the watch is not polled
barrier_sleep@s/\(n = poll(fds, .*, msec)\);/if ((\1) < 0) fds[2].fd = -1;/@an interrupted wait forgets its watch
barrier_sleep@s/if (n > 0 && fds.2..revents)/if (false)/@a watch is believed after one look
barrier_sleep@s/^ *while (n < 0 && errno == EINTR);/while (false);/@a watch that was interrupted when it was asked again ends the barrier
barrier_sleep@s/poll(&fds.2., 1, 0)/poll(\&fds[2], 1, msec)/@a watch is not asked again but waited for
barrier_sleep@s/poll(&fds.2., 1, 0)/(int) b->role/@a watch is said to be asked again
barrier_look@s/if (barrier_reached(b, until))/if (!hung_up \&\& barrier_reached(b, until))/@end-of-file comes before data
barrier_look@s/if (!b->they_aborted)$/if (!b->they_aborted \&\& !barrier_reached(b, until))/@a wait that is satisfied does not look for an abortion
barrier_look@s/(b->they_aborted && !b->they_left)/b->they_aborted/@what was placed is void once the other side is known to have left
barrier_look@s/b->i_aborted && until != BARRIER_END/false/@this side's abortion does not end its waits
barrier_look@s/b->i_aborted && until != BARRIER_END/b->i_aborted/@this side's abortion ends wait_abortion too
barrier_look@s/barrier_note_end(b, ECONNRESET, true)/barrier_note_end(b, ECONNRESET, false)/@leaving is reported as an abortion
barrier_wait@s/if (p.last/if (b->timeout == 0/@a wait without time never looks at the pipe
barrier_wait@s/until == BARRIER_END && !b->i_aborted/until == BARRIER_END/@wait_abortion is true though this side aborted too
barrier_wait@s/p.hung_up);/false);/@a wait does not tell itself of a hang-up
barrier_try@s/barrier_time_left(b, p) == 0/barrier_time_left(b, p) < 0/@a wait goes on trying when its time is up
barrier_try@s/!undecided || //@a wait does not look at what it has received
barrier_try@s/== BARRIER_CHILD/!= BARRIER_CHILD/@the parent looks before it sleeps for what is not there
barrier_try@s/if (may_try)$/if (true)/@a wait that may not try polls first, or tries
barrier_try@s/ && !barrier_reached(b, until)//@a wait polls first though it has received enough, and nothing wakes it
barrier_try@s/!b->error && //@a wait polls first though the barrier has ended, and nothing wakes it
barrier_time_left@s/if (p->deadline == 0)/if (true)/@each sleep has the whole time again
barrier_time_left@s/ + 999999//@a wait ends before its time
barrier_time_left@s/: 0;/: 1;/@a wait does not end when its time is up
barrier_time_left@s/barrier_broke(b, errno);/;/@a clock that cannot be read counts as a timeout
barrier_sleep@s/if (b->they_aborted).*/if (false)/@a wait whose clock cannot be read times out
barrier_sleep@s/nothing = n == 0 || /nothing = /@a poll() that ended early counts as a timeout
barrier_sleep@s/nothing = n == 0 .*/nothing = n == 0;/@an interrupted poll() counts as a timeout
barrier_sleep@s/if (p->now != before)/if (false)/@two poll()s that ended early count as a timeout though the clock goes
barrier_sleep@s/if (in_vain == 2)/if (in_vain == 1)/@one poll() that ended before the clock moved counts as a timeout
barrier_sleep@s/if (in_vain == 2)/if (false)/@with a clock that stands still a wait never ends
barrier_sleep@s/in_vain = n == 0 && msec > 0 ? in_vain + 1 : 0;/in_vain += n == 0 \&\& msec > 0;/@with a signal between them two poll()s that ended early count as a timeout
barrier_sleep@s/p->last = msec == 0;/p->last = true;/@a wait ends with whatever wakes it first
barrier_sleep@s/if (nothing)/if (n == 0)/@an interrupted poll() without time ends the barrier
barrier_sleep@s/barrier_broke(b, errno)/(void) b/@a poll() that failed is tried for ever
barrier_read@s/return read(\(.*\));/return errno = EAGAIN, -1;/@where preadv2() does not exist nothing is read
barrier_read@s/return read(\(.*\));/ssize_t m = read(\1); if (m < 0 \&\& errno == EINTR) errno = EAGAIN; return m;/@where preadv2() does not exist an interrupted read is taken for nothing new
barrier_receive@s/while (n < 0 && errno == EINTR)/while (false)/@an interrupted read counts as a look
barrier_receive@s/value & BARRIER_ABORTED/value == BARRIER_ABORTED/@an abortion with a code, or after a barrier, is not understood
barrier_receive@s/code ? code : ECONNABORTED/ECONNABORTED/@the code of an abortion is lost
barrier_receive@s/b->received += value/b->received++/@of several barriers read at once one counts
barrier_receive@s/b->received += value/b->received = value/@barriers read earlier are forgotten
barrier_receive@s/barrier_broke(b, n < 0 ? errno : EIO)/(void) b/@a read that failed is taken for nothing new
barrier_receive@s/value > BARRIER_PLACED_MAX || //@what nobody writes is taken for barriers
barrier_reached@s/b->received > b->consumed/b->received >= b->consumed/@a barrier satisfies wait_next twice
barrier_reached@s/b->received >= b->placed/b->received > b->placed/@sync waits for one barrier too many
barrier_reached@s/b->received >= b->placed/b->received + 1 >= b->placed/@sync is content with one barrier less
barrier_consume@s/b->consumed = n;/(void) n;/@no wait consumes
barrier_consume@s/n = b->placed;/;/@a satisfied sync consumes barriers that came early
barrier_consume@s/n > b->consumed/true/@a sync gives back what wait_next has consumed
barrier_wait_next@s/BARRIER_NEW/BARRIER_NEW | BARRIER_CAUGHT_UP/@wait_next does not wait once the count is reached
barrier_sync_next@s/BARRIER_NEW | BARRIER_CAUGHT_UP/BARRIER_NEW/@sync_next waits though the count is reached
barrier_sync_next@s/BARRIER_NEW | BARRIER_CAUGHT_UP/BARRIER_CAUGHT_UP/@sync_next does not see the next linked barrier
barrier_sync@s/BARRIER_CAUGHT_UP/BARRIER_NEW | BARRIER_CAUGHT_UP/@sync is content with any new barrier
barrier_place_and_sync@s/barrier_place(b) && //@place_and_sync does not place
barrier_write@s/n >= 0 || errno != EINTR/true/@an interrupted write ends the barrier
barrier_write@s/errno == EAGAIN ? EPROTO : errno/errno/@an eventfd that is full is taken for a failure of this side
barrier_send_abortion@s/error = barrier_write(.*;/error = 0;/@the abortion is not sent
barrier_send_abortion@s/if (b->i_aborted)/if (false)/@a second abortion is sent
barrier_send_abortion@s/if (error && error != EPROTO)/if (true)/@a side that aborts closes its pipe end under the caller's epoll
barrier_send_abortion@s/if (error && error != EPROTO)/if (error)/@a side whose abortion found the eventfd full closes its pipe end
barrier_send_abortion@s/if (error && error != EPROTO)/if (false)/@an abortion that could not be written does not wake the other side
barrier_note_end@s/b->error = error/b->error = b->error ? b->error : error/@an own abortion hides the other side's word
barrier_note_end@s/if (b->they_aborted)/if (false)/@a failure hides why the other side ended it before
barrier_broke@s/barrier_note_end(.*;/;/@a side that broke does not know it
barrier_broke@s/(unsigned) error/0/@a side that broke does not say why
barrier_broke@s/if (error == EPROTO)/if (false)/@who broke the protocol is told
barrier_broke@s/b->i_aborted = true;/;/@after the protocol broke an abortion is written
barrier_place@s/barrier_write(b, 1)/barrier_write(b, 2)/@one place counts twice
barrier_place@s/if (b->error)/if (false)/@a barrier is placed after the end
barrier_place@s/b->placed++/(void) b/@this side does not count its barriers
barrier_place@s/barrier_broke(b, error)/(void) b/@a barrier that could not be placed does not end it
barrier_fail@s/if (!b->error)/if (true)/@an own abortion hides why the other side ended it
barrier_fail@s/code < 0 ? 0u - (unsigned) code : //@the code of fail(-errno) is lost
barrier_fail@s/errno = saved/(void) saved/@abort does not preserve errno
barrier_fail@s/if (error)/if (false)/@abort does not tell that it could not be written
barrier_get_pollfds@s/barrier_pipe_end(b), 0/-1, 0/@the pipe is not watched
barrier_get_pollfds@s/b->them, POLLIN/b->me, POLLIN/@a wait watches its own eventfd
barrier_get_pollfds@s/b->watch, POLLIN/b->watch, 0/@the watch is not asked for reading
barrier_epoll@s/i < n/i < 2/@the epoll does not have the watch
barrier_epoll@s/for (i = 0;/for (i = 1;/@the epoll does not have the eventfd
barrier_epoll@s/(uint32_t) fds.i..events/0/@the epoll asks for nothing but hang-ups
barrier_epoll@s/if (b->they_aborted)/if (false)/@what has ended can be put into a loop
barrier_pipe_end@s/b->pipe.0. : b->pipe.1./b->pipe[1] : b->pipe[0]/@each side watches the end that it closed
barrier_set_role@s/barrier_close(&b->pipe.*;/;/@each side keeps the other's pipe end open
barrier_set_role@s/b->them = fd/(void) fd/@the child reads what it wrote
barrier_set_role@s/if (b->role != role)/if (false)/@the other role changes nothing
barrier_set_role@s/if (b->role != role)/if (true)/@the same role again ends the barrier
barrier_set_role@s/barrier_note_end(.*;/;/@the other role does not end it
barrier_set_role@s/b->i_aborted = true;/;/@after the other role an abortion is written
barrier_destroy@s/barrier_close(&b->pipe.1.)/(void) b/@the child's pipe end stays open
barrier_destroy@s/errno = saved/(void) saved/@destroy does not preserve errno
LIST
echo
echo "$found of $n mutants found"
[ "$found" -eq "$n" ]
