/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * fuzz-import - barrier_import() against any string and any /proc, as a libFuzzer target
 *
 * HOW TO READ THIS FILE
 *
 * Each run makes a barrier, both sides of it, and exports one. The input says how the string is
 * then changed: replaced as a whole, changed in some letters, or changed in some bytes of the
 * struct that it stands for, with the check sum made right again, so that the checks behind it are
 * reached. Whatever the string, import must take nothing but descriptors of this barrier, and if
 * it fails must leave everything as it was; an imported barrier must bear all operations.
 *
 * Or the input is what /proc says of an eventfd, where lines come from the locks of the other side,
 * in parts of any length. Then the number that was read is held against one that is found in
 * another way, and the string as it was exported is imported.
 *
 * The input: one byte for the side and its history, one for the way of changing, then for each
 * change an offset and a value (of a byte, or of a whole int from offset 128 on; 254 and 255: wrong
 * descriptors), or the string, or the text. No corpus is needed: the seeds come from the export.
 */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../common.h"

#define CHECK(what)                                                                                \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        fprintf(stderr, "fuzz-import: violated: %s\n", #what);                     \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what /proc says ------------------------------------------------------------------------- */

static const char number_key[] = "\neventfd-id: ";
static const char lock_line[] = "\nlock:\t1: OFDLCK ADVISORY  READ 1 00:0e:1034 0 0";

enum { TEXT_MAX = 1 << 16 };

static struct {
        bool ours; /* instead of the kernel's */
        char s[TEXT_MAX];
        size_t length, at;
        int reads;
} proc;

/* The text itself says how long a part is. */
static ssize_t do_read(int fd, void *p, size_t size) {
        size_t n = proc.length - proc.at, part, step;

        if (size == sizeof(uint64_t) || !proc.ours)
                return read(fd, p, size);
        proc.reads++;
        step = n > 0 ? (unsigned char) proc.s[proc.at] % 8 : 0;
        part = 1 + 16 * step * step;
        if (n > part)
                n = part;
        if (n > size)
                n = size;
        memcpy(p, proc.s + proc.at, n);
        proc.at = n > 0 ? proc.at + n : 0;
        return (ssize_t) n;
}

#define read do_read

#define BARRIER_TRIES 0
#include "../../barrier.c"

#undef read

static void write_text(const char *s) {
        size_t n = strlen(s);

        if (proc.length + n <= TEXT_MAX) {
                memcpy(proc.s + proc.length, s, n);
                proc.length += n;
        }
}

/* Most inputs shall have something like a number in it. */
static void make_text(const uint8_t *data, size_t size) {
        char c[2] = "";
        size_t i;
        int lines;

        proc.length = proc.at = 0;
        for (i = 0; i < size; i++)
                if (data[i] >= 250)
                        write_text(number_key);
                else if (data[i] >= 240)
                        for (lines = data[i] % 32; lines > 0; lines--)
                                write_text(lock_line);
                else if (data[i] == 238)
                        write_text(number_key + 1);
                else if (data[i] == 239 && proc.length < TEXT_MAX)
                        proc.s[proc.length++] = 0;
                else {
                        c[0] = (char) (data[i] < 200 ? '0' + data[i] % 10 : data[i] % 128);
                        write_text(c);
                }
}

/* The digits that follow, from the last to the first. */
static uint64_t number_at(size_t at) {
        size_t end = at;
        uint64_t n = 0, weight = 1;

        while (end < proc.length && proc.s[end] >= '0' && proc.s[end] <= '9')
                end++;
        for (; end > at; weight *= 10)
                n += weight * (uint64_t) (proc.s[--end] - '0');
        return n;
}

