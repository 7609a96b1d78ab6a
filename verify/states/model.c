/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * model - asks the kernel on which it runs whether it does what kernel.h says
 *
 *      model [CALLS [SEED]]
 *
 * Exit status 0: every answer agrees; 1: one does not, and what led to it is printed, or something
 * that this program needs failed; 2: not all was met that has to be, or the arguments are no numbers
 * from 1.
 *
 * HOW TO READ THIS FILE
 *
 * Three processes have the objects of kernel.h, under the numbers that it gives them. One after the
 * other makes a call chosen at random (serve()), and a struct kernel makes the same; both have to
 * give the same answer. A poll() that finds nothing sleeps on while others go on. After each call
 * of theirs kernel.h says whether it wakes up: then its answer is waited for, and else there must
 * be none. Now and then a process is killed, or one that sleeps gets a signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <fcntl.h>
#include <inttypes.h>
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
#include <unistd.h>

#include "../common.h"
#include "kernel.h"

enum {
        PROCESSES = KERNEL_PROCESSES,
        STEPS = 200,   /* with the same objects, at most */
        PATIENCE = 60, /* seconds until a call that has to return counts as lost */

        WAIT = 0, /* of futex() */
        WAKE = 1,
};

enum kind { WRITE, READ, PREADV2, FCNTL, CLOSE, PIDFD_OPEN, POLL };

struct call {
        enum kind kind;
        int fd, whom;
        struct kernel_poll poll; /* and what it reported */
        bool interrupted;        /* poll: a signal is there before it begins */
        int ret;                 /* with a negative errno in the place of -1 */
        uint64_t value;          /* written, or read */
        bool slept;
};

/* What the processes share. */
static struct process {
        pid_t pid;
        int calls; /* it is in a call: not 0 */
        struct call call;
} * process;

static struct kernel k;
static bool has_preadv2, has_pidfd, counts_sleep;

/* ---- the processes --------------------------------------------------------------------------- */

static volatile sig_atomic_t late;

static void signalled(int sig) {
        if (sig != SIGALRM)
                return;
        late = 1;
        (void) alarm(1);
}

static void disagree(const struct call *c, int expected, const char *why) __attribute__((noreturn));

static bool is_in_call(const struct process *p) {
        return __atomic_load_n(&p->calls, __ATOMIC_SEQ_CST);
}

static void set_in_call(struct process *p, int calls) {
        __atomic_store_n(&p->calls, calls, __ATOMIC_SEQ_CST);
        (void) syscall(SYS_futex, &p->calls, WAKE, 1, NULL, NULL, 0);
}

static void wait_for(struct process *p, int calls) {
        while (is_in_call(p) != calls) {
                if (late)
                        disagree(&p->call, 0, "it does not return");
                (void) syscall(SYS_futex, &p->calls, WAIT, !calls, NULL, NULL, 0);
        }
}

/* Gives a new descriptor the number that it has in kernel.h. */
static int move(int from, int to) {
        if (from < 0 || from == to)
                return from;
        to = dup3(from, to, O_CLOEXEC);
        (void) close(from);
        return to;
}

static int real_preadv2(struct call *c) {
#ifdef RWF_NOWAIT
        struct iovec iov = { .iov_base = &c->value, .iov_len = sizeof c->value };

        return (int) preadv2(c->fd, &iov, 1, -1, RWF_NOWAIT);
#else
        c->ret = -1; /* what it is then, in any case */
        errno = ENOSYS;
        return -1;
#endif
}

