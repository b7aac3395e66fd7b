#!/bin/sh
# SPDX-License-Identifier: MIT
# `make coverage`: what of alloc, trace and sim the tests reach. Builds in coverage/ of
# the build folder, runs `make $COVERAGE` there (check; "check check-faults" and the
# like) and prints gcovr's sums. Line by line: coverage/report/index.html. Fails if
# what is not reached differs from the list of it, tests/unreached.

top_srcdir=$(cd "${top_srcdir:-..}" && pwd)
mkdir -p coverage/report && cd coverage || exit 1

# counts in these layers alone: the recorder would count within what it records;
# without built-ins fork() and exec() write no counts, which calls that fail would spoil
[ -f Makefile ] ||
	"$top_srcdir/configure" -q CC=gcc CFLAGS="-O0 -g --coverage \
		-fprofile-update=atomic -fprofile-filter-files=src/[ast] -fno-builtin" ||
		exit 1
make -j"$(nproc)" >build.log 2>&1 || {
	tail -n 20 build.log
	exit 1
}
find . -name '*.gcda' -exec rm -f {} +
# shellcheck disable=SC2086
make -k -j"$(nproc)" ${COVERAGE:-check} >check.log 2>&1 ||
	# gcov adds symbols and writes files: style.sh and one of run_cli.sh notice
	echo "$(grep -ac '^FAIL:' check.log) tests failed; see coverage/check.log"
gcovr -r "$top_srcdir" --object-directory . --gcov-ignore-parse-errors \
	--filter "$top_srcdir/src/(alloc|trace|sim)/" --json lines.json . 2>gcovr.log || {
	tail -n 20 gcovr.log
	exit 1
}
gcovr -r "$top_srcdir" -a lines.json --html-details report/index.html
for layer in alloc trace sim; do
	gcovr -r "$top_srcdir" -a lines.json --filter "$top_srcdir/src/$layer/" |
		awk -v layer=$layer '$1 == "TOTAL" {
			print layer ": " $3 " of " $2 " lines reached, " $4 }'
done
[ "${COVERAGE:-check}" = check ] || exit 0
python3 "$top_srcdir/tests/unreached.py" lines.json "$top_srcdir/tests/unreached" \
	"$top_srcdir"
