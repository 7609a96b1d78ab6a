/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * barrier - synchronises the two sides of a fork(), and says why the other side failed
 *
 *      Barrier b;
 *      int r = barrier_init(&b);                       // r < 0: a negative errno
 *
 *      pid_t pid = fork();                             // pid < 0: barrier_destroy(&b)
 *      if (pid == 0) {
 *              barrier_set_role(&b, BARRIER_CHILD);
 *              ... set up; on failure: barrier_fail(&b, errno); _exit(1);
 *              if (!barrier_place_and_sync(&b))
 *                      _exit(1);                       // the parent failed or died
 *              ... go on
 *      }
 *      barrier_set_role(&b, BARRIER_PARENT);
 *      ... set up; on failure: barrier_fail(&b, errno); do not wait
 *      if (!barrier_place_and_sync(&b))
 *              ...                                     // errno says why
 *      barrier_destroy(&b);
 *
 * THE MODEL
 *
 *   1. Each side places barriers, as many as it likes, whenever it likes; placing never waits.
 *   2. The n-th barrier of one side is linked to the n-th of the other, once both are placed.
 *   3. Each side can wait: until the other has placed as many as it has (sync); until then, or at
 *      one more linked barrier if that is sooner (sync_next); for any barrier that it has not
 *      consumed yet (wait_next). Waiting is optional.
 *   4. Aborting supersedes everything: it discards whatever was placed and ends the barrier for
 *      both. An abortion that happened before a wait began is never missed by that wait.
 *   5. Leaving (exit, crash, SIGKILL, execve() closing the descriptors, barrier_destroy()) is an
 *      abortion that queues behind whatever was placed: a barrier is never lost to an exit.
 *      Leaving never counts as a barrier.
 *
 *   A wait consumes barriers: they do not satisfy a later wait_next again. wait_next consumes all
 *   that have arrived; sync_next and sync consume the linked ones that have arrived. A wait that
 *   fails consumes nothing.
 *
 * HOW IT ENDS
 *
 *   what happened                      a wait returns  errno         barrier_error()  they_left
 *   the condition was reached          true            -             as before        as before
 *   the timeout ran out                false           ETIMEDOUT     as before        no
 *   this side aborted                  false           ECANCELED     the same         no
 *   they aborted without a code        false           ECONNABORTED  the same         no
 *   they aborted with a code           false           the code      the same         no
 *   they left                          false           ECONNRESET    the same         yes
 *   a system call failed on this side  false           its errno     the same         no
 *   they broke the protocol            false           EPROTO        the same         no
 *   this side was given the other role false           EALREADY      the same         no
 *
 *   barrier_wait_abortion() returns otherwise, see there. In the last three rows
 *   barrier_i_aborted() and barrier_they_aborted() are both true here:
 *   - if a system call fails here, the other side gets its errno, as a code;
 *   - a peer that broke the protocol is told nothing more, and sees this side leave: destroy soon;
 *   - a role set before fork() is in both processes; the other one sees this one leave.
 *   What the other side says, or what breaks, replaces this side's ECANCELED; after that the first
 *   one stays. A code may be any number, ETIMEDOUT too: with that errno the time has run out if
 *   barrier_they_aborted() is false.
 *
 * The notes at the end hold for all calls: signals, threads, copies of descriptors, a hostile peer.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BARRIER_VERSION "1.2.0"

/* What stands before each function: nothing, or e.g. `static` for a private copy. */
#ifndef BARRIER_API
#define BARRIER_API
#endif

/* ... and before those whose result must not be ignored. */
#if defined(__GNUC__)
#define BARRIER_CHECKED BARRIER_API __attribute__((warn_unused_result))
#else
#define BARRIER_CHECKED BARRIER_API
#endif

typedef struct Barrier Barrier; /* fields below; BARRIER_NULL initialises one that is not in use */

enum { BARRIER_PARENT = 1, BARRIER_CHILD = 2 };

/* ---- life cycle ------------------------------------------------------------------------------ */

/* Creates the barrier, before fork(). What *b held before is not looked at, and a timeout and a
 * watch are forgotten. The descriptors are close-on-exec, non-blocking and above 2.
 * Returns 0, or -EMFILE, -ENFILE, -ENOMEM, ...; then *b equals BARRIER_NULL and nothing is open. */
