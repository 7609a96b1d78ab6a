/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * kill - whichever process of an example is killed, and whenever: nothing that it started runs on
 *
 *      kill [--short] [DIR [EXAMPLE]]  DIR is where the examples are; without it, examples
 *
 * HOW TO READ THIS FILE
 *
 * An example runs under ptrace, with all that it forks; a thread counts as one process more. In
 * one run a victim is killed when it is about to make its n-th system call. Another process may be
 * held at one of its own calls, so that it takes no part until the victim is dead. When nobody can
 * go on any more, the victim is killed in its sleep: it waits for the one that is held, or all is
 * well and the example does its work. Then every process has to end. If some are left and all of
 * them sleep, they run on for ever, and that is a failure. No time decides anything: settled() asks
 * the kernel who sleeps.
 *
 * Each process is the victim in turn. It is killed at each of its calls, first with nobody held,
 * then with each other process held at each of its calls. --short leaves out that product: while
 * another process is held, the victim gets as far as it can. Calls before the first fork do not
 * count; looks of a wait in a row count as one call, and so do signal()s.
 *
 * In further runs nobody is killed, but the example's first process is held at each of its calls:
 * none of the others executes a program or accepts a connection before it may.
 *
 * daemonize promises that SIGTERM leaves nothing, wherever the daemon is stuck. So it gets that at
 * each of its calls too, and who is held then is held for ever.
 *
 * Exit status: 0, also if it cannot be done here; 1 if something ran on; 2 wrong usage.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_vfork
#define SYS_vfork SYS_clone /* with its flags */
#endif

/* `barriers` are those that the first process has placed before another executes or accepts. What is
 * started by a program that `hands_over` goes on after it has exited with 0; so it is not killed on
 * its way out. Their standard input is a pipe that stays empty, and the log that a worker opens is
 * one that nobody reads: it stays in open(), where no barrier can reach it. */
static const struct program {
        const char *name;
        char *argv[5];
        int barriers;
        bool hands_over;
} programs[] = {
        { "spawn cat", { "spawn", "cat" }, 2, false },
        { "spawn -s cat true", { "spawn", "-s", "exec cat", "true" }, 0, false },
        { "userns cat", { "userns", "cat" }, 1, false },
        { "daemonize DIR", { "daemonize", "." }, 1, true },
        { "prefork 2", { "prefork", "2" }, 1, false },
        { "prefork 1 DIR", { "prefork", "1", "." }, 1, false },
        { "handover", { "handover" }, 1, false },
        { "handover cat", { "handover", "cat" }, 1, false },
        { "launch cat", { "launch", "cat" }, 1, false },
};

enum { PROCESSES_MAX = 8, NOBODY = -1, NEVER = 0, NOT_POSSIBLE = 77 };

static struct process {
        pid_t pid;
        int calls;     /* that it has made, or is about to make */
        uint64_t call; /* the number of the last */
        bool counts, held, gone;
        bool places; /* the last is about to place a barrier */
        int placed;  /* so many it has placed */
        int status;  /* once it is gone */
} processes[PROCESSES_MAX];
static int n_processes;

struct run {
        const struct program *program;
        int victim, at;            /* which process is killed, and at which call at the latest */
        int held, hold;            /* which one is held till then, and at which call */
        int sig;                   /* kills the victim; after SIGTERM nobody goes on who is held */
        bool was_killed, was_held; /* just there */
        bool too_early;            /* somebody did not wait for what is held */
};

static int input;
static long runs;

