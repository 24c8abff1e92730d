#!/usr/bin/env python3
"""Round trip: scenarios are recorded and exported; what comes out has to be a scenario that runs and ends with the
same submissions of the same tasks and containers, in the same order for each.

Usage: export.py RUN-OPTIONS -- SCENARIO...
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

HARNESS = "build/harness"


def harness(*args):
    return subprocess.run([HARNESS, *args], capture_output=True, text=True, check=False)


def submissions(trace):
    """What ECS accepted of each task and container, in order."""
    told = collections.defaultdict(list)
    for line in pathlib.Path(trace).read_text().splitlines():
        event = json.loads(line)
        fields = event.get("fields", {})
        if event.get("lane") == "ecs" and event.get("event") in ("SubmitTaskStateChange", "SubmitContainerStateChange"):
            told[fields["task"], fields.get("container")].append((fields["status"], fields.get("exitCode")))
    return dict(told)


def round_trip(options, scenario, work):
    """None, or what went wrong."""
    recordings = work / "recordings"
    recordings.mkdir()
    first = harness("run", *options, "--record", str(recordings), "--trace", str(work / "first"), scenario)
    if first.returncode != 0:
        return "the scenario itself fails\n" + first.stdout
    exported = work / "exported.yaml"
    for recording in sorted(recordings.glob("*.rec")):
        made = harness("export", str(recording))
        exported.write_text(made.stdout)
        for command in (["check"], ["run", "--trace", str(work / "second")], ["run", "--wire"]):
            result = harness(*command, str(exported))
            if made.returncode != 0 or result.returncode != 0:
                return made.stderr + made.stdout + result.stdout
        before, after = submissions(work / "first"), submissions(work / "second")
        if before != after:
            return f"{made.stdout}\nsubmissions before: {before}\nafter: {after}"
    return None


def main(args):
    split = args.index("--")
    passed = failed = 0
    for scenario in args[split + 1:]:
        with tempfile.TemporaryDirectory() as work:
            problem = round_trip(args[:split], scenario, pathlib.Path(work))
        if problem is None:
            passed += 1
        else:
            failed += 1
            print(f"FAILED {scenario}: export: {problem}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main(sys.argv[1:]))
