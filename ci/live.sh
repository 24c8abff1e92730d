#!/usr/bin/env bash
# live.sh [JOBS]: every scenario against the shipped binary. They wait most of their time, so several run
# side by side, each in its own network namespace. Prints one "N passed, N failed" for each.
# RESULTS=FOLDER: JUnit and JSON there, too.
set -u
cd "$(dirname "$0")/.."
find scenarios -name '*.yaml' ! -name '_*' -print0 | sort -z |
    xargs -0 -n 1 -P "${1:-6}" sh -c '
        set -- "$1" ${RESULTS:+--junit "$RESULTS/$(echo "$1" | tr / -).xml" --json "$RESULTS/$(echo "$1" | tr / -).json"}
        words=$(build/harness run --live "$@" 2>&1)
        code=$?
        echo "$words"
        case $words in *" 0 failed, "*" skipped") exit 0 ;; esac # skipped here, played elsewhere
        exit $code' live
