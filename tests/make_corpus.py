#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes those files of tests/corpus that cannot be written by hand.

It knows the binary format from memreplay-trace(5) alone and shares no code
with memreplay, so that the two check each other. The same files come out
every time: run it from the top of the source tree after changing it.
"""

import gzip
import os
import struct
import zlib

FOLDER = "tests/corpus/"
HEADER = b'{"format":"alloc-trace","version":1,"source":"test"}'
OPS = ["malloc", "free", "set_cache_limit", "set_memory_limit", "clear_cache",
       "reset_peak_memory", "mark", "counters"]
HAS = ["t", "tid", "cap", "hit", "align", "stream", "device"]
HIT, NEXT_ID, SAME_CAP = 1, 2, 4


def varint(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def signed(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def part(tag, first, second, payload):
    head = tag + struct.pack("<II", first, second)
    return head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload


def columns(events, next_id=0):
    """The shapes, their numbers and the four columns of a block."""
    shapes, numbers = [], bytearray()
    times, ids, sizes, rest = (bytearray() for _ in range(4))
    ids += varint(next_id)
    last_t = 0
    for e in events:
        op = e["op"]
        bits = HIT * bool(e.get("hit"))
        bits |= NEXT_ID * (op == "malloc" and e["id"] == next_id)
        bits |= SAME_CAP * ("cap" in e and e["cap"] == e["size"])
        has = sum(1 << i for i, key in enumerate(HAS) if key in e)
        shape = bytes([OPS.index(op), has, bits])
        if "tid" in e:
            shape += varint(e["tid"])
        if shape not in shapes:
            shapes.append(shape)
        numbers.append(shapes.index(shape))
        if "t" in e:
            times += varint(e["t"] - last_t)
            last_t = e["t"]
        if op == "malloc":
            if not bits & NEXT_ID:
                ids += varint(e["id"] - next_id)
            next_id = e["id"] + 1
            sizes += varint(e["size"])
            if "cap" in e and not bits & SAME_CAP:
                rest += signed(e["cap"] - e["size"])
            for key, write in ("align", varint), ("stream", varint), ("device", signed):
                if key in e:
                    rest += write(e[key])
        elif op == "free":
            ids += varint(next_id - 1 - e["id"])
        elif op == "mark":
            name = e["name"].encode()
            rest += varint(len(name)) + name + b"\0"
        elif op == "counters":
            for key in "active", "cached", "peak":
                rest += varint(e[key])
        elif "bytes" in e:
            rest += varint(e["bytes"])
    return shapes, bytes(numbers), [bytes(c) for c in (times, ids, sizes, rest)]


def payload(shapes, numbers, cols):
    return (varint(len(shapes)) + b"".join(shapes) + numbers +
            b"".join(varint(len(c)) + c for c in cols))


def block(events, next_id=0):
    return part(b"EVTS", *sized(payload(*columns(events, next_id)), len(events)))


def sized(data, count):
    return len(data), count, data


def end(count):
    text = b'{"events":%d}' % count
    return part(b"ENDS", len(text), 0, text)


def header(text=HEADER, version=1):
    return part(b"MRT\x1a", version, len(text), text)


def pack(*parts):
    return b"".join(gzip.compress(p, 9, mtime=0) for p in parts)


def put(name, data):
    with open(FOLDER + name, "wb") as f:
        f.write(data)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


MALLOC = {"op": "malloc", "id": 1, "size": 8}
FREE = {"op": "free", "id": 1}
ALL = [
    {"op": "mark", "name": "start", "t": 0, "tid": 0},
    {"op": "malloc", "id": 1, "size": 100, "cap": 128, "hit": 1, "t": 5, "tid": 1,
     "align": 64, "stream": 3, "device": -1},
    {"op": "malloc", "id": 2, "size": 0, "cap": 0, "hit": 0, "t": 5},
    {"op": "free", "id": 1, "t": 6, "tid": 2},
    {"op": "set_cache_limit", "bytes": 1048576, "t": 7, "tid": 0},
    {"op": "set_memory_limit", "bytes": 2 ** 64 - 1},
    {"op": "clear_cache", "tid": 1},
    {"op": "reset_peak_memory", "t": 8},
    {"op": "counters", "active": 0, "cached": 128, "peak": 128, "t": 9, "tid": 0},
    {"op": "free", "id": 2},
]
TEXT = b"\n".join([HEADER, b'{"op":"malloc","id":1,"size":8}',
                   b'{"op":"free","id":1}', b""])
DOCUMENT = HEADER[:-1] + b',"events":[{"op":"clear_cache"}]}'
TWO = [header(), block([MALLOC]), block([FREE], 2), end(2)]


def good():
    put("good-plain.mrt", header() + block(ALL) + end(len(ALL)))
    put("good-gzipped.mrt.gz", pack(header(), block(ALL), end(len(ALL))))
    put("good-one-member.mrt.gz", pack(b"".join(TWO)))
    put("good-two-blocks.mrt.gz", pack(*TWO))
    put("good-ids-from-zero.mrt", header() + block(
        [{"op": "malloc", "id": 0, "size": 8}, {"op": "free", "id": 0}]) + end(2))
    put("good-cut-block.mrt", b"".join(TWO)[:-40])
    put("good-cut-block.mrt.gz", pack(*TWO[:2]) + pack(TWO[2])[:-12])
    put("good-cut-between.mrt.gz", pack(*TWO[:3]))
    put("good-cut-gzip-header.mrt.gz", pack(*TWO[:3]) + b"\x1f\x8b\x08")
    put("good-two-members.jsonl.gz", pack(TEXT[:60], TEXT[60:]))
    put("good-empty-member.jsonl.gz", pack(TEXT[:60], b"", TEXT[60:]))


def gzip_cut(data):
    """gzip data that go on behind these bytes, and are cut there."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def bad_gzip():
    gz = gzip.compress(TEXT, 9, mtime=0)
    put("bad-gzip-empty.jsonl.gz", gzip.compress(b"", 9, mtime=0))
    put("bad-gzip-magic-only.jsonl.gz", gz[:2])
    put("bad-gzip-cut.jsonl.gz", gz[:-20])
    put("bad-gzip-cut-trailer.jsonl.gz", gz[:-3])
    put("bad-gzip-crc.jsonl.gz", flip(gz, len(gz) - 8))
    put("bad-gzip-length.jsonl.gz", flip(gz, len(gz) - 4))
    put("good-gzip-padded.jsonl.gz", gz + bytes(512))
    put("bad-gzip-padded-garbage.jsonl.gz", gz + bytes(512) + b"g")
    put("bad-gzip-padded-member.jsonl.gz", gz + bytes(512) + gz)
    put("bad-gzip-garbage.jsonl.gz", gz + b"garbage")
    put("bad-gzip-garbage-byte.jsonl.gz", gz + b"g")
    put("bad-gzip-garbage-1f.jsonl.gz", gz + b"\x1f\x00garbage")
    put("bad-gzip-method.jsonl.gz", gz[:2] + b"\x07" + gz[3:])
    put("bad-gzip-cut-two.jsonl.gz", gzip_cut(b"{ "))
    put("bad-document-cut-gzip.json.gz", gzip_cut(DOCUMENT[:-2]))
    put("bad-document-cut-gzip-end.json.gz", gzip_cut(DOCUMENT[:-1]))


