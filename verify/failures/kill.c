/* SPDX-License-Identifier: 0BSD
 * Copyright (c) 2026 the barrier authors
 *
 * kill - whichever process of an example is killed, and whenever: nothing that it started runs on
 *
 *      kill [--short] DIR [EXAMPLE]    DIR is where the examples are
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
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common.h"

#ifndef SYS_vfork
#define SYS_vfork SYS_clone /* with its flags */
#endif

/* `barriers` are those that the first process has placed before another executes or accepts. What
 * is started by a program that `hands_over` goes on after it has exited with 0; so it is not killed
 * on its way out. Their standard input is a pipe that stays empty, and the log that a worker opens
 * is one that nobody reads: it stays in open(), where no barrier can reach it. */
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

enum { PROCESSES_MAX = 8, TEXT_MAX = 4096, NOBODY = -1, NEVER = 0, NOT_POSSIBLE = 77 };

static struct process {
        uint64_t call; /* the number of the last that it has made, or is about to make */
        pid_t pid;
        int calls;     /* how many there were */
        int placed;    /* so many barriers it has placed */
        int status;    /* once it is gone */
        bool attached; /* it has stopped for the first time */
        bool counts;   /* its calls do */
        bool held, gone;
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

static long runs;
static char directory[] = "/tmp/kill.XXXXXX"; /* the processes work there */

static void clean_up(void) {
        (void) unlink("1");
        (void) unlink("pid");
        (void) unlink("sock");
        (void) rmdir(directory);
}

/* ---- who sleeps ------------------------------------------------------------------------------ */

static bool alive(int i) {
        return i >= 0 && i < n_processes && !processes[i].gone;
}

/* Whether `p` sleeps, or stands where it is held; `text` is what /proc says of it. The state alone
 * is not enough: it changes a moment before, when there is still a last look at what is waited for;
 * to read the call waits that moment. Sleep in state D ends by itself, but for that in vfork(). Of
 * a process that is just ending the files are root's. */
static bool sleeps(const struct process *p, char text[TEXT_MAX]) {
        static const char *const files[] = { "syscall", "status" };
        const char *state = "\nState:\tS";
        size_t length = 0;
        char path[64];
        ssize_t n;
        int i, fd;

        for (i = 0; i < 2; i++) {
                (void) snprintf(path, sizeof path, "/proc/%ld/%s", (long) p->pid, files[i]);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                need(fd >= 0 || errno == EACCES, path);
                n = fd < 0 ? 0 : read(fd, text + length, TEXT_MAX - 1 - length);
                length += n > 0 ? (size_t) n : 0;
                (void) close(fd);
        }
        text[length] = 0;
        if (p->held)
                state = "\nState:\tt";
        else if (strtol(text, NULL, 10) == SYS_vfork)
                state = "\nState:\tD";
        return *text >= '0' && *text <= '9' &&
               memmem(text, length, state, strlen(state)); /* else it is "running" */
}

/* Whether all that are left sleep, or stand where they are held. Who sleeps at two looks that do
 * not differ, not in how often it went to sleep either, slept all that time. So there was a moment
 * when all of them slept at once, and then there is nobody who could wake one. */
static bool settled(void) {
        static char text[2][PROCESSES_MAX][TEXT_MAX];
        int i, look;

        for (look = 0; look < 2; look++)
                for (i = 0; i < n_processes; i++)
                        if (alive(i) && (!sleeps(&processes[i], text[look][i]) ||
                                         (look && strcmp(text[0][i], text[1][i]) != 0)))
                                return false;
        return true;
}

/* ---- one run --------------------------------------------------------------------------------- */

static struct process *find(pid_t pid) {
        struct process *p;

