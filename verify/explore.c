/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * explore - runs barrier.c in every interleaving of its two sides, and asks a model each time
 *
 *      explore             all of it, about a minute on two cores
 *      explore --short     the same questions about shorter programs, a few seconds
 *
 * Exit status 0: no violation; 1: a violation, the shortest schedule that shows it is printed; 2:
 * the explorer itself failed.
 *
 * HOW TO READ THIS FILE
 *
 * barrier.c is included below as it stands, with its system calls turned into questions to a small
 * kernel. Two programs, one a side, are short sequences of public calls. Each system call is one
 * step, and so is each descriptor that a poll() looks at, because poll() is not atomic. explore()
 * takes every step that is possible, one after the other, depth first.
 *
 * A side has to stop in the middle of a public call and go on later, many times over, from the same
 * place. No second stack is needed for that: barrier.c keeps nothing but its struct and locals, so
 * what it does next follows from the struct at the start of the call and the answers so far. To go
 * on is to call the function again, with the struct as it was and the recorded answers (advance()).
 * To go back is to copy `now`, the state of everything.
 *
 * The reduction is the classic one of sleep sets: of two schedules that differ only in the order of
 * neighbouring steps that can not matter to each other, one is enough. Steps matter to each other
 * if one changes what the other side can see and the other belongs to a wait or looks at anything.
 * That is wider than which kernel object they touch: the model also depends on when a wait begins
 * and ends. The first pass of each run explores everything twice, reduced and not, and compares.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- barrier.c, with its system calls redirected --------------------------------------------- */

static int sim_eventfd(void);
static int sim_pipe2(int fd[2]);
static int sim_fcntl(int fd, int cmd, ...);
static int sim_close(int fd);
static int sim_poll(struct pollfd *fds, int n, int msec);
static int sim_clock(struct timespec *ts);
static int sim_unexpected(void);
static ssize_t sim_write(int fd, const void *p, size_t size);
static ssize_t sim_read(int kind, int fd, void *p, size_t size);

static uint8_t explore_tries;

#define BARRIER_API                       static
#define BARRIER_TRIES                     explore_tries
#define eventfd(initial, flags)           sim_eventfd()
#define pipe2(fd, flags)                  sim_pipe2(fd)
#define fcntl(fd, ...)                    sim_fcntl(fd, __VA_ARGS__)
#define close(fd)                         sim_close(fd)
#define poll(fds, n, msec)                sim_poll(fds, n, msec)
#define clock_gettime(clock, ts)          sim_clock(ts)
#define sched_getaffinity(pid, size, set) (memset(set, 0, size), -1) /* not known */
#define open(path, flags)                 sim_unexpected()
#define fstat(fd, st)                     sim_unexpected()
#define write(fd, p, size)                sim_write(fd, p, size)
#define read(fd, p, size)                 sim_read(READ, fd, p, size)
#define preadv2(fd, iov, n, offset, flag) sim_read(PREADV2, fd, (iov)->iov_base, (iov)->iov_len)

enum { LOCAL, WRITE, READ, PREADV2, POLL, CLOSE, CLOCK, CHOOSE, FINISHED, DEAD };

#include "../barrier.c"

#undef eventfd
#undef pipe2
#undef fcntl
#undef close
#undef poll
#undef clock_gettime
#undef sched_getaffinity
#undef open
#undef fstat
#undef write
#undef read
#undef preadv2

/* ---- programs, passes, state ----------------------------------------------------------------- */

enum { PARENT, CHILD, SIDES };

static const char *const side_name[] = { "parent", "child" };

enum { PLACE, WAIT_NEXT, SYNC_NEXT, SYNC, ABORT, WAIT_ABORTION, LEAVE, OPS };

static const char *const op_name[] = { "place", "wait_next",     "sync_next", "sync",
                                       "abort", "wait_abortion", "leave" };

enum {
        LENGTH_MAX = 4, /* operations of a program */
        STEPS_MAX = 1000,
        CODE = ENOENT,    /* what the child's abort says; the parent's says nothing */
        UNTOUCHED = 9999, /* errno before a public call */
};

/* What can happen to a side next. */
enum { GO, EINTR_HITS, KILLED, TIME_OUT, CHOICES };

struct pass {
        int length;           /* of the longest programs */
        const char *name;     /* what else distinguishes it, for people */
        int tries;            /* BARRIER_TRIES */
        int timeout;          /* of all waits */
        bool eintr, kill;     /* each once a side, anywhere */
        bool watch;           /* someone holds copies of the pipe, and both sides have a watch */
        bool no_preadv2;      /* the kernel does not have it */
        bool check_reduction; /* explore everything unreduced too, and compare the outcomes */
};

static const struct pass *pass;

/* The kernel's objects. A descriptor is 3 plus the object, the same in both processes. */
enum { EVENTFD, PIPE_END = 2, PIDFD = 4, OBJECTS = 6 };

#define FD(object)  ((object) + 3)
#define BIT(number) (1u << (number))

struct call {
        uint8_t kind;
        int8_t fd[BARRIER_POLLFDS];
        short events[BARRIER_POLLFDS], revents[BARRIER_POLLFDS];
        int ret, err, msec;
        uint64_t value;
};

