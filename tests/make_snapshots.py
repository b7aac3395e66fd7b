#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the memory snapshots of PyTorch in tests/corpus, good and bad.

The good ones are what PyTorch writes, in small; the layout is that of its own
snapshots, from the oldest to the newest. Most bad ones are pickles that no
snapshot is, put together opcode by opcode. The same files come out every time:
run it from the top of the source tree after changing it.
"""

import pickle
import struct

FOLDER = "tests/corpus/"
BASE = 0x7F5D88000000
MIB = 1 << 20


def put(name, data):
    with open(FOLDER + name, "wb") as file:
        file.write(data)


FRAMES = [{"name": "forward", "filename": "model.py", "line": 12},
          {"name": "main", "filename": "train.py", "line": 3}]


def event(action, addr, size, time_us=None, stream=0, frames=FRAMES, **more):
    e = {"action": action, "addr": addr, "size": size, "stream": stream}
    if action == "oom":
        e["device_free"] = e.pop("addr")
    if time_us is not None:
        e["time_us"] = time_us
    e["frames"] = frames
    e.update(more)
    return e


def block(address, size, requested, state="active_allocated", frames=FRAMES):
    return {"address": address, "size": size, "requested_size": requested,
            "state": state, "frames": frames}


def segment(address, total, blocks, device=0, stream=0, kind="large"):
    active = [b for b in blocks if b["state"].startswith("active")]
    return {"device": device, "address": address, "total_size": total,
            "allocated_size": sum(b["size"] for b in active),
            "active_size": sum(b["size"] for b in active),
            "requested_size": sum(b["requested_size"] for b in active),
            "stream": stream, "segment_type": kind, "segment_pool_id": (0, 0),
            "is_expandable": False, "frames": FRAMES, "blocks": blocks}


SETTINGS = {"PYTORCH_CUDA_ALLOC_CONF": "", "max_split_size": -1,
            "garbage_collection_threshold": 0.5, "expandable_segments": False,
            "roundup_power2_divisions": {"1": 0, "2": 4}}

# One block is older than the trace and freed in it, one older and live at the
# end, one born in it and live at the end.
SEGMENTS = [segment(BASE, 2 * MIB, [
    block(BASE, 512, 100), block(BASE + 512, 1024, 1000),
    block(BASE + 1536, 2 * MIB - 1536, 0, "inactive")], kind="small"),
    segment(BASE + 2 * MIB, 20 * MIB, [
        block(BASE + 2 * MIB, 20 * MIB, 0, "inactive")])]
EVENTS = [
    event("segment_alloc", BASE + 2 * MIB, 20 * MIB, 1000),
    event("alloc", BASE + 2 * MIB, 5 * MIB, 1001),
    event("free_requested", BASE + 512, 700, 1003),
    event("free_completed", BASE + 512, 700, 1003),
    event("alloc", BASE + 512, 1000, 1004),
    event("oom", 123456, 80 << 30, 1005),
    event("free_requested", BASE + 2 * MIB, 5 * MIB, 1006),
    event("free_completed", BASE + 2 * MIB, 5 * MIB, 1009)]
NOTES = [{"stage": "START", "name": "step#AdamW.step", "device": 0, "time_us": 1002},
         {"stage": "END", "name": "step#AdamW.step", "device": 0, "time_us": 1008},
         {"stage": "END", "name": "elsewhere", "device": 1, "time_us": 1001}]
WHOLE = {"segments": SEGMENTS, "device_traces": [EVENTS],
         "allocator_settings": SETTINGS, "external_annotations": NOTES}


def without(key, things):
    return [{k: v for k, v in thing.items() if k != key} for thing in things]


def good():
    for protocol in 2, 3, 4, 5:
        put("good-snapshot-protocol-%d.pickle" % protocol,
            pickle.dumps(WHOLE, protocol))
    put("good-snapshot-traces-first.pickle", pickle.dumps(
        {"device_traces": [[], EVENTS[:5], []],
         "segments": [dict(s, device=1) for s in SEGMENTS]}, 4))
    put("good-snapshot-no-time.pickle", pickle.dumps(
        {"segments": SEGMENTS, "device_traces": [without("time_us", EVENTS)]}, 4))
    # the last free waits for a stream
    put("good-snapshot-pending.pickle", pickle.dumps(
        {"segments": [SEGMENTS[0], segment(BASE + 2 * MIB, 20 * MIB, [
            block(BASE + 2 * MIB, 20 * MIB, 5 * MIB, "active_pending_free")])],
         "device_traces": [EVENTS[:-1]]}, 4))
    # streams and addresses of over 32 and 63 bits
    high = (1 << 64) - (1 << 40)
    put("good-snapshot-wide.pickle", pickle.dumps(
        {"segments": [segment(high, 2 * MIB, [block(high, 512, 7)], stream=1 << 45)],
         "device_traces": [[event("alloc", high + 512, 9, 5, stream=0),
                            event("free_completed", high + 512, 9, 6, stream=0)]]}, 4))
    # 2022: no addresses of blocks, the requested size only in their history
    old = [{"size": 512, "state": "active_allocated",
            "history": [{"addr": BASE, "real_size": 100, "frames": []}]},
           {"size": 1024, "state": "inactive"},
           {"size": 2048, "state": "active_allocated",
            "history": [{"addr": BASE + 1536, "real_size": 2000, "frames": []}]}]
    put("good-snapshot-2022.pickle", pickle.dumps(
        {"segments": [{"device": 0, "address": BASE, "total_size": 2 * MIB,
                       "allocated_size": 2560, "active_size": 2560, "stream": 0,
                       "segment_type": "small", "blocks": old}],
         "device_traces": [without("frames", [
             event("alloc", BASE + 1536, 2000),
             event("free", BASE + 8192, 30),
             event("snapshot", 0, 0)])]}, 4))
    # as a ring buffer and a wrong snapshot leave it: a block too many, another size
    put("good-snapshot-differs.pickle", pickle.dumps(
        {"segments": SEGMENTS, "device_traces": [[
            event("alloc", BASE + 512, 999, 1), event("alloc", BASE + 8192, 5, 2)]],
         "allocator_settings": dict(SETTINGS, trace_alloc_overflowed=True)}, 4))
    put("good-snapshot-time-back.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[
            event("alloc", BASE, 1, 9), event("free_completed", BASE, 1, 8)]]}, 4))
    put("good-snapshot-more-keys.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[
            event("alloc", BASE, 10, 1, user_metadata="", compile_context="N/A",
                  forward_frames=["a", "b"], pool_id=(0, 0)),
            event("workspace_snapshot", BASE, 10, 2),
            event("free_completed", BASE, 10, 3)]]}, 4))


def odd():
    """Values that mean nothing, another device's segment, and a note before all."""
    frames = [{"name": "f", "filename": "a.py", "line": None}]
    deep = 1
    for _ in range(8):
        deep = [deep]
    blocks = [dict(block(BASE, 512, 512, frames=[]), history=5),
              dict(block(BASE + 512, 1024, 1024, frames=[]), history=frames[0])]
    for one in blocks:
        del one["requested_size"]
    blocks.append(block(BASE + 1536, 2 * MIB - 1536, 0, "inactive", frames=[]))
    first = segment(BASE, 2 * MIB, [], kind="small")
    first.update(blocks=blocks, segment_pool_id=frames[0])
    put("good-snapshot-odd.pickle", pickle.dumps(
        {"segments": [first, dict(SEGMENTS[1], device=1)],
         "device_traces": [[event("alloc", BASE, 0, 10, frames=frames),
                            event("alloc", BASE + 512, 1024, 12)]],
         "allocator_settings": {
             "PYTORCH_CUDA_ALLOC_CONF": None, "max_split_size": 64 * MIB,
             "garbage_collection_threshold": 0, "expandable_segments": False,
             "deep": deep, "frame": frames[0]},
         "external_annotations": [dict(NOTES[0], time_us=5)]}, 4))


