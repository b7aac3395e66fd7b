# SPDX-License-Identifier: MIT
"""big.py MEMREPLAY GENERATE SCALE: traces that are too large for others.

First how the cost of an event grows with the blocks that are live, and with
their distinct sizes: in ns, which holds the misses of the processor's caches,
and in instructions, which does not. Then whole traces, through a pipe.
"""

import os
import re
import shutil
import subprocess
import sys
import time

EVENTS = int(os.environ.get("EVENTS", "1000000000"))
SUBJECTS = ["ids", "simulate", "detail", "sweep"]
MOST_COUNTED = 10**6  # blocks: callgrind would take too long above


def counted(subject):
    """Events of which instructions are counted: a sweep takes many at a time."""
    return 1_000_000 if subject == "sweep" else 100_000


def measure(scale, subject, blocks, sizes):
    """ns an event, and bytes a live block."""
    done = subprocess.run([scale, subject, str(blocks), str(sizes)],
                          capture_output=True, text=True, check=True)
    return [float(text) for text in done.stdout.split()]


def instructions(scale, subject, blocks, sizes):
    """An event; None where there is no callgrind or it would take too long."""
    if blocks > MOST_COUNTED or not shutil.which("valgrind"):
        return None
    done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no",
                           "--callgrind-out-file=/dev/null", scale, subject, str(blocks),
                           str(sizes), str(counted(subject))],
                          capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found[1]) / counted(subject) if found and int(found[1]) else None


def cell(value, digits=0):
    return "-" if value is None else "%.*f" % (digits, value)


def print_growth(scale, title, scales, sizes_of):
    print("%s\n%-11s%s" % (title, "", "".join("%21s" % s for s in SUBJECTS)))
    print("%11s%s" % ("", "%9s%7s%5s" % ("ns", "instr", "B") * len(SUBJECTS)))
    for blocks in scales:
        line = "%11s" % format(blocks, ",")
        for subject in SUBJECTS:
            ns, room = measure(scale, subject, blocks, sizes_of(blocks))
            count = instructions(scale, subject, blocks, sizes_of(blocks))
            line += "%9s%7s%5s" % (cell(ns), cell(count), cell(room))
        print(line, flush=True)


def peak_of(process):
    """The highest resident memory of a process so far, in MiB; 0 at its end."""
    try:
        with open("/proc/%d/status" % process) as status:
            found = re.search(r"VmHWM:\s*(\d+) kB", status.read())
    except FileNotFoundError:
        found = None
    return int(found[1]) / 1024 if found else 0


def stream(generate, sizes, command):
    """generate ... | command: CPU seconds of command, and its peak of memory."""
    source = subprocess.Popen([generate] + [str(n) for n in sizes], stdout=subprocess.PIPE)
    process = subprocess.Popen(command, stdin=source.stdout, stdout=subprocess.DEVNULL)
    source.stdout.close()
    peak = 0
    done = 0
    while not done:
        # not from wait4(), for which the memory of who started it counts too
        peak = max(peak, peak_of(process.pid))
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        time.sleep(0.02)
    if source.wait() or status:
        sys.exit("big.py: %s failed" % " ".join(command))
    return usage.ru_utime + usage.ru_stime, peak


def print_streams(program, generate):
    print("\nwhole traces from `generate EVENTS BLOCKS SIZES`, reading included\n"
          "%14s%12s%11s  %-25s%9s%12s" % ("events", "blocks", "sizes", "memreplay", "ns/event",
                                          "peak MiB"))
    for sizes in [(EVENTS, 512, 200), (EVENTS // 25, 10**7, 200), (EVENTS // 25, 10**6, 10**6)]:
        for command in [["simulate"], ["sweep", "--limits=0:64M:8M"]]:
            seconds, peak = stream(generate, sizes, [program] + command + ["-"])
            print("%14s%12s%11s  %-25s%9.0f%12.1f"
                  % (*(format(n, ",") for n in sizes), " ".join(command),
                     seconds * 1e9 / sizes[0], peak), flush=True)


def main():
    program, generate, scale = sys.argv[1:]
    print_growth(scale, "an event, by live blocks, of 64 sizes",
                 [10**n for n in range(3, 8)], lambda blocks: 64)
    print_growth(scale, "\nan event, by live blocks and as many sizes",
                 [10**n for n in range(3, 7)], lambda blocks: blocks)
    print_streams(program, generate)


main()