/* What the model knows of a side: what it did, what it learnt, and what its wait may return. */
enum { REACHED, WORD, CANCELED, LEFT, NOTHING, VERDICTS };

struct model {
        int placed, code;
        bool aborted, left;

        uint8_t noticed; /* bit n: it may have taken notice of n barriers */
        bool i_aborted, they_aborted, they_exited;
        int error;

        uint8_t may[VERDICTS]; /* of the wait that has begun: `noticed` after each verdict */
};

struct side {
        uint8_t op[LENGTH_MAX]; /* its program, as far as it is chosen */
        int n, pc;
        Barrier b;        /* as the current operation found it */
        int first, steps; /* its calls in trail[], where it begins and now */
        struct call next; /* the call it is in, or why there is none */
        int look;         /* which descriptor its poll() looks at next */
        bool asleep, begun, timed_out, was_interrupted;
        int calls, writes; /* of the current operation; calls since anything changed */
        int clock;         /* ms */
        unsigned open;     /* its descriptors, a bit for each object */
        struct model model;
};

/* What was called, and what came of it. */
struct outcome {
        uint64_t bytes; /* one for each operation */
        uint32_t ops;   /* four bits for each */
};

static struct state {
        struct side side[SIDES];
        uint64_t counter[SIDES]; /* of the eventfds */
        int n_eventfds;
        struct outcome outcome;
} now;

/* Only grow on the way down, so they need no copying. */
static struct call trail[SIDES][STEPS_MAX];
static struct line {
        int who, choice, pc, look;
        struct call call;
        bool returned, result;
        int err;
} schedule[STEPS_MAX];
static int depth;

static char wrong[400]; /* the violation, or "" */

static void die(const char *why) {
        fprintf(stderr, "explore: %s\n", why);
        _exit(2);
}

__attribute__((format(printf, 1, 2))) static void violation(const char *format, ...) {
        va_list ap;

        if (*wrong)
                return;
        va_start(ap, format);
        (void) vsnprintf(wrong, sizeof wrong, format, ap);
        va_end(ap);
}

static bool is_wait(int op) {
        return op != PLACE && op != ABORT && op != LEAVE;
}

/* ---- the model: what barrier.h promises, and nothing about how ------------------------------- */

/* What a wait returns that takes effect at this instant, if it had taken notice of `noticed`. */
static int model_verdict(int who, int op, int noticed) {
        const struct model *mine = &now.side[who].model, *theirs = &now.side[!who].model;

        if (theirs->aborted) /* supersedes everything */
                return WORD;
        if (op != WAIT_ABORTION) {
                if (mine->i_aborted)
                        return CANCELED;
                if ((op != WAIT_NEXT && theirs->placed >= mine->placed) ||
                    (op != SYNC && theirs->placed > noticed))
                        return REACHED;
        }
        return theirs->left ? LEFT : NOTHING; /* leaving queues behind what was placed */
}

/* A wait takes effect at one instant between its first and its last system call. This is one. */
static void model_instant(int who, int op) {
        struct model *m = &now.side[who].model;
        int n, after, verdict, arrived = now.side[!who].model.placed;

        for (n = 0; n <= LENGTH_MAX; n++) {
                if (!(m->noticed & BIT(n)))
                        continue;
                verdict = model_verdict(who, op, n);
                /* It takes notice if it is true; one for linked barriers of linked ones alone. */
                after = op != WAIT_NEXT && arrived > m->placed ? m->placed : arrived;
                after = verdict == REACHED && after > n ? after : n;
                m->may[verdict] |= (uint8_t) BIT(after);
        }
}

static bool model_agrees(const struct model *m, const Barrier *b, bool want, int want_err,
                         bool result, int err) {
        return result == want && (want || err == want_err) && barrier_error(b) == m->error &&
               barrier_i_aborted(b) == m->i_aborted && barrier_they_aborted(b) == m->they_aborted &&
               barrier_they_exited(b) == m->they_exited &&
               barrier_we_aborted(b) == (m->i_aborted && m->they_aborted) &&
               barrier_is_aborted(b) == (m->i_aborted || m->they_aborted);
}

/* May the wait return this? Then it becomes what the side knows. */
static bool model_wait(int who, int op, const Barrier *b, bool result, int err) {
        const struct side *s = &now.side[who];
        int v, code = now.side[!who].model.code;
        struct model m, agreed = s->model;
        bool want;

        agreed.noticed = 0;
        for (v = 0; v < VERDICTS; v++) {
                if (!s->model.may[v] || (v == NOTHING && pass->timeout && !s->timed_out))
                        continue;
                m = s->model;
                if ((v == WORD || v == LEFT) && !m.they_aborted) { /* the first ending stays */
                        m.they_aborted = true;
                        m.they_exited = v == LEFT;
                        m.error = v == LEFT ? ECONNRESET : code ? code : ECONNABORTED;
                }
                want = op == WAIT_ABORTION ? v != NOTHING && !m.i_aborted : v == REACHED;
                if (!model_agrees(&m, b, want, v == NOTHING ? ETIMEDOUT : m.error, result, err))
                        continue;
                m.noticed = m.may[v] | agreed.noticed;
                agreed = m;
        }
        now.side[who].model = agreed;
        return agreed.noticed;
}

