#!/bin/bash
# Package:   dpkg 1.21.23 (Debian bookworm), its start-stop-daemon
# Ground:    --background --notify-await, which returns when the daemon has said READY=1
# Guess:     it returns at once, with an error, when the daemon dies without having said it
# Behaviour: it waits as long as --notify-timeout says (60 s if that is not given), and then says only that
#            the time is over: for a daemon that exited, with 0 or not, that was killed, and that could not
#            even be executed. ERRNO=, which the daemon has to send itself, is heeded at once.
# Seen:      with --notify-timeout 1 and 3, a dead daemon ends it with status 2 after 1.0 and 3.0 s; READY=1
#            after 0.1 s with 0, ERRNO=2 with "No such file or directory"
# Source:    start-stop-daemon(8) has READY=, ERRNO= and the timeout, and no word on a daemon that dies
set -eu
export LC_ALL=C
version=1.21.23
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq download "dpkg=$version" 2>/dev/null || { echo "dpkg $version cannot be had"; exit 2; }
dpkg -x dpkg_*.deb root
cat > says <<'P'
#!/usr/bin/perl
use Socket;
socket S, AF_UNIX, SOCK_DGRAM, 0 or die;
send S, $ARGV[0], 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET}) or die;
P
echo '#!/no/such/interpreter' > cannot-be-executed
printf '#!/bin/sh\nkill -KILL $$\n' > killed
chmod +x says cannot-be-executed killed
start() { # TIMEOUT DAEMON [ARG]: sets status, said
        local begun=$EPOCHREALTIME timeout=$1 daemon=$2; shift 2; status=0
        said=$(timeout 30 root/sbin/start-stop-daemon --start --background --notify-await --notify-timeout "$timeout" \
                --pidfile "$dir/none" --startas "$daemon" -- "$@" 2>&1) || status=$?
        printf '%-20s %-8s timeout %s: status %d after %s s  %s\n' "${daemon##*/}" "$*" "$timeout" "$status" \
                "$(perl -e 'printf "%.1f", $ARGV[1] - $ARGV[0]' "$begun" "$EPOCHREALTIME")" "$said"
}
ok=0
start 20 "$dir/says" READY=1; [ "$status" = 0 ] || ok=1
start 20 "$dir/says" ERRNO=2; [[ $status = 2 && $said = *'No such file or directory'* ]] || ok=1
for timeout in 1 3; do
        for daemon in /bin/true /bin/false "$dir/killed" "$dir/cannot-be-executed"; do
                start $timeout "$daemon"; [[ $status = 2 && $said = *'timed out waiting for a notification'* ]] || ok=1
        done
done
[ $ok = 0 ] && echo "as described, dpkg $version"
exit $ok
