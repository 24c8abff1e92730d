#!/usr/bin/env bash
# test_scenarios.sh [FOLDER]: the scenarios below that are fit for it in front of a real Docker daemon: our
# agent as a process of its own, the services faked. Default: all. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside "$@"
fi
shift
# shellcheck source=rig.sh
. "$here/rig.sh"

rig_start
mapfile -t files < <(fit_scenarios "$(realpath --relative-to=. "${1:-$here/../../scenarios}")")
play "${files[@]}"