/* May the operation return this, having written this often? */
static bool model_returns(int who, int op, const Barrier *b, bool result, int err, int writes) {
        struct model *m = &now.side[who].model;
        const Barrier null = BARRIER_NULL;
        bool want = false;

        if (op == PLACE)
                want = !m->error;
        else if (op == ABORT) {
                want = !m->i_aborted;
                m->i_aborted = true;
                m->error = m->error ? m->error : ECANCELED;
        }
        if (writes != want)
                return false;
        if (op == LEAVE)
                return memcmp(b, &null, sizeof null) == 0 && err == UNTOUCHED &&
                       !(now.side[who].open & (BIT(PIDFD) - 1));
        if (is_wait(op))
                return model_wait(who, op, b, result, err);
        return model_agrees(m, b, op == PLACE ? want : !m->they_aborted, m->error, result, err);
}

/* Nothing more will happen by itself: may it sleep? */
static bool model_sleeps(int who, int op) {
        struct model *m = &now.side[who].model;

        memset(m->may, 0, sizeof m->may);
        model_instant(who, op);
        return m->may[NOTHING] && pass->timeout;
}
/* ---- the model ends here --------------------------------------------------------------------- */

/* ---- the kernel ------------------------------------------------------------------------------ */

static int active; /* the side whose code runs */
static int cursor; /* its next answer in trail[] */
static jmp_buf stopped;
static bool starting; /* nothing is a step yet */

static int sim_eventfd(void) {
        int object = EVENTFD + now.n_eventfds++;

        now.side[active].open |= BIT(object);
        return FD(object);
}

static int sim_pipe2(int fd[2]) {
        now.side[active].open |= BIT(PIPE_END + PARENT) | BIT(PIPE_END + CHILD);
        fd[0] = FD(PIPE_END + PARENT);
        fd[1] = FD(PIPE_END + CHILD);
        return 0;
}

static int object_of(int who, int fd) {
        int object = fd - FD(0);

        return object >= 0 && object < OBJECTS && now.side[who].open & BIT(object) ? object : -1;
}

static int sim_fcntl(int fd, int cmd, ...) {
        (void) cmd;
        errno = EBADF;
        return object_of(active, fd) < 0 ? -1 : 0;
}

static int sim_unexpected(void) {
        die("barrier.c made a system call that the explorer does not know");
        return -1;
}

/* The answer to a call, if it was made before; otherwise it is the next step. */
static const struct call *sim_ask(const struct call *c) {
        struct side *s = &now.side[active];
        const struct call *t = &trail[active][cursor];

        if (cursor == s->steps) {
                s->next = *c;
                s->look = 0;
                longjmp(stopped, 1);
        }
        if (t->kind != c->kind || t->fd[0] != c->fd[0] ||
            (c->kind == WRITE && t->value != c->value))
                die("barrier.c depends on something else than its struct and its system calls");
        cursor++;
        if (t->ret < 0)
                errno = t->err;
        return t;
}

static int sim_close(int fd) {
        struct call c = { .kind = CLOSE, .fd = { (int8_t) fd } };

        if (starting) {
                now.side[active].open &= ~BIT(object_of(active, fd));
                return 0;
        }
        return sim_ask(&c)->ret;
}

static ssize_t sim_write(int fd, const void *p, size_t size) {
        struct call c = { .kind = WRITE, .fd = { (int8_t) fd } };

        if (size != sizeof c.value)
                violation("wrote %zu bytes", size);
        memcpy(&c.value, p, sizeof c.value);
        return sim_ask(&c)->ret;
}

static ssize_t sim_read(int kind, int fd, void *p, size_t size) {
        struct call c = { .kind = (uint8_t) kind, .fd = { (int8_t) fd } };
        const struct call *t = sim_ask(&c);

        if (size != sizeof t->value)
                violation("read %zu bytes", size);
        if (t->ret > 0)
                memcpy(p, &t->value, sizeof t->value);
        return t->ret;
}

static int sim_poll(struct pollfd *fds, int n, int msec) {
        struct call c = { .kind = POLL, .msec = msec };
        const struct call *t;
        int i;

        for (i = 0; i < BARRIER_POLLFDS; i++) {
                c.fd[i] = (int8_t) (i < n ? fds[i].fd : -1);
                c.events[i] = i < n ? fds[i].events : 0;
        }
        t = sim_ask(&c);
        for (i = 0; i < n && i < BARRIER_POLLFDS; i++)
                fds[i].revents = t->revents[i];
        return t->ret;
}

static int sim_clock(struct timespec *ts) {
        struct call c = { .kind = CLOCK };
        const struct call *t = sim_ask(&c);

        ts->tv_sec = 0;
        ts->tv_nsec = t->ret * 1000000L;
        return 0;
}

/* Whether the last copy of this side's pipe end is closed. */
static bool hung_up(int who) {
        return !((now.side[PARENT].open | now.side[CHILD].open) & BIT(PIPE_END + who)) &&
               !pass->watch;
}

