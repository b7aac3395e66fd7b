#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory snapshots of PyTorch: small ones of our own and, where they are, those
# that other people made, each held against a second reading by Python.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}
. "$top_srcdir/tests/tap.sh"

program=$top_builddir/memreplay
corpus=$top_srcdir/tests/corpus
shared=$top_srcdir/../shared
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# agrees FILE DEVICE: with each meaning of a free
agrees() {
	for when in completed requested; do
		"$program" convert --free-at=$when "$1" "$work/t.jsonl" || return
		python3 "$top_srcdir/tests/snapshots.py" "$1" "$work/t.jsonl" "$2" \
			$when || return
	done
}

# counts FILE LIVE TEXT: what the second reading counts, and what a simulation has
# live at the end
counts() {
	agrees "$1" 0 | sort -u >"$work/counts"
	echo "$3" | diff - "$work/counts" &&
		"$program" simulate --policy=none --expect="live_blocks==$2" "$1"
}

# The events are the same whatever the protocol.
same_events() {
	for protocol in 2 3 5; do
		"$program" convert "$corpus/good-snapshot-protocol-$protocol.pickle" \
			"$work/$protocol.jsonl" || return
	done
	"$program" convert "$corpus/good-snapshot-protocol-4.pickle" "$work/4.jsonl"
	cmp "$work/2.jsonl" "$work/4.jsonl" && cmp "$work/3.jsonl" "$work/4.jsonl" &&
		cmp "$work/5.jsonl" "$work/4.jsonl"
}

# small BYTES TEXT: a hostile pickle, text again and again, is refused in 64 MiB
small() {
	{
		printf '\200\004'
		yes "$2" | tr -d '\n' | head -c "$1"
	} >"$work/hostile.pickle"
	(
		ulimit -v 65536
		"$program" info "$work/hostile.pickle" 2>"$work/stderr"
	)
	[ $? -eq 1 ] && grep "byte [0-9]*: " "$work/stderr"
}

if ! command -v python3 >/dev/null; then
	skip "snapshots as Python reads them" "no python3"
	end_tests
fi
for file in "$corpus"/good-snapshot-*; do
	case $file in
	*traces-first*) device=1 ;;
	*) device=0 ;;
	esac
	ok "$(basename "$file")" agrees "$file" $device
done
ok "protocols 2 to 5 mean the same" same_events
if [ -n "${SANITIZE_CFLAGS-}" ]; then
	skip "hostile pickles in 64 MiB" "sanitizers need more"
else
	ok "lists and nothing else, 40 MB" small 40000000 ']'
	ok "marks" small 40000000 '('
	ok "numbers" small 40000000 'KA'
	ok "dicts in a memo" small 40000000 '}q '
	ok "texts that claim 2 GB" small 1000000 'X...z'
fi

# FOLDER NAME and what the second reading counts: events, allocs, frees, frees of
# older blocks, older blocks, live at the end
while read -r folder name a b c d e f; do
	text="$a events, $b allocs, $c frees, $d of older blocks; $e older blocks,"
	text="$text $f live at the end, 0 differ"
	if [ -d "$shared/$folder" ]; then
		ok "/shared/$folder/$name" counts "$shared/$folder/$name.pickle" \
			"$f" "$text"
	else
		skip "/shared/$folder/$name" "not there"
	fi
done <<END
public/pytorch-snapshots gpt_forward_mixed 8948 4138 2405 1 1745 3478
public/pytorch-snapshots gpt_fullstep 19464 6488 6488 329 1313 1313
public/pytorch-snapshots gpt_train_new_schema 6486 2162 2162 222 447 447
public/pytorch-snapshots legacy_2023_one_event 1 0 0 0 460 460
torch gpt_forward_ctx512_mixed 6765 2702 1414 0 325 1613
torch gpt_fullstep_ctx128 19342 6771 5894 0 324 1201
torch octree_infer_24g 3092 1023 1021 0 43 45
torch octree_train 3797 1491 1129 0 37 399
torch npu_expandable 8132 2899 2574 0 320 645
END
end_tests
