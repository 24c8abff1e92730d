#!/usr/bin/env bash
# test_recording.sh: flight recordings of our agent in front of a real Docker daemon replay without divergence, and
# hold no secret. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside "$@"
fi
# shellcheck source=rig.sh
. "$here/rig.sh"
cd "$here/../.."
rig_start
mkdir "$dir/recordings"
play --record "$dir/recordings" scenarios/basics/0[2-4]*.yaml
if grep -rlE 'secret-of-role-|token-of-role-|fake-secret-of-the-scenario' "$dir/recordings"; then
    echo "test_recording: secrets stand in the recordings above"
    exit 1
fi
"$harness" replay "$dir"/recordings/*
