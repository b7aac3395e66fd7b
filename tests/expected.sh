#!/bin/sh
# SPDX-License-Identifier: MIT
# verify, simulate and info on the real traces against NAME.expected.json, which
# an independent model counted: as recorded and at three other cache limits.
# Takes the shipped traces and, where it is there, the full collection.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}

if ! command -v python3 >/dev/null; then
	echo "1..0 # SKIP python3 is not installed"
	exit 0
fi

exec python3 - "$top_builddir/memreplay" "$top_srcdir" <<'PYTHON'
import glob
import json
import os
import subprocess
import sys

program, top = sys.argv[1:]
done = failed = 0

# our key: path in the expected object
KEYS = {
    "hits": ["hits"],
    "misses": ["misses"],
    "larger_hits": ["larger_hits"],
    "slack_bytes": ["slack_bytes"],
    "hit_bytes": ["hit_bytes"],
    "rejected_frees": ["rejected_frees"],
    "rejected_bytes": ["rejected_bytes"],
    "evictions_by_limit": ["evicted_blocks"],
    "evicted_bytes_by_limit": ["evicted_bytes"],
    "cleared_blocks": ["cleared_blocks"],
    "cleared_bytes": ["cleared_bytes"],
    "peak_cached_bytes": ["peak_cached"],
    "peak_total_bytes": ["peak_active_plus_cached"],
    "active_bytes": ["final", "active"],
    "cached_bytes": ["final", "cached"],
    "peak_since_reset_bytes": ["final", "peak"],
    "cached_blocks": ["final", "cached_blocks"],
}


def check(name, got, want):
    global done, failed
    wrong = {key: (got.get(key), want[key]) for key in want if got.get(key) != want[key]}
    done += 1
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {done} - {name}")
    for key, (ours, theirs) in wrong.items():
        print(f"# {key}: {ours}, expected {theirs}")


def run(*words):
    out = subprocess.run([program, *words, "--format=json"], capture_output=True)
    if out.returncode:
        print("#", out.stderr.decode().strip())
        return {"exit": out.returncode}
    return json.loads(out.stdout)


def simulated(trace, *options):
    result = run("simulate", *options, trace).get("result", {})
    return {**result, **result.get("limit_enforcement", {})}


def wanted(expected, totals):
    want = dict(totals)
    for key, path in KEYS.items():
        value = expected
        for part in path:
            value = value[part]
        want[key] = value
    want["evicted_blocks"] = expected["evicted_blocks"] + expected["cleared_blocks"]
    want["evicted_bytes"] = expected["evicted_bytes"] + expected["cleared_bytes"]
    want["requested_bytes"] = expected["hit_bytes"] + expected["miss_bytes"]
    return want


def check_trace(trace, expected):
    totals = {key: expected[key] for key in ("events", "mallocs", "frees")}
    totals["live_blocks"] = expected["live_at_end"]
    check(f"simulate {trace}", simulated(trace), wanted(expected["as_recorded"], totals))
    for limit, result in expected["what_if_cache_limit"].items():
        check(
            f"simulate {trace} at {limit}",
            simulated(trace, "--cache-limit=" + limit),
            wanted(result, totals),
        )
    check(
        f"verify {trace}",
        run("verify", trace).get("result", {}),
        {
            "caps_checked": expected["caps_checked"],
            "hits_checked": expected["mallocs"],
            "counters_checked": expected["counters_checked"],
            "cap_differences": 0,
            "hit_differences": 0,
            "counters_differences": 0,
        },
    )
    info = run("info", trace)
    check(
        f"info {trace}",
        {**info.get("events", {}), **info.get("blocks", {}),
         "threads": len(info.get("threads", []))},
        {
            "mallocs": expected["mallocs"],
            "frees": expected["frees"],
            "marks": expected["marks"],
            "counters": expected["counters"],
            "distinct_sizes": expected["distinct_sizes"],
            "live_blocks": expected["live_at_end"],
            "threads": expected["threads"],
        },
    )


folders = [("traces", ".mrt.gz"), ("../shared/traces", ".jsonl.gz")]
if os.environ.get("SANITIZE_CFLAGS"):
    del folders[1:]  # minutes there, through the same code
for folder, suffix in folders:
    for path in sorted(glob.glob(os.path.join(top, folder, "*.expected.json"))):
        trace = path.replace(".expected.json", suffix)
        if os.path.exists(trace):
            with open(path) as file:
                check_trace(trace, json.load(file))
if not done:
    print("Bail out! there is no trace to check")
    sys.exit(1)
print(f"1..{done}")
sys.exit(failed > 0)
PYTHON
