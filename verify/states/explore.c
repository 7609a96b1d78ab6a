/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * explore - runs barrier.c through every state that its two sides can reach, by programs of any
 * length, and asks a model each time
 *
 *      explore             all of it, some minutes on two cores
 *      explore --short     the same questions with less room, a few seconds
 *      explore --first N   the same, but in each pass from the first N states alone, in an instant
 *      explore --leads [K] whether a lead of K, or of 3, brings what a lead of one less does not have
 *
 * Exit status 0: no violation; 1: a violation, a shortest schedule that shows it is printed; 2: the
 * explorer itself failed.
 *
 * HOW TO READ THIS FILE
 *
 * barrier.c is included below as it stands, with its system calls turned into questions. Each side
 * calls any operation whenever the last one returned, for ever. Each system call is one step, and so
 * is each look of a poll() at a descriptor, for poll() is not atomic. explore() takes every step
 * that is possible from every state that it finds, breadth first, until there are no new states.
 *
 * A side has to stop in the middle of an operation and go on later, many times over. No second stack
 * is needed for that: barrier.c keeps nothing but its struct and locals, so what it does next follows
 * from the struct at the start of the operation and the answers so far. Each such history is a node:
 * run() calls the operation once for it, with the recorded answers, and notes what it asks next or
 * what it returns. Histories that leave a side with the same struct at the same place are one node
 * (struct alike). A state is two nodes, the kernel of kernel.h, and what the rules need to know.
 *
 * Where a side is idle it is also asked what takes no step: barrier_epoll() is readable whenever a
 * wait without time that said "not yet" would say something else now (check_idle()). The other way
 * round that holds for wait_next alone: a barrier that is not enough, or not what wait_abortion waits
 * for, makes it readable too, until the next try.
 *
 * Counters grow for ever, but only their differences matter, and of these not all. normalise() makes
 * the number of states finite while one side leads the other by a bounded number of barriers:
 *
 *      - the counters of a side are shifted down together;
 *      - a side that is not in an operation is taken to have read all but one of the barriers that
 *        wait for it, and to have consumed all linked ones but one: one is as good as many;
 *      - who has aborted, or knows that the other has, needs no counters.
 *
 * That this loses nothing is shown, not believed. Each node is run again with counters that are
 * shifted, lag, or are split otherwise between struct and kernel, and has to do the same
 * (replay()). And a run without all this, in which each history is a node too, up to some placements
 * a side, has to come to the same idle states (explore()).
 */
#define _GNU_SOURCE 1

#define BARRIER_API static

#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common.h"
#include "kernel.h"

/* ---- failing --------------------------------------------------------------------------------- */

static char wrong[500]; /* the violation, or "" */

__attribute__((noreturn)) static void die(const char *why) {
        fprintf(stderr, "explore: %s\n", why);
        _exit(2);
}

/* The first one counts. Each kind begins with words of its own; what differs comes after a colon. */
#define violation(...) ((void) (*wrong || snprintf(wrong, sizeof wrong, __VA_ARGS__)))

/* ---- system calls, which become questions ---------------------------------------------------- */

enum { BEGIN, WRITE, READ, PREADV2, POLL, CLOSE, CLOCK, RETURN, ANSWERS_MAX = 100 };

/* A system call, and its answer. */
struct call {
        uint64_t value;          /* written, or read; BEGIN: the number of the start */
        struct kernel_poll poll; /* POLL: as far as it has come */
        int32_t ret;             /* a negative errno in the place of -1; -EAGAIN: poll() goes on */
        int16_t fd, kind;
};

static struct call answers[ANSWERS_MAX]; /* the last `n_answers` of it */
static int n_answers, cursor;
static uint64_t unread; /* by how much the first read finds more than was answered */
static jmp_buf stopped;
static struct call asked; /* what there was no answer to */

/* How a side is disturbed besides, or what else is different. */
static const struct pass {
        int lead;       /* of the barriers of one side over those of the other, at most */
        int looks;      /* what a wait may do before it sleeps; who is not disturbed polls first */
        int only;       /* the side that all these are for, and that alone waits; 0: both */
        int placements; /* of a side at most, without normalisation; 0: any number, normalised */

        bool kill;  /* at any step */
        bool eintr; /* once in each operation, at any of its calls */
        bool fail;  /* the same with EIO, or the other side seems to break the protocol */
        bool msec;  /* a wait also has some time, any part of it may pass at any time, or none ever
                     * does, and poll() may end early */
        bool watch; /* both have a pidfd; once in each operation a look at it falls into an execve() */
        bool copies; /* a third process has copies of all, while it lives */
        bool old;    /* the kernel does not have preadv2() */
        bool ends;   /* each side may abort with and without a code, and set the other role; else it
                      * aborts in one way */
} * pass;

static bool normalising, merging;
static struct kernel *starting; /* nothing is a step yet */
static int starter;
static unsigned explore_tries;

static struct call new_call(int kind, int fd) {
        return (struct call){ .kind = (int16_t) kind, .fd = (int16_t) fd };
}

/* The answer to a call, if there is one already; otherwise it is the next step. */
static int ask(struct call *c) {
        const struct call *a = &answers[cursor];

        if (cursor++ == ANSWERS_MAX) {
                asked = *c;
                longjmp(stopped, 1);
        }
        if (a->kind != c->kind || a->fd != c->fd || a->poll.msec != c->poll.msec ||
            (c->kind == WRITE && a->value != c->value))
                violation("the same answers lead to other calls");
        *c = *a;
        if (a->ret >= 0)
                return a->ret;
        errno = -a->ret;
        return -1;
}

static int sim_fcntl(int fd, int cmd, ...) {
        (void) cmd;
        return starting ? kernel_fcntl(starting, starter, fd) : 0; /* later nobody asks */
}

static int sim_unexpected(const char *what) {
        die(what);
}

static int sim_close(int fd) {
        struct call c = new_call(CLOSE, fd);

        return starting ? kernel_close(starting, starter, fd) : ask(&c);
}

static ssize_t sim_write(int fd, const void *p, size_t size) {
        struct call c = new_call(WRITE, fd);

        if (size != sizeof c.value)
                violation("a write has another size: %zu", size);
        memcpy(&c.value, p, sizeof c.value);
        return ask(&c);
}

static ssize_t sim_read(int kind, int fd, void *p, size_t size) {
        struct call c = new_call(kind, fd);
        ssize_t n;

        if (size != sizeof c.value)
                violation("a read has another size: %zu", size);
        if (kind == PREADV2 && pass->old) /* an answer that depends on nothing is no step */
                return errno = EOPNOTSUPP, -1;
        n = ask(&c);
        if (n > 0) {
                c.value += unread;
                unread = 0;
                memcpy(p, &c.value, sizeof c.value);
        }
        return n;
}

static int sim_poll(struct pollfd *fds, int n, int msec) {
        struct call c = new_call(POLL, 0);
        int i, ready;

        c.poll.msec = msec;
        for (i = 0; i < KERNEL_POLLFDS; i++) {
                c.poll.fd[i] = (int8_t) (i < n ? fds[i].fd : -1);
                c.poll.events[i] = (uint8_t) (i < n ? fds[i].events : 0);
        }
        ready = ask(&c);
        for (i = 0; i < n && i < KERNEL_POLLFDS; i++)
                fds[i].revents = c.poll.revents[i];
        return ready;
}

static int sim_clock(struct timespec *ts) {
        struct call c = new_call(CLOCK, 0);
        int half_msec = ask(&c);

        if (half_msec < 0)
                return -1;
        ts->tv_sec = 1;
        ts->tv_nsec = half_msec * 500000L;
        return 0;
}

/* What barrier_epoll() put into its epoll, which is no step: only who is idle calls it. */
static struct kernel_poll watched;
static int n_watched;

static int sim_epoll_ctl(int fd, const struct epoll_event *event) {
        if (n_watched == KERNEL_POLLFDS)
                die("more in an epoll than poll() takes");
        watched.fd[n_watched] = (int8_t) fd;
        watched.events[n_watched++] = (uint8_t) event->events;
        return 0;
}

#define BARRIER_TRIES                     explore_tries
#define eventfd(initial, flags)           kernel_eventfd(starting, starter)
#define pipe2(fd, flags)                  kernel_pipe2(starting, starter, fd)
#define fcntl(fd, ...)                    sim_fcntl(fd, __VA_ARGS__)
#define close(fd)                         sim_close(fd)
#define poll(fds, n, msec)                sim_poll(fds, n, msec)
#define clock_gettime(clock, ts)          sim_clock(ts)
#define epoll_create1(flags)              (n_watched = 0, (int) KERNEL_FD(KERNEL_OBJECTS))
#define epoll_ctl(epfd, op, fd, event)    sim_epoll_ctl(fd, event)
#define open(path, flags)                 sim_unexpected(path)
#define fstat(fd, st)                     (memset(st, 0, sizeof *(st)), sim_unexpected("fstat"))
#define write(fd, p, size)                sim_write(fd, p, size)
#define read(fd, p, size)                 sim_read(READ, fd, p, size)
#define preadv2(fd, iov, n, offset, flag) sim_read(PREADV2, fd, (iov)->iov_base, (iov)->iov_len)
#include "../../barrier.c"

