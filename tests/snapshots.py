#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds what memreplay makes of a memory snapshot against the snapshot itself.

A second reading, slow and plain, by Python's own pickle: the events that must
come out, one by one, and at the end the live blocks, address for address and
size for size. Usage: snapshots.py SNAPSHOT TRACE.jsonl DEVICE completed|requested
"""

import json
import pickle
import sys


class Plain(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(module + "." + name)


def load(path):
    with open(path, "rb") as file:
        return Plain(file).load()


def blocks_of(data, device, states):
    """address -> requested size of the blocks in these states."""
    found = {}
    for segment in data["segments"]:
        if segment["device"] != device:
            continue
        at = segment["address"]
        for block in segment["blocks"]:
            at = block.get("address", at)
            size = block.get("requested_size")
            if size is None:
                size = block["size"]
                if isinstance(block.get("history"), list):
                    size = block["history"][0]["real_size"]
            if block["state"] in states:
                found[at] = size
            at += block["size"]
    return found


def main(snapshot, trace, device, when):
    data, device = load(snapshot), int(device)
    events = data["device_traces"][device]
    states = {"active_allocated"}
    if when == "completed":
        states |= {"active_pending_free", "active_awaiting_free"}
    active = blocks_of(data, device, states)
    frees = {"free_" + when, "free"}

    live, recorded, differences = dict(active), set(active), 0
    for e in reversed(events):
        if e["action"] == "alloc":
            size = live.pop(e["addr"], None)
            if size is None or e["addr"] in recorded and size != e["size"]:
                differences += 1
            recorded.discard(e["addr"])
        elif e["action"] in frees:
            differences += e["addr"] in live
            live[e["addr"]] = e["size"]
            recorded.discard(e["addr"])
    older = sorted(live.items())

    times = [e.get("time_us", 0) for e in events]
    notes = [n for n in data.get("external_annotations", [])
             if n["device"] == device]
    start = min(times[:1] + [n["time_us"] for n in notes[:1]]) if times[0] else 0
    expected = [("malloc", a, s, 0) for a, s in older]
    latest = start
    for e, t in zip(events, times):
        latest = max(latest, t)
        t = (latest - start) * 1000
        if e["action"] == "alloc":
            expected.append(("malloc", e["addr"], e["size"], t))
        elif e["action"] in frees:
            expected.append(("free", e["addr"], None, t))

    with open(trace) as file:
        header = json.loads(file.readline())
        lines = [json.loads(line) for line in file]
    at, got = {}, []
    ids = iter(expected)
    for line in lines:
        if line["op"] == "mark":
            continue
        want = next(ids)
        if line["op"] == "malloc":
            at[line["id"]] = (want[1], line["size"])
            got.append(("malloc", want[1], line["size"], line.get("t", 0)))
        else:
            got.append(("free", at.pop(line["id"])[0], None, line.get("t", 0)))
    assert got == expected, next(
        (i, g, w) for i, (g, w) in enumerate(zip(got, expected)) if g != w)
    marks = [line["name"].split()[0] for line in lines if line["op"] == "mark"]
    others = [e["action"] for e in events
              if e["action"] != "alloc" and not e["action"].startswith("free")]
    for action in others:
        if action == "workspace_snapshot":
            action = "other"
        assert action in marks, action
        marks.remove(action)
    assert header["source"] == "pytorch" and header["device"] == device

    imported = header["import"]
    assert imported.get("seeded_blocks", 0) == len(older)
    assert imported.get("seeded_bytes", 0) == sum(s for _, s in older)
    assert "unknown_frees" not in imported and "implied_frees" not in imported
    assert imported.get("end_differences", 0) == differences
    left = dict(at.values())
    assert differences or left == active, "the blocks at the end differ"
    freed = [line["id"] for line in lines if line["op"] == "free"]
    print("%d events, %d allocs, %d frees, %d of older blocks; %d older blocks, "
          "%d live at the end, %d differ" % (
              len(events), len(got) - len(freed) - len(older), len(freed),
              len([i for i in freed if i <= len(older)]), len(older), len(left),
              differences))


main(*sys.argv[1:])