BARRIER_CHECKED int barrier_init(Barrier *b);

/* Says which side this process is, after fork(), on each side once: BARRIER_PARENT or
 * BARRIER_CHILD. Closes the descriptor that belongs to the other side alone.
 * Returns 0; -EINVAL: unknown role; -EBADF: BARRIER_NULL, zeroed or destroyed; -EALREADY: a role is
 * set. If it is the same one, nothing else happens. The other one ends this side: mostly the first
 * was set before fork(), and what this side needs is closed. From then on place and the waits fail
 * with EALREADY, unless it had ended before. */
BARRIER_API int barrier_set_role(Barrier *b, unsigned role);

/* Moves this side's descriptors to numbers at or above `lowest`, for a process that is about to put
 * others at fixed numbers. Those already there stay; close-on-exec is kept. Call it after
 * barrier_set_role(), before anything is handed to an event loop. A string exported before is
 * stale. The watch is not moved.
 * Returns 0; -ENOTCONN before barrier_set_role(); -EINVAL: something has to move, and `lowest` is
 * not below RLIMIT_NOFILE; -EMFILE; -EBADF: a descriptor is closed. On error nothing has moved. */
BARRIER_API int barrier_move(Barrier *b, int lowest);

/* Closes the descriptors, which is leaving unless another process holds copies, and resets *b to
 * BARRIER_NULL. Preserves errno. Does nothing on NULL, on BARRIER_NULL and on a zeroed struct; may
 * be called twice, and as __attribute__((cleanup(barrier_destroy))). */
BARRIER_API void barrier_destroy(Barrier *b);

/* ---- signalling ------------------------------------------------------------------------------ */

/* Places one barrier. Does not ask whether the other side is still there. What this side wrote to
 * shared memory before is seen by the other one after a wait that this barrier satisfied.
 * Returns true; false if either side is known to have aborted or left (errno is barrier_error()),
 * or if writing failed, which ends the barrier. */
BARRIER_API bool barrier_place(Barrier *b);

/* Aborts, unless this side already did. Preserves errno, so that you can still report what was in
 * it, except that it sets ENOTCONN without a role.
 * Returns true; false if the other side is known to have aborted or left (the abortion is sent all
 * the same), or if writing failed: barrier_error() says why. */
BARRIER_API bool barrier_abort(Barrier *b);

/* Like barrier_abort(), and tells the other side why: `code` is an errno value, positive or
 * negative, or a number of the caller's own, 1 to 32767. Its absolute value becomes the other
 * side's errno and barrier_error(). Anything else counts as no code. */
BARRIER_API bool barrier_fail(Barrier *b, int code);

/* ---- waiting: these block, for as long as barrier_set_timeout() allows ----------------------- */

/* Waits until the other side has placed a barrier that this side has not yet consumed, linked or
 * not. It consumes all that are there: if the other side does not wait for yours between two steps,
 * use the linked waits.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_CHECKED bool barrier_wait_next(Barrier *b);

/* Waits until the other side has placed at least as many barriers as this side, or a linked one
 * that this side has not yet consumed. So it is true at once, each time, while both have placed
 * equally many.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_CHECKED bool barrier_sync_next(Barrier *b);

/* Waits until the other side has placed at least as many barriers as this side. That holds for
 * good once it holds, even after they left, until this side places again or either side aborts:
 * true does not mean that the other side is still alive.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_CHECKED bool barrier_sync(Barrier *b);

/* barrier_place(), then barrier_sync() if that succeeded. After ETIMEDOUT the barrier is placed:
 * repeat with barrier_sync(), not with this.
 * Returns as these do. */
BARRIER_CHECKED bool barrier_place_and_sync(Barrier *b);

/* Waits until the other side aborts or leaves; the one wait that goes on after this side aborted.
 * Returns true if they did and this side did not abort. Else false, with ETIMEDOUT: they have not
 * yet; ENOTCONN: no role; or barrier_error(): this side had aborted too, or it ended as in the last
 * three rows of HOW IT ENDS. */