/* What was read is a number that stands there. None may be overlooked in the last 256 bytes. */
static void check_number(void) {
        const size_t n = sizeof number_key - 1, late = proc.length > 256 ? proc.length - 256 : 0;
        bool stands_there = false, late_one = false;
        uint64_t id = 0;
        size_t i;
        int r;

        proc.reads = 0;
        r = barrier_read_number(-1, &id);
        if (proc.reads >= 1000) {
                CHECK(r == -EFBIG);
                proc.at = 0;
                return;
        }
        CHECK(r == 0);
        for (i = 0; i + n <= proc.length; i++)
                if (memcmp(proc.s + i, number_key, n) == 0) {
                        stands_there |= id == BARRIER_FIRST_NUMBER + number_at(i + n);
                        late_one |= i >= late;
                }
        CHECK(stands_there || (id == BARRIER_NO_NUMBER && !late_one));
}

/* ---- the string ------------------------------------------------------------------------------ */

static int file, foreign[5]; /* what no string may reach: a file, eventfds, a pipe and an epoll */

static void change_struct(char *text, const uint8_t *data, size_t size) {
        struct barrier_state st;
        unsigned char *p = (unsigned char *) &st;
        int32_t word;
        size_t i, at;

        for (i = 0; i < sizeof st; i++)
                p[i] = (unsigned char) ((text[2 * i] - 'a') << 4 | (text[2 * i + 1] - 'a'));
        for (i = 0; i + 1 < size; i += 2) {
                at = data[i] % 128 % offsetof(struct barrier_state, sum);
                if (data[i] == 254) { /* another one than was exported */
                        word = foreign[data[i + 1] / 4 % 5];
                        memcpy(p + (size_t) data[i + 1] % 4 * sizeof word, &word, sizeof word);
                } else if (data[i] == 255) { /* twice the same, as its identity says as well */
                        st.b.me = st.b.them;
                        st.id[0] = st.id[1];
                } else if (data[i] < 128)
                        p[at] = data[i + 1] < 128 ? data[i + 1] % 4
                                                  : data[i + 1]; /* mostly small */
                else {
                        word = data[i + 1] < 128 ? data[i + 1] : data[i + 1] - 256;
                        memcpy(p + at / sizeof word * sizeof word, &word, sizeof word);
                }
        }
        /* That an eventfd was exported where there was no /proc, a forger may say. */
        for (i = 0; i < 2; i++)
                if (!st.id[i])
                        st.id[i] = BARRIER_FIRST_NUMBER;
        st.sum = barrier_sum(&st);
        for (i = 0; i < sizeof st; i++) {
                text[2 * i] = (char) ('a' + (p[i] >> 4));
                text[2 * i + 1] = (char) ('a' + (p[i] & 15));
        }
}

/* Whether fd is a descriptor of the barrier, on either side, or none. */
static bool genuine(int fd, const Barrier *b, const Barrier *other) {
        return fd == -1 || fd == b->me || fd == b->them || fd == b->pipe[0] || fd == b->pipe[1] ||
               fd == other->me || fd == other->them || fd == other->pipe[0] || fd == other->pipe[1];
}

/* What can be in a Barrier that nobody has tampered with. */
static void check_state(const Barrier *b) {
        const int end = b->role == BARRIER_PARENT ? b->pipe[0] : b->pipe[1];

        CHECK(b->role == BARRIER_PARENT || b->role == BARRIER_CHILD);
        CHECK(b->consumed <= b->received);
        CHECK(barrier_is_aborted(b) == (barrier_error(b) != 0));
        CHECK(!b->i_aborted || b->they_aborted || b->error == ECANCELED);
        CHECK(b->they_aborted || !b->they_left);
        CHECK(b->i_aborted <= 1 && b->they_aborted <= 1 && b->they_left <= 1 && b->error >= 0);
        if (b->me != -1 || b->them != -1 || end != -1) {
                CHECK(b->me > 2 && b->them > 2 && end > 2);
                CHECK(b->me != b->them && b->me != end && b->them != end);
        }
}