def bad_block(name, shapes, numbers, cols, count=None):
    data = payload(shapes, numbers, cols)
    n = len(numbers) if count is None else count
    put(name, header() + part(b"EVTS", len(data), n, data) + end(n))


def bad_mrt():
    whole = header() + block([MALLOC, FREE]) + end(2)
    at = len(header())
    put("bad-mrt-version-2.mrt", header(version=2) + whole[at:])
    put("bad-mrt-version-0.mrt", header(version=0) + whole[at:])
    put("bad-mrt-magic-only.mrt", whole[:4])
    put("bad-mrt-cut-header.mrt", whole[:40])
    put("bad-mrt-cut-header.mrt.gz", pack(whole)[:40])
    put("bad-mrt-header-crc.mrt", flip(whole, 20))
    put("bad-mrt-header-long.mrt", whole[:8] + b"\xff\xff\xff\x7f" + whole[12:])
    put("bad-mrt-header-not-json.mrt", header(b"hello") + whole[at:])
    put("bad-mrt-header-other.mrt", header(b'{"format":"x","version":1}') + whole[at:])
    put("bad-mrt-no-blocks.mrt", header() + end(0))
    put("bad-mrt-cut-first-block.mrt", whole[:at + 20])
    put("bad-mrt-block-crc.mrt", flip(whole, at + 18))
    put("bad-mrt-block-tag.mrt", whole[:at] + b"XXXX" + whole[at + 4:])
    put("bad-mrt-block-long.mrt", whole[:at + 4] + b"\xff\xff\xff\xff" + whole[at + 8:])
    put("bad-mrt-end-count.mrt", header() + block([MALLOC, FREE]) + end(3))
    put("bad-mrt-end-not-json.mrt", whole[:-len(end(2))] + part(b"ENDS", 2, 0, b"{]"))
    put("bad-mrt-end-trailing.mrt", whole + b"more")
    put("bad-mrt-gzip-garbage.mrt.gz", pack(whole) + b"more")
    put("bad-mrt-gzip-crc.mrt.gz", flip(pack(whole), len(pack(whole)) - 8))
    shapes, numbers, cols = columns([MALLOC, FREE])
    times, ids, sizes, rest = cols
    bad_block("bad-mrt-shape-number.mrt", shapes, b"\0\7", cols)
    bad_block("bad-mrt-shape-op.mrt", [b"\x08\0\0", shapes[1]], numbers, cols)
    bad_block("bad-mrt-shape-has.mrt", [shapes[0], b"\1\4\0"], numbers, cols)
    bad_block("bad-mrt-shape-bits.mrt", [b"\0\0\x80", shapes[1]], numbers, cols)
    bad_block("bad-mrt-column-short.mrt", shapes, numbers, [times, ids, b"", rest])
    far = columns([dict(MALLOC, id=5)])
    bad_block("bad-mrt-ids-short.mrt", far[0], far[1], [times, b"\0", *far[2][2:]])
    bad_block("bad-mrt-column-left.mrt", shapes, numbers,
              [times, ids, sizes + b"\1", rest])
    bad_block("bad-mrt-varint-long.mrt", shapes, numbers,
              [times, ids, b"\xff" * 10 + b"\1", rest])
    bad_block("bad-mrt-count.mrt", shapes, numbers, cols, count=1000)
    mark = columns([{"op": "mark", "name": "abc"}])
    bad_block("bad-mrt-name-no-nul.mrt", mark[0], mark[1], mark[2][:3] + [b"\3abcd"])
    bad_block("bad-mrt-name-long.mrt", mark[0], mark[1], mark[2][:3] + [b"\x7fabc\0"])
    put("bad-mrt-free-twice.mrt", header() + block([MALLOC, FREE, FREE]) + end(3))
    put("bad-mrt-free-unknown.mrt", header() + block([MALLOC]) +
        block([{"op": "free", "id": 0}], 2) + end(2))
    put("bad-mrt-id-again.mrt", header() + block([MALLOC]) + block([MALLOC]) + end(2))
    put("bad-mrt-size-huge.mrt", header() + block(
        [{"op": "malloc", "id": 1, "size": 2 ** 63}]) + end(1))
    put("bad-mrt-cap-huge.mrt", header() + block(
        [{"op": "malloc", "id": 1, "size": 8, "cap": 2 ** 63}]) + end(1))
    put("bad-mrt-id-huge.mrt", header() + block(
        [{"op": "malloc", "id": 2 ** 63, "size": 8}]) + end(1))
    put("bad-mrt-time-back.mrt", header() + block([dict(MALLOC, t=9)]) +
        block([dict(FREE, t=8)], 2) + end(2))


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    good()
    bad_gzip()
    bad_mrt()
