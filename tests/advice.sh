#!/bin/sh
# SPDX-License-Identifier: MIT
# Follows the advice of every finding on the shipped traces, and sees whether it
# gives what the finding says, and gains.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}"
memreplay=$top_builddir/memreplay

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# TRACE [OPTION...]: the findings, a line "row,key,value" each.
findings() {
	"$memreplay" simulate --findings=always --format=csv "$@" |
		sed -n 's/^findings,//p'
}

# ROW KEY: a figure of a finding.
of() {
	sed -n "s/^$1,$2,//p" "$work/findings" | sed 's/^"\(.*\)"$/\1/; s/""/"/g'
}

# NAME: a figure of the simulation with the advice.
now() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		NR == 2 { print $at[name] }' "$work/after"
}

# ROW: whether one figure at least is better with the advice.
gains() {
	[ "$(of "$1" hits_then)" -gt "$(of "$1" hits)" ] ||
		[ "$(of "$1" byte_hit_rate_then)" != "$(of "$1" byte_hit_rate)" ] ||
		[ "$(of "$1" peak_cached_bytes_then)" -lt \
			"$(of "$1" peak_cached_bytes)" ]
}

# ROW TRACE [OPTION...]
holds() {
	row=$1
	shift
	eval "set -- \"\$@\" $(of "$row" advice)"
	"$memreplay" simulate --findings=never --format=csv "$@" \
		>"$work/after" 2>"$work/err" || return
	for key in hits hit_rate byte_hit_rate peak_cached_bytes peak_total_bytes; do
		[ "$(of "$row" "${key}_then")" = "$(now $key)" ] || {
			echo "$*: $key is $(now $key), not $(of "$row" "${key}_then")"
			return 1
		}
	done
	gains "$row"
}

# KIND TRACE [OPTION...]: all findings hold, and one is of this kind.
advice() {
	kind=$1
	shift
	findings "$@" >"$work/findings" || return
	grep -q ",kind,$kind$" "$work/findings" || return
	for row in $(sed -n 's/,kind,.*//p' "$work/findings"); do
		holds "$row" "$@" || return
	done
}

nothing() {
	findings "$@" >"$work/findings"
	[ ! -s "$work/findings" ]
}

# How sizes make mallocs miss is told once, and the other way in place of that one.
sizes_once() {
	findings "$@" >"$work/findings" || return
	[ "$(grep -c ',kind,window$\|,kind,round$' "$work/findings")" = 2 ] &&
		[ "$(grep -c 'misses found only smaller' "$work/findings")" = 1 ] &&
		[ "$(grep -c '"\?In place of finding [12],' "$work/findings")" = 1 ]
}

# NAME: a clear is advised at a phase of that name, as JSON has it, and can be followed
# by a shell; nothing of the name reaches the terminal but what is text.
named() {
	"$memreplay" convert "$traces/phase_change.mrt.gz" - --to=jsonl 2>/dev/null |
		sed "s|phase infer|$1|" >"$work/named.jsonl"
	advice clear "$work/named.jsonl" || return
	"$memreplay" simulate "$work/named.jsonl" >"$work/table" 2>/dev/null &&
		! LC_ALL=C grep -q "$(printf '\302\233')" "$work/table"
}

# Of a name that is too long for it nothing is advised.
unnamed() {
	name=$(printf '%0307d' 0 | tr 0 n)
	named "${name%n}" && grep -q nnn "$work/findings" || return
	named "$name"
	! grep -q nnn "$work/findings"
}

# A block that comes and goes, and at last one for which a cached one leaves no room.
{
	echo '{"format":"alloc-trace","version":1}'
	echo '{"op":"malloc","id":1,"size":100}'
	for id in 2 3 4 5 6 7 8 9; do
		echo "{\"op\":\"malloc\",\"id\":$id,\"size\":200}"
		echo "{\"op\":\"free\",\"id\":$id}"
	done
	echo '{"op":"malloc","id":10,"size":300}'
} >"$work/full.jsonl"

traces=$top_srcdir/traces
ok "a larger limit" advice raise_limit "$traces/mlp_train.mrt.gz"
ok "a clear between phases" advice clear "$traces/phase_change.mrt.gz"
ok "at a phase whose name a shell could take for commands" named \
	"it's \`false\`; '"
ok "at one whose name has a control character" named 'a\\u009b31mb'
ok "at one whose name is long" unnamed
ok "size classes" advice round "$traces/decode_step256_1m.mrt.gz"
ok "a wider window" advice window "$traces/mlp_train.mrt.gz"
ok "a smaller limit" advice lower_limit "$traces/limits.mrt.gz"
ok "two ways to treat sizes" sizes_once "$traces/decode_step256_1m.mrt.gz"
ok "no limit at all" advice lower_limit "$traces/mlp_train.mrt.gz" \
	--cache-limit=unlimited
ok "not to evict" advice on_full "$traces/mlp_train.mrt.gz" --set on_full=evict
ok "under another policy" advice raise_limit "$traces/phase_change.mrt.gz" \
	--policy=mlx-metal --cache-limit=16M
ok "with a clear already" advice raise_limit "$traces/phase_change.mrt.gz" \
	--clear-at="phase infer"
ok "windows no wider than there are" advice window "$traces/limits.mrt.gz" \
	--set page=2 --set window_pages=4100
ok "a limit far beyond all memory" nothing "$traces/mlp_train.mrt.gz" \
	--cache-limit=9000000000000000000 --set window_pages=1048576
ok "a cache where there is none" advice raise_limit "$work/full.jsonl" \
	--policy=mlx-metal --cache-limit=0 --set memory_limit=600
ok "nothing for which a malloc fails" nothing "$work/full.jsonl" \
	--policy=mlx-metal --cache-limit=0 --set memory_limit=600 --set max_blocks=2
ok "plain malloc has no advice" nothing "$traces/mlp_train.mrt.gz" --policy=none
end_tests
