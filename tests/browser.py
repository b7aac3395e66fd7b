# SPDX-License-Identifier: MIT
"""Opens reports in headless Chromium, by its debugging pipe, and looks at them.

python3 browser.py PROGRAM TOP [--shots FOLDER]: prints TAP; with --shots also
leaves pictures of the pages. Needs Chromium; make check-browser runs it.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

PROGRAM, TOP = (os.path.realpath(path) for path in sys.argv[1:3])
SHOTS = sys.argv[4] if len(sys.argv) > 4 else None
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"]
FIGURES = ["curve", "course", "time", "rates", "sizes", "bytes", "lifetimes", "ages"]
TORCH_FIGURES = ["course", "fragmentation", "segments"]
TORCH = "traces/toy_torch.pickle.gz"
WIDTHS = (390, 1440)
done = failed = 0


def ok(name, good, more=""):
    global done, failed
    done += 1
    failed += not good
    print("ok" if good else "not ok", done, "-", name)
    if not good:
        print("\n".join("# " + line for line in str(more).split("\n")[:30]))


class Chromium:
    """A browser with one page; every message it sends is kept."""

    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.answers, theirs_out = os.pipe()
        # far from 3 and 4, which are where the browser looks for its pipes
        spare = [os.fdopen(os.dup(0)) for _ in range(8)]

        def place():
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        self.child = subprocess.Popen(
            [shutil.which("chromium"), *FLAGS, "--user-data-dir=" + folder,
             "about:blank"], preexec_fn=place, pass_fds=(3, 4),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for file in spare:
            file.close()
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer = b""
        self.number = 0
        self.session = {}
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.call(
            "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(domain + ".enable")

    def message(self):
        end = time.time() + 60
        while b"\0" not in self.buffer:
            if not select.select([self.answers], [], [], end - time.time())[0]:
                raise RuntimeError("Chromium does not answer")
            data = os.read(self.answers, 1 << 20)
            if not data:
                raise RuntimeError("Chromium is gone")
            self.buffer += data
        data, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(data)

    def call(self, method, **params):
        self.number += 1
        os.write(self.to, json.dumps({"id": self.number, "method": method,
                                      "params": params, **self.session}).encode()
                 + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(method + ": " + str(answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, scheme):
        self.events = []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url="file://" + path)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.message())

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def seen(self, *methods):
        return [e for e in self.events if e.get("method") in methods]

    def shoot(self, path):
        height = self.value("document.documentElement.scrollHeight")
        width = self.value("innerWidth")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 500)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


# What lies beyond the page's edge, and is not in a box that scrolls of itself.
OVERFLOW = """
[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > document.documentElement.clientWidth + 1 &&
    !e.closest('.scroll') && !e.closest('svg');
}).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60))
"""

# Of each figure: pictures that are shown (of a map, all rows), and marks drawn in those.
DRAWN = """
[...document.querySelectorAll('figure')].map(f => [f.id.replace('figure-', ''),
  [...f.querySelectorAll('.plots svg, .map')]
    .filter(s => s.getBoundingClientRect().width > 100)
    .map(s => [...s.querySelectorAll('path, polygon, .map rect')].filter(p => {
      const box = p.getBBox();
      return box.width + box.height > 10;
    }).length)])
"""

# Text of a picture that lies outside of it, or upon other text.
TEXTS = """
[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width)
  .flatMap(s => {
    const own = s.getBoundingClientRect();
    const texts = [...s.querySelectorAll('text')].filter(t => t.textContent.trim())
      .map(t => [t.textContent, t.getBoundingClientRect()]);
    const out = texts.filter(([, b]) => b.left < own.left - 1 || b.top < own.top - 1 ||
      b.right > own.right + 1 || b.bottom > own.bottom + 1).map(([t]) => 'out: ' + t);
    texts.forEach(([t, a], i) => texts.slice(i + 1).forEach(([u, b]) => {
      const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (w > 2 && h > 3) out.push('over: ' + t + ' / ' + u);
    }));
    return out;
  })
