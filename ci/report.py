#!/usr/bin/env python3
"""The page that `harness report` writes, looked at by a headless browser.

Usage: report.py HARNESS FOLDER; traces and pages go to FOLDER.
"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BROWSER = shutil.which("chromium")
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --window-size=1400,900""".split()
EVENTS = 100_000
# What the page may take for them here, where other programs run as well.
READY_MS, DRAW_MS, SEARCH_MS = 20000, 2000, 10000

harness, folder = sys.argv[1], pathlib.Path(sys.argv[2])
counts = {"passed": 0, "failed": 0}


def check(what, have, want=True):
    good = have == want
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"FAILED   {what}: {have!r}, not {want!r}")


def trace_of(name, scenario, *options):
    path = folder / f"{name}.jsonl"
    subprocess.run([harness, "run", *options, "--trace", path, scenario], stdout=subprocess.DEVNULL)
    return path


def events_of(path):
    return [e for e in map(json.loads, path.read_text().splitlines()) if "event" in e]


def page_of(name, *traces):
    path = folder / f"{name}.html"
    words = subprocess.run([harness, "report", "--html", path, *traces], capture_output=True, text=True)
    check(f"{name}: harness report", words.returncode, 0)
    return path, words.stdout


def look(page, fragment="", script=""):
    """The page's elements after its scripts and this one have run; and body's data-* attributes."""
    looked = page.with_suffix(".test.html")
    text = page.read_text()
    text = text.replace("<meta", "<script>onerror = m => document.documentElement.dataset.error = m</script><meta", 1)
    looked.write_text(text.replace("</html>", f"<script>addEventListener('load', () => {{ {script} }})</script></html>"))
    with tempfile.TemporaryDirectory() as profile:
        dom = subprocess.run([BROWSER, *OPTIONS, f"--user-data-dir={profile}", "--virtual-time-budget=10000",
                              "--dump-dom", f"file://{looked.resolve()}{fragment}"],
                             capture_output=True, text=True, timeout=120).stdout
    body = re.search(r"<body([^>]*)>", dom)
    data = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', body.group(1))) if body else {}
    error = re.search(r'<html[^>]* data-error="([^"]*)"', dom)
    check(f"{page.name}{fragment}: script errors", error and error.group(1), None)
    looked.unlink()
    return dom, data


