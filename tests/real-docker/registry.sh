#!/usr/bin/env bash
# registry.sh start DIR | stop DIR: two image registries on the loopback (spec 07, A4).
# registry.sh tag NAME OTHER: in the open one, OTHER:latest is from now on what NAME:latest is.
#
#   127.0.0.1:51670   open
#   127.0.0.1:51671   Basic authentication, user "user", password "swordfish"
#
# Logs, process ids and images are below DIR. start waits until both answer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

readonly START_SECONDS=30
readonly STOP_SECONDS=15
readonly OPEN_PORT=51670
readonly AUTH_PORT=51671

# write_config NAME PORT [auth]
write_config() {
    cat >"$dir/$1.yml" <<END
version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: $dir/$1
  delete:
    enabled: true
http:
  addr: 127.0.0.1:$2
END
    if [ "${3-}" = auth ]; then
        cat >>"$dir/$1.yml" <<END
auth:
  htpasswd:
    realm: test
    path: $dir/htpasswd
END
    fi
}

is_listening() {
    (: <"/dev/tcp/127.0.0.1/$1")
}

# serve NAME PORT
serve() {
    mkdir -p "$dir/$1"
    setsid docker-registry serve "$dir/$1.yml" </dev/null >"$dir/$1.log" 2>&1 &
    echo $! >"$dir/$1.pid"
    if ! await $START_SECONDS "port $2" is_listening "$2" || ! is_running "$dir/$1.pid" docker-registry; then
        tail -5 "$dir/$1.log" >&2
        fail "docker-registry does not serve on 127.0.0.1:$2"
    fi
}

start() {
    command -v docker-registry >/dev/null || fail "docker-registry is not installed (make deps)"
    for port in $OPEN_PORT $AUTH_PORT; do
        if is_listening "$port" 2>/dev/null; then
            fail "port $port is taken"
        fi
    done
    # shellcheck disable=SC2016
    perl -e 'print "user:", crypt("swordfish", q($2b$06$abcdefghijklmnopqrstuu)), "\n"' >"$dir/htpasswd"
    write_config open $OPEN_PORT
    write_config auth $AUTH_PORT auth
    serve open $OPEN_PORT
    serve auth $AUTH_PORT
}

stop() {
    for name in open auth; do
        end_process "$dir/$name.pid" docker-registry $STOP_SECONDS
        rm -rf "${dir:?}/$name" "$dir/$name.yml"
    done
    rm -f "$dir/htpasswd"
}

# request METHOD NAME [FILE]: the manifest NAME:latest of the open registry, without the answer's head
readonly MANIFEST=application/vnd.docker.distribution.manifest.v2+json
request() {
    exec 3<>"/dev/tcp/127.0.0.1/$OPEN_PORT"
    {
        printf '%s /v2/%s/manifests/latest HTTP/1.0\r\nAccept: %s\r\nContent-Type: %s\r\n' "$1" "$2" $MANIFEST $MANIFEST
        printf 'Content-Length: %s\r\n\r\n' "$([ -z "${3-}" ] && echo 0 || stat -c %s "$3")"
        [ -z "${3-}" ] || cat "$3"
    } >&3
    cat <&3
}

if [ $# -eq 3 ] && [ "$1" = tag ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    request GET "$2" | sed '1,/^\r$/d' >"$work/manifest"
    # The layers have to be known under the other name too: mount them from the first.
    grep -o 'sha256:[0-9a-f]*' "$work/manifest" | sort -u | while read -r digest; do
        exec 4<>"/dev/tcp/127.0.0.1/$OPEN_PORT"
        printf 'POST /v2/%s/blobs/uploads/?mount=%s&from=%s HTTP/1.0\r\nContent-Length: 0\r\n\r\n' "$3" "$digest" "$2" >&4
        head -n 1 <&4 | grep -q ' 201 ' || fail "the registry does not mount $digest"
        exec 4>&-
    done
    request PUT "$3" "$work/manifest" | head -n 1 | grep -q ' 201 ' || fail "the registry does not take the manifest"
    exit 0
fi
if [ $# -ne 2 ] || { [ "$1" != start ] && [ "$1" != stop ]; }; then
    echo "usage: registry.sh start DIR | stop DIR | tag NAME OTHER" >&2
    exit 2
fi
mkdir -p "$2"
dir=$(cd "$2" && pwd)
"$1"