"""

# How light, of 255, each colour is that fills a picture with colours of its own.
SHADES = """
[...new Set([...document.querySelectorAll('#figure-sizes svg polygon')]
  .map(p => getComputedStyle(p).fill))].map(c => c.match(/[0-9]+/g).map(Number))
  .map(([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b).sort((a, b) => a - b)
"""

# Tables with a row a key: key -> exact values, a column each.
TABLE = """
Object.fromEntries([...document.querySelectorAll('#%s tr[data-key]')].map(r =>
  [r.dataset.key, [...r.querySelectorAll('td')].map(d =>
    d.querySelector('data') ? d.querySelector('data').value : d.textContent)]))
"""

ROWS = """
[...document.querySelectorAll('#%s tbody tr')].map(r =>
  [...r.querySelectorAll('td')].map(d =>
    d.querySelector('data') ? d.querySelector('data').value : d.textContent))
"""

CARDS = """
[...document.querySelectorAll('.card data')].map(d => d.value)
"""

# Of the rows of the map that are drawn: whether blocks follow one another without a gap
# to the end, and how much of them is free.
MAP = """
[...document.querySelectorAll('.map svg')].map(s => {
  let at = 0;
  return [[...s.querySelectorAll('rect')].every(r => {
    const good = Math.abs(r.x.baseVal.value - at) < 0.02;
    at = r.x.baseVal.value + r.width.baseVal.value;
    return good;
  }) && Math.abs(at - 1000) < 0.02, s.getAttribute('aria-label')];
})
"""


def raw(value):
    """A JSON value as the page's exact values are written."""
    if value is None:
        return "null"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def same(got, want):
    if got == want:
        return True
    try:
        return float(got) == float(want)
    except ValueError:
        return False


def run_json(*args):
    return json.loads(subprocess.run([PROGRAM, *args], cwd=TOP, check=True,
                                     stdout=subprocess.PIPE).stdout)


def compare_table(name, page, section, column, want):
    table = page.value(TABLE % section)
    wrong = [(key, table.get(key), raw(value)) for key, value in want.items()
             if not isinstance(value, (dict, list)) and
             (key not in table or not same(table[key][column], raw(value)))]
    ok("%s: %s is that of the JSON" % (name, section), want and not wrong, wrong)


def compare(name, page, column, trace):
    document = run_json("simulate", "--format=json", trace)
    result = document["result"]
    compare_table(name, page, "trace", column, document["trace"])
    compare_table(name, page, "policy", column, document["policy"])
    compare_table(name, page, "result", column, result)
    compare_table(name, page, "detail", column, result["detail"])
    compare_table(name, page, "limit_enforcement", column,
                  result["limit_enforcement"])
    text = page.value("document.querySelector('#findings').textContent")
    findings = [f[key] for f in document["findings"] for key in ("text", "advice")]
    ok("%s: the findings are those of the JSON" % name, findings and
       all(f in text for f in findings), (findings, text))
    advice = run_json("tune", "--format=json", trace)
    keys = ["cache_limit", "hit_rate", "byte_hit_rate", "misses", "rejected_frees",
            "peak_cached_bytes", "peak_total_bytes"]
    rows = {(row[0], row[1]): row[2:] for row in page.value(ROWS % "choices")}
    for choice in ("recommended", "unlimited"):
        point = next(p for p in advice["points"] if p["choice"] == choice)
        got = rows[(trace, choice)]
        ok("%s: %s is that of tune" % (name, choice),
           all(same(g, raw(point[k])) for g, k in zip(got, keys)), (got, point))


def compare_torch(name, page, conf, *options):
    document = run_json("simulate", "--format=json", *options)
    for section in ("trace", "recording", "policy", "start", "result"):
        compare_table(name, page, section, 0, document[section])
    result = document["result"]
    cards = [result[key] for key in (
        "peak_reserved_bytes", "allocated_at_peak_bytes", "fragmentation_at_peak",
        "peak_allocated_bytes")]
    got = page.value(CARDS)
    ok(name + ": the cards are those of the JSON", len(got) == len(cards) and
       all(same(g, raw(c)) for g, c in zip(got, cards)), (got, cards))
    points = run_json("tune", "--format=json", "--alloc-conf=" + conf,
                      *options)["points"]
    rows = page.value(ROWS % "settings")
    keys = ["peak_reserved_bytes", "peak_allocated_bytes", "fragmentation_at_peak",
            "smallest_device_bytes"]
    got = [[row[2], row[3], row[4], row[7]] for row in rows]
    ok(name + ": the settings are those of tune", len(rows) == len(points) == 2 and
       rows[0][0] == "as recorded" and rows[1][1] == conf and
       all(same(g, raw(point[k])) for row, point in zip(got, points)
           for g, k in zip(row, keys)), (rows, points))
    drawn = page.value(MAP)
    ok(name + ": the rows of the map are whole", len(drawn) == min(
        result["peak_segments"], 64) and all(whole for whole, _ in drawn), drawn)


def look(name, page, path, figures):
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            page.open(path, width, scheme)
            view = "%s at %d pixels, %s" % (name, width, scheme)
            errors = page.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown",
                               "Log.entryAdded")
            ok(view + ": nothing on the console", not errors, errors)
            urls = [e["params"]["request"]["url"]
                    for e in page.seen("Network.requestWillBeSent")]
            ok(view + ": no request leaves the page",
               urls and all(u == "file://" + path or u.startswith("data:")
                            for u in urls), urls)
            ok(view + ": the page is as wide as the screen",
               page.value("document.documentElement.scrollWidth") <= width and
               not page.value(OVERFLOW), page.value(OVERFLOW))
            drawn = page.value(DRAWN)
            ok(view + ": all figures are there",
               [figure for figure, _ in drawn] == figures, drawn)
            ok(view + ": and none is empty",
               all(svgs and min(svgs) > 3 for _, svgs in drawn), drawn)
            shades = page.value(SHADES)
            ok(view + ": bars can be told apart without colours",
               len(shades) >= 5 * ("sizes" in figures) and
               all(b - a > 25 for a, b in zip(shades, shades[1:])), shades)
            ok(view + ": text in figures is within them, and free",
               not page.value(TEXTS), "\n".join(page.value(TEXTS)))
            if SHOTS:
                page.shoot("%s/%s-%d-%s.png" % (SHOTS, name, width, scheme))


def report(path, *args):
    subprocess.run([PROGRAM, "report", "-o", path, *args], cwd=TOP, check=True)


HOSTILE = "<script>alert(1)</script>'\"&amp;</title></svg>`touch x`\x1b[31m\u202e"


def hostile_trace(path):
    events = []
    for i in range(1, 40):
        events += [{"op": "mark", "name": HOSTILE + "abcdefghij"[i % 10]},
                   {"op": "malloc", "id": i, "size": i * 100, "t": i * 1000},
                   {"op": "free", "id": i, "t": i * 1000 + 500}]
    events.append({"op": "mark", "name": "x" * 60000})
    with open(path, "w") as file:
        for line in [{"format": "alloc-trace", "version": 1, "workload": HOSTILE * 200,
                      "source": HOSTILE}] + events:
            file.write(json.dumps(line) + "\n")


def round_trace(path):
    """One that ends with the last number of each axis."""
    with open(path, "w") as file:
        file.write('{"format":"alloc-trace","version":1}\n')
        for i in range(4001):
            file.write('{"op":"malloc","id":%d,"size":%d,"t":%d}\n'
                       % (i + 1, 1 << i % 20, i * 1000000))


def main():
    traces = ["traces/mlp_train.mrt.gz", "traces/phase_change.mrt.gz",
              "traces/limits.mrt.gz"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Chromium(folder + "/profile")
        for trace in traces:
            name = os.path.basename(trace).split(".")[0]
            path = folder + "/" + name + ".html"
            report(path, trace)
            look(name, page, path, FIGURES)
            compare(name, page, 0, trace)
        report(folder + "/all.html", *traces)
        look("three traces", page, folder + "/all.html", FIGURES)
        for column, trace in enumerate(traces):
            compare("three traces, " + trace, page, column, trace)
        conf = "expandable_segments:True"
        report(folder + "/torch.html", "--alloc-conf=" + conf, TORCH)
        look("segments", page, folder + "/torch.html", TORCH_FIGURES)
        compare_torch("segments", page, conf, "--policy=torch-cuda", TORCH)
        os.chdir(folder)
        hostile_trace(folder + "/<b>'$x'.jsonl")
        report(folder + "/hostile.html", folder + "/<b>'$x'.jsonl")
        look("hostile names", page, folder + "/hostile.html", FIGURES)
        ok("hostile names are text",
           page.value("document.querySelectorAll('script, b b, header b').length") == 0
           and "<script>alert(1)</script>'\"&amp;</title></svg>`touch x`" in
           page.value("document.body.textContent"))
        round_trace(folder + "/round.jsonl")
        report(folder + "/round.html", folder + "/round.jsonl")
        look("axes to the edge", page, folder + "/round.html", FIGURES)
        page.child.kill()
        page.child.wait()
    print("1..%d" % done)
    return failed > 0


sys.exit(main())