__attribute__((noreturn)) static void die(const char *what) {
        fprintf(stderr, "kill: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* ---- the processes of a run ------------------------------------------------------------------ */

static bool alive(int i) {
        return i >= 0 && i < n_processes && !processes[i].gone;
}

static struct process *find(pid_t pid) {
        struct process *p;

        for (p = processes; p < processes + n_processes; p++)
                if (p->pid == pid)
                        return p;
        if (n_processes == PROCESSES_MAX) {
                errno = E2BIG;
                die("processes");
        }
        memset(p, 0, sizeof *p);
        p->pid = pid;
        p->counts = n_processes++ > 0;
        return p;
}

/* Lets `p` go on, up to its next call if that matters. */
static void resume(const struct run *r, struct process *p, int sig) {
        const int i = (int) (p - processes);
        const bool matters =
                p->counts &&
                (i == r->held ? !r->was_held : r->victim == NOBODY || (i == r->victim && r->at));

        p->placed += p->places;
        p->places = false;
        if (ptrace(matters ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, 0, sig) < 0 && errno != ESRCH)
                die("ptrace"); /* not because it was killed */
}

/* Puts a file of /proc into `text`; nothing, if the process is just ending: then the file is
 * root's, and cannot be read. */
static void read_proc(const struct process *p, const char *name, char *text, size_t size) {
        char path[64];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof path, "/proc/%ld/%s", (long) p->pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno != EACCES)
                die(path);
        n = fd < 0 ? 0 : read(fd, text, size - 1);
        (void) close(fd);
        text[n > 0 ? n : 0] = 0;
}

/* Whether `p` sleeps, or stands where it is held, and how often it went to sleep. The state alone is
 * not enough: it changes a moment before, when there is still a last look at what is waited for.
 * Sleep in state D ends by itself, but for that in vfork(). */
static bool sleeps(const struct process *p, char *switches, size_t size) {
        static const char slept[] = "\nvoluntary_ctxt_switches:";
        char text[4096];
        const char *s, *state = p->held ? "\nState:\tt" : "\nState:\tS";

        read_proc(p, "syscall", text, sizeof text); /* waits that moment */
        if (*text < '0' || *text > '9')
                return false; /* "running" */
        if (strtol(text, NULL, 10) == SYS_vfork && !p->held)
                state = "\nState:\tD";
        read_proc(p, "status", text, sizeof text);
        s = memmem(text, strlen(text), slept, sizeof slept - 1);
        if (!s || !memmem(text, strlen(text), state, strlen(state)))
                return false;
        (void) snprintf(switches, size, "%s", s);
        return true;
}

/* Whether all that are left sleep, or stand where they are held. Who sleeps at two looks and did not
 * go to sleep in between slept all that time. So there was a moment when all of them slept at once,
 * and then there is nobody who could wake one. */
static bool settled(void) {
        char first[PROCESSES_MAX][64] = { "" }, second[64] = "";
        int i, look;

        for (look = 0; look < 2; look++)
                for (i = 0; i < n_processes; i++) {
                        if (!alive(i))
                                continue;
                        if (!sleeps(&processes[i], look ? second : first[i], sizeof second) ||
                            (look && strcmp(first[i], second) != 0))
                                return false;
                }
        return true;
}

/* Whether `p` has stopped before a call that counts, not behind one. */
static bool about_to_call(struct process *p) {
        uint64_t info[16] = { 0 }; /* struct ptrace_syscall_info, which not every libc has */
        bool again;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof info, info) < 0 ||
            *(unsigned char *) info != 1 || !p->counts)
                return false;
        again = info[3] == p->call && (p->call == SYS_preadv2 || p->call == SYS_rt_sigaction);
        p->call = info[3];
        p->places = p->call == SYS_write && info[6] == sizeof(uint64_t);
        p->calls += !again;
        return !again;
}

/* ---- one run --------------------------------------------------------------------------------- */

static void start(char *const *argv) {
        const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
        int null, go[2];
        char c = 0;
        pid_t pid;

        if (pipe2(go, O_CLOEXEC) < 0)
                die("pipe");
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                null = open("/dev/null", O_WRONLY | O_CLOEXEC);
                if (read(go[0], &c, 1) == 1 && dup2(input, 0) == 0 && dup2(null, 1) == 1 &&
                    dup2(null, 2) == 2)
                        (void) execvp(argv[0], argv);
                _exit(127);
        }
        n_processes = 0;
        (void) find(pid);
        if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
                die("ptrace");
        if (write(go[1], &c, 1) != 1)
                die("write");
        (void) close(go[0]);
        (void) close(go[1]);
}

