/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * harness.c - does with a loop what doc/LOOPS.md says, and counts
 *
 *      PROGRAM BACKEND ROUNDS [FORGOTTEN]
 *
 * Each side, parent and child, in both ways, by barrier_epoll() and by descriptors, five endings
 * and one while a third process, forked later, drops its copies: the right answer, one callback for
 * each, few waits, nothing left in the loop. Then ROUNDS of ping-pong, in which no wake-up may be
 * lost. Beside all of it ticks another descriptor in the same loop, so that a wait which returns
 * for nothing shows as more than one of them for a tick. FORGOTTEN: so many descriptors, given one
 * by one, may the loop leave in its epoll. Exit status: 0; 1 if anything is wrong; 77 if there is no
 * such backend here.
 */
#define _GNU_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"
#include "harness.h"

/* The first blocks of doc/LOOPS.md; what they call stands below. */
struct peer {
        Barrier b;
        int fd;
};

static void watch(int fd, struct peer *p);
static void unwatch(struct peer *p);
static bool arrived(struct peer *p);
static void ended(struct peer *p);
#define look look_at_peer
#include "first.inc"
#undef look

enum {
        TICKS = 20,
        SPIN = 5 * TICKS, /* loops have reasons of their own to wait up to 3 times for a tick */
        MANY = 100 * TICKS,
        LOOKS = 200,
        CODE = 7,
        NET = 300,
};

enum way { ONE, ALL };
static const char *const way_names[] = { "barrier_epoll()", "descriptors" };
static const char *const role_names[] = { "", "parent", "child" };

enum ending {
        PLACED,
        FAILED,
        DIED,
        DIED_WATCHED,
        BROKE,
        FAILED_BESIDE_FORK,
        PLACED_AND_DIED,
        ENDINGS,
};
static const char *const ending_names[] = {
        "placed",
        "failed",
        "died",
        "died, watched",
        "broke the protocol",
        "failed, after a fork",
        "placed and died",
};

static const char *backend;
static int forgotten;   /* so many descriptors does the loop leave in its epoll */
static char where[200]; /* what is tried, for a complaint */

unsigned long waits;
static unsigned long callbacks;
static int over; /* what the peer did: 0 nothing yet, 1 it placed, 2 it ended */
static bool mistaken, dies;
static int arrivals, rounds_wanted;
static double worst; /* waits for a tick */

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
        va_list ap;

        fprintf(stderr, "%s, %s: ", backend, where);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        exit(1);
}

static void out_of_time(int signal) {
        (void) signal;
        fail("hangs: %lu waits, %lu callbacks, %d rounds", waits, callbacks, arrivals);
}

/* ---- each wait of the loop is counted -------------------------------------------------------- */

static bool trying; /* the barrier's own are not */

static void count(void) {
        waits += !trying;
}

static struct timespec *until(struct timespec *ts, int msec) {
        ts->tv_sec = msec / 1000;
        ts->tv_nsec = msec % 1000 * 1000000L;
        return msec < 0 ? NULL : ts;
}

int poll(struct pollfd *fds, nfds_t n, int msec) {
        struct timespec ts;

        count();
        return (int) syscall(SYS_ppoll, fds, n, until(&ts, msec), NULL, 8);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int msec, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t n, int msec, size_t size) {
        (void) size;
        return poll(fds, n, msec);
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask) {
        struct timespec left;

        count();
        if (ts)
                left = *ts;
        return (int) syscall(SYS_ppoll, fds, n, ts ? &left : NULL, mask, 8);
}

int epoll_pwait(int epfd, struct epoll_event *events, int n, int msec, const sigset_t *mask) {
        count();
        return (int) syscall(SYS_epoll_pwait, epfd, events, n, msec, mask, 8);
}

int epoll_wait(int epfd, struct epoll_event *events, int n, int msec) {
        return epoll_pwait(epfd, events, n, msec, NULL);
}

int epoll_pwait2(int epfd, struct epoll_event *events, int n, const struct timespec *ts,
                 const sigset_t *mask) {
        count();
        return (int) syscall(SYS_epoll_pwait2, epfd, events, n, ts, mask, 8);
}