/* ---- what can happen ------------------------------------------------------------------------- */

enum { PARENT, CHILD, SIDES, HOLDER = SIDES };

/* What a side may do besides the operations of common.h. */
enum { LEAVE = OPERATIONS, OTHER_ROLE, STARTED };

static const char *const op_name[] = { OPERATION_NAMES, "leave", "set_role(the other's)" };

enum {
        CODE = ENOENT,    /* what the parent gives to fail, and the child with a minus */
        BROKEN = EIO,     /* what a system call fails with */
        UNTOUCHED = 9999, /* errno before an operation */
        MSEC = 5,         /* the timeout that is neither 0 nor none */
};

#define PIPE_ENDS  (1 << KERNEL_READ_END | 1 << KERNEL_WRITE_END)
#define PLACED_MAX ((UINT64_C(1) << 48) - 1)
#define NO_WORD    (PLACED_MAX + 1) /* what no honest side ever writes */

/* Half milliseconds: at the first reading of the clock, in between, and at the deadline. */
enum { EARLY = 1, HALF_TIME = EARLY + MSEC, DEADLINE = EARLY + 2 * MSEC };

/* What a wait may do before it sleeps, as a set of the numbers in start.looks. */
enum { POLL_FIRST = 1, LOOK = 2, LOOK_TWICE = 4, LOOK_THRICE = 8, LOOKS = 4 };

/* How an operation is called: with each timeout, and each number of looks. */
struct start {
        int op, msec, looks; /* so often before it sleeps; 0: it polls first */
};

enum { STARTS = STARTED * 3 * LOOKS };

static struct start start_of(int number) {
        static const int msec[] = { -1, 0, MSEC };

        return (struct start){ number / (3 * LOOKS), msec[number / LOOKS % 3], number % LOOKS };
}

static bool waits(int op) {
        return op >= OP_WAIT_NEXT && op <= OP_WAIT_ABORTION;
}

/* ---- tables ---------------------------------------------------------------------------------- */

enum { CHUNK = 1 << 16, CHUNKS = 1 << 11 };

/* Entries, each once, numbered as they came, which never move. */
struct table {
        size_t key, size; /* of what tells entries apart, in front, and of an entry; both of 4 */
        uint32_t n, slots;
        uint64_t *slot; /* half of the hash, and the number + 1; or 0 */
        unsigned char *chunk[CHUNKS];
};

/* Zeroed, in huge pages if it is big: most of the time goes by waiting for memory. */
static void *get_memory(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                die("out of memory");
        (void) madvise(p, size, MADV_HUGEPAGE);
        return p;
}

static void *table_at(const struct table *t, uint32_t i) {
        return t->chunk[i / CHUNK] + i % CHUNK * t->size;
}

static uint32_t table_hash(const struct table *t, const void *key) {
        uint64_t hash = 0, word = 0;
        size_t i;

        for (i = 0; i < t->key; i += sizeof word) {
                memcpy(&word, (const unsigned char *) key + i, t->key - i < 8 ? 4 : sizeof word);
                hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
                hash ^= hash >> 29;
        }
        return (uint32_t) (hash >> 32);
}

/* Slots of twice the size; what was apart stays apart. */
static uint64_t *table_grow(struct table *t) {
        uint32_t i, j, old = t->slots;
        uint64_t *slot;

        t->slots = old ? 2 * old : 1 << 12;
        slot = get_memory(t->slots * sizeof *slot);
        for (i = 0; i < old; i++)
                if (t->slot[i]) {
                        for (j = (uint32_t) (t->slot[i] >> 32); slot[j & (t->slots - 1)]; j++)
                                ;
                        slot[j & (t->slots - 1)] = t->slot[i];
                }
        if (t->slot)
                (void) munmap(t->slot, old * sizeof *slot);
        return slot;
}

/* The number of the entry with the key of this one, which is new if there are more then. */
static uint32_t table_number(struct table *t, const void *entry) {
        uint32_t i, number, hash = table_hash(t, entry);

        if (4 * (uint64_t) t->n >= 3 * (uint64_t) t->slots)
                t->slot = table_grow(t);
        for (i = hash & (t->slots - 1); t->slot[i]; i = (i + 1) & (t->slots - 1)) {
                number = (uint32_t) t->slot[i] - 1;
                if (t->slot[i] >> 32 == hash && memcmp(table_at(t, number), entry, t->key) == 0)
                        return number;
        }
        if (t->n == (uint32_t) CHUNK * CHUNKS)
                die("too many states");
        if (t->n % CHUNK == 0)
                t->chunk[t->n / CHUNK] = get_memory(CHUNK * t->size);
        memcpy(table_at(t, t->n), entry, t->size);
        t->slot[i] = (uint64_t) hash << 32 | (t->n + 1);
        return t->n++;
}

static void table_clear(struct table *t) {
        size_t i;

        for (i = 0; i < CHUNKS && t->chunk[i]; i++)
                (void) munmap(t->chunk[i], CHUNK * t->size);
        if (t->slot)
                (void) munmap(t->slot, t->slots * sizeof *t->slot);
        *t = (struct table){ .key = t->key, .size = t->size };
}

/* ---- states ---------------------------------------------------------------------------------- */

/* What the rules know of a side. In a set, bit n says that all but n of the barriers of the other
 * side may be consumed. The first set is what holds, the others are what will hold after a verdict
 * that the wait may come to. */
enum { CONSUMED, REACHED, WORD, CANCELED, LEFT, NOTHING, SETS };
enum { LEAD_MAX = 6 }; /* so many fit into a set */

struct rules {
        uint8_t set[SETS];
        uint8_t sent; /* the errno of its abortion for the other side, or 0 */
};

struct state {
        uint32_t at[SIDES]; /* a node; or IDLE and a struct */
        struct kernel k;
        struct rules rules[SIDES];
        int16_t lead; /* of the parent, in barriers placed */
};

#define IDLE (UINT32_C(1) << 31)
#define GONE IDLE /* with the first struct, BARRIER_NULL: it has left, or is dead */

/* One step, so that it can be made again. */
struct move {
        uint8_t who, choice;
        int16_t start; /* of the operation that begins, or -1 */
};

/* A state as it is kept: all but the nodes is a few thousand different values. */
struct visited {
        uint32_t at[SIDES], rest; /* the number of it */
        uint32_t from;
        struct move move;
};

static struct table tables[2], *states; /* those visited, with normalisation or without */
static uint32_t current;                /* the one whose steps are made */
static struct table rests = { .key = sizeof(struct state) - offsetof(struct state, k),
                              .size = sizeof(struct state) - offsetof(struct state, k) };
static struct table structs = { .key = sizeof(Barrier), .size = sizeof(Barrier) };

static struct visited pack(const struct state *s) {
        const unsigned char *rest = (const unsigned char *) s + offsetof(struct state, k);

        return (struct visited){ .at = { s->at[PARENT], s->at[CHILD] },
                                 .rest = table_number(&rests, rest) };
}

static struct state unpack(const struct visited *v) {
        struct state s;

        memcpy(s.at, v->at, sizeof s.at);
        memcpy((unsigned char *) &s + offsetof(struct state, k), table_at(&rests, v->rest),
               rests.size);
        return s;
}

static bool is_idle(uint32_t at) {
        return at & IDLE;
}

static uint32_t idle_with(const Barrier *b) {
        Barrier copy = *b;

        copy.timeout = -1; /* free choices with each operation */
        copy.pause = copy.next_pause = 0;
        return IDLE | table_number(&structs, &copy);
}

static const Barrier *struct_at(uint32_t at) {
        return table_at(&structs, at & ~IDLE);
}

/* A history of an operation, and what it comes to. */
struct node {
        uint32_t before, unused; /* a node, or IDLE and a struct: where the call was made */
        struct call call;        /* with its answer */

        struct call next; /* what it asks next, or RETURN */
        struct start start;
        uint32_t idle, after; /* IDLE and the struct, before and after the operation */
        int err;
        bool result;
        bool disturbed;   /* by EINTR or a failure */
        bool executed;    /* a look at the pidfd fell into an execve() */
        int error;        /* of a failure: BROKEN, or EPROTO; or 0 */
        int placed, told; /* so often it wrote that */
        int clock;        /* half milliseconds since it began, as far as it was told */
        int in_vain;      /* so many poll()s in a row ran out of time since the clock moved */
        bool stands;      /* the clock was asked again after two of them, and has not moved */
        Barrier now;      /* the struct as it is when the next call is made */
        int dry;          /* calls since that changed */
        uint64_t seen;    /* what poll() reported, one byte for each entry, until it sleeps again */
        uint32_t alike;   /* the first node that goes on as this one */
        int first_look;   /* what its first read returned, or 0 */
        int steps;
};

