#!/bin/sh
# SPDX-License-Identifier: MIT
# PyTorch's rules on memory snapshots: one of our own and, where they are, the
# recordings with ground truth, and what an independent model makes of them.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}
. "$top_srcdir/tests/tap.sh"

program=$top_builddir/memreplay
toy=$top_srcdir/traces/toy_torch.pickle.gz
shared=$top_srcdir/../shared/torch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# STATUS COMMAND...: the command exits with that status
exits() {
	want=$1
	shift
	"$@" >"$work/out"
	got=$?
	[ $got -eq "$want" ] || echo "exit $got: $*"
	[ $got -eq "$want" ]
}

exact() {
	exits 0 "$program" verify "$@" && grep -q 'exact *yes' "$work/out"
}

differs() {
	exits 3 "$program" verify "$@" 2>"$work/err" &&
		grep 'the policy gives' "$work/err"
}

made_anew() {
	python3 "$top_srcdir/tests/make_snapshot.py" "$work/toy.pickle.gz" 2>&1 &&
		exact "$work/toy.pickle.gz"
}

# FILE EXPECTATION OPTION...: under PyTorch's rules, from scratch
whatif() {
	file=$1
	want=$2
	shift 2
	exits 0 "$program" simulate --policy=torch-cuda --expect="$want" "$@" \
		"$shared/$file.pickle"
}

# FILE MIB OPTION...: the smallest device, and on one of 1 MiB less memory runs out
smallest() {
	file=$1
	mib=$2
	shift 2
	whatif "$file" 'ooms==0' --set memory="${mib}M" "$@" &&
		whatif "$file" 'ooms==1' --set memory="$((mib - 1))M" "$@"
}

same_jobs() {
	for jobs in 1 3; do
		"$program" sweep --alloc-conf= --alloc-conf=expandable_segments:True \
			--set memory=200M:320M:10M --jobs=$jobs "$toy" \
			>"$work/$jobs" || return
	done
	cmp "$work/1" "$work/3"
}

# The page is the same on any number of threads; a file's name is text on it.
page() {
	cp "$toy" "$work/<b>&.pickle.gz"
	for jobs in 1 3; do
		"$program" report --alloc-conf=expandable_segments:True --jobs=$jobs \
			-o "$work/$jobs.html" "$work/<b>&.pickle.gz" || return
	done
	cmp "$work/1.html" "$work/3.html" &&
		grep -q '&lt;b&gt;&amp;.pickle.gz</h1>' "$work/1.html" &&
		! grep -q '<b>&' "$work/1.html"
}

