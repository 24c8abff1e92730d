#!/usr/bin/env bash
# Every simulated and wired scenario is recorded and played back: the core must do the same, line by line, and
# no secret of a run may stand in its recording. A recording with one changed byte must be found out.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
no_secrets() { # FOLDER
    if grep -rlE 'secret-of-role-|token-of-role-|fake-secret-of-the-scenario' "$1"; then
        echo "replay: secrets stand in the recordings above"
        exit 1
    fi
}
for mode in sim wire; do
    mkdir "$work/$mode"
    option=$([ $mode = sim ] || echo "--$mode")
    build/harness run $option --record "$work/$mode" scenarios >"$work/words" || { tail -50 "$work/words"; exit 1; }
    build/harness replay "$work/$mode"/* >"$work/words" || { grep -v 'no divergence' "$work/words"; exit 1; }
    tail -1 "$work/words"
    no_secrets "$work/$mode"
    rm -r "${work:?}/$mode"
done
# Small segments: the core is replaced again and again, at quiet moments and, in the second run, when a segment
# is full. Each segment is replayed alone.
for mode in sim wire; do
    for kib in 768 128; do
        mkdir "$work/segments"
        option=$([ $mode = sim ] || echo "--$mode")
        build/harness run $option --record "$work/segments" --record-kib $kib scenarios/recording/02-segments.yaml \
            >"$work/words" || { cat "$work/words"; exit 1; }
        [ "$(find "$work/segments" -type f | wc -l)" -ge 5 ] || { echo "replay: no five segments"; exit 1; }
        if find "$work/segments" -size +$((kib + 16))k | grep .; then echo "replay: a segment too large"; exit 1; fi
        build/harness replay "$work"/segments/* >"$work/words" || { grep -v 'no divergence' "$work/words"; exit 1; }
        tail -1 "$work/words"
        no_secrets "$work/segments"
        rm -r "$work/segments"
    done
done
mkdir "$work/live"
build/harness run --live --record "$work/live" scenarios/demo.yaml scenarios/recording/01-switched-on-and-off.yaml \
    >"$work/words" || { cat "$work/words"; exit 1; }
[ "$(find "$work/live" -type f | wc -l)" -eq 4 ] || { echo "replay: switching on makes no segment"; exit 1; }
build/harness replay "$work"/live/*
no_secrets "$work/live"
sed "s/\([eE]\)xitCode\([\\\\\"']*\):7/\1xitCode\2:8/g" "$work"/live/demo*.rec >"$work/planted.rec"
if build/harness replay "$work/planted.rec" >"$work/words"; then
    echo "replay: a planted change was not found"
    exit 1
fi
grep -q 'divergence at' "$work/words"
echo "1 passed, 0 failed"

# Recordings that are none, and what is said of them: one line each, by replay and by export alike.
good=$(ls "$work"/live/demo*.rec)
passed=0
said() { # WHAT FILE
    for command in replay export; do
        build/harness $command "$2" >"$work/words" 2>&1 && { echo "replay: $command takes $2"; exit 1; }
        grep -q -e "$1" "$work/words" && [ "$(grep -vc 'passed,' "$work/words")" -eq 1 ] ||
            { echo "replay: $command should say: $1"; cat "$work/words"; exit 1; }
        passed=$((passed + 1))
    done
}
bad=$work/bad.rec
{ sed -n 1,60p "$good"; sed -n 90,120p "$good"; sed -n 61,89p "$good"; } >"$bad"
said 'bad.rec:[0-9]*: time goes back: lines out of order' "$bad"
sed '1s/"format":[0-9]*/"format":99/' "$good" >"$bad"
said 'bad.rec: recording of format 99; this program knows format' "$bad"
sed '70s/.*/{"in":/' "$good" >"$bad"
said 'bad.rec:70: JSON: byte 6' "$bad"
sed 1d "$good" >"$bad"
said 'bad.rec: not a recording' "$bad"
: >"$bad"
said 'bad.rec: not a recording' "$bad"
said 'nowhere.rec: No such file or directory' "$work/nowhere.rec"
head -c 20000 "$good" >"$bad"
build/harness replay "$bad" | grep -q 'to the middle of a line where it is cut off' || { echo "replay: a cut is not told"; exit 1; }
echo "$((passed + 1)) passed, 0 failed"
