/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * fuzz-import - barrier_import() against any string, as a libFuzzer target
 *
 * HOW TO READ THIS FILE
 *
 * Each run makes a barrier, both sides of it, and exports one. The input says how the string is
 * then changed: replaced as a whole, changed in some letters, or changed in some bytes of the
 * struct that it stands for, with the check sum made right again, so that the checks behind it are
 * reached. Whatever the string, import must take nothing but descriptors of this barrier, and if
 * it fails must leave everything as it was; an imported barrier must bear all operations.
 *
 * The input: one byte for the side, one for the way of changing, then for each change an offset and
 * a value (of a byte, or of a whole int from offset 128 on), or the string. No corpus is needed: the
 * seeds come from the export.
 */
#define BARRIER_TRIES 0
#include "../barrier.c"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { MAPPED = 40 };

static int file, foreign[5]; /* what no string may reach: a file, eventfds, a pipe and an epoll */

#define CHECK(what)                                                                                \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        fprintf(stderr, "fuzz-import: violated: %s\n", #what);                     \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For each descriptor its flags, -1 if it is closed. */
static void map_descriptors(int map[MAPPED]) {
        int i;

        for (i = 0; i < MAPPED; i++)
                map[i] = fcntl(i, F_GETFD);
}

static void change_struct(char *text, const uint8_t *data, size_t size) {
        struct barrier_state st;
        unsigned char *p = (unsigned char *) &st;
        int32_t word;
        size_t i, at;

        for (i = 0; i < sizeof st; i++)
                p[i] = (unsigned char) ((text[2 * i] - 'a') << 4 | (text[2 * i + 1] - 'a'));
        for (i = 0; i + 1 < size; i += 2) {
                at = data[i] % 128 % offsetof(struct barrier_state, sum);
                if (data[i] < 128)
                        p[at] = data[i + 1];
                else {
                        word = (signed char) data[i + 1];
                        memcpy(p + at / sizeof word * sizeof word, &word, sizeof word);
                }
        }
        /* That an eventfd was exported where there was no /proc, a forger may say. */
        for (i = 0; i < 2; i++)
                if (!st.id[i])
                        st.id[i] = 2;
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

static void use(Barrier *b, const uint8_t *data, size_t size) {
        struct pollfd fds[BARRIER_POLLFDS];
        char text[BARRIER_EXPORT_MAX];
        size_t i;

        barrier_set_timeout(b, 0);
        for (i = 0; i < size; i++)
                switch (data[i] % 9) {
                case 0:
                        (void) barrier_place(b);
                        break;
                case 1:
                        (void) barrier_wait_next(b);
                        break;
                case 2:
                        (void) barrier_sync_next(b);
                        break;
                case 3:
                        (void) barrier_sync(b);
                        break;
                case 4:
                        (void) barrier_place_and_sync(b);
                        break;
                case 5:
                        (void) barrier_wait_abortion(b);
                        break;
                case 6:
                        (void) barrier_get_pollfds(b, fds);
                        break;
                case 7:
                        (void) barrier_export(b, text, sizeof text);
                        break;
                case 8:
                        (void) barrier_fail(b, data[i]);
                        break;
                }
        CHECK(barrier_is_aborted(b) == (barrier_error(b) != 0));
        CHECK(b->consumed <= b->received);
}

static void prepare(void) {
        if (file)
                return;
        file = open("/dev/null", O_RDWR);
        foreign[0] = eventfd(0, EFD_NONBLOCK);
        foreign[1] = eventfd(0, EFD_NONBLOCK);
        foreign[4] = epoll_create1(0);
        CHECK(file > 0 && foreign[0] > 0 && foreign[1] > 0 && foreign[4] > 0 &&
              pipe2(foreign + 2, O_NONBLOCK) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Barrier null = BARRIER_NULL;
        int start[MAPPED], before[MAPPED], after[MAPPED], i, r;
        char text[BARRIER_EXPORT_MAX + 1];
        Barrier b, exported, other;
        unsigned role;

        if (size < 2)
                return 0;
        prepare();
        map_descriptors(start);
        role = data[0] & 1 ? BARRIER_PARENT : BARRIER_CHILD;
        CHECK(barrier_init(&exported) == 0);
        other = exported;
        other.me = fcntl(exported.me, F_DUPFD_CLOEXEC, 3);
        other.them = fcntl(exported.them, F_DUPFD_CLOEXEC, 3);
        other.pipe[0] = fcntl(exported.pipe[0], F_DUPFD_CLOEXEC, 3);
        other.pipe[1] = fcntl(exported.pipe[1], F_DUPFD_CLOEXEC, 3);
        CHECK(barrier_set_role(&exported, role) == 0);
        CHECK(barrier_set_role(&other, BARRIER_PARENT + BARRIER_CHILD - role) == 0);
        CHECK(barrier_place(&other));
        if (data[0] & 2)
                CHECK(barrier_place_and_sync(&exported));
        if (data[0] & 4)
                CHECK(barrier_abort(&exported));
        r = barrier_export(&exported, text, sizeof text);
        CHECK(r > 0 && r < BARRIER_EXPORT_MAX);

        data++;
        size--;
        switch (data[0] % 4) {
        case 0: /* unchanged: what follows are operations */
                break;
        case 1:
                if (size > sizeof text)
                        size = sizeof text;
                memcpy(text, data + 1, size - 1);
                text[size - 1] = 0;
                break;
        case 2:
                for (i = 1; i + 1 < (int) size; i += 2)
                        text[data[i] % (r + 1)] = (char) data[i + 1];
                break;
        case 3:
                change_struct(text, data + 1, size - 1);
                break;
        }

        map_descriptors(before);
        memset(&b, 0x55, sizeof b);
        i = barrier_import(&b, text);
        CHECK(data[0] % 4 != 0 || i == 0);
        if (i < 0) {
                CHECK(i == -EINVAL || i == -EBADF);
                CHECK(memcmp(&b, &null, sizeof b) == 0);
                map_descriptors(after);
                CHECK(memcmp(before, after, sizeof before) == 0);
        } else {
                CHECK(b.role == BARRIER_PARENT || b.role == BARRIER_CHILD);
                CHECK(genuine(b.me, &exported, &other) && genuine(b.them, &exported, &other));
                CHECK(genuine(b.pipe[0], &exported, &other) &&
                      genuine(b.pipe[1], &exported, &other));
                use(&b, data + 1, size - 1);
        }
        barrier_destroy(&b);

        /* All that import may have closed is this barrier; the rest is as it was. */
        barrier_destroy(&exported);
        barrier_destroy(&other);
        map_descriptors(after);
        CHECK(memcmp(start, after, sizeof start) == 0);
        return 0;
}
