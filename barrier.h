/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * barrier - a rendezvous for the two sides of a fork()
 *
 *      Barrier b;
 *      int r = barrier_init(&b);                       // r < 0: negative errno
 *
 *      pid_t pid = fork();
 *      if (pid == 0) {
 *              barrier_set_role(&b, BARRIER_CHILD);
 *              ... set up; on failure: barrier_fail(&b, errno); _exit(1);
 *              if (!barrier_place_and_sync(&b))
 *                      _exit(1);                       // the parent failed or died
 *              execve(...);                            // closes the barrier
 *      }
 *      barrier_set_role(&b, BARRIER_PARENT);
 *      ... set up; on failure: barrier_fail(&b, errno);
 *      if (!barrier_place_and_sync(&b))
 *              ...                                     // errno says why
 *      barrier_destroy(&b);
 *
 * THE MODEL
 *
 *   1. Each side places barriers, as many as it likes, whenever it likes; placing never blocks.
 *   2. The n-th barrier of one side is linked to the n-th of the other. Numbers are implicit.
 *   3. Each side can wait for the other: until it has caught up (sync), for the next linked
 *      barrier (sync_next), or for any new barrier at all (wait_next). Waiting is optional.
 *   4. Aborting supersedes everything: it discards whatever was placed and ends the barrier for
 *      both. An abortion that happened before a wait began is never missed by that wait.
 *   5. Leaving (exit, crash, SIGKILL, execve() closing the descriptors, barrier_destroy()) is an
 *      abortion that queues behind whatever was placed: a barrier is never lost to an exit.
 *      End-of-file never means "go".
 *
 *   A wait takes notice of barriers, so that they do not satisfy a later wait_next again:
 *   wait_next of all that have arrived, sync_next and sync of the linked ones that have arrived.
 *   A wait that fails takes notice of nothing.
 *
 * HOW IT ENDS
 *
 *   what happened                      a wait returns  errno         barrier_error()  they_exited
 *   the condition was reached          true            -             0                no
 *   the timeout ran out                false           ETIMEDOUT     0                no
 *   this side aborted                  false           ECANCELED     the same         no
 *   they aborted without a code        false           ECONNABORTED  the same         no
 *   they aborted with a code           false           the code      the same         no
 *   they left                          false           ECONNRESET    the same         yes
 *   a system call failed on this side  false           its errno     the same         no
 *   they broke the protocol            false           EPROTO        the same         no
 *
 *   After the last two both sides count as aborted, and this side's pipe end is closed to wake the
 *   other. Their word replaces this side's ECANCELED; of what this side learnt from them the first
 *   stays. A code may be any number, ETIMEDOUT too: a wait has run out of time if errno is
 *   ETIMEDOUT and barrier_they_aborted() is false. What they do is what barrier_wait_abortion()
 *   waits for, and it returns true on it.
 *
 * RULES FOR ALL FUNCTIONS
 *
 *   Only the five waits block. Every function restarts on EINTR, none raises SIGPIPE, none prints,
 *   none allocates. All but barrier_init() and barrier_import() are async-signal-safe, so the child
 *   of a multi-threaded program may call them between fork() and execve(). But a signal handler
 *   must not use a Barrier that the thread it interrupts is using: let it write to something that
 *   is polled beside what barrier_get_pollfds() gives.
 *   Functions that return bool return false with errno set; functions that return int return 0 or
 *   a count, or a negative errno value. Before barrier_set_role(), and on BARRIER_NULL, every
 *   place, abort and wait fails with ENOTCONN.
 *   One thread at a time per Barrier. Each process has its own copy of the struct: after vfork() or
 *   clone(CLONE_VM) the child must work on a copy. Not for threads that share a descriptor table.
 *   For whoever writes a seccomp filter, the functions of libc that are called: write, preadv2 (or
 *   read, where that is refused), poll, clock_gettime, fcntl, close; in barrier_init() also eventfd
 *   and pipe2, in barrier_set_role() sched_getaffinity, in export and import fstat, open and read.
 *   What libc makes of them differs: eventfd2, openat, newfstatat, ppoll; and after SIGCONT the
 *   kernel turns poll into restart_syscall.
 *   poll() refuses to work, with EINVAL, while RLIMIT_NOFILE is below BARRIER_POLLFDS: lower it
 *   after the last wait.
 *
 * COPIES OF DESCRIPTORS
 *
 *   The pipe says "left" when the last copy of the other side's end is closed. A process forked
 *   later that does not exec holds such a copy, and a dead peer then looks alive. It must call
 *   barrier_destroy() on its copy of the struct (closing sends nothing), or the waiting side must
 *   use barrier_watch(). Descriptors are close-on-exec: what execs is out of the picture, as long
 *   as they were not exported.
 *
 * A HOSTILE PEER
 *
 *   Whatever the other process does to the shared objects, this side does not crash, does not
 *   touch another descriptor and waits no longer than its timeout. Out of reach is this:
 *
 *   - A peer can make an eventfd blocking and fill it, and Linux has no way to write to that
 *     without blocking: place hangs until the peer reads it, or until a signal is handled without
 *     SA_RESTART, and then fails with EPROTO. An abortion undoes the first, which leaves such a
 *     peer only the instant before the write.
 *   - Where reading without blocking is not to be had (RWF_NOWAIT for an eventfd: Linux before 5.8,
 *     musl before 1.2.5, a filter that refuses preadv2), a wait can hang the same way, signals or
 *     not.
 *   - A peer that may serve page faults (userfaultfd as root, FUSE) can write to the pipe from
 *     memory that never arrives, or have epoll tell of an eventfd into such memory, which holds a
 *     lock. Closing then hangs, even for SIGKILL, until the peer is dead: in set_role, in destroy,
 *     in a wait that ends with EPROTO, and at exit. So kill a peer that you do not trust before
 *     barrier_destroy().
 *   - A peer that may send this process signals may also have the kernel do so, by F_SETOWN.
 *
 * Linux only. To compile barrier.c into a file of your own, write
 *      #define BARRIER_API static
 *      #include "barrier.c"
 * before any other header, or define _GNU_SOURCE first.
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