static struct table nodes = { .key = offsetof(struct node, next), .size = sizeof(struct node) };

static const struct node *node_at(uint32_t at) {
        return table_at(&nodes, at);
}

/* ---- the rules: what barrier.h promises, and nothing about how ------------------------------- */

/* Whether all that can be asked about the end is what it should be. */
static bool rules_agree(const Barrier *want, const Barrier *b) {
        return barrier_error(b) == want->error && barrier_i_aborted(b) == want->i_aborted &&
               barrier_they_aborted(b) == want->they_aborted &&
               barrier_they_left(b) == want->they_left &&
               barrier_we_aborted(b) == (want->i_aborted && want->they_aborted) &&
               barrier_is_aborted(b) == (want->i_aborted || want->they_aborted);
}

/* Whether this side is one that may be disturbed. */
static bool may_be(int who) {
        return !pass->only || who == pass->only - BARRIER_PARENT;
}

static bool rules_left(const struct state *s, int who) {
        int held = (s->k.open[who] | s->k.open[HOLDER]) >> (KERNEL_READ_END + who) & 1;

        return !held || (pass->watch && may_be(!who) && s->k.dead[who]);
}

/* How many barriers the other side has placed more than this one. */
static int rules_ahead(const struct state *s, int who) {
        return who == PARENT ? -s->lead : s->lead;
}

/* The wait that an operation is, or is in; or PLACE if it does not wait now. */
static int rules_wait(const struct node *n) {
        int op = n->start.op;

        if (op == OP_PLACE_AND_SYNC)
                return n->placed ? OP_SYNC : OP_PLACE;
        return waits(op) ? op : OP_PLACE;
}

/* What a wait returns that takes effect at this instant, if `news` barriers are not consumed. */
static int rules_verdict(const struct state *s, int who, const struct node *n, int news) {
        const Barrier *b = struct_at(n->idle);
        int wait = rules_wait(n);

        if (s->rules[!who].sent || (b->they_aborted && !b->they_left))
                return WORD; /* supersedes everything */
        if (wait != OP_WAIT_ABORTION) {
                if (b->i_aborted)
                        return CANCELED;
                if ((wait != OP_WAIT_NEXT && rules_ahead(s, who) >= 0) ||
                    (wait != OP_SYNC && news > 0))
                        return REACHED;
        }
        return rules_left(s, !who) ? LEFT : NOTHING; /* leaving queues behind what was placed */
}

/* A wait takes effect at one instant between its first and its last system call. This is one. */
static void rules_instant(struct state *s, int who, const struct node *n) {
        struct rules *r = &s->rules[who];
        int news, after, verdict, ahead = rules_ahead(s, who);
        /* It consumes if it is true; one for linked barriers consumes linked ones alone. */
        int left = rules_wait(n) != OP_WAIT_NEXT && ahead > 0 ? ahead : 0;

        for (news = 0; news < 8; news++) {
                if (!(r->set[CONSUMED] >> news & 1))
                        continue;
                verdict = rules_verdict(s, who, n, news);
                after = verdict == REACHED && left < news ? left : news;
                r->set[verdict] |= (uint8_t) (1 << after);
        }
}

/* This side did something that the other can see. */
static void rules_changed(struct state *s, int who) {
        uint32_t at = s->at[!who];

        if (!is_idle(at) && rules_wait(node_at(at)) != OP_PLACE)
                rules_instant(s, !who, node_at(at));
}

/* This side has written. */
static void rules_wrote(struct state *s, int who, const struct node *n, uint64_t value) {
        uint8_t *set = s->rules[!who].set;
        int i, op = n->start.op, code = op == OP_FAIL ? CODE : op == OP_ABORT ? 0 : BROKEN;

        if (value == 1 && (op == OP_PLACE || op == OP_PLACE_AND_SYNC) && !n->error) {
                s->lead = (int16_t) (s->lead + (who == PARENT ? 1 : -1));
                for (i = 0; i < SETS; i++) /* one barrier more that is not consumed */
                        set[i] = (uint8_t) (set[i] << 1 | (set[i] & 0x80));
                if (op == OP_PLACE_AND_SYNC)
                        rules_instant(s, who, n);
        } else if (value == (UINT64_C(1) << 63 | (uint64_t) code << 48) &&
                   (code != BROKEN || n->error == BROKEN) && !s->rules[who].sent)
                s->rules[who].sent = (uint8_t) (code ? code : ECONNABORTED);
        else
                violation("the wrong thing was written: %s, 0x%llx", op_name[op],
                          (unsigned long long) value);
        rules_changed(s, who);
}

/* May the wait have come to this? Then what is consumed follows. */
static bool rules_wait_returns(struct state *s, int who, const struct node *n) {
        bool want, time_is_up = n->start.msec == 0 || n->clock >= DEADLINE || n->stands;
        uint8_t *set = s->rules[who].set;
        int v, err;

        set[CONSUMED] = 0;
        for (v = REACHED; v < SETS; v++) {
                Barrier m = *struct_at(n->idle);

                if (!set[v] || (v == NOTHING && !time_is_up))
                        continue;
                if ((v == WORD || v == LEFT) && !m.they_aborted) { /* the first ending stays */
                        m.they_aborted = true;
                        m.they_left = v == LEFT;
                        m.error = v == LEFT ? ECONNRESET : s->rules[!who].sent;
                }
                want = rules_wait(n) == OP_WAIT_ABORTION ? v != NOTHING && !m.i_aborted
                                                         : v == REACHED;
                err = v == NOTHING ? ETIMEDOUT : m.error;
                if (n->result == want && (want || n->err == err) &&
                    rules_agree(&m, struct_at(n->after)))
                        set[CONSUMED] |= set[v];
        }
        return set[CONSUMED];
}

/* May the operation return this? */
static bool rules_returns(struct state *s, int who, const struct node *n) {
        const Barrier *after = struct_at(n->after);
        Barrier k = *struct_at(n->idle);
        int op = n->start.op;
        bool aborts = op == OP_ABORT || op == OP_FAIL;
        bool places = (op == OP_PLACE || op == OP_PLACE_AND_SYNC) && !k.error;
        /* Who breaks the protocol is told nothing: the write could block for ever. */
        bool tells = !k.i_aborted && (aborts ? !n->error : n->error == BROKEN);
        bool ends = aborts || n->error || op == OTHER_ROLE;
        int error = op == OTHER_ROLE ? EALREADY : n->error;

        if (n->told != tells ||
            (n->error ? n->placed > (op == OP_PLACE_AND_SYNC) && places : n->placed != places))
                return false;
        if (op == LEAVE)
                return n->after == GONE && n->err == UNTOUCHED &&
                       !(s->k.open[who] & ((1 << KERNEL_PIDFD) - 1));
        if (ends) {
                k.i_aborted = true;
                k.error = k.error ? k.error : ECANCELED;
        }
        if (error && !k.they_aborted) {
                k.they_aborted = true;
                k.error = error;
        }
        if (aborts) /* if the word could not be written, the pipe has to tell */
                return n->result == !k.they_aborted && n->err == UNTOUCHED &&
                       rules_agree(&k, after) &&
                       (n->error != BROKEN || !(s->k.open[who] & PIPE_ENDS));
        if (op == OTHER_ROLE)
                return n->result && n->steps == 0 && rules_agree(&k, after);
        if (n->error || rules_wait(n) == OP_PLACE)
                return n->result == (places && !n->error) && (n->result || n->err == k.error) &&
                       rules_agree(&k, after);
        return rules_wait_returns(s, who, n);
}

/* No wait has begun. */
static void rules_forget(struct rules *r) {
        memset(&r->set[REACHED], 0, SETS - REACHED);
}

/* Nobody sleeps, with nothing that wakes it, whose wait could return. */
static void rules_asleep(struct state s) {
        const struct node *n;
        int who;

        for (who = 0; who < SIDES; who++) {
                n = is_idle(s.at[who]) ? NULL : node_at(s.at[who]);
                if (!n || !n->next.poll.asleep || kernel_wakes(&s.k, who, &n->next.poll))
                        continue;
                rules_forget(&s.rules[who]);
                rules_instant(&s, who, n);
                if (n->start.msec == 0 || !s.rules[who].set[NOTHING])
                        violation("sleeps in a wait that could return: the %s, in %s",
                                  who == PARENT ? "parent" : "child", op_name[n->start.op]);
        }
}

/* ---- the rules end here ---------------------------------------------------------------------- */

/* ---- one side: what an operation asks and returns -------------------------------------------- */

