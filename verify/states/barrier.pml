/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * barrier.pml - the protocol of barrier.h as a model for Spin; spin.sh runs it
 *
 * Two sides do what they like, as often as they like: place (up to N barriers each), abort, wait in
 * one of four ways, leave, or nothing; but only the first WAITING of them wait. A wait reads the
 * eventfd and decides; if it cannot, it polls, sleeps, and reads again. Each atomic is one step: a
 * system call, or one look of a poll() at one descriptor, and what the side then does by itself. A
 * kill comes between any two steps. If DISTURBED, so do signals and execve() on the other side.
 *
 * A side acts on its own variables and on what read() and poll() say. PROMISE compares that with
 * the truth, which is `placed`, `aborted`, `consumed` and LEFT; P1 to P5 are the points of THE
 * MODEL in barrier.h. BUG is 0: its other values are errors made on purpose, to show that each
 * promise can fail. ONLY is then the promise that is asked; 0 asks all.
 */
mtype = { NEXT, SYNC_NEXT, SYNC, ABORTION }; /* the waits */
mtype = { P1_placing_never_waits, P2_linked, P3_consumed_once, P3_barrier_wakes, P3_time_ends,
        P4_abortion_supersedes, P4_abortion_wakes, P4_abortion_outlives_exit, P5_leaving_wakes,
        P5_leaving_is_no_barrier, P5_barrier_outlives_exit, P5_living_has_not_left };
mtype = { full_at_one, off_by_one, consumes_nothing, next_consumes_one, sync_consumes_all,
        failure_consumes, sleeps_first, old_news, barriers_first, no_word, deaf_to_itself,
        no_second_read, end_is_go, no_pipe, no_pidfd, one_look, no_clock, turns_for_ever };
#define PROMISE(name, holds) assert((ONLY != 0 && ONLY != name) || (holds))

byte count[2];   /* the eventfd that side i writes: barriers not read by the other side, ... */
bool word[2];    /* ... and the bit of its abortion */
bool left[2];    /* side i has closed its pipe end; another process may hold a copy, ... */
bool hang_up[2]; /* ... and now nobody does */
bool killed[2];  /* side i was killed, ... */
bool dead[2];    /* ... and now its pidfd is readable for good; never, for who has none */
chan kill[2] = [0] of { bool };
byte placed[2]; bool aborted[2];
#define me _pid
#define you (1 - _pid)

/* What wakes a poll(); the truth about the other side; how a wait has ended before it begins. */
#define EVENTFD (count[you] || word[you])
#define PIPE (hang_up[you] && BUG != no_pipe)
#define PIDFD (dead[you] && BUG != no_pidfd)
#define WAKES (EVENTFD || PIPE || PIDFD)
#define LEFT (hang_up[you] || dead[you])
#define ENDED (they_aborted || (aborted[me] && kind != ABORTION && BUG != deaf_to_itself))

/* Of n barriers of the other side: how many are linked, and whether they are what a wait waits for
 * if `old` of them were consumed; as far as the side knows, and in truth. */
#define LINKED(n) (n < placed[me] -> n : placed[me])
#define REACHED(n, old) ((kind == NEXT && n > old) || (kind == SYNC && n >= placed[me]) || \
        (kind == SYNC_NEXT && (n >= placed[me] || LINKED(n) > old)))
#define CONSUMED(n, old) (kind == NEXT -> n : (LINKED(n) > old -> LINKED(n) : old))
#define TRUE REACHED(placed[you], consumed)
#define KNOWN (REACHED(received, eaten) || (BUG == end_is_go && gone && kind != ABORTION) || \
        (BUG == off_by_one && REACHED(received + 1, eaten)))