BARRIER_API bool barrier_wait_abortion(Barrier *b);

/* Limits each later wait on this side to `msec` milliseconds of CLOCK_MONOTONIC: negative for ever
 * (the default), 0 does not block. Set before fork() it holds on both sides. It is the time of one
 * wait; three waits may take three of them. It counts over the whole call, however often signals
 * interrupt it. A wait that runs out returns false with ETIMEDOUT, changes nothing and can be
 * repeated. It never ends before `msec`, and on an idle machine at most 1 ms after it, plus 0.1 %
 * of `msec` (0.5 % if niced), which is the slack of Linux' poll(). Where the clock stands still it
 * ends after two poll()s of what was left, with no signal or news between. Where the clock cannot
 * be read, a wait with a timeout above 0 that is not satisfied at once ends the barrier with that
 * errno. */
BARRIER_API void barrier_set_timeout(Barrier *b, int msec);

/* ---- queries: what this side knows so far; none asks the kernel ------------------------------ */

BARRIER_API bool barrier_i_aborted(const Barrier *b);
BARRIER_API bool barrier_they_aborted(const Barrier *b); /* leaving counts, and what broke here */
BARRIER_API bool barrier_we_aborted(const Barrier *b);   /* both did */
BARRIER_API bool barrier_is_aborted(const Barrier *b);   /* either did */

/* True if what ended it was the other side leaving, not a word from it. Neither this nor
 * they_aborted means that the process is gone, which may have executed a program, or destroyed the
 * barrier and gone on. Kill it before you wait for it to end. */
BARRIER_API bool barrier_they_left(const Barrier *b);

/* Why the barrier ended, as in HOW IT ENDS, or 0 while it has not. It is the other side's own word,
 * its code or ECONNABORTED, if they_aborted is true and both they_left and i_aborted are false. */
BARRIER_API int barrier_error(const Barrier *b);

/* ---- event loops ----------------------------------------------------------------------------- */

/* Returns one descriptor for any event loop: a new epoll, close-on-exec and above 2, which polls as
 * readable and belongs to the caller. No wake-up is lost in this order:
 *      1. with timeout 0, call the wait;
 *      2. if it fails with ETIMEDOUT and barrier_they_aborted() is false, wait until the descriptor
 *         is readable, and start again. Start again after true, place and abort too.
 * After this side's own abortion it is for barrier_wait_abortion(). After barrier_watch() close it
 * and make a new one. After a wait has told of the end it says nothing: take it out of the loop and
 * close it, before barrier_destroy(). A forked child closes its copy, and leaves its parent's loop
 * alone: what it takes out of that is gone for both.
 * Returns the descriptor; -ENOTCONN before barrier_set_role(); -EPIPE once barrier_they_aborted():
 * there is nothing to wait for; or the error of a system call, and nothing is open. */
BARRIER_CHECKED int barrier_epoll(const Barrier *b);

enum { BARRIER_POLLFDS = 3 };

/* Fills in what is behind that descriptor, for poll(), or for an epoll of your own by copying fd
 * and events; other loops read the events otherwise, see doc/LOOPS.md. Used in the same order,
 * where any entry that is ready, whatever its revents, means: start again. The descriptors stay the
 * library's. All BARRIER_POLLFDS entries are filled in, whatever is returned; fd is -1 where there
 * is none; so after the end, too, you can take them out of an epoll. Do it with EPOLL_CTL_DEL
 * before barrier_destroy(): the other side shares the open files, so that closing alone leaves them
 * in, ready for ever. An armed poll request of an io_uring is a copy of the descriptor, in each
 * process that inherited the ring: cancel it, or the other side will not see this one leave.
 * Returns the number of entries to watch; -ENOTCONN before barrier_set_role(); -barrier_error()
 * once barrier_they_aborted(): there is nothing to wait for. */
BARRIER_API int barrier_get_pollfds(const Barrier *b, struct pollfd fds[BARRIER_POLLFDS]);