# FILE ID ROW COLUMN: the exact value, or the text, of a cell of the table in section
# ID; the first row is 1.
cell() {
	sed -n "/<section id=\"$2\">/,/<\/section>/p" "$1" |
		awk -v row="$3" -v column="$4" '
		{ all = all $0 }
		END {
			rows = split(all, tr, "<tr>")
			heads = split(tr[2], th, /<th[^>]*>/)
			for (i = 2; i <= heads; i++) {
				sub(/<.*/, "", th[i])
				if (th[i] == column)
					at = i
			}
			if (!at || row + 2 > rows)
				exit
			split(tr[row + 2], td, /<td[^>]*>/)
			if (!sub(/.*<data value="/, "", td[at]))
				sub(/<.*/, "", td[at])
			sub(/".*/, "", td[at])
			print td[at]
		}'
}

# CSV SECTION KEY: a figure of a command that printed CSV
figure() {
	sed -n "s/^$2,$3,//p" "$1"
}

# same WHAT A B
same() {
	[ -n "$2" ] && [ "$2" = "$3" ] && return
	echo "$1: $2 on the page, $3 elsewhere"
	return 1
}

# The table of settings: a row for those recorded and for each --alloc-conf, in order,
# each with the figures that sweep gives under these settings, and tune.
page_settings() {
	set -- "" expandable_segments:True roundup_power2_divisions:4
	"$program" report --alloc-conf=$2 --alloc-conf=$3 --set memory=300M \
		-o "$work/s.html" "$toy" || return
	"$program" tune --alloc-conf=$2 --alloc-conf=$3 --device-memory=300M \
		--format=csv "$toy" >"$work/tune" || return
	same name "$(cell "$work/s.html" settings 1 settings)" "as recorded" || return
	row=1
	for conf in "$@"; do
		"$program" sweep --policy=torch-cuda ${conf:+--alloc-conf=$conf} \
			--set memory=300M --format=csv "$toy" >"$work/sweep" || return
		same conf "$(cell "$work/s.html" settings $row 'alloc conf')" \
			"${conf:-none set}" || return
		for key in peak_reserved_bytes peak_allocated_bytes \
			fragmentation_at_peak retries ooms; do
			same "$conf $key" "$(cell "$work/s.html" settings $row \
				"$(echo $key | tr _ ' ')")" \
				"$(figure "$work/sweep" points,0 $key)" || return
		done
		same "$conf smallest" \
			"$(cell "$work/s.html" settings $row 'smallest device bytes')" \
			"$(figure "$work/tune" points,$((row - 1)) \
				smallest_device_bytes)" || return
		row=$((row + 1))
	done
	same "one row more" "$(cell "$work/s.html" settings $row settings)x" x
}

# NUMBER: the exact value of a card
card() {
	grep -o '<div class="card">.*</b>' "$work/s.html" | sed -n "$1s/.*value=\"//p" |
		sed 's/".*//'
}

page_cards() {
	"$program" report --policy=torch-cuda -o "$work/s.html" "$toy" &&
		"$program" simulate --policy=torch-cuda --format=csv "$toy" \
			>"$work/simulate" || return
	number=1
	for key in peak_reserved_bytes allocated_at_peak_bytes fragmentation_at_peak \
		peak_allocated_bytes; do
		same $key "$(card $number)" "$(figure "$work/simulate" result, $key)" ||
			return
		number=$((number + 1))
	done
}

# Who asked for the memory that was not there.
page_shortage() {
	"$program" report --policy=torch-cuda --set memory=255M -o "$work/s.html" \
		"$toy" &&
		grep -q '<b>Memory runs out at event 83</b>: 16.02 MiB asked for by ' \
			"$work/s.html" &&
		grep -q 'train.py:38 forward &lt; ' "$work/s.html"
}

# SIZE COUNT...: a trace of mallocs
mallocs() {
	echo '{"format":"alloc-trace","version":1}'
	id=0
	while [ $# -gt 0 ]; do
		last=$((id + $2))
		while [ $id -lt $last ]; do
			id=$((id + 1))
			echo "{\"op\":\"malloc\",\"id\":$id,\"size\":$1}"
		done
		shift 2
	done
}

# 70 segments of 12 MiB: the 64 with 1.5 MiB free are drawn, the rest are summed.
map_rows() {
	mallocs 11272192 6 11010048 64 >"$work/rows.jsonl"
	"$program" report -p torch-cuda -o "$work/m.html" "$work/rows.jsonl" || return
	grep -q 'ones: 70, with blocks: 140, after event 70, ' "$work/m.html" &&
		[ "$(grep -c 'aria-label="segment of 12 MiB, 1.500 MiB free"' \
			"$work/m.html")" = 64 ] &&
		[ "$(grep -c 'aria-label="segment of' "$work/m.html")" = 64 ] &&
		grep -q 'And 6 segments more, .* 72 MiB in all, of which 7.500 MiB are' \
			"$work/m.html"
}

# Blocks too small to draw become one, which says how many: 9 times 11, and one.
map_merges() {
	mallocs 512 100 11534336 1 >"$work/small.jsonl"
	"$program" report -p torch-cuda -o "$work/m.html" "$work/small.jsonl" || return
	grep -q 'ones: 2, with blocks: 102, after event 101, ' "$work/m.html" &&
		[ "$(grep -c '5.500 KiB in 11 blocks, 5.500 KiB not free' \
			"$work/m.html")" = 9 ] &&
		[ "$(grep -c ': 512 B allocated, 512 B requested<' \
			"$work/m.html")" = 1 ] &&
		[ "$(grep -c 'class="free" x="24.41"' "$work/m.html")" = 1 ]
}

page_refused() {
	exits 2 "$program" report --policy=torch-cuda -o "$work/no.html" "$toy" "$toy" &&
		exits 2 "$program" report --policy=torch-cuda --policy=mlx-cpu \
			-o "$work/no.html" "$toy" &&
		exits 2 "$program" report --alloc-conf= --cache-limit=1M \
			-o "$work/no.html" "$toy" &&
		exits 2 "$program" report --alloc-conf= --replay=x.json \
			-o "$work/no.html" "$toy" && [ ! -e "$work/no.html" ]
}

# A file that is no snapshot, or a damaged one, is an error and not a crash.
damaged() {
	gzip -dc "$toy" >"$work/toy.pickle"
	for length in 3 100 5000 50000; do
		head -c $length "$work/toy.pickle" >"$work/cut.pickle"
		exits 1 "$program" verify "$work/cut.pickle" || return
	done
}

ok "our own snapshot: every address, segment and block" exact "$toy"
ok "the retry comes of a device of 276 MiB" exact --set memory=276M "$toy"
ok "and of 295 MiB" exact --set memory=295M "$toy"
ok "not of 296 MiB" differs --set memory=296M "$toy"
ok "nor of 275 MiB" differs --set memory=275M "$toy"
ok "under other settings it differs" differs --alloc-conf=roundup_power2_divisions:4 \
	"$toy"
if command -v python3 >/dev/null; then
	ok "made anew, by a model in Python" made_anew
else
	skip "made anew, by a model in Python" "no python3"
fi
ok "several traces or policies, or what is of a cache, make no page" page_refused
if command -v gnuplot >/dev/null; then
	ok "the page is the same on any number of threads, and safe" page
	ok "its table of settings" page_settings
	ok "its cards" page_cards
	ok "who asked for what could not be had" page_shortage
	ok "the segments that are not drawn are summed" map_rows
	ok "blocks too small to draw are merged" map_merges
else
	skip "pages" "no gnuplot"
fi
ok "a sweep is the same on any number of threads" same_jobs
ok "a damaged snapshot is refused" damaged

# A case of a recording; .ci/run tells by the name that a tarball has it not.
recorded() {
	name=$1
	shift
	ok "../shared/torch/$name" "$@"
}

if [ ! -d "$shared" ]; then
	skip "../shared/torch/: recordings with ground truth" "not there"
	end_tests
fi

for file in gpt_forward_ctx512_mixed gpt_fullstep_ctx128 octree_infer_24g octree_train; do
	recorded "$file: exact" exact "$shared/$file.pickle"
done
recorded "npu_expandable: exact" exact --policy=torch-npu "$shared/npu_expandable.pickle"
recorded "npu_expandable: not without the 32 bytes" \
	differs --policy=torch-npu --set extra=0 "$shared/npu_expandable.pickle"
recorded "npu_expandable: nor without the alignment" \
	differs --policy=torch-npu --set align=0 "$shared/npu_expandable.pickle"
octree=$shared/octree_infer_24g.pickle
recorded "octree_infer_24g: the retry comes of a device of 21,166 MiB" \
	exact --set memory=21166M "$octree"
recorded "octree_infer_24g: and of 24,023 MiB" exact --set memory=24023M "$octree"
recorded "octree_infer_24g: not of 24,024 MiB" differs --set memory=24024M "$octree"

# what an independent model found, in MiB; see ../shared/torch/README.md
while read -r file mib conf; do
	recorded "$file reserves $mib MiB: $conf" \
		whatif "$file" "peak_reserved_bytes==${mib}M" --alloc-conf="$conf"
done <<'FIGURES'
gpt_fullstep_ctx128 58280
gpt_fullstep_ctx128 58744 max_split_size_mb:64
gpt_fullstep_ctx128 58438 max_split_size_mb:128
gpt_fullstep_ctx128 58280 max_split_size_mb:512
gpt_fullstep_ctx128 73518 roundup_power2_divisions:2
gpt_fullstep_ctx128 64256 roundup_power2_divisions:4
gpt_fullstep_ctx128 60080 roundup_power2_divisions:8
gpt_fullstep_ctx128 52940 expandable_segments:True
octree_infer_24g 24024
octree_infer_24g 27836 max_split_size_mb:64
octree_infer_24g 27756 max_split_size_mb:128
octree_infer_24g 27756 max_split_size_mb:512
octree_infer_24g 29650 roundup_power2_divisions:2
octree_infer_24g 24710 roundup_power2_divisions:4
octree_infer_24g 24708 roundup_power2_divisions:8
octree_infer_24g 21322 expandable_segments:True
octree_infer_24g 33376 max_split_size_mb:20
octree_infer_24g 27836 max_split_size_mb:22
FIGURES
# the same model, whose address space was that of a device of 80 GiB; without end
# the segment grows on and on
while read -r range mib split; do
	recorded "octree_infer_24g grows to $mib MiB in ranges of $range" \
		whatif octree_infer_24g "peak_reserved_bytes==${mib}M" \
		--alloc-conf="expandable_segments:True,max_split_size_mb:$split" \
		--set range="$range"
done <<'FIGURES'
90G 125102 128
90G 156862 512
0 690782 128
FIGURES
recorded "octree_infer_24g grows to 78862 MiB on a device of 80000 MiB" \
	whatif octree_infer_24g peak_reserved_bytes==78862M --set memory=80000M \
	--alloc-conf=expandable_segments:True,max_split_size_mb:128
# tune: what it reserves if never full, in the addresses of the device
tune_keeps_range() {
	"$program" tune --format=csv --device-memory=80G "$octree" \
		--alloc-conf=expandable_segments:True,max_split_size_mb:128 \
		>"$work/tune" 2>"$work/err" &&
		grep -q '^points,1,peak_reserved_bytes,131178954752$' "$work/tune" &&
		grep -q 'known to run away.* reserves 122.2 GiB at most' "$work/err"
}
recorded "octree_infer_24g: tune warns of it" tune_keeps_range
while read -r file mib conf; do
	recorded "$file fits $mib MiB and no less: $conf" \
		smallest "$file" "$mib" --alloc-conf="$conf"
done <<'FIGURES'
gpt_fullstep_ctx128 52694
gpt_fullstep_ctx128 52674 max_split_size_mb:128
gpt_fullstep_ctx128 52938 expandable_segments:True
octree_infer_24g 21166
octree_infer_24g 18684 max_split_size_mb:128
octree_infer_24g 18722 expandable_segments:True
FIGURES
end_tests