/* Calls the operation of a node, with the answers so far. Fills in what it asks next or returns. */
static void run(struct node *n, Barrier *b, uint64_t more) {
        const int looks = n->start.looks;
        /* Before that many were received, the child looks once, the parent not at all. */
        const bool few = looks == (b->role == BARRIER_CHILD);
        const unsigned heard = waits(n->start.op) && !few ? BARRIER_TRIES_FROM : 0;

        b->placed += heard;
        b->received += heard;
        b->consumed += heard;
        barrier_set_timeout(b, n->start.msec);
        explore_tries = looks > 0 ? (unsigned) looks - 1 : 0;
        b->pause = looks == 0; /* to poll first */
        b->next_pause = 4;
        cursor = ANSWERS_MAX - n_answers;
        unread = more;
        errno = UNTOUCHED;
        if (setjmp(stopped))
                n->next = asked;
        else {
                n->result = true;
                if (n->start.op == LEAVE)
                        barrier_destroy(b);
                else if (n->start.op == OTHER_ROLE)
                        n->result = barrier_set_role(b, b->role ^ BARRIER_PARENT ^ BARRIER_CHILD) ==
                                    -EALREADY;
                else
                        n->result =
                                operate(b, n->start.op, b->role == BARRIER_PARENT ? CODE : -CODE);
                n->err = errno;
                n->next = new_call(RETURN, 0);
        }
        b->placed -= heard;
        b->received -= heard;
        b->consumed -= heard;
}

/* After a word from either side the counters do not matter any more. */
static bool has_word(const Barrier *b) {
        return b->i_aborted || (b->they_aborted && !b->they_left);
}

/* The same, as far as the counters of one side matter. */
static Barrier normal(Barrier b) {
        uint64_t base = b.received < b.placed ? b.received : b.placed;

        if (base > 0 && b.consumed < base - 1)
                b.consumed = base - 1;
        base = b.placed < b.consumed ? b.placed : b.consumed;
        b.placed -= base;
        b.received -= base;
        b.consumed -= base;
        if (has_word(&b))
                b.placed = b.received = b.consumed = 0;
        return b;
}

/* Runs the node again where each counter of the side is higher by `shift`, but for `consumed`, which
 * lags by `lag` besides, and `split` of the barriers received are still to be read. */
static void replay(const struct node *n, uint64_t shift, uint64_t lag, uint64_t split) {
        Barrier b = *struct_at(n->idle), after;
        struct node again = *n;
        bool same;

        if (has_word(&b)) { /* then anything goes */
                b.placed += 3 * lag;
                b.received += 3 * split;
                lag = split = 0;
        }
        if (lag && b.consumed + 1 != (b.received < b.placed ? b.received : b.placed))
                return; /* not what normalising can have raised */
        /* Who knows that they left has read all; what polls first decides by what it has read. */
        if (split && (b.they_left || n->start.looks == 0 || n->first_look == -EAGAIN ||
                      b.received - split < b.consumed - lag))
                return;
        b.placed += shift;
        b.received += shift - split;
        b.consumed += shift - lag;
        run(&again, &b, split);
        same = memcmp(&again.next, &n->next, sizeof again.next) == 0;
        if (same && again.next.kind == RETURN) {
                b.received += unread;
                b = normal(b);
                after = normal(*struct_at(n->after));
                same = n->result == again.result && n->err == again.err &&
                       (n->start.op == LEAVE || idle_with(&b) == idle_with(&after));
        }
        if (!same)
                violation("something else with other counters of the same differences: %s",
                          op_name[n->start.op]);
}

/* A wait that found its watch ready asks it again, and nothing else, until that is answered. */
static bool asks_again(const struct node *n) {
        const struct kernel_poll *last = &n->call.poll, *p = &n->next.poll;
        int i, saw = 0;

        if (n->next.kind != POLL || n->call.kind != POLL || p->msec != 0 ||
            p->fd[0] < KERNEL_FD(KERNEL_PIDFD) || p->fd[1] >= 0 || p->fd[2] >= 0)
                return false;
        for (i = 0; i < KERNEL_POLLFDS; i++)
                saw |= last->fd[i] == p->fd[0] && (last->revents[i] || n->call.ret == -EINTR);
        return saw;
}

/* Time as the operation knows it. */
static void check_time(const struct node *n) {
        int left = (DEADLINE - n->clock + 1) / 2;
        int msec = n->start.msec <= 0 ? n->start.msec : left < 0 ? 0 : left;
        bool reads = n->next.kind == READ || n->next.kind == PREADV2;

        if (n->next.kind == POLL && n->next.poll.msec != msec && !asks_again(n))
                violation("polls for the wrong time: %s, %d ms, not %d", op_name[n->start.op],
                          n->next.poll.msec, msec);
        if (n->call.kind == CLOCK && msec == 0 && reads && !n->error)
                violation("tries on though its time is up: %s", op_name[n->start.op]);
        if (n->stands && n->next.kind != RETURN)
                violation("goes on though two poll()s ran out of time and the clock stands: %s",
                          op_name[n->start.op]);
}

/* All that the rest of an operation and its verdict depend on: nodes that have it in common are one. */
struct alike {
        Barrier b, idle; /* now; as the operation found it, but for the counters */
        struct call next;
        uint64_t seen;
        int32_t n[14];

        uint64_t node; /* the first of them */
};

static struct table alikes = { .key = offsetof(struct alike, node), .size = sizeof(struct alike) };

static struct alike alike(const struct node *n) {
        struct alike a = {
                .b = n->now,
                .idle = *struct_at(n->idle),
                .next = n->next,
                .seen = n->seen,
                .n = { n->start.op, n->start.msec, n->start.looks, n->disturbed, n->executed,
                       n->error, n->placed, n->told, n->clock, n->in_vain, n->stands, n->dry,
                       n->result, n->err },
        };

        a.idle.placed = a.idle.received = a.idle.consumed = 0;
        return a;
}

static uint32_t first_alike(const struct node *n, uint32_t number) {
        struct alike a = alike(n);

        a.node = number;
        return (uint32_t) ((struct alike *) table_at(&alikes, table_number(&alikes, &a)))->node;
}

/* What this answer says besides what the operation makes of it. */
static void note_time(struct node *n, const struct call *c) {
        if (c->kind == CLOCK && c->ret > 0) {
                n->stands = n->in_vain == 2 && c->ret == n->clock;
                n->in_vain = c->ret == n->clock ? n->in_vain : 0;
                n->clock = c->ret;
        }
        if (c->kind == POLL && c->ret != -EAGAIN)
                n->in_vain = c->ret == 0 && c->poll.msec > 0 ? n->in_vain + 1 : 0;
}

static void note_answer(struct node *n, const struct call *c) {
        const bool reads = c->kind == READ || c->kind == PREADV2;
        int i;

        if (!n->error)
                n->error = c->ret == -BROKEN                       ? BROKEN
                           : c->kind == WRITE && c->ret == -EAGAIN ? EPROTO
                           : reads && c->value == NO_WORD          ? EPROTO
                                                                   : 0;
        n->disturbed |= n->error || c->ret == -EINTR;
        n->executed |= c->poll.exec;
        n->placed += c->kind == WRITE && c->ret > 0 && c->value == 1;
        n->told += c->kind == WRITE && c->ret > 0 && c->value > 1;
        n->steps++;
        if (reads && !n->first_look && (c->ret > 0 || c->ret == -EAGAIN))
                n->first_look = c->ret;
        note_time(n, c);
        for (i = 0; c->kind == POLL && c->ret != -EAGAIN && i < KERNEL_POLLFDS; i++)
                n->seen = n->seen << 8 | c->poll.revents[i];
}

/* Fills in what follows from a new node. */
static void settle(struct node *n, uint32_t number) {
        const struct call c = n->call;
        const struct node *a;
        uint32_t before = n->before;
        Barrier b;

        if (c.kind == BEGIN) {
                n->idle = before;
                n->start = start_of((int) c.value);
        } else {
                *n = *node_at(before);
                n->before = before;
                n->call = c;
                note_answer(n, &c);
                if (c.kind == POLL && c.ret == -EAGAIN) {
                        n->next = c;
                        n->alike = number;
                        return;
                }
        }
        for (n_answers = 0, a = n; a->call.kind != BEGIN; a = node_at(a->before)) {
                if (++n_answers > ANSWERS_MAX)
                        die("an operation is too long");
                answers[ANSWERS_MAX - n_answers] = a->call;
        }
        b = *struct_at(n->idle);
        run(n, &b, 0);
        if (n->next.kind == RETURN)
                n->after = idle_with(&b);
        n->dry = memcmp(&b, &n->now, sizeof b) == 0 ? n->dry + 1 : 0;
        n->now = b;
        if (n->next.kind == CLOCK || (n->next.kind == POLL && !asks_again(n)))
                n->seen = 0;
        n->alike = merging ? first_alike(n, number) : number;
        check_time(n);
        if (!normalising)
                return;
        replay(n, 1000, 0, 0);
        replay(n, UINT64_C(1) << 40, 0, 0);
        replay(n, 1000, 2, 0);
        replay(n, 1000, 0, 1);
        replay(n, 1000, 2, 1);
}

