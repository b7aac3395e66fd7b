#!/bin/sh
# SPDX-License-Identifier: MIT
# Breaks the rules on purpose, one at a time and in a scratch copy, and sees
# whether the tests notice. `make check-mutants`; not part of make check. TAP.

. "${top_srcdir:=.}/tests/tap.sh"
tests='tests/check_sim tests/check_alloc'

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Three lines each: the file, what is broken in it, the sed script that breaks it.
mutants() {
	cat <<'MUTANTS'
src/alloc/core.h
last in, first out among equal sizes
s/core->blocks\[queue->tail\]\.next = block;/b->next = queue->head, queue->head = block;/
src/alloc/core.h
a block at the end of the window fits
s/capacity >= mr_window_end/capacity > mr_window_end/
src/alloc/core.h
the window is one of pages only
s/by_factor < by_pages ? by_factor : by_pages/by_pages/
src/alloc/core.h
the window is one of the factor only
s/by_factor < by_pages ? by_factor : by_pages/by_factor/
src/alloc/core.h
the limit test leaves out the freed block
s/capacity <= core->policy.cache_limit - /0 <= core->policy.cache_limit - /
src/alloc/core.h
a block that just fits under the limit is rejected
s/capacity <= core->policy.cache_limit/capacity < core->policy.cache_limit/
src/alloc/core.h
blocks of capacity 0 are cached
s/if (capacity && core->policy/if (core->policy/
src/alloc/core.h
a free lowers the peak
s/^\tcore->frees++;/\tcore->frees++, core->peak = core->active;/
src/alloc/core.c
1.0 for 0.9
s|core->cached - need <= core->cached / 10|need >= core->cached|
src/alloc/core.c
above 0.9 for 0.9 and above
s|need <= core->cached / 10|need < core->cached / 10|
src/alloc/core.c
the newest goes first
s/uint32_t block = core->oldest;/uint32_t block = core->newest;/
src/alloc/core.c
the peak is reset to the active memory
s/core->peak = 0;/core->peak = core->active;/
src/alloc/core.c
lowering the limit evicts one block too few
s/(gone < need)/(gone + mr_core_capacity(core, core->oldest) <= need)/
MUTANTS
}

# FILE SCRIPT: applies a mutant; fails if no test notices. Puts the source back.
killed() {
	file=$scratch/source/$1
	cp "$file" "$scratch/whole"
	sed "$2" "$scratch/whole" >"$file"
	if cmp -s "$scratch/whole" "$file"; then
		echo "the source has changed: the mutant no longer applies"
		return 1
	fi
	status=1
	if ! make -C "$scratch/build" $tests >"$scratch/log" 2>&1; then
		tail -n 20 "$scratch/log"
	elif timeout 100 make -C "$scratch/build" check-TESTS \
		TESTS="$tests" >"$scratch/log" 2>&1; then
		echo "no test failed"
	else
		status=0
	fi
	cp "$scratch/whole" "$file"
	return $status
}

prepare() {
	mkdir "$scratch/build" && cp -R "$top_srcdir" "$scratch/source" &&
		rm -rf "$scratch/source/build" "$scratch"/source/build-[!a]* &&
		(cd "$scratch/build" && ../source/configure -q CFLAGS=-O0) &&
		make -C "$scratch/build" $tests &&
		make -C "$scratch/build" check-TESTS TESTS="$tests"
}

top_srcdir=$(cd "$top_srcdir" && pwd)
ok "the tests pass before anything is broken" prepare
[ "$tap_failed" -eq 0 ] || end_tests
mutants >"$scratch/mutants"
while read -r file && read -r what && read -r script; do
	ok "killed: $what" killed "$file" "$script"
done <"$scratch/mutants"
end_tests
