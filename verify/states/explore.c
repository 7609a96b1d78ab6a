/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * explore - runs barrier.c through every state that its two sides can reach, by programs of any
 * length, and asks a model each time
 *
 *      explore             all of it, some minutes on two cores
 *      explore --short     the same questions with less room, a few seconds
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
 * what it returns. A state is two nodes, the kernel of kernel.h, and what the rules need to know.
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
 * (replay()). And a run without all this, up to some placements a side, has to come to the same idle
 * states (explore()).
 */
#define _GNU_SOURCE

#define BARRIER_API static

#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The first one counts. */
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
        const char *name;
        int lead;       /* of the barriers of one side over those of the other, at most */
        int looks;      /* what a wait may do before it sleeps; who is not disturbed polls first */
        bool kill;      /* at any step */
        bool eintr;     /* once in each operation, at any of its calls */
        bool fail;      /* the same with EIO */
        bool msec;      /* a wait also has some time, and any part of it may pass at any time */
        bool child;     /* all these are for the child alone */
        bool all;       /* each side may abort with and without a code, else each in one way */
        bool watch;     /* both have a pidfd, and a third process copies of all, while it lives */
        bool old;       /* the kernel does not have preadv2() */
        int placements; /* of a side at most, without normalisation; 0: any number, normalised */
} * pass;

static bool normalising;
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
                violation("wrote %zu bytes", size);
        memcpy(&c.value, p, sizeof c.value);
        return ask(&c);
}

static ssize_t sim_read(int kind, int fd, void *p, size_t size) {
        struct call c = new_call(kind, fd);
        ssize_t n;

        if (size != sizeof c.value)
                violation("read %zu bytes", size);
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

        ts->tv_sec = 1;
        ts->tv_nsec = ask(&c) * 500000L;
        return 0;
}

#define BARRIER_TRIES                     explore_tries
#define eventfd(initial, flags)           kernel_eventfd(starting, starter)
#define pipe2(fd, flags)                  kernel_pipe2(starting, starter, fd)
#define fcntl(fd, ...)                    sim_fcntl(fd, __VA_ARGS__)
#define close(fd)                         sim_close(fd)
#define poll(fds, n, msec)                sim_poll(fds, n, msec)
#define clock_gettime(clock, ts)          sim_clock(ts)
#define sched_getaffinity(pid, size, set) (memset(set, 0, size), -1) /* not known */
#define open(path, flags)                 sim_unexpected(path)
#define fstat(fd, st)                     (memset(st, 0, sizeof *(st)), sim_unexpected("fstat"))
#define write(fd, p, size)                sim_write(fd, p, size)
#define read(fd, p, size)                 sim_read(READ, fd, p, size)
#define preadv2(fd, iov, n, offset, flag) sim_read(PREADV2, fd, (iov)->iov_base, (iov)->iov_len)
#include "../../barrier.c"

/* ---- what can happen ------------------------------------------------------------------------- */

enum { PARENT, CHILD, SIDES, HOLDER = SIDES, LEAVE = OPERATIONS };

static const char *const op_name[] = { OPERATION_NAMES, "leave" };

enum {
        CODE = ENOENT,    /* what the parent gives to fail, and the child with a minus */
        BROKEN = EIO,     /* what a system call fails with */
        UNTOUCHED = 9999, /* errno before an operation */
        MSEC = 5,         /* the timeout that is neither 0 nor none */
};

/* Half milliseconds: at the first reading of the clock, in between, and at the deadline. */
enum { EARLY = 1, HALF_TIME = EARLY + MSEC, DEADLINE = EARLY + 2 * MSEC };

/* What a wait may do before it sleeps, as a set of the numbers in start.looks. */
enum { POLL_FIRST = 1, LOOK = 2, LOOK_TWICE = 4, LOOK_THRICE = 8, LOOKS = 4 };

/* How an operation is called: with each timeout, and each number of looks. */
struct start {
        int op, msec, looks; /* so often before it sleeps; 0: it polls first */
};

enum { STARTS = (LEAVE + 1) * 3 * LOOKS };

static struct start start_of(int number) {
        static const int msec[] = { -1, 0, MSEC };

        return (struct start){ number / (3 * LOOKS), msec[number / LOOKS % 3], number % LOOKS };
}

