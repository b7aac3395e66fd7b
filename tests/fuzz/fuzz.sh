#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh TARGETS FLAG...: builds the fuzz targets with clang and FLAGs, and runs
# each of TARGETS (alloc-any, sim-any, torch-any, read-any, read-FORMAT, ...; empty:
# all) for $TIME seconds in fuzz/ of the working directory. What is found is left there as
# TARGET-crash-*, -timeout-* or -oom-*; inputs that reach new code are kept in
# fuzz/TARGET. Called by `make fuzz`.

clang=${CLANG:-clang}
targets=$1
shift
mkdir -p fuzz/obj || exit 1

# Compiles what is newer than its object, then links.
build() {
	set -- -std=gnu17 -g -O1 -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all "-I$srcdir/include" "-I$srcdir/src" "$@"
	objects=
	for source in $SOURCES; do
		case $source in
		*.h) continue ;;
		esac
		object=fuzz/obj/$(echo "${source%.c}" | tr / _).o
		objects="$objects $object"
		newer=$(find "$srcdir/src" "$srcdir/include" -name '*.h' -newer "$object" 2>&1)
		[ "$object" -nt "$srcdir/$source" ] && [ -z "$newer" ] && continue
		$clang "$@" -c "$srcdir/$source" -o "$object" || return
	done
	for source in "$srcdir"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$source" .c)
		# shellcheck disable=SC2086
		$clang "$@" -fsanitize=fuzzer "$source" $objects $LIBS \
			-o "fuzz/$name" || return
	done
}

# All there is: the names that the targets know.
all_targets() {
	echo alloc-any sim-any torch-any read-any
	sed -n 's/^	row("\([a-z-]*\)".*/read-\1/p' "$srcdir/src/trace/format.c"
}

# run TARGET
run() {
	program=fuzz/fuzz_$1
	ln -f "fuzz/fuzz_${1%%-*}" "$program" || return
	mkdir -p "fuzz/$1"
	seeds=$srcdir/tests/fuzz/${1%%-*}
	[ "${1%%-*}" = read ] && seeds="$seeds $srcdir/tests/corpus"
	echo "=== $1"
	# shellcheck disable=SC2086
	"$program" -max_total_time="$TIME" -timeout=300 -rss_limit_mb=1024 \
		-malloc_limit_mb=256 -max_len=65536 -artifact_prefix="fuzz/$1-" \
		-print_final_stats=1 -verbosity=0 \
		"fuzz/$1" $seeds 2>"fuzz/$1.log"
	status=$?
	grep -aE '^stat::(number|average|peak)|SUMMARY|not so' "fuzz/$1.log"
	[ "$status" -eq 0 ] || echo "$1: status $status; see fuzz/$1.log"
	return "$status"
}

build "$@" || exit 1
failed=0
for target in ${targets:-$(all_targets)}; do
	run "$target" || failed=$((failed + 1))
done
[ "$failed" -eq 0 ]
