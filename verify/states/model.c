/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * model - asks the kernel on which it runs whether it does what kernel.h says
 *
 *      model [ROUNDS [SEED]]
 *
 * Exit status 0: every answer agrees; 1: one does not, and what led to it is printed; 2: the check
 * itself failed, or the arguments are no numbers from 1.
 *
 * HOW TO READ THIS FILE
 *
 * Up to three processes have the objects of kernel.h, under the numbers that it gives them. In each
 * round some of them make a few calls, chosen at random, all at the same time, and write down the
 * answers (serve(), answer()). Now and then one is killed meanwhile. Then search() looks for an
 * order of the steps of kernel.h that gives just these answers; if there is none, kernel.h is wrong
 * about this kernel. Of all the orders there are, it keeps in what states they leave the objects,
 * and the next round begins with any of these.
 *
 * A poll() without a timeout is the last call of a round. If it still sleeps when all others are
 * done, kernel.h says whether it has to wake up. If so, it is waited for; if not, it gets a signal,
 * and it has to find nothing then either, because what is ready goes before a signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"
#include "kernel.h"

enum {
        CALLS = 3, /* of a process in a round, at most */
        STATES = 1 << 15,
        PADDING = 300, /* between the entries of a poll(), so that it takes its time */
        PATIENCE = 60, /* seconds until a poll() that has to wake up counts as lost */
        OWN_FILES = 64 /* where the descriptors of this program itself begin */
};

enum kind { EVENTFD, PIPE2, PIDFD_OPEN, FORK, WRITE, READ, PREADV2, FCNTL, CLOSE, POLL };

struct call {
        enum kind kind;
        int fd, whom;
        uint64_t value;
        struct kernel_poll poll;
        bool interrupted; /* poll: a signal is there before it begins */
        int padding, delay;
};

struct answer {
        int ret;
        uint64_t value;
        uint8_t revents[KERNEL_POLLFDS];
        bool slept;
};

/* What the processes share. */
static struct shared {
        int runners, arrived;
        struct process {
                pid_t pid;
                int n, done; /* calls of this round */
                struct call call[CALLS];
                struct answer answer[CALLS];
        } process[KERNEL_PROCESSES];
} * shared;

static int command[KERNEL_PROCESSES][2], finished[2];
static int never; /* nothing is ever to be read from it */
static bool has_preadv2, has_pidfd, can_kill, counts_sleep;

static void check(bool good, const char *what) {
        if (good)
                return;
        perror(what);
        exit(2);
}

/* ---- the processes --------------------------------------------------------------------------- */

static void nothing(int sig) {
        (void) sig;
}

static void serve(int who) __attribute__((noreturn));

/* Gives a new descriptor the number that it has in kernel.h. */
static int move(int from, int to) {
        if (from < 0 || from == to)
                return from;
        to = dup3(from, to, O_CLOEXEC);
        (void) close(from);
        return to;
}

/* The child is not this process's but its parent's, which looks after all of them. */
static pid_t fork_sibling(void) {
        const unsigned long flags = CLONE_PARENT | SIGCHLD;

#ifdef __s390__
        return (pid_t) syscall(SYS_clone, 0, flags, 0, 0, 0);
#else
        return (pid_t) syscall(SYS_clone, flags, 0, 0, 0, 0);
#endif
}

static int real_fork(int child) {
        pid_t pid = fork_sibling();

        if (pid == 0)
                serve(child);
        shared->process[child].pid = pid;
        return pid < 0 ? -1 : 0;
}

static int real_pipe2(void) {
        int fd[2];

        if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
                return -1;
        fd[1] = move(fd[1], KERNEL_FD(KERNEL_WRITE_END));
        fd[0] = move(fd[0], KERNEL_FD(KERNEL_READ_END));
        return fd[0] < 0 || fd[1] < 0 ? -1 : 0;
}

static int real_read(const struct call *c, uint64_t *value) {
#ifdef RWF_NOWAIT
        struct iovec iov;

        iov.iov_base = value;
        iov.iov_len = sizeof *value;
        if (c->kind == PREADV2)
                return (int) preadv2(c->fd, &iov, 1, -1, RWF_NOWAIT);
#endif
        return (int) read(c->fd, value, sizeof *value);
}

