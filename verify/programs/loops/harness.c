/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * harness.c - does with a loop what doc/LOOPS.md says
 *
 *      PROGRAM NAME ROUNDS FORGOTTEN
 *
 * Each side, parent and child, in both ways, by barrier_epoll() and by descriptors, meets each of
 * the endings below: the right answer, by one callback, nothing left in the loop, and in ROUNDS of
 * ping-pong no wake-up lost. Before and after, the loop has to sleep, and to serve another
 * descriptor. FORGOTTEN: so many descriptors, given one by one, may it leave in its epoll. Exit
 * status: 0; 1 if anything is wrong; 77 if there is no such backend here.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
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

enum { CODE = 7, TOLD = 3, MANY = 1000, NET = 300 };

enum way { ONE, ALL };
static const char *const way_names[] = { "barrier_epoll()", "descriptors" };
static const char *const role_names[] = { "", "parent", "child" };

/* What the peer does, and what the side that has the loop learns of it. */
enum ending { PING_PONG, PLACED, FAILED, BROKE, DIED, DIED_WATCHED, PLACED_AND_DIED, OUTLIVES };
static const struct {
        const char *name;
        int error;
        int arrivals; /* or as many as there are rounds */
} endings[] = {
        [PING_PONG] = { "ping-pong", 0, 0 },
        [PLACED] = { "placed", 0, 1 },
        [FAILED] = { "failed", CODE, 0 },
        [BROKE] = { "broke the protocol", EPROTO, 0 },
        [DIED] = { "died", ECONNRESET, 0 },
        [DIED_WATCHED] = { "died, watched", ECONNRESET, 0 },
        [PLACED_AND_DIED] = { "placed and died", ECONNRESET, 1 },
};

const char *backend;
static char where[200]; /* what is tried, for a complaint */
static int rounds, forgotten;
static int held; /* in the loop, all in all */
static int callbacks, met;

static struct peer peer;
static enum ending ending;
static void *watches[BARRIER_POLLFDS];
static int n_watches;
static int control; /* a byte tells the peer to act, and closing it to exit */
static pid_t pid;

/* What was seen of it. */
static int arrivals, error;
static bool over;

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
        fail("hangs: %d callbacks, %d barriers", callbacks, arrivals);
}

/* ---- another descriptor in the same loop: a timer -------------------------------------------- */

static int ticker;
static bool ticked, slept;

static long sleeps(void) {
        struct rusage usage;

        (void) getrusage(RUSAGE_SELF, &usage);
        return usage.ru_nvcsw;
}

/* Turns the loop until the timer was served and it has slept, which takes a longer time on a busy
 * machine, or for too many callbacks. Returns the number of callbacks. */
static int tick(void) {
        int msec, n = callbacks;
        long before = sleeps();

        slept = false;
        for (msec = 1; msec < 1000 && !slept && callbacks - n < MANY; msec *= 2) {
                const struct itimerspec once = { { 0, 0 }, { 0, msec * 1000000L } };

                ticked = false;
                if (timerfd_settime(ticker, 0, &once, NULL) < 0)
                        fail("timer: %s", strerror(errno));
                while (!ticked && callbacks - n < MANY)
                        loop_turn();
                slept = sleeps() > before;
        }
        return callbacks - n;
}

/* Nothing of ours happens. */
static void idle(const char *when) {
        int n = tick();

        if (n > 0)
                fail("%d callbacks %s", n, when);
        if (!slept)
                fail("spins %s", when);
}

/* How many descriptors the epolls and rings of this process watch. */
static int watched(void) {
        FILE *f = popen("grep -s -e '^tfd:' -e 'op=6,' /proc/$PPID/fdinfo/* | wc -l", "re");
        int n;

        if (!f || fscanf(f, "%d", &n) != 1)
                fail("/proc/self/fdinfo does not tell what it holds");
        (void) pclose(f);
        return n;
}

/* ---- one peer -------------------------------------------------------------------------------- */

static void watch(int fd, struct peer *p) {
        watches[0] = loop_watch(fd, asks[0].what, p);
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
        arrivals++;
        over = ending == PLACED || (ending == PING_PONG && arrivals == rounds);
        if (ending == PING_PONG && !over && !barrier_place(&p->b))
                fail("place: %s", strerror(errno));
        return !over;
}

