#!/bin/bash
# Package:   valgrind 1:3.27.1-0.2 (Debian sid of November 2026)
# Ground:    what a program that lowers RLIMIT_NOFILE is told of the descriptors that it has open
# Guess:     tests that fail under 3.27 alone come too near to the numbers that valgrind keeps for
#            itself, or wait for the EINVAL that F_DUPFD says of a minimum above the limit
# Behaviour: neither. fcntl(fd, F_GETFD) of an open descriptor says EBADF once the soft limit is not
#            above its number, and 0 again when the limit is restored; F_GETFL, fstat() and read()
#            work all the time. Linux asks the limit for new descriptors only, and so does 3.24.
# Seen:      F_GETFD / F_GETFL / fstat / read: Linux 0 0 0 0, under valgrind EBADF 0 0 0 (3.27.1)
# Source:    PRE(sys_fcntl) in coregrind/m_syswrap/syswrap-linux.c compares with fd_soft_limit; its
#            comment says that only valgrind's own descriptors are meant. No report was found.
set -eu
export LC_ALL=C
version=1:3.27.1-0.2
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
# sid's lists, beside those of this system
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Identifier: Packages' | sort -u | head -n 1)
mkdir -p lists/partial archives/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > sources
cat > apt.conf <<END
Dir::Etc::SourceList "$dir/sources"; Dir::Etc::SourceParts "/dev/null"; Dir::State "$dir"; Dir::Cache "$dir";
APT::Sandbox::User "root"; Acquire::Languages "none";
END
export APT_CONFIG=$dir/apt.conf
{ apt-get -qq update && apt-get -qq download "valgrind=$version"; } 2> apt.log || { echo "valgrind $version cannot be had"; exit 2; }
dpkg -x valgrind_*.deb root
cat > t.c <<'C'
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
static int say(const char *what, int good) {
        int error = good ? 0 : errno;
        printf(" %s %s", what, error ? strerror(error) : "0");
        return error;
}
/* Returns what F_GETFD has said, or -1 if anything else went wrong. */
static int ask(int fd, const char *when) {
        struct stat st; char c; int getfd;
        printf("%s:", when);
        getfd = say("F_GETFD", fcntl(fd, F_GETFD) >= 0);
        if (say("F_GETFL", fcntl(fd, F_GETFL) >= 0) | say("fstat", fstat(fd, &st) == 0) | say("read", read(fd, &c, 1) == 1)) getfd = -1;
        puts("");
        return getfd;
}
int main(int argc, char **argv) {
        int other = argc > 1 && strcmp(argv[1], "other") == 0;
        struct rlimit limit, low;
        int fd = fcntl(open("/dev/zero", O_RDONLY), F_DUPFD, 20);
        if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0) return 3;
        low = limit; low.rlim_cur = 10;
        if (ask(fd, "before") != 0 || setrlimit(RLIMIT_NOFILE, &low) < 0) return 3;
        if (ask(fd, "lowered") != (other ? EBADF : 0) || setrlimit(RLIMIT_NOFILE, &limit) < 0) return 1;
        return ask(fd, "restored") != 0;
}
C
gcc -O1 t.c -o t
echo Linux; timeout 60 ./t
export VALGRIND_LIB=$dir/root/usr/libexec/valgrind
timeout 60 root/usr/bin/valgrind --version; timeout 60 root/usr/bin/valgrind -q --tool=none ./t other
echo "as described, valgrind $version"
