#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the profiles of PyTorch in tests/corpus, good and bad.

The layout is that of PyTorch's profiler (Kineto), in small. The same files come
out every time: run it from the top of the source tree after changing it.
"""

import gzip
import json

FOLDER = "tests/corpus/"
TS = 1669783687464300


def memory(ts, nbytes, addr=None, total=None, device=(0, -1), **more):
    args = {"Device Type": device[0], "Device Id": device[1], "Bytes": nbytes}
    if addr is not None:
        args = {"Ev Idx": ts, **args, "Addr": addr}
    if total is not None:
        args["Total Allocated"] = total
        args["Total Reserved"] = 0
    return {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]",
            "pid": 7, "tid": 7, "ts": ts, "args": args, **more}


def other(ts, name="aten::empty"):
    return {"ph": "X", "cat": "cpu_op", "name": name, "pid": 7, "tid": 7, "ts": ts,
            "dur": 3, "args": {"Call stack": "a [memory] {}]"}}


def profile(events, **more):
    return {"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "V100"}],
            **more, "traceEvents": events, "traceName": "t.json"}


def put(name, data, **how):
    text = data if isinstance(data, str) else json.dumps(data, **how)
    with open(FOLDER + name, "w", encoding="utf-8") as file:
        file.write(text)


# out of order in the file; two events at one time stay in the file's order
EVENTS = [
    other(TS), memory(TS + 5, 512, 0x1000, 1536), other(TS + 1),
    memory(TS + 1, 1024, 0x2000, 1024), memory(TS + 9, -1024, 0x2000, 512),
    memory(TS + 9, 1024, 0x2000, 1536, tid="GPU 0"),
    {**memory(TS + 10, 4096, total=1536), "name": "[OutOfMemory]"},
    memory(TS + 12, -1024, 0x2000, 512)]
# a block older than the profile, 100 more bytes of which nothing is known
OLDER = [memory(TS, 8, 0x10, 408), memory(TS + 1, -300, 0x20, 108),
         memory(TS + 2, 0, 0, 108), memory(TS + 3, -8, 0x10, 100)]
# no addresses and totals, as in 2021; one free without a malloc
PAIRED = [memory(TS, 64), memory(TS + 1, 64), memory(TS + 2, -64),
          memory(TS + 3, 8), memory(TS + 4, -64), memory(TS + 5, -16)]
CUDA = [memory(TS + i, 512 * (1 - i % 2 * 2), 0x1000, device=(1, 1))
        for i in range(2)]


def good():
    put("good-kineto.json", profile(EVENTS), indent=1)
    put("good-kineto-list.json", EVENTS)
    put("good-kineto-older.json", profile(OLDER))
    put("good-kineto-no-addr.json", profile(PAIRED))
    put("good-kineto-cuda.json", profile(CUDA))
    # times with a fraction, relative to a base; a device that no one knows
    put("good-kineto-fraction.json", profile(
        [memory("@1", 8, 1, device=(77, 3)), memory("@2", -8, 1, device=(77, 3))],
        baseTimeNanoseconds=1).__str__().replace("'@1'", "12.5").replace(
            "'@2'", "-3.001").replace("'", '"'))
    put("good-kineto-breaks.json", profile(
        [memory(TS, 8, 1, 8), memory(TS + 1, 8, 1, 16), memory(TS + 2, 8, 2, 99),
         memory(TS + 3, -9, 2, 90)]))


def bad():
    two = EVENTS + CUDA
    put("bad-kineto-devices.json", profile(two))
    text = json.dumps([memory(TS + i, 8, i, device=(1, i)) for i in range(257)])
    with open(FOLDER + "bad-kineto-many-devices.json.gz", "wb") as file:
        file.write(gzip.compress(text.encode(), 9, mtime=0))
    put("bad-kineto-no-memory.json", profile([other(TS)]))
    put("bad-kineto-cut.json", json.dumps(profile(EVENTS), indent=1)[:-900])
    put("bad-kineto-cut-end.json", json.dumps(profile(EVENTS), indent=1)[:-2])
    put("bad-kineto-cut-list.json", json.dumps(EVENTS)[:-1])
    put("bad-kineto-no-list.json", {"schemaVersion": 1, "traceName": "x"})
    put("bad-kineto-trailing.json", json.dumps(profile(EVENTS)) + "{}")
    put("bad-kineto-trailing-list.json", json.dumps(EVENTS) + "[]")
    put("bad-kineto-element.json", profile([other(TS), 5]))
    put("bad-kineto-comma.json", json.dumps(profile(EVENTS)).replace(
        "}}, {", "}} {", 1))
    for name, change in (
            ("bytes-fraction", ('"Bytes": 512', '"Bytes": 512.5')),
            ("bytes-huge", ('"Bytes": 512', '"Bytes": 99999999999999999999')),
            ("bytes-least", ('"Bytes": -1024', '"Bytes": -9223372036854775808')),
            ("bytes-missing", ('"Bytes": 512, ', '')),
            ("no-device", ('"Device Type": 0, ', '')),
            ("no-time", ('"ts": %d' % (TS + 5), '"t": 1')),
            ("time-text", ('"ts": %d' % (TS + 5), '"ts": "now"')),
            ("time-huge", ('"ts": %d' % (TS + 5), '"ts": 1e30')),
            ("time-exponent", ('"ts": %d' % (TS + 5), '"ts": 12.5e1')),
            ("time-no-digit", ('"ts": %d' % (TS + 5), '"ts": -.5')),
            ("time-large", ('"ts": %d' % (TS + 5), '"ts": 9000000000000000000')),
            ("args-text", ('"args": {"Ev Idx"', '"args": "Ev Idx", "a": {"b"')),
            ("not-json", ('"s": "t", "name": "[memory]"', '"s", "name": "[memory]"'))):
        text = json.dumps(profile(EVENTS))
        assert change[0] in text, name
        put("bad-kineto-%s.json" % name, text.replace(*change, 1))


good()
bad()
