/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * explore - runs barrier.c through every state that its two sides can reach, by programs of any
 * length, and asks a model each time
 *
 *      explore             all of it, some minutes on two cores
 *      explore --short     the same questions with less room, a few seconds
 *      explore --first N   the same, but in each pass from the first N states alone, in an instant
 *      explore --leads [K] whether a lead of K, or of 3, brings what a lead of one less does not
 *      have
 *
 * Exit status 0: no violation; 1: a violation, a shortest schedule that shows it is printed; 2: the
 * explorer itself failed.
 *
 * HOW TO READ THIS FILE
 *
 * barrier.c is included below as it stands, with its system calls turned into questions. Each side
 * calls any operation whenever the last one returned, for ever. Each system call is one step, and
 * so is each look of a poll() at a descriptor, for poll() is not atomic. explore() takes every step
 * that is possible from every state that it finds, breadth first, until there are no new states.
 *
 * A side has to stop in the middle of an operation and go on later, many times over. No second
 * stack is needed for that: barrier.c keeps nothing but its struct and locals, so what it does next
 * follows from the struct at the start of the operation and the answers so far. Each such history
 * is a node: run() calls the operation once for it, with the recorded answers, and notes what it
 * asks next or what it returns. Histories that leave a side with the same struct at the same place
 * are one node (struct alike). A state is two nodes, the kernel of kernel.h, and what the rules
 * need to know.
 *
 * barrier_epoll() is asked wherever a wait polls, and has to have the same descriptors: so it
 * misses nothing if no wait sleeps that could return.
 *
 * Counters grow for ever, but only their differences matter, and of these not all. normalise()
 * makes the number of states finite while one side leads the other by a bounded number of barriers:
 *
 *      - the counters of a side are shifted down together;
 *      - a side that is not in an operation is taken to have read all but one of the barriers that
 *        wait for it, and to have consumed all linked ones but one: one is as good as many;
 *      - who has aborted, or knows that the other has, needs no counters.
 *
 * That this loses nothing is shown, not believed. Each node is run again with counters that are
 * shifted, lag, or are split otherwise between struct and kernel, and has to do the same
 * (replay()). And a run without all this, in which each history is a node too, up to some
 * placements a side, has to come to the same idle states (explore()).
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

static char wrong[300]; /* the violation, or "" */

__attribute__((noreturn)) static void die(const char *why) {
        fprintf(stderr, "explore: %s\n", why);
        _exit(2);
}

static void append(char *text, size_t size, const char *word) {
        const size_t n = strlen(text);

        (void) snprintf(text + n, size - n, "%s", word);
}

/* The first one counts. Each kind has a text of its own, up to a colon; what differs comes
 * after. */
static void violation(const char *what) {
        if (!*wrong)
                (void) snprintf(wrong, sizeof wrong, "%s", what);
}

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

/* What may happen besides, as a set. */
enum {
        KILL = 1,    /* at any step */
        SIGNAL = 2,  /* once in each operation, at any of its calls */
        FAIL = 4,    /* the same with EIO, or the other side seems to break the protocol */
        TIME = 8,    /* a wait also has some time, any part of it may pass at any time, or none ever
                      * does, and poll() may end early */
        COPIES = 16, /* a third process has copies of all, while it lives */
        WATCH = 32,  /* both have a pidfd; a look of each operation at it falls into an execve() */
        OLD = 64,    /* the kernel does not have preadv2() */
        ENDS = 128,  /* each side may abort with and without a code, and set the other role; else it
                      * aborts in one way */
        TRIES = 256, /* a wait looks more than once before it sleeps: `looks` says so */
        KINDS = 9
};

/* What a wait may do before it sleeps: a set of the numbers in start.looks. */
enum { POLL_FIRST = 1, LOOK = 2, LOOK_TWICE = 4, LOOK_THRICE = 8, LOOKS = 4 };
enum { TWO = POLL_FIRST | LOOK, ALL = TWO | LOOK_TWICE | LOOK_THRICE };

enum { BOTH = 0 };