/* The node to which this call led, before it is one with those alike. */
static uint32_t new_node(uint32_t before, const struct call *c) {
        struct node key = { .before = before, .call = *c };
        uint32_t i, n = nodes.n;

        if (!is_idle(before) && node_at(before)->call.ret == -EAGAIN &&
            node_at(before)->call.kind == POLL)
                key.before = node_at(before)->before; /* where the poll() began */
        i = table_number(&nodes, &key);
        if (nodes.n > n)
                settle(table_at(&nodes, i), i);
        return i;
}

static uint32_t node_after(uint32_t before, const struct call *c) {
        return node_at(new_node(before, c))->alike;
}

/* The node whose call is the next step of a side. */
static uint32_t move_from(const struct state *s, struct move m) {
        struct call c = new_call(BEGIN, 0);

        c.value = (uint64_t) m.start;
        return m.start < 0 ? s->at[m.who] : node_after(s->at[m.who], &c);
}

/* ---- both sides: steps ----------------------------------------------------------------------- */

static uint32_t came_to; /* the node after the last step, for people */

enum { GO, INTERRUPTED, FAILS, NO_HONEST_PEER, EXECS, TIME_IS_UP, SOME_TIME, LONG_TIME, KILLED };

/* What the kernel returns if nothing disturbs. */
static int ask_kernel(struct kernel *k, int who, struct call *c) {
        return c->kind == WRITE   ? kernel_write(k, who, c->fd, c->value)
               : c->kind == CLOSE ? kernel_close(k, who, c->fd)
               : c->kind == POLL  ? kernel_poll(k, who, &c->poll)
                                  : kernel_read(k, who, c->fd, &c->value);
}

/* Whether the next look of a poll() is at a pidfd, of the other side, which lives. */
static bool looks_at_living(const struct kernel *k, int who, const struct kernel_poll *p) {
        int i = p->look;

        while (i < KERNEL_POLLFDS && p->fd[i] < 0)
                i++;
        return i < KERNEL_POLLFDS && p->fd[i] >= KERNEL_FD(KERNEL_PIDFD) && !k->dead[!who];
}

/* The look falls into an execve(). Returns false if that cannot be. */
static bool executes(struct state *s, int who, struct call *c) {
        c->poll.exec = may_be(who) && looks_at_living(&s->k, who, &c->poll);
        if (c->poll.exec)
                c->ret = ask_kernel(&s->k, who, c);
        return c->poll.exec;
}

/* A signal comes. Linux closes all the same, and looks before it says that a poll() without time was
 * interrupted. One that may sleep may say so before its first look. Returns false if that cannot be. */
static bool interrupt(struct state *s, int who, struct call *c, bool between_looks) {
        bool polls = c->kind == POLL, looked = c->kind == CLOSE || (polls && c->poll.msec == 0);
        int ready = looked ? ask_kernel(&s->k, who, c) : 0;

        c->ret = polls && ready ? ready : -EINTR;
        return c->kind <= CLOSE && (!polls || looked || between_looks);
}

/* Fills in the answer to a call; false if that cannot happen now. For GO, and what the pass has. */
static bool answer(struct state *s, int who, const struct node *n, struct call *c, int choice) {
        bool disturb = !n->disturbed && may_be(who), polls = c->kind == POLL;
        bool slept = c->poll.asleep, begins = polls && c->poll.look == 0 && !slept;
        bool reads = c->kind == READ || c->kind == PREADV2;

        if (choice == GO) {
                if (slept && !kernel_wakes(&s->k, who, &c->poll))
                        return false;
                c->ret = c->kind != CLOCK ? ask_kernel(&s->k, who, c) : n->clock ? n->clock : EARLY;
                return true;
        }
        c->poll.asleep = false;
        switch (choice) {
        case INTERRUPTED:
                return interrupt(s, who, c, begins || slept) && disturb;
        case FAILS:
                c->ret = -BROKEN;
                return disturb &&
                       (c->kind == WRITE || c->kind == READ || c->kind == CLOCK || begins);
        case NO_HONEST_PEER: /* the eventfd is full, or holds what nobody writes */
                c->ret = reads ? (int) sizeof c->value : -EAGAIN;
                c->value = reads ? NO_WORD : c->value;
                return disturb && (reads || c->kind == WRITE);
        case EXECS:
                return polls && !n->executed && !slept && executes(s, who, c);
        case TIME_IS_UP:
                c->ret = 0;
                return slept && c->poll.msec > 0;
        default:
                c->ret = choice == SOME_TIME ? HALF_TIME : DEADLINE;
                return c->kind == CLOCK && n->clock > 0 && n->clock < c->ret;
        }
}

/* Brings a state to the one that stands for all of its like; see the top. */
static void normalise(struct state *s) {
        int i, who, ahead, highest;
        uint64_t *counter, more;
        uint8_t *set;
        Barrier b;

        for (who = 0; who < SIDES; who++) {
                set = s->rules[who].set;
                ahead = rules_ahead(s, who);
                highest = ahead > 0 ? ahead + 1 : 1;
                for (i = 0; i < SETS; i++) /* more that are not consumed are as good as that */
                        if (set[i] >> highest)
                                set[i] = (uint8_t) ((set[i] & ((1 << highest) - 1)) | 1 << highest);
                if (!is_idle(s->at[who]))
                        continue;
                counter = &s->k.counter[!who];
                more = *counter & PLACED_MAX;
                more -= more > 0;
                *counter -= more;
                b = *struct_at(s->at[who]);
                b.received += more;
                b = normal(b);
                if (s->at[who] == GONE)
                        set[CONSUMED] = 0;
                else if (memcmp(&b, struct_at(s->at[who]), sizeof b) != 0)
                        s->at[who] = idle_with(&b);
        }
}

/* Runs an operation of an idle side alone, from beginning to end. */
static const struct node *run_alone(struct state *s, int who, int start) {
        const struct node *n;
        struct call c;
        uint32_t at = move_from(s, (struct move){ .who = (uint8_t) who, .start = (int16_t) start });

        for (n = node_at(at); n->next.kind != RETURN; n = node_at(at)) {
                c = n->next;
                if (!answer(s, who, n, &c, GO))
                        die("a wait without time sleeps");
                at = node_after(at, &c);
        }
        return n;
}

static bool says_not_yet(const struct node *n) {
        return !n->result && n->err == ETIMEDOUT && !barrier_they_aborted(struct_at(n->after));
}

static bool epoll_is_readable(const struct kernel *k, int who) {
        struct kernel_poll p = watched;

        return kernel_wakes(k, who, &p);
}

/* What an idle side may ask without a step, in each state. */
static void check_idle(const struct state *s, int who) {
        const Barrier *idle = struct_at(s->at[who]);
        const char *name = who == PARENT ? "parent" : "child";
        struct state now, quiet;
        bool readable, not_yet;
        Barrier b = *idle;
        int op, begin, r;

        watched = (struct kernel_poll){ .fd = { -1, -1, -1 } };
        r = barrier_epoll(idle);
        if (s->at[who] == GONE || idle->they_aborted) {
                if (r != (s->at[who] == GONE ? -ENOTCONN : -EPIPE))
                        violation("an epoll of what has ended: the %s", name);
                return;
        }
        if (barrier_set_role(&b, b.role) != -EALREADY || memcmp(&b, idle, sizeof b) != 0)
                violation("setting the role again changes something: the %s", name);
        if (r != KERNEL_FD(KERNEL_OBJECTS))
                violation("there is no epoll: the %s", name);
        readable = epoll_is_readable(&s->k, who);
        for (op = OP_WAIT_NEXT; op <= OP_WAIT_ABORTION; op++) {
                if (op == OP_PLACE_AND_SYNC)
                        continue;
                /* A wait that said "not yet" leaves this side where it says so while nothing comes. */
                begin = (op * 3 + 1) * LOOKS;
                quiet = now = *s;
                memset(quiet.k.counter, 0, sizeof quiet.k.counter);
                memset(quiet.k.dead, 0, sizeof quiet.k.dead);
                memset(quiet.k.open, 0xff, sizeof quiet.k.open);
                if (!says_not_yet(run_alone(&quiet, who, begin)))
                        continue;
                not_yet = says_not_yet(run_alone(&now, who, begin));
                if (!not_yet && !readable)
                        violation("the epoll misses what ends a wait: the %s, %s", name,
                                  op_name[op]);
                if (not_yet && epoll_is_readable(&now.k, who))
                        violation("the epoll is readable after a wait has seen all: the %s, %s",
                                  name, op_name[op]);
                if (not_yet && readable && op == OP_WAIT_NEXT)
                        violation("the epoll is readable for nothing: the %s", name);
        }
}