static bool waits(int op) {
        return op >= OP_WAIT_NEXT && op <= OP_WAIT_ABORTION;
}

/* ---- tables ---------------------------------------------------------------------------------- */

enum { CHUNK = 1 << 14, CHUNKS = 1 << 13 };

/* Entries, each once, numbered as they came, which never move. */
struct table {
        size_t key, size; /* of what tells entries apart, in front, and of an entry; both of 8 */
        uint32_t n, slots;
        uint64_t *slot; /* half of the hash, and the number + 1; or 0 */
        unsigned char *chunk[CHUNKS];
};

static void *table_at(const struct table *t, uint32_t i) {
        return t->chunk[i / CHUNK] + i % CHUNK * t->size;
}

static uint32_t table_hash(const struct table *t, const void *key) {
        uint64_t hash = 0, word;
        size_t i;

        for (i = 0; i < t->key; i += sizeof word) {
                memcpy(&word, (const unsigned char *) key + i, sizeof word);
                hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
                hash ^= hash >> 29;
        }
        return (uint32_t) (hash >> 32);
}

/* A table of twice the size; what was apart stays apart. */
static void table_grow(struct table *t) {
        uint32_t i, j, old = t->slots;
        uint64_t *slot = t->slot;

        t->slots = old ? 2 * old : 1 << 12;
        t->slot = calloc(t->slots, sizeof *slot);
        if (!t->slot)
                die("out of memory");
        for (i = 0; i < old; i++)
                if (slot[i]) {
                        for (j = (uint32_t) (slot[i] >> 32); t->slot[j & (t->slots - 1)]; j++)
                                ;
                        t->slot[j & (t->slots - 1)] = slot[i];
                }
        free(slot);
}

/* The number of the entry with the key of this one, which is new if there are more then. */
static uint32_t table_number(struct table *t, const void *entry) {
        uint32_t i, number, hash = table_hash(t, entry);

        if (4 * (uint64_t) t->n >= 3 * (uint64_t) t->slots)
                table_grow(t);
        for (i = hash & (t->slots - 1); t->slot[i]; i = (i + 1) & (t->slots - 1)) {
                number = (uint32_t) t->slot[i] - 1;
                if (t->slot[i] >> 32 == hash && memcmp(table_at(t, number), entry, t->key) == 0)
                        return number;
        }
        if (t->n == (uint32_t) CHUNK * CHUNKS)
                die("too many states");
        if (t->n % CHUNK == 0 && !(t->chunk[t->n / CHUNK] = calloc(CHUNK, t->size)))
                die("out of memory");
        memcpy(table_at(t, t->n), entry, t->size);
        t->slot[i] = (uint64_t) hash << 32 | (t->n + 1);
        return t->n++;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* What the rules know of a side. In a set, bit n says that all but n of the barriers of the other
 * side may be consumed. The first set is what holds, the others are what will hold after a verdict
 * that the wait may come to. */
enum { CONSUMED, REACHED, WORD, CANCELED, LEFT, NOTHING, SETS };

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

struct visited {
        struct state s;
        uint32_t from;
        struct move move;
};

static struct table tables[2], *states; /* those visited, with normalisation or without */
static uint32_t current;                /* the one whose steps are made */
static struct table structs = { .key = sizeof(Barrier), .size = sizeof(Barrier) };

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
        int placed, told;       /* so often it wrote that */
        bool disturbed, failed; /* by EINTR or EIO; by EIO */
        int clock;              /* half milliseconds since it began, as far as it was told */
        int first_look;         /* what its first read returned, or 0 */
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

static bool rules_left(const struct state *s, int who) {
        int held = (s->k.open[who] | s->k.open[HOLDER]) >> (KERNEL_READ_END + who) & 1;

        return !held || (pass->watch && s->k.dead[who]);
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

        if (value == 1 && (op == OP_PLACE || op == OP_PLACE_AND_SYNC) && !n->failed) {
                s->lead = (int16_t) (s->lead + (who == PARENT ? 1 : -1));
                for (i = 0; i < SETS; i++) /* one barrier more that is not consumed */
                        set[i] = (uint8_t) (set[i] << 1 | (set[i] & 0x80));
                if (op == OP_PLACE_AND_SYNC)
                        rules_instant(s, who, n);
        } else if (value == (UINT64_C(1) << 63 | (uint64_t) code << 48) &&
                   (code != BROKEN || n->failed) && !s->rules[who].sent)
                s->rules[who].sent = (uint8_t) (code ? code : ECONNABORTED);
        else
                violation("%s wrote 0x%llx", op_name[op], (unsigned long long) value);
        rules_changed(s, who);
}

/* May the wait have come to this? Then what is consumed follows. */
static bool rules_wait_returns(struct state *s, int who, const struct node *n) {
        bool want, time_is_up = n->start.msec == 0 || (n->start.msec > 0 && n->clock >= DEADLINE);
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
        bool tells = !k.i_aborted && (aborts ? !n->failed : n->failed);

        if (n->told != tells ||
            (n->failed ? n->placed > (op == OP_PLACE_AND_SYNC) && places : n->placed != places))
                return false;
        if (op == LEAVE)
                return n->after == GONE && n->err == UNTOUCHED &&
                       !(s->k.open[who] & ((1 << KERNEL_PIDFD) - 1));
        if (aborts || n->failed) {
                k.i_aborted = true;
                k.error = k.error ? k.error : ECANCELED;
        }
        if (n->failed && !k.they_aborted) {
                k.they_aborted = true;
                k.error = BROKEN;
        }
        if (aborts) /* if the word could not be written, the pipe has to tell */
                return n->result == !k.they_aborted && n->err == UNTOUCHED &&
                       rules_agree(&k, after) && (!n->failed || rules_left(s, who));
        if (n->failed || rules_wait(n) == OP_PLACE)
                return n->result == (places && !n->failed) && (n->result || n->err == k.error) &&
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
                        violation("the %s sleeps in %s, which could return",
                                  who == PARENT ? "parent" : "child", op_name[n->start.op]);
        }
}