        for (p = processes; p < processes + n_processes; p++)
                if (p->pid == pid)
                        return p;
        need(n_processes < PROCESSES_MAX, "kill: there are more processes than it has room for");
        memset(p, 0, sizeof *p);
        p->pid = pid;
        p->counts = n_processes++ > 0;
        return p;
}

/* Lets `p` go on, up to its next call if that matters. */
static void resume(const struct run *r, const struct process *p, int sig) {
        const int i = (int) (p - processes);
        const bool matters =
                i == r->held ? !r->was_held : r->victim == NOBODY || (i == r->victim && r->at);

        need(ptrace(p->counts && matters ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, 0, sig) == 0 ||
                     errno == ESRCH, /* it was killed */
             "kill: ptrace");
}

/* `p` has stopped before a call, or behind one. Holds or kills it, if that is its turn; returns
 * whether it goes on. */
static bool may_go_on(struct run *r, struct process *p) {
        const int i = (int) (p - processes);
        uint64_t info[16] = { 0 }; /* struct ptrace_syscall_info, which not every libc has */
        bool again;

        need(ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof info, info) >= 0 || errno == ESRCH,
             "kill: PTRACE_GET_SYSCALL_INFO");
        if (*(unsigned char *) info != 1) /* behind it */
                return true;
        again = info[3] == p->call && (p->call == SYS_preadv2 || p->call == SYS_rt_sigaction);
        p->call = info[3];
        if (again)
                return true;
        p->calls++;
        if (i > 0 && (p->call == SYS_execve || p->call == SYS_accept4) && processes[0].held &&
            processes[0].placed < r->program->barriers)
                r->too_early = true;
        if (i == r->held && p->calls == r->hold) {
                p->held = r->was_held = true;
                return false;
        }
        p->placed += p->call == SYS_write && info[6] == sizeof(uint64_t);
        if (i != r->victim || p->calls != r->at ||
            (r->program->hands_over && i == 0 && p->call == SYS_exit_group))
                return true;
        r->was_killed = true;
        (void) kill(p->pid, r->sig);
        return r->sig != SIGKILL;
}

/* Takes what has happened to one of the processes, and lets it go on. Returns false if nothing has
 * happened. */
static bool take_event(struct run *r) {
        const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
        int status, sig = 0;
        pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);
        unsigned long child;
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
                if (!p->attached)
                        (void) ptrace(PTRACE_SETOPTIONS, pid, 0, options);
                else if (WSTOPSIG(status) != (SIGTRAP | 0x80))
                        sig = WSTOPSIG(status);
                else if (p->counts && !may_go_on(r, p))
                        return true;
                p->attached = true;
                break;
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_VFORK:
        case PTRACE_EVENT_CLONE:
                if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
                        (void) find((pid_t) child);
                p->counts = true;
                break;
        case PTRACE_EVENT_EXEC:
                p->counts = p->counts && !r->program->argv[1]; /* cat is not ours */
                break;
        }
        resume(r, p, sig);
        return true;
}

static void start(char *const *argv) {
        pid_t pid = fork();
        int null;

        need(pid >= 0, "kill: fork");
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
                        _exit(NOT_POSSIBLE);
                null = open("/dev/null", O_WRONLY | O_CLOEXEC);
                if (dup2(null, 1) == 1 && dup2(null, 2) == 2)
                        (void) execvp(argv[0], argv);
                _exit(127);
        }
        n_processes = 0;
        (void) find(pid);
}

static bool complain(const struct run *r, int i, const char *what) {
        printf("FAILED  %s: process %d %s", r->program->name, i, what);
        if (r->was_killed)
                printf("; process %d got signal %d at its call %d", r->victim, r->sig, r->at);
        else if (r->victim != NOBODY)
                printf("; process %d got signal %d in its sleep", r->victim, r->sig);
        if (r->was_held)
                printf("; process %d was held at its call %d", r->held, r->hold);
        (void) putchar('\n');
        return false;
}

