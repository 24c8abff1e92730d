#!/usr/bin/env bash
# test_fake.sh: does the fake Docker daemon answer as the real one of this machine does? The same calls go to
# both (compare_daemons.py). Runs in a network namespace of its own and leaves nothing behind. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside
fi
# shellcheck source=lib.sh
. "$here/lib.sh"

harness=${HARNESS:-$here/../../build/harness}
dir=$(mktemp -d /tmp/real-docker.XXXXXX)
serve=
clean_up() {
    [ -z "$serve" ] || { kill "$serve" 2>/dev/null; wait "$serve"; } || true
    "$here/daemon.sh" stop "$dir/daemon"
    rm -rf "$dir"
}
trap clean_up EXIT

"$here/daemon.sh" start "$dir/daemon"
if ! grep -q bridge=yes "$dir/daemon/features" || ! grep -q iptables=yes "$dir/daemon/features"; then
    echo "SKIPPED the fake daemon beside the real one: no bridge or no firewall rules possible here"
    exit 0
fi
# The words are those of this daemon; the fake says what daemons of its versions say.
range=$(DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/daemon/docker.sock" version \
    --format '{{.Server.MinAPIVersion}}-{{.Server.APIVersion}}')
if [ "$range" != 1.12-1.41 ]; then
    echo "SKIPPED the fake daemon beside the real one: it is compared with API 1.12-1.41, this one has $range"
    exit 0
fi
"$harness" serve --no-agent --port 0 --docker-api "$range" >"$dir/serve.out" 2>"$dir/serve.log" &
serve=$!
await 20 "the fake daemon" grep -q '^# ready' "$dir/serve.out"
fake=$(sed -n 's,^# agent: DOCKER_HOST=unix://,,p' "$dir/serve.out")
python3 "$here/compare_daemons.py" "$dir/daemon/docker.sock" "$fake" 1.24