static long sleeps_so_far(void) {
        struct rusage usage;

        return getrusage(RUSAGE_SELF, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

static int real_poll(struct call *c) {
        const struct timespec time = { .tv_nsec = c->poll.msec * 1000000L };
        struct pollfd fds[KERNEL_POLLFDS];
        long slept = sleeps_so_far();
        sigset_t usr1, none;
        int i, ret;

        for (i = 0; i < KERNEL_POLLFDS; i++)
                fds[i] = (struct pollfd){ .fd = c->poll.fd[i], .events = c->poll.events[i] };
        (void) sigemptyset(&none);
        (void) sigemptyset(&usr1);
        (void) sigaddset(&usr1, SIGUSR1);
        if (c->interrupted) {
                (void) sigprocmask(SIG_BLOCK, &usr1, NULL);
                (void) kill(getpid(), SIGUSR1);
        }
        ret = ppoll(fds, KERNEL_POLLFDS, c->poll.msec < 0 ? NULL : &time, &none);
        ret = ret < 0 ? -errno : ret;
        (void) sigprocmask(SIG_UNBLOCK, &usr1, NULL);
        c->slept = sleeps_so_far() > slept;
        for (i = 0; ret >= 0 && i < KERNEL_POLLFDS; i++)
                c->poll.revents[i] = (uint8_t) fds[i].revents;
        return ret;
}

static int real_call(struct call *c) {
        int ret;

        switch (c->kind) {
        case WRITE:
                ret = (int) write(c->fd, &c->value, sizeof c->value);
                break;
        case READ:
                ret = (int) read(c->fd, &c->value, sizeof c->value);
                break;
        case PREADV2:
                ret = real_preadv2(c);
                break;
        case FCNTL:
                ret = fcntl(c->fd, F_SETFL, O_RDWR | O_NONBLOCK);
                break;
        case CLOSE:
                ret = close(c->fd);
                break;
        case PIDFD_OPEN:
                ret = move((int) syscall(SYS_pidfd_open, process[c->whom].pid, 0), c->fd);
                break;
        default:
                return real_poll(c);
        }
        return ret < 0 ? -errno : ret;
}

__attribute__((noreturn)) static void serve(struct process *p) {
        for (;;) {
                wait_for(p, 1);
                p->call.ret = real_call(&p->call);
                set_in_call(p, 0);
        }
}

/* ---- what kernel.h says ---------------------------------------------------------------------- */

/* All looks of a poll(), without sleep. */
static int all_looks(int who, struct kernel_poll *p) {
        int ret;

        do
                ret = kernel_poll(&k, who, p);
        while (ret == -EAGAIN && !p->asleep);
        return ret;
}

/* -EAGAIN of a poll(): it sleeps. */
static int model_call(int who, struct call *c) {
        switch (c->kind) {
        case WRITE:
                return kernel_write(&k, who, c->fd, c->value);
        case READ:
        case PREADV2:
                return kernel_read(&k, who, c->fd, &c->value);
        case FCNTL:
                return kernel_fcntl(&k, who, c->fd);
        case CLOSE:
                return kernel_close(&k, who, c->fd);
        case PIDFD_OPEN:
                return kernel_pidfd_open(&k, who, c->whom);
        default:
                return all_looks(who, &c->poll);
        }
}

/* ---- what is expected ------------------------------------------------------------------------ */

/* What has to happen, or nothing was checked: this answer to a call, or this reported of such a
 * number or one above. */
static struct fact {
        const char *what;
        enum kind kind;
        int ret, revents, fd;
        unsigned times;
} facts[] = {
        { "a full eventfd", WRITE, .ret = -EAGAIN },
        { "an invalid value", WRITE, .ret = -EINVAL },
        { "an empty eventfd", READ, .ret = -EAGAIN },
        { "a closed number", CLOSE, .ret = -EBADF },
        { "a signal", POLL, .ret = -EINTR },
        { "a poll() that ran out of time", POLL, .ret = 0 },
        { "a hang-up", POLL, .revents = POLLHUP },
        { "a write end without readers", POLL, .revents = POLLERR },
        { "POLLNVAL", POLL, .revents = POLLNVAL },
        { "the death of a process", POLL, .revents = POLLIN, .fd = KERNEL_FD(KERNEL_PIDFD) },
};
static unsigned calls, wake_ups, kills;

static void count(const struct call *c) {
        struct fact *f;
        bool reported;
        size_t i, n;

        for (i = 0; i < sizeof facts / sizeof *facts; i++) {
                f = &facts[i];
                reported = false;
                for (n = 0; n < KERNEL_POLLFDS; n++)
                        reported |= c->poll.revents[n] & f->revents && c->poll.fd[n] >= f->fd;
                f->times += c->kind == f->kind && (f->revents ? reported : c->ret == f->ret);
        }
        calls++;
        wake_ups += c->slept && c->ret > 0;
}

static void disagree(const struct call *c, int expected, const char *why) {
        static const char *const name[] = { "write", "read",       "preadv2", "fcntl",
                                            "close", "pidfd_open", "poll" };
        int i;

        printf("model: %s(%d, %" PRIu64 ") returned %d, kernel.h says %d: %s\n", name[c->kind],
               c->fd, c->value, c->ret, expected, why);
        for (i = 0; c->kind == POLL && i < KERNEL_POLLFDS; i++)
                printf("  %d: asked for 0x%x, reported 0x%x\n", c->poll.fd[i], c->poll.events[i],
                       c->poll.revents[i]);
        printf("eventfds: %" PRIu64 " %" PRIu64 "\n", k.counter[0], k.counter[1]);
        for (i = 0; i < PROCESSES; i++) {
                printf("process %d: open 0x%x%s%s\n", i, k.open[i], k.dead[i] ? ", dead" : "",
                       c == &process[i].call ? ", made this call" : "");
                (void) kill(process[i].pid, SIGKILL);
        }
        exit(1);
}

/* The call of this process is over, and is compared with this. While somebody dies, the pipe may be
 * closed when a pidfd is not ready yet: then it has not all of it. */
static void expect(int who, const struct call *want, int ret, bool not_all) {
        struct process *p = &process[who];
        struct call *c = &p->call;
        bool same;
        int i;

        wait_for(p, 0);
        same = (c->ret == ret || (not_all && c->ret > 0)) && (ret < 0 || c->value == want->value);
        for (i = 0; ret >= 0 && i < KERNEL_POLLFDS; i++)
                same &= c->poll.revents[i] == want->poll.revents[i] ||
                        (not_all && !c->poll.revents[i]);
        if (!same)
                disagree(c, ret, "another answer");
        count(c);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct call sleeping[PROCESSES]; /* what its poll() is to kernel.h; its kind is 0 if none */

static uint64_t random_state;

static unsigned choose(unsigned n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) (random_state >> 33) % n;
}

/* As a barrier does: the other's eventfd, this side's pipe end and a watch; or anything. */
static void choose_poll(int who, struct call *c) {
        static const uint8_t events[] = { POLLIN, POLLIN, POLLIN, 0, POLLIN | POLLOUT, POLLOUT };
        const unsigned usual = choose(2), first = choose(KERNEL_POLLFDS);
        unsigned i, object;

        c->kind = POLL;
        for (i = 0; i < KERNEL_POLLFDS; i++) {
                object = usual ? (i + first) % 3 * 2 + choose(2) : choose(KERNEL_OBJECTS);
                c->poll.fd[i] = -1;
                if (k.open[who] >> object & 1 || choose(8) == 0)
                        c->poll.fd[i] = (int8_t) KERNEL_FD(object);
                if (object != KERNEL_WRITE_END || choose(8) == 0)
                        c->poll.events[i] = events[choose(choose(8) ? 4 : 6)];
        }
        c->poll.msec = choose(3) ? -1 : choose(20) ? 0 : 1;
        c->interrupted = choose(6) == 0;
}

static struct call choose_call(int who) {
        static const uint64_t words[] = {
                1, 2, 0, UINT64_C(1) << 63, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX,
        };
        const unsigned dice = choose(100);
        struct call c = { .fd = KERNEL_FD(KERNEL_EVENTFD + (int) choose(2)) };

        if (dice < 35)
                choose_poll(who, &c);
        else if (dice < 60) {
                c.kind = WRITE;
                c.value = choose(2) ? 1 : words[choose(sizeof words / sizeof *words)];
        } else if (dice < 85)
                c.kind = has_preadv2 && choose(2) ? PREADV2 : READ;
        else if (dice < 88)
                c.kind = FCNTL;
        else if (dice < 94 || !has_pidfd) {
                c.kind = CLOSE;
                c.fd = KERNEL_FD((int) choose(KERNEL_OBJECTS));
        } else {
                c.kind = PIDFD_OPEN;
                c.whom = (int) choose(PROCESSES);
                c.fd = KERNEL_FD(KERNEL_PIDFD + c.whom);
        }
        return c;
}

static void make_call(int who, struct call c) {
        int ret;

        process[who].call = c;
        set_in_call(&process[who], 1);
        ret = model_call(who, &c);
        if (c.kind == POLL && ret == 0 && c.interrupted)
                c.poll.asleep = true;
        if (!c.poll.asleep)
                expect(who, &c, ret, false);
        else if (c.interrupted) /* what is ready goes before a signal; time that is up need not */
                expect(who, &c, -EINTR, false);
        else if (c.poll.msec > 0)
                expect(who, &c, 0, false);
        else
                sleeping[who] = c;
}

/* Those that sleep wake up, or do not. */
static void wake_up(bool somebody_died) {
        struct call *c;
        int who;

        for (who = 0; who < PROCESSES; who++) {
                c = &sleeping[who];
                if (c->kind != POLL)
                        continue;
                if (kernel_wakes(&k, who, &c->poll))
                        expect(who, c, all_looks(who, &c->poll), somebody_died);
                else if (!is_in_call(&process[who]))
                        disagree(&process[who].call, -EAGAIN, "it does not sleep");
                else
                        continue;
                c->kind = 0;
        }
}

static void kill_it(int who) {
        siginfo_t info;

        need(kill(process[who].pid, SIGKILL) == 0, "kill");
        need(waitid(P_PID, (id_t) process[who].pid, &info, WEXITED | WNOWAIT) == 0, "waitid");
        kernel_kill(&k, who);
        sleeping[who].kind = 0;
        kills++;
}

/* A signal that comes before the process sleeps is too early, so it is sent again. */
static void interrupt(int who) {
        while (is_in_call(&process[who]) && !late)
                need(kill(process[who].pid, SIGUSR1) == 0, "kill");
        expect(who, &sleeping[who], -EINTR, false);
        sleeping[who].kind = 0;
}

static void step(void) {
        const int who = (int) choose(PROCESSES);
        const bool kills_it = choose(120) == 0;

        if (k.dead[who])
                return;
        (void) alarm(PATIENCE);
        if (kills_it)
                kill_it(who);
        else if (sleeping[who].kind != POLL)
                make_call(who, choose_call(who));
        else if (choose(8) == 0)
                interrupt(who);
        wake_up(kills_it);
}

/* New objects and processes, which take roles as the sides of a barrier do. */
static void play(void) {
        int fd[2], number[2], who, i;
        pid_t pid;

        memset(process, 0, PROCESSES * sizeof *process);
        memset(sleeping, 0, sizeof sleeping);
        memset(&k, 0, sizeof k);
        for (i = 0; i < 2; i++)
                need(move(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), kernel_eventfd(&k, 0)) >= 0,
                     "eventfd");
        need(kernel_pipe2(&k, 0, number) == 0 && pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0 &&
                     move(fd[1], number[1]) >= 0 && move(fd[0], number[0]) >= 0,
             "pipe2");
        for (who = 0; who < PROCESSES; who++) {
                if (who > 0)
                        kernel_fork(&k, 0, who);
                pid = fork();
                need(pid >= 0, "fork");
                if (pid == 0)
                        serve(&process[who]);
                process[who].pid = pid;
        }
        for (i = 0; i < KERNEL_PIDFD; i++)
                need(close(KERNEL_FD(i)) == 0, "close");
        make_call(0, (struct call){ .kind = CLOSE, .fd = number[1] });
        make_call(1, (struct call){ .kind = CLOSE, .fd = number[0] });
        if (choose(2))
                kill_it(2);
        for (i = 0; i < STEPS; i++)
                step();
        for (who = 0; who < PROCESSES; who++)
                need(kill(process[who].pid, SIGKILL) == 0, "kill");
        while (wait(NULL) > 0)
                ;
}

static void set_up(void) {
        const struct sigaction action = { .sa_handler = signalled };
        struct call empty = { .kind = PREADV2 };
        long slept;
        int fd;

        for (fd = KERNEL_FD(0); fd < MAPPED; fd++)
                (void) close(fd);
        process = mmap(NULL, PROCESSES * sizeof *process, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        need(process != MAP_FAILED, "mmap");
        need(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
        need(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");

        slept = sleeps_so_far();
        (void) poll(NULL, 0, 1);
        counts_sleep = sleeps_so_far() > slept;
        if (!counts_sleep)
                printf("model: SKIPPED: the kernel does not count sleeps here\n");
        empty.fd = eventfd(0, EFD_NONBLOCK);
        has_preadv2 = real_preadv2(&empty) < 0 && errno == EAGAIN;
        if (!has_preadv2)
                printf("model: SKIPPED: no RWF_NOWAIT for eventfds here\n");
        need(close(empty.fd) == 0, "eventfd");
        fd = (int) syscall(SYS_pidfd_open, getpid(), 0);
        has_pidfd = fd >= 0 && close(fd) == 0;
        if (!has_pidfd)
                printf("model: SKIPPED: no pidfd_open() here\n");
}

int main(int argc, char **argv) {
        uint64_t n = 40000, seed = 1;
        const struct fact *f = facts;

        parse_arguments(argc, argv, "model [CALLS", &n, &seed);
        need(setvbuf(stdout, NULL, _IOLBF, 0) == 0, "stdout");
        set_up();
        random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
        while (calls < n)
                play();
        for (; f < facts + sizeof facts / sizeof *facts; f++)
                if (!f->times && (!f->fd || has_pidfd)) {
                        printf("model: there never was %s\n", f->what);
                        return 2;
                }
        if (!wake_ups && counts_sleep) {
                printf("model: nobody ever woke up\n");
                return 2;
        }
        printf("model: %u answers agree; %u woke up, %u were killed\n", calls, wake_ups, kills);
        return 0;
}