/* Also takes the other side to have left when `pidfd` is readable, whoever still holds copies of
 * its pipe end. In the parent: a pidfd of the process that has the child's role, which after a
 * double fork is not the one in the middle. In the child: one of the parent, opened before fork(),
 * which works from inside a new pid namespace too. Borrowed: keep it open until the barrier is
 * destroyed or the watch removed; it is never closed here. -1 removes it. Call it after
 * barrier_init(); a closed descriptor found by a wait ends the barrier (EBADF).
 * It tells of a death, not of an execve(), and is asked twice: while a thread that is not the first
 * executes a program, the pidfd of Linux 6.12 and later is readable for an instant. (Two such
 * execve()s, one at each question, would pass for a death.) A process is dead when its core is
 * written and its memory freed, which may take seconds; the first of a pid namespace when all
 * others in it are dead and reaped.
 * Returns 0, or the error of fcntl(): -EBADF: not an open descriptor. */
BARRIER_API int barrier_watch(Barrier *b, int pidfd);

/* ---- across execve() ------------------------------------------------------------------------- */

enum { BARRIER_EXPORT_MAX = 256 }; /* bytes that barrier_export() needs at most, NUL included */

/* Writes this side's state to buf as printable ASCII without spaces, for an argument or an
 * environment variable, and makes this side's descriptors survive execve(), so that the other side
 * does not notice the execve(). If the execve() fails, the barrier goes on working; then
 * barrier_import() into the same struct, this string at once or a new one later, keeps the
 * descriptors from programs that are started after that.
 * An ended barrier is exported as ended, with its reason, if its descriptors are still open. The
 * watch and the timeout are not part of it. It is for the same machine and the same major version.
 * Returns the length without the NUL; -ENOBUFS: `size` is too small, BARRIER_EXPORT_MAX suffices;
 * -ENOTCONN: no role yet; -EBADF: a descriptor is closed or not of its kind; -EFBIG: the other side
 * holds thousands of locks on an eventfd; or the error of a system call. On error nothing has
 * changed. */
BARRIER_CHECKED int barrier_export(Barrier *b, char *buf, size_t size);

/* In the new program: takes the barrier over exactly where it stood, and makes the descriptors
 * close-on-exec again. What *b held before is not looked at. Import a string once: two structs with
 * the same descriptors would close them twice. Not promised to be async-signal-safe.
 * A program that runs with more rights than its caller must not import from its environment.
 * The string must be what barrier_export() wrote, to the letter, and each descriptor in it the very
 * object that was exported. The pipe is known by its inode, an eventfd by its number in the
 * kernel, which is used again once nobody has it open. /proc has to tell that number on both sides
 * of the execve(). Where it does not, no descriptor is free to ask it, or a forged string says so,
 * any descriptor that polls like an eventfd is accepted if the pipe matches. A checkpoint and
 * restore in between makes the string stale.
 * Returns 0; -EINVAL: s is NULL, malformed or out of range; -EBADF: a descriptor is not open or is
 * another object; -EFBIG as above; or the error of a system call. On error *b equals BARRIER_NULL
 * and no descriptor was changed or closed; import into a copy if you still need them. */
BARRIER_CHECKED int barrier_import(Barrier *b, const char *s);

/* ---- the struct ------------------------------------------------------------------------------ */

/* One side's view of the barrier; embed it wherever you like. It may be moved and copied, as long
 * as one copy is used in each process. You may read the descriptors. Where you close all others
 * before an exec, mark them instead, with close_range() and CLOSE_RANGE_CLOEXEC: a barrier whose
 * descriptors were closed that way must not be used or destroyed, for its numbers belong to others.
 * Leave the other fields alone. */
struct Barrier {
        int me;      /* the eventfd that this side writes and the other reads */
        int them;    /* the eventfd that the other side writes and this one reads */
        int pipe[2]; /* the parent keeps [0], the child [1], the other is -1 */

        uint64_t placed;   /* barriers of this side */
        uint64_t received; /* barriers of the other side that were read from the kernel */
        uint64_t consumed; /* how many of those a wait has consumed */

        int error;            /* why the barrier ended, or 0 */
        uint8_t role;         /* BARRIER_PARENT, BARRIER_CHILD, or 0 */
        uint8_t i_aborted;    /* 1: this side ended it */
        uint8_t they_aborted; /* 1: the other side ended it, or something broke */
        uint8_t they_left;    /* 1: ... by leaving */

