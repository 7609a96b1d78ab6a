/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * fuzz-import - barrier_import() with real descriptors, against any string and any /proc, by
 * libFuzzer
 *
 * prove.c shows for every string what is read and written; here are the kernel's objects, whose
 * identity it takes for any number. Each run makes a barrier and exports it, and the input, behind
 * a byte for the history and one for the way, says what is imported:
 *
 *      0   the string with other letters (pairs of place and letter); without any, as it is
 *      1   another struct (pairs of place and byte), with the check sum made right
 *      2   the string as it is, where the input is what /proc says, read in parts of any length;
 *      the
 *          number that was found in it is looked for in another way
 *
 * Import must take nothing but this barrier's descriptors, and if it fails leave all as it was;
 * what was imported bears every operation.
 */
#define _GNU_SOURCE 1
#include <ctype.h>
#include <stdio.h>
#include <string.h>
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

static struct {
        bool ours; /* instead of the kernel's */
        char text[1 << 16];
        size_t length, at;
} proc;

/* The text itself says how long a part is. */
static ssize_t read_proc(int fd, void *p, size_t size) {
        size_t n = proc.length - proc.at, step;

        if (size == sizeof(uint64_t) || !proc.ours)
                return read(fd, p, size);
        step = n > 0 ? (unsigned char) proc.text[proc.at] % 8 : 0;
        if (n > 1 + 16 * step * step)
                n = 1 + 16 * step * step;
        if (n > size)
                n = size;
        memcpy(p, proc.text + proc.at, n);
        proc.at = n > 0 ? proc.at + n : 0; /* the end, and another one begins to read */
        return (ssize_t) n;
}

#define read read_proc

#define BARRIER_TRIES 0
#include "../../barrier.c"

#undef read

static void add_text(const char *s, size_t n) {
        if (proc.length + n <= sizeof proc.text) {
                memcpy(proc.text + proc.length, s, n);
                proc.length += n;
        }
}

/* In most inputs shall be something like a number. */
static void make_text(const uint8_t *data, size_t size) {
        size_t i;
        int lines;
        char c;

        proc.length = proc.at = 0;
        for (i = 0; i < size; i++)
                if (data[i] >= 250)
                        add_text(number_key, sizeof number_key - 1);
                else if (data[i] >= 240)
                        for (lines = data[i] % 32; lines > 0; lines--)
                                add_text(lock_line, sizeof lock_line - 1);
                else {
                        c = (char) (data[i] < 200 ? '0' + data[i] % 10 : data[i] % 128);
                        add_text(&c, 1);
                }
}

/* ---- what a string holds --------------------------------------------------------------------- */

static struct barrier_state decode(const char *text) {
        struct barrier_state st;
        unsigned char *p = memset(&st, 0, sizeof st);
        size_t i;

        for (i = 0; i < sizeof st; i++)
                p[i] = (unsigned char) ((text[2 * i] - 'a') << 4 | (text[2 * i + 1] - 'a'));
        return st;
}

static void encode(struct barrier_state *st, char *text) {
        const unsigned char *p = (const unsigned char *) st;
        uint32_t sum = 2166136261u + BARRIER_FORMAT;
        size_t i;

        for (i = 0; i < offsetof(struct barrier_state, sum); i++)
                sum = (sum ^ p[i]) * 16777619u;
        st->sum = sum;
        for (i = 0; i < sizeof *st; i++) {
                text[2 * i] = (char) ('a' + (p[i] >> 4));
                text[2 * i + 1] = (char) ('a' + (p[i] & 15));
        }
}

/* What was read is a number that stands there; none in the last 256 bytes is overlooked. */
static void check_number(Barrier *b) {
        const size_t n = sizeof number_key - 1;
        bool stands_there = false, late = false;
        char text[BARRIER_EXPORT_MAX];
        uint64_t id, number;
        size_t i, j;
        int r = barrier_export(b, text, sizeof text);

        CHECK(r > 0 || r == -EFBIG);
        proc.at = 0;
        if (r < 0)
                return;
        id = decode(text).id[0];
        for (i = 0; i + n <= proc.length; i++) {
                if (memcmp(proc.text + i, number_key, n) != 0)
                        continue;
                number = 0;
                for (j = i + n; j < proc.length && isdigit((unsigned char) proc.text[j]); j++)
                        number = 10 * number + (uint64_t) (proc.text[j] - '0');
                stands_there = stands_there || id == BARRIER_FIRST_NUMBER + number;
                late = late || i + 256 >= proc.length;
        }
        CHECK(stands_there || (id == BARRIER_NO_NUMBER && !late));
}

