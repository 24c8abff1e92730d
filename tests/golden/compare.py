#!/usr/bin/env python3
"""The recorded cases of agent v1.13.1 against ours: compare.py CASES HARNESS FOLDER.

Each case becomes a scenario: the same payload, images and programs that do what the recording's did,
a stop where it had one. What the whole agent then says and asks is compared with the recording:

  submissions  content of each (status, exit code, reason, bindings, cluster) and their order; only
               containers of one task that move at the same time may come in another order
  Docker       the calls for each container in order, pulls by image, and that nothing is created
               before what it depends on
  ACS          which messages are acknowledged

Covers ENG-401, ENG-402, ENG-403, ENG-406, ENG-407, ENG-408, ENG-410, ENG-418, ENG-602, ENG-604, ENG-605,
and of the dependencies DEP-101.

Bodies of create calls are compared by tests/unit/engine/test_golden.c, member by member. Deviations
are listed below with the requirement that demands them; one that does not happen is an error, too.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

# case -> the requirement, and what is different because of it: a reason where the recording has none,
# the number of pulls of an image.
def dependency(name, text):
    return {"by": "DEP-120", "reasons": {name: "TaskDependencyError: " + text}}


DEVIATIONS = {
    "link-unknown-target": dependency("b", "b depends on nosuch (link), which is not part of the task"),
    "link-self": dependency("a", "a depends on a (link), which depends on it in turn"),
    "volumes-from-unknown": dependency("b", "b depends on nosuch (volumesFrom), which is not part of the task"),
    "pull-fails": {"by": "FB-30.1", "pulls": {"pullfail/x:1": 5}},
}
# The rest of the text is a JSON decoder's own (ENG-407).
DECODER = "DockerClientConfigError: Unable decode given docker config: "
TASK = "t"
ARN = "${arn.task." + TASK + "}"
INTERNAL = "~internal~ecs-emptyvolume-source"


def load(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


# ---- the scenario of a case ---------------------------------------------------------------------

def recorded_reason(case, name):
    for e in case["events"]:
        if e.get("ecs") and e["body"].get("containerName") == name and e["body"].get("reason"):
            return e["body"]["reason"]
    return ""


def world(case):
    """Programs and images that do what their names and commands say in the recording."""
    images, containers = {}, []
    for c in case["payloadTask"]["containers"]:
        who = {"container": f"{TASK}/{c['name']}", "term_code": 143}
        image, command = c["image"], c.get("command") or []
        images[image] = {}
        if image.startswith("pullfail/"):
            images[image] = {"pull_error": recorded_reason(case, c["name"]).split(": ", 1)[1]}
        if image.startswith("startfail/"):
            text = recorded_reason(case, c["name"]).split("API error (500): ", 1)[1]
            who |= {"start_error": text, "start_takes": "50ms"}
        if command[:1] == ["exit"]:
            who |= {"exits_after": "2s", "exit_code": int(command[1]), "oom": image.startswith("oomkill/")}
        containers.append(who)
    return {"agent": {"ECS_CONTAINER_STOP_TIMEOUT": "5s", "ECS_ENABLE_TASK_IAM_ROLE": "true",
                      "ECS_AVAILABLE_LOGGING_DRIVERS": '["json-file","syslog"]'},
            "docker": {"images": images, "containers": containers, "any_value": True}}  # what recorded took all


def scenario(case):
    payload = {**case["payloadTask"], "arn": ARN}
    steps = [{"expect": {"acs": "connect"}},
             {"acs.send": {"task": TASK, "json": payload}},
             {"advance": "60s"}]
    if sum("sent" in e for e in case["events"]) > 1:
        steps += [{"check": {"task": TASK, "status": case["settled"]}},
                  {"acs.send": {"task": TASK, "json": {**payload, "desiredStatus": "STOPPED"}}},
                  {"advance": "60s"}]
    steps.append({"check": {"task": TASK, "status": "STOPPED"}})
    return {"name": case["case"], "world": world(case), "timeline": steps}


# ---- what was said and asked --------------------------------------------------------------------

def report(name, status, code, reason, bindings):
    text = {"container": name, "status": status, "exitCode": code, "reason": (reason or "").rstrip("\n")}
    if reason and reason.startswith(DECODER):
        text["reason"] = DECODER
    # Whether a container that has ended shows its ports is the daemon's business (ENG-512).
    if status == "RUNNING":
        text["bindings"] = sorted(bindings or [])
    return text


def binding(text, dynamic):
    """"0.0.0.0:8080->80/tcp", without a host port that the daemon chose."""
    inside = int(re.search(r"->(\d+)/", text)[1])
    return re.sub(r":\d+->", ":dynamic->", text) if inside in dynamic else text


def dynamic_ports(case):
    return {p["containerPort"] for c in case["payloadTask"]["containers"] for p in c.get("portMappings") or []
            if not p.get("hostPort")}


def segments(reports):
    """Between two reports of the task: what each container reported, in order."""
    parts, now = [], collections.defaultdict(list)
    for r in reports:
        if r["container"] is None:
            parts += [dict(now), r]
            now = collections.defaultdict(list)
        else:
            now[r["container"]].append(r)
    return parts + [dict(now)]


def recorded(case):
    dynamic, reports, calls, pulls, acks, order = dynamic_ports(case), [], collections.defaultdict(list), [], [], []
    for e in case["events"]:
        if "ecs" in e:
            b = e["body"]
            assert (b["cluster"], b["task"]) == ("default", "TASKARN"), b
            reports.append(report(b.get("containerName"), b["status"], b.get("exitCode"), b.get("reason"),
                                  [binding("{bindIP}:{hostPort}->{containerPort}/{protocol}".format(**x), dynamic)
                                   for x in b["networkBindings"]] if "networkBindings" in b else []))
        elif "acs" in e:
            acks.append(e["acs"])
        elif e.get("docker", "").startswith("POST "):
            path = e["docker"][5:]
            if pulled := re.match(r"/images/create\?fromImage=(.*)", path):
                pulls.append(urllib.parse.unquote(pulled[1]))
            elif path.startswith("/images/create?fromSrc=-"):
                pulls.append("import")
            elif made := re.match(r"/containers/create\?name=ecs-.*?-(?P<clean>[A-Za-z0-9-]+)-RAND$", path):
                order.append(("create " + path.split("=")[1], container_of(case, made["clean"])))
            elif path == f"/containers/ID({INTERNAL})/stop?t=5":
                pass  # the recording's daemon could start what no daemon can (DKR-531, VOL-104)
            elif asked := re.match(r"/containers/ID\((.*)\)/(start|stop)(?:\?t=(\d+))?$", path):
                order.append((asked[2] + (" " + asked[3] if asked[3] else ""), asked[1]))
            else:
                sys.exit(f"{case['case']}: {path}: not understood")
    for call, name in order:
        calls[name].append(call)
    return segments(reports), dict(calls), collections.Counter(pulls), collections.Counter(acks), order


def container_of(case, ending):
    """The container whose cleaned name ends a Docker name (DKR-501)."""
    names = [c["name"] for c in case["payloadTask"]["containers"]] + [INTERNAL]
    fits = [n for n in names if re.sub(r"[^A-Za-z0-9-]", "", n) == ending or
            ending.endswith("-" + re.sub(r"[^A-Za-z0-9-]", "", n))]
    return max(fits, key=len)


def ours(case, events):
    dynamic, reports, calls, pulls, acks, order = dynamic_ports(case), [], collections.defaultdict(list), [], [], []
    for e in events:
        lane, event, f = e["lane"], e["event"], e["fields"]
        if lane == "ecs" and event.startswith("Submit"):
            if event.endswith(".failed"):
                sys.exit(f"{case['case']}: {e}")
            reports.append(report(f.get("container"), f["status"], f.get("exitCode"), f.get("reason"),
                                  [binding(x, dynamic) for x in f.get("bindings", [])]))
        elif lane == "acs" and event in ("ack", "credentials-ack"):
            acks.append({"ack": "AckRequest", "credentials-ack": "IAMRoleCredentialsAckRequest"}[event])
        elif lane == "docker" and event in ("pull", "import"):
            pulls.append(f["image"] if event == "pull" else "import")
        elif lane == "docker" and event in ("create", "start", "stop", "kill", "remove"):
            name = f["container"].split("/", 1)[1]
            detail = {"stop": f" {f.get('timeout')}", "create": " " + re.sub("[0-9a-f]{20}$", "RAND", f.get("name", ""))}
            order.append((event + detail.get(event, ""), name))
    for call, name in order:
        calls[name].append(call)
    return segments(reports), dict(calls), collections.Counter(pulls), collections.Counter(acks), order


def dependencies(case, order):
    """Nothing is created before what it depends on (DEP-101); a list of what is wrong."""
    wrong, at = [], {}
    for place, (call, name) in enumerate(order):
        at.setdefault((call.split()[0], name), place)
    empty = {v["name"] for v in case["payloadTask"].get("volumes") or [] if not v["host"].get("sourcePath")}
    for c in case["payloadTask"]["containers"]:
        mine = at.get(("create", c["name"]))
        needs = [("start", link.split(":")[0]) for link in c.get("links") or []]
        needs += [("create", v["sourceContainer"]) for v in c.get("volumesFrom") or []]
        needs += [("start", INTERNAL) for m in c.get("mountPoints") or [] if m["sourceVolume"] in empty]
        for need in needs:
            if mine is not None and not at.get(need, mine + 1) < mine:
                wrong.append(f"{c['name']} was created before {need[0]} of {need[1]}")
    return wrong


def deviate(want, deviation):
    """What the recording would be if v1.13.1 had met the requirement."""
    for part in want[0]:
        for name, text in deviation.get("reasons", {}).items():
            for r in part.get(name, []):
                assert r["reason"] == "", "the recording has a reason"
                r["reason"] = text
    for image, count in deviation.get("pulls", {}).items():
        assert want[2][image] != count, "the recording pulls as often"
        want[2][image] = count


def compare(case, events):
    """A list of differences."""
    have, want = ours(case, events), recorded(case)
    deviate(want, DEVIATIONS.get(case["case"], {}))
    words = ("submissions", "calls", "pulls", "acknowledgements")
    wrong = [f"{word}:\n  have {h}\n  want {w}" for word, h, w in zip(words, have, want) if h != w]
    return wrong + dependencies(case, have[4]) + [f"recording: {w}" for w in dependencies(case, want[4])]


def main():
    cases, harness, folder = load(pathlib.Path(sys.argv[1])), sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for case in cases:
        files.append(folder / (case["case"] + ".yaml"))
        files[-1].write_text(json.dumps(scenario(case), indent=1, ensure_ascii=False) + "\n")
    trace = folder / "trace"
    run = subprocess.run([harness, "run", "--trace", trace, *files], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    runs = {}
    for line in map(json.loads, trace.read_text().splitlines()):
        if "run" in line:
            events = runs.setdefault(line["run"], [])
        elif "event" in line:
            events.append(line)
    agreed, deviated, failed = [], collections.defaultdict(list), 0
    for case in cases:
        name = case["case"]
        if wrong := compare(case, runs[name]):
            failed += 1
            print(f"{name}:\n" + "\n".join(wrong))
        elif name in DEVIATIONS:
            deviated[DEVIATIONS[name]["by"]].append(name)
        else:
            agreed.append(name)
    if unknown := DEVIATIONS.keys() - runs.keys():
        sys.exit(f"deviations of cases that are not there: {unknown}")
    print(f"{len(cases)} recorded cases of agent v1.13.1: {len(agreed)} agree, "
          f"{sum(map(len, deviated.values()))} deviate as a requirement demands, {failed} differ")
    for ident, names in sorted(deviated.items()):
        print(f"  {ident}: {', '.join(names)}")
    print(f"golden: {len(cases) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