active [2] proctype side() {
        byte received, eaten;         /* barriers of the other side: read, and consumed by waits */
        byte consumed;                /* `eaten` as it should be */
        bool they_aborted, they_left; /* as far as it knows */
        mtype kind;                   /* the wait under way, ... */
        bool late;                    /* ... whether its time is over, ... */
        byte looked;                  /* ... at which descriptors its poll() has looked, ... */
        bool ready, gone, asks;       /* ... and what that saw; `asks` the pidfd a second time */

        { do
        :: atomic { placed[me] < N ->                                   /* place */
                if
                :: aborted[me] || they_aborted || they_left || (BUG == full_at_one && count[me]) ->
                        PROMISE(P1_placing_never_waits, aborted[me] || aborted[you] || LEFT);
                        goto over
                :: else -> placed[me]++; count[me]++
                fi }
        :: atomic { !aborted[me] -> aborted[me] = true; word[me] = (BUG != no_word) }
        :: atomic { true -> left[me] = true; break }                    /* leave */
        :: atomic { me < WAITING ->                                     /* wait */
                if :: kind = NEXT :: kind = SYNC_NEXT :: kind = SYNC :: kind = ABORTION fi;
                if :: late = true :: skip fi;                           /* its timeout is 0 */
                gone = they_left;
                if                                                      /* read first, or poll */
                :: skip
                :: !ENDED && !gone && (!KNOWN || BUG == sleeps_first) -> goto again
                fi };
take:           atomic { true ->                                        /* read, then decide */
                if
                :: they_aborted || (BUG == no_second_read && gone && !ready) ||
                                (BUG == old_news && KNOWN) -> skip
                :: else ->
                        if
                        :: word[you] && !(BUG == barriers_first && count[you]) ->
                                they_aborted = true; received = 0; eaten = 0; consumed = 0
                        :: else -> received = received + count[you]
                        fi;
                        count[you] = 0; ready = false
                fi;
                if
                :: ENDED -> goto failed
                :: !ENDED && KNOWN ->
                        PROMISE(P5_leaving_is_no_barrier, TRUE || !LEFT);
                        PROMISE(P2_linked, TRUE || kind == NEXT);
                        PROMISE(P3_consumed_once, TRUE || kind != NEXT);
                        PROMISE(P4_abortion_supersedes, !aborted[me] && !aborted[you]);
                        consumed = CONSUMED(placed[you], consumed);
                        eaten = (BUG == consumes_nothing -> eaten :
                                (BUG == next_consumes_one && kind == NEXT -> eaten + 1 : (
                                BUG == sync_consumes_all -> received : CONSUMED(received, eaten))));
                        goto over
                :: !ENDED && !KNOWN && gone && !(BUG == turns_for_ever && kind == ABORTION) ->
                        PROMISE(P5_living_has_not_left, LEFT);
                        PROMISE(P5_barrier_outlives_exit, !TRUE);
                        PROMISE(P4_abortion_outlives_exit, !aborted[you]);
                        they_left = true; goto failed
                :: else -> skip
                fi };
again:          do                                                      /* poll, in any order */
                :: atomic { !(looked & 1) -> looked = looked | 1; ready = ready || EVENTFD }
                :: atomic { !(looked & 2) -> looked = looked | 2; gone = gone || PIPE }
                :: atomic { !(looked & 4) -> looked = looked | 4;
                        if :: !PIDFD :: PIDFD || DISTURBED -> asks = true fi }
                :: atomic { looked == 7 && asks -> asks = false; ready = true;
                        gone = gone || PIDFD || BUG == one_look }
                :: atomic { looked == 7 && !asks -> looked = 0;
                        if
                        :: ready || gone -> goto take
                        :: !ready && !gone && late && BUG != no_clock -> goto timed_out
                        :: else -> PROMISE(P3_time_ends, !late); break
                        fi }
                od;
                if                                                      /* asleep */
                :: atomic { WAKES -> goto again }
                :: atomic { DISTURBED -> if :: late = true :: skip fi; goto take }
                :: atomic { true -> goto timed_out }
                fi;
timed_out:      atomic { true -> /* or it sleeps for ever, if nothing wakes it: is it right to? */
                PROMISE(P3_barrier_wakes, WAKES || !TRUE);
                PROMISE(P4_abortion_wakes, WAKES || !aborted[you]);
                PROMISE(P5_leaving_wakes, WAKES || !LEFT) };
failed:         atomic { true -> eaten = (BUG == failure_consumes -> received : eaten) };
over: progress: atomic { true -> kind = 0; late = false; ready = false; gone = false }
        od;
end:    false } unless { atomic { kill[me]?_ -> killed[me] = true; left[me] = true;
                received = 0; eaten = 0; consumed = 0; they_aborted = false; they_left = false;
                kind = 0; late = false; looked = 0; ready = false; gone = false; asks = false } }
}

active [2] proctype fate() { /* of side _pid - 2 */
end:    do
        :: kill[_pid - 2]!true
        :: left[_pid - 2] && !hang_up[_pid - 2] -> hang_up[_pid - 2] = true
        :: killed[_pid - 2] && !dead[_pid - 2] -> dead[_pid - 2] = true
        od
}