static void ended(struct peer *p) {
        error = barrier_error(&p->b);
        if (barrier_they_left(&p->b) != (error == ECONNRESET))
                fail("%s, but they_left is wrong", strerror(error));
        over = true;
}

void look(void *data) {
        uint64_t expired;

        if (data == &ticker) {
                ticked = read(ticker, &expired, sizeof expired) > 0;
                return;
        }
        callbacks++;
        if (n_watches == 0)
                return; /* late in a batch, or for a mistake */
        look_at_peer(data);
        if (over && ending != PING_PONG)
                finish(&peer);
}

/* The other side. */
__attribute__((noreturn)) static void act(int fd) {
        const uint64_t nonsense = UINT64_C(1) << 50;
        Barrier *b = &peer.b;
        bool right = true;
        char c;
        int n;

        if (ending == OUTLIVES)
                _exit(!barrier_wait_next(b) && barrier_they_left(b) ? TOLD : 1);
        if (read(fd, &c, 1) != 1)
                _exit(0);
        if (ending == PING_PONG)
                for (n = 1; n < rounds && right; n++)
                        right = barrier_place(b) && barrier_wait_next(b);
        if (ending == PING_PONG || ending == PLACED || ending == PLACED_AND_DIED)
                right = right && barrier_place(b);
        if (ending == FAILED)
                right = barrier_fail(b, CODE);
        if (ending == BROKE)
                right = write(b->me, &nonsense, sizeof nonsense) == sizeof nonsense;
        if (ending == DIED_WATCHED && fork() == 0)
                ending = PLACED; /* holds copies until the end */
        if (ending == DIED || ending == DIED_WATCHED || ending == PLACED_AND_DIED)
                (void) raise(SIGKILL);
        (void) !read(fd, &c, 1);
        _exit(!right);
}

static void start_peer(enum ending e, unsigned role) {
        int fds[2];

        ending = e;
        arrivals = error = 0;
        over = false;
        if (barrier_init(&peer.b) < 0 || pipe(fds) < 0)
                fail("descriptors: %s", strerror(errno));
        pid = fork();
        if (pid < 0)
                fail("fork: %s", strerror(errno));
        if (pid == 0) {
                (void) signal(SIGALRM, SIG_DFL);
                (void) alarm(NET);
                (void) close(fds[1]);
                (void) barrier_set_role(&peer.b, BARRIER_PARENT + BARRIER_CHILD - role);
                act(fds[0]);
        }
        (void) close(fds[0]);
        control = fds[1];
        (void) barrier_set_role(&peer.b, role);
}

static void let_act(bool and_die) {
        siginfo_t info;

        if (write(control, "", 1) != 1 ||
            (and_die && waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) < 0))
                fail("the peer is gone");
}

static void stop_peer(void) {
        int status;

        (void) close(control);
        if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status)))
                fail("the peer failed");
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
                watches[i] = loop_watch(fds[i].fd, asks[i == 1].what, &peer);
                if (!watches[i])
                        fail("the loop refuses descriptor %d", i);
        }
        n_watches = n;
        look_at_peer(&peer);
}

/* A process that was forked when the loop had the descriptors drops its copies, as doc/LOOPS.md
 * says, and that changes nothing. */
static void fork_beside(void) {
        pid_t beside = fork();

        if (beside == 0) {
                (void) close(peer.fd);
                barrier_destroy(&peer.b);
                _exit(0);
        }
        if (beside < 0 || waitpid(beside, NULL, 0) != beside)
                fail("fork: %s", strerror(errno));
}