/* Holds or kills process `i`, which is about to make a call, if that is its turn. */
static bool interfere(struct run *r, int i) {
        struct process *p = &processes[i];

        if (i == r->held && p->calls == r->hold)
                p->held = r->was_held = true;
        else if (i == r->victim && p->calls == r->at &&
                 !(r->program->hands_over && i == 0 && p->call == SYS_exit_group)) {
                r->was_killed = true;
                (void) kill(p->pid, r->sig);
                return r->sig == SIGKILL;
        } else
                return false;
        return true;
}

/* Takes it that process `p` executes or accepts. */
static void begins(struct run *r, const struct process *p) {
        if (p != processes && processes[0].held && processes[0].placed < r->program->barriers)
                r->too_early = true;
}

/* Takes what has happened to one of the processes, and lets it go on. Returns false if nothing has
 * happened. */
static bool take_event(struct run *r) {
        int status, sig = 0;
        pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);
        unsigned long forked;
        struct process *p;

        if (pid <= 0)
                return false;
        p = find(pid);
        if (!WIFSTOPPED(status)) {
                p->gone = true;
                p->status = status;
                return true;
        }
        switch (status >> 16) {
        case 0:
                if (WSTOPSIG(status) != (SIGTRAP | 0x80))
                        sig = WSTOPSIG(status);
                else if (about_to_call(p)) {
                        if (p->call == SYS_accept4)
                                begins(r, p);
                        if (interfere(r, (int) (p - processes)))
                                return true;
                }
                break;
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_VFORK:
        case PTRACE_EVENT_CLONE:
                if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &forked) == 0)
                        (void) find((pid_t) forked);
                p->counts = true;
                break;
        case PTRACE_EVENT_EXEC:
                begins(r, p);
                p->counts = p->counts && !r->program->argv[1]; /* cat is not ours */
                break;
        }
        resume(r, p, sig);
        return true;
}

static void complain(const struct run *r, const char *what, int i) {
        printf("FAILED  %s: process %d %s", r->program->name, i, what);
        if (!r->too_early)
                printf(" after process %d got signal %d", r->victim, r->sig);
        if (r->was_killed)
                printf(" at its call %d, which is number %d", r->at,
                       (int) processes[r->victim].call);
        if (r->was_held)
                printf("; process %d was held at its call %d, which is number %d", r->held, r->hold,
                       (int) processes[r->held].call);
        puts(r->too_early || r->was_killed ? "" : "; it slept");
}

/* Returns whether all came to their end, or may go on. */
static bool run(struct run *r) {
        bool may_be_left, good;
        int i;

        if (++runs % 16 == 0 && isatty(STDERR_FILENO))
                fprintf(stderr, "\r%-17s%6ld runs\r", r->program->name, runs);
        (void) alarm(60); /* for hangs only */
        r->was_killed = r->was_held = r->too_early = false;
        start(r->program->argv);
        while (!r->too_early) {
                if (take_event(r))
                        continue;
                if (!settled())
                        (void) sched_yield();
                else if (alive(r->victim))
                        (void) kill(processes[r->victim].pid, r->sig);
                else if (alive(r->held) && processes[r->held].held && r->sig != SIGTERM) {
                        processes[r->held].held = false;
                        resume(r, &processes[r->held], 0);
                } else
                        break;
        }

        /* What is left sleeps. */
        good = !r->too_early;
        if (!good)
                complain(r, "is not waited for", r->held);
        may_be_left = !good || r->victim == NOBODY ||
                      (r->program->hands_over && !alive(0) && processes[0].status == 0);
        for (i = 0; i < n_processes; i++) {
                if (!alive(i))
                        continue;
                if (!may_be_left)
                        complain(r, "goes on for ever", i);
                good = good && may_be_left;
                (void) kill(processes[i].pid, SIGKILL);
                while (alive(i))
                        if (!take_event(r))
                                (void) sched_yield();
        }
        return good;
}

/* ---- all runs -------------------------------------------------------------------------------- */

/* Kills the victim at each of its calls in turn, and at last in its sleep. */
static bool at_each_call(struct run *r) {
        for (r->at = 1;; r->at++) {
                if (!run(r))
                        return false;
                if (!r->was_killed)
                        return true;
        }
}

