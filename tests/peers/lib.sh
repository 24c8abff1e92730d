# shellcheck shell=bash
# Helpers for the tests here. Sourced by each, after `set -u`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
harness=$root/build/harness
agent=$root/build/ecs-agent
# In the machine's own network an agent would ask the machine's own metadata service.
getent hosts peers.test | grep -q '^10\.9\.8\.7 ' || { echo "run it by tests/peers/run.sh" >&2; exit 2; }
work=$(mktemp -d /tmp/peers.XXXXXX)
passed=0 failed=0 pids=()
export AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true

# A child that is killed before it has become its program runs this as well.
main=$BASHPID
leave() {
    [ "$BASHPID" = "$main" ] || return 0
    for pid in "${pids[@]:-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$work"
}
trap leave EXIT

# needs COMMAND PACKAGE: the test is skipped, loudly, without it.
needs() {
    command -v "$1" >/dev/null || { echo "SKIPPED $(basename "$0"): $1 is missing (package $2)"; exit 0; }
}

# check WHAT COMMAND...: one check; the command's output only when it fails.
check() {
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok       $what"
    else
        failed=$((failed + 1))
        printf 'FAILED   %s\n    %s\n%s\n' "$what" "$*" "$out"
    fi
}

# checks_of FILE [PREFIX]: what another program checked, a line "ok WHAT" or "FAILED WHAT" each.
checks_of() {
    local word what
    while read -r word what; do
        case $word in
        ok) check "${2-}$what" true ;;
        FAILED) check "${2-}$what" false ;;
        esac
    done <"$1"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# await FILE PATTERN [SECONDS]: until a line of the file fits. The bound is for machines with much else to do.
await() {
    local since=$SECONDS
    until grep -q -E -e "$2" "$1" 2>/dev/null; do
        if [ $((SECONDS - since)) -ge "${3:-60}" ]; then
            echo "no line of $1 fits: $2"
            tail -n 15 "$1"
            return 1
        fi
        sleep 0.02
    done
}

# until_true COMMAND...: within a minute.
until_true() {
    local since=$SECONDS
    until "$@"; do
        [ $((SECONDS - since)) -lt 60 ] || return 1
        sleep 0.02
    done
}

# listens PORT: until somebody does, at peers.test.
listens() {
    # shellcheck disable=SC2016
    timeout 60 bash -c 'until (exec 3<>"/dev/tcp/10.9.8.7/$0") 2>/dev/null; do sleep 0.02; done' "$1"
}

lacks() {
    ! grep -E -e "$2" "$1"
}

# serve OPTION...: harness serve at peers.test; the variables of clients are set in this shell.
serve() {
    rm -f "$work/serve.out"
    "$harness" serve --port 0 --address 10.9.8.7 --host peers.test --log "$work/agent.log" --trace "$work/events.jsonl" -v "$@" \
        >"$work/serve.out" 2>"$work/serve.log" &
    pids+=($!)
    serve_pid=$!
    await "$work/serve.out" '^# ready' || { cat "$work/serve.log"; exit 1; }
    eval "$(grep '^export ' "$work/serve.out")"
}

# stop PID: and wait for it; its exit code. Its number is another process's soon: it is forgotten here.
stop() {
    local pid code left=()
    kill "$1" 2>/dev/null
    wait "$1"
    code=$?
    for pid in "${pids[@]:-}"; do
        [ "$pid" = "$1" ] || left+=("$pid")
    done
    pids=("${left[@]}")
    return $code
}

# start_agent LOG NAME=VALUE...: the shipped binary with the environment that serve --no-agent printed; its
# data directory and its log are emptied first. Options: agent_options=(...).
agent_options=()
start_agent() {
    local log=$1 data env=()
    shift
    mapfile -t env < <(sed -n 's/^# agent: //p' "$work/serve.out")
    data=$(printf '%s\n' "${env[@]}" | sed -n 's/^ECS_DATADIR=//p')
    rm -rf "${data:?}"/* "$log"
    env -i "${env[@]}" "$@" "$agent" ${agent_options[@]+"${agent_options[@]}"} >"$log" 2>&1 &
    agent_pid=$!
    pids+=($!)
}

# make_ca; make_cert NAME SUBJECT-NAME SIGNER START-DAYS END-DAYS: $work/NAME.pem and $work/NAME.key.
day() { # WORDS: as openssl's options have dates
    date -u -d "$1" +%Y%m%d%H%M%SZ
}
make_ca() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 10 -subj "/CN=peers test authority" -keyout "$work/ca.key" \
        -out "$work/ca.pem" 2>/dev/null
    mkdir -p "$work/ca" && : >"$work/ca/index.txt" && echo 01 >"$work/ca/serial"
    cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = peers
[peers]
database = $work/ca/index.txt
serial = $work/ca/serial
new_certs_dir = $work/ca
certificate = $work/ca.pem
private_key = $work/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
CNF
}
make_cert() { # NAME HOST FROM UNTIL (dates as openssl has them)
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -keyout "$work/$1.key" \
        -out "$work/$1.csr" 2>/dev/null
    openssl ca -batch -notext -config "$work/ca.cnf" -startdate "$3" -enddate "$4" -in "$work/$1.csr" \
        -out "$work/$1.pem" 2>/dev/null
}
