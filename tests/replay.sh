#!/bin/sh
# SPDX-License-Identifier: MIT
# The command replay: what it prints, its exit statuses, and children that fail.

. "${top_srcdir:=.}/tests/tap.sh"

memreplay=${top_builddir:=.}/memreplay
trace=$top_srcdir/traces/limits.mrt.gz
fragile=$top_builddir/tests/.libs/libfragile.so
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# A sanitizer's malloc comes before any that is preloaded, and ends the process
# where malloc would return NULL. Large blocks take seconds there.
if grep -qa __asan_init "$memreplay"; then
	sanitized=true traces=$trace train=
else
	sanitized=false traces=$(ls "$top_srcdir"/traces/*.mrt.gz)
	train=$top_srcdir/traces/mlp_train.mrt.gz
fi

# run STATUS ARGUMENT...: replay, with output in $work/out and $work/err
run() {
	want=$1
	shift
	"$memreplay" replay "$@" >"$work/out" 2>"$work/err"
	got=$?
	[ "$got" -eq "$want" ] && return
	echo "exit status $got, expected $want: memreplay replay $*"
	cat "$work/out" "$work/err"
	return 1
}

# has FILE TEXT: the text is in a line of it
has() {
	grep -qF -- "$2" "$work/$1" && return
	echo "no \"$2\" in:"
	cat "$work/$1"
	return 1
}

silent() {
	[ ! -s "$work/out" ] && return
	echo "standard output is not empty:"
	cat "$work/out"
	return 1
}

# one_malloc SIZE: a trace of a small block and of one of this size
one_malloc() {
	printf '%s\n' '{"format":"alloc-trace","version":1}' \
		'{"op":"malloc","id":1,"size":100}' \
		"{\"op\":\"malloc\",\"id\":2,\"size\":$1}" \
		'{"op":"free","id":1}' >"$work/one.jsonl"
}

# The object "result" of a JSON document, without indentation.
result_of() {
	awk '/"result":[ \t]*\{/ { inside = 1 }
		inside {
			gsub(/^[ \t]+/, "")
			depth += gsub(/\{/, "{") - gsub(/\}/, "}")
			sub(/,$/, "")
			print
			if (depth == 0) exit
		}' "$1"
}

table() {
	run 0 --touch=none "$trace" && has out "mlx-cpu/malloc" &&
		has out "limit enforcement" && has out "The cache limit was held" &&
		has out "It was changed 15 times" && has out "54 events" &&
		has out "counters equal the simulation's"
}

# What a GPU's policy allows is not called a breach.
overshoot() {
	run 0 --touch=none --policy=mlx-metal "$trace" &&
		has out "mlx-metal lets cached memory be above the limit" &&
		has out "by up to" && ! grep -q "NOT held" "$work/out"
}

# A random trace: sizes of all kinds, 0 too, limits, clears and marks.
random_trace() {
	echo '{"format":"alloc-trace","version":1,"cache_limit":300000}'
	awk 'BEGIN {
		srand(7)
		for (i = 1; i <= 6000; i++) {
			kind = int(rand() * 100)
			if (kind < 1)
				printf "{\"op\":\"clear_cache\"}\n"
			else if (kind < 2)
				printf "{\"op\":\"mark\",\"name\":\"m\"}\n"
			else if (kind < 3)
				printf "{\"op\":\"set_memory_limit\",\"bytes\":%d}\n",
					rand() * 2000000
			else if (kind < 4)
				printf "{\"op\":\"set_cache_limit\",\"bytes\":%d}\n",
					rand() * 600000
			else if (kind < 50 && live > 0) {
				at = 1 + int(rand() * live)
				printf "{\"op\":\"free\",\"id\":%d}\n", block[at]
				block[at] = block[live--]
			} else {
				block[++live] = ++id
				size = rand() < 0.1 ? 0 : int(exp(rand() * 11))
				printf "{\"op\":\"malloc\",\"id\":%d,\"size\":%d}\n",
					id, size
			}
		}
	}'
}

# TRACE [OPTION]...: what replay counts is what simulate counts
as_simulated() {
	file=$1
	shift
	run 0 --touch=none --format=json "$@" "$file" &&
		has out '"exit":	"exit 0"' &&
		has out '"agrees_with_simulation":	true' || return
	result_of "$work/out" >"$work/real"
	"$memreplay" simulate --findings=never --format=json "$@" \
		"$file" >"$work/out" || return
	# only a simulation tells details
	result_of "$work/out" | grep -v first_event_over |
		sed '/^"detail"/,/^}/d' >"$work/simulated"
	[ "$(wc -l <"$work/simulated")" -gt 30 ] || return
	diff "$work/simulated" "$work/real"
}

refused() {
	run 0 --touch=full --set max_blocks=3 "$work/random.jsonl" &&
		has out "cache limit 293.0 KiB, max_blocks 3; touch" &&
		has out "The policy refused" && has out "the first at event" &&
		run 0 --policy=mlx-metal --set max_blocks=3 --format=json \
			"$work/random.jsonl" || return
	! grep -q '"failed_mallocs":	0' "$work/out"
}

csv() {
	run 0 --touch=none --format=csv "$trace" || return
	[ "$(wc -l <"$work/out")" -eq 3 ] || return
	awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$work/out" &&
		has out ',exit 0' && has out ",hit_rate," && has out ",malloc_ns_p99,"
}

expectations() {
	run 0 --touch=none -e 'hit_rate>=80%' -e 'wall_ns>0' "$trace" &&
		run 3 --touch=none -e 'hit_rate>=99%' -e 'peak_rss_bytes>=1T' "$trace" &&
		has err "expected hit_rate>=99%, found 0.828" &&
		has err "expected peak_rss_bytes>=1T, found" &&
		[ "$(wc -l <"$work/err")" -eq 2 ] &&
		run 3 --touch=none --timing=loop -e 'malloc_ns_p50>=0' "$trace" &&
		has err "found nothing: it was not measured" &&
		run 2 -e 'peak_rss_byte>1' "$trace" && silent &&
		has err "did you mean peak_rss_bytes?"
}

medians() {
	run 0 --touch=none --runs=3 "$trace" && has out "medians of 3 runs" &&
		has out "wall min" && run 0 --touch=none --timing=loop "$trace" &&
		! grep -q "malloc p50" "$work/out"
}

limit_given() {
	run 0 --touch=none --cache-limit=1M "$trace" &&
		has err "15 set_cache_limit events ignored" &&
		has out "below the limit of 1 MiB" &&
		run 0 --touch=none --cache-limit=1M --keep-limit-events "$trace" &&
		has out "It was changed 15 times"
}

# A trace of four threads that free each other's blocks, with limits and clears.
threads_trace() {
	echo '{"format":"alloc-trace","version":1,"cache_limit":300000}'
	awk 'BEGIN {
		srand(11)
		for (i = 1; i <= 4000; i++) {
			kind = int(rand() * 500)
			tid = int(rand() * 4)
			if (kind < 1)
				printf "{\"op\":\"clear_cache\"}\n"
			else if (kind < 2)
				printf "{\"op\":\"set_cache_limit\",\"bytes\":%d}\n",
					rand() * 600000
			else if (kind < 4)
				printf "{\"op\":\"mark\",\"name\":\"m\",\"tid\":3}\n"
			else if (kind < 250 && live > 0) {
				at = 1 + int(rand() * live)
				printf "{\"op\":\"free\",\"id\":%d,\"tid\":%d}\n",
					block[at], tid
				block[at] = block[live--]
			} else {
				block[++live] = ++id
				printf "{\"op\":\"malloc\",\"id\":%d,\"size\":%d," \
					"\"tid\":%d}\n", id, exp(rand() * 11), tid
			}
		}
	}'
}

# What timing cannot change, of a result.
sums_of() {
	result_of "$1" | grep -E '"(mallocs|frees|requested_bytes|live_blocks)"'
}

on_threads() {
	run 0 --threads "$@" --format=json "$work/threads.jsonl" &&
		has out '"agrees_with_simulation":	true' &&
		has out '"threads":	4' && has out '"waits":' &&
		has out '"by_thread":' || return
	sums_of "$work/out" >"$work/real"
	[ "$(grep -c '"thread":' "$work/out")" -eq 8 ] || return
	"$memreplay" simulate --findings=never --format=json \
		"$work/threads.jsonl" >"$work/out" || return
	sums_of "$work/out" >"$work/simulated"
	[ "$(wc -l <"$work/simulated")" -eq 4 ] && diff "$work/simulated" "$work/real"
}

threads_table() {
	run 0 --threads --runs=3 "$work/threads.jsonl" &&
		has out "each thread on its own, 4 in all, in " &&
		has out "threads of mlx-cpu" && has out "threads of malloc" &&
		has out "one thread wall" && has out "slowdown" &&
		has out "On one thread the real allocator's counters equal" &&
		has out "live blocks are the trace's" || return
	run 0 --touch=none "$work/threads.jsonl" && ! grep -q slowdown "$work/out"
}

threads_expected() {
	run 0 --threads -e 'waits>=0' -e 'slowdown>0' -e 'speedup>0' \
		"$work/threads.jsonl" &&
		run 3 --threads -e 'speedup>=100000%' "$work/threads.jsonl" &&
		run 3 -e 'speedup>0' "$work/threads.jsonl" &&
		has err "found nothing: it was not measured" &&
		run 0 --threads --format=csv "$work/threads.jsonl" &&
		has out ",cpu_slowdown,exit"
}

# One thread of its own does what all on one do.
single_thread() {
	run 0 --threads --touch=none --format=json "$work/random.jsonl" || return
	result_of "$work/out" >"$work/real"
	"$memreplay" simulate --findings=never --format=json "$work/random.jsonl" \
		>"$work/out" || return
	result_of "$work/out" | grep -v first_event_over |
		sed '/^"detail"/,/^}/d' >"$work/simulated"
	[ "$(wc -l <"$work/simulated")" -gt 30 ] && diff "$work/simulated" "$work/real"
}

threads_refused() {
	run 0 --threads --set max_blocks=30 "$work/threads.jsonl" &&
		has out "The policy refused" && has out "are the trace's"
}

# The thread that gets no memory is named, and the others end too.
threads_without_memory() {
	printf '%s\n' '{"format":"alloc-trace","version":1}' \
		'{"op":"malloc","id":1,"size":100,"tid":1}' \
		'{"op":"malloc","id":2,"size":7700001,"tid":2}' \
		'{"op":"free","id":2,"tid":1}' >"$work/two.jsonl"
	run 0 --threads --baseline="$fragile" "$work/two.jsonl" &&
		has err "failed: exit 1: event 2: the system has no memory for a malloc"
}

from_stdin() {
	run 0 --touch=none - <"$trace" && has out "standard input"
}

too_large() {
	one_malloc 1125899906842624
	run 1 "$work/one.jsonl" && silent && has err "needs 1.000 PiB" &&
		has err "; 'memreplay simulate'"
}

forced() {
	one_malloc 1125899906842624
	run 1 --force "$work/one.jsonl" &&
		has out "exit 1: event 2: the system has no memory for a malloc of" &&
		has err "the replay on malloc failed: exit 1: event 2" &&
		has err "the replay on mlx-cpu failed: exit 1: event 2"
}

killed() {
	one_malloc 7700002
	run 0 --baseline="$fragile" "$work/one.jsonl" &&
		has out "signal 9 (Killed)" && has err "failed: signal 9 (Killed)" &&
		has out "counters equal the simulation's" &&
		run 0 --baseline="$fragile" --format=json "$work/one.jsonl" &&
		has out '"exit":	"signal 9 (Killed)"'
}

# An installed one replays; another's absence is said with its Debian package.
known_baseline() {
	if run 0 --touch=none --baseline="$1" "$trace"; then
		has out "$1"
		return
	fi
	run 1 --touch=none --baseline="$1" "$trace" && silent &&
		has err "install the Debian package $2"
}

bad_baselines() {
	run 2 --baseline=jemaloc "$trace" && silent &&
		has err 'there is no baseline "jemaloc": expected jemalloc, mimalloc' &&
		run 1 --baseline=./nowhere.so "$trace" && silent &&
		has err "./nowhere.so: No such file or directory" &&
		run 1 --baseline=/dev/null "$trace" && silent &&
		has err "/dev/null: preloaded, it does not replace malloc"
}

wrong_use() {
	run 2 --runs=0 "$trace" && silent && run 2 --touch=some "$trace" && silent &&
		run 2 && silent && run 2 --timing "$trace" && silent
}

bad_trace() {
	echo "{}" >"$work/bad.jsonl"
	run 1 "$work/bad.jsonl" && silent && has err "bad.jsonl" &&
		run 1 "$work/nowhere.jsonl" && silent && has err "No such file"
}

# The hidden command does nothing unless a replay has started it.
by_hand() {
	"$memreplay" replay-child >"$work/out" 2>&1 </dev/null
	[ $? -eq 1 ] || return
	"$memreplay" replay-child 0 0 -1 $$ >>"$work/out" 2>&1 </dev/null
	[ $? -eq 1 ] && silent
}

inherited_signals() {
	env --ignore-signal=CHLD "$memreplay" replay --touch=none "$trace" >"$work/out" &&
		has out "counters equal the simulation's"
}

ok "table" table
ok "an overshoot that the policy allows" overshoot
for file in $traces; do
	ok "as simulated: ${file##*/}" as_simulated "$file"