/* The victim is set, and how it is killed. */
static bool with_each_held(struct run *r, bool all, int n) {
        r->held = NOBODY;
        if (!at_each_call(r))
                return false;
        for (r->held = 0; r->held < n; r->held++) {
                if (r->held == r->victim)
                        continue;
                r->at = NEVER;
                for (r->hold = 1, r->was_held = true; r->was_held; r->hold++)
                        if (!(all ? at_each_call(r) : run(r)))
                                return false;
        }
        return true;
}

static bool all_runs(const struct program *program, bool all, int n) {
        struct run r = { .program = program, .victim = NOBODY, .sig = SIGKILL };

        for (r.hold = 1, r.was_held = true; r.was_held; r.hold++)
                if (!run(&r))
                        return false;
        for (r.victim = 0; r.victim < n; r.victim++)
                if (!with_each_held(&r, all, n))
                        return false;
        r.victim = 0;
        r.sig = SIGTERM;
        return !program->hands_over || with_each_held(&r, all, n);
}

/* Runs the program undisturbed. Returns how many processes there are then, or, if it does not come
 * that far, its exit status, negative. */
static int undisturbed(const struct program *program) {
        struct run r = { .program = program, .victim = NOBODY, .held = NOBODY };
        int status;

        (void) run(&r);
        status = processes[0].status;
        if (program->hands_over ? status == 0 : !WIFEXITED(status))
                return n_processes;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -WTERMSIG(status) - 128;
}

/* Returns why nothing of this can be done here, or NULL. */
static const char *obstacle(void) {
        const char *why = NULL;
        int status;
        pid_t pid;

        if (access("/proc/self/syscall", R_OK) < 0)
                return "there is no /proc/PID/syscall";
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0)
                _exit(pause());
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
                why = "ptrace() is not permitted";
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);
        return why;
}

int main(int argc, char **argv) {
        int n, fds[2], passed = 0, failed = 0, skipped = 0;
        char directory[] = "/tmp/kill.XXXXXX", examples[PATH_MAX], path[PATH_MAX + 32];
        const struct program *p;
        const char *why;
        bool all = true;

        if (argc > 1 && !strcmp(argv[1], "--short")) {
                all = false;
                argc--;
                argv++;
        }
        if (argc > 3 || (argc > 1 && *argv[1] == '-')) {
                fputs("usage: kill [--short] [DIR [EXAMPLE]]\n", stderr);
                return 2;
        }
        if (!realpath(argc > 1 ? argv[1] : "examples", examples))
                die(argc > 1 ? argv[1] : "examples");
        why = obstacle();
        if (why) {
                printf("SKIPPED: %s\nkill: 0 passed, 0 failed, %zu skipped\n", why,
                       sizeof programs / sizeof *programs);
                return 0;
        }

        (void) snprintf(path, sizeof path, "%s:/usr/bin:/bin", examples);
        if (setenv("PATH", path, 1) < 0 || !mkdtemp(directory) || chdir(directory) < 0 ||
            mkfifo("1", 0600) < 0 || pipe2(fds, O_CLOEXEC) < 0)
                die("set-up");
        input = fds[0];
        for (p = programs; p < programs + sizeof programs / sizeof *programs; p++) {
                if (argc == 3 && strcmp(argv[2], p->argv[0]) != 0)
                        continue;
                runs = 0;
                n = undisturbed(p);
                if (n == -NOT_POSSIBLE) {
                        printf("SKIPPED: %s is not possible here\n", p->name);
                        skipped++;
                } else if (n <= 0) {
                        printf("FAILED  %s: exit status %d\n", p->name, -n);
                        failed++;
                } else if (all_runs(p, all, n)) {
                        printf("ok      %-17s %d processes, %ld runs\n", p->name, n, runs);
                        passed++;
                } else
                        failed++;
                fflush(stdout);
        }
        (void) unlink("1");
        (void) unlink("pid");
        (void) unlink("sock");
        (void) chdir("/");
        (void) rmdir(directory);
        printf("kill: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
        return failed > 0 || passed + skipped == 0;
}