/* Not what the rules want. */
static void wrong_return(const struct node *n, const struct rules *r) {
        const Barrier *b = struct_at(n->after);

        violation("the wrong result: %s returned %s, errno %s, having written %d barriers and %d "
                  "abortions; the "
                  "contract wants something else%s%s%s%s%s\n     barrier_error: %d, i_aborted: %d, "
                  "they_aborted: %d, they_left: %d",
                  op_name[n->start.op], n->result ? "true" : "false",
                  n->err == UNTOUCHED ? "as before" : strerror(n->err), n->placed, n->told,
                  r->set[REACHED] ? ", true" : "", r->set[WORD] ? ", the other's abortion" : "",
                  r->set[CANCELED] ? ", ECANCELED" : "",
                  r->set[LEFT] ? ", that the other left" : "", r->set[NOTHING] ? ", to wait" : "",
                  barrier_error(b), barrier_i_aborted(b), barrier_they_aborted(b),
                  barrier_they_left(b));
}

/* A side made many calls. If it runs on alone, it has to return or to sleep. */
static void check_end(struct state s, int who) {
        const struct node *n = node_at(s.at[who]);
        int calls = 20 + 4 * n->start.looks;

        while (n->next.kind != RETURN && calls-- > 0) {
                struct call c = n->next;

                if (!answer(&s, who, n, &c, GO))
                        return;
                s.at[who] = node_after(s.at[who], &c);
                n = node_at(s.at[who]);
        }
        if (n->next.kind != RETURN)
                violation("one system call after the other, though nothing changes: %s",
                          op_name[n->start.op]);
}

static void killed(struct state *s, int who) {
        kernel_kill(&s->k, who);
        s->k.dead[who] = pass->watch; /* else nobody asks */
        if (who != HOLDER) {
                s->at[who] = GONE;
                rules_forget(&s->rules[who]);
        }
        rules_changed(s, PARENT);
        rules_changed(s, CHILD);
}

/* What follows from one call, or one look of a poll(). */
static void called(struct state *s, int who, uint32_t at, const struct call *c) {
        const struct node *n = node_at(at);
        int op = n->start.op;
        uint32_t known = nodes.n;

        if (c->ret == -EBADF || c->ret == -ENOSYS || c->ret == -EINVAL ||
            (c->poll.revents[0] | c->poll.revents[1] | c->poll.revents[2]) & POLLNVAL)
                violation("a descriptor was used that is not open, or not for this");
        if (c->kind == CLOSE && op != LEAVE &&
            !(n->error == BROKEN && (op == OP_ABORT || op == OP_FAIL)))
                violation("closed a descriptor: %s", op_name[op]);
        came_to = new_node(at, c);
        s->at[who] = node_at(came_to)->alike;
        n = node_at(s->at[who]);
        if (c->kind == CLOSE)
                rules_changed(s, who);
        if (c->kind == WRITE && c->ret > 0)
                rules_wrote(s, who, n, c->value);
        if (n->steps > (nodes.n > known ? 6 : 30))
                check_end(*s, who);
}

/* Makes one step, from a node of its side; false if it cannot be made. */
static bool step(struct state *s, struct move m, uint32_t at) {
        const int who = m.who;
        const struct node *n;
        struct call c;

        if (m.choice == KILLED)
                killed(s, who);
        else {
                came_to = at;
                n = node_at(at);
                c = n->next;
                if (c.kind == RETURN ? m.choice != GO : !answer(s, who, n, &c, m.choice))
                        return false;
                if (is_idle(s->at[who]) && rules_wait(n) != OP_PLACE)
                        rules_instant(s, who, n);
                s->at[who] = at;
                if (c.kind != RETURN)
                        called(s, who, at, &c);
                n = node_at(s->at[who]);
                if (n->next.kind == RETURN) {
                        s->at[who] = n->after;
                        if (!rules_returns(s, who, n))
                                wrong_return(n, &s->rules[who]);
                        rules_forget(&s->rules[who]);
                }
        }
        if (normalising)
                normalise(s);
        return true;
}

/* Right after the fork. set_role closes what nobody else misses, so its place in time is free. */
static struct state start(void) {
        struct state s = { 0 };
        Barrier b, mine;
        bool good;
        int who;

        (void) idle_with(&(Barrier) BARRIER_NULL); /* GONE */
        starting = &s.k;
        starter = PARENT;
        good = barrier_init(&b) == 0;
        kernel_fork(&s.k, PARENT, CHILD);
        if (pass->copies)
                kernel_fork(&s.k, PARENT, HOLDER);
        for (who = 0; who < SIDES; who++) {
                starter = who;
                mine = b;
                if (pass->watch && may_be(who))
                        good &= barrier_watch(&mine, kernel_pidfd_open(&s.k, who, !who)) == 0;
                good &= barrier_set_role(&mine, who == CHILD ? BARRIER_CHILD : BARRIER_PARENT) == 0;
                s.at[who] = idle_with(&mine);
                s.rules[who].set[CONSUMED] = 1;
        }
        starting = NULL;
        if (!good)
                die("no barrier to start with");
        return s;
}

/* ---- a schedule for people ------------------------------------------------------------------- */

static void print_call(struct move m, const struct call *c) {
        static const char *const name[] = { "(no call)", "write", "read",         "preadv2",
                                            "poll",      "close", "clock_gettime" };
        static const char *const fds[] = { "me", "them", "my pipe end", "their pipe end", "pidfd" };
        int object, fd = c->fd, look = c->poll.look ? c->poll.look : KERNEL_POLLFDS;

        printf("%s", name[c->kind]);
        if (c->kind == BEGIN)
                return;
        if (c->kind == POLL)
                do
                        fd = c->poll.fd[--look]; /* back to the one that it looked at */
                while (fd < 0);
        object = fd - KERNEL_FD(0);
        object = object < KERNEL_PIDFD ? object ^ m.who : KERNEL_PIDFD;
        if (c->kind == POLL && (m.choice == GO || m.choice == EXECS))
                printf(" looks at %s: %s%s", fds[object], m.choice == EXECS ? "an execve(), " : "",
                       !c->poll.revents[look]           ? "nothing"
                       : c->poll.revents[look] & POLLIN ? "readable"
                                                        : "hung up");
        else if (c->kind == CLOCK)
                printf(": %g ms", (c->ret - EARLY) / 2.0);
        else if (c->kind != POLL)
                printf("(%s)", fds[object]);
        else if (m.choice == TIME_IS_UP)
                printf(": time is up");
        if (c->value >> 63)
                printf(": aborted, code %d", (int) (c->value >> 48 & 0x7fff));
        else if (c->value || c->kind == WRITE)
                printf(": %" PRIu64 " placed", c->value);
        if (c->ret < 0 && !(c->kind == POLL && c->ret == -EAGAIN))
                printf(": %s", strerror(-c->ret));
}

/* Makes a step again, and prints it. */
static void retell(struct state *s, struct move m) {
        static const char *const how[] = { "polls first", "1 look", "2 looks", "3 looks" };
        static int number;
        const struct node *n;

        if (m.choice != KILLED && is_idle(s->at[m.who]) != (m.start >= 0))
                return; /* normalising has lost the way */
        (void) step(s, m, m.choice == KILLED ? 0 : move_from(s, m));
        printf("%3d  %*s", ++number, m.who == CHILD ? 50 : 0, "");
        if (m.choice == KILLED) {
                puts(m.who == HOLDER ? "(the third process ends)" : "killed");
                return;
        }
        n = node_at(came_to);
        printf("%s", op_name[n->start.op]);
        if (waits(n->start.op) && n->start.msec >= 0)
                printf(", %d ms", n->start.msec);
        if (waits(n->start.op) && n->start.msec != 0)
                printf(", %s", how[n->start.looks]);
        printf("  ");
        print_call(m, &n->call);
        if (n->next.kind == RETURN)
                printf(" -> %s", n->result ? "true" : "false");
        if (n->next.kind == RETURN && n->err != UNTOUCHED && !n->result)
                printf(", %s", strerror(n->err));
        printf("\n");
}

/* Prints the way to a state that was visited, and returns it with counters as they are in truth. */
static struct state retrace(uint32_t number) {
        const struct visited *v = table_at(states, number);
        struct state s;

        if (number == 0)
                return start();
        s = retrace(v->from);
        retell(&s, v->move);
        return s;
}

static const char *pass_name(const struct pass *p);

/* Prints the way to the violation, which may be in one step more. */
static void report(const struct move *last) {
        struct state s;

        printf("\n%s\n\nThe shortest schedule to a violation in this pass:\n\n", pass_name(pass));
        normalising = false;
        s = retrace(current);
        if (last)
                retell(&s, *last);
        printf("\n     %s\n", wrong);
        exit(1);
}

/* ---- any lead -------------------------------------------------------------------------------- */

