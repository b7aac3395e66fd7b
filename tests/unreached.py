#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the lines that no test has reached against the list of them.

Usage: unreached.py LINES.json LIST SOURCES. The first is gcovr's. A row of the list
is "FILE, FUNCTION: TEXT", as often as the function has such lines that are not
reached. A row under a heading that begins with "# Sometimes" may also be reached.
"""

import collections
import json
import os
import re
import sys


def rows_of(sources, name, numbers):
    """row -> where: the unreached lines of a file as the list would have them."""
    found = collections.defaultdict(list)
    function = ""
    with open(os.path.join(sources, name), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            begins = re.match(r"(\w+)\(", line)
            function = begins.group(1) if begins else function
            if number in numbers:
                row = f"{name}, {function}: {line.strip()}"
                found[row].append(f"{name}:{number}")
    return found


def unreached(lines, sources):
    found = {}
    with open(lines, encoding="utf-8") as file:
        files = json.load(file)["files"]
    for entry in files:
        numbers = {
            line["line_number"]
            for line in entry["lines"]
            if not line["count"] and not line["gcovr/noncode"]
        }
        found.update(rows_of(sources, entry["file"], numbers))
    return found


def listed(path):
    """row -> how often it stands there, and the rows that may be reached."""
    counts = collections.Counter()
    sometimes = set()
    heading = ""
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line.startswith("#"):
                heading = line
            elif line:
                counts[line] += 1
                if heading.startswith("# Sometimes"):
                    sometimes.add(line)
    return counts, sometimes


def main(lines, path, sources):
    found = unreached(lines, sources)
    counts, sometimes = listed(path)
    wrong = 0
    for row, places in sorted(found.items()):
        if len(places) > counts[row]:
            wrong += 1
            print(f"{' '.join(places)}: not reached, and not listed {len(places)} times:")
            print(row)
    for row, count in sorted(counts.items()):
        if len(found.get(row, ())) < count and row not in sometimes:
            wrong += 1
            print(f"listed {count} times, and reached or gone: {row}")
    print(f"{sum(map(len, found.values()))} lines not reached, {wrong} rows wrong")
    return wrong > 0


sys.exit(main(*sys.argv[1:]))
