#!/usr/bin/env bash
# test_daemon.sh: does the real Docker daemon of this machine do what the real-Docker scenarios need?
# Runs everything in a network namespace of its own and leaves nothing behind. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside
fi
# shellcheck source=lib.sh
. "$here/lib.sh"

netkitten=${NETKITTEN:-$here/../../build/netkitten}
dir=$(mktemp -d /tmp/real-docker.XXXXXX)
passed=0
failed=1 # unless the last line is reached
clean_up() {
    "$here/registry.sh" stop "$dir/registry"
    "$here/daemon.sh" stop "$dir/daemon"
    rm -rf "$dir"
    echo "$passed passed, $failed failed"
}
trap clean_up EXIT

d() {
    DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/daemon/docker.sock" "$@"
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
    echo "ok: $1"
    passed=$((passed + 1))
}

# exit_code COMMAND...: prints it
exit_code() {
    local code=0
    "$@" >/dev/null 2>&1 || code=$?
    echo $code
}

test_run() {
    expect "a container runs and prints" "hello 7" "$(d run --rm busybox sh -c 'echo hello 7')"
    expect "its exit code comes through" 21 "$(exit_code d run --rm busybox sh -c 'exit 21')"
    expect "netkitten without arguments exits 0 (NKT-139)" 0 "$(exit_code d run --rm netkitten)"
}

# NKT-253, NKT-103: the text on the published port; nothing without a published port
test_port() {
    d run --detach --name serve --publish 24751:24751 netkitten -l=24751 -serve "ecs test container" -loop >/dev/null
    await 10 "the published port" "$netkitten" 127.0.0.1:24751
    expect "a published port serves" "ecs test container" "$("$netkitten" 127.0.0.1:24751)"
    address=$(d inspect --format '{{.NetworkSettings.IPAddress}}' serve)
    expect "the container's own address serves" "ecs test container" "$("$netkitten" "$address:24751")"
    d run --detach --name unpublished netkitten -l=24752 -serve X -loop >/dev/null
    expect "an unpublished port is closed" 1 "$(exit_code "$netkitten" 127.0.0.1:24752)"
    d run --detach --name dynamic --publish 24751 netkitten -l=24751 -serve dynamic -loop >/dev/null
    port=$(d port dynamic 24751/tcp | head -1 | sed 's/.*://')
    await 10 "the dynamic port" "$netkitten" "127.0.0.1:$port"
    expect "a dynamic port serves" dynamic "$("$netkitten" "127.0.0.1:$port")"
}

# NKT-257, NKT-101: through the link's alias, which the hosts file of the container holds
test_link() {
    d run --detach --name linkee netkitten -l=80 -serve "hello linker" -loop >/dev/null
    expect "a link leads to its alias" "hello linker" "$(d run --rm --link linkee:linkee_alias netkitten linkee_alias:80)"
}

# NKT-101: a name that only the daemon's name server knows
test_name_server() {
    d network create names >/dev/null
    d run --detach --network names --name named netkitten -l=80 -serve "by name" -loop >/dev/null
    expect "the daemon's name server is asked" "by name" "$(d run --rm --network names netkitten named:80)"
    expect "an unknown name exits 1" 1 "$(exit_code d run --rm --network names --dns-opt timeout:1 --dns-opt attempts:1 netkitten nobody:80)"
}

# NKT-143: as process 1 of a container it obeys
test_stop() {
    local since=$SECONDS
    d stop --time 20 serve >/dev/null
    [ $((SECONDS - since)) -lt 10 ] || fail "netkitten ignored SIGTERM"
    expect "netkitten ends by SIGTERM with code 2" 2 "$(d inspect --format '{{.State.ExitCode}}' serve)"
}

# NKT-267: killed after the time-out
test_stubborn() {
    local since_ms took_ms
    d run --detach --name stubborn busybox sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done' >/dev/null
    await 10 "the trap" sh -c "DOCKER_CONFIG='$dir/cli' docker -H 'unix://$dir/daemon/docker.sock' logs stubborn | grep -q ready"
    since_ms=$(date +%s%3N)
    d stop --time 2 stubborn >/dev/null
    took_ms=$(($(date +%s%3N) - since_ms))
    if [ $took_ms -lt 2000 ] || [ $took_ms -ge 5000 ]; then
        fail "stop took $took_ms ms, not 2 s"
    fi
    expect "a container that ignores SIGTERM is killed after the time-out" 137 "$(d inspect --format '{{.State.ExitCode}}' stubborn)"
}

# NKT-203, NKT-265: process 1 killed for memory
test_out_of_memory() {
    expect "too much memory kills" 137 "$(exit_code d run --name hog --memory 10m --memory-swap 10m busybox tail /dev/zero)"
    expect "the daemon says why" true "$(d inspect --format '{{.State.OOMKilled}}' hog)"
}

# NKT-258, NKT-259, NKT-210: both registries
test_registries() {
    "$here/registry.sh" start "$dir/registry"
    for registry in 127.0.0.1:51670 127.0.0.1:51671; do
        d tag netkitten:latest $registry/amazon/amazon-ecs-netkitten:latest
    done
    d push --quiet 127.0.0.1:51670/amazon/amazon-ecs-netkitten:latest >/dev/null
    d rmi 127.0.0.1:51670/amazon/amazon-ecs-netkitten:latest >/dev/null
    expect "an image comes from the open registry" 0 \
        "$(exit_code d pull --quiet 127.0.0.1:51670/amazon/amazon-ecs-netkitten:latest)"
    expect "the other one refuses strangers" 1 "$(exit_code d push --quiet 127.0.0.1:51671/amazon/amazon-ecs-netkitten:latest)"
    expect "and a wrong password" 1 \
        "$(echo shellfish | exit_code d login --username user --password-stdin 127.0.0.1:51671)"
    echo swordfish | d login --username user --password-stdin 127.0.0.1:51671 >/dev/null 2>&1
    expect "with the password it takes the image" 0 \
        "$(exit_code d push --quiet 127.0.0.1:51671/amazon/amazon-ecs-netkitten:latest)"
    d rmi 127.0.0.1:51671/amazon/amazon-ecs-netkitten:latest >/dev/null
    expect "and gives it" 0 "$(exit_code d pull --quiet 127.0.0.1:51671/amazon/amazon-ecs-netkitten:latest)"
}

describe() {
    d version --format 'engine {{.Server.Version}}, API {{.Server.MinAPIVersion}} to {{.Server.APIVersion}}'
    d info --format 'cgroup version {{.CgroupVersion}}, driver {{.CgroupDriver}}, storage {{.Driver}}'
    tr '\n' ' ' <"$dir/daemon/features"
    echo
}

"$here/daemon.sh" start "$dir/daemon"
describe
test_run
if grep -q bridge=yes "$dir/daemon/features"; then
    test_port
    test_link
    test_name_server
    test_stop
else
    echo "SKIPPED ports and links: no bridge possible here"
fi
test_stubborn
test_out_of_memory
test_registries
failed=0