/* States without their numbers. Of a counter is left what a poll(), a look or a rule asks of it: is
 * it higher than another? And steps that waits make from these. README.md says what follows where a
 * greater lead brings no new ones. */
static struct table outlines = { .key = sizeof(struct state), .size = sizeof(struct state) };
static struct table outline_sides = { .key = offsetof(struct alike, node),
                                      .size = sizeof(struct alike) };

struct wait_step {
        uint32_t from, after; /* an outline; the side of it that waits, with what it asks next */
        struct move move;
};

static struct table wait_steps = { .key = sizeof(struct wait_step),
                                   .size = sizeof(struct wait_step) };

static bool outlining;        /* they are noted */
static bool all_known;        /* a new one is a violation */
static uint32_t outline_from; /* of the state whose steps are made */

static uint32_t outline_side(uint32_t at) {
        struct alike a = { .n = { 0 } };
        struct node n = { 0 };

        if (!is_idle(at))
                n = *node_at(at);
        if (n.next.kind == WRITE && n.next.value == 1)
                at = n.idle; /* it was interrupted before it placed: as if it had not begun */
        if (is_idle(at))
                a.b = *struct_at(at);
        else {
                n.dry = 0; /* a side does not know how long nothing has changed */
                n.err = n.result ? 0 : n.err;
                a = alike(&n);
        }
        a.b.received =
                (a.b.received > a.b.consumed ? 1U : 0) | (a.b.received >= a.b.placed ? 2U : 0);
        a.b.placed = a.b.consumed = 0;
        return table_number(&outline_sides, &a);
}

static uint32_t outline(struct state s) {
        uint64_t *counter;
        uint8_t *set;
        int who, i;

        for (who = 0; who < SIDES; who++) {
                counter = &s.k.counter[who];
                set = s.rules[who].set;
                s.at[who] = outline_side(s.at[who]);
                *counter = (*counter & ~PLACED_MAX) | ((*counter & PLACED_MAX) != 0);
                for (i = 0; i < SETS; i++) /* whether none may be new, and whether any may be */
                        set[i] = (uint8_t) ((set[i] & 1) | (set[i] > 1 ? 2 : 0));
        }
        s.lead = (int16_t) ((s.lead > 0) - (s.lead < 0));
        return table_number(&outlines, &s);
}

/* A step was made, to this state. */
static void note_outline(const struct state *s, struct move m) {
        const struct node *n = m.choice == KILLED ? NULL : node_at(came_to);
        const uint32_t known_outlines = outlines.n, known_steps = wait_steps.n;
        struct wait_step made = { .from = outline_from, .move = m };

        (void) outline(*s);
        if (n && rules_wait(n) != OP_PLACE && n->call.kind != WRITE) {
                made.after = outline_side(came_to);
                (void) table_number(&wait_steps, &made);
        }
        if (all_known && !*wrong && (outlines.n > known_outlines || wait_steps.n > known_steps))
                (void) snprintf(
                        wrong, sizeof wrong,
                        "a lead of %d brings a %s that a lead of %d does not have", pass->lead,
                        outlines.n > known_outlines ? "state" : "step of a wait", pass->lead - 1);
}

/* ---- breadth first --------------------------------------------------------------------------- */

/* What check_idle() depends on. */
struct idle {
        uint32_t at, who;
        struct kernel k;
};

static uint64_t transitions;
static uint32_t bound = UINT32_MAX; /* so many states make steps, at most */
static struct table checked = { .key = sizeof(struct idle), .size = sizeof(struct idle) };
static struct table idles[2]; /* where both sides are idle, with normalisation and without */

/* Steps that were made. Where they led is looked up together, when memory has brought the slots. */
static struct visited fresh[64];
static size_t n_fresh;

/* Once for each that is different. */
static void check_idles(const struct state *s) {
        struct idle idle;
        uint32_t n;
        int who;

        for (who = 0; normalising && who < SIDES; who++) {
                if (!is_idle(s->at[who]))
                        continue;
                idle = (struct idle){ .at = s->at[who], .who = (uint32_t) who, .k = s->k };
                n = checked.n;
                (void) table_number(&checked, &idle);
                if (checked.n > n)
                        check_idle(s, who);
        }
}

static void look_up(void) {
        const struct visited *v;
        struct state s;
        uint32_t n;

        for (v = fresh; v < fresh + n_fresh; v++) {
                n = states->n;
                if (table_number(states, v) == n) {
                        s = unpack(v);
                        rules_asleep(s);
                        check_idles(&s);
                }
                if (*wrong) {
                        current = v->from;
                        report(&v->move);
                }
        }
        n_fresh = 0;
}

static void attempt(const struct state *from, struct move m, uint32_t at) {
        struct visited *v = &fresh[n_fresh];
        struct state s = *from;

        if (!step(&s, m, at))
                return;
        transitions++;
        if (outlining)
                note_outline(&s, m);
        if (*wrong)
                report(&m);
        *v = pack(&s);
        v->from = current;
        v->move = m;
        __builtin_prefetch(&states->slot[table_hash(states, v) & (states->slots - 1)]);
        if (++n_fresh == sizeof fresh / sizeof *fresh)
                look_up();
}

static bool may_start(const struct state *s, int who, struct start start) {
        const Barrier *b = struct_at(s->at[who]);
        bool looks =
                waits(start.op) && start.op != OP_WAIT_ABORTION && start.msec != 0 && may_be(who);

        if (waits(start.op) && !may_be(who))
                return false;
        if (!waits(start.op) ? start.msec >= 0 : start.msec > 0 && !(pass->msec && may_be(who)))
                return false;
        if (!((looks ? pass->looks : POLL_FIRST) >> start.looks & 1))
                return false;
        if (!pass->ends &&
            (start.op == (who == PARENT ? OP_FAIL : OP_ABORT) || start.op == OTHER_ROLE))
                return false;
        if ((start.op != OP_PLACE && start.op != OP_PLACE_AND_SYNC) || b->error)
                return true;
        return -rules_ahead(s, who) < pass->lead &&
               (normalising || b->placed < (uint64_t) pass->placements);
}

/* Whether this pass has it. */
static bool has_choice(int choice) {
        return choice == GO || (choice == INTERRUPTED      ? pass->eintr
                                : choice <= NO_HONEST_PEER ? pass->fail
                                : choice == EXECS          ? pass->watch
                                                           : pass->msec);
}

/* This side goes on, in each way that the pass has. */
static void go_on(const struct state *s, struct move m) {
        uint32_t at = move_from(s, m);
        int end = node_at(at)->next.kind == RETURN ? INTERRUPTED : KILLED;

        for (m.choice = GO; m.choice < end; m.choice++)
                if (has_choice(m.choice))
                        attempt(s, m, at);
}

/* Makes each step that is possible. */
static void expand(const struct state *s) {
        struct move m;

        for (m.who = PARENT; m.who <= HOLDER; m.who++) {
                m.start = -1;
                m.choice = KILLED;
                if (m.who == HOLDER ? s->k.open[HOLDER] != 0
                                    : pass->kill && may_be(!m.who) && !s->k.dead[m.who] &&
                                              (s->k.open[m.who] || pass->watch))
                        attempt(s, m, 0);
                if (m.who == HOLDER || s->at[m.who] == GONE)
                        continue;
                m.start = is_idle(s->at[m.who]) ? 0 : -1;
                do
                        if (m.start < 0 || may_start(s, m.who, start_of(m.start)))
                                go_on(s, m);
                while (m.start >= 0 && ++m.start < STARTS);
        }
}

static void explore(bool normalised) {
        struct state s = start();
        struct visited v = pack(&s);
        uint32_t n;

        normalising = merging = normalised;
        table_clear(&nodes);
        table_clear(&alikes);
        transitions = 0;
        states = &tables[!normalised];
        table_clear(states);
        *states = (struct table){ .key = offsetof(struct visited, from), .size = sizeof v };
        idles[!normalised] = (struct table){ .key = sizeof s, .size = sizeof s };
        (void) table_number(states, &v);
        for (current = 0; current < states->n && current < bound; current++) {
                s = unpack(table_at(states, current));
                if (outlining)
                        outline_from = outline(s);
                expand(&s);
                if (current + 1 == states->n || current + 1 == bound)
                        look_up();
                if (!pass->placements || !is_idle(s.at[PARENT]) || !is_idle(s.at[CHILD]))
                        continue;
                normalise(&s);
                (void) table_number(&idles[!normalising], &s);
                n = idles[0].n;
                if (!normalising && bound == UINT32_MAX && table_number(&idles[0], &s) == n) {
                        violation("an idle state that is not there with normalisation");
                        report(NULL);
                }
        }
}

/* ---- passes ---------------------------------------------------------------------------------- */

enum { TWO = POLL_FIRST | LOOK, ALL = TWO | LOOK_TWICE | LOOK_THRICE };

