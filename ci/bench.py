#!/usr/bin/env python3
"""Figures from the traces that ci/bench.sh left in a folder, printed as JSON."""
import json
import statistics
import sys
from pathlib import Path


def events(path):
    return [e for e in map(json.loads, path.read_text().splitlines()) if "event" in e]


def connects(trace):
    """Milliseconds from each start to the next ACS session."""
    found, started = [], None
    for e in trace:
        if e["event"] == "start":
            started = e["at"]
        elif (e["lane"], e["event"]) == ("acs", "connect") and started is not None:
            found.append((e["at"] - started) * 1000)
            started = None
    return found


def deaths(trace):
    """Milliseconds from a container's end to the accepted submission."""
    ended, found = {}, []
    for e in trace:
        if (e["lane"], e["event"]) == ("docker", "exited"):
            ended[e["fields"]["container"]] = e["at"]
        elif e["event"] == "SubmitContainerStateChange" and e["fields"]["status"] == "STOPPED":
            name = e["fields"]["task"] + "/" + e["fields"]["container"]
            found.append((e["at"] - ended[name]) * 1000)
    return found


def linear(folder, name):
    """The agent's processor time for n and for 2n, and how many times as much that is."""
    least = {}
    for path in folder.glob(f"linear.{name}.*"):
        begun = {}
        for e in events(path):
            if e["event"] == "resources":
                mark, n = e["fields"]["mark"].split("-")
                if mark == "before":
                    begun[n] = e["fields"]["cpuMs"]
                else:
                    spent = e["fields"]["cpuMs"] - begun[n]
                    least[int(n)] = min(spent, least.get(int(n), spent))
    once, twice = sorted(least)
    assert twice == 2 * once
    return {f"cpu_ms_for_{once}": least[once], f"cpu_ms_for_{twice}": least[twice],
            "times": round(least[twice] / max(least[once], 1), 2)}


def launch(folder, record):
    """The agent's processor time for a launch of 200 tasks, with or without a flight recording: the mean of the
    quicker half, as what disturbs a run only adds to it."""
    spent = sorted(marks["after"] - marks["before"] for marks in
                   ({e["fields"]["mark"]: e["fields"]["cpuMs"] for e in events(path) if e["event"] == "resources"}
                    for path in folder.glob(f"recording.{record}.*")))
    return round(statistics.mean(spent[:(len(spent) + 1) // 2]), 1)


def counted(folder, record):
    """The agent's instructions for the same, without those of a start and an end."""
    totals = []
    for name in ("launch", "idle"):
        path = folder / f"counted.{name}.{record}"
        if not path.exists():
            return None
        totals += [int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("totals:")]
    launched, idle = totals
    return launched - idle


def more_percent(base, more):
    return round((more / base - 1) * 100, 1) if base else None


def main(folder):
    tasks = events(folder / "tasks")
    marks = {e["fields"]["mark"]: e for e in tasks if e["event"] == "resources"}
    sent = [e["at"] for e in tasks if e["lane"] == "acs" and e["event"] == "sent"]
    held = lambda mark, what: marks[mark]["fields"][what]
    running = [e["at"] for e in tasks
               if e["event"] == "SubmitTaskStateChange" and e["fields"]["status"] == "RUNNING"]
    streams = {e["fields"]["mark"]: e["fields"] for e in events(folder / "stats") if e["event"] == "resources"}
    full_ms = streams["streams-twenty-seconds-later"]["cpuMs"] - streams["streams"]["cpuMs"]
    stats_ms = held("tasks-1000-ten-seconds-later", "cpuMs") - held("tasks-1000", "cpuMs")
    runs = json.loads((folder / "simulated").read_text())
    virtual = sum(r["virtualNs"] for r in runs)
    real = sum(r["realNs"] for r in runs)
    plain_ms, recorded_ms = launch(folder, "off"), launch(folder, "on")
    plain, recorded = counted(folder, "off"), counted(folder, "on")
    ends = deaths(events(folder / "death"))
    print(json.dumps({
        "start_to_acs_connected_ms": round(statistics.median(connects(events(folder / "start"))), 1),
        "last_800_of_1000_tasks_to_running_s": round(running[-1] - sent[1], 3),
        "agent_cpu_for_1000_tasks_s": (held("running-1000", "cpuMs") - held("idle", "cpuMs")) / 1000,
        "anonymous_memory_kib": {m: held(m, "memoryKiB") for m in ("idle", "tasks-200", "tasks-1000")},
        "total_memory_kib": {m: held(m, "totalKiB") for m in ("idle", "tasks-200", "tasks-1000")},
        "descriptors": {m: held(m, "descriptors") for m in ("idle", "tasks-1000")},
        "threads": held("tasks-1000", "threads"),
        "cpu_with_1000_stats_streams_ms_per_s": stats_ms / 10,
        "cpu_with_1000_stats_streams_of_full_length_ms_per_s": full_ms / 20,
        "anonymous_memory_kib_with_1000_stats_streams_of_full_length": streams["streams"]["memoryKiB"],
        "restart_with_1000_tasks_to_acs_connected_ms": round(connects(tasks)[-1], 1),
        "launch_of_200_tasks": {
            "cpu_ms": plain_ms, "cpu_ms_recorded": recorded_ms,
            "recording_costs_percent_of_cpu": more_percent(plain_ms, recorded_ms),
            "instructions": plain, "instructions_recorded": recorded,
            "recording_costs_percent_of_instructions": more_percent(plain, recorded),
        },
        "linear": {
            "tasks_in_one_payload": linear(folder, "burst"),
            "tasks_of_ten_containers_in_a_chain": linear(folder, "chain"),
            "restarts_of_one_flapping_container": linear(folder, "flapping"),
            "stops_in_one_payload": linear(folder, "stops"),
            "containers_of_one_task": linear(folder, "large"),
        },
        "death_to_stopped_submitted_median_ms": round(statistics.median(ends), 2),
        "simulated_times_real_time": round(virtual / real) if real else None,
    }, indent=2))


main(Path(sys.argv[1]))