#define BARRIER_VERSION "1.0.0"

/* What stands before each function: nothing, or e.g. `static` for a private copy. */
#ifndef BARRIER_API
#define BARRIER_API
#endif

enum {
        BARRIER_PARENT = 1,
        BARRIER_CHILD = 2,

        BARRIER_POLLFDS = 3,     /* entries that barrier_get_pollfds() fills in at most */
        BARRIER_EXPORT_MAX = 256 /* bytes that barrier_export() needs at most, NUL included */
};

/* One side's view of the barrier; embed it wherever you like, and leave its fields alone. */
typedef struct Barrier {
        int me;      /* the eventfd that this side writes and the other reads */
        int them;    /* the eventfd that the other side writes and this one reads */
        int pipe[2]; /* the parent keeps [0], the child [1]; hang-up means that the other left */

        uint64_t placed;   /* barriers of this side */
        uint64_t received; /* barriers of the other side that were read from the kernel */
        uint64_t noticed;  /* how many of those a wait has taken notice of */

        int error;            /* why the barrier ended, or 0 */
        uint8_t role;         /* BARRIER_PARENT, BARRIER_CHILD, or 0 */
        uint8_t i_aborted;    /* 1: this side ended it */
        uint8_t they_aborted; /* 1: the other side ended it, or something broke */
        uint8_t they_exited;  /* 1: ... by leaving */

        /* barrier_export() leaves out what follows. */
        int watch;          /* borrowed descriptor, readable when the other side left, or -1 */
        int timeout;        /* of one wait in milliseconds, -1 for ever */
        uint32_t misses;    /* waits in a row that tried for a moment and had to sleep after all */
        uint32_t try_later; /* if those are many: how many more waits than usual do not try */
} Barrier;

/* Initialises a Barrier that is not in use: Barrier b = BARRIER_NULL; */
#define BARRIER_NULL                                                                               \
        { -1, -1, { -1, -1 }, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0, 0 }

/* ---- life cycle ------------------------------------------------------------------------------ */

/* Creates the barrier, before fork(). What *b held before is not looked at. The descriptors are
 * close-on-exec, non-blocking and above 2.
 * Returns 0, or -EMFILE, -ENFILE, -ENOMEM, ...; then *b equals BARRIER_NULL and nothing is open. */
BARRIER_API int barrier_init(Barrier *b);

/* Says which side this process is, after fork(), on each side once: BARRIER_PARENT or
 * BARRIER_CHILD. Closes the descriptor that belongs to the other side alone.
 * Returns 0; -EINVAL: unknown role; -EBADF: not initialised; -EALREADY: the role was set. */
BARRIER_API int barrier_set_role(Barrier *b, unsigned role);

/* Closes this side's descriptors, which the other side sees as leaving, and resets *b to
 * BARRIER_NULL. Preserves errno. Does nothing on NULL, on BARRIER_NULL and on a zeroed struct; may
 * be called twice, and as __attribute__((cleanup(barrier_destroy))). */
BARRIER_API void barrier_destroy(Barrier *b);

/* ---- signalling ------------------------------------------------------------------------------ */

/* Places one barrier. Does not look for news from the other side.
 * Returns true; false if either side is known to have aborted or left (errno is barrier_error()),
 * or if writing failed, which ends the barrier. */
BARRIER_API bool barrier_place(Barrier *b);

/* Aborts, unless this side already did.
 * Returns true; false if the other side is known to have aborted or left (the abortion is sent all
 * the same), or if writing failed; errno is barrier_error(). */
BARRIER_API bool barrier_abort(Barrier *b);

/* Like barrier_abort(), and tells the other side why: `code` is an errno value or a number of the
 * caller's own, 1 to 32767, and becomes the other side's errno and barrier_error(). Anything else
 * counts as no code. */
BARRIER_API bool barrier_fail(Barrier *b, int code);

/* ---- waiting: these block, for as long as barrier_set_timeout() allows ----------------------- */

