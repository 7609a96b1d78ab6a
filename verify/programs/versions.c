/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * versions - meets a build of itself with another version of barrier.c, in every ending
 *
 *      versions OTHER          OTHER is the same program with the other version
 *
 * For each ending the parent is this program. Its child executes OTHER, which imports the string
 * that this version exported. One of the two brings the ending about, the other has to learn of it.
 * Then who brought it about exports the ended barrier, and executes the program of the other
 * version, which has to import it as ended, for the same reason.
 *
 * Exit status 0, or 1 and what went wrong.
 */
#define _GNU_SOURCE 1

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BARRIER_API   static
#define clock_gettime refused_clock_gettime
static int refused_clock_gettime(clockid_t clock, struct timespec *ts);
#ifndef BARRIER_C
#define BARRIER_C "../../barrier.c"
#endif
#include BARRIER_C /* NOLINT(bugprone-suspicious-include) */
#undef clock_gettime

static bool refused;

static int refused_clock_gettime(clockid_t clock, struct timespec *ts) {
        errno = EPERM;
        return refused ? -1 : clock_gettime(clock, ts);
}

enum ending { LEFT, FAILS, ABORTS, PROTOCOL, CLOCK, ROLE, ENDINGS };

/* What who brings it about has as its reason, and what the other side is to learn. Since: the first
 * minor version that ends so. */
static const struct {
        const char *name;
        int since, mine, theirs;
        bool left;
} endings[] = {
        [LEFT] = { "leaves", 1, 0, ECONNRESET, true },
        [FAILS] = { "fails", 1, ECANCELED, ENOENT, false },
        [ABORTS] = { "aborts", 1, ECANCELED, ECONNABORTED, false },
        [PROTOCOL] = { "finds the protocol broken", 2, EPROTO, ECONNRESET, true },
        [CLOCK] = { "is refused the clock", 2, EPERM, EPERM, false },
        [ROLE] = { "is given the other role", 2, EALREADY, ECONNRESET, true },
};

static int must(bool right, const char *what, int ending) {
        if (!right)
                fprintf(stderr, "versions: %s: not so where a side %s: %s\n", BARRIER_VERSION,
                        endings[ending].name, what);
        return right ? 0 : 1;
}

static void run(const char *program, const char *how, const char *string, int ending) {
        char number[12];

        (void) snprintf(number, sizeof number, "%d", ending);
        (void) execl(program, program, how, string, number, (char *) NULL);
        perror(program);
        _exit(1);
}

/* Brings it about, and hands the end on to the other version. */
static int act(Barrier *b, int ending, const char *other) {
        char string[BARRIER_EXPORT_MAX];
        bool right = true;

        if (ending == FAILS)
                right = barrier_fail(b, ENOENT);
        else if (ending == ABORTS)
                right = barrier_abort(b);
        else if (ending == PROTOCOL)
                right = barrier_place(b) && !barrier_wait_next(b);
        else if (ending == CLOCK) {
                refused = true;
                barrier_set_timeout(b, 1000);
                right = !barrier_wait_next(b);
        } else if (ending == ROLE)
                right = barrier_set_role(b, 3 - b->role) == -EALREADY;
        if (must(right && barrier_error(b) == endings[ending].mine, "the reason of who ends it",
                 ending))
                return 1;
        if (must(barrier_export(b, string, sizeof string) > 0, "its export", ending))
                return 1;
        run(other, "--ended", string, ending);
        return 1;
}

static int meet(Barrier *b, int ending) {
        const uint64_t nonsense = BARRIER_PLACED_MAX + 1;

        if (ending == PROTOCOL && /* which must not be read together with what was placed */
            must(barrier_wait_next(b) && write(b->me, &nonsense, sizeof nonsense) > 0, "a write",
                 ending))
                return 1;
        return must(barrier_wait_abortion(b) && barrier_error(b) == endings[ending].theirs &&
                            barrier_they_left(b) == endings[ending].left,
                    "what the other side learns", ending);
}

/* Three rounds first. An abortion would discard what the other side has not read, so that one says
 * that it has. */
static int go(Barrier *b, int ending, bool acts, const char *other) {
        int i;

        for (i = 0; i < 3; i++)
                if (must(barrier_place_and_sync(b), "a round before it", ending))
                        return 1;
        if (must(acts ? barrier_wait_next(b) : barrier_place(b), "the last barrier before it",
                 ending))
                return 1;
        return acts ? act(b, ending, other) : meet(b, ending);
}

static int ended(const char *string, int ending) {
        Barrier b;
        int r = must(barrier_import(&b, string) == 0, "the import of its end", ending) ||
                must(barrier_error(&b) == endings[ending].mine, "the reason imported", ending);

        barrier_destroy(&b);
        return r;
}

/* The program that was executed. */
static int go_on(const char *how, const char *string, int ending) {
        const char *parent = getenv("VERSIONS_PARENT");
        Barrier b;

        if (!strcmp(how, "--ended"))
                return ended(string, ending);
        if (must(barrier_import(&b, string) == 0, "the import of its beginning", ending))
                return 1;
        return go(&b, ending, !strcmp(how, "--act"), parent ? parent : "");
}

/* The child executes the other version. The parent acts, or meets it. */
static int try_ending(int ending, bool acts, const char *other) {
        char string[BARRIER_EXPORT_MAX];
        int status, wrong = 0;
        Barrier b;
        pid_t pid;

        if (must(barrier_init(&b) == 0, "its beginning", ending))
                return 1;
        pid = fork();
        if (must(pid >= 0, "its fork", ending))
                return 1;
        if (pid == 0) {
                (void) barrier_set_role(&b, BARRIER_CHILD);
                if (barrier_export(&b, string, sizeof string) > 0)
                        run(other, acts ? "--meet" : "--act", string, ending);
                _exit(1);
        }
        (void) barrier_set_role(&b, BARRIER_PARENT);
        if (acts && fork() == 0) /* for it is going to execute a program */
                _exit(go(&b, ending, true, other));
        if (acts)
                barrier_destroy(&b);
        else
                wrong = go(&b, ending, false, "");
        while (!wrong && wait(&status) > 0)
                wrong = must(status == 0, "a process of it", ending);
        barrier_destroy(&b);
        return wrong;
}

int main(int argc, char **argv) {
        const int minor = BARRIER_VERSION[2] - '0';
        int ending, acts, met = 0;

        if (argc == 4)
                return go_on(argv[1], argv[2], *argv[3] - '0');
        if (argc != 2 || setenv("VERSIONS_PARENT", argv[0], 1) < 0) {
                fputs("usage: versions OTHER\n", stderr);
                return 2;
        }
        for (ending = 0; ending < ENDINGS; ending++)
                for (acts = 0; acts < 2; acts++) { /* the child, or the parent */
                        if ((acts ? minor : 3 - minor) < endings[ending].since)
                                continue;
                        if (try_ending(ending, acts, argv[1]))
                                return 1;
                        met++;
                }
        printf("versions: %s as parent: %d endings, all as they should\n", BARRIER_VERSION, met);
        return 0;
}