def memoized_twice():
    """Two segments that are one, by the memo."""
    one = segment(BASE, 2 * MIB, [block(BASE, 512, 100)])
    return pickle.dumps({"segments": [one, one], "device_traces": [EVENTS]}, 4)


def bad_snapshots():
    put("bad-snapshot-devices.pickle", pickle.dumps(
        {"segments": [], "device_traces": [EVENTS[:2], [], EVENTS[2:]]}, 4))
    put("bad-snapshot-no-events.pickle", pickle.dumps(
        {"segments": SEGMENTS, "device_traces": [[], []]}, 4))
    put("bad-snapshot-no-devices.pickle", pickle.dumps(
        {"segments": SEGMENTS, "device_traces": []}, 4))
    put("bad-snapshot-segments.pickle", pickle.dumps(SEGMENTS, 4))
    put("bad-snapshot-other.pickle", pickle.dumps({"epoch": 3, "loss": 0.5}, 4))
    put("bad-snapshot-number.pickle", pickle.dumps(5, 4))
    put("bad-snapshot-twice.pickle", memoized_twice())
    put("bad-snapshot-event-twice.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[EVENTS[1], EVENTS[1]]]}, 4))
    put("bad-snapshot-state.pickle", pickle.dumps(
        {"segments": [segment(BASE, 512, [block(BASE, 512, 1, "lost")])]}, 4))
    put("bad-snapshot-size.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[event("alloc", BASE, -1)]]}, 4))
    put("bad-snapshot-size-text.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[event("alloc", BASE, "1")]]}, 4))
    put("bad-snapshot-no-addr.pickle", pickle.dumps(
        {"segments": [], "device_traces": [without("addr", [EVENTS[1]])]}, 4))
    put("bad-snapshot-traces-dict.pickle", pickle.dumps(
        {"segments": [], "device_traces": [{"a": 1}]}, 4))
    put("bad-snapshot-not-an-event.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[{"what": 1}]]}, 4))
    one = block(BASE, 512, 100)
    put("bad-snapshot-block-twice.pickle", pickle.dumps(
        {"segments": [segment(BASE, 2 * MIB, [one]),
                      segment(BASE + 2 * MIB, 2 * MIB, [one])]}, 4))
    put("bad-snapshot-device.pickle", pickle.dumps(
        {"segments": [segment(BASE, 2 * MIB, [], device=1 << 31)]}, 4))
    put("bad-snapshot-pool.pickle", pickle.dumps(
        {"segments": [dict(segment(BASE, 2 * MIB, []), segment_pool_id=(0, "1"))]}, 4))
    del one["requested_size"]
    one["history"] = [{"real_size": -1}]
    put("bad-snapshot-real-size.pickle", pickle.dumps(
        {"segments": [dict(segment(BASE, 2 * MIB, []), blocks=[one])]}, 4))
    put("bad-snapshot-huge.pickle", pickle.dumps(
        {"segments": [], "device_traces": [[event("alloc", BASE, 1 << 63)]]}, 4))


class Evil:
    def __reduce__(self):
        return print, ("this ran",)


def bad_pickles():
    start = b"\x80\x04"
    refused = {
        "global": b"cos\nsystem\n.", "stack-global": b"\x8c\x02os\x8c\x06system\x93.",
        "reduce": b"N)R.", "build": b"}}b.", "inst": b"(ios\nsystem\n.",
        "obj": b"(No.", "newobj": b"N)\x81.", "newobj-ex": b"N)}\x92.",
        "ext1": b"\x82\x01.", "ext2": b"\x83\x01\0.", "ext4": b"\x84\x01\0\0\0.",
        "persid": b"Pname\n.", "binpersid": b"NQ.", "dup": b"]2.", "pop": b"N0.",
        "unknown": b"\xff."}
    for name, code in refused.items():
        # REDUCE and the like come behind an EMPTY_TUPLE, refused before them
        put("bad-pickle-%s.pickle" % name, start + code.replace(b")", b"]"))
    put("bad-pickle-evil.pickle", pickle.dumps({"segments": [Evil()]}, 4))
    put("bad-pickle-protocol-6.pickle", b"\x80\x04\x80\x06N.")
    put("bad-pickle-marks.pickle", start + b"(" * 300)
    put("bad-pickle-text-long.pickle", start + b"X\xff\xff\xff\x7fabc")
    put("bad-pickle-bytes-long.pickle", start + b"B\xff\xff\xff\xffabc")
    put("bad-pickle-frame-long.pickle", start + b"\x95" + b"\xff" * 8 + b"]")
    put("bad-pickle-memo-put.pickle", start + b"]r\xff\xff\xff\x7f.")
    put("bad-pickle-memo-get.pickle", start + b"j\x05\0\0\0.")
    put("bad-pickle-memo-nothing.pickle", start + b"\x94.")
    put("bad-pickle-number.pickle", start + b"\x8a\x0a" + b"\1" * 10 + b".")
    put("bad-pickle-number-65.pickle", start + b"\x8a\x09" + b"\0" * 8 + b"\1.")
    put("bad-pickle-long4.pickle", start + b"\x8b\xff\xff\xff\x7f\1.")
    put("bad-pickle-stack.pickle", start + b"]a.")
    put("bad-pickle-no-mark.pickle", start + b"]Ne.")
    put("bad-pickle-below-mark.pickle", start + b"](a.")
    put("bad-pickle-empty-marks.pickle", start + b"((u.")
    put("bad-pickle-odd.pickle", start + b"}(Nu.")
    put("bad-pickle-not-a-list.pickle", start + b"NNa.")
    put("bad-pickle-not-a-dict.pickle", start + b"]NNs.")
    put("bad-pickle-stop.pickle", start + b"NN.")
    put("bad-pickle-stop-mark.pickle", start + b"N(.")
    put("bad-pickle-cut.pickle", pickle.dumps(WHOLE, 4)[:-40])
    put("bad-pickle-trailing.pickle", pickle.dumps(WHOLE, 4) + b"N.")
    # a list that holds itself
    put("bad-pickle-cycle.pickle", start + b"]\x94h\0a.")
    # ten lists deep, each of ten times the one below: 10^10 values for a walk
    put("bad-pickle-bomb.pickle", start + b"}\x8c\x08segments" + bomb(0) + b"s.")


def bomb(depth):
    inner = bomb(depth + 1) if depth < 10 else b"]\x94"
    again = b"h" + struct.pack("B", depth + 1)
    return b"]\x94(" + inner + again * 9 + b"e"


good()
odd()
bad_snapshots()
bad_pickles()
