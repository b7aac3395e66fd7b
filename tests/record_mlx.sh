#!/bin/sh
# SPDX-License-Identifier: MIT
# Recordings of MLX's allocator: of a stand-in for MLX, in all the ways in which
# programs come to have one, under a program whose threads, streams and changes
# of limits get in each other's way. `verify` must find no difference: every
# capacity, hit and counter is as the policy says. RUNS=200 (make check-deadlock)
# looks for deadlocks longer. TAP.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}" "${CC:=cc}" "${CXX:=c++}" "${RUNS:=2}" "${ROUNDS:=3000}"
source=$(cd "$top_srcdir/tests/mlx" && pwd)
memreplay=$(cd "$top_builddir" && pwd)/memreplay
unset LD_PRELOAD

if $CC -dM -E -x c /dev/null | grep -q '__SIZEOF_POINTER__ 4$'; then
	echo "1..0 # SKIP MLX is for machines of 64 bits, and named so by its functions"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

compile() {
	$CXX -std=c++17 -O2 -g -fPIC -pthread -fvisibility=hidden "$@"
}

build() {
	mkdir plain symbolic &&
		compile -shared -o plain/libmlx.so "$source/libmlx.cpp" &&
		compile -shared -Wl,-Bsymbolic -o symbolic/libmlx.so \
			"$source/libmlx.cpp" &&
		compile -o linked "$source/main.cpp" "$source/work.cpp" -Lplain -lmlx &&
		compile -shared -o module.so "$source/work.cpp" -Lplain -lmlx &&
		$CC -o load "$source/load.c" -Wl,-rpath,"$work" -ldl
}
ok "the stand-in and its programs build" build

# record WAY OPTION...: once, with the libmlx in the folder $mlx
record() {
	way=$1
	shift
	options=$*
	case $way in
	linked) set -- ./linked "$ROUNDS" ;;
	local) set -- ./load ./module.so "$ROUNDS" ;;
	named) set -- ./load module.so "$ROUNDS" ;; # which only load can find
	python) set -- python3 -c "import ctypes
raise SystemExit(ctypes.CDLL('./module.so').work(ctypes.c_long($ROUNDS)))" ;;
	esac
	rm -f ./*.mrt.gz ./*.spool
	LD_LIBRARY_PATH=$work/$mlx timeout 120 \
		"$memreplay" record $options -o t.mrt.gz "$@" 2>said
	status=$?
	cat said
	[ $status -eq 0 ] && ! ls ./*.spool 2>/dev/null
}

figure() {
	sed -nE "s/.*\"$1\":[[:space:]]*([0-9]+).*/\1/p" verified
}

# Every free and malloc is there: 2 * ROUNDS arrays and the scratch of each.
proved() {
	"$memreplay" verify --format=json t.mrt.gz >verified
	status=$?
	cat verified
	[ $status -eq 0 ] && [ "$(figure differences)" -eq 0 ] &&
		[ "$(figure caps_checked)" -eq $((4 * ROUNDS + 2)) ] &&
		[ "$(figure hits_checked)" -eq $((4 * ROUNDS + 2)) ] &&
		[ "$(figure counters_checked)" -gt $((8 * ROUNDS / 50)) ] || return
	zcat t.mrt.gz | tail -c 900 | grep -ao '"dropped_events":0.*' | grep -v unordered
}

runs() {
	run=0
	while [ $run -lt "$RUNS" ]; do
		record "$1" --counters=50 && proved || return
		run=$((run + 1))
	done
}

for mlx in plain symbolic; do
	ok "$mlx libmlx, linked" runs linked
	ok "$mlx libmlx, loaded for a module alone" runs local
	if command -v python3 >/dev/null; then
		ok "$mlx libmlx, loaded by Python" runs python
	else
		skip "$mlx libmlx, loaded by Python" "there is no python3"
	fi
done

mlx=plain
ok "plain libmlx, loaded for a module that is found by name" runs named
events() {
	zcat t.mrt.gz | tail -c 900 | grep -ao "\"events\":$1[,}]"
}
source_is() {
	"$memreplay" info t.mrt.gz | grep -x " *source *$1"
}
# What malloc was called for before MLX came does not count.
bounded() {
	record local --max-events=100 && events 100 && source_is mlx &&
		record local --max-file=600K && source_is mlx && grep max-file said
}
ok "bounds are those of MLX's events" bounded
asked_malloc() {
	record linked --layer=malloc && source_is malloc &&
		"$memreplay" simulate t.mrt.gz >simulated
}
ok "--layer=malloc records malloc under MLX" asked_malloc
asked_mlx() {
	record linked --layer=mlx --counters=0 && source_is mlx &&
		"$memreplay" verify --format=json t.mrt.gz >verified &&
		[ "$(figure counters_checked)" -eq 1 ]
}
ok "--layer=mlx; counters at the end alone" asked_mlx

end_tests
