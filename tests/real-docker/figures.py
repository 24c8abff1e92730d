#!/usr/bin/env python3
"""What the kernel says of a container's cgroup, and whether the agent's telemetry agrees.

figures.py read PID                      prints {"seconds", "cpu_seconds", "memory_bytes", "processors"}
figures.py compare BEFORE AFTER SETS...  BEFORE and AFTER as read printed them, SETS as TCS got them in
                                         between ([{"cpu": {...}, "memory": {...}}]); exit code 1 when CPU
                                         or memory is more than 5 % off
"""
import json
import os
import pathlib
import sys
import time

TOLERANCE = 0.05
ROOT = pathlib.Path("/sys/fs/cgroup")


def cgroup_dirs(pid):
    """Controller -> folder; "" for version 2."""
    dirs = {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            dirs[controller] = ROOT / controller / path.lstrip("/")
    return dirs


def stat_of(path, key):
    for line in path.read_text().splitlines():
        name, value = line.split()
        if name == key:
            return int(value)
    sys.exit(f"{path}: no {key}")


def read(pid):
    dirs = cgroup_dirs(pid)
    figures = {"processors": os.cpu_count()}
    if "cpuacct" in dirs:
        usage = dirs["cpuacct"] / "cpuacct.usage"
        memory = dirs["memory"]
        figures["memory_bytes"] = (int((memory / "memory.usage_in_bytes").read_text())
                                   - stat_of(memory / "memory.stat", "cache"))
        figures["seconds"] = time.monotonic()
        figures["cpu_seconds"] = int(usage.read_text()) / 1e9
    else:
        folder = dirs[""]
        figures["memory_bytes"] = (int((folder / "memory.current").read_text())
                                   - stat_of(folder / "memory.stat", "inactive_file"))
        figures["seconds"] = time.monotonic()
        figures["cpu_seconds"] = stat_of(folder / "cpu.stat", "usage_usec") / 1e6
    print(json.dumps(figures))


def mean(sets, what):
    return sum(s[what]["sum"] for s in sets) / sum(s[what]["sampleCount"] for s in sets)


def differs(what, agent, kernel):
    off = abs(agent - kernel) / kernel
    print(f"{what}: the agent says {agent:.2f}, the cgroup {kernel:.2f}: {100 * off:.1f} % off")
    return off > TOLERANCE


def compare(before, after, *texts):
    before, after = json.loads(before), json.loads(after)
    sets = [container for text in texts for container in json.loads(text)]
    seconds = after["seconds"] - before["seconds"]
    cpu = 100 * (after["cpu_seconds"] - before["cpu_seconds"]) / seconds / before["processors"]
    memory = (before["memory_bytes"] + after["memory_bytes"]) / 2 / 2**20
    print(f"{len(sets)} sets, {sum(s['cpu']['sampleCount'] for s in sets)} values in {seconds:.1f} s")
    wrong = differs("CPU percent of all processors", mean(sets, "cpu"), cpu)
    wrong = differs("memory in MiB", mean(sets, "memory"), memory) or wrong
    if seconds < 55 or cpu < 1:
        sys.exit("too little was measured to say anything")
    sys.exit(1 if wrong else 0)


if len(sys.argv) > 2 and sys.argv[1] == "read":
    read(sys.argv[2])
elif len(sys.argv) > 4 and sys.argv[1] == "compare":
    compare(*sys.argv[2:])
else:
    sys.exit(__doc__)