static const struct pass {
        int lead;       /* of the barriers of one side over those of the other, at most */
        int looks;      /* who is not disturbed polls first */
        unsigned has;   /* of the above, but for TRIES */
        int only;       /* the side that all these are for, and that alone waits; or BOTH */
        int placements; /* of a side at most, without normalisation; 0: any number, normalised */
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
        /* No mutant: none keeps anything outside of the struct and of its locals. */
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

static int sim_close(int fd) {
        struct call c = new_call(CLOSE, fd);

        return starting ? kernel_close(starting, starter, fd) : ask(&c);
}

static ssize_t sim_transfer(int kind, int fd, void *p, size_t size) {
        struct call c = new_call(kind, fd);
        ssize_t n;

        if (size != sizeof c.value)
                violation("it reads or writes another size than 8");
        if (kind == PREADV2 && pass->has & OLD) /* an answer that depends on nothing is no step */
                return errno = EOPNOTSUPP, -1;
        if (kind == WRITE)
                memcpy(&c.value, p, sizeof c.value);
        n = ask(&c);
        if (kind != WRITE && n > 0) {
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
        /* What has no room here becomes what no wait polls for. */
        watched.events[n_watched++] =
                event->events < UINT8_MAX ? (uint8_t) event->events : UINT8_MAX;
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
#define write(fd, p, size)                sim_transfer(WRITE, fd, (void *) (p), size)
#define read(fd, p, size)                 sim_transfer(READ, fd, p, size)
#define preadv2(fd, iov, n, offset, flag) sim_transfer(PREADV2, fd, (iov)->iov_base, (iov)->iov_len)
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

/* Keyed by what is in front of this member. */
#define OF(type, member)                                                                           \
        { .key = offsetof(type, member), .size = sizeof(type) }

/* Zeroed, in huge pages if it is big: most of the time goes by waiting for memory. */
static void *get_memory(size_t size, int how) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);

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
        slot = get_memory(t->slots * sizeof *slot, MAP_PRIVATE);
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
                t->chunk[t->n / CHUNK] = get_memory(CHUNK * t->size, MAP_PRIVATE);
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

enum { REST = sizeof(struct state) - offsetof(struct state, k) };

static uint32_t current; /* the state whose steps are made */
static struct table tables[2] = { OF(struct visited, from), OF(struct visited, from) };
static struct table *states; /* those visited: with normalisation the first, or without */
static struct table rests = { .key = REST, .size = REST };
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

/* What an idle side may ask without a step. */
static void check_struct(const Barrier *b) {
        const int epfd = barrier_epoll(b);
        Barrier copy = *b;

        if (b->role &&
            (barrier_set_role(&copy, b->role) != -EALREADY || memcmp(&copy, b, sizeof copy) != 0))
                violation("to set the role again changes something");
        if ((b->they_aborted || !b->role) && epfd != (b->role ? -EPIPE : -ENOTCONN))
                violation("there is an epoll of what has ended");
}

static uint32_t idle_with(const Barrier *b) {
        const uint32_t known = structs.n;
        Barrier copy = *b;
        uint32_t number;

        copy.timeout = -1; /* free choices with each operation */
        copy.pause = copy.next_pause = 0;
        number = table_number(&structs, &copy);
        if (structs.n > known)
                check_struct(&copy);
        return IDLE | number;
}

static const Barrier *struct_at(uint32_t at) {
        return table_at(&structs, at & ~IDLE);
}

/* All that the rest of an operation and its verdict depend on: nodes that have it in common are
 * one. There is no padding in it. */
struct now {
        Barrier b;        /* as it is when the next call is made */
        struct call next; /* what it asks next, or RETURN */
        uint64_t seen;    /* what poll() reported, one byte for each entry, until it sleeps again */
        struct start start;
        uint32_t found;       /* IDLE and the struct as the operation found it, but for counters */
        int32_t result, err;  /* of RETURN */
        int32_t disturbed;    /* by EINTR or a failure */
        int32_t executed;     /* a look at the pidfd fell into an execve() */
        int32_t error;        /* of a failure: BROKEN, or EPROTO; or 0 */
        int32_t placed, told; /* so often it wrote that */
        int32_t clock;        /* half milliseconds since it began, as far as it was told */
        int32_t in_vain;      /* so many poll()s in a row ran out of time since the clock moved */
        int32_t stands;       /* the clock was asked again after two, and has not moved */
        int32_t dry;          /* calls since the struct changed */
        int32_t unused;
};

typedef char now_has_no_padding[sizeof(struct now) == sizeof(Barrier) + sizeof(struct call) +
                                                              9 * sizeof(uint64_t)
                                        ? 1
                                        : -1];

/* A history of an operation, and what it comes to. */
struct node {
        uint32_t before, unused; /* a node, or IDLE and a struct: where the call was made */
        struct call call;        /* with its answer */

        struct now now;
        uint32_t idle, after; /* IDLE and the struct, before and after the operation */
        uint32_t alike;       /* the first node that goes on as this one */
        int first_look;       /* what its first read returned, or 0 */
        int steps;
};

static struct table nodes = OF(struct node, now);

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

        return !held || ((pass->has & WATCH) && may_be(!who) && s->k.dead[who]);
}

/* How many barriers the other side has placed more than this one. */
static int rules_ahead(const struct state *s, int who) {
        return who == PARENT ? -s->lead : s->lead;
}

/* The wait that an operation is, or is in; or PLACE if it does not wait now. */
static int rules_wait(const struct node *n) {
        int op = n->now.start.op;

        if (op == OP_PLACE_AND_SYNC)
                return n->now.placed ? OP_SYNC : OP_PLACE;
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
        int i, op = n->now.start.op, code = op == OP_FAIL ? CODE : op == OP_ABORT ? 0 : BROKEN;

        if (value == 1 && (op == OP_PLACE || op == OP_PLACE_AND_SYNC) && !n->now.error) {
                s->lead = (int16_t) (s->lead + (who == PARENT ? 1 : -1));
                for (i = 0; i < SETS; i++) /* one barrier more that is not consumed */
                        set[i] = (uint8_t) (set[i] << 1 | (set[i] & 0x80));
                if (op == OP_PLACE_AND_SYNC)
                        rules_instant(s, who, n);
        } else if (value == (UINT64_C(1) << 63 | (uint64_t) code << 48) &&
                   (code != BROKEN || n->now.error == BROKEN) && !s->rules[who].sent)
                s->rules[who].sent = (uint8_t) (code ? code : ECONNABORTED);
        else
                violation("the wrong word was written");
        rules_changed(s, who);
}

/* May the wait have come to this? Then what is consumed follows. */
static bool rules_wait_returns(struct state *s, int who, const struct node *n) {
        bool want, time_is_up = n->now.start.msec == 0 || n->now.clock >= DEADLINE || n->now.stands;
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
                if (n->now.result == want && (want || n->now.err == err) &&
                    rules_agree(&m, struct_at(n->after)))
                        set[CONSUMED] |= set[v];
        }
        return set[CONSUMED];
}