static long sleeps_so_far(void) {
        struct rusage usage;

        return getrusage(RUSAGE_SELF, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

static int real_poll(const struct call *c, struct answer *a) {
        const struct timespec no_time = { 0, 0 };
        struct pollfd fds[KERNEL_POLLFDS * (PADDING + 1)];
        int entry[KERNEL_POLLFDS];
        sigset_t none, usr1;
        int i, k, n, ret, error;
        long slept = sleeps_so_far();

        for (n = 0, i = 0; i < KERNEL_POLLFDS; i++) {
                entry[i] = n;
                fds[n].fd = c->poll.fd[i];
                fds[n++].events = c->poll.events[i];
                for (k = 0; k < c->padding; k++) {
                        fds[n].fd = never;
                        fds[n++].events = POLLIN;
                }
        }
        if (c->interrupted) {
                (void) sigemptyset(&none);
                (void) sigemptyset(&usr1);
                (void) sigaddset(&usr1, SIGUSR1);
                (void) sigprocmask(SIG_BLOCK, &usr1, NULL);
                (void) kill(getpid(), SIGUSR1);
                ret = ppoll(fds, (nfds_t) n, c->poll.msec ? NULL : &no_time, &none);
                error = errno;
                (void) sigprocmask(SIG_UNBLOCK, &usr1, NULL);
        } else {
                ret = poll(fds, (nfds_t) n, c->poll.msec);
                error = errno;
        }
        a->slept = sleeps_so_far() > slept;
        for (i = 0; ret >= 0 && i < KERNEL_POLLFDS; i++)
                a->revents[i] = (uint8_t) fds[entry[i]].revents;
        errno = error;
        return ret;
}

static int answer(const struct call *c, struct answer *a) {
        switch (c->kind) {
        case EVENTFD:
                return move(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), c->fd);
        case PIPE2:
                return real_pipe2();
        case PIDFD_OPEN:
                return move((int) syscall(SYS_pidfd_open, shared->process[c->whom].pid, 0), c->fd);
        case FORK:
                return real_fork(c->whom);
        case WRITE:
                return (int) write(c->fd, &c->value, sizeof c->value);
        case READ:
        case PREADV2:
                return real_read(c, &a->value);
        case FCNTL:
                return fcntl(c->fd, F_SETFL, O_RDWR | O_NONBLOCK);
        case CLOSE:
                return close(c->fd);
        default:
                return real_poll(c, a);
        }
}

static void serve(int who) {
        struct process *p = &shared->process[who];
        volatile int spin;
        char byte;
        int i;

        for (;;) {
                if (read(command[who][0], &byte, 1) != 1)
                        continue; /* a signal that came too late */
                /* Together if possible; there may be a single CPU. */
                (void) __atomic_add_fetch(&shared->arrived, 1, __ATOMIC_SEQ_CST);
                for (i = 0; i < 1000; i++) {
                        if (__atomic_load_n(&shared->arrived, __ATOMIC_SEQ_CST) == shared->runners)
                                break;
                        (void) sched_yield();
                }
                for (i = 0; i < p->n; i++) {
                        struct answer a = { 0 };

                        for (spin = 0; spin < p->call[i].delay; spin++)
                                ;
                        a.ret = answer(&p->call[i], &a);
                        if (a.ret < 0)
                                a.ret = -errno;
                        p->answer[i] = a;
                        __atomic_store_n(&p->done, i + 1, __ATOMIC_SEQ_CST);
                }
                check(write(finished[1], &byte, 1) == 1, "write");
        }
}

static void disagree(const char *why) __attribute__((noreturn));

/* ---- the search for an order that explains the answers --------------------------------------- */

struct state {
        struct kernel k;
        struct kernel_poll poll[KERNEL_PROCESSES]; /* under way */
        uint8_t pc[KERNEL_PROCESSES], dying[KERNEL_PROCESSES];
};

/* The round that is to be explained. */
static int done[KERNEL_PROCESSES];
static int victim;         /* who was killed, or -1 */
static unsigned signalled; /* one bit for each process */

/* In what states the kernel may be after the orders that explain the answers so far. */
static struct kernel possible[STATES], before[STATES];
static int n_possible, n_before;

/* Where search() was, in this round. */
static struct {
        unsigned char state[sizeof(struct state)];
        unsigned round;
} seen[STATES];
static unsigned round_no, n_seen;

/* Padding counts, but all states are copies of one that was set to 0. */
static bool seen_before(const struct state *s) {
        const unsigned char *p = (const unsigned char *) s;
        uint32_t hash = 2166136261u;
        size_t i;

        for (i = 0; i < sizeof *s; i++)
                hash = (hash ^ p[i]) * 16777619u;
        for (;; hash++) {
                hash %= STATES;
                if (seen[hash].round != round_no)
                        break;
                if (memcmp(seen[hash].state, p, sizeof *s) == 0)
                        return true;
        }
        check(++n_seen < STATES, "too many states");
        memcpy(seen[hash].state, p, sizeof *s);
        seen[hash].round = round_no;
        return false;
}

static void remember(const struct kernel *k) {
        int i;

        for (i = 0; i < n_possible; i++)
                if (memcmp(&possible[i], k, sizeof *k) == 0)
                        return;
        check(n_possible < STATES, "too many states");
        possible[n_possible++] = *k;
}

/* The call is over. Is this the answer that was given? The last one of a process that was killed is
 * unknown. */
static bool agrees(struct state *s, int who, int ret, uint64_t value) {
        const struct process *p = &shared->process[who];
        const struct call *c = &p->call[s->pc[who]];
        const struct answer *a = &p->answer[s->pc[who]];
        bool unknown = s->pc[who] >= done[who];
        bool revents = ret < 0 || c->kind != POLL ||
                       memcmp(a->revents, s->poll[who].revents, sizeof a->revents) == 0;

        s->pc[who]++;
        memset(&s->poll[who], 0, sizeof s->poll[who]);
        return unknown || (a->ret == ret && a->value == value && revents);
}

/* Whether this poll() cannot sleep on: kernel_wakes() has to know what kernel_poll() would see. */
static bool wakes(const struct kernel *k, int who, const struct kernel_poll *p) {
        struct kernel_poll again = *p;
        int ret;

        again.look = 0;
        again.msec = 0;
        do
                ret = kernel_poll(k, who, &again);
        while (ret == -EAGAIN && !again.asleep);
        if (kernel_wakes(k, who, p) != (ret > 0))
                disagree("kernel_wakes() is not what kernel_poll() sees");
        return ret > 0;
}

/* One look of a poll(). With a signal pending it does not sleep, but neither does it just end. */
static bool step_poll(struct state *s, int who) {
        const struct call *c = &shared->process[who].call[s->pc[who]];
        struct kernel_poll *p = &s->poll[who];
        int ret;

        if (p->asleep && (c->interrupted || !wakes(&s->k, who, p)))
                return false;
        if (!p->look && !p->asleep)
                memcpy(p, &c->poll, sizeof *p);
        ret = kernel_poll(&s->k, who, p);
        p->asleep = p->asleep || (ret == 0 && c->interrupted);
        return ret == -EAGAIN || p->asleep || agrees(s, who, ret, 0);
}

static bool step_call(struct state *s, int who) {
        const struct call *c = &shared->process[who].call[s->pc[who]];
        struct kernel *k = &s->k;
        uint64_t value = 0;
        int fd[2], ret;

        switch (c->kind) {
        case EVENTFD:
                ret = kernel_eventfd(k, who);
                break;
        case PIPE2:
                ret = kernel_pipe2(k, who, fd);
                break;
        case PIDFD_OPEN:
                ret = kernel_pidfd_open(k, who, c->whom);
                break;
        case FORK:
                kernel_fork(k, who, c->whom);
                ret = 0;
                break;
        case WRITE:
                ret = kernel_write(k, who, c->fd, c->value);
                break;
        case READ:
        case PREADV2:
                ret = kernel_read(k, who, c->fd, &value);
                break;
        case FCNTL:
                ret = kernel_fcntl(k, who, c->fd);
                break;
        case CLOSE:
                ret = kernel_close(k, who, c->fd);
                break;
        default:
                return step_poll(s, who);
        }
        return agrees(s, who, ret, value);
}

static bool is_over(const struct state *s, int who) {
        return who == victim ? s->k.dead[who] : s->pc[who] == done[who];
}

/* What a process can do next, besides the next step of its call. */
enum choice { GO, TIME_OUT, INTERRUPT, LOSE_READ_END, LOSE_WRITE_END, DIE, CHOICES };

/* Does it, if that is possible and explains what was seen. */
static bool step(struct state *s, int who, enum choice choice) {
        const struct process *p = &shared->process[who];
        const struct call *c = &p->call[s->pc[who]];
        int i;

        if (choice >= LOSE_READ_END) {
                /* A process that is killed loses one descriptor after the other, and is dead at
                 * last; unless somebody looks, that is one step. */
                if (who != victim || s->pc[who] < done[who] || s->k.dead[who])
                        return false;
                s->dying[who] = 1;
                if (choice != DIE && !shared->runners)
                        return false;
                if (choice == LOSE_READ_END)
                        return kernel_close(&s->k, who, KERNEL_FD(KERNEL_READ_END)) == 0;
                if (choice == LOSE_WRITE_END)
                        return kernel_close(&s->k, who, KERNEL_FD(KERNEL_WRITE_END)) == 0;
                kernel_kill(&s->k, who);
                return true;
        }
        if (s->dying[who] || s->pc[who] == p->n || s->pc[who] >= done[who] + (who == victim))
                return false; /* the last call of one that was killed may have no answer */
        if (choice == GO)
                return step_call(s, who);
        if (!s->poll[who].asleep)
                return false;
        if (choice == TIME_OUT)
                return c->poll.msec >= 0 && agrees(s, who, 0, 0);
        if (c->interrupted)
                return agrees(s, who, -EINTR, 0);
        /* A signal is sent only when nobody else has anything to do. */
        for (i = 0; i < KERNEL_PROCESSES; i++)
                if (i != who && !is_over(s, i) && !s->poll[i].asleep)
                        return false;
        return signalled >> who & 1 && agrees(s, who, -EINTR, 0);
}

static void search(const struct state *s) {
        struct state next;
        bool over = true;
        int who, choice;

        if (seen_before(s))
                return;
        for (who = 0; who < KERNEL_PROCESSES; who++) {
                over = over && is_over(s, who);
                for (choice = 0; choice < CHOICES; choice++) {
                        memcpy(&next, s, sizeof next);
                        if (step(&next, who, (enum choice) choice))
                                search(&next);
                }
        }
        if (over)
                remember(&s->k);
}

/* Explains the answers that are there; false if that is impossible. */
static bool explained(void) {
        struct state s;
        int i;

        round_no++;
        n_seen = 0;
        n_possible = 0;
        for (i = 0; i < n_before; i++) {
                memset(&s, 0, sizeof s);
                s.k = before[i];
                search(&s);
        }
        return n_possible > 0;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned choose(unsigned n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) (random_state >> 33) % n;
}

/* One bit for each process. */
static unsigned existing, alive;
static int newborn; /* of this round, or KERNEL_PROCESSES */

/* As a barrier does: the other's eventfd, this side's pipe end and a watch; or anything. */
static void choose_poll(int who, struct call *c, bool last) {
        static const uint8_t events[] = { POLLIN, POLLIN, POLLIN, 0, POLLIN | POLLOUT, POLLOUT };
        const bool usual = choose(2);
        int i, object, first = (int) choose(KERNEL_POLLFDS);

        c->kind = POLL;
        for (i = 0; i < KERNEL_POLLFDS; i++) {
                object = (int) choose(KERNEL_OBJECTS);
                if (usual)
                        object = (i + first) % 3 == 0   ? KERNEL_EVENTFD + (int) choose(2)
                                 : (i + first) % 3 == 1 ? KERNEL_READ_END + (int) choose(2)
                                                        : KERNEL_PIDFD + (int) choose(2);
                c->poll.fd[i] = -1;
                if (before[0].open[who] >> object & 1 || choose(8) == 0)
                        c->poll.fd[i] = (int8_t) KERNEL_FD(object);
                if (object != KERNEL_WRITE_END || choose(8) == 0)
                        c->poll.events[i] = events[choose(choose(8) ? 4 : 6)];
        }
        c->poll.msec = last && choose(3) ? -1 : choose(40) ? 0 : 1;
        c->interrupted = choose(6) == 0;
        c->padding = choose(2) ? (int) choose(PADDING) : 0;
}

static void choose_call(int who, struct call *c, bool last) {
        static const uint64_t values[] = { 1,
                                           1,
                                           1,
                                           2,
                                           0,
                                           UINT64_C(1) << 63,
                                           UINT64_C(1) << 63 | UINT64_C(2) << 48,
                                           UINT64_MAX - 2,
                                           UINT64_MAX - 1,
                                           UINT64_MAX };
        unsigned dice = choose(100);

        memset(c, 0, sizeof *c);
        c->delay = choose(2) ? (int) choose(1 << choose(16)) : 0;
        c->fd = KERNEL_FD(KERNEL_EVENTFD + (int) choose(2));
        if (dice < 35)
                choose_poll(who, c, last);
        else if (dice < 60) {
                c->kind = WRITE;
                c->value = values[choose(sizeof values / sizeof *values)];
        } else if (dice < 85)
                c->kind = has_preadv2 && choose(2) ? PREADV2 : READ;
        else if (dice < 88)
                c->kind = FCNTL;
        else if (dice < 95 || !has_pidfd) {
                c->kind = CLOSE;
                c->fd = KERNEL_FD((int) choose(KERNEL_OBJECTS));
        } else {
                c->kind = PIDFD_OPEN;
                do
                        c->whom = (int) choose(KERNEL_PROCESSES);
                while (!(existing >> c->whom & 1));
                c->fd = KERNEL_FD(KERNEL_PIDFD + c->whom);
        }
}

/* The programs of a round, and who is killed. */
static void choose_round(void) {
        unsigned runners = 0;
        int who, i;

        victim = -1;
        newborn = KERNEL_PROCESSES;
        do
                runners = alive & choose(1 << KERNEL_PROCESSES);
        while (!runners || (!(runners & (runners - 1)) && choose(4)));
        for (who = 0; who < KERNEL_PROCESSES; who++) {
                struct process *p = &shared->process[who];

                p->n = runners >> who & 1 ? 1 + (int) choose(CALLS) : 0;
                for (i = 0; i < p->n; i++)
                        choose_call(who, &p->call[i], i + 1 == p->n);
        }
        if (can_kill && choose(25) == 0 && alive & (alive - 1)) {
                do
                        victim = (int) choose(KERNEL_PROCESSES);
                while (!(alive >> victim & 1));
                for (who = choose(3) ? KERNEL_PROCESSES : 0; who < KERNEL_PROCESSES; who++)
                        shared->process[who].n = 0; /* nobody looks */
        } else if ((alive == 1 || choose(4) == 0) && !(existing >> (KERNEL_PROCESSES - 1)))
                for (who = 0, newborn = 0; existing >> newborn & 1; newborn++)
                        ;
        if (newborn == KERNEL_PROCESSES)
                return;
        while (!shared->process[who].n)
                who++;
        memset(&shared->process[who].call[0], 0, sizeof(struct call));
        shared->process[who].call[0].kind = FORK;
        shared->process[who].call[0].whom = newborn;
}

/* How a scenario opens: as a barrier does, or nearly so. */
static void choose_opening(int n) {
        static const struct call make[CALLS] = {
                { .kind = EVENTFD, .fd = KERNEL_FD(KERNEL_EVENTFD) },
                { .kind = EVENTFD, .fd = KERNEL_FD(KERNEL_EVENTFD + 1) },
                { .kind = PIPE2 },
        };
        static const struct call child[CALLS] = {
                { .kind = PIDFD_OPEN, .fd = KERNEL_FD(KERNEL_PIDFD), .whom = 0 },
                { .kind = FORK, .whom = 1 },
                { .kind = PIDFD_OPEN, .fd = KERNEL_FD(KERNEL_PIDFD + 1), .whom = 1 },
        };
        static const struct call role[] = {
                { .kind = CLOSE, .fd = KERNEL_FD(KERNEL_WRITE_END) },
                { .kind = CLOSE, .fd = KERNEL_FD(KERNEL_READ_END) },
        };
        struct process *p = shared->process;

        victim = -1;
        newborn = KERNEL_PROCESSES;
        p[0].n = p[1].n = 0;
        if (n == 0) {
                memcpy(p[0].call, make, sizeof make);
                p[0].n = CALLS;
        } else if (n == 1) {
                memcpy(p[0].call, child, sizeof child);
                p[0].n = has_pidfd ? CALLS : 2;
                if (!has_pidfd)
                        choose_call(0, &p[0].call[0], false);
                newborn = 1;
        } else {
                p[0].call[0] = role[0];
                p[1].call[0] = role[1];
                p[0].n = p[1].n = 1;
        }
}

static void print_call(const struct call *c, const struct answer *a) {
        static const char *const name[] = { "eventfd", "pipe2",   "pidfd_open", "fork",  "write",
                                            "read",    "preadv2", "fcntl",      "close", "poll" };
        int i;

        printf(" %s(", name[c->kind]);
        if (c->kind == WRITE)
                printf("%d, %" PRIu64, c->fd, c->value);
        else if (c->kind == POLL) {
                for (i = 0; i < KERNEL_POLLFDS; i++)
                        printf("%d/%x ", c->poll.fd[i], c->poll.events[i]);
                printf("%d ms%s", c->poll.msec, c->interrupted ? ", signal" : "");
        } else
                printf("%d", c->kind == PIDFD_OPEN || c->kind == FORK ? c->whom : c->fd);
        if (!a) {
                printf(") = ?");
                return;
        }
        printf(") = %d%s%s", a->ret, a->ret < 0 ? " " : "", a->ret < 0 ? strerror(-a->ret) : "");
        if (a->ret > 0 && (c->kind == READ || c->kind == PREADV2))
                printf(" %" PRIu64, a->value);
        if (a->ret > 0 && c->kind == POLL)
                printf(" %x %x %x", a->revents[0], a->revents[1], a->revents[2]);
}

static void disagree(const char *why) {
        int who, i;

        printf("model: %s\n", why);
        for (i = 0; i < n_before && i < 5; i++)
                printf("before: eventfds %" PRIu64 " %" PRIu64 ", open %x %x %x, dead %d %d %d\n",
                       before[i].counter[0], before[i].counter[1], before[i].open[0],
                       before[i].open[1], before[i].open[2], before[i].dead[0], before[i].dead[1],
                       before[i].dead[2]);
        for (who = 0; who < KERNEL_PROCESSES; who++) {
                const struct process *p = &shared->process[who];

                if (!p->n && who != victim)
                        continue;
                printf("process %d%s:", who, who == victim ? " (killed)" : "");
                for (i = 0; i < p->n; i++)
                        print_call(&p->call[i], i < done[who] ? &p->answer[i] : NULL);
                printf("\n");
        }
        for (who = 0; who < KERNEL_PROCESSES; who++)
                if (shared->process[who].pid > 0)
                        (void) kill(shared->process[who].pid, SIGKILL);
        exit(1);
}

static double now(void) {
        struct timespec ts;

        check(clock_gettime(CLOCK_MONOTONIC, &ts) == 0, "clock_gettime");
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static bool sleeps(int who) {
        const struct process *p = &shared->process[who];
        const struct call *c = &p->call[done[who]];

        return done[who] < p->n && c->kind == POLL && c->poll.msec < 0 && !c->interrupted;
}

/* All that are not done seem to sleep: sends a signal to those that may. */
static void wake_up(void) {
        int who, i;

        if (!explained())
                disagree("no order of kernel.h's steps gives these answers");
        for (who = 0; who < KERNEL_PROCESSES; who++) {
                if (who == victim || !sleeps(who))
                        continue;
                for (i = 0; i < n_possible; i++)
                        if (!wakes(&possible[i], who, &shared->process[who].call[done[who]].poll))
                                break;
                if (i == n_possible)
                        continue;
                signalled |= 1u << who;
                check(kill(shared->process[who].pid, SIGUSR1) == 0, "kill");
        }
}

static void wait_for_all(void) {
        struct pollfd pfd = { .fd = finished[0], .events = POLLIN };
        double began = now();
        int who, undone, asleep;
        char bytes[64];

        for (;;) {
                undone = asleep = 0;
                for (who = 0; who < KERNEL_PROCESSES; who++) {
                        done[who] = __atomic_load_n(&shared->process[who].done, __ATOMIC_SEQ_CST);
                        if (who == victim || done[who] == shared->process[who].n)
                                continue;
                        undone++;
                        asleep += sleeps(who);
                }
                if (!undone)
                        return;
                if (asleep == undone)
                        wake_up();
                if (now() - began > (double) PATIENCE)
                        disagree("a poll() sleeps that kernel.h wakes up");
                if (poll(&pfd, 1, 1) > 0)
                        check(read(finished[0], bytes, sizeof bytes) > 0, "read");
        }
}

static uint64_t calls, rounds, overlapping;

/* What has to happen, or nothing was checked. */
enum {
        FULL,
        INVALID,
        EMPTY,
        CLOSED,
        HUNG_UP,
        BROKEN,
        NO_FILE,
        DIED,
        INTERRUPTED,
        SLEPT,
        TIMED_OUT,
        KILLED,
        FACTS
};

static unsigned facts[FACTS];

static void count(const struct call *c, const struct answer *a) {
        int i;

        facts[FULL] += c->kind == WRITE && a->ret == -EAGAIN;
        facts[INVALID] += a->ret == -EINVAL;
        facts[EMPTY] += c->kind != WRITE && a->ret == -EAGAIN;
        facts[CLOSED] += a->ret == -EBADF;
        facts[INTERRUPTED] += a->ret == -EINTR;
        facts[SLEPT] += a->slept && a->ret > 0;
        facts[TIMED_OUT] += c->poll.msec > 0 && a->ret == 0;
        for (i = 0; i < KERNEL_POLLFDS; i++) {
                facts[HUNG_UP] += (a->revents[i] & POLLHUP) != 0;
                facts[BROKEN] += (a->revents[i] & POLLERR) != 0;
                facts[NO_FILE] += (a->revents[i] & POLLNVAL) != 0;
                facts[DIED] += (a->revents[i] & POLLIN) && c->poll.fd[i] >= KERNEL_FD(KERNEL_PIDFD);
        }
        calls++;
}

static void play_round(void) {
        siginfo_t info;
        char byte = 0;
        volatile int spin, delay;
        int who, i;

        shared->arrived = shared->runners = 0;
        signalled = 0;
        for (who = 0; who < KERNEL_PROCESSES; who++) {
                shared->process[who].done = 0;
                shared->runners += shared->process[who].n > 0;
        }
        for (who = 0; who < KERNEL_PROCESSES; who++)
                if (shared->process[who].n)
                        check(write(command[who][1], &byte, 1) == 1, "write");
        if (victim >= 0) {
                delay = (int) choose(1 << choose(16));
                for (spin = 0; spin < delay; spin++)
                        ;
                check(kill(shared->process[victim].pid, SIGKILL) == 0, "kill");
                check(waitid(P_PID, (id_t) shared->process[victim].pid, &info, WEXITED | WNOWAIT) ==
                              0,
                      "waitid");
                alive &= ~(1u << victim);
                facts[KILLED]++;
        }
        wait_for_all();
        if (!explained())
                disagree("no order of kernel.h's steps gives these answers");
        memcpy(before, possible, (size_t) n_possible * sizeof *possible);
        n_before = n_possible;
        if (newborn < KERNEL_PROCESSES) {
                existing |= 1u << newborn;
                alive |= 1u << newborn;
        }
        rounds++;
        overlapping += shared->runners > 1;
        for (who = 0; who < KERNEL_PROCESSES; who++)
                for (i = 0; i < done[who]; i++)
                        count(&shared->process[who].call[i], &shared->process[who].answer[i]);
}

/* New objects and processes, and some rounds with them. */
static void play(void) {
        int who, i, n;
        pid_t pid;

        memset(shared, 0, sizeof *shared);
        memset(&before[0], 0, sizeof before[0]);
        n_before = 1;
        pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0)
                serve(0);
        shared->process[0].pid = pid;
        existing = alive = 1;
        for (i = choose(4) ? 3 : 2, n = 0; n < i; n++) {
                choose_opening(n);
                play_round();
        }
        for (n = 4 + (int) choose(20); n > 0; n--) {
                choose_round();
                play_round();
        }
        for (who = 0; who < KERNEL_PROCESSES; who++)
                if (alive >> who & 1)
                        check(kill(shared->process[who].pid, SIGKILL) == 0, "kill");
        while (wait(NULL) > 0)
                ;
        for (who = 0; who < KERNEL_PROCESSES; who++) { /* what a victim did not hear any more */
                struct pollfd pfd = { .fd = command[who][0], .events = POLLIN };
                char byte;

                while (poll(&pfd, 1, 0) > 0)
                        check(read(command[who][0], &byte, 1) == 1, "read");
        }
}

static bool knows_nowait(void) {
        bool knows = false;
#ifdef RWF_NOWAIT
        struct call c = { .kind = PREADV2, .fd = eventfd(0, EFD_NONBLOCK) };
        uint64_t value;

        check(c.fd >= 0, "eventfd");
        knows = real_read(&c, &value) < 0 && errno == EAGAIN;
        check(close(c.fd) == 0, "close");
#endif
        return knows;
}

/* Only of a child can this process learn that it is dead. Not every kernel that takes CLONE_PARENT
 * heeds it. */
static bool siblings_are_children(void) {
        volatile pid_t *parent = &shared->process[1].pid;
        pid_t pid = fork();

        check(pid >= 0, "fork");
        if (pid == 0) {
                if (fork_sibling() == 0)
                        *parent = getppid();
                while (!*parent)
                        (void) sched_yield();
                _exit(0);
        }
        while (wait(NULL) > 0)
                ;
        return *parent == getpid();
}

static void set_up(void) {
        struct sigaction action = { .sa_handler = nothing };
        int who, i, fd;
        long slept;

        for (fd = KERNEL_FD(0); fd < OWN_FILES; fd++)
                (void) close(fd);
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        check(shared != MAP_FAILED, "mmap");
        check(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
        for (who = 0; who <= KERNEL_PROCESSES; who++) {
                int ends[2], *keep = who < KERNEL_PROCESSES ? command[who] : finished;

                check(pipe(ends) == 0, "pipe");
                for (i = 0; i < 2; i++) {
                        keep[i] = fcntl(ends[i], F_DUPFD, OWN_FILES);
                        check(keep[i] >= 0 && close(ends[i]) == 0, "fcntl");
                }
        }
        fd = eventfd(0, 0);
        never = fcntl(fd, F_DUPFD, OWN_FILES);
        check(never >= 0 && close(fd) == 0, "eventfd");

        slept = sleeps_so_far();
        (void) poll(NULL, 0, 1);
        counts_sleep = sleeps_so_far() > slept;
        if (!counts_sleep)
                printf("model: SKIPPED: the kernel does not count sleeps here\n");
        can_kill = siblings_are_children();
        if (!can_kill)
                printf("model: SKIPPED: nobody is killed: no CLONE_PARENT here\n");
        has_preadv2 = knows_nowait();
        if (!has_preadv2)
                printf("model: SKIPPED: no RWF_NOWAIT for eventfds here\n");
        fd = (int) syscall(SYS_pidfd_open, getpid(), 0);
        has_pidfd = fd >= 0;
        if (!has_pidfd)
                printf("model: SKIPPED: no pidfd_open() here\n");
        else
                check(close(fd) == 0, "close");
}

int main(int argc, char **argv) {
        static const char *const fact[FACTS] = {
                "a full eventfd",
                "an invalid value",
                "an empty eventfd",
                "a closed number",
                "a hang-up",
                "a write end without readers",
                "POLLNVAL",
                "the death of a process",
                "a signal",
                "a wake-up",
                "a poll that ran out of time",
                "a kill",
        };
        uint64_t n = 15000, seed = 1;
        double began = now();
        int i;

        parse_arguments(argc, argv, "model [ROUNDS", &n, &seed);
        check(setvbuf(stdout, NULL, _IOLBF, 0) == 0, "stdout");
        set_up();
        random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
        while (rounds < n)
                play();
        for (i = 0; i < FACTS; i++)
                if (!facts[i] && (i != SLEPT || counts_sleep) &&
                    (i != DIED || (has_pidfd && can_kill)) && (i != KILLED || can_kill)) {
                        printf("model: there never was %s\n", fact[i]);
                        return 2;
                }
        printf("model: %" PRIu64 " answers agree, in %" PRIu64 " rounds, %" PRIu64
               " of them of more than one process; %u woke up, %u hung up, %u killed; %.0f s\n",
               calls, rounds, overlapping, facts[SLEPT], facts[HUNG_UP] + facts[BROKEN],
               facts[KILLED], now() - began);
        return 0;
}
