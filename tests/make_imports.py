#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the files of other programs' formats in tests/corpus, from their descriptions.

Each has one point, which tests/corpus/README.md tells. A good-NAME-events.jsonl
holds the events that good-NAME.* must come to.
"""

import gzip
import json
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "")


def put(name, *lines, end="\n", last=None):
    data = end.join(lines) + (end if last is None else last)
    with open(FOLDER + name, "wb") as f:
        f.write(gzip.compress(data.encode(), 9, mtime=0) if name.endswith(".gz")
                else data.encode())


def events(name, *rows):
    put(name, '{"format":"alloc-trace","version":1}',
        *(json.dumps(row, separators=(",", ":")) for row in rows))


def malloc(number, size, **rest):
    return dict({"op": "malloc", "id": number, "size": size}, **rest)


def free(number, **rest):
    return dict({"op": "free", "id": number}, **rest)


def rmm():
    header = "Thread,Time,Action,Pointer,Size,Stream"

    def row(time, *rest, thread=7):
        return ",".join([str(thread), time, *(str(part) for part in rest)])

    put("good-rmm-csv.csv", header,
        row("10:21:33.123456", "allocate", "0x7f5d88000000", 1024, 0),
        row("10:21:33.123457", "allocate", "0x7f5d88000400", 2048, "0x55d5c0a3b2f0"),
        row("10:21:33.5", "free", "0x7f5d88000000", 1024, 0, thread=8),
        row("10:21:33.600000", "allocate failure", "(nil)", 99999, "0x1"),
        row("10:21:34.000001", "allocate", "(nil)", 0, 0),
        row("10:21:34.000001", "free", "(nil)", 0, 0),
        row("10:21:34.000002", "free", "0x7f5d88000400", 2048, "0x55d5c0a3b2f0"))
    events("good-rmm-csv-events.jsonl",
           malloc(1, 1024, t=0, tid=7, stream=0),
           malloc(2, 2048, t=1000, tid=7, stream=1),
           free(1, t=376544000, tid=8),
           {"op": "mark", "name": "allocate failure: 99999 bytes", "t": 476544000,
            "tid": 7},
           free(2, t=876546000, tid=7))
    put("good-rmm-csv-midnight.csv", header,
        row("12:00:00.000000", "allocate", "0x10", 8, 0),
        row("23:59:59.999999", "allocate", "0x20", 8, 0),
        row("00:00:00.000000", "free", "0x10", 8, 0),
        row("00:00:01.000000", "free", "0x20", 8, 0))
    noon = 43200 * 10 ** 9  # ns from there to midnight
    events("good-rmm-csv-midnight-events.jsonl",
           malloc(1, 8, t=0, tid=7, stream=0),
           malloc(2, 8, t=noon - 1000, tid=7, stream=0),
           free(1, t=noon, tid=7), free(2, t=noon + 10 ** 9, tid=7))
    put("good-rmm-csv-late.csv", header,
        row("23:59:59.999998", "allocate", "0x10", 8, 0),
        row("00:00:00.000001", "allocate", "0x20", 8, 0, thread=8),
        row("23:59:59.999999", "free", "0x10", 8, 0),
        row("00:00:00.000004", "free", "0x20", 8, 0, thread=8))
    events("good-rmm-csv-late-events.jsonl",
           malloc(1, 8, t=0, tid=7, stream=0), malloc(2, 8, t=3000, tid=8, stream=0),
           free(1, t=3000, tid=7), free(2, t=6000, tid=8))
    put("good-rmm-csv-old.csv", header,
        row("10:21:33:000005", "allocate", "0x10", 8, 0),
        row("10:21:33:7", "free", "0x10", 8, 0))
    events("good-rmm-csv-old-events.jsonl",
           malloc(1, 8, t=0, tid=7, stream=0), free(1, t=2000, tid=7))
    put("good-rmm-csv-appended.csv", header,
        row("10:21:33.000001", "allocate", "0x10", 8, 0), header,
        row("10:21:33.000002", "allocate", "0x10", 9, 0),
        row("10:21:33.000003", "free", "0x10", 10, 0),
        row("10:21:33.000003", "free", "0x20", 10, 0), end="\r\n")
    one = row("10:21:33.1", "allocate", "0x10", 8, 0)
    put("bad-rmm-csv-action.csv", header, one, row("10:21:33.2", "resize", "0x10", 8, 0))
    put("bad-rmm-csv-column.csv", header, one, row("10:21:33.2", "free", "0x10", 8))
    put("bad-rmm-csv-extra.csv", header, one, row("10:21:33.2", "free", "0x10", 8, 0, 1))
    put("bad-rmm-csv-time.csv", header, row("24:00:00.0", "allocate", "0x10", 8, 0))
    put("bad-rmm-csv-size.csv", header,
        row("10:21:33.1", "allocate", "0x10", 2 ** 63, 0))
    put("bad-rmm-csv-negative.csv", header, row("10:21:33.1", "allocate", "0x10", -8, 0))
    put("bad-rmm-csv-thread.csv", header,
        row("10:21:33.1", "allocate", "0x10", 8, 0, thread=2 ** 32))
    put("bad-rmm-csv-pointer.csv", header, row("10:21:33.1", "allocate", "null", 8, 0))
    put("bad-rmm-csv-header-only.csv", header)
    put("good-rmm-csv-cut.csv", header, one, "7,10:21:33.2,fr", last="")
    put("bad-rmm-csv-cut.csv", header, one, "7,10:21:33.2,fr")


def mtrace():
    put("good-mtrace.mtrace", "= Start",
        "@ ./a:[0x11c0] + 0x5568fa9834a0 0x64",
        "@ ./my prog + x:(main+0x5)[0x11e8] < 0x5568fa9834a0",
        "@ ./my prog + x:(main+0x5)[0x11e8] > 0x5568fa983580 0xfa0",
        "@ [0x7f0011] + 0x5568fa983510 0",
        "@ ./a:[0x122c] ! 0x5568fa983580 0x7fffffffffff",
        "@ ./a:[0x122c] - 0x5568fa983510",
        "- 0x5568fa983580",
        "= End")
    events("good-mtrace-events.jsonl", malloc(1, 100), free(1), malloc(2, 4000),
           malloc(3, 0), free(3), free(2))
    put("good-mtrace-older.mtrace", "@ ./a:[0x122c] - 0x10", "@ ./a:[0x122c] + 0x10 0x5")
    put("bad-mtrace-op.mtrace", "= Start", "@ ./a:[0x1] + 0x10 0x5", "@ ./a:[0x1] * 0x10")
    put("bad-mtrace-no-size.mtrace", "= Start", "@ ./a:[0x1] + 0x10")
    put("bad-mtrace-no-pointer.mtrace", "= Start", "@ ./a:[0x1] - main")
    put("good-mtrace-cut.mtrace", "= Start", "@ ./a:[0x1] + 0x10 0x5", "@ ./a:[0x1] - 0x",
        last="")
    put("bad-mtrace-cut.mtrace", "= Start", "@ ./a:[0x1] -", last="")
    put("bad-mtrace-huge.mtrace", "= Start", "@ ./a:[0x1] + 0x10 0x8000000000000000")
    put("bad-mtrace-overflow.mtrace", "= Start", "@ ./a:[0x1] + 0x10 0x10000000000000000")
    put("bad-mtrace-nothing.mtrace", "= Start", "= End")


def logalloc():
    put("good-logalloc.log",
        "18545 18545 malloc(32)=0x7f90495120e0",
        "18545 18546 calloc(3,100)=0x7f9049537480",
        "18545 18545 realloc(0x7f90495120e0,64)=0x7f9049536680",
        "18545 18545 posix_memalign(256,240)=0x7f9049583300",
        "18545 18545 memalign(64, 10)=0x7f9049583900",
        "18545 18545 aligned_alloc(3,11)=0x7f9049583a00",
        "18545 18545 valloc(12)=0x7f9049584000",
        "18545 18545 malloc(99999999999)=(nil)",
        "18545 18545 realloc(0x7f9049584000,99999999999)=0x0",
        "18545 18545 free(0x7f9049536680)",
        "18545 18545 free(0x0)",
        "18545 18545 free()",
        "18545 18545 realloc(0x7f9049537480,0)=0x0",
        "18545 18545 jemalloc_stats()")
    t, u = {"tid": 18545}, {"tid": 18546}
    events("good-logalloc-events.jsonl", malloc(1, 32, **t), malloc(2, 300, **u),
           free(1, **t), malloc(3, 64, **t), malloc(4, 240, align=256, **t),
           malloc(5, 10, align=64, **t), malloc(6, 11, **t), malloc(7, 12, **t),
           free(3, **t), free(2, **t))
    put("good-logalloc-munged.log",
        "1 1 malloc(32)=#1", "1 2 malloc(33)=#2", "1 1 free(#1)", "1 1 malloc(34)=#1",
        "1 2 realloc(#1,35)=#3")
    events("good-logalloc-munged-events.jsonl", malloc(1, 32, tid=1), malloc(2, 33, tid=2),
           free(1, tid=1), malloc(3, 34, tid=1), free(3, tid=2), malloc(4, 35, tid=2))
    put("good-logalloc-two-fields.log", "13663 malloc(42)=0x10", "13663 free(0x10)")
    put("good-logalloc-processes.log", "5 5 malloc(42)=0x10", "6 6 malloc(43)=0x10",
        "6 6 free(0x10)", "5 5 free(0x10)")
    put("bad-logalloc-call.log", "5 5 malloc(42)=0x10", "5 5 frob(42)=0x10")
    put("bad-logalloc-arguments.log", "5 5 malloc(42)=0x10", "5 5 calloc(42)=0x20")
    put("bad-logalloc-bracket.log", "5 5 malloc(42)=0x10", "5 5 malloc(42=0x20")
    put("bad-logalloc-calloc.log", "5 5 calloc(4294967296,4294967296)=0x20")
    put("bad-logalloc-result.log", "5 5 malloc(42)=0x10", "5 5 malloc(42)=")
    put("bad-logalloc-size.log", "5 5 malloc(18446744073709551615)=0x20")
    put("bad-logalloc-thread.log", "5 4294967296 malloc(42)=0x10")
    put("bad-logalloc-nothing.log", "5 5 jemalloc_stats()", "5 5 malloc(1)=0x0")


def heaptrack():
    top = ["v 10400 3", "x 4 /a b", "X ./b 20", "I 1000 5e298f",
           "m 4 /a b 5555 0 10", "m 1 -", "t 7fc0be402b9f 0"]
    put("good-heaptrack-raw.txt.gz", *top, "+ 11c00 4 5555fbf88540", "c 0", "R 3b0",
        "+ 20 4 5555fbfa8db0", "c a", "- 5555fbf88540", "+ 0 5 5555fbf88540", "- 0",
        "S leak:x", "# strings: 1", "", "- 5555fbfa8db0")
    events("good-heaptrack-raw-events.jsonl", malloc(1, 0x11c00), malloc(2, 0x20, t=0),
           free(1, t=10000000), malloc(3, 0, t=10000000), free(2, t=10000000))
    put("good-heaptrack-attached.txt", *top, "A", "- 10", "+ 5 1 20")
    put("good-heaptrack-v0.txt", "v 10000", "+ 10 1 5555", "- 5555")
    interpreted = ["v 10400 3", "X ./b 20", "s 4 /a b", "i 7fc0 1 2", "t 1 0"]
    put("good-heaptrack.txt.gz", *interpreted, "a 10 1", "+ 0", "a 20 1", "+ 1", "+ 0",
        "- 0", "- 1", "+ 0", "- 0", "- 0", "- 0")
    events("good-heaptrack-events.jsonl", malloc(1, 16), malloc(2, 32), malloc(3, 16),
           free(3), free(2), malloc(4, 16), free(4), free(1))
    put("good-heaptrack-v1.txt", "v 10100 1", "s /a b", "a 8 1", "+ 0", "- 0")
    put("bad-heaptrack-format-4.txt", "v 20000 4", "+ 10 1 5555")
    put("bad-heaptrack-row.txt", *interpreted, "a 10 1", "+ 1")
    put("bad-heaptrack-free-row.txt", *interpreted, "a 10 1", "+ 0", "- 5555fbf88540")
    put("bad-heaptrack-no-table.txt", *interpreted, "+ 0")
    put("bad-heaptrack-two-numbers.txt", *top, "+ 10 1")
    put("bad-heaptrack-four-numbers.txt", *top, "+ 10 1 2 3")
    put("bad-heaptrack-not-hex.txt", *top, "+ 10 1 0x5555")
    put("bad-heaptrack-free.txt", *top, "+ 10 1 5555", "-")
    put("bad-heaptrack-table.txt", *interpreted, "a 10")
    put("bad-heaptrack-time.txt", *top, "c ffffffffffffffff")
    put("bad-heaptrack-size.txt", *top, "+ 8000000000000000 1 5555")
    put("bad-heaptrack-nothing.txt", *top, "c 0")


def intervals():
    put("good-intervals.csv", "id,lower,upper,size", "b1,0,3,4", "b2,3,9,5", "b3,0,9,6",
        "b4,9,21,7", "b5,3,3,8")
    same = [malloc(1, 4), malloc(2, 6), free(1), malloc(3, 5), malloc(4, 8), free(4),
            free(2), free(3), malloc(5, 7), free(5)]
    events("good-intervals-events.jsonl", *same)
    put("good-intervals-start-end.csv", "size,buffer,start,end,offset",
        "4,b1,0,2,8", "5,b2,3,8,0", "6,b3,0,8,0", "7,b4,9,20,0", "8,b5,4,4,0")
    events("good-intervals-start-end-events.jsonl", malloc(1, 4), malloc(2, 6), free(1),
           malloc(3, 5), malloc(4, 8), free(4), free(2), free(3), malloc(5, 7), free(5))
    put("good-intervals-begin-end.csv", "buffer_id,begin,end,size,alignment,gaps",
        "b1,0,2,4,64,", "b2,1,2,5,1,1-1 2-2@0:4", "b3,3,3,6,3,", end="\r\n")
    events("good-intervals-begin-end-events.jsonl", malloc(1, 4, align=64), malloc(2, 5),
           free(1), free(2), malloc(3, 6), free(3))
    put("good-intervals-numbers.log", "0 5 92928", "1 3 256", "  2\t4   1228800")
    events("good-intervals-numbers-events.jsonl", malloc(1, 92928), malloc(2, 256),
           malloc(3, 1228800), free(2), free(3), free(1))
    head = "id,lower,upper,size"
    put("bad-intervals-backwards.csv", head, "b1,0,3,4", "b2,4,3,4")
    put("bad-intervals-field.csv", head, "b1,0,3,4", "b2,4,3")
    put("bad-intervals-extra.csv", head, "b1,0,3,4,5")
    put("bad-intervals-negative.csv", head, "b1,-1,3,4")
    put("bad-intervals-fraction.csv", head, "b1,0,3,4.5")
    put("bad-intervals-size.csv", head, "b1,0,3,9223372036854775808")
    put("bad-intervals-end.csv", "id,start,end,size", "b1,0,18446744073709551615,1")
    put("bad-intervals-twice.csv", "id,lower,lower,upper,size", "b1,0,0,3,4")
    put("bad-intervals-column.csv", "id,lower,size", "b1,0,4")
    put("bad-intervals-both-ends.csv", "id,lower,upper,end,size", "b1,0,3,3,4")
    put("bad-intervals-two-numbers.log", "0 5 92928", "1 3")
    put("bad-intervals-nothing.csv", head)


def zstd():
    """Frames with raw blocks, which need no packer."""
    def frame(data, kind=0, size=None):
        length = len(data) if size is None else size
        head = 1 | kind << 1 | length << 3
        return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + head.to_bytes(3, "little") + data

    def skipped(length):
        return b"\x5a\x2a\x4d\x18" + length.to_bytes(4, "little") + bytes(length)

    text = b"v 10400 3\n+ 10 1 5555\n- 5555\n"
    for name, data in (
            ("good-zstd.txt.zst", frame(text)),
            ("good-zstd-two-frames.txt.zst", frame(text[:13]) + frame(text[13:])),
            ("good-zstd-skipped.txt.zst", skipped(5) + frame(text) + skipped(0)),
            ("bad-zstd-skipped-cut.txt.zst", skipped(5)[:-1]),
            ("bad-zstd-cut.txt.zst", frame(text)[:-5]),
            ("bad-zstd-magic-only.txt.zst", frame(text)[:4]),
            ("bad-zstd-block.txt.zst", frame(text, kind=3)),
            ("bad-zstd-garbage.txt.zst", frame(text) + b"garbage")):
        with open(FOLDER + name, "wb") as f:
            f.write(data)


def byte_order_marks():
    mark = "\ufeff"
    put("good-byte-order-mark-rmm.csv", mark + "Thread,Time,Action,Pointer,Size,Stream",
        "7,10:21:33.1,allocate,0x10,8,0")
    put("good-byte-order-mark-intervals.csv", mark + "id,lower,upper,size", "1,0,5,10")
    put("good-byte-order-mark-mtrace.mtrace.gz", mark + "= Start", "@ ./a:[0x1] + 0x10 0x5")
    put("good-byte-order-mark-kineto.json", mark + json.dumps(
        {"schemaVersion": 1, "traceEvents": [
            {"ph": "i", "name": "[memory]", "ts": 1, "args": {
                "Device Type": 0, "Device Id": -1, "Addr": 16, "Bytes": 8}}]}))
    put("bad-byte-order-mark-alone.csv", mark, last="")
    put("bad-byte-order-mark-twice.csv", mark + mark + "id,lower,upper,size", "1,0,5,10")


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    rmm()
    mtrace()
    logalloc()
    heaptrack()
    intervals()
    zstd()
    byte_order_marks()