/* What poll() sees when it looks at this descriptor. */
static short look(int who, int fd, short events) {
        int object = object_of(who, fd);

        if (fd < 0)
                return 0;
        if (object < 0)
                return POLLNVAL;
        if (object < PIPE_END)
                return now.counter[object] ? events & POLLIN : 0;
        if (object < PIDFD)
                return (short) (!hung_up(!(object - PIPE_END)) ? 0
                                : object == PIPE_END + PARENT  ? POLLHUP
                                                               : POLLERR);
        return now.side[object - PIDFD].next.kind == DEAD ? events & POLLIN : 0;
}

static bool wakes(int who) {
        const struct call *c = &now.side[who].next;
        int i;

        for (i = 0; i < BARRIER_POLLFDS; i++)
                if (look(who, c->fd[i], c->events[i]))
                        return true;
        return false;
}

/* This side did something that the other can see. */
static void changed(int who) {
        struct side *s = &now.side[who], *other = &now.side[!who];

        s->model.left = pass->watch ? s->next.kind == DEAD : !(s->open & BIT(PIPE_END + who));
        other->calls = 0;
        if (other->begun && is_wait(other->op[other->pc]))
                model_instant(!who, other->op[other->pc]);
}

static void kernel_write(int who, struct call *c) {
        struct side *s = &now.side[who];
        int object = object_of(who, c->fd[0]);

        if (object < 0 || object >= PIPE_END) {
                violation("wrote to something else than an eventfd");
                return;
        }
        s->writes++;
        if (c->value == 1 && s->op[s->pc] == PLACE)
                s->model.placed++;
        else if (c->value >> 63 && !(c->value << 16) && s->op[s->pc] == ABORT) {
                s->model.aborted = true;
                s->model.code = (int) (c->value >> 48 & 0x7fff);
                if (s->model.code != (who == CHILD ? CODE : 0))
                        violation("sent the wrong code");
        } else
                violation("wrote 0x%llx", (unsigned long long) c->value);
        now.counter[object] += c->value;
        changed(who);
}

/* Carries out the call, or one look of a poll(). Returns true if it is complete. */
static bool kernel(int who, struct call *c) {
        struct side *s = &now.side[who];
        int i, object = object_of(who, c->fd[0]);

        c->ret = 0;
        switch (c->kind) {
        case WRITE:
                kernel_write(who, c);
                c->ret = sizeof c->value;
                return true;
        case READ:
        case PREADV2:
                c->ret = -1;
                c->err = EBADF;
                if (object < 0 || object >= PIPE_END)
                        violation("read something else than an eventfd");
                else if (c->kind == PREADV2 && pass->no_preadv2)
                        c->err = EOPNOTSUPP;
                else if (!now.counter[object])
                        c->err = EAGAIN;
                else {
                        c->ret = sizeof c->value;
                        c->value = now.counter[object];
                        now.counter[object] = 0;
                }
                return true;
        case CLOSE:
                if (object < 0 || object >= PIDFD)
                        violation("closed something that is not its own");
                else
                        s->open &= ~BIT(object);
                if (object == PIPE_END + who)
                        changed(who);
                return true;
        case CLOCK:
                c->ret = s->clock;
                return true;
        }

        s->asleep = false;
        c->revents[s->look] = look(who, c->fd[s->look], c->events[s->look]);
        do
                s->look++;
        while (s->look < BARRIER_POLLFDS && c->fd[s->look] < 0);
        if (s->look < BARRIER_POLLFDS)
                return false;
        for (i = 0; i < BARRIER_POLLFDS; i++)
                c->ret += c->revents[i] != 0;
        s->look = 0;
        s->asleep = c->ret == 0 && c->msec != 0;
        return !s->asleep;
}

/* ---- outcomes and results -------------------------------------------------------------------- */

enum { OUTCOMES_MAX = 1 << 19, TEXT_MAX = 1 << 15, WORKERS_MAX = 16, STEP = 100 };

/* What one worker found; shared with the process that started it. */
struct result {
        uint64_t pairs, schedules[2], outcomes, violations; /* schedules: as the sets below */
        int shortest; /* of the schedules to a violation: STEP for each step, 1 an operation; or 0 */
        char text[TEXT_MAX];
};

static struct result *mine;

static bool reducing;
static bool comparing; /* with the outcomes of the reduced run, which is over */

/* How the programs can end, [1] reduced and [0] not. Each entry has the round in which it was made,
 * so a new round empties the set. */
static struct set {
        struct outcome key[OUTCOMES_MAX];
        unsigned round[OUTCOMES_MAX], now, n;
} outcomes[2];

/* Where the outcome is, or where it belongs. */
static size_t set_find(const struct set *set, struct outcome o) {
        size_t i =
                (size_t) ((o.bytes ^ (uint64_t) o.ops << 7) * UINT64_C(0x9e3779b97f4a7c15) >> 32);

        for (;; i++) {
                i %= OUTCOMES_MAX;
                if (set->round[i] != set->now ||
                    (set->key[i].bytes == o.bytes && set->key[i].ops == o.ops))
                        return i;
        }
}

static bool set_has(const struct set *set, struct outcome o) {
        return set->round[set_find(set, o)] == set->now;
}

static void set_add(struct set *set, struct outcome o) {
        size_t i = set_find(set, o);

        if (set->round[i] == set->now)
                return;
        if (++set->n == OUTCOMES_MAX)
                die("too many outcomes");
        set->round[i] = set->now;
        set->key[i] = o;
}