static void try_ending(enum ending e, enum way way, unsigned role) {
        int pidfd, n, wanted = e == PING_PONG ? rounds : endings[e].arrivals;
        int most = e == PING_PONG                       ? rounds
                   : e == PLACED_AND_DIED && way == ALL ? 2 /* pipe and eventfd */
                                                        : 1;

        (void) snprintf(where, sizeof where, "%s, %s, %s", way_names[way], role_names[role],
                        endings[e].name);
        start_peer(e, role);
        pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (e == DIED_WATCHED && pidfd < 0 && errno == ENOSYS) {
                printf("SKIPPED: no pidfd here\n");
                stop_peer();
                barrier_destroy(&peer.b);
                return;
        }
        if (e == DIED_WATCHED && barrier_watch(&peer.b, pidfd) < 0)
                fail("pidfd: %s", strerror(errno));
        into_loop(way);
        idle("before");
        fork_beside();

        n = callbacks;
        let_act(e == PLACED_AND_DIED);
        while (!over)
                loop_turn();
        n = callbacks - n;
        if (n > most)
                fail("%d callbacks", n);
        if (arrivals != wanted || error != endings[e].error)
                fail("%d barriers, then %s", arrivals, strerror(error));
        if (e == PING_PONG)
                finish(&peer); /* not in a callback */

        idle("after removal");
        n = watched();
        if (n > held + (way == ALL ? forgotten : 0))
                fail("%d descriptors are left in the loop", n - held);
        held = n;
        stop_peer();
        if (pidfd >= 0)
                (void) close(pidfd);
        met += e != PING_PONG;
}

/* ---- what comes of a mistake with the pipe end ----------------------------------------------- */

static void say(const char *when) {
        int n = tick();

        printf("%s: %s", when, n > 1 ? "callbacks" : n == 1 ? "1 callback" : "no callback");
        if (n == 0 && !slept)
                printf(" and no sleep");
}

static void try_mistake(const struct ask *ask, unsigned role) {
        void *w;

        (void) snprintf(where, sizeof where, "%s, %s", ask->name, role_names[role]);
        start_peer(DIED, role);
        printf("mistake: %s: %s:", backend, where);
        w = loop_watch(peer.b.pipe[role == BARRIER_CHILD], ask->what, &peer);
        if (!w)
                printf(" refused");
        else {
                say(" while it lives");
                let_act(true);
                say("; when it is dead");
                loop_unwatch(w);
                (void) tick(); /* for what is left to be told to the loop */
        }
        printf("\n");
        stop_peer();
        barrier_destroy(&peer.b);
}

/* ---- all of it ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void run(void) {
        unsigned role;
        int e, way, i;
        void *w;

        (void) signal(SIGALRM, out_of_time);
        (void) alarm(NET); /* for what hangs; nothing else depends on it */
        (void) snprintf(where, sizeof where, "start");
        ticker = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (!loop_open())
                exit(77);
        w = loop_watch(ticker, asks[0].what, &ticker);
        if (!w)
                fail("the loop refuses a timer");
        idle("with nothing in it");
        held = watched();
        for (way = ONE; way <= ALL; way++)
                for (role = BARRIER_PARENT; role <= BARRIER_CHILD; role++)
                        for (e = 0; e < OUTLIVES; e++)
                                try_ending((enum ending) e, (enum way) way, role);
        for (i = 2; asks[i].name; i++)
                for (role = BARRIER_PARENT; role <= BARRIER_CHILD; role++)
                        try_mistake(&asks[i], role);
        printf("figure: %d endings, %d rounds\n", met, 4 * rounds);
        (void) fflush(stdout);

        /* The other side, forked when the loop was there, has inherited what it holds. */
        start_peer(OUTLIVES, BARRIER_PARENT);
        into_loop(ONE);
        (void) raise(SIGKILL);
        exit(1);
}

int main(int argc, char **argv) {
        bool told = false;
        int status, killed;

        if (argc != 4 || (rounds = atoi(argv[2])) < 1) {
                fprintf(stderr, "usage: %s NAME ROUNDS FORGOTTEN\n", argv[0]);
                return 2;
        }
        backend = argv[1];
        forgotten = atoi(argv[3]);
        (void) signal(SIGCHLD, SIG_DFL);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* reaps all, whoever their parent was */
        pid = fork();
        if (pid == 0)
                run();
        if (waitpid(pid, &status, 0) != pid)
                fail("fork: %s", strerror(errno));
        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        killed = WTERMSIG(status);
        while (wait(&status) > 0)
                told |= WIFEXITED(status) && WEXITSTATUS(status) == TOLD;
        if (!told)
                fprintf(stderr,
                        "%s: signal %d ends the process of the loop, the other side is not told\n",
                        backend, killed);
        return !told;
}