static void use(Barrier *b, const uint8_t *data, size_t size) {
        struct pollfd fds[BARRIER_POLLFDS];
        char text[BARRIER_EXPORT_MAX];
        size_t i;
        int o;

        barrier_set_timeout(b, 0);
        for (i = 0; i < size; i++) {
                o = data[i] % (OPERATIONS + 2);
                if (o < OPERATIONS)
                        (void) operate(b, o, data[i]);
                else if (o == OPERATIONS)
                        (void) barrier_get_pollfds(b, fds);
                else
                        CHECK(barrier_export(b, text, sizeof text) ==
                              2 * sizeof(struct barrier_state));
                check_state(b);
        }
}

/* ---- one run --------------------------------------------------------------------------------- */

static void prepare(void) {
        if (file)
                return;
        file = open("/dev/null", O_RDWR);
        foreign[0] = eventfd(0, EFD_NONBLOCK);
        foreign[1] = eventfd(0, EFD_NONBLOCK);
        foreign[4] = epoll_create1(0);
        CHECK(file > 0 && foreign[0] > 0 && foreign[1] > 0 && foreign[4] > 0 &&
              pipe2(foreign + 2, O_NONBLOCK) == 0 && dup2(file, 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Barrier null = BARRIER_NULL;
        char start[MAPPED + 1], before[MAPPED + 1], after[MAPPED + 1];
        char text[BARRIER_EXPORT_MAX + 1];
        Barrier b, exported, other;
        unsigned role;
        int i, r, way;

        if (size < 2)
                return 0;
        prepare();
        map_descriptors(start, true);
        role = data[0] & 1 ? BARRIER_PARENT : BARRIER_CHILD;
        CHECK(barrier_init(&exported) == 0);
        other = forked(&exported);
        CHECK(barrier_set_role(&exported, role) == 0);
        CHECK(barrier_set_role(&other, BARRIER_PARENT + BARRIER_CHILD - role) == 0);
        CHECK(barrier_place(&other));
        if (data[0] & 2)
                CHECK(barrier_place_and_sync(&exported));
        if (data[0] & 4)
                CHECK(barrier_abort(&exported));
        /* A standard stream is no descriptor of a barrier. */
        if (data[0] & 8)
                CHECK(dup2(data[0] & 16 ? exported.me : exported.pipe[role == BARRIER_CHILD], 0) ==
                      0);
        r = barrier_export(&exported, text, sizeof text);
        CHECK(r > 0 && r < BARRIER_EXPORT_MAX);

        way = data[1] % 5;
        data += 2;
        size -= 2;
        switch (way) {
        case 0: /* unchanged: what follows are operations */
                break;
        case 1:
                if (size > sizeof text - 1)
                        size = sizeof text - 1;
                memcpy(text, data, size);
                text[size] = 0;
                break;
        case 2:
                for (i = 0; i + 1 < (int) size; i += 2)
                        text[data[i] % (r + 1)] = (char) data[i + 1];
                break;
        case 3:
                change_struct(text, data, size);
                break;
        case 4:
                make_text(data, size);
                proc.ours = true;
                check_number();
                break;
        }

        map_descriptors(before, true);
        memset(&b, 0x55, sizeof b);
        i = barrier_import(&b, text);
        proc.ours = false;
        CHECK(way != 0 || i == 0);
        if (i < 0) {
                CHECK(i == -EINVAL || i == -EBADF || (way == 4 && i == -EFBIG));
                CHECK(memcmp(&b, &null, sizeof b) == 0);
                map_descriptors(after, true);
                CHECK(strcmp(before, after) == 0);
        } else {
                check_state(&b);
                CHECK(genuine(b.me, &exported, &other) && genuine(b.them, &exported, &other));
                CHECK(genuine(b.pipe[0], &exported, &other) &&
                      genuine(b.pipe[1], &exported, &other));
                use(&b, data, size);
        }
        barrier_destroy(&b);

        /* All that import may have closed is this barrier; the rest is as it was. */
        barrier_destroy(&exported);
        barrier_destroy(&other);
        CHECK(dup2(file, 0) == 0);
        map_descriptors(after, true);
        CHECK(strcmp(start, after) == 0);
        return 0;
}
