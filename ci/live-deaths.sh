#!/usr/bin/env bash
# live-deaths.sh [RUNS] [SEED]: the shipped binary under SIGKILL at random moments, five in each run, from
# seeds SEED and on. Runs wait most of their time, so several go side by side, each in its own network
# namespace. A failing one prints its seed.
set -u
cd "$(dirname "$0")/.."
runs=${1:-20} first=${2:-1}
seq "$first" $((first + runs - 1)) | xargs -n 1 -P 6 sh -c '
    words=$(build/harness run --live --seed "$1" scenarios/deaths/at-random.yaml 2>&1)
    code=$?
    [ $code -eq 0 ] || echo "FAILED   seed $1"
    echo "$words"
    exit $code' live-deaths