#define DISTURBED   .kill = true, .eintr = true, .fail = true, .msec = true, .copies = true
#define ALL_AT_ONCE DISTURBED, .watch = true

static const struct pass full[] = {
        { 1, POLL_FIRST, .placements = 6 },
        { 3, TWO, .kill = true },
        { 2, ALL, .kill = true },
        { 2, TWO, .kill = true, .ends = true },
        { 2, TWO, .kill = true, .copies = true },
        { 2, TWO, .kill = true, .copies = true, .watch = true },
        { 2, POLL_FIRST, .kill = true, .eintr = true },
        { 1, POLL_FIRST, .kill = true, .eintr = true, .copies = true, .watch = true },
        { 1, POLL_FIRST, .kill = true, .eintr = true, .fail = true, .old = true },
        { 1, POLL_FIRST | LOOK_THRICE, .kill = true, .msec = true },
        { 2, TWO, DISTURBED, .only = BARRIER_PARENT },
        { 2, TWO, DISTURBED, .only = BARRIER_CHILD },
        { 2, TWO, ALL_AT_ONCE, .only = BARRIER_PARENT },
        { 2, TWO, ALL_AT_ONCE, .only = BARRIER_CHILD },
        { 1, ALL, ALL_AT_ONCE, .old = true, .ends = true, .only = BARRIER_PARENT },
        { 1, ALL, ALL_AT_ONCE, .old = true, .ends = true, .only = BARRIER_CHILD },
};

static const struct pass brief[] = {
        { 1, POLL_FIRST, .kill = true, .eintr = true, .fail = true, .old = true,
          .only = BARRIER_PARENT },
        { 1, ALL, .msec = true, .only = BARRIER_CHILD },
        { 1, TWO, .kill = true },
        { 1, POLL_FIRST, ALL_AT_ONCE, .only = BARRIER_CHILD },
        { 1, POLL_FIRST, .ends = true },
        { 1, POLL_FIRST, .placements = 3 },
};

/* Each with a lead, and with one less, which has to do for it. */
static const struct pass led[] = {
        { 0, TWO, .kill = true },
        { 0, POLL_FIRST, .kill = true, .eintr = true },
};

enum {
        FULL = sizeof full / sizeof *full,
        BRIEF = sizeof brief / sizeof *brief,
        LED = sizeof led / sizeof *led,
};

/* What a real process meets: each two of these, on either side, are in one pass at least. */
static const struct {
        const char *name;
        size_t at; /* in a pass */
} disturbances[] = {
        { "kill", offsetof(struct pass, kill) },
        { "EINTR", offsetof(struct pass, eintr) },
        { "failures", offsetof(struct pass, fail) },
        { "time", offsetof(struct pass, msec) },
        { "copies", offsetof(struct pass, copies) },
        { "watch", offsetof(struct pass, watch) },
        { "no preadv2", offsetof(struct pass, old) },
        { "all ends", offsetof(struct pass, ends) },
        { "tries", 0 },
};

enum { DISTURBANCES = sizeof disturbances / sizeof *disturbances, TRIES = DISTURBANCES - 1 };

static bool has(const struct pass *p, int disturbance) {
        if (disturbance == TRIES)
                return (p->looks & (LOOK_TWICE | LOOK_THRICE)) != 0;
        return *(const bool *) ((const char *) p + disturbances[disturbance].at);
}

/* What a pass combines, in words. */
static void add_word(char *name, size_t size, const char *separator, const char *word) {
        size_t n = strlen(name);

        (void) snprintf(name + n, size - n, "%s%s", n ? separator : "", word);
}

static const char *pass_name(const struct pass *p) {
        static char name[200];
        int i;

        *name = 0;
        for (i = 0; i < DISTURBANCES; i++)
                if (has(p, i))
                        add_word(name, sizeof name, ", ", disturbances[i].name);
        if (p->only)
                add_word(name, sizeof name, "; ", p->only == BARRIER_PARENT ? "parent" : "child");
        if (p->placements)
                add_word(name, sizeof name, ", ", "not normalised");
        return name;
}

/* On which sides two disturbances meet. */
static int sides_of(int first, int second, bool print) {
        int k, sides = 0;

        for (k = 0; k < FULL; k++) {
                if (!has(&full[k], first) || !has(&full[k], second))
                        continue;
                sides |= full[k].only ? full[k].only : BARRIER_PARENT | BARRIER_CHILD;
                if (print)
                        printf(" %d", k + 1);
        }
        return sides;
}

/* Which passes have two disturbances; there has to be one for either side. */
static void check_pairs(bool print) {
        int i, j, sides;

        for (i = 0; i < DISTURBANCES; i++)
                for (j = i + 1; j < DISTURBANCES; j++) {
                        if (print)
                                printf("%s with %s: pass", disturbances[i].name,
                                       disturbances[j].name);
                        sides = sides_of(i, j, print);
                        if (print)
                                printf("\n");
                        if (sides == (BARRIER_PARENT | BARRIER_CHILD))
                                continue;
                        fprintf(stderr, "explore: no pass has %s with %s on the %s's side\n",
                                disturbances[i].name, disturbances[j].name,
                                sides & BARRIER_PARENT ? "child" : "parent");
                        exit(2);
                }
        if (print)
                printf("\n");
}

static int greatest_lead; /* of --leads; or 0 */
static uint64_t *total;   /* states and transitions of all passes */

static void print_row(int number, uint64_t n, uint64_t made, int whose) {
        struct rusage usage;

        (void) getrusage(whose, &usage);
        if (number)
                printf("%2d %-79s %d", number, pass_name(pass), pass->lead);
        else
                printf("   %-79s  ", "all");
        printf(" %11" PRIu64 " %12" PRIu64 " %6.0f %5ld\n", n, made,
               (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6,
               usage.ru_maxrss / 1024);
}

/* One pass, in a process of its own. */
static void run_pass(int number) {
        struct pass p = *pass;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        pass = &p;
        if (greatest_lead) {
                outlining = true;
                p.lead = greatest_lead - 1;
                explore(true);
                print_row(number, states->n, transitions, RUSAGE_SELF);
                printf("   %u states without numbers, %u steps of waits\n", outlines.n,
                       wait_steps.n);
                (void) fflush(stdout);
                all_known = true;
                p.lead++;
        }
        explore(true);
        if (pass->placements)
                explore(false);
        if (idles[1].n < idles[0].n && bound == UINT32_MAX) {
                printf("\nThe shortest schedule: none; %u idle states, %u without normalisation\n",
                       idles[0].n, idles[1].n);
                exit(1);
        }
        print_row(number, states->n, transitions, RUSAGE_SELF);
        (void) __atomic_fetch_add(&total[0], states->n, __ATOMIC_RELAXED);
        (void) __atomic_fetch_add(&total[1], transitions, __ATOMIC_RELAXED);
        exit(0);
}

/* So many passes at a time, up to the first violation. */
static int run_all(const struct pass *passes, int n, int cores) {
        int i, failed = 0, status;
        pid_t pid;

        total = mmap(NULL, 2 * sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
        if (total == MAP_FAILED)
                die("mmap");
        printf("   %-79s K %11s %12s %6s %5s\n", "what can happen", "states", "transitions",
               "CPU s", "MB");
        (void) fflush(stdout);
        for (i = 0; i < n + cores && !failed; i++) {
                if (i >= cores) {
                        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
                                die("a pass failed");
                        failed = WEXITSTATUS(status);
                }
                if (i < n && !failed) {
                        pass = &passes[i];
                        pid = fork();
                        if (pid < 0)
                                die("fork");
                        if (pid == 0)
                                run_pass(i + 1);
                }
        }
        if (!failed)
                print_row(0, total[0], total[1], RUSAGE_CHILDREN);
        printf("explore: %d passed, %d failed, 0 skipped\n", i - cores - failed, failed);
        return failed;
}

int main(int argc, char **argv) {
        const bool brief_form = argc == 2 && strcmp(argv[1], "--short") == 0;
        const int cores = (int) sysconf(_SC_NPROCESSORS_ONLN);
        uint64_t number = 3;

        if (argc > 1 && strcmp(argv[1], "--leads") == 0 && argc <= 3 &&
            (argc == 2 || parse_number(argv[2], &number)) && number > 1 && number <= LEAD_MAX) {
                greatest_lead = (int) number;
                return run_all(led, LED, cores);
        }
        if (argc == 3 && strcmp(argv[1], "--first") == 0 && parse_number(argv[2], &number) &&
            number < UINT32_MAX) {
                bound = (uint32_t) number;
                return run_all(brief, BRIEF, 1);
        }
        if (argc > 1 && !brief_form)
                die("the options are --short, --first with a number of states, and --leads with a "
                    "lead from 2 to 6, or with none");
        check_pairs(!brief_form);
        return brief_form ? run_all(brief, BRIEF, cores) : run_all(full, FULL, cores);
}