static void set_clear(struct set *set) {
        set->now++;
        set->n = 0;
}

static void outcome_add(struct outcome *o, int who, int pc, int byte) {
        int i = who * LENGTH_MAX + pc;

        o->bytes |= (uint64_t) byte << 8 * i;
        o->ops |= (uint32_t) (now.side[who].op[pc] + 1) << 4 * i;
}

static int outcome_byte(const Barrier *b, bool result, int err) {
        static const int known[] = { 0, ECANCELED, ECONNABORTED, ECONNRESET, CODE, ETIMEDOUT };
        int i = 0;

        while (!result && i < 6 && known[i] != err)
                i++;
        return 0x80 | result << 6 | i << 3 | barrier_they_exited(b) << 2 |
               barrier_they_aborted(b) << 1 | barrier_i_aborted(b);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static bool perform(Barrier *b) {
        const struct side *s = &now.side[active];

        switch (s->op[s->pc]) {
        case PLACE:
                return barrier_place(b);
        case WAIT_NEXT:
                return barrier_wait_next(b);
        case SYNC_NEXT:
                return barrier_sync_next(b);
        case SYNC:
                return barrier_sync(b);
        case ABORT:
                return active == CHILD ? barrier_fail(b, CODE) : barrier_abort(b);
        case WAIT_ABORTION:
                return barrier_wait_abortion(b);
        default:
                barrier_destroy(b);
                return true;
        }
}

/* Calls the current operation; false if it stopped in a system call that has no answer yet. */
static bool resume(int who, Barrier *b, bool *result) {
        active = who;
        cursor = now.side[who].first;
        *b = now.side[who].b;
        errno = UNTOUCHED;
        if (setjmp(stopped))
                return false;
        *result = perform(b);
        return true;
}

static void describe_allowed(int who, char *text, size_t size) {
        static const char *const name[] = { "true", "the other's abortion", "ECANCELED",
                                            "that the other left", "to wait" };
        size_t n = 0;
        int v;

        for (v = 0; v < VERDICTS; v++)
                if (now.side[who].model.may[v])
                        n += (size_t) snprintf(text + n, size - n, "%s%s", n ? " or " : "",
                                               name[v]);
}

static void returned(int who, const Barrier *b, bool result) {
        struct side *s = &now.side[who];
        struct line *l = &schedule[depth - 1];
        int op = s->op[s->pc], err = errno;
        char allowed[160] = "something else";

        outcome_add(&now.outcome, who, s->pc, outcome_byte(b, result, err));
        l->returned = true;
        l->result = result;
        l->err = err;
        if (is_wait(op))
                describe_allowed(who, allowed, sizeof allowed);
        if (!model_returns(who, op, b, result, err, s->writes))
                violation(
                        "%s returned %s%s%s after %d writes; the contract wants %s\n"
                        "     barrier_error: %d, i_aborted: %d, they_aborted: %d, they_exited: %d",
                        op_name[op], result ? "true" : "false", result ? "" : ", ",
                        result ? "" : strerror(err), s->writes, allowed, barrier_error(b),
                        barrier_i_aborted(b), barrier_they_aborted(b), barrier_they_exited(b));
        s->b = *b;
        s->first = s->steps;
        s->pc++;
        s->next.kind = s->pc == pass->length || op == LEAVE ? FINISHED : CHOOSE;
        s->begun = s->timed_out = false;
        s->calls = s->writes = 0;
        memset(s->model.may, 0, sizeof s->model.may);
}

/* Lets the side run on to its next system call. An operation that makes none is a step too, for
 * the caller may have come to it at any time: then `take` says that this is the time. */
static void advance(int who, bool take) {
        struct side *s = &now.side[who];
        Barrier b;
        bool result;

        if (!resume(who, &b, &result))
                return;
        if (s->steps == s->first && !take)
                s->next.kind = LOCAL;
        else
                returned(who, &b, result);
}

static bool possible(int who, int choice) {
        const struct side *s = &now.side[who];
        const struct call *c = &s->next;

        if (choice == KILLED)
                return pass->kill && s->open && (s->begun || c->kind == FINISHED);
        if (c->kind == FINISHED || c->kind == DEAD)
                return false;
        if (choice == EINTR_HITS)
                return pass->eintr && !s->was_interrupted && c->kind != LOCAL && c->kind != CLOCK &&
                       s->look == 0;
        if (choice == TIME_OUT)
                return s->asleep && c->msec > 0;
        return !s->asleep || wakes(who);
}

/* Whether a step changes what the other side can see, and whether it may see what the other
 * changes. */
enum { CHANGES = 1, SEES = 2 };

static int effect(int who, int choice) {
        const struct side *s = &now.side[who];
        const struct call *c = &s->next;
        int effects = 0;

        if (choice == KILLED)
                return CHANGES;
        if (is_wait(s->op[s->pc]) || c->kind == READ || c->kind == PREADV2 || c->kind == POLL)
                effects |= SEES;
        if ((c->kind == WRITE && choice == GO) ||
            (c->kind == CLOSE && c->fd[0] == FD(PIPE_END + who)))
                effects |= CHANGES;
        return effects;
}

/* Whether it can make a difference which of two steps of different sides comes first. */
static bool matter(int effects, int others) {
        return (effects & CHANGES && others & SEES) || (effects & SEES && others & CHANGES);
}

static void step(int who, int choice) {
        struct side *s = &now.side[who];
        struct call c = s->next;
        struct line *l = &schedule[depth];
        bool complete;

        if (depth + 1 == STEPS_MAX)
                die("a schedule is too long");
        memset(l, 0, sizeof *l);
        l->who = who;
        l->choice = choice;
        l->pc = s->pc;
        l->look = s->look;
        l->call = c;
        depth++;

        if (choice == KILLED) {
                s->open = 0;
                s->next.kind = DEAD;
                changed(who);
                return;
        }
        if (!s->begun) {
                s->begun = true;
                if (is_wait(s->op[s->pc]))
                        model_instant(who, s->op[s->pc]);
        }
        if (c.kind == LOCAL) {
                advance(who, true);
                return;
        }
        /* A wait looks `tries` times, then poll() looks, and whatever it found is read again. */
        if (++s->calls > 4 * pass->tries + 12) {
                violation("%s makes one system call after the other, though nothing changes",
                          op_name[s->op[s->pc]]);
                return;
        }

        complete = true;
        if (choice == GO)
                complete = kernel(who, &s->next);
        else {
                s->calls = 0;
                s->asleep = false;
                if (choice == EINTR_HITS) {
                        s->was_interrupted = true;
                        if (c.kind == CLOSE) /* Linux closes all the same */
                                (void) kernel(who, &s->next);
                        s->next.ret = -1;
                        s->next.err = EINTR;
                } else {
                        s->timed_out = true;
                        s->clock += c.msec;
                        s->next.ret = 0;
                }
        }
        l->call = s->next;
        if (!complete || *wrong)
                return;
        trail[who][s->steps++] = s->next;
        advance(who, false);
}

/* ---- a schedule for people ------------------------------------------------------------------- */

enum { COLUMN = 50 };

static const char *descriptor(int who, int fd) {
        int object = fd - FD(0);

        if (object < PIPE_END)
                return object == who ? "me" : "them";
        if (object < PIDFD)
                return object == PIPE_END + who ? "own pipe end" : "other pipe end";
        return "pidfd";
}

static void print_programs(FILE *f) {
        int who, i;

        for (who = 0; who < SIDES; who++) {
                const struct side *s = &now.side[who];

                fprintf(f, "%s:%s", side_name[who], s->n ? "" : " nothing");
                for (i = 0; i < s->n; i++)
                        fprintf(f, "%s %s", i ? "," : "", op_name[s->op[i]]);
                fputc('\n', f);
        }
        fputc('\n', f);
}

static void print_value(FILE *f, uint64_t value) {
        if (value >> 63)
                fprintf(f, "aborted, code %d", (int) (value >> 48 & 0x7fff));
        else
                fprintf(f, "%" PRIu64 " placed", value);
}

static void print_call(FILE *f, const struct line *l) {
        const struct call *c = &l->call;
        const char *fd = descriptor(l->who, c->fd[c->kind == POLL ? l->look : 0]);

        switch (c->kind) {
        case LOCAL:
                fputs("(no call)", f);
                return;
        case WRITE:
                fprintf(f, "write(%s, ", fd);
                print_value(f, c->value);
                fputc(')', f);
                break;
        case READ:
        case PREADV2:
                fprintf(f, "%s(%s)", c->kind == READ ? "read" : "preadv2", fd);
                if (c->ret > 0) {
                        fputs(": ", f);
                        print_value(f, c->value);
                        return;
                }
                break;
        case POLL:
                if (l->choice == TIME_OUT)
                        fputs("poll: time is up", f);
                else if (l->choice == EINTR_HITS)
                        fputs("poll", f);
                else
                        fprintf(f, "poll looks at %s: %s", fd,
                                !c->revents[l->look]            ? "nothing"
                                : c->revents[l->look] == POLLIN ? "readable"
                                                                : "hung up");
                break;
        case CLOSE:
                fprintf(f, "close(%s)", fd);
                break;
        default:
                fputs("clock_gettime()", f);
        }
        if (c->ret < 0)
                fprintf(f, ": %s", strerror(c->err));
}

/* Keeps this schedule, which ended in a violation, if it is the shortest yet. */
static void report(void) {
        int i, length = depth * STEP + now.side[PARENT].n + now.side[CHILD].n;
        FILE *f;

        mine->violations++;
        if (mine->shortest && length >= mine->shortest)
                return;
        mine->shortest = length;
        reducing = false; /* of the schedules that are the same to it, another may be shorter */
        f = fmemopen(mine->text, sizeof mine->text, "w");
        if (!f)
                die("fmemopen");
        print_programs(f);
        for (i = 0; i < depth; i++) {
                const struct line *l = &schedule[i];

                fprintf(f, "%3d  %*s", i + 1, l->who == CHILD ? COLUMN : 0, "");
                if (l->choice == KILLED)
                        fputs("killed", f);
                else {
                        fprintf(f, "%s  ", op_name[now.side[l->who].op[l->pc]]);
                        print_call(f, l);
                        if (l->returned)
                                fprintf(f, " -> %s%s", l->result ? "true" : "false, ",
                                        l->result ? "" : strerror(l->err));
                }
                fputc('\n', f);
        }
        fprintf(f, "\n     %s\n", wrong);
        (void) fclose(f);
}

/* ---- depth first ----------------------------------------------------------------------------- */

static void end_of_schedule(void) {
        struct outcome outcome = now.outcome;
        int who;

        for (who = 0; who < SIDES; who++) {
                const struct side *s = &now.side[who];

                if (s->pc == s->n)
                        continue;
                outcome_add(&outcome, who, s->pc, s->next.kind == DEAD ? 2 : 1);
                if (s->next.kind != DEAD && !model_sleeps(who, s->op[s->pc]))
                        violation("the %s sleeps in %s for ever", side_name[who],
                                  op_name[s->op[s->pc]]);
        }
        mine->schedules[reducing]++;
        if (pass->check_reduction)
                set_add(&outcomes[reducing], outcome);
        if (comparing && !set_has(&outcomes[true], outcome))
                violation("not among the outcomes of the reduced run");
        if (*wrong)
                report();
        *wrong = 0;
}

static void explore(unsigned asleep);

/* Lets the side go on with this operation, or end its program if it is none. */
static void choose(int who, int op) {
        struct side *s = &now.side[who];

        if (op == OPS) {
                s->next.kind = FINISHED;
                return;
        }
        s->op[s->n++] = (uint8_t) op;
        advance(who, false);
}

/* Programs with a common beginning share it: the next operation is chosen when it is reached. */
static void explore_choices(int who, unsigned asleep) {
        const struct state saved = now;
        int op;

        for (op = OPS; op >= 0; op--) {
                choose(who, op);
                explore(asleep);
                now = saved;
        }
}

static void explore(unsigned asleep) {
        const struct state saved = now;
        bool moved = false;
        unsigned t, u, below;
        int who, choice, effects;

        for (who = 0; who < SIDES; who++)
                if (now.side[who].next.kind == CHOOSE) {
                        explore_choices(who, asleep);
                        return;
                }

        for (t = 0; t < SIDES * CHOICES; t++) {
                who = (int) t % SIDES;
                choice = (int) t / SIDES;
                if (!possible(who, choice))
                        continue;
                moved = moved || choice == GO;
                if (asleep & BIT(t))
                        continue;

                effects = effect(who, choice);
                below = 0;
                for (u = 0; reducing && u < SIDES * CHOICES; u++)
                        if (asleep & BIT(u) && u % SIDES != t % SIDES &&
                            !matter(effects, effect(!who, (int) u / SIDES)))
                                below |= BIT(u);

                step(who, choice);
                if (*wrong)
                        report();
                else if (!mine->shortest || depth * STEP < mine->shortest)
                        explore(below);
                *wrong = 0;
                now = saved;
                depth--;
                asleep |= BIT(t);
        }
        if (!moved)
                end_of_schedule();
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Right after the fork. set_role closes what nobody else misses, so its place in time is free. */
static void start(void) {
        Barrier b;
        int who;

        memset(&now, 0, sizeof now);
        active = PARENT;
        starting = true;
        if (barrier_init(&b) < 0)
                die("barrier_init");
        barrier_set_timeout(&b, pass->timeout);
        now.side[CHILD] = now.side[PARENT];
        for (who = 0; who < SIDES; who++) {
                struct side *s = &now.side[who];

                active = who;
                s->b = b;
                s->model.noticed = BIT(0);
                s->next.kind = CHOOSE;
                if (pass->watch) {
                        s->open |= BIT(PIDFD + !who);
                        if (barrier_watch(&s->b, FD(PIDFD + !who)) < 0)
                                die("barrier_watch");
                }
                if (barrier_set_role(&s->b, who == CHILD ? BARRIER_CHILD : BARRIER_PARENT) < 0)
                        die("barrier_set_role");
        }
        starting = false;
}

static void explore_from(int parent_op, int child_op) {
        start();
        choose(PARENT, parent_op);
        choose(CHILD, child_op);
        set_clear(&outcomes[false]);
        if (!comparing)
                set_clear(&outcomes[true]);
        explore(0);
}

/* All programs that begin with these operations. */
static void explore_both(int parent_op, int child_op) {
        reducing = !mine->shortest; /* after a violation only shorter ones are of interest */
        explore_from(parent_op, child_op);
        mine->outcomes += outcomes[true].n;
        if (!pass->check_reduction || mine->shortest)
                return;
        reducing = false;
        comparing = true;
        explore_from(parent_op, child_op);
        comparing = false;
        if (outcomes[false].n != outcomes[true].n && !mine->shortest)
                die("the reduced run has outcomes that the full run has not");
}

enum { NAME_WIDTH = 26, UNITS = (OPS + 1) * (OPS + 1) };

struct shared {
        int next; /* unit of work: the first operations */
        struct result result[WORKERS_MAX];
};

static struct shared *shared;

static void work(int worker) {
        int i;

        mine = &shared->result[worker];
        explore_tries = (uint8_t) pass->tries;
        while ((i = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED)) < UNITS) {
                if (isatty(STDERR_FILENO))
                        fprintf(stderr, "%d %-*s %3d %%\r", pass->length, NAME_WIDTH, pass->name,
                                100 * i / UNITS);
                explore_both(i % (OPS + 1), i / (OPS + 1));
        }
}

static int workers(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (int) n;
}

/* How many pairs of programs of at most this length there are. */
static uint64_t pairs(int length) {
        uint64_t n = 0, going_on = 1; /* programs without leave */
        int i;

        for (i = 0; i < length; i++) {
                n += 2 * going_on; /* themselves, and followed by leave */
                going_on *= LEAVE;
        }
        n += going_on;
        return n * n;
}

static double seconds(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void print_figures(int length, const char *name, const struct result *r, double time) {
        if (length)
                printf("%d ", length);
        else
                printf("  ");
        printf("%-*s %10" PRIu64 " %11" PRIu64, NAME_WIDTH, name, r->pairs, r->schedules[true]);
        if (r->schedules[false])
                printf(" %11" PRIu64, r->schedules[false]);
        else
                printf(" %11s", "");
        printf(" %10" PRIu64 " %10" PRIu64 " %8.1f\n", r->outcomes, r->violations, time);
}

/* Runs one pass on all cores and adds its figures to the total; false if there is a violation. */
static bool run(struct result *total) {
        const int n = workers();
        double began = seconds();
        struct result sum = { .pairs = pairs(pass->length) }, *r;
        int i, status;
        pid_t pid;

        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                die("mmap");
        (void) fflush(stdout);
        for (i = 0; i < n; i++) {
                pid = fork();
                if (pid < 0)
                        die("fork");
                if (pid == 0) {
                        work(i);
                        exit(0);
                }
        }
        for (i = 0; i < n; i++)
                if (wait(&status) < 0 || status != 0)
                        die("a worker failed");
        for (r = shared->result; r < shared->result + n; r++) {
                sum.schedules[0] += r->schedules[0];
                sum.schedules[1] += r->schedules[1];
                sum.outcomes += r->outcomes;
                sum.violations += r->violations;
                if (r->shortest && (!sum.shortest || r->shortest < sum.shortest)) {
                        sum.shortest = r->shortest;
                        memcpy(sum.text, r->text, sizeof sum.text);
                }
        }
        (void) munmap(shared, sizeof *shared);

        print_figures(pass->length, pass->name, &sum, seconds() - began);
        total->pairs += sum.pairs;
        total->schedules[0] += sum.schedules[0];
        total->schedules[1] += sum.schedules[1];
        total->outcomes += sum.outcomes;
        total->violations += sum.violations;
        if (sum.shortest)
                printf("\nThe shortest schedule to a violation in this pass:\n\n%s", sum.text);
        return !sum.shortest;
}

int main(int argc, char **argv) {
        static const struct pass all[] = {
                { 3, "", .timeout = -1, .check_reduction = true },
                { 2, "EINTR", .timeout = -1, .eintr = true, .check_reduction = true },
                { 2, "killed", .timeout = -1, .kill = true, .check_reduction = true },
                { 3, "EINTR", .timeout = -1, .eintr = true },
                { 3, "killed", .timeout = -1, .kill = true },
                { 3, "watched, killed", .timeout = -1, .watch = true, .kill = true },
                { 3, "tries", .tries = 2, .timeout = -1 },
                { 3, "no preadv2", .timeout = -1, .no_preadv2 = true },
                { 3, "timeout 0", .timeout = 0 },
                { 3, "timeout 5 ms", .timeout = 5 },
                { 2, "tries, EINTR", .tries = 2, .timeout = -1, .eintr = true },
                { 2, "no preadv2, EINTR", .timeout = -1, .no_preadv2 = true, .eintr = true },
                { 2, "timeout 0, EINTR", .timeout = 0, .eintr = true },
                { 2, "timeout 5 ms, EINTR", .timeout = 5, .eintr = true },
                { 4, "", .timeout = -1 },
                { .length = 0 },
        };
        static const struct pass some[] = {
                { 2, "", .timeout = -1, .check_reduction = true },
                { 2, "EINTR", .timeout = -1, .eintr = true },
                { 2, "killed", .timeout = -1, .kill = true },
                { 2, "watched, killed", .timeout = -1, .watch = true, .kill = true },
                { 2, "tries", .tries = 2, .timeout = -1 },
                { 2, "no preadv2", .timeout = -1, .no_preadv2 = true },
                { 2, "timeout 0, EINTR", .timeout = 0, .eintr = true },
                { 2, "timeout 5 ms, EINTR", .timeout = 5, .eintr = true },
                { 3, "", .timeout = -1 },
                { .length = 0 },
        };
        struct result total = { 0 };
        double began = seconds();
        bool good = true;

        if (argc > 2 || (argc == 2 && strcmp(argv[1], "--short") != 0)) {
                fprintf(stderr, "usage: %s [--short]\n", argv[0]);
                return 2;
        }
        printf("%-*s %10s %11s %11s %10s %10s %8s\n", NAME_WIDTH + 2, "operations a side", "pairs",
               "schedules", "unreduced", "outcomes", "violations", "seconds");
        for (pass = argc == 2 ? some : all; pass->length && good; pass++)
                good = run(&total);
        if (good)
                print_figures(0, "all", &total, seconds() - began);
        return good ? 0 : 1;
}