        /* barrier_export() leaves out what follows. */
        int watch;           /* borrowed descriptor, readable when the other side left, or -1 */
        int timeout;         /* of one wait in milliseconds, -1 for ever */
        uint32_t pause;      /* so many waits sleep without looking again first */
        uint32_t next_pause; /* what pause is set to when looking again is in vain next */
};

#define BARRIER_NULL                                                                               \
        { -1, -1, { -1, -1 }, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0, 0 }

/* ---- notes -----------------------------------------------------------------------------------
 *
 * RESULTS
 *
 *   Functions that return bool return false with errno set, except barrier_abort(), barrier_fail()
 *   and the queries. Functions that return int, except barrier_error(), return 0 or more, or a
 *   negative errno value, barrier_get_pollfds() also a negated code of the other side's. Before
 *   barrier_set_role(), and on BARRIER_NULL, every place, abort and wait fails with ENOTCONN.
 *
 * BLOCKING AND SIGNALS
 *
 *   Only the five waits block, but for what A HOSTILE PEER can do. Every function restarts on
 *   EINTR, none raises SIGPIPE, none prints, none allocates. A handled signal does not end a wait:
 *   let the handler write to something that is polled beside barrier_epoll(). Do not leave a call
 *   by longjmp(). If a signal interrupts the last poll() of a wait, the wait has timed out: Linux
 *   reports EINTR from poll() only when nothing was ready.
 *   All but barrier_init() and barrier_import() are async-signal-safe, so the child of a
 *   multi-threaded program may call them between fork() and execve(). But a signal handler must not
 *   use a Barrier that the thread it interrupts is using.
 *
 * THREADS
 *
 *   One thread at a time uses a Barrier. A thread may be cancelled in a wait, if only
 *   barrier_destroy() follows, which tells the other side by leaving; disable pthread_cancel()
 *   around all other calls.
 *   In a program whose threads start children, hold one lock over barrier_init(), the fork and the
 *   parent's barrier_set_role(), and over every other fork whose child does not exec at once.
 *   Another child forked in between has a copy of the child's pipe end, so that a death or an exec
 *   is not seen until that child has ended too.
 *   While barrier_init(), barrier_epoll(), export or import run, they may take free numbers below
 *   3, so that no descriptor of theirs is a standard stream. They close them in the end, whatever
 *   another thread has put there meanwhile.
 *   The two sides are two processes with descriptor tables of their own. A child for which vfork()
 *   suspends its thread may be one of them, if it works on a copy of the struct; then another
 *   thread of the parent is the other side, or nobody waits until the child has executed a program
 *   or ended. After clone(CLONE_VM) without such a suspension both would share errno, and both
 *   would break.
 *
 * THE ROLE
 *
 *   A role belongs to one process per side: where two of one side use it, what they say adds up to
 *   nonsense. But it is inherited. A process may set the child's role and fork the real peer, which
 *   goes on with it: a double fork, the set-up of a container. The one in the middle exits or
 *   destroys its copy, which sends nothing.
 *
 * COPIES OF DESCRIPTORS
 *
 *   The pipe says "left" when the last copy of the other side's end is closed. A process forked
 *   later holds such a copy until it execs, and a dead peer then looks alive. If it does not exec
 *   soon, it must call barrier_destroy() on its copy of the struct, which sends nothing, or the
 *   waiting side must use barrier_watch(). What execs holds no copy, unless it was exported.
 *   With several children: init, fork, set the role; then the next. If all barriers are initialised
 *   before the forks, the children hold each other's pipe ends. A child also holds the parent's
 *   ends of the barriers of those before it, and hides the parent's death from them.
 *
 * GIVING UP, AND DYING WITH THE PARENT
 *
 *   Barriers that were placed still stand after a timeout. A side that gives up calls
 *   barrier_abort() before barrier_destroy(). Until that arrives, the other side may go on with
 *   what was placed. So the side that may give up should place last, after wait_next with the
 *   timeout; the other, which has to be sure that it is still wanted, uses place_and_sync, not
 *   place. After prctl(PR_SET_PDEATHSIG) a child asks once, with timeout 0, whether wait_abortion
 *   is true: then the parent died or gave up before. getppid() cannot tell in a pid namespace. The
 *   signal is not sent after a change of the effective uid or gid (arm it after that, then ask),
 *   needs the parent's right to send it, is not inherited, and comes when the thread that forked
 *   the child ends; after a double fork it is bound to the process in the middle.
 *
 * WHAT A WAIT COSTS
 *
 *   A place is one system call, and so is a wait whose barrier is there; after waits that slept,
 *   and in the parent while fewer than 16 barriers have arrived, it may be two, for such a wait
 *   sleeps before it looks. From the 16th on, a wait that may block looks again before it sleeps,
 *   for up to about 20 microseconds where a look is cheap, but never beyond its timeout: that saves
 *   a sleep and a wake-up if the other side is about to arrive. wait_abortion never does. Where it
 *   was in vain it is done less and less often, down to once in about a thousand sleeps; one
 *   success brings it back. Compile barrier.c with -DBARRIER_TRIES=0 to turn it off.
 *
 * WHEN SOMETHING BREAKS
 *
 *   A side whose system call fails sends the other an abortion, and keeps its descriptors until
 *   barrier_destroy(). Only if the abortion cannot be written (and not because the eventfd is full,
 *   which wakes the other side anyway) does it close its pipe end to wake the other.
 *
 * SYSTEM CALLS
 *
 *   For a seccomp filter, the functions of libc that are called: write, preadv2 (or read, where
 *   that is refused with an errno; a filter that kills has to allow preadv2), poll, fcntl in abort
 *   and where something broke, close; clock_gettime with a timeout, which on 32 bits is
 *   clock_gettime64 and may need no system call at all; in barrier_init() eventfd and pipe2, in
 *   barrier_epoll() epoll_create1 and epoll_ctl, in move and watch fcntl, in export and import
 *   fcntl, fstat, open, read and poll. What libc makes of them differs: eventfd2, openat,
 *   newfstatat or statx, ppoll, ppoll_time64, fcntl64; and after SIGCONT, a debugger or a thaw the
 *   kernel turns poll into restart_syscall. Where poll() is ppoll, time in which this process is
 *   stopped may not count towards a timeout. poll() refuses to work, with EINVAL, which ends the
 *   barrier, while RLIMIT_NOFILE is below 2, or below BARRIER_POLLFDS with a watch: lower it after
 *   the last wait.
 *
 * A HOSTILE PEER
 *
 *   Whatever the other process does to the shared objects, this side does not crash, does not
 *   touch another descriptor and waits no longer than its timeout. The exceptions:
 *
 *   - A peer can make an eventfd blocking and fill it, and Linux has no way to write to that
 *     without blocking: place hangs until the peer reads it, or until a signal is handled without
 *     SA_RESTART, and then fails with EPROTO; the death of the peer does not end it.
 *     barrier_abort(), and a wait that tells of a failure of its own, make it non-blocking again
 *     first, which leaves such a peer only the instant before the write. A peer that breaks the
 *     protocol is sent nothing.
 *   - Where reading without blocking is not available (RWF_NOWAIT for an eventfd: Linux before 5.8,
 *     musl before 1.2.5, a filter that refuses preadv2), a wait can hang the same way, signals or
 *     not.
 *   - A peer can hold the lock of the pipe for as long as it likes. Closing the pipe end (set_role,
 *     destroy, execve(), exit) then sleeps, even for SIGKILL, until that peer and all that it
 *     forked are dead. So kill a peer that you do not trust, and what it forked, before
 *     barrier_destroy().
 *   - A peer can slow this side down by polling the shared eventfds many times over.
 *   - A peer that writes to the pipe makes a loop turn without end which asks the pipe end for
 *     reading. barrier_epoll() and barrier_get_pollfds() do not.
 *   - A peer that may send this process signals may also have the kernel do so, by F_SETOWN.
 *
 * COMPILING IT INTO A FILE OF YOUR OWN
 *
 *      #define BARRIER_API static
 *      #include "barrier.c"
 *
 *   before any other header, or define _GNU_SOURCE first. Linux only.
 */

#ifdef __cplusplus
}
#endif

#endif