/* ---- one run --------------------------------------------------------------------------------- */

static void change_struct(char *text, const uint8_t *data, size_t size) {
        struct barrier_state st = decode(text);
        unsigned char *p = (unsigned char *) &st;
        size_t i;

        for (i = 0; i + 1 < size; i += 2)
                if (data[i] < 128)
                        p[data[i] % offsetof(struct barrier_state, sum)] =
                                data[i + 1] < 128 ? data[i + 1] % 4
                                                  : data[i + 1]; /* mostly small */
                else /* which names also what is open and not the barrier's */
                        *(int *) (p + data[i] % 4 * sizeof(int)) = (int8_t) data[i + 1];
        /* That an eventfd was exported where there was no /proc, a forger may say. */
        for (i = 0; i < 2; i++)
                if (!st.id[i])
                        st.id[i] = BARRIER_FIRST_NUMBER;
        encode(&st, text);
}

static Barrier exported, peer;

static bool ours(int fd) {
        return fd == exported.me || fd == exported.them || fd == exported.pipe[0] ||
               fd == exported.pipe[1] || fd == peer.me || fd == peer.them || fd == peer.pipe[0] ||
               fd == peer.pipe[1];
}

static void use(Barrier *b, const uint8_t *data, size_t size) {
        char text[BARRIER_EXPORT_MAX];
        size_t i;

        barrier_set_timeout(b, 0);
        for (i = 0; i < size; i++) {
                (void) operate(b, data[i] % OPERATIONS, data[i]);
                CHECK(barrier_export(b, text, sizeof text) > 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Barrier null = BARRIER_NULL;
        char start[MAPPED + 1], before[MAPPED + 1], after[MAPPED + 1];
        char text[BARRIER_EXPORT_MAX];
        Barrier b;
        static int foreign[4]; /* eventfds and a pipe, which no string may reach */
        int i, r, way;

        if (size < 2)
                return 0;
        if (foreign[0] == 0)
                CHECK((foreign[0] = eventfd(0, EFD_NONBLOCK)) > 0 &&
                      (foreign[1] = eventfd(0, EFD_NONBLOCK)) > 0 && pipe(foreign + 2) == 0);
        map_descriptors(start, true);
        CHECK(barrier_init(&exported) == 0);
        peer = forked(&exported);
        CHECK(barrier_set_role(&exported, data[0] & 1 ? BARRIER_PARENT : BARRIER_CHILD) == 0);
        CHECK(barrier_set_role(&peer, data[0] & 1 ? BARRIER_CHILD : BARRIER_PARENT) == 0);
        CHECK(barrier_place(&peer));
        if (data[0] & 2)
                CHECK(barrier_place_and_sync(&exported));
        if (data[0] & 4)
                CHECK(barrier_abort(&exported));
        r = barrier_export(&exported, text, sizeof text);
        CHECK(r > 0 && r < BARRIER_EXPORT_MAX);

        way = data[1] % 3;
        data += 2;
        size -= 2;
        if (way == 0)
                for (i = 0; i + 1 < (int) size; i += 2)
                        text[data[i] % (r + 1)] = (char) data[i + 1];
        else if (way == 1)
                change_struct(text, data, size);
        else {
                make_text(data, size);
                proc.ours = true;
                check_number(&exported);
        }
        map_descriptors(before, true);
        memset(&b, 0x55, sizeof b);
        i = barrier_import(&b, text);
        proc.ours = false;
        CHECK(way == 2 || size > 1 || i == 0);
        if (i < 0) {
                CHECK(i == -EINVAL || i == -EBADF || (way == 2 && i == -EFBIG));
                CHECK(memcmp(&b, &null, sizeof b) == 0);
                map_descriptors(after, true);
                CHECK(strcmp(before, after) == 0);
        } else {
                CHECK(b.consumed <= b.received &&
                      barrier_is_aborted(&b) == (barrier_error(&b) != 0));
                CHECK(ours(b.me) && ours(b.them) && ours(b.pipe[0]) && ours(b.pipe[1]));
                use(&b, data, size);
        }

        /* All that import may have closed is this barrier; the rest is as it was. */
        barrier_destroy(&b);
        barrier_destroy(&exported);
        barrier_destroy(&peer);
        map_descriptors(after, true);
        CHECK(strcmp(start, after) == 0);
        return 0;
}