def text_of(dom, ident):
    match = re.search(rf'id="{ident}"[^>]*>(.*?)</(?:table|aside|p|select)>', dom, re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", match.group(1))) if match else ""


def docker_states(events, until):
    words = {"created": "created", "running": "running", "paused": "paused", "unpaused": "running",
             "exited": "exited", "removed": "removed"}
    states = {}
    for e in events:
        if e["at"] <= until and e["lane"] == "docker" and e["event"] in words and "container" in e["fields"]:
            states[e["fields"]["container"]] = words[e["event"]]
    return states


def test_a_run():
    trace = trace_of("busy", "scenarios/deaths/busy.yaml")
    events = events_of(trace)
    page, words = page_of("busy", trace)
    check("the terminal has a line for each submission", words.count("task STOPPED"),
          sum(e["event"] == "SubmitTaskStateChange" and e["fields"]["status"] == "STOPPED" for e in events))
    source = page.read_text()
    check("nothing is loaded from elsewhere", re.findall(r'(?:src|href)=|url\(|@import|fetch\(', source), [])
    dom, data = look(page)
    check("events", data.get("events"), str(len(events)))
    check("result", data.get("result"), "passed")
    caused = [e for e in events if e.get("cause")]
    check("most events have a cause", len(caused) > len(events) / 2)
    check("a cause comes first", all(e["cause"] < e["seq"] for e in caused))
    want = [e for e in events if "payload-2" in (e["lane"] + " " + e["event"] + json.dumps(e["fields"]))]
    check("search", look(page, "#search=PAYLOAD-2")[1].get("hits"), str(len(want)))
    of_chain = [e for e in events if "chain" in [e["fields"].get("task"),
                                                 str(e["fields"].get("container")).split("/")[0]]
                or "chain" in str(e["fields"].get("tasks", "")).split()]
    check("filter by task", look(page, "#task=chain")[1].get("hits"), str(len(of_chain)))
    stopped = next(e for e in events if e["event"] == "SubmitTaskStateChange" and e["fields"]["task"] == "broken")
    dom, _ = look(page, f"#select={stopped['seq']}")
    chain, seq = [], stopped["seq"]
    by_seq = {e["seq"]: e for e in events}
    while by_seq[seq].get("cause"):
        seq = by_seq[seq]["cause"]
        chain.append(seq)
    check("an input led to it", by_seq[chain[-1]]["event"] in ("step", "start"))
    detail = text_of(dom, "detail")
    check("what led to it is listed", [s for s in chain if f"#{s} " not in detail], [])
    states = text_of(dom, "states")
    for container, state in docker_states(events, stopped["at"]).items():
        check(f"state of {container}", bool(re.search(rf"{re.escape(container)}\s+{state}", states)))


def test_hands(page):
    """Pointing, zooming, dragging, keys."""
    dom, data = look(page, script="""
        const view = views[0], c = view.canvas, d = document.body.dataset, box = c.getBoundingClientRect();
        const at = i => ({clientX: box.left + view.t_to_x(xs(run)[i]), clientY: box.top + view.lane_y(run.lane[i]), bubbles: true, cancelable: true});
        const i = run.event.indexOf("SubmitTaskStateChange");
        c.dispatchEvent(new MouseEvent("mousemove", at(i)));
        d.tip = document.getElementById("tip").textContent.includes(run.fields[i].status);
        d.where = Math.abs(cursor - run.at[i]) < (t1 - t0) / 100;
        const before = t1 - t0;
        c.dispatchEvent(new WheelEvent("wheel", {...at(i), deltaY: -500}));
        d.zoomed = t1 - t0 < before * .6 && t0 < run.at[i] && t1 > run.at[i];
        const a = t0;
        c.dispatchEvent(new MouseEvent("mousedown", at(i)));
        dispatchEvent(new MouseEvent("mousemove", {clientX: at(i).clientX - 100}));
        dispatchEvent(new MouseEvent("mouseup", {}));
        d.moved = t0 > a;
        dispatchEvent(new KeyboardEvent("keydown", {key: "0"}));
        d.fitted = t1 - t0 >= before * .99;
        c.dispatchEvent(new MouseEvent("mousedown", at(i))); dispatchEvent(new MouseEvent("mouseup", {}));
        d.clicked = selected >= 0 && Math.abs(run.at[selected] - run.at[i]) < (t1 - t0) / 50;
        select(i);
        dispatchEvent(new KeyboardEvent("keydown", {key: "c"}));
        d.cause = selected === run.cause[i];
        const lane = document.querySelector('#lanes button[data-lane="' + run.lane[i] + '"]'); lane.click();
        d.hidden = shown.every(k => run.lane[k] !== run.lane[i]) && shown.length > 0;""")
    for word in ("tip", "where", "zoomed", "moved", "fitted", "clicked", "cause", "hidden"):
        check(f"hands: {word}", data.get(word), "true")


def test_failed_run():
    scenario = folder / "fails.yaml"
    scenario.write_text("""name: it never stops
timeline:
  - acs.send: {task: x, containers: [{name: main}]}
  - expect: {ecs: task RUNNING, task: x}
  - docker.exit: {container: x/main, code: 4}
  - expect: {ecs: container STOPPED, task: x, exitCode: 5, within: 3s}
""")
    page, words = page_of("fails", trace_of("fails", scenario))
    check("the terminal says why", "exitCode: 5" in words)
    dom, data = look(page)
    check("failed", data.get("result"), "failed")
    why = text_of(dom, "why")
    check("the page says why", "exitCode: 5" in why and "#" in why)
    check("its events can be reached", bool(re.search(r'<p id="why"[^>]*>.*?<a data-i="\d+">#\d+</a>', dom, re.S)))


def test_two_runs():
    scenario = folder / "jitter.yaml"
    scenario.write_text("""name: two seeds
modes: [sim]
reason: jitter
world: {latency: 1ms, jitter: 5ms}
timeline:
  - acs.send: {task: x, containers: [{name: main}]}
  - expect: {ecs: task RUNNING, task: x}
""")
    a, b = trace_of("seed1", scenario, "--seed", "1"), trace_of("seed2", scenario, "--seed", "2")
    page, words = page_of("two", a, b)
    one, two = events_of(a), events_of(b)
    strip = lambda e: {k: v for k, v in e.items() if k not in ("seq", "cause")}
    first = next(i for i, (x, y) in enumerate(zip(one, two)) if strip(x) != strip(y))
    check("the terminal says where they part", f"part at event {first + 1}:" in words)
    dom, data = look(page, "#run=0&other=1")
    check("divergence", data.get("divergence"), str(first))
    check("differing rows are marked", dom.count('class="row differs"') > 0)
    same_page, words = page_of("same", a, a)
    check("equal runs", "the two runs are the same" in words)
    check("no divergence", look(same_page, "#run=0&other=1")[1].get("divergence"), "-1")


def test_refusals():
    run_line, event = '{"run":"x"}', '{"seq":1,"at":0.5,"lane":"acs","event":"ack","fields":{}}'
    cases = {"no JSON": ("{", 1), "no run": (event, 1), "no lane": (f'{run_line}\n{{"at":1,"event":"x"}}', 2),
             "unknown lane": (f'{run_line}\n{event.replace("acs", "mars")}', 2),
             "no time": (f'{run_line}\n{event}\n{event.replace("0.5", "-1")}', 3),
             "far time": (f'{run_line}\n{event.replace("0.5", "1e300")}', 2)}
    for name, (text, line) in cases.items():
        path = folder / "refused.jsonl"
        path.write_text(text + "\n")
        words = subprocess.run([harness, "report", "--html", folder / "refused.html", path], capture_output=True,
                               text=True)
        check(f"refused: {name}: code", words.returncode, 1)
        check(f"refused: {name}: where ({words.stderr.strip()})", f"refused.jsonl:{line}: " in words.stderr)
        check(f"refused: {name}: what it should be", "harness run --trace" in words.stderr, name in ("no JSON", "no run"))


def write_many(path):
    with path.open("w") as out:
        out.write(json.dumps({"run": "a hundred thousand events"}) + "\n")
        seq = 0
        while seq < EVENTS:
            i = seq // 10
            steps = [("acs", "sent", {"type": "PayloadMessage", "messageId": f"payload-{i}", "tasks": [f"job-{i}"]}),
                     ("docker", "create", {"container": f"job-{i}/main"}), ("docker", "created", {"container": f"job-{i}/main"}),
                     ("docker", "start", {"container": f"job-{i}/main"}), ("docker", "running", {"container": f"job-{i}/main"}),
                     ("ecs", "SubmitTaskStateChange", {"task": f"job-{i}", "status": "RUNNING"}),
                     ("docker", "exited", {"container": f"job-{i}/main", "exitCode": i % 3}),
                     ("ecs", "SubmitTaskStateChange.failed", {"task": f"job-{i}", "http": 500}),
                     ("ecs", "SubmitTaskStateChange", {"task": f"job-{i}", "status": "STOPPED"}),
                     ("agent", "resources", {"descriptors": 14 + i % 5, "memoryKiB": 3000 + i % 700})]
            for k, (lane, event, fields) in enumerate(steps):
                seq += 1
                out.write(json.dumps({"seq": seq, "at": seq / 73, "lane": lane, "event": event, "fields": fields,
                                      **({"cause": seq - 1} if k else {})}) + "\n")
        out.write(json.dumps({"result": "passed", "text": ""}) + "\n")


def test_many_events():
    trace = folder / "many.jsonl"
    write_many(trace)
    page, _ = page_of("many", trace)
    dom, data = look(page, script="""
        const d = document.body.dataset;
        drawNow(); d.allMs = drawMs; t0 = 500; t1 = 530; drawNow(); d.someMs = drawMs;
        const began = performance.now(); document.getElementById("search").value = "job-77"; refilter(); drawNow();
        d.searchMs = performance.now() - began;
        d.series = [...run.series.keys()].join(" "); d.points = run.series.get("memoryKiB").length;
        d.rows = document.querySelectorAll("#list .row").length;""")
    check("all are there", data.get("events"), str(EVENTS))
    for word, limit in (("ready-ms", READY_MS), ("all-ms", DRAW_MS), ("some-ms", DRAW_MS), ("search-ms", SEARCH_MS)):
        check(f"100,000 events: {word} {data.get(word)} below {limit}", float(data.get(word, "inf")) < limit)
    found = sum("job-77" in f"job-{i}" for i in range(EVENTS // 10)) * 9
    check("search among them", data.get("hits"), str(found))
    check("series are plotted", data.get("series"), "descriptors memoryKiB")
    check("all points", data.get("points"), str(EVENTS // 10))
    check("only the rows that are seen exist: " + str(data.get("rows")), 5 < int(data.get("rows", 0)) < 100, True)


def main():
    if BROWSER is None:
        print("SKIPPED  chromium is not installed: make deps")
        return
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    test_a_run()
    test_hands(folder / "busy.html")
    test_failed_run()
    test_two_runs()
    test_refusals()
    test_many_events()
    print(f"report: {counts['passed']} passed, {counts['failed']} failed")
    sys.exit(counts["failed"] > 0)


main()
