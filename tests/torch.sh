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
