#!/bin/sh
# SPDX-License-Identifier: MIT
# Profiles of PyTorch: small ones of our own and, where they are, those that other
# people made, each held against a second reading by Python.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}
. "$top_srcdir/tests/tap.sh"

program=$top_builddir/memreplay
corpus=$top_srcdir/tests/corpus
shared=$top_srcdir/../shared
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# counts FILE DEVICE TYPE ID TEXT: what the second reading counts
counts() {
	"$program" convert --device="$2" "$1" "$work/t.jsonl" &&
		python3 "$top_srcdir/tests/kineto.py" "$1" "$work/t.jsonl" "$3" "$4" \
			>"$work/counts" &&
		echo "$5" | diff - "$work/counts"
}

if ! command -v python3 >/dev/null; then
	skip "profiles as Python reads them" "no python3"
	end_tests
fi
# FILE DEVICE TYPE ID and what the second reading counts
while read -r file device type id m f t p o l; do
	text="$m mallocs, $f frees, $t totals, $p paired, $o older, $l live"
	case $file in
	good-*) path=$corpus/$file ;;
	*) path=$top_srcdir/..$file ;;
	esac
	if [ -f "$path" ]; then
		ok "$file $device" counts "$path" "$device" "$type" "$id" "$text"
	else
		skip "$file $device" "not there"
	fi
done <<END
good-kineto.json cpu 0 -1 3 2 5 0 0 1
good-kineto-list.json cpu 0 -1 3 2 5 0 0 1
good-kineto-older.json cpu 0 -1 1 2 3 0 1 0
good-kineto-no-addr.json cpu 0 -1 3 3 0 2 1 1
good-kineto-cuda.json cuda 1 1 1 1 0 0 0 0
good-kineto-fraction.json type77:3 77 3 1 1 0 0 1 1
good-kineto-breaks.json cpu 0 -1 3 1 0 0 0 1
/shared/public/kineto/hta_v100_2022.json.gz cpu 0 -1 620 620 1240 0 0 0
/shared/public/kineto/hta_v100_2022.json.gz cuda:1 1 1 13385 13385 26770 0 0 0
/shared/public/kineto/resnet50_2021_no_addr.pt.trace.json.gz cpu 0 -1 1350 1350 0 1350 0 0
/shared/public/kineto/resnet50_2021_no_addr.pt.trace.json.gz cuda 1 0 4140 4140 0 4140 0 0
/shared/traces/torch_cpu_gpt_train.kineto.json.gz cpu 0 -1 3285 3232 6517 0 0 53
END
end_tests