/* May the operation return this? */
static bool rules_returns(struct state *s, int who, const struct node *n) {
        const Barrier *after = struct_at(n->after);
        Barrier k = *struct_at(n->idle);
        int op = n->now.start.op;
        bool aborts = op == OP_ABORT || op == OP_FAIL;
        bool places = (op == OP_PLACE || op == OP_PLACE_AND_SYNC) && !k.error;
        /* Who breaks the protocol is told nothing: the write could block for ever. */
        bool tells = !k.i_aborted && (aborts ? !n->now.error : n->now.error == BROKEN);
        bool ends = aborts || n->now.error || op == OTHER_ROLE;
        int error = op == OTHER_ROLE ? EALREADY : n->now.error;

        if (n->now.told != tells ||
            (n->now.error ? n->now.placed > (op == OP_PLACE_AND_SYNC) && places
                          : n->now.placed != places))
                return false;
        if (op == LEAVE)
                return n->after == GONE && n->now.err == UNTOUCHED &&
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
                return n->now.result == !k.they_aborted && n->now.err == UNTOUCHED &&
                       rules_agree(&k, after) &&
                       (n->now.error != BROKEN || !(s->k.open[who] & PIPE_ENDS));
        if (op == OTHER_ROLE)
                return n->now.result && n->steps == 0 && rules_agree(&k, after);
        if (n->now.error || rules_wait(n) == OP_PLACE)
                return n->now.result == (places && !n->now.error) &&
                       (n->now.result || n->now.err == k.error) && rules_agree(&k, after);
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
                if (!n || !n->now.next.poll.asleep || kernel_wakes(&s.k, who, &n->now.next.poll))
                        continue;
                rules_forget(&s.rules[who]);
                rules_instant(&s, who, n);
                if (n->now.start.msec == 0 || !s.rules[who].set[NOTHING])
                        violation("a wait sleeps that could return");
        }
}

/* ---- the rules end here ---------------------------------------------------------------------- */

/* ---- one side: what an operation asks and returns -------------------------------------------- */

static void shift(Barrier *b, uint64_t by) {
        b->placed += by;
        b->received += by;
        b->consumed += by;
}

static bool begin(const struct start *how, Barrier *b) {
        if (how->op == OTHER_ROLE)
                return barrier_set_role(b, b->role ^ BARRIER_PARENT ^ BARRIER_CHILD) == -EALREADY;
        if (how->op != LEAVE)
                return operate(b, how->op, b->role == BARRIER_PARENT ? CODE : -CODE);
        barrier_destroy(b);
        return true;
}

/* Calls the operation of a node, with the answers so far. Fills in what it asks next or returns. */
static void run(struct node *n, Barrier *b, uint64_t more) {
        const struct start *how = &n->now.start;
        /* Before that many were received, the child looks once, the parent not at all. */
        const bool few = how->looks == (b->role == BARRIER_CHILD);
        static uint64_t heard; /* setjmp() spares it */

        heard = waits(how->op) && !few ? BARRIER_TRIES_FROM : 0;
        shift(b, heard);
        barrier_set_timeout(b, how->msec);
        explore_tries = how->looks > 0 ? (unsigned) how->looks - 1 : 0;
        b->pause = how->looks == 0; /* to poll first */
        b->next_pause = 4;
        cursor = ANSWERS_MAX - n_answers;
        unread = more;
        errno = UNTOUCHED;
        if (setjmp(stopped) == 0) {
                n->now.result = begin(how, b);
                n->now.err = errno;
                asked = new_call(RETURN, 0);
        }
        n->now.next = asked;
        shift(b, -heard);
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
        shift(&b, -base);
        if (has_word(&b))
                b.placed = b.received = b.consumed = 0;
        return b;
}

/* Runs the node again where each counter of the side is higher by `higher`, but for `consumed`,
 * which lags by `lag` besides, and `split` of the barriers received are still to be read. */
