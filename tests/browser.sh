#!/bin/sh
# SPDX-License-Identifier: MIT
# make check-browser: reports, opened in headless Chromium. Not part of make check.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}

for program in python3 chromium gnuplot; do
	if ! command -v $program >/dev/null; then
		echo "1..0 # SKIP $program is not installed"
		exit 0
	fi
done
exec python3 "$top_srcdir/tests/browser.py" "$top_builddir/memreplay" "$top_srcdir"
