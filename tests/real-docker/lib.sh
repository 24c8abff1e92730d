# shellcheck shell=bash
# Helpers for the scripts here. Sourced, not run.

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# await SECONDS WHAT COMMAND...: until the command succeeds; fails loudly when time is over.
await() {
    local limit=$1 what=$2 since=$SECONDS
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $((SECONDS - since)) -ge "$limit" ]; then
            echo "$(basename "$0"): waited $limit s for: $what" >&2
            return 1
        fi
        sleep 0.05
    done
}

# is_running PIDFILE NAME: is there a living process of this name with the id in the file?
is_running() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    # The command line of a process that nobody has waited for yet is empty.
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && [ -n "$(head -c 1 "/proc/$pid/cmdline" | tr '\0' x)" ]
}

is_gone() {
    ! is_running "$@"
}

# end_process PIDFILE NAME SECONDS: TERM, then KILL.
end_process() {
    if is_running "$1" "$2"; then
        kill -TERM "$(cat "$1")"
        if ! await "$3" "the end of $2" is_gone "$1" "$2"; then
            kill -KILL "$(cat "$1")" || true
            await 10 "the end of $2 after SIGKILL" is_gone "$1" "$2"
        fi
    fi
    rm -f "$1"
}