static void replay(const struct node *n, uint64_t higher, uint64_t lag, uint64_t split) {
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
        if (split && (b.they_left || n->now.start.looks == 0 || n->first_look == -EAGAIN ||
                      b.received - split < b.consumed - lag))
                return;
        shift(&b, higher);
        b.received -= split;
        b.consumed -= lag;
        run(&again, &b, split);
        same = memcmp(&again.now.next, &n->now.next, sizeof again.now.next) == 0;
        if (same && again.now.next.kind == RETURN) {
                b.received += unread;
                b = normal(b);
                after = normal(*struct_at(n->after));
                same = n->now.result == again.now.result && n->now.err == again.now.err &&
                       (n->now.start.op == LEAVE || idle_with(&b) == idle_with(&after));
        }
        if (!same)
                violation("it does something else with other counters of the same differences");
}

/* A wait that found its watch ready asks it again, and nothing else, until that is answered. */
static bool asks_again(const struct node *n) {
        const struct kernel_poll *last = &n->call.poll, *p = &n->now.next.poll;
        int i, saw = 0;

        if (n->now.next.kind != POLL || n->call.kind != POLL || p->msec != 0 ||
            p->fd[0] < KERNEL_FD(KERNEL_PIDFD) || p->fd[1] >= 0 || p->fd[2] >= 0)
                return false;
        for (i = 0; i < KERNEL_POLLFDS; i++)
                saw |= last->fd[i] == p->fd[0] && (last->revents[i] || n->call.ret == -EINTR);
        return saw;
}

/* A wait polls what an epoll has. */
static void check_poll(const struct node *n) {
        const struct kernel_poll *p = &n->now.next.poll;

        if (n->now.next.kind != POLL || asks_again(n))
                return;
        memset(&watched, 0, sizeof watched);
        memset(watched.fd, -1, sizeof watched.fd);
        if (barrier_epoll(&n->now.b) != KERNEL_FD(KERNEL_OBJECTS) ||
            memcmp(p->fd, watched.fd, sizeof p->fd) != 0 ||
            memcmp(p->events, watched.events, sizeof p->events) != 0)
                violation("an epoll has other descriptors than a wait polls");
}

/* Time as the operation knows it. */
static void check_time(const struct node *n) {
        int left = (DEADLINE - n->now.clock + 1) / 2;
        int msec = n->now.start.msec <= 0 ? n->now.start.msec : left < 0 ? 0 : left;
        bool reads = n->now.next.kind == READ || n->now.next.kind == PREADV2;

        if (n->now.next.kind == POLL && n->now.next.poll.msec != msec && !asks_again(n))
                violation("a poll() has the wrong timeout");
        if (n->call.kind == CLOCK && msec == 0 && reads && !n->now.error)
                violation("it goes on trying though its time is up");
        if (n->now.stands && n->now.next.kind != RETURN)
                violation("it goes on though two poll()s ran out of time and the clock stands");
}

struct alike {
        struct now now;

        uint64_t node; /* the first of them */
};

static struct table alikes = OF(struct alike, node);

static uint32_t first_alike(const struct node *n, uint32_t number) {
        struct alike a = { n->now, number };

        return (uint32_t) ((struct alike *) table_at(&alikes, table_number(&alikes, &a)))->node;
}

/* What this answer says besides what the operation makes of it. */
static void note_time(struct node *n, const struct call *c) {
        if (c->kind == CLOCK && c->ret > 0) {
                n->now.stands = n->now.in_vain == 2 && c->ret == n->now.clock;
                n->now.in_vain = c->ret == n->now.clock ? n->now.in_vain : 0;
                n->now.clock = c->ret;
        }
        if (c->kind == POLL && c->ret != -EAGAIN)
                n->now.in_vain = c->ret == 0 && c->poll.msec > 0 ? n->now.in_vain + 1 : 0;
}

static void note_answer(struct node *n, const struct call *c) {
        const bool reads = c->kind == READ || c->kind == PREADV2;
        int i;

        if (!n->now.error)
                n->now.error = c->ret == -BROKEN                       ? BROKEN
                               : c->kind == WRITE && c->ret == -EAGAIN ? EPROTO
                               : reads && c->value == NO_WORD          ? EPROTO
                                                                       : 0;
        n->now.disturbed |= n->now.error || c->ret == -EINTR;
        n->now.executed |= c->poll.exec;
        n->now.placed += c->kind == WRITE && c->ret > 0 && c->value == 1;
        n->now.told += c->kind == WRITE && c->ret > 0 && c->value > 1;
        n->steps++;
        if (reads && !n->first_look && (c->ret > 0 || c->ret == -EAGAIN))
                n->first_look = c->ret;
        note_time(n, c);
        for (i = 0; c->kind == POLL && c->ret != -EAGAIN && i < KERNEL_POLLFDS; i++)
                n->now.seen = n->now.seen << 8 | c->poll.revents[i];
}

