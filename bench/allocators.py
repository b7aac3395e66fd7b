# SPDX-License-Identifier: MIT
"""allocators.py MEMREPLAY TREE TRACE...: the caching allocator beside others.

Every number is of a process of its own that carried a trace out with real
memory: `memreplay replay`, in RUNS rounds; each round takes all rows in turn,
each row all allocators. TREE is the yardstick, bench/tree_malloc.cpp.
"""

import json
import math
import os
import re
import statistics
import subprocess
import sys

KNOWN = ["jemalloc", "mimalloc", "tcmalloc"]
RUNS = int(os.environ.get("RUNS", "5"))
NAME = 17  # characters of a trace's name, at most
SMALL = ("32 MiB", "32M", 32 << 20)
LARGE = ("unlimited", "unlimited", 2**64 - 1)
ALONE = ("calls alone, memory not touched", ["--touch=none"])
TOUCHED = ("a byte of each page written", ["--touch=page"])
THREADS = ("calls alone, on the threads that were recorded", ["--touch=none", "--threads"])
GROUPS = [(ALONE, SMALL), (ALONE, LARGE), (THREADS, LARGE), (TOUCHED, SMALL), (TOUCHED, LARGE)]


class Measure:
    def __init__(self, figure, title, units, alone):
        self.figure = figure
        self.title = title
        self.units = units  # (up to, divisor, name)
        self.alone = alone  # it means something where memory is not touched


MEASURES = [
    Measure("ns_per_event", "Time of an event",
            [(1e3, 1, "ns"), (1e6, 1e3, "us"), (1e12, 1e6, "ms")], True),
    Measure("minor_faults", "Page faults", [(1e3, 1, ""), (1e6, 1e3, "k"), (1e12, 1e6, "M")], False),
    Measure("peak_rss_bytes", "Peak resident memory", [(1e15, 2**20, "MiB")], False),
]


def short_name(path):
    """The name of a trace; a long one ends with one of its words."""
    name = re.sub(r"\..*", "", os.path.basename(path))
    return name if len(name) <= NAME else name[:NAME + 1].rsplit("-", 1)[0][:NAME]


class Row:
    """A trace in one of the ways, under a limit."""

    def __init__(self, group, path):
        self.group = group
        self.path = path
        self.name = short_name(path)
        self.runs = []  # {allocator: its figures}, one a round

    def run(self, program, baselines):
        command = [program, "replay", "--format=json", "--timing=loop",
                   "--cache-limit=" + self.group.limit] + self.group.options
        command += ["--baseline=" + b for b in baselines] + [self.path]
        environment = dict(os.environ, TREE_CACHE_LIMIT=str(self.group.limit_bytes))
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit("allocators.py: " + done.stderr.strip())
        names = ["memreplay", "glibc"] + [column(b) for b in baselines]
        self.runs.append(dict(zip(names, json.loads(done.stdout)["backends"])))

    def ours(self, measure):
        return [run["memreplay"][measure.figure] for run in self.runs]

    def ratios(self, name, measure):
        """Theirs to ours, run by run; none where ours is nothing."""
        theirs = [run[name][measure.figure] for run in self.runs]
        return [t / o for t, o in zip(theirs, self.ours(measure)) if o]

    def is_lost(self, name, measure):
        return max(self.ratios(name, measure) or [1]) < 1


class Group:
    def __init__(self, way, limit, paths):
        name, self.limit, self.limit_bytes = limit
        self.heading = "%s; cache limit %s" % (way[0], name)
        self.options = way[1]
        self.alone = "--touch=none" in self.options
        self.rows = [Row(self, path) for path in paths]


def column(baseline):
    return "tree" if "/" in baseline else baseline


def short(value, digits):
    """With that many digits that count."""
    if value < 1:
        return ("%.2f" % value)[3 - digits:]
    return "%.*f" % (max(0, digits - 1 - int(math.log10(value))), value)


def spread(values):
    """How far from the median the farthest is."""
    middle = statistics.median(values)
    return "±%.0f%%" % (100 * max(abs(v - middle) for v in values) / middle) if middle else ""


def our_cell(values, units):
    middle = statistics.median(values)
    divisor, unit = next((d, u) for top, d, u in units if middle < top)
    return "%s %s %5s" % (short(middle / divisor, 3), unit, spread(values))


def their_cell(row, name, measure):
    ratios = row.ratios(name, measure)
    if not ratios:
        return "-"
    return "%s%s %5s" % (short(statistics.median(ratios), 3),
                         "*" if row.is_lost(name, measure) else " ", spread(ratios))


def print_table(groups, others, measure):
    print("\n%s: memreplay's own, and the others' as multiples of it" % measure.title)
    names = "".join("%14s" % (name + "   ") for name in others)
    print(("%-*s%16s" % (NAME + 2, "", "memreplay   ") + names).rstrip())
    for group in groups:
        print(group.heading)
        for row in group.rows:
            print("  %-*s%16s" % (NAME, row.name, our_cell(row.ours(measure), measure.units))
                  + "".join("%14s" % their_cell(row, name, measure) for name in others))


def print_losses(groups, others, measure):
    """In plain words, where the others do better in every run."""
    rows = [row for group in groups for row in group.rows]
    print("\n%s: where memreplay loses, in every run" % measure.title)
    for name in others:
        lost = [(statistics.median(row.ratios(name, measure)), row)
                for row in rows if row.is_lost(name, measure)]
        if not lost:
            print("to %-9s nowhere" % name)
            continue
        ratio, row = min(lost, key=lambda entry: entry[0])
        print("to %-9s in %d of %d rows; at most it takes %s times as much, in %s\n%13s(%s)"
              % (name, len(lost), len(rows), short(1 / max(ratio, 1e-9), 3), row.name, "",
                 row.group.heading))


def find_baselines(program, tree, trace):
    """What is installed; names the package of what is not."""
    found = [tree]
    for name in KNOWN:
        probe = subprocess.run([program, "replay", "--baseline=" + name, "--touch=none", trace],
                               capture_output=True, text=True)
        if probe.returncode:
            print("left out: " + probe.stderr.strip().removeprefix("memreplay: "))
        else:
            found.append(name)
    return found


def main():
    program, tree, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    baselines = find_baselines(program, tree, paths[0])
    others = ["glibc"] + [column(b) for b in baselines]
    groups = [Group(way, limit, paths) for way, limit in GROUPS]
    for _ in range(RUNS):
        for group in groups:
            for row in group.rows:
                row.run(program, baselines)
    print("Allocators on recorded traces. Of %d runs: the median, and how far the farthest is from it.\n"
          "Above 1 memreplay is better; * marks where the other is, in every run." % RUNS)
    for measure in MEASURES:
        told = [group for group in groups if measure.alone or not group.alone]
        print_table(told, others, measure)
        print_losses(told, others, measure)


main()