/* Waits until the other side has placed a barrier that this side has not yet taken notice of,
 * linked or not. It takes notice of all that are there, so it can swallow the barrier of the next
 * step: use the linked waits for step by step protocols.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_API bool barrier_wait_next(Barrier *b);

/* Waits until the other side has placed as many barriers as this side, or a linked one that this
 * side has not yet taken notice of.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_API bool barrier_sync_next(Barrier *b);

/* Waits until the other side has placed at least as many barriers as this side. That holds for
 * good once it holds, even after they left, unless either side aborts.
 * Returns true, or false with errno as in HOW IT ENDS. */
BARRIER_API bool barrier_sync(Barrier *b);

/* barrier_place(), then barrier_sync() if that succeeded. */
BARRIER_API bool barrier_place_and_sync(Barrier *b);

/* Waits until the other side aborts or leaves; the one wait that goes on after this side aborted.
 * Returns true if they did and this side did not abort; false with errno = barrier_error() if this
 * side had aborted too, or a system call failed; false with ETIMEDOUT if they have not yet. */
BARRIER_API bool barrier_wait_abortion(Barrier *b);

/* Limits each later wait on this side to `msec` milliseconds of CLOCK_MONOTONIC: negative for ever
 * (the default), 0 does not block. The time counts over the whole call, however often signals
 * interrupt it. A wait that runs out returns false with ETIMEDOUT, changes nothing and can be
 * repeated. */
BARRIER_API void barrier_set_timeout(Barrier *b, int msec);

/* ---- queries: what this side knows so far; none looks for news ------------------------------- */

BARRIER_API bool barrier_i_aborted(const Barrier *b);
BARRIER_API bool barrier_they_aborted(const Barrier *b); /* leaving counts */
BARRIER_API bool barrier_we_aborted(const Barrier *b);   /* both did */
BARRIER_API bool barrier_is_aborted(const Barrier *b);   /* either did */

/* True if what ended it was the other side leaving, not a word from it. */
BARRIER_API bool barrier_they_exited(const Barrier *b);

/* Why the barrier ended, as in HOW IT ENDS, or 0 while it has not. */
BARRIER_API int barrier_error(const Barrier *b);

/* ---- event loops ----------------------------------------------------------------------------- */

/* Fills in what an event loop must watch, with poll(), or with epoll by copying fd and events. The
 * descriptors stay the library's. No wake-up is lost in this order:
 *      1. with timeout 0, call the wait;
 *      2. if it fails with ETIMEDOUT and barrier_they_aborted() is false, poll these;
 *      3. when any is ready, whatever its revents, start again.
 * Take them out of an epoll with EPOLL_CTL_DEL before barrier_destroy(): the other side shares the
 * open files, so that closing alone leaves them in, ready for ever.
 * Returns the number of entries; -ENOTCONN before barrier_set_role(); once the other side has
 * ended the barrier, no wait runs out of time any more, there is nothing to watch, and it returns
 * -barrier_error(). */
BARRIER_API int barrier_get_pollfds(const Barrier *b, struct pollfd fds[BARRIER_POLLFDS]);

/* Besides the pipe, takes `pidfd` becoming readable for the other side having left, whoever still
 * holds copies of its pipe end. In the parent: a pidfd of the child. In the child: one of the
 * parent, opened before fork(), which works from inside a new pid namespace too. Borrowed: keep it
 * open until the barrier is destroyed or the watch removed; it is never closed here. -1 removes
 * it. Call it after barrier_init(); a closed descriptor found by a wait ends the barrier (EBADF).
 * Returns 0; -EBADF: not an open descriptor. */
BARRIER_API int barrier_watch(Barrier *b, int pidfd);

/* ---- across execve() ------------------------------------------------------------------------- */

/* Writes this side's state to buf as printable ASCII without spaces, for an argument or an
 * environment variable, and makes this side's descriptors survive execve(), which the other side
 * therefore no longer sees. If the execve() fails, the barrier goes on working; import the string
 * at once, or a new one later, so that programs started then do not inherit the descriptors. An
 * ended barrier is exported as ended, with its reason. The watch and the timeout are not part of
 * it. It is for the same machine and the same major version. BARRIER_EXPORT_MAX bytes always
 * suffice.
 * Returns the length without the NUL; -ENOBUFS: `size` is too small; -ENOTCONN: no role yet; or
 * the error of a system call. On error nothing has changed. */
BARRIER_API int barrier_export(Barrier *b, char *buf, size_t size);

/* In the new program: takes the barrier over exactly where it stood, and makes the descriptors
 * close-on-exec again. What *b held before is not looked at. Import a string once: two structs with
 * the same descriptors would close them twice. Not async-signal-safe by contract.
 * The string must be what barrier_export() wrote, to the letter, and each descriptor in it the very
 * object that was exported: the pipe is known by its inode, an eventfd by the number that the
 * kernel gave it, which /proc has to tell on both sides of the execve(); where it does not, or a
 * forged string says so, any eventfd passes beside the right pipe.
 * Returns 0; -EINVAL: s is NULL, malformed or out of range; -EBADF: a descriptor is not open or is
 * another object. On error *b equals BARRIER_NULL and no descriptor was changed or closed. */
BARRIER_API int barrier_import(Barrier *b, const char *s);

#ifdef __cplusplus
}
#endif

#endif