/* Fills in what follows from a new node. */
static void settle(struct node *n, uint32_t number) {
        const struct call c = n->call;
        const struct node *a;
        uint32_t before = n->before;
        Barrier b;

        if (c.kind == BEGIN) {
                n->idle = before;
                b = *struct_at(before);
                b.placed = b.received = b.consumed = 0;
                n->now.found = idle_with(&b);
                n->now.start = start_of((int) c.value);
        } else {
                *n = *node_at(before);
                n->before = before;
                n->call = c;
                note_answer(n, &c);
                if (c.kind == POLL && c.ret == -EAGAIN) {
                        n->now.next = c;
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
        if (n->now.next.kind == RETURN)
                n->after = idle_with(&b);
        n->now.dry = memcmp(&b, &n->now.b, sizeof b) == 0 ? n->now.dry + 1 : 0;
        n->now.b = b;
        if (n->now.next.kind == CLOCK || (n->now.next.kind == POLL && !asks_again(n)))
                n->now.seen = 0;
        n->alike = merging ? first_alike(n, number) : number;
        check_time(n);
        check_poll(n);
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

/* What the kernel returns if nothing disturbs; a clock that was asked before stands still. */
static int ask_kernel(struct kernel *k, int who, struct call *c, int clock) {
        return c->kind == CLOCK   ? (clock ? clock : EARLY)
               : c->kind == WRITE ? kernel_write(k, who, c->fd, c->value)
               : c->kind == CLOSE ? kernel_close(k, who, c->fd)
               : c->kind == POLL  ? kernel_poll(k, who, &c->poll)
                                  : kernel_read(k, who, c->fd, &c->value);
}

/* A signal comes. Linux closes all the same, and looks before it says that a poll() without time
 * was interrupted. One that may sleep may say so before its first look. Returns false if it cannot
 * be. */
static bool interrupt(struct state *s, int who, struct call *c, bool between_looks) {
        const bool looks = c->kind == POLL && c->poll.msec == 0;

        c->ret = looks || c->kind == CLOSE ? ask_kernel(&s->k, who, c, 0) : 0;
        if (!looks || c->ret == 0)
                c->ret = -EINTR;
        return c->kind <= CLOSE && (c->kind != POLL || looks || between_looks);
}

/* The look falls into an execve(). It has to be at a pidfd, of the other side, which lives. */
static bool executes(struct state *s, int who, struct call *c) {
        int look = c->poll.look;

        while (look < KERNEL_POLLFDS && c->poll.fd[look] < 0)
                look++;
        if (look == KERNEL_POLLFDS || c->poll.fd[look] < KERNEL_FD(KERNEL_PIDFD) || s->k.dead[!who])
                return false;
        c->poll.exec = true;
        c->ret = ask_kernel(&s->k, who, c, 0);
        return true;
}

/* Fills in the answer to a call; false if that cannot happen now. For GO, and what the pass has. */
static bool answer(struct state *s, int who, const struct node *n, struct call *c, int choice) {
        const bool polls = c->kind == POLL, reads = c->kind == READ || c->kind == PREADV2;
        const bool disturb = !n->now.disturbed && may_be(who), slept = c->poll.asleep;
        const bool begins = polls && c->poll.look == 0 && !slept;

        if (choice == GO && slept && !kernel_wakes(&s->k, who, &c->poll))
                return false;
        c->poll.asleep = false;
        switch (choice) {
        case GO:
                c->ret = ask_kernel(&s->k, who, c, n->now.clock);
                return true;
        case INTERRUPTED:
                return disturb && interrupt(s, who, c, begins || slept);
        case FAILS:
                c->ret = -BROKEN;
                return disturb &&
                       (c->kind == WRITE || c->kind == READ || c->kind == CLOCK || begins);
        case NO_HONEST_PEER: /* the eventfd is full, or holds what nobody writes */
                c->ret = reads ? (int) sizeof c->value : -EAGAIN;
                c->value = reads ? NO_WORD : c->value;
                return disturb && (reads || c->kind == WRITE);
        case EXECS:
                return polls && !n->now.executed && !slept && may_be(who) && executes(s, who, c);
        case TIME_IS_UP:
                c->ret = 0;
                return slept && c->poll.msec > 0;
        default:
                c->ret = choice == SOME_TIME ? HALF_TIME : DEADLINE;
                return c->kind == CLOCK && n->now.clock > 0 && n->now.clock < c->ret;
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

/* Not what the rules want. */
static void wrong_return(const struct node *n, const struct rules *r) {
        static const char *const verdict[SETS] = {
                NULL, " true", " abortion", " ECANCELED", " ECONNRESET", " not yet",
        };
        const Barrier *b = struct_at(n->after);
        char text[sizeof wrong];
        int i;

        (void) snprintf(text, sizeof text,
                        "the result is wrong: it wrote %d barriers and %d abortions; error: %d, "
                        "i_aborted: %d, they_aborted: %d, they_left: %d; a wait may say:",
                        n->now.placed, n->now.told, barrier_error(b), barrier_i_aborted(b),
                        barrier_they_aborted(b), barrier_they_left(b));
        for (i = REACHED; i < SETS; i++)
                append(text, sizeof text, r->set[i] ? verdict[i] : "");
        violation(text);
}

/* A side made many calls. If it runs on alone, it has to return or to sleep. */
static void check_end(struct state s, int who) {
        const struct node *n = node_at(s.at[who]);
        int calls = 20 + 4 * n->now.start.looks;

        while (n->now.next.kind != RETURN && calls-- > 0) {
                struct call c = n->now.next;

                if (!answer(&s, who, n, &c, GO))
                        return;
                s.at[who] = node_after(s.at[who], &c);
                n = node_at(s.at[who]);
        }
        if (n->now.next.kind != RETURN)
                violation("it makes one system call after the other, though nothing changes");
}

static void killed(struct state *s, int who) {
        kernel_kill(&s->k, who);
        s->k.dead[who] = (pass->has & WATCH) != 0; /* else nobody asks */
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
        int op = n->now.start.op;
        uint32_t known = nodes.n;

        if (c->ret == -EBADF || c->ret == -ENOSYS || c->ret == -EINVAL ||
            (c->poll.revents[0] | c->poll.revents[1] | c->poll.revents[2]) & POLLNVAL)
                violation("a descriptor was used that is not open, or not for this");
        if (c->kind == CLOSE && op != LEAVE &&
            !(n->now.error == BROKEN && (op == OP_ABORT || op == OP_FAIL)))
                violation("it closed a descriptor");
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
                c = n->now.next;
                if (c.kind == RETURN ? m.choice != GO : !answer(s, who, n, &c, m.choice))
                        return false;
                if (is_idle(s->at[who]) && rules_wait(n) != OP_PLACE)
                        rules_instant(s, who, n);
                s->at[who] = at;
                if (c.kind != RETURN)
                        called(s, who, at, &c);
                n = node_at(s->at[who]);
                if (n->now.next.kind == RETURN) {
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
        if (pass->has & COPIES)
                kernel_fork(&s.k, PARENT, HOLDER);
        for (who = 0; who < SIDES; who++) {
                starter = who;
                mine = b;
                if ((pass->has & WATCH) && may_be(who))
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

static const char *fd_name(int who, int fd) {
        static const char *const name[] = { "me", "them", "my pipe end", "their pipe end",
                                            "pidfd" };
        const int object = fd - KERNEL_FD(0);

        if (object < 0)
                return "no descriptor";
        return name[object < KERNEL_PIDFD ? object ^ who : KERNEL_PIDFD];
}

static void print_call(struct move m, const struct call *c) {
        static const char *const name[] = { "(no call)", "write", "read",         "preadv2",
                                            "poll",      "close", "clock_gettime" };
        int look = c->poll.look ? c->poll.look : KERNEL_POLLFDS;

        printf("%s", name[c->kind]);
        if (c->kind == POLL && (m.choice == GO || m.choice == EXECS)) {
                while (--look > 0 && c->poll.fd[look] < 0) /* back to where it looked */
                        ;
                printf(" looks at %s:%s %s", fd_name(m.who, c->poll.fd[look]),
                       m.choice == EXECS ? " an execve()," : "",
                       !c->poll.revents[look]           ? "nothing"
                       : c->poll.revents[look] & POLLIN ? "readable"
                                                        : "hung up");
        } else if (c->kind == CLOCK)
                printf(": %g ms", (c->ret - EARLY) / 2.0);
        else if (c->kind != POLL && c->kind != BEGIN)
                printf("(%s)", fd_name(m.who, c->fd));
        if (c->kind != BEGIN && c->value >> 63)
                printf(": aborted, code %d", (int) (c->value >> 48 & 0x7fff));
        else if (c->kind == WRITE || (c->kind != BEGIN && c->value))
                printf(": %" PRIu64 " placed", c->value);
        if (m.choice == TIME_IS_UP)
                printf(": time is up");
        else if (c->ret < 0 && !(c->kind == POLL && c->ret == -EAGAIN))
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
        printf("%s", op_name[n->now.start.op]);
        if (waits(n->now.start.op) && n->now.start.msec >= 0)
                printf(", %d ms", n->now.start.msec);
        if (waits(n->now.start.op) && n->now.start.msec != 0)
                printf(", %s", how[n->now.start.looks]);
        printf("  ");
        print_call(m, &n->call);
        if (n->now.next.kind == RETURN)
                printf(" -> %s", n->now.result ? "true" : "false");
        if (n->now.next.kind == RETURN && n->now.err != UNTOUCHED && !n->now.result)
                printf(", %s", strerror(n->now.err));
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
static struct table outline_sides = { .key = sizeof(struct now), .size = sizeof(struct now) };

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
        struct now now;

        if (!is_idle(at)) {
                now = node_at(at)->now;
                now.dry = 0; /* a side does not know how long nothing has changed */
                now.err = now.result ? 0 : now.err;
                if (now.next.kind == WRITE && now.next.value == 1)
                        at = node_at(at)->idle; /* interrupted before it placed: it has not begun */
        }
        if (is_idle(at)) {
                memset(&now, 0, sizeof now);
                now.b = *struct_at(at);
        }
        now.b.received = (now.b.received > now.b.consumed ? 1U : 0) |
                         (now.b.received >= now.b.placed ? 2U : 0);
        now.b.placed = now.b.consumed = 0;
        return table_number(&outline_sides, &now);
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
        /* No mutant: --leads compares complete searches. */
        if (all_known && (outlines.n > known_outlines || wait_steps.n > known_steps))
                violation("this lead brings a state or a step of a wait that one less does not");
}

/* ---- breadth first --------------------------------------------------------------------------- */

static uint64_t transitions;
static uint32_t bound = UINT32_MAX; /* so many states make steps, at most */
static struct table idles[2];       /* where both sides are idle, with normalisation and without */

/* Steps that were made. Where they led is looked up together, when memory has brought the slots. */
static struct visited fresh[64];
static size_t n_fresh;

static void look_up(void) {
        const struct visited *v;
        struct state s;
        uint32_t n;

        for (v = fresh; v < fresh + n_fresh; v++) {
                n = states->n;
                if (table_number(states, v) == n) {
                        s = unpack(v);
                        rules_asleep(s);
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
        const bool waits_now = waits(start.op);
        const bool looks = waits_now && start.op != OP_WAIT_ABORTION && start.msec != 0;

        if (waits_now ? !may_be(who) || (start.msec > 0 && !(pass->has & TIME)) : start.msec >= 0)
                return false;
        if (!((looks ? pass->looks : POLL_FIRST) >> start.looks & 1))
                return false;
        if (!(pass->has & ENDS) &&
            (start.op == (who == PARENT ? OP_FAIL : OP_ABORT) || start.op == OTHER_ROLE))
                return false;
        if ((start.op != OP_PLACE && start.op != OP_PLACE_AND_SYNC) || b->error)
                return true;
        return -rules_ahead(s, who) < pass->lead &&
               (normalising || b->placed < (uint64_t) pass->placements);
}

/* What a pass has to have for a choice; GO, with 0, is in all. */
static const unsigned needs[] = { 0, SIGNAL, FAIL, FAIL, WATCH, TIME, TIME, TIME };

/* This side goes on, in each way that the pass has. */
static void go_on(const struct state *s, struct move m) {
        uint32_t at = move_from(s, m);
        int end = node_at(at)->now.next.kind == RETURN ? INTERRUPTED : KILLED;

        for (m.choice = GO; m.choice < end; m.choice++)
                if (!needs[m.choice] || (pass->has & needs[m.choice]))
                        attempt(s, m, at);
}

/* Makes each step that is possible. */
static void expand(const struct state *s) {
        struct move m;

        for (m.who = PARENT; m.who <= HOLDER; m.who++) {
                m.start = -1;
                m.choice = KILLED;
                if (m.who == HOLDER ? s->k.open[HOLDER] != 0
                                    : (pass->has & KILL) && may_be(!m.who) && !s->k.dead[m.who] &&
                                              (s->k.open[m.who] || (pass->has & WATCH)))
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
                /* No mutant: complete searches are compared. */
                if (!normalising && bound == UINT32_MAX && table_number(&idles[0], &s) == n) {
                        violation("an idle state that is not there with normalisation");
                        report(NULL);
                }
        }
}

/* ---- passes ---------------------------------------------------------------------------------- */

#define COUNT(passes) ((int) (sizeof(passes) / sizeof *(passes)))

#define MUCH (KILL | SIGNAL | FAIL | TIME | COPIES)
#define MOST (MUCH | WATCH)
#define EACH (MOST | OLD | ENDS)

static const struct pass full[] = {
        { 1, POLL_FIRST, 0, BOTH, 6 },
        { 3, TWO, KILL, BOTH, 0 },
        { 2, ALL, KILL, BOTH, 0 },
        { 2, TWO, KILL | ENDS, BOTH, 0 },
        { 2, TWO, KILL | COPIES, BOTH, 0 },
        { 2, TWO, KILL | COPIES | WATCH, BOTH, 0 },
        { 2, POLL_FIRST, KILL | SIGNAL, BOTH, 0 },
        { 1, POLL_FIRST, KILL | SIGNAL | COPIES | WATCH, BOTH, 0 },
        { 1, POLL_FIRST, KILL | SIGNAL | FAIL | OLD, BOTH, 0 },
        { 1, POLL_FIRST | LOOK_THRICE, KILL | TIME, BOTH, 0 },
        { 2, TWO, MUCH, BARRIER_PARENT, 0 },
        { 2, TWO, MUCH, BARRIER_CHILD, 0 },
        { 2, TWO, MOST, BARRIER_PARENT, 0 },
        { 2, TWO, MOST, BARRIER_CHILD, 0 },
        { 1, ALL, EACH, BARRIER_PARENT, 0 },
        { 1, ALL, EACH, BARRIER_CHILD, 0 },
};

static const struct pass brief[] = {
        { 1, POLL_FIRST, KILL | SIGNAL | FAIL | OLD, BARRIER_PARENT, 0 },
        { 1, ALL, TIME, BARRIER_CHILD, 0 },
        { 1, TWO, KILL, BOTH, 0 },
        { 1, POLL_FIRST, MOST, BARRIER_CHILD, 0 },
        { 1, POLL_FIRST, ENDS, BOTH, 0 },
        { 1, POLL_FIRST, 0, BOTH, 3 },
};

/* Each with a lead, and with one less, which has to do for it. */
static const struct pass led[] = {
        { 0, TWO, KILL, BOTH, 0 },
        { 0, POLL_FIRST, KILL | SIGNAL, BOTH, 0 },
};

static unsigned all_of(const struct pass *p) {
        const bool tries = (p->looks & (LOOK_TWICE | LOOK_THRICE)) != 0;

        return p->has | (tries ? TRIES : 0);
}

/* What a pass has, in words. */
static const char *pass_name(const struct pass *p) {
        static const char *const word[KINDS] = {
                "kill, ",  "EINTR, ",      "failures, ", "time, ",  "copies, ",
                "watch, ", "no preadv2, ", "all ends, ", "tries, ",
        };
        static const char *const side[] = {
                [BOTH] = "both",
                [BARRIER_PARENT] = "parent",
                [BARRIER_CHILD] = "child",
        };
        static char name[200];
        int i;

        *name = 0;
        for (i = 0; i < KINDS; i++)
                append(name, sizeof name, all_of(p) >> i & 1 ? word[i] : "");
        append(name, sizeof name, p->placements ? "not normalised, " : "");
        append(name, sizeof name, side[p->only]);
        return name;
}

/* Each two of what a real process meets are in one pass at least, on either side. */
static void check_pairs(void) {
        struct pass pair = { 0 };
        const struct pass *p;
        int i, j, sides;

        for (i = 0; i < KINDS; i++)
                for (j = 0; j < i; j++) {
                        pair.has = 1U << i | 1U << j;
                        for (sides = 0, p = full; p < full + COUNT(full); p++)
                                if ((all_of(p) & pair.has) == pair.has)
                                        sides |= p->only ? p->only : BARRIER_PARENT | BARRIER_CHILD;
                        if (sides == (BARRIER_PARENT | BARRIER_CHILD))
                                continue;
                        pair.only = sides ? BARRIER_PARENT + BARRIER_CHILD - sides : BOTH;
                        fprintf(stderr, "explore: no pass has %s\n", pass_name(&pair));
                        exit(2);
                }
}

static int greatest_lead; /* of --leads; or 0 */
static uint64_t *total;   /* states and transitions of all passes */

static void print_row(int whose, uint64_t n, uint64_t made) {
        struct rusage usage;

        (void) getrusage(whose, &usage);
        printf(" %11" PRIu64 " %12" PRIu64 " %6.0f %5ld\n", n, made,
               (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6,
               usage.ru_maxrss / 1024);
        (void) fflush(stdout);
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
                printf("   %u states without numbers, %u steps of waits, with a lead of %d\n",
                       outlines.n, wait_steps.n, p.lead);
                all_known = true;
                p.lead++;
        }
        explore(true);
        if (p.placements)
                explore(false);
        /* No mutant: complete searches are compared. */
        if (p.placements && bound == UINT32_MAX && idles[1].n < idles[0].n) {
                violation("an idle state that is not there without normalisation");
                current = 0; /* there is no schedule */
                report(NULL);
        }
        printf("%3d %-79s %d", number, pass_name(pass), p.lead);
        print_row(RUSAGE_SELF, states->n, transitions);
        (void) __atomic_fetch_add(&total[0], states->n, __ATOMIC_RELAXED);
        (void) __atomic_fetch_add(&total[1], transitions, __ATOMIC_RELAXED);
        exit(0);
}

/* So many passes at a time, up to the first violation. */
static int run_all(const struct pass *passes, int n, int cores) {
        int i, failed = 0, status;
        pid_t pid;

        total = get_memory(2 * sizeof *total, MAP_SHARED);
        printf("    %-79s K %11s %12s %6s %5s\n", "what can happen", "states", "transitions",
               "CPU s", "MB");
        (void) fflush(stdout);
        for (i = 0; i < n + cores && !failed; i++) {
                if (i >= cores) {
                        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
                                die("a pass failed");
                        failed = WEXITSTATUS(status);
                }
                if (i >= n || failed)
                        continue;
                pass = &passes[i];
                pid = fork();
                if (pid < 0)
                        die("fork");
                if (pid == 0)
                        run_pass(i + 1);
        }
        if (!failed) {
                printf("%-85s", "all");
                print_row(RUSAGE_CHILDREN, total[0], total[1]);
        }
        return failed;
}

int main(int argc, char **argv) {
        const int cores = (int) sysconf(_SC_NPROCESSORS_ONLN);
        const char *option = argc > 1 ? argv[1] : "";
        uint64_t number = 3;

        check_pairs();
        if (argc == 1)
                return run_all(full, COUNT(full), cores);
        if (argc == 2 && strcmp(option, "--short") == 0)
                return run_all(brief, COUNT(brief), cores);
        if (argc > 3 || (argc == 3 && !parse_number(argv[2], &number)))
                number = 0;
        if (argc == 3 && strcmp(option, "--first") == 0 && number > 0 && number < UINT32_MAX) {
                bound = (uint32_t) number;
                return run_all(brief, COUNT(brief), 1);
        }
        if (strcmp(option, "--leads") == 0 && number > 1 && number <= LEAD_MAX) {
                greatest_lead = (int) number;
                return run_all(led, COUNT(led), cores);
        }
        die("the options are --short, --first with a number of states, and --leads with a lead "
            "from 2 to 6, or with none");
}
