#!/usr/bin/env bash
# Start servers of Gentle, the paper's aligner, from its Docker image; print their addresses.
#
#   tools/start_gentle.sh [N]       N servers (default: 1), on the ports from 8765 on; running ones are not touched
#   tools/start_gentle.sh stop      stop them and take them away
#   ./run.sh --aligner gentle --gentle_url "$(tools/start_gentle.sh 4)" --nj 8
#
# They listen on this machine only. GENTLE_IMAGE and GENTLE_PORT name others than lowerquality/gentle and 8765. A server
# keeps what it aligned until it is stopped: 58 MB for an hour of audio, of all servers together.
set -euo pipefail

image=${GENTLE_IMAGE:-lowerquality/gentle}
first=${GENTLE_PORT:-8765}
seconds_to_start=120

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# Whether something answers HTTP on a port of this machine.
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && grep -q HTTP <&3) 2>/dev/null
}

command -v docker >/dev/null || fail "docker is not installed; without it, --aligner sphinx aligns here"
if [ "${1-}" = stop ]; then
    docker ps --quiet --filter label=atat-gentle | xargs -r docker stop >/dev/null
    exit
fi
count=${1:-1}
[[ $count =~ ^[1-9][0-9]*$ ]] || fail "usage: tools/start_gentle.sh [N | stop], not '$count'"

urls=()
for ((port = first; port < first + count; port++)); do
    if ! answers "$port"; then
        docker run --detach --rm --label atat-gentle --name "atat-gentle-$port" --publish "127.0.0.1:$port:8765" \
            "$image" >&2
    fi
    urls+=("http://127.0.0.1:$port")
done
for ((port = first; port < first + count; port++)); do
    until answers "$port"; do
        ((SECONDS < seconds_to_start)) || fail "no answer on port $port: see docker logs atat-gentle-$port"
        sleep 1
    done
done
(IFS=, && printf '%s\n' "${urls[*]}")
