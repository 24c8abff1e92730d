#!/usr/bin/env bash
# test_scenarios.sh: the scenarios that are fit for it in front of a real Docker daemon: our agent as a
# process of its own, the services faked. Runs in a network namespace of its own. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside
fi
# shellcheck source=lib.sh
. "$here/lib.sh"

harness=${HARNESS:-$here/../../build/harness}
dir=$(mktemp -d /tmp/real-docker.XXXXXX)
clean_up() {
    "$here/registry.sh" stop "$dir/registry"
    "$here/daemon.sh" stop "$dir/daemon"
    rm -rf "$dir"
}
trap clean_up EXIT

d() {
    DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/daemon/docker.sock" "$@"
}

# The agent pulls what it runs, so a registry of our own stands in for the public one.
MIRROR=http://127.0.0.1:51670 "$here/daemon.sh" start "$dir/daemon"
"$here/registry.sh" start "$dir/registry"
d tag busybox:latest 127.0.0.1:51670/library/busybox:latest
d push --quiet 127.0.0.1:51670/library/busybox:latest >/dev/null
d rmi --no-prune busybox:latest 127.0.0.1:51670/library/busybox:latest >/dev/null
"$harness" run --live --docker "real=$dir/daemon/docker.sock" "$(realpath --relative-to=. "$here/../../scenarios")"
