#!/usr/bin/env python3
"""Round trip: scenarios are recorded and exported; what comes out has to be a scenario that runs and ends with the
same submissions of the same tasks and containers, in the same order for each. Where it does not, the export must have
said so itself, in a comment "not in here". The table has a line for each recording:

  ok        the exported scenario makes the same submissions
  told      it does not, or ends otherwise, and the export says why
  FAILED    it does not, and nothing was said

Usage: export.py [--and-wire] [--at-least=N] RUN-OPTIONS -- SCENARIO...
  --and-wire    exported scenarios are played by wire, too
  --at-least=N  fewer that come back the same are a failure: what is told could once be expressed
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HARNESS = os.environ.get("HARNESS", "build/harness")
TOLD = "# not in here: "


def harness(*args):
    return subprocess.run([HARNESS, *map(str, args)], capture_output=True, text=True, check=False)


def submissions(run):
    """What ECS accepted of each task and container, in order."""
    told = collections.defaultdict(list)
    for event in run:
        fields = event.get("fields", {})
        if event.get("lane") == "ecs" and event.get("event") in ("SubmitTaskStateChange", "SubmitContainerStateChange"):
            of_one = told[fields["task"], fields.get("container")]
            state = (fields["status"], fields.get("exitCode"))
            if of_one[-1:] != [state]:  # once more: the agent did not learn that it had come
                of_one.append(state)
    return dict(told)


def stories(told):
    """Without the tasks' names, which an export takes from their families."""
    tasks = collections.defaultdict(dict)
    for (task, container), states in told.items():
        tasks[task][container] = tuple(states)
    return collections.Counter(frozenset(task.items()) for task in tasks.values())


def runs_of(trace):
    """The events of each run of a trace."""
    runs = []
    for line in pathlib.Path(trace).read_text().splitlines():
        event = json.loads(line)
        if "run" in event:
            runs.append((event["run"], []))
        else:
            runs[-1][1].append(event)
    return runs


def recorded(options, scenarios, work):
    """Plays and records scenarios; (name, segments from the oldest on, submissions) of each run that makes any."""
    recordings = work / "recordings"
    recordings.mkdir()
    trace = work / "trace"
    first = harness("run", *options, "--record", recordings, "--trace", trace, *scenarios)
    runs = iter(runs_of(trace))
    numbers = collections.Counter()
    for status, file, rest in re.findall(r"^(ok|FAILED|skipped) +([^:\n]+): ?(.*)$", first.stdout, re.M):
        if status == "FAILED":
            raise SystemExit(f"export: the scenario itself fails\n{first.stdout}")
        number = numbers[file]
        numbers[file] += 1
        if status == "skipped":
            continue
        title, events = next(runs)
        while not rest.startswith(title):  # one that was begun and skipped
            title, events = next(runs)
        name = file.lstrip("./").replace("/", "-") + f".{number}.rec"
        segments = sorted(recordings.glob(name + "*"), key=lambda path: path.suffix != ".rec" and -int(path.suffix[1:]))
        if segments:
            matrix = re.search(r"\[.*\]$", rest)
            yield f"{file} {matrix.group() if matrix else ''}".strip(), segments, submissions(events)


def said_by(text):
    return "; ".join(line[len(TOLD):] for line in text.splitlines() if line.startswith(TOLD))


def first_words(result):
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    return " ".join(lines[:3])


def round_trip(segments, before, modes, work):
    """(ok, what went wrong, what the export says)"""
    made = harness("export", *segments)
    if made.returncode != 0:
        return False, made.stderr.strip(), ""
    exported, trace = work / "exported.yaml", work / "trace"
    exported.write_text(made.stdout)
    said = said_by(made.stdout)
    checked = harness("check", exported)
    if checked.returncode != 0: # never a matter of what can be said
        return False, checked.stdout, ""
    for mode in modes:
        result = harness("run", *mode, "--trace", trace, exported)
        after = submissions(runs_of(trace)[0][1])
        if stories(before) != stories(after):
            return False, "; ".join(f"{key}: {before.get(key)} became {after.get(key)}"
                                    for key in {**before, **after} if before.get(key) != after.get(key)), said
        if result.returncode != 0:
            return False, first_words(result), said
    return True, "", said


def main(args):
    split = args.index("--")
    options = [arg for arg in args[:split] if arg != "--and-wire" and not arg.startswith("--at-least=")]
    floor = max([int(arg.split("=")[1]) for arg in args[:split] if arg.startswith("--at-least=")] + [1])
    modes = [[], ["--wire"]] if "--and-wire" in args[:split] else [[]]
    by_folder = collections.defaultdict(list)  # a recording has the base name of its scenario
    for scenario in args[split + 1:]:
        path = pathlib.Path(scenario)
        for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
            if not file.name.startswith("_"):
                by_folder[file.parent].append(str(file))
    table = collections.Counter()
    keep = os.environ.get("EXPORTED")  # a folder where recordings and scenarios stay
    with tempfile.TemporaryDirectory() as top, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = []
        for number, files in enumerate(by_folder.values()):
            work = pathlib.Path(keep or top) / str(number)
            work.mkdir(parents=True)
            for name, segments, before in recorded(options, files, work):
                own = work / f"{len(jobs)}"
                own.mkdir()
                jobs.append((name, own, pool.submit(round_trip, segments, before, modes, own)))
        for name, own, job in jobs:
            fine, wrong, said = job.result()
            result = "ok" if fine else "told" if said else "FAILED"
            table[result] += 1
            print(f"{result:8} {name}" + (f"  ({own})" if keep and not fine else ""))
            for label, text in (("", wrong), ("said: ", "" if fine else said)):
                if text:
                    print(f"             {label}{text[:2000]}")
    print(f"same submissions: {table['ok']} of {table.total()}; {table['told']} told otherwise, {table['FAILED']} not told")
    failed = table["FAILED"] + max(floor - table["ok"], 0)
    if table["ok"] < floor:
        print(f"FAILED at least {floor} have to come back the same")
    print(f"{table['ok'] + table['told']} passed, {failed} failed")
    return failed > 0


sys.exit(main(sys.argv[1:]))
