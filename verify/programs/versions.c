/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * versions - meets a build of itself with another version of barrier.c, in every ending
 *
 *      versions OTHER          OTHER is the same program with the other version
 *
 * For each ending the side of the parent is this program. The side of the child executes OTHER,
 * which imports the string that this version exported. One of the two brings the ending about, the
 * other has to learn of it. Then who brought it about exports the ended barrier, and executes the
 * program of the other version, which has to import it as ended, for the same reason.
 *
 * Exit status 0, or 1 and what went wrong.
 */
#define _GNU_SOURCE 1

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BARRIER_API static
#ifndef BARRIER_C
#define BARRIER_C "../../barrier.c"
#endif
#include BARRIER_C /* NOLINT(bugprone-suspicious-include) */

enum { LEFT, FAILS, ABORTS, BREAKS, PROTOCOL, ROLE, ENDINGS };

/* What who brings it about has as its reason, and what the other side is to learn. Since: the first
 * minor version that ends so. */
static const struct {
        const char *name;
        int since, mine, theirs;
} endings[] = {
        [LEFT] = { "leaves", 1, 0, ECONNRESET },
        [FAILS] = { "fails", 1, ECANCELED, ENOENT },
        [ABORTS] = { "aborts", 1, ECANCELED, ECONNABORTED },
        [BREAKS] = { "watches what is closed", 1, EBADF, EBADF },
        [PROTOCOL] = { "finds the protocol broken", 2, EPROTO, ECONNRESET },
        [ROLE] = { "is given the other role", 2, EALREADY, ECONNRESET },
};

static int ending;
static const char *this_program, *other_program;

static void must(bool right, const char *what) {
        if (right)
                return;
        fprintf(stderr, "versions: %s: not so where a side %s: %s\n", BARRIER_VERSION,
                endings[ending].name, what);
        exit(1);
}

/* The other version goes on, in this process. */
static void hand_on(Barrier *b, const char *how) {
        const char number[] = { (char) ('0' + ending), 0 };
        char string[BARRIER_EXPORT_MAX];

        must(barrier_export(b, string, sizeof string) > 0, "its export");
        (void) execl(other_program, other_program, this_program, how, string, number,
                     (char *) NULL);
        must(false, "execl");
}

static bool act(Barrier *b) {
        int fd;

        switch (ending) {
        case FAILS:
                return barrier_fail(b, ENOENT);
        case ABORTS:
                return barrier_abort(b);
        case PROTOCOL:
                return barrier_place(b) && !barrier_wait_next(b);
        case BREAKS:
                fd = dup(b->them);
                return barrier_watch(b, fd) == 0 && close(fd) == 0 && !barrier_wait_next(b);
        case ROLE:
                return barrier_set_role(b, 3 - b->role) == -EALREADY;
        default:
                return true;
        }
}

/* Three rounds first. An abortion would discard what the other side has not read, so that one says
 * that it has. */
static void go_on(Barrier *b, bool acts) {
        const uint64_t nonsense = BARRIER_PLACED_MAX + 1;
        int i;

        for (i = 0; i < 3; i++)
                must(barrier_place_and_sync(b), "a round before it");
        must(acts ? barrier_wait_next(b) : barrier_place(b), "the last barrier before it");
        if (acts) {
                must(act(b) && barrier_error(b) == endings[ending].mine,
                     "the reason of who ends it");
                hand_on(b, "ended");
        }
        if (ending == PROTOCOL) /* which must not be read together with what was placed */
                must(barrier_wait_next(b) && write(b->me, &nonsense, sizeof nonsense) > 0,
                     "a write");
        must(barrier_wait_abortion(b) && barrier_error(b) == endings[ending].theirs &&
                     barrier_they_left(b) == (endings[ending].theirs == ECONNRESET),
             "what the other side learns");
}

/* What was executed by hand_on(). */
static void take_over(const char *how, const char *string) {
        Barrier b;

        must(barrier_import(&b, string) == 0, "an import");
        if (strcmp(how, "ended") != 0)
                go_on(&b, !strcmp(how, "acts"));
        else
                must(barrier_error(&b) == endings[ending].mine &&
                             barrier_i_aborted(&b) == (ending != LEFT) &&
                             barrier_they_aborted(&b) == (ending > ABORTS) &&
                             !barrier_they_left(&b),
                     "the ending imported");
}

static void try_ending(bool parent_acts) {
        int status, role;
        Barrier b;
        pid_t pid;

        must(barrier_init(&b) == 0, "its beginning");
        for (role = BARRIER_PARENT; role <= BARRIER_CHILD; role++) {
                pid = fork();
                must(pid >= 0, "a fork");
                if (pid > 0)
                        continue;
                (void) barrier_set_role(&b, (unsigned) role);
                if (role == BARRIER_CHILD)
                        hand_on(&b, parent_acts ? "meets" : "acts");
                go_on(&b, parent_acts);
                exit(0);
        }
        barrier_destroy(&b);
        while (wait(&status) > 0)
                must(status == 0, "a process of it");
}

int main(int argc, char **argv) {
        const int minor = BARRIER_VERSION[2] - '0';
        int acts, met = 0;

        this_program = argv[0];
        other_program = argv[1];
        if (argc == 5) {
                ending = *argv[4] - '0';
                take_over(argv[2], argv[3]);
                return 0;
        }
        if (argc != 2) {
                fputs("usage: versions OTHER\n", stderr);
                return 2;
        }
        for (ending = 0; ending < ENDINGS; ending++)
                for (acts = 0; acts < 2; acts++) /* the child, or the parent */
                        if ((acts ? minor : 3 - minor) >= endings[ending].since) {
                                try_ending(acts);
                                met++;
                        }
        printf("versions: %s as parent: %d endings, all as they should\n", BARRIER_VERSION, met);
        return 0;
}