/* ---- the rules end here ---------------------------------------------------------------------- */

/* ---- one side: what an operation asks and returns -------------------------------------------- */

/* Calls the operation of a node, with the answers so far. Fills in what it asks next or returns. */
static void run(struct node *n, Barrier *b, uint64_t more) {
        int looks = n->start.looks;

        barrier_set_timeout(b, n->start.msec);
        /* One look is what the parent does now and then, and the child without any tries. */
        b->pause = looks == 0                                ? 1
                   : looks == 1 && b->role == BARRIER_PARENT ? BARRIER_READ_FIRST
                                                             : 0;
        explore_tries = looks == 0 ? 0 : (unsigned) looks - 1;
        cursor = ANSWERS_MAX - n_answers;
        unread = more;
        errno = UNTOUCHED;
        if (setjmp(stopped)) {
                n->next = asked;
                return;
        }
        n->result = true;
        if (n->start.op == LEAVE)
                barrier_destroy(b);
        else
                n->result = operate(b, n->start.op, b->role == BARRIER_PARENT ? CODE : -CODE);
        n->err = errno;
        n->next = new_call(RETURN, 0);
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
                violation("%s does something else with other counters of the same differences",
                          op_name[n->start.op]);
}

/* Time as the operation knows it. */
static void check_time(const struct node *n) {
        int left = (DEADLINE - n->clock + 1) / 2;
        int msec = n->start.msec <= 0 ? n->start.msec : left < 0 ? 0 : left;

        if (n->next.kind == POLL && n->next.poll.msec != msec)
                violation("%s polls for %d ms, not %d", op_name[n->start.op], n->next.poll.msec,
                          msec);
        if (n->call.kind == CLOCK && msec == 0 && n->next.kind != POLL)
                violation("%s goes on trying though its time is up", op_name[n->start.op]);
}

