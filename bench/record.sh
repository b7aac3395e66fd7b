#!/bin/sh
# SPDX-License-Identifier: MIT
# What recording costs the recorded program: the same program alone, under
# `memreplay record` and under heaptrack (if it is there), in turn, RUNS times.
# Prints ns an event: the median and the range, what the recording adds, and the
# ratio; of threads, of wall time, in which they also wait for each other and for
# cores, and of CPU time. The recordings lie in $TMPDIR, whose disk takes part in the
# result.
#
#     record.sh [threads]     threads: only the rows on threads, no heaptrack

: "${top_builddir:=.}" "${RUNS:=5}" "${EVENTS:=4000000}"
build=$(cd "$top_builddir" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
ways="alone recorded"
[ "$1" = threads ] || ! command -v heaptrack >/dev/null || ways="$ways heaptrack"

# run WAY COMMAND...: the command's last line, which has ns, and maybe ns of CPU time
run() {
	way=$1
	shift
	rm -f t.mrt.gz* data*
	case $way in
	alone) "$@" ;;
	recorded) "$build/memreplay" record -o t.mrt.gz "$@" 2>said ;;
	heaptrack) heaptrack --raw -o data "$@" 2>&1 | grep -x '[0-9][0-9. ]*' ;;
	esac | tail -n 1
}

# spread FIELD: the median, the least and the most
spread() {
	awk -v field="$1" '{ print $field }' | sort -n |
		awk '{ of[NR] = $1 } END { print of[int((NR + 1) / 2)], of[1], of[NR] }'
}

# report NAME FIELD: what each way took
report() {
	base=$(spread "$2" <alone.ns)
	for way in $ways; do
		spread "$2" <"$way.ns" |
			awk -v name="$1" -v way="$way" -v base="${base%% *}" \
			'{ printf "%-14s %-10s %10.1f ns %10.1f-%-10.1f %+10.1f ns %6.2f x\n",
				name, way, $1, $2, $3, $1 - base, $1 / base }'
	done
}

# row NAME COMMAND...: the command prints ns
row() {
	name=$1
	shift
	for i in $(seq "$RUNS"); do
		for way in $ways; do
			run "$way" "$@" >>"$way.ns"
		done
	done
	report "$name" 1
	! grep -q ' ' alone.ns || report "$name, CPU" 2
	rm ./*.ns
	grep -o "[0-9,]* dropped.*" said
}

python_loop="import json, time
text = json.dumps([{'key %d' % i: [i, str(i), {'a': i}]} for i in range(2000)])
start = time.perf_counter()
for i in range(20):
    json.loads(text)
print('%.1f' % ((time.perf_counter() - start) * 1e9 / 20))"

# 30 steps of training; an "event" is one of them
training="import time, torch
torch.manual_seed(1)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(),
                          torch.nn.Linear(512, 10))
optimizer = torch.optim.Adam(net.parameters())
for step in range(40):
    if step == 10:
        start = time.perf_counter()
    x, y = torch.randn(128, 256), torch.randint(0, 10, (128,))
    loss = torch.nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print('%.1f' % ((time.perf_counter() - start) * 1e9 / 30))"

printf '%-14s %-10s %13s %21s %13s %8s\n' program way 'an event' range added ratio
row "1 thread" "$build/bench/churn" "$EVENTS"
row "4 threads" "$build/bench/churn" $((EVENTS / 4)) 4
[ "$1" != threads ] || exit 0
# its "event" is a text of 170 KB parsed
! /usr/bin/python3 -c 'import torch' 2>/dev/null ||
	row "torch step" /usr/bin/python3 -c "$training"
export PYTHONMALLOC=malloc
[ ! -x /usr/bin/python3 ] || row "python json" /usr/bin/python3 -c "$python_loop"
