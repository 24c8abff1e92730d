#!/usr/bin/env bash
# daemon.sh start DIR | restart DIR | stop DIR: a Docker daemon of our own, by hand, as root.
#
# Socket DIR/docker.sock, log DIR/dockerd.log, data below DIR. DIR/features says what this daemon can do
# (bridge=, iptables=). Best run inside in-netns.sh: the daemon makes its bridge and its firewall rules
# in the network namespace of the caller.
#
# start waits until the daemon answers and makes these images:
#   busybox:latest                                       Debian's static busybox, default command sh
#   netkitten:latest, amazon/amazon-ecs-netkitten:make   the program as only file (NKT-103)
# restart ends the daemon and starts it again; from a restart with LIVE_RESTORE on its
# containers live through the next ones.
# Environment: NETKITTEN = the program (default build/netkitten);
# MIRROR = address of a registry that stands in for the public one; LIVE_RESTORE = anything.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

readonly START_SECONDS=60
readonly STOP_SECONDS=30
readonly SOCKET_PATH_MAX=100 # the kernel takes 107 bytes, the daemon adds some for its helpers

docker_cli() {
    DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/docker.sock" "$@"
}

# try_start OPTION...: start the daemon with these options and wait until it answers. They are kept for
# restart.
try_start() {
    set -- ${MIRROR:+--registry-mirror "$MIRROR"} ${LIVE_RESTORE:+--live-restore} "$@"
    printf '%s\n' "$@" >"$dir/options"
    launch "$@"
}

launch() {
    rm -f "$dir/docker.pid"
    setsid dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
        --pidfile "$dir/docker.pid" "$@" </dev/null >>"$dir/dockerd.log" 2>&1 &
    local pid=$! since=$SECONDS
    until docker_cli version >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null; then
            return 1
        fi
        if [ $((SECONDS - since)) -ge $START_SECONDS ]; then
            kill -KILL "$pid"
            return 1
        fi
        sleep 0.05
    done
}

start_daemon() {
    if try_start; then
        printf 'bridge=yes\niptables=yes\n' >"$dir/features"
    elif try_start --iptables=false --ip6tables=false; then
        printf 'bridge=yes\niptables=no\n' >"$dir/features"
        echo "daemon.sh: WARNING: no firewall rules possible here; ports go through the proxy only" >&2
    elif try_start --iptables=false --ip6tables=false --bridge=none; then
        printf 'bridge=no\niptables=no\n' >"$dir/features"
        echo "daemon.sh: WARNING: no bridge possible here; containers have no network" >&2
    else
        tail -20 "$dir/dockerd.log" >&2
        fail "dockerd does not start; its log is above and in $dir/dockerd.log"
    fi
}

# import_image FOLDER NAME CHANGE: the folder's files are all the image has.
import_image() {
    tar -C "$1" --numeric-owner --owner=0 --group=0 --mtime=@0 --sort=name -c . |
        docker_cli import --change "$3" - "$2" >/dev/null
}

make_images() {
    local root="$dir/image" applet
    rm -rf "$root"
    mkdir -p "$root/busybox/bin" "$root/busybox/etc" "$root/busybox/tmp" "$root/netkitten"
    chmod 1777 "$root/busybox/tmp"
    cp "$(command -v busybox)" "$root/busybox/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/busybox/bin/$applet"
    done
    printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/busybox/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/busybox/etc/group"
    import_image "$root/busybox" busybox:latest 'CMD ["sh"]'
    cp "$netkitten" "$root/netkitten/netkitten"
    import_image "$root/netkitten" netkitten:latest 'ENTRYPOINT ["/netkitten"]'
    docker_cli tag netkitten:latest amazon/amazon-ecs-netkitten:make
    rm -rf "$root"
}

start() {
    local tool
    netkitten=${NETKITTEN:-$here/../../build/netkitten}
    for tool in dockerd docker busybox tar ip; do
        command -v $tool >/dev/null || fail "$tool is not installed (make deps)"
    done
    busybox --list >/dev/null || fail "busybox does not run"
    [ -x "$netkitten" ] || fail "$netkitten is not built (make)"
    [ ${#dir} -le $SOCKET_PATH_MAX ] || fail "$dir: too long for a socket's path"
    if is_running "$dir/docker.pid" dockerd; then
        fail "already running in $dir"
    fi
    if ip link show docker0 >/dev/null 2>&1; then
        fail "another Docker daemon's bridge is in this network namespace; use in-netns.sh"
    fi
    mkdir -p "$dir/cli"
    : >"$dir/dockerd.log"
    start_daemon
    make_images
}

restart() {
    local options
    echo "${LIVE_RESTORE:+--live-restore}" >>"$dir/options"
    mapfile -t options < <(grep . "$dir/options" | awk '!seen[$0]++')
    end_process "$dir/docker.pid" dockerd $STOP_SECONDS
    launch "${options[@]}" || fail "dockerd does not come back; see $dir/dockerd.log"
}

stop() {
    local containers mounts
    if is_running "$dir/docker.pid" dockerd; then
        containers=$(docker_cli ps --all --quiet || true)
        if [ -n "$containers" ]; then
            # shellcheck disable=SC2086
            docker_cli rm --force --volumes $containers >/dev/null
        fi
    fi
    end_process "$dir/docker.pid" dockerd $STOP_SECONDS
    ip link delete docker0 2>/dev/null || true # the daemon leaves it behind
    mounts=$(awk -v below="$dir/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r)
    for mount in $mounts; do
        umount "$mount"
    done
    rm -rf "$dir/data" "$dir/exec" "$dir/cli" "$dir/docker.sock" "$dir/features" "$dir/options"
}

if [ $# -ne 2 ] || { [ "$1" != start ] && [ "$1" != restart ] && [ "$1" != stop ]; }; then
    echo "usage: daemon.sh start DIR | restart DIR | stop DIR" >&2
    exit 2
fi
[ "$(id -u)" = 0 ] || fail "must run as root"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
"$1"