/* Fills in what follows from a new node. */
static void settle(struct node *n) {
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
                n->failed |= c.ret == -BROKEN;
                n->disturbed |= n->failed || c.ret == -EINTR;
                n->placed += c.kind == WRITE && c.ret > 0 && c.value == 1;
                n->told += c.kind == WRITE && c.ret > 0 && c.value > 1;
                n->steps++;
                if (!n->first_look && (c.kind == READ || c.kind == PREADV2) &&
                    (c.ret > 0 || c.ret == -EAGAIN))
                        n->first_look = c.ret;
                if (c.kind == CLOCK)
                        n->clock = c.ret;
                if (c.kind == POLL && c.ret == 0 && c.poll.msec > 0)
                        n->clock = DEADLINE;
                if (c.kind == POLL && c.ret == -EAGAIN) {
                        n->next = c;
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
        check_time(n);
        if (!normalising)
                return;
        replay(n, 1000, 0, 0);
        replay(n, UINT64_C(1) << 40, 0, 0);
        replay(n, 1000, 2, 0);
        replay(n, 1000, 0, 1);
        replay(n, 1000, 2, 1);
}

/* The node to which this call led. */
static uint32_t node_after(uint32_t before, const struct call *c) {
        struct node key = { .before = before, .call = *c };
        uint32_t i, n = nodes.n;

        if (!is_idle(before) && node_at(before)->call.ret == -EAGAIN &&
            node_at(before)->call.kind == POLL)
                key.before = node_at(before)->before; /* where the poll() began */
        i = table_number(&nodes, &key);
        if (nodes.n > n)
                settle(table_at(&nodes, i));
        return i;
}

/* The node whose call is the next step of a side. */
static uint32_t move_from(const struct state *s, struct move m) {
        struct call c = new_call(BEGIN, 0);

        c.value = (uint64_t) m.start;
        return m.start < 0 ? s->at[m.who] : node_after(s->at[m.who], &c);
}

/* ---- both sides: steps ----------------------------------------------------------------------- */

enum { GO, INTERRUPTED, FAILS, TIME_IS_UP, SOME_TIME, LONG_TIME, KILLED };

static uint32_t came_to; /* the node after the last step, for people */

/* Whether this side is one that may be disturbed. */
static bool may_be(int who) {
        return who == CHILD || !pass->child;
}

/* What the kernel returns if nothing disturbs. */
static int ask_kernel(struct kernel *k, int who, struct call *c) {
        return c->kind == WRITE   ? kernel_write(k, who, c->fd, c->value)
               : c->kind == CLOSE ? kernel_close(k, who, c->fd)
               : c->kind == POLL  ? kernel_poll(k, who, &c->poll)
                                  : kernel_read(k, who, c->fd, &c->value);
}

/* Fills in the answer to a call; false if that cannot happen now. */
static bool answer(struct state *s, int who, const struct node *n, struct call *c, int choice) {
        bool disturb = !n->disturbed && may_be(who), polls = c->kind == POLL;
        bool slept = c->poll.asleep, begins = polls && c->poll.look == 0 && !slept, looked;
        int ready;

        if (choice == GO) {
                if (slept && !kernel_wakes(&s->k, who, &c->poll))
                        return false;
                c->ret = c->kind != CLOCK ? ask_kernel(&s->k, who, c) : n->clock ? n->clock : EARLY;
                return true;
        }
        c->poll.asleep = false;
        switch (choice) {
        case INTERRUPTED:
                /* Linux closes all the same, and looks before it says that a poll() without time
                 * was interrupted. One that may sleep may say so before its first look. */
                looked = c->kind == CLOSE || (polls && c->poll.msec == 0);
                ready = looked ? ask_kernel(&s->k, who, c) : 0;
                c->ret = polls && ready ? ready : -EINTR;
                return disturb && pass->eintr && c->kind <= CLOSE &&
                       (!polls || looked || begins || slept);
        case FAILS:
                c->ret = -BROKEN;
                return disturb && pass->fail && (c->kind == WRITE || c->kind == READ || begins);
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
                more = *counter & BARRIER_PLACED_MAX;
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
        const Barrier *b = struct_at(n->after);

        violation("%s returned %s, errno %s, having written %d barriers and %d abortions; the "
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
        int bound = 20 + 4 * n->start.looks;

        while (n->next.kind != RETURN && bound-- > 0) {
                struct call c = n->next;

                if (!answer(&s, who, n, &c, GO))
                        return;
                s.at[who] = node_after(s.at[who], &c);
                n = node_at(s.at[who]);
        }
        if (n->next.kind != RETURN)
                violation("%s makes one system call after the other, though nothing changes",
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
                violation("used a descriptor that is not open, or not for this");
        if (c->kind == CLOSE && op != LEAVE && !(n->failed && (op == OP_ABORT || op == OP_FAIL)))
                violation("%s closed a descriptor", op_name[op]);
        s->at[who] = came_to = node_after(at, c);
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
        if (pass->watch)
                kernel_fork(&s.k, PARENT, HOLDER);
        for (who = 0; who < SIDES; who++) {
                starter = who;
                mine = b;
                if (pass->watch)
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
        if (c->kind == POLL && m.choice == GO)
                printf(" looks at %s: %s", fds[object],
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

/* Prints the way to the violation, which may be in one step more. */
static void report(const struct move *last) {
        struct state s;

        printf("\n%s\n\nThe shortest schedule to a violation in this pass:\n\n", pass->name);
        normalising = false;
        s = retrace(current);
        if (last)
                retell(&s, *last);
        printf("\n     %s\n", wrong);
        exit(1);
}

/* ---- breadth first --------------------------------------------------------------------------- */

static uint64_t transitions;
static struct table idles[2]; /* where both sides are idle, with normalisation and without */

/* Steps that were made. Where they led is looked up together, when memory has brought the slots. */
static struct visited fresh[64];
static size_t n_fresh;

static void look_up(void) {
        const struct visited *v;
        uint32_t n;

        for (v = fresh; v < fresh + n_fresh; v++) {
                n = states->n;
                if (table_number(states, v) == n)
                        rules_asleep(v->s);
                if (*wrong) {
                        current = v->from;
                        report(&v->move);
                }
        }
        n_fresh = 0;
}

static void attempt(const struct state *from, struct move m, uint32_t at) {
        struct visited *v = &fresh[n_fresh];

        *v = (struct visited){ .s = *from, .from = current, .move = m };
        if (!step(&v->s, m, at))
                return;
        transitions++;
        if (*wrong)
                report(&m);
        __builtin_prefetch(&states->slot[table_hash(states, v) & (states->slots - 1)]);
        if (++n_fresh == sizeof fresh / sizeof *fresh)
                look_up();
}

static bool may_start(const struct state *s, int who, struct start start) {
        const Barrier *b = struct_at(s->at[who]);
        bool looks = waits(start.op) && start.msec != 0 && may_be(who);

        if (!waits(start.op) ? start.msec >= 0 : start.msec > 0 && !(pass->msec && may_be(who)))
                return false;
        if (!((looks ? pass->looks : POLL_FIRST) >> start.looks & 1))
                return false;
        if (!pass->all && start.op == (who == PARENT ? OP_FAIL : OP_ABORT))
                return false;
        if ((start.op != OP_PLACE && start.op != OP_PLACE_AND_SYNC) || b->error)
                return true;
        return -rules_ahead(s, who) < pass->lead &&
               (normalising || b->placed < (uint64_t) pass->placements);
}

/* Makes each step that is possible. */
static void expand(const struct state *s) {
        struct move m;
        uint32_t at;

        for (m.who = PARENT; m.who <= HOLDER; m.who++) {
                m.start = -1;
                m.choice = KILLED;
                if ((m.who == HOLDER || (pass->kill && may_be(m.who))) && !s->k.dead[m.who] &&
                    (s->k.open[m.who] || pass->watch))
                        attempt(s, m, 0);
                if (m.who == HOLDER || s->at[m.who] == GONE)
                        continue;
                m.start = is_idle(s->at[m.who]) ? 0 : -1;
                do {
                        if (m.start >= 0 && !may_start(s, m.who, start_of(m.start)))
                                continue;
                        at = move_from(s, m);
                        for (m.choice = GO; m.choice < KILLED; m.choice++)
                                attempt(s, m, at);
                } while (m.start >= 0 && ++m.start < STARTS);
        }
}

static void explore(bool normalised) {
        struct visited v = { .s = start() };
        uint32_t n;

        normalising = normalised;
        transitions = 0;
        states = &tables[!normalised];
        *states = (struct table){ .key = sizeof v.s, .size = sizeof v };
        idles[!normalised] = (struct table){ .key = sizeof v.s, .size = sizeof v.s };
        (void) table_number(states, &v);
        for (current = 0; current < states->n; current++) {
                memcpy(&v, table_at(states, current), sizeof v);
                expand(&v.s);
                if (current + 1 == states->n)
                        look_up();
                if (!pass->placements || !is_idle(v.s.at[PARENT]) || !is_idle(v.s.at[CHILD]))
                        continue;
                normalise(&v.s);
                (void) table_number(&idles[!normalising], &v.s);
                n = idles[0].n;
                if (!normalising && table_number(&idles[0], &v.s) == n) {
                        violation("an idle state that is not there with normalisation");
                        report(NULL);
                }
        }
}

/* ---- passes ---------------------------------------------------------------------------------- */

static uint64_t *total; /* states and transitions of all passes */

static void print_row(const char *name, const char *lead, uint64_t n, uint64_t made, int whose) {
        struct rusage usage;

        (void) getrusage(whose, &usage);
        printf("%-30s %2s %11" PRIu64 " %12" PRIu64 " %8.1f %6ld\n", name, lead, n, made,
               (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6,
               usage.ru_maxrss / 1024);
}

/* One pass, in a process of its own. */
static void run_pass(void) {
        const char lead[] = { (char) ('0' + pass->lead), 0 };

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        explore(true);
        if (pass->placements)
                explore(false);
        if (idles[1].n < idles[0].n) {
                printf("\nThe shortest schedule: none; %u idle states, %u without normalisation\n",
                       idles[0].n, idles[1].n);
                exit(1);
        }
        print_row(pass->name, lead, states->n, transitions, RUSAGE_SELF);
        (void) __atomic_fetch_add(&total[0], states->n, __ATOMIC_RELAXED);
        (void) __atomic_fetch_add(&total[1], transitions, __ATOMIC_RELAXED);
        exit(0);
}

/* As many passes at a time as there are cores, up to the first violation. */
static int run_all(const struct pass *passes, int n) {
        int cores = (int) sysconf(_SC_NPROCESSORS_ONLN), i, failed = 0, status;
        pid_t pid;

        total = mmap(NULL, 2 * sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
        if (total == MAP_FAILED)
                die("mmap");
        printf("%-30s %2s %11s %12s %8s %6s\n", "what can happen", "K", "states", "transitions",
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
                                run_pass();
                }
        }
        if (!failed)
                print_row("all", "", total[0], total[1], RUSAGE_CHILDREN);
        printf("explore: %d passed, %d failed, 0 skipped\n", i - cores - failed, failed);
        return failed;
}

int main(int argc, char **argv) {
        enum { TWO = POLL_FIRST | LOOK, ALL = TWO | LOOK_TWICE | LOOK_THRICE };
        static const struct pass full[] = {
                /* in this order the two biggest do not meet */
                { "not normalised, 6 placements", 1, POLL_FIRST, .placements = 6 },
                { "kill", 3, TWO, .kill = true },
                { "kill, tries", 2, ALL, .kill = true },
                { "kill, both ways to abort", 2, TWO, .kill = true, .all = true },
                { "kill, watch", 2, TWO, .kill = true, .watch = true },
                { "kill, EINTR", 2, POLL_FIRST, .kill = true, .eintr = true },
                { "kill, no preadv2", 2, TWO, .kill = true, .old = true },
                { "kill, EINTR, EIO, no preadv2", 2, POLL_FIRST, .kill = true, .eintr = true,
                  .fail = true, .old = true },
                { "kill, time", 2, POLL_FIRST, .kill = true, .msec = true },
                { "kill, time, tries", 1, POLL_FIRST | LOOK_THRICE, .kill = true, .msec = true },
                { "kill, EINTR, time", 1, POLL_FIRST, .kill = true, .eintr = true, .msec = true },
        };
        static const struct pass brief[] = {
                { "kill", 1, TWO, .kill = true },
                { "EINTR", 1, POLL_FIRST, .eintr = true, .child = true },
                { "time", 1, LOOK_THRICE, .msec = true, .child = true },
                { "tries", 1, ALL, .child = true },
                { "kill, watch", 1, POLL_FIRST, .kill = true, .watch = true, .child = true },
                { "EINTR, EIO, no preadv2", 1, POLL_FIRST, .eintr = true, .fail = true, .old = true,
                  .child = true },
                { "not normalised, 3 placements", 1, POLL_FIRST, .placements = 3 },
        };
        const struct pass *passes = argc == 2 ? brief : full;
        const size_t n = argc == 2 ? sizeof brief / sizeof *brief : sizeof full / sizeof *full;

        if (argc > 2 || (argc == 2 && strcmp(argv[1], "--short") != 0))
                die("the one option is --short");
        return run_all(passes, (int) n);
}