/* Returns whether all came to their end, or may go on. */
static bool run(struct run *r) {
        bool may_be_left, good = true;
        int i, status;
        pid_t pid;

        runs++;
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

        if (r->too_early)
                good = complain(r, r->held, "is not waited for");
        may_be_left = r->too_early || r->victim == NOBODY ||
                      (r->program->hands_over && !alive(0) && processes[0].status == 0);
        for (i = 0; i < n_processes; i++)
                if (alive(i)) {
                        if (!may_be_left)
                                good = complain(r, i, "goes on for ever");
                        (void) kill(processes[i].pid, SIGKILL);
                }
        while ((pid = waitpid(-1, &status, __WALL)) > 0)
                if (WIFSTOPPED(status)) /* it was forked just now */
                        (void) kill(pid, SIGKILL);
        return good;
}

/* ---- all runs -------------------------------------------------------------------------------- */

/* Kills the victim at each of its calls in turn, and at last in its sleep: with nobody held, then
 * with each other one of the first `n` processes held at each of its calls. */
static bool run_all(struct run *r, bool product, int n) {
        for (r->held = NOBODY; r->held < n; r->held++) {
                r->was_held = true;
                for (r->hold = 1; r->held != r->victim && r->was_held; r->hold++) {
                        r->was_killed = true;
                        r->at = product || r->held == NOBODY ? 1 : NEVER;
                        for (; r->was_killed; r->at++)
                                if (!run(r))
                                        return false;
                }
        }
        return true;
}

enum verdict { PASSED, FAILED, SKIPPED, VERDICTS };

static enum verdict try(const struct program *program, bool product) {
        static const char *const words[] = { "ok     ", "FAILED ", "SKIPPED:" };
        struct run r = { .program = program, .victim = NOBODY, .held = NOBODY, .sig = SIGKILL };
        enum verdict verdict;
        bool good;
        int n, status;

        runs = 0;
        (void) run(&r);
        n = n_processes;
        status = processes[0].status;
        good = program->hands_over ? !alive(0) && status == 0 : alive(0);

        good = good && run_all(&r, product, 1);
        for (r.victim = 0; good && r.victim < n; r.victim++)
                good = run_all(&r, product, n);
        if (good && program->hands_over) {
                r.victim = 0;
                r.sig = SIGTERM;
                good = run_all(&r, product, n);
        }
        verdict = good ? PASSED : status == NOT_POSSIBLE << 8 ? SKIPPED : FAILED;
        printf("%s %-17s %d processes, %ld runs%s\n", words[verdict], program->name, n, runs,
               verdict == SKIPPED ? "; not possible here, or ptrace() is not permitted"
               : runs == 1        ? "; it ends by itself"
                                  : "");
        return verdict;
}

int main(int argc, char **argv) {
        const bool product = argc < 2 || strcmp(argv[1], "--short") != 0;
        char **args = argv + (product ? 1 : 2), examples[PATH_MAX], path[PATH_MAX + 32];
        int fds[2], count[VERDICTS] = { 0 };
        const struct program *p;

        if (argv + argc - args < 1 || argv + argc - args > 2) {
                fputs("usage: kill [--short] DIR [EXAMPLE]\n", stderr);
                return 2;
        }
        need(realpath(args[0], examples), args[0]);
        (void) snprintf(path, sizeof path, "%s:/usr/bin:/bin", examples);
        need(setenv("PATH", path, 1) == 0 && mkdtemp(directory) && chdir(directory) == 0 &&
                     atexit(clean_up) == 0 && mkfifo("1", 0600) == 0 &&
                     pipe2(fds, O_CLOEXEC) == 0 && dup2(fds[0], 0) == 0,
             "kill: set-up");

        for (p = programs; p < programs + sizeof programs / sizeof *programs; p++)
                if (!args[1] || strcmp(args[1], p->argv[0]) == 0) {
                        count[try(p, product)]++;
                        (void) fflush(stdout);
                }
        printf("kill: %d passed, %d failed, %d skipped\n", count[PASSED], count[FAILED],
               count[SKIPPED]);
        return count[FAILED] > 0 || count[PASSED] + count[SKIPPED] == 0;
}
