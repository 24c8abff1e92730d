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
sed "s/\([eE]\)xitCode\([\\\\\"']*\):7/\1xitCode\2:8/g" "$work"/live/*demo*.rec >"$work/planted.rec"
if build/harness replay "$work/planted.rec" >"$work/words"; then
    echo "replay: a planted change was not found"
    exit 1
fi
grep -q 'divergence at' "$work/words"
# In the body of a signed request: the word that differs, not the signature before it.
sed "s/capability.ecr-auth/capability.ecr-autj/" "$work"/live/*demo*.rec >"$work/planted.rec"
if build/harness replay "$work/planted.rec" >"$work/words" || ! grep -q 'body.attributes.*ecr-auth.*, not .*ecr-autj' "$work/words"; then
    echo "replay: a planted word is not shown"
    cat "$work/words"
    exit 1
fi
echo "2 passed, 0 failed"

# Recordings that are none, and what is said of them: one line each, with file and line, by replay and by export. A
# report is of traces; it says the same of those.
good=$(ls "$work"/live/*demo*.rec)
trace=$work/trace
build/harness run --trace "$trace" scenarios/demo.yaml >/dev/null
passed=0
one_line() { # COMMAND WHAT FILE: it fails, and says just that
    build/harness "$1" "$3" >"$work/words" 2>&1 && { echo "replay: $1 takes $3"; exit 1; }
    grep -q -e "$2" "$work/words" && [ "$(grep -vc 'passed,' "$work/words")" -eq 1 ] ||
        { echo "replay: $1 should say: $2"; cat "$work/words"; exit 1; }
    passed=$((passed + 1))
}
said() { # WHAT FILE
    one_line replay "$@"
    one_line export "$@"
}
last_line_says() { # WHAT FILE: the timeline comes before
    build/harness report "$2" >"$work/words" 2>&1 && { echo "replay: report takes $2"; exit 1; }
    tail -n 1 "$work/words" | grep -q -e "$1" || { echo "replay: report should say: $1"; cat "$work/words"; exit 1; }
    passed=$((passed + 1))
}
bad=$work/bad.rec
{ sed -n 1,60p "$good"; sed -n 90,120p "$good"; sed -n 61,89p "$good"; } >"$bad"
said 'bad.rec:[0-9]*: time goes back: lines out of order' "$bad"
sed '1s/"format":[0-9]*/"format":99/' "$good" >"$bad"
said 'bad.rec:1: recording of format 99; this program knows format' "$bad"
sed '70s/.*/{"in":/' "$good" >"$bad"
said 'bad.rec:70: JSON: byte 6' "$bad"
for time in null '"x"' '[]' true 99999999999999999999 -1000000000; do
    sed "70,\$ s/\"at\":[0-9]*/\"at\":$time/" "$good" >"$bad"
    said 'bad.rec:[0-9]*: its time is no number of a clock' "$bad"
    sed "70,\$ s/\"wall\":[0-9]*/\"wall\":${time#-1000000000}/" "$good" >"$bad"
    said 'bad.rec:[0-9]*: its time is no number of a clock' "$bad"
done
sed '70,$ s/^{\("in":"[a-z.]*"\),"at":[0-9]*/{"at":null,\1/' "$good" >"$bad"
one_line replay 'bad.rec:[0-9]*: its time is no number of a clock' "$bad"
sed 1d "$good" >"$bad"
said 'bad.rec:1: not a recording' "$bad"
cat "$good" "$good" >"$bad"
said "bad.rec:$(($(wc -l <"$good") + 1)): another recording begins here" "$bad"
: >"$bad"
said 'bad.rec:1: not a recording' "$bad"
one_line report 'bad.rec:1: no trace' "$bad"
said 'nowhere.rec: No such file or directory' "$work/nowhere.rec"
one_line report 'nowhere.rec: No such file or directory' "$work/nowhere.rec"
one_line report 'demo.*rec:1: a recording, no trace: harness replay' "$good"
[ ! -e "$bad.html" ] && [ ! -e "$good.html" ] || { echo "replay: report leaves a page of nothing"; exit 1; }

