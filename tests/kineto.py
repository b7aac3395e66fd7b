#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds what memreplay makes of a profile of PyTorch against the profile.

A second reading, slow and plain: the events of a device that must come out, one
by one, and after each the bytes live, with those older than the profile, against
the total that was recorded. Usage: kineto.py PROFILE TRACE.jsonl TYPE ID
"""

import gzip
import json
import sys


def load(path):
    with (gzip.open if path.endswith(".gz") else open)(path) as file:
        data = json.load(file)
    return data if isinstance(data, list) else data["traceEvents"]


def main(profile, trace, kind, number):
    events = [e for e in load(profile) if e["name"] == "[memory]" and
              e["args"]["Device Type"] == int(kind) and
              e["args"]["Device Id"] == int(number) and e["args"]["Bytes"]]
    events.sort(key=lambda e: e["ts"])

    with open(trace) as file:
        header = json.loads(file.readline())["import"]
        lines = [json.loads(line) for line in file]
    marks = [line["name"] for line in lines if line["op"] == "mark"]
    lines = [line for line in lines if line["op"] != "mark"]
    older = lines[:header.get("seeded_blocks", 0)]
    lines = lines[len(older):]
    assert ("the trace begins" in marks) == bool(older)
    live = {line["id"]: line["size"] for line in older}
    assert sum(live.values()) == header.get("seeded_bytes", 0)
    now = header.get("older_bytes", 0) + sum(live.values())

    last, totals, paired, address = None, 0, 0, {}
    implied = header.get("implied_frees", 0)
    at = iter(lines)
    for e in events:
        args = e["args"]
        line = next(at)
        if line["op"] == "free" and args["Bytes"] > 0 and implied:
            implied -= 1
            now -= live.pop(line["id"])
            line = next(at)
        if args["Bytes"] > 0:
            assert (line["op"], line["size"]) == ("malloc", args["Bytes"]), (e, line)
            live[line["id"]] = line["size"]
            address[args.get("Addr")] = line["id"]
            now += line["size"]
        else:
            assert line["op"] == "free", (e, line)
            size = live.pop(line["id"])
            if not header.get("other_sizes"):
                assert size == -args["Bytes"], (e, line)
            if "Addr" in args:
                known = address.pop(args["Addr"], None)
                assert known in (None, line["id"]), (e, line)
            else:
                paired += line["id"] > len(older)
            now -= size
        if "Total Allocated" in args and "total_breaks" not in header:
            assert now == args["Total Allocated"], (e, now)
            totals += 1
        assert last is None or line["t"] >= last
        last = line["t"]
    assert next(at, None) is None and not implied
    assert paired == header.get("paired_frees", 0)
    assert header.get("rounded_sizes", False) == (int(kind) != 0)
    mallocs = len([e for e in events if e["args"]["Bytes"] > 0])
    print("%d mallocs, %d frees, %d totals, %d paired, %d older, %d live" % (
        mallocs, len(events) - mallocs, totals, paired, len(older), len(live)))


main(*sys.argv[1:])