int select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *tv) {
        struct timespec ts;

        count();
        if (tv) {
                ts.tv_sec = tv->tv_sec;
                ts.tv_nsec = tv->tv_usec * 1000L;
        }
        return (int) syscall(SYS_pselect6, n, in, out, except, tv ? &ts : NULL, NULL);
}

/* ---- another descriptor that ticks in the same loop ------------------------------------------ */

static struct { int fd, left; } ticker;

/* Answers when the loop sleeps, or was looked at so often that one which spins has waited often. */
__attribute__((noreturn)) static void ticker_answer(int fd, int stat) {
        char c, text[200], *p;
        ssize_t n;
        int looks;

        while (read(fd, &c, 1) == 1) {
                for (looks = 0; looks < LOOKS; looks++) {
                        n = pread(stat, text, sizeof text - 1, 0);
                        text[n > 0 ? n : 0] = 0;
                        p = strrchr(text, ')');
                        if (p && p[2] == 'S')
                                break;
                        (void) sched_yield();
                }
                if (write(fd, &c, 1) != 1)
                        break;
        }
        _exit(0);
}

static void ticker_open(void) {
        int fds[2], stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

        if (stat < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                fail("descriptors: %s", strerror(errno));
        ticker.fd = fds[0];
        switch (fork()) {
        case -1:
                fail("fork: %s", strerror(errno));
        case 0:
                (void) close(fds[0]);
                ticker_answer(fds[1], stat);
        }
        (void) close(fds[1]);
        (void) close(stat);
}

static void tick(void) {
        char c;

        if (read(ticker.fd, &c, 1) != 1)
                fail("the ticker is gone");
        if (--ticker.left > 0 && write(ticker.fd, &c, 1) != 1)
                fail("the ticker is gone");
}

static void ticker_start(void) {
        ticker.left = TICKS;
        if (write(ticker.fd, "", 1) != 1)
                fail("the ticker is gone");
}

static void ticker_wait(void) {
        while (ticker.left > 0)
                loop_turn();
}

/* Nothing of ours happens. */
static void idle(const char *when) {
        unsigned long n_callbacks = callbacks, n = waits;

        ticker_start();
        ticker_wait();
        n = waits - n;
        if (callbacks != n_callbacks)
                fail("%lu callbacks %s", callbacks - n_callbacks, when);
        if (n < TICKS)
                fail("%d ticks in %lu waits: not all are counted", TICKS, n);
        if (n > SPIN)
                fail("spins %s: %lu waits for %d ticks", when, n, TICKS);
        if ((double) n / TICKS > worst)
                worst = (double) n / TICKS;
}

/* ---- what the loop holds --------------------------------------------------------------------- */

/* How many descriptors the epolls of this process watch, as /proc tells. */
static int watched(void) {
        DIR *dir = opendir("/proc/self/fdinfo");
        char path[300], line[200];
        struct dirent *entry;
        FILE *f;
        int n = 0;

        if (!dir)
                fail("/proc/self/fdinfo: %s", strerror(errno));
        while ((entry = readdir(dir))) {
                (void) snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
                f = fopen(path, "re");
                while (f && fgets(line, sizeof line, f))
                        n += strncmp(line, "tfd:", 4) == 0 || strstr(line, "op=6,");
                if (f)
                        (void) fclose(f);
        }
        (void) closedir(dir);
        return n;
}

/* ---- one peer -------------------------------------------------------------------------------- */

static struct peer peer;
static Barrier seen; /* before finish() */
static void *watches[BARRIER_POLLFDS];
static int n_watches;
static int control; /* a byte tells the peer to act, and closing it to exit */
static pid_t pid;

static void watch(int fd, struct peer *p) {
        watches[0] = loop_watch(fd, READABLE, p);
        if (!watches[0])
                fail("the loop refuses an epoll");
        n_watches = 1;
}

static void unwatch(struct peer *p) {
        (void) p;
        while (n_watches > 0)
                loop_unwatch(watches[--n_watches]);
}

static bool arrived(struct peer *p) {
        if (++arrivals < rounds_wanted) {
                if (!barrier_place(&p->b))
                        fail("place: %s", strerror(errno));
                return true;
        }
        if (!dies)
                over = 1;
        return dies;
}

static void ended(struct peer *p) {
        (void) p;
        over = 2;
}

void look(void *data) {
        if (data == &ticker) {
                tick();
                return;
        }
        callbacks++;
        if (mistaken)
                return;
        if (n_watches == 0)
                return; /* late in a batch: idle() has it */
        trying = true;
        look_at_peer(data);
        trying = false;
        if (over && rounds_wanted == 0) {
                seen = peer.b;
                finish(&peer);
        }
}

/* The other side. */
__attribute__((noreturn)) static void act(enum ending ending, int fd) {
        const uint64_t nonsense = UINT64_C(1) << 50;
        Barrier *b = &peer.b;
        char c;
        int n;

        if (read(fd, &c, 1) != 1)
                _exit(0);
        switch (ending) {
        case PLACED:
                for (n = 0; n < rounds_wanted; n++)
                        if (!barrier_place(b) || (n + 1 < rounds_wanted && !barrier_wait_next(b)))
                                _exit(1);
                if (rounds_wanted == 0 && !barrier_place(b))
                        _exit(1);
                break;
        case FAILED:
        case FAILED_BESIDE_FORK:
                (void) barrier_fail(b, CODE);
                break;
        case DIED_WATCHED:
                if (fork() == 0)
                        break; /* it holds copies until the end */
                __attribute__((fallthrough));
        case DIED:
                (void) raise(SIGKILL);
                __attribute__((fallthrough));
        case PLACED_AND_DIED:
                (void) !barrier_place(b);
                (void) raise(SIGKILL);
                __attribute__((fallthrough));
        case BROKE:
                if (write(b->me, &nonsense, sizeof nonsense) != sizeof nonsense)
                        _exit(1);
                break;
        case ENDINGS:
                break;
        }
        (void) !read(fd, &c, 1);
        _exit(0);
}

static void start_peer(enum ending ending, unsigned role) {
        int fds[2];

        over = 0;
        arrivals = 0;
        dies = ending == PLACED_AND_DIED;
        n_watches = 0;
        if (barrier_init(&peer.b) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                fail("descriptors: %s", strerror(errno));
        control = fds[0];
        pid = fork();
        if (pid < 0)
                fail("fork: %s", strerror(errno));
        if (pid == 0) {
                (void) close(fds[0]);
                (void) barrier_set_role(&peer.b, BARRIER_PARENT + BARRIER_CHILD - role);
                act(ending, fds[1]);
        }
        (void) close(fds[1]);
        (void) barrier_set_role(&peer.b, role);
}

static void stop_peer(void) {
        (void) close(control);
        if (waitpid(pid, NULL, 0) != pid)
                fail("waitpid: %s", strerror(errno));
}

/* Puts the peer into the loop, in either way. */
static void into_loop(enum way way) {
        struct pollfd fds[BARRIER_POLLFDS];
        int i, n;

        if (way == ONE) {
                n = begin(&peer);
                if (n < 0)
                        fail("barrier_epoll: %s", strerror(-n));
                return;
        }
        peer.fd = -1;
        barrier_set_timeout(&peer.b, 0);
        n = barrier_get_pollfds(&peer.b, fds);
        for (i = 0; i < n; i++) {
                watches[i] = loop_watch(fds[i].fd, i == 1 ? PIPE_END : READABLE, &peer);
                if (!watches[i])
                        fail("the loop refuses descriptor %d", i);
        }
        n_watches = n;
        look_at_peer(&peer);
}

/* A process that is forked now, lives on and drops its copies, as doc/LOOPS.md says. It ends when
 * *fd is closed. */
static pid_t fork_beside(int *fd) {
        int fds[2];
        pid_t beside;
        char c;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                fail("socketpair: %s", strerror(errno));
        beside = fork();
        if (beside < 0)
                fail("fork: %s", strerror(errno));
        if (beside == 0) {
                if (peer.fd >= 0)
                        (void) close(peer.fd);
                barrier_destroy(&peer.b);
                (void) close(control);
                (void) close(fds[0]);
                (void) !write(fds[1], "", 1);
                (void) !read(fds[1], &c, 1);
                _exit(0);
        }
        (void) close(fds[1]);
        if (read(fds[0], &c, 1) != 1)
                fail("the process beside it is gone");
        *fd = fds[0];
        return beside;
}

static void check_ending(enum ending ending, const Barrier *b, bool placed) {
        static const int errors[] = { 0, CODE, ECONNRESET, ECONNRESET, EPROTO, CODE, ECONNRESET };
        bool left = ending == DIED || ending == DIED_WATCHED || dies;

        if (placed != (ending == PLACED) || arrivals != (placed || dies) ||
            barrier_error(b) != errors[ending] || barrier_they_left(b) != left)
                fail("%s, %s", placed ? "true" : strerror(barrier_error(b)),
                     barrier_they_left(b) ? "left" : "not left");
}

static void try_ending(enum ending ending, enum way way, unsigned role) {
        unsigned long n_waits, n_callbacks;
        siginfo_t info;
        pid_t beside = -1;
        int beside_fd = -1, pidfd = -1, n = watched();

        (void) snprintf(where, sizeof where, "%s, %s, %s", way_names[way], role_names[role],
                        ending_names[ending]);
        start_peer(ending, role);
        if (ending == DIED_WATCHED) {
                pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
                if (pidfd < 0 && errno == ENOSYS) {
                        printf("SKIPPED: there is no pidfd to watch\n");
                        stop_peer();
                        barrier_destroy(&peer.b);
                        return;
                }
                if (pidfd < 0 || barrier_watch(&peer.b, pidfd) < 0)
                        fail("pidfd: %s", strerror(errno));
        }
        into_loop(way);
        idle("before");
        if (ending == FAILED_BESIDE_FORK)
                beside = fork_beside(
                        &beside_fd); /* now that the loop has really taken the descriptors */

        n_waits = waits;
        n_callbacks = callbacks;
        if (write(control, "", 1) != 1)
                fail("the peer is gone");
        if (dies && waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) < 0)
                fail("waitid: %s", strerror(errno));
        while (!over)
                loop_turn();
        /* Pipe and eventfd may be ready at once. */
        if (callbacks - n_callbacks != 1 && !(dies && way == ALL && callbacks - n_callbacks == 2))
                fail("%lu callbacks", callbacks - n_callbacks);
        if (waits - n_waits > 4)
                fail("%lu waits", waits - n_waits);
        check_ending(ending, &seen, over == 1);

        idle("after removal");
        if (watched() > n + (way == ALL ? forgotten : 0))
                fail("%d descriptors are left in the loop", watched() - n);
        stop_peer();
        if (pidfd >= 0)
                (void) close(pidfd);
        if (beside > 0) {
                (void) close(beside_fd);
                if (waitpid(beside, NULL, 0) != beside)
                        fail("waitpid: %s", strerror(errno));
        }
}

static void ping_pong(int n, enum way way, unsigned role) {
        (void) snprintf(where, sizeof where, "%s, %s, ping-pong", way_names[way], role_names[role]);
        rounds_wanted = n;
        start_peer(PLACED, role);
        into_loop(way);
        if (write(control, "", 1) != 1)
                fail("the peer is gone");
        while (!over)
                loop_turn();
        if (over != 1 || arrivals != n)
                fail("%d rounds, %s", arrivals, strerror(barrier_error(&peer.b)));
        finish(&peer);
        stop_peer();
        rounds_wanted = 0;
        idle("after ping-pong");
}

/* The process that has the loop is killed: the other side, forked when the loop was there already,
 * is told, though it has inherited what the loop holds. */
static void try_death(void) {
        int fds[2];
        char c = 0;

        (void) snprintf(where, sizeof where, "the process of the loop is killed");
        if (pipe(fds) < 0)
                fail("pipe: %s", strerror(errno));
        pid = fork();
        if (pid < 0)
                fail("fork: %s", strerror(errno));
        if (pid == 0) {
                if (!loop_open(backend))
                        _exit(77);
                if (barrier_init(&peer.b) < 0)
                        _exit(1);
                switch (fork()) {
                case -1:
                        _exit(1);
                case 0:
                        (void) signal(SIGALRM, SIG_DFL);
                        (void) alarm(NET); /* nobody else would end it */
                        (void) barrier_set_role(&peer.b, BARRIER_CHILD);
                        c = !barrier_wait_next(&peer.b) && barrier_they_left(&peer.b);
                        _exit(write(fds[1], &c, 1) != 1);
                }
                (void) barrier_set_role(&peer.b, BARRIER_PARENT);
                into_loop(ONE);
                (void) raise(SIGKILL);
        }
        (void) close(fds[1]);
        if (read(fds[0], &c, 1) != 1 && waitpid(pid, &fds[1], 0) == pid && WIFEXITED(fds[1]) &&
            WEXITSTATUS(fds[1]) == 77)
                exit(77);
        if (!c)
                fail("the other side is not told");
        (void) waitpid(pid, NULL, 0);
        (void) close(fds[0]);
}

/* What comes of a mistake with the pipe end. */
static void try_mistake_now(const char *when) {
        unsigned long n_callbacks = callbacks, n = waits;
        int turns;

        ticker_start();
        for (turns = 0; ticker.left > 0 && turns < MANY; turns++)
                loop_turn();
        n_callbacks = callbacks - n_callbacks;
        n = waits - n;
        printf("%s: %s%s", when,
               n_callbacks == 0   ? "no callback"
               : n_callbacks == 1 ? "1 callback"
                                  : "callbacks",
               n_callbacks == 0 && (ticker.left > 0 || n > SPIN) ? " and no sleep" : "");
}

static void try_mistake(int i, unsigned role) {
        void *w;

        (void) snprintf(where, sizeof where, "%s, %s", loop_mistakes[i], role_names[role]);
        mistaken = true;
        start_peer(DIED, role);
        printf("mistake: %s: %s:", backend, where);
        w = loop_watch(peer.b.pipe[role == BARRIER_CHILD], MISTAKE + i, &peer);
        if (!w)
                printf(" refused");
        else {
                try_mistake_now(" while it lives");
                if (write(control, "", 1) != 1 ||
                    waitid(P_PID, (id_t) pid, NULL, WEXITED | WNOWAIT) < 0)
                        fail("the peer is gone");
                try_mistake_now("; when it is dead");
                loop_unwatch(w);
                ticker_wait();
        }
        printf("\n");
        stop_peer();
        barrier_destroy(&peer.b);
        mistaken = false;
}

int harness(int argc, char **argv) {
        unsigned role;
        int n, i, ending;
        void *w;

        if (argc < 3 || argc > 4 || (n = atoi(argv[2])) < 1) {
                fprintf(stderr, "usage: %s BACKEND ROUNDS [FORGOTTEN]\n", argv[0]);
                return 2;
        }
        if (argc == 4)
                forgotten = atoi(argv[3]);
        backend = argv[1];
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        (void) signal(SIGALRM, out_of_time);
        (void) alarm(NET); /* for what hangs; nothing else depends on it */
        (void) signal(SIGCHLD, SIG_DFL);

        try_death();
        (void) snprintf(where, sizeof where, "start");
        ticker_open();
        if (!loop_open(backend))
                return 77;
        w = loop_watch(ticker.fd, READABLE, &ticker);
        if (!w)
                fail("the loop refuses a socket");
        idle("with nothing in it");
        for (i = ONE; i <= ALL; i++)
                for (role = BARRIER_PARENT; role <= BARRIER_CHILD; role++) {
                        for (ending = 0; ending < ENDINGS; ending++)
                                try_ending((enum ending) ending, (enum way) i, role);
                        ping_pong(n, (enum way) i, role);
                }
        for (i = 0; loop_mistakes[i]; i++)
                for (role = BARRIER_PARENT; role <= BARRIER_CHILD; role++)
                        try_mistake(i, role);
        loop_unwatch(w);
        printf("figure: %d endings, %d rounds, %.2f waits for a tick\n", 4 * ENDINGS, 4 * n, worst);
        return 0;
}
