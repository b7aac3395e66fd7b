#!/bin/sh
# SPDX-License-Identifier: MIT
# Breaks the rules on purpose, one at a time and in a scratch copy, and sees
# whether the tests notice. `make check-mutants`; not part of make check. TAP.

. "${top_srcdir:=.}/tests/tap.sh"
tests='tests/check_sim tests/check_alloc tests/check_detail'

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
s/if (capacity <= core->policy/if (0 <= core->policy/
src/alloc/core.h
a block that just fits under the limit is rejected
s/if (capacity <= core->policy/if (capacity < core->policy/
src/alloc/core.h
blocks of capacity 0 are cached
s/if (capacity && \(core->policy.kind != MR_POLICY_NONE) {\)$/if (\1/
src/alloc/core.h
a free lowers the peak
s/^\tcore->frees++;/\tcore->frees++, core->peak = core->active;/
src/alloc/core.h
the window is that of the size before rounding
s/mr_window_end(&core->policy, wanted)/mr_window_end(\&core->policy, size)/
src/alloc/core.h
the sum that was rejected is forgotten
s/if (capacity + core->cached < core->same_to)/if (0)/
src/alloc/core.c
1.0 for 0.9
s|core->cached - need <= core->cached / 10|need >= core->cached|
src/alloc/core.c
above 0.9 for 0.9 and above
s|need <= core->cached / 10|need < core->cached / 10|
src/alloc/core.c
1.0 for 0.9 when it is the limit that needs it
s|within_limit(core, core->cached / 10 + 1)|within_limit(core, 1)|
src/alloc/core.c
above 0.9 for 0.9 and above when it is the limit that needs it
s|core->cached / 10 + 1)|core->cached / 10)|
src/alloc/core.c
the newest goes first
s/uint32_t block = core->oldest;/uint32_t block = core->newest;/
src/alloc/core.c
the peak is reset to the active memory
s/core->peak = 0;/core->peak = core->active;/
src/alloc/core.c
lowering the limit evicts one block too few
s/\(!within_limit(core, core->cached\)))$/\1 - mr_core_capacity(core, core->oldest)))/
src/alloc/core.c
a release is one block short
s/(gone < need)/(gone + mr_core_capacity(core, core->oldest) <= need)/
src/alloc/core.c
what was within the limit is forgotten
s/if (within && x > core->same_from)/if (0)/
src/alloc/core.c
what was above the limit is forgotten
s/if (!within && x < core->same_to)/if (0)/
src/alloc/core.c
the range goes on after the limit is changed
s/core->limit_set = true;//
src/alloc/core.c
the GPUs' caches stop below the limit
s/is_loose(core) ? 1 : capacity/capacity/
src/alloc/core.c
the GPUs' caches accept at the limit
s/is_loose(core) ? 1 : capacity/is_loose(core) ? 0 : capacity/
src/alloc/core.c
lowering the limit of a GPU releases at once
s/if (!is_loose(core))$/if (1)/
src/alloc/core.c
the GPUs' caches are not trimmed
s/if (is_loose(core))$/if (0)/
src/alloc/core.c
mlx-metal releases one byte too many
s/release(core, need - core->gc_limit)/release(core, need - core->gc_limit + 1)/
src/alloc/core.c
the difference does not wrap around
s/need - core->gc_limit/need < core->gc_limit ? 0 : &/
src/alloc/core.c
the memory limit is no part of gc_limit
s/core->gc_limit = core->policy.memory_limit;/(void)core;/
src/alloc/core.c
gc_limit stays what it was when the memory limit changes
/memory_limit = limit;/{n;s/set_gc_limit(core);//;}
src/alloc/core.c
gc_limit is 0.9 of the working set
s/mr_share(core->policy.working_set, 95)/mr_share(core->policy.working_set, 90)/
src/alloc/core.c
mlx-cuda leaves the cache out of what it needs
s/plus(plus(core->active, core->cached), size)/plus(core->active, size)/
src/alloc/core.c
one block too many
s/core->held >= core->policy.max_blocks/core->held > core->policy.max_blocks/
src/alloc/core.c
max_blocks does not evict
s/while (is_full(core) && core->oldest != MR_NONE)/while (0)/
src/alloc/core.c
0 bytes get a block from a GPU
s/if (!size && is_loose(core))/if (0)/
src/alloc/core.c
a refused malloc is counted at the last event, not the first
s/if (!core->rare.failed_mallocs++)/core->rare.failed_mallocs++;/
src/alloc/core.c
on_full=evict evicts for blocks that can never fit
s/ || !has_room(core, 0, capacity))/)/
src/alloc/core.c
on_full=evict rejects
s/core->policy.on_full != MR_ON_FULL_EVICT/1/
src/alloc/core.c
the cache is cleared before every Nth malloc, not after
s/core->mallocs % core->policy.clear_every/(core->mallocs + 1) % core->policy.clear_every/
src/alloc/core.c
evictions under pressure are not told
s/core->rare.evictions_by_pressure += /core->rare.evictions_by_limit += /
src/alloc/core.c
evictions for room are not told
s/core->rare.evictions_for_room += /core->rare.evictions_by_limit += /
src/alloc/core.c
overshoot is not looked at
s/core->rare.events_over_limit++;//
src/alloc/round.c
classes are rounded down
s/n - over + step/n - over/
src/alloc/round.c
half as many classes
s|octave / steps) : n|octave / steps * 2) : n|
src/alloc/round.c
mlx-metal makes a page of a page and a byte
s/n > policy->page ? up_to_multiple(n, policy->page) : n/n/
src/alloc/round.c
mlx-metal rounds up what is below a page
s/return n > policy->page ?/return n > 0 ?/
src/alloc/round.c
mlx-cuda has smaller blocks than 8 bytes
s/if (n <= CUDA_SMALL)/if (0)/
src/alloc/round.c
mlx-cuda has pages below a page
s/if (n < policy->page)/if (0)/
src/alloc/round.c
mlx-cuda has powers of two above a page
s/if (n < policy->page)/if (1)/
src/alloc/policy.c
the memory limit of mlx-metal is the working set
s/mr_share(set, 150)/set/g
src/alloc/policy.c
the memory limit is all memory
s/mr_share(policy->memory, 95)/policy->memory/
src/alloc/policy.c
the cache limit of the GPUs is unlimited
s/policy->cache_limit = policy->memory_limit;/policy->cache_limit = MR_UNLIMITED;/
src/alloc/cache.c
what was evicted is not given back after a miss
s/list = take_leaving(cache);$/list = NULL;/
src/sim/detail.c
a miss that the limit caused counts as one of an empty cache
s/if (endless_hit)/if (endless_hit \&\& cached)/
src/sim/detail.c
what the malloc itself evicted is forgotten
s/detail->largest_evicted < capacity \&\&/true \&\&/
src/sim/detail.c
blocks larger than the request count as smaller
s/core->sizes, capacity) == MR_NONE/core->sizes, capacity + 1) == MR_NONE/
src/sim/detail.c
the histogram is that of the last peak
s/if (detail->core->cached > detail->peak)/if (detail->core->cached >= detail->peak)/
src/sim/stale.c
a reused block was stale until then
/^mr_stale_reuse/,/^}/s/{/{ stale->stretches[block].most.low++;/
src/sim/stale.c
an evicted block stays stale
s/mr_wide_minus(newest->sum, mr_wide(capacity))/newest->sum/
src/sim/stale.c
the highest sum of a stretch is lost
s/mr_wide_larger(before->most, .*/before->most;/
src/sim/stale.c
the mean leaves out the last event
s/bytes, event + 1/bytes, event/
src/sim/detail.c
a phase begins with each mark
s/if (row != phases->current)/if (true)/
src/sim/phases.c
what was evicted counts as idle
s/phases->inherited - phases->reused - phases->evicted/phases->inherited - phases->reused/
src/sim/bound.c
a live block is never worth more than was asked for
s/end > w->least ? end - 1 : w->least/w->least/
src/sim/bound.c
a full cache costs nothing
s/in -= empty ? 0 : bound->fee\[lane\];//
src/sim/bound.c
a clear leaves the cache as it is
s/enter(bound, true)/enter(bound, false)/
src/sim/bound.c
the GPU's overshoot is forgotten
s/if (bound->loose)$/if (false)/
src/sim/group.c
limits join whatever blocks they have live
s/a->hash == b->hash/a->cached == b->cached/;s/!memcmp(a->live, .*/true;/
src/sim/group.c
limits join whatever blocks they have cached
s/a->hash == b->hash/a->active == b->active/;s/!memcmp(a->counts, .*/true \&\&/
src/sim/group.c
limits part one too low
s/lanes\[middle\]->first < at)/lanes[middle]->first + 1 < at)/
src/sim/group.c
a group that parts forgets what it counted
s/^\tmr_group_flush(group);$/\tgroup->tally = no_tally;/
src/sim/group.c
limits that join stay out of order
s/qsort(into->lanes, into->lane_count/qsort(into->lanes, 1/
src/sim/group.c
a larger block counts as one of the size asked for
s/tally->larger_hits += capacity != size;//
src/sim/group.c
a clear leaves the blocks cached
s/group->cached = group->cached_blocks = 0;/group->cached = 0;/
MUTANTS
}

# The tests that are to notice what is broken in a file, the likeliest first.
tests_of() {
	case $1 in
	src/sim/group.c) echo tests/check_sweep ;;
	src/sim/*) echo tests/check_detail tests/check_sim ;;
	*) echo $tests ;;
	esac
}

# Builds what a test needs, and no more.
build() {
	target=$1
	[ "$1" != tests/torch.sh ] || target=memreplay
	make -C "$scratch/build" -j"$(nproc)" "$target"
}

# TEST: whether it fails. Nothing of it is run beyond its first failure. A test that
# does not end is stopped by the CPU time it took, and not by the clock: on a busy
# machine a mutant would pass for killed.
CK_TIMEOUT_MULTIPLIER=100
export CK_TIMEOUT_MULTIPLIER
fails() (
	cd "$scratch/build" && ulimit -t 20 && ulimit -v 8000000 || exit
	export top_srcdir=../source top_builddir=. TMPDIR="$scratch"
	case $1 in
	*.sh) set -- sh "../source/$1" ;;
	esac
	{ "$@" || echo "not ok: exit status $?"; } | grep -m 1 '^not ok'
)

# TEST...: whether one of them fails.
noticed() {
	for test in "$@"; do
		if ! build "$test" >"$scratch/log" 2>&1; then
			tail -n 20 "$scratch/log"
			return 1
		fi
		! fails "$test" || return 0
	done
	echo "no test failed"
	return 1
}

# FILE SCRIPT TEST...: applies a mutant, and puts the source back; fails if no test
# notices.
killed() {
	file=$scratch/source/$1 script=$2
	shift 2
	cp "$file" "$scratch/whole"
	sed "$script" "$scratch/whole" >"$file"
	if cmp -s "$scratch/whole" "$file"; then
		echo "the source has changed: the mutant no longer applies"
		return 1
	fi
	noticed "$@"
	status=$?
	cp "$scratch/whole" "$file"
	return $status
}

prepare() {
	[ ! -d "$top_srcdir/../shared" ] || ln -s "$top_srcdir/../shared" "$scratch"
	mkdir "$scratch/build" && cp -R "$top_srcdir" "$scratch/source" &&
		rm -rf "$scratch/source/build" "$scratch"/source/build-[!a]* &&
		(cd "$scratch/build" && ../source/configure -q CFLAGS=-O1) &&
		for test in $tests tests/check_sweep tests/check_torch tests/torch.sh; do
			build "$test" && ! fails "$test" || return
		done
}

top_srcdir=$(cd "$top_srcdir" && pwd)
ok "the tests pass before anything is broken" prepare
[ "$tap_failed" -eq 0 ] || end_tests
mutants >"$scratch/mutants"
while read -r file && read -r what && read -r script; do
	ok "killed: $what" killed "$file" "$script" $(tests_of "$file")
done <"$scratch/mutants"
# PyTorch's rules, four lines each: before the others the test that is to notice,
# recordings where they exercise the rule, otherwise the random programs
while read -r test && read -r file && read -r what && read -r script; do
	if [ "$test" = tests/torch.sh ] && [ ! -e "$scratch/shared/torch" ]; then
		skip "killed: $what" "the recordings are not there"
	else
		ok "killed by $test: $what" killed "$file" "$script" "$test"
	fi
done <"$top_srcdir/tests/torch.mutants"
end_tests
