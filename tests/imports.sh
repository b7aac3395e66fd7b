#!/bin/sh
# SPDX-License-Identifier: MIT
# What mtrace() and heaptrack really write of a real program is imported whole,
# and files that others have published come to what is known of them, where they
# are there: top_srcdir/../shared/public.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}"
program=$(cd "$top_builddir" && pwd)/memreplay
public=$top_srcdir/../shared/public/other
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# figure FILE NAME: one from info
figure() {
	"$program" info --format=csv "$1" 2>"$work/said" |
		sed -n "s/^[a-z]*,,$2,//p" | tr -d '\r'
}

# balanced FILE MALLOCS BYTES: as many, all freed, save `more` of others at most
balanced() {
	mallocs=$(figure "$1" mallocs)
	frees=$(figure "$1" frees)
	bytes=$(figure "$1" requested_bytes)
	echo "$mallocs mallocs of $bytes bytes, $frees frees; expected $2 of $3"
	cat "$work/said"
	[ "$frees" -ge "$2" ] && [ "$mallocs" -ge "$frees" ] && [ "$bytes" -ge "$3" ] &&
		[ "$mallocs" -le $(($2 + more)) ]
}

# says FILE TEXT: import says it
says() {
	"$program" info "$1" 2>&1 >/dev/null | grep -F "$2"
}

# The program runs under glibc's recorder; no other thing is between the calls.
by_mtrace() {
	more=0
	MALLOC_TRACE=$work/a.mtrace LD_PRELOAD=libc_malloc_debug.so.0 \
		"$work/program" >"$work/counts" || return
	read -r mallocs bytes <"$work/counts"
	balanced "$work/a.mtrace" "$mallocs" "$bytes" && says "$work/a.mtrace" ": exact"
}

# heaptrack sees more than main(): stdio's buffer and the like.
by_heaptrack() {
	more=10
	(cd "$work" && heaptrack $2 -o "$work/$1" "$work/program") \
		>"$work/counts" 2>&1 || return
	set -- "$work/$1".*
	mv "$1" "$work/packed"
	zstd -qdcf "$work/packed" >"$work/plain" ||
		gzip -dc "$work/packed" >"$work/plain" || return
	read -r mallocs bytes <<-EOF
		$(grep -E '^[0-9]+ [0-9]+$' "$work/counts")
	EOF
	balanced "$work/plain" "$mallocs" "$bytes"
}

raw() {
	by_heaptrack raw --raw && says "$work/plain" ": exact"
}

# heaptrack's own statistic, by its name
statistic() {
	sed -n "s/^	$1: *\t*\([0-9]*\)\$/\1/p" "$work/counts"
}

interpreted() {
	by_heaptrack interpreted "" && says "$work/plain" "paired by size" || return
	cat "$work/counts"
	[ "$(figure "$work/plain" mallocs)" = "$(statistic allocations)" ] &&
		[ "$(figure "$work/plain" live_blocks)" = \
			"$(statistic "leaked allocations")" ]
}

# What was packed with zstd is read as it is, or refused by name.
packed() {
	"$program" info "$work/packed" >"$work/info" 2>"$work/said" &&
		grep -q heaptrack "$work/info" ||
		grep -F "built without libzstd" "$work/said"
}

# published FILE MALLOCS PEAK: all are freed, and this much is live at once
published() {
	mallocs=$(figure "$public/$1" mallocs)
	peak=$(figure "$public/$1" peak_requested_bytes)
	echo "$mallocs mallocs, peak $peak"
	[ "$mallocs" = "$2" ] && [ "$(figure "$public/$1" frees)" = "$2" ] &&
		[ "$peak" = "$3" ] && says "$public/$1" ": exact"
}

tried="what mtrace() writes"
if ! ${CC:-cc} -std=gnu17 "$top_srcdir/tests/program.c" -o "$work/program"; then
	skip "$tried" "this C library has no mtrace()"
elif ! LD_PRELOAD=libc_malloc_debug.so.0 true 2>&1 | wc -c | grep -qx 0; then
	skip "$tried" "no libc_malloc_debug.so.0"
else
	ok "$tried" by_mtrace
fi
tried="what heaptrack records and interprets"
if ! [ -x "$work/program" ] || ! command -v heaptrack >/dev/null; then
	skip "$tried" "heaptrack is not installed"
elif [ "$(class_of "$work/program")" != "$(class_of /bin/sh)" ]; then
	skip "$tried" "the system's heaptrack is of another word size"
else
	ok "what heaptrack records" raw
	ok "what heaptrack interprets" interpreted
	ok "what heaptrack packs" packed
fi
if [ -d "$public" ]; then
	ok "$public: minimalloc A" published minimalloc_A.csv 154 1048576
	ok "$public: minimalloc K" published minimalloc_K.csv 454 1048576
	ok "$public: AlexNet" published alexnet_train_intervals.log 193 1443669632
else
	skip "$public" "it is not there"
fi
end_tests