done
random_trace >"$work/random.jsonl"
while read -r options; do
	for file in $train "$work/random.jsonl"; do
		# shellcheck disable=SC2086 # they are several words
		ok "as simulated: ${file##*/} $options" as_simulated "$file" $options
	done
done <<'POLICIES'
--policy=none
--set page=64 --set window_factor=5
--set round=pow2
--set round=1/8 --set on_full=evict
--set on_full=evict --set clear_every=300
--set max_blocks=120
--policy=mlx-metal
--policy=mlx-metal --set working_set=1M --set cache_limit=100K
--policy=mlx-metal --set max_blocks=90 --set round=1/4
--policy=mlx-metal --cache-limit=200K --set page=4K --set on_full=evict
--policy=mlx-cuda
--policy=mlx-cuda --set memory=2M
--policy=mlx-cuda --set max_blocks=100 --keep-limit-events --cache-limit=50K
POLICIES
ok "a malloc beyond max_blocks is a result" refused
ok "csv" csv
ok "expectations" expectations
ok "medians, and times of the loop only" medians
ok "a cache limit of one's own" limit_given
ok "from standard input" from_stdin
threads_trace >"$work/threads.jsonl"
ok "on threads" on_threads
ok "on threads, untouched, without clocks" on_threads --touch=none --timing=loop
ok "on threads, the table" threads_table
ok "on threads, expectations" threads_expected
ok "on a single thread of its own" single_thread
ok "on threads, with a policy that refuses" threads_refused
ok "more memory than the machine has is refused" too_large
if $sanitized; then
	skip "malloc without memory, forced" "not under a sanitizer"
	skip "on threads, without memory" "not under a sanitizer"
	skip "killed child" "not under a sanitizer"
	skip "known baselines" "not under a sanitizer"
else
	ok "malloc without memory, forced" forced
	ok "on threads, without memory" threads_without_memory
	ok "killed child" killed
	ok "baseline jemalloc" known_baseline jemalloc libjemalloc2
	ok "baseline mimalloc" known_baseline mimalloc libmimalloc2.0
	ok "baseline tcmalloc" known_baseline tcmalloc libtcmalloc-minimal4
fi
ok "bad baselines" bad_baselines
ok "wrong use" wrong_use
ok "bad trace" bad_trace
ok "hidden command by hand" by_hand
ok "child signals ignored by who started it" inherited_signals
end_tests