# Lines that are missing or stand elsewhere within one moment: an export says where; a replay shows the divergence.
first=$(grep -n '"out":"http.start"' "$good" | head -n 1 | cut -d: -f1)
sed "${first}d" "$good" >"$bad"
one_line export 'bad.rec:[0-9]*: of a call that did not begin: lines out of order or missing' "$bad"
build/harness replay "$bad" | grep -q "bad.rec:$first: divergence at" || { echo "replay: a missing line is not found"; exit 1; }
sed "${first}p" "$good" >"$bad"
one_line export "bad.rec:$((first + 1)): a call that is under way begins: lines out of order or missing" "$bad"
sed "${first}s/\"http.start\"/\"http.begin\"/" "$good" >"$bad"
one_line export "bad.rec:$first: no line of a recording" "$bad"
sed "${first}s/\"url\"/\"address\"/" "$good" >"$bad"
one_line export "bad.rec:$first: a call without party, method or url" "$bad"
entry=$(grep -n '^{"in":"http.head"' "$good" | head -n 1 | cut -d: -f1)
sed "${entry}s/http.head/http.heed/" "$good" >"$bad"
one_line export "bad.rec:$entry: no line of a recording" "$bad"
build/harness replay "$bad" | grep -q "bad.rec:$entry: " || { echo "replay: a broken line is not found"; exit 1; }

# Line ends of another system change nothing.
sed 's/$/\r/' "$good" >"$bad"
build/harness replay "$bad" >"$work/words" || { echo "replay: CRLF"; cat "$work/words"; exit 1; }

# Cut off: what there is is played, and it is said where.
head -c 20000 "$good" >"$bad"
cut=$(($(wc -l <"$bad") + 1))
build/harness replay "$bad" | grep -q "to the middle of line $cut, where it is cut off" || { echo "replay: a cut is not told"; exit 1; }
build/harness export "$bad" | grep -q "^# not in here: what came after: .*bad.rec is cut off in the middle of line $cut" ||
    { echo "replay: export does not tell of a cut"; exit 1; }

head -n 150 "$good" >"$bad"
build/harness replay "$bad" | grep -q "where it just stops" || { echo "replay: a missing end is not told"; exit 1; }

# Traces.
bad=$work/bad.trace
head -c 3000 "$trace" >"$bad"
last_line_says "bad.trace:$(($(wc -l <"$bad") + 1)): JSON" "$bad"
sed '5d' "$trace" | sed '9r '<(sed -n 5p "$trace") >"$bad"
last_line_says 'bad.trace:10: event [0-9]* behind event [0-9]*: lines out of order' "$bad"
sed '5s/"lane":"[a-z]*"/"lane":"moon"/' "$trace" >"$bad"
last_line_says 'bad.trace:5: no event of a run' "$bad"
sed 1d "$trace" >"$bad"
one_line report 'bad.trace:1: no trace' "$bad"

# The folder is made; names have the path; an earlier run's recording goes; a live agent that is not told to end writes
# all of it; what cannot be written is said.
mkdir "$work/a" "$work/b"
printf 'name: x\ntimeline:\n  - acs.send: {task: t, containers: [{name: c}]}\n  - expect: {ecs: task RUNNING, task: t, within: 20s}\n' |
    tee "$work/a/x.yaml" >"$work/b/x.yaml"
for mode in "" --live; do
    for take in 1 2; do
        (cd "$work" && "$OLDPWD/build/harness" run $mode --record recs a/x.yaml b/x.yaml) >"$work/words" 2>&1 ||
            { cat "$work/words"; exit 1; }
    done
    [ "$(ls "$work/recs")" = "a-x.yaml.0.rec
b-x.yaml.0.rec" ] || { echo "replay: recordings:"; ls "$work/recs"; exit 1; }
    for file in "$work"/recs/*; do
        build/harness replay "$file" >"$work/words" || { cat "$work/words"; exit 1; }
        grep -q '"status":"RUNNING"\|.status.:.RUNNING.' "$file" || { echo "replay: $file is not whole"; exit 1; }
    done
done
[ -z "$(build/harness run --record /dev/null/x "$work/a/x.yaml" 2>/dev/null)" ] || { echo "replay: recorded nowhere"; exit 1; }
if [ -d /proc ] && build/harness run --record /proc "$work/a/x.yaml" >/dev/null; then echo "replay: /proc takes recordings"; exit 1; fi
for option in --html --junit --json --trace; do
    build/harness run $option /dev/full "$work/a/x.yaml" 2>&1 >/dev/null | grep -q "cannot write.*/dev/full" ||
        { echo "replay: $option /dev/full is not told"; exit 1; }
done
echo "$((passed + 12)) passed, 0 failed"
