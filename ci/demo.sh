#!/usr/bin/env bash
# A task lives and dies on a timeline in this terminal: fake services, our agent as a process of its own.
#   make demo                      the embedded fake Docker
#   DEMO_DOCKER=real make demo     the local daemon, or DEMO_DOCKER=/path/to/docker.sock
set -eu
cd "$(dirname "$0")/.."
bash ci/deps.sh
make --silent --jobs="$(nproc)" all
case ${DEMO_DOCKER:-fake} in
fake) exec build/harness demo ;;
real) socket=/var/run/docker.sock ;;
/*) socket=$DEMO_DOCKER ;;
*)
    echo "demo: DEMO_DOCKER is fake, real or the path of a Docker socket, not '$DEMO_DOCKER'" >&2
    exit 2
    ;;
esac
[ -S "$socket" ] || {
    echo "demo: no Docker socket at $socket" >&2
    exit 1
}
exec build/harness demo --docker "real=$socket"
