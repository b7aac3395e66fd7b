#!/bin/sh
# SPDX-License-Identifier: MIT
# The rules of HACKING.md that a machine can measure, over all of the source.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}" "${CC:=cc}" "${CXX:=c++}"
cd "$top_srcdir" || exit 1
case $top_builddir in
/*) build=$top_builddir ;;
*) build=$OLDPWD/$top_builddir ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

code=$(find src include tests bench examples -name '*.[ch]' | sort)
library='src/base src/trace src/alloc src/sim src/replay'
texts=$(find src include tests bench examples man traces .ci -type f \
	! -path '*/.deps/*' ! -path '*/.libs/*' ! -name '*.o' ! -name '*.lo' \
	! -name '*.log' ! -name '*.trs' | sort)
texts="$texts quickstart configure.ac Makefile.am $(ls ./*.md ./*.in 2>/dev/null |
	grep -v Makefile.in)"

# Fails, with what it reads, if it reads anything.
nothing() {
	! grep .
}

# --- sizes

# One is longer: all that children of a replay can do wrong.
long_files() {
	wc -l $code | grep -v ' tests/check_replay.c$' |
		awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }' |
		nothing
}

long_lines() {
	for file in $code tests/*.sh quickstart .ci/run; do
		expand -t 8 "$file" | awk -v file="$file" \
			'length($0) > 90 { print file ":" NR ": " length($0) " columns" }'
	done | nothing
}

build_files() {
	wc -l configure.ac Makefile.am | awk '
		$2 == "configure.ac" && $1 > 60 || $2 == "Makefile.am" && $1 > 150 {
			print $2 ": " $1 " lines" }' | nothing
}

# FILE NAME LENGTH of every function
functions() {
	ctags -x --_xformat='%F %N %n %{end}' --kinds-C=f --languages=C --fields=+ne \
		$code | awk '{ print $1, $2, $4 - $3 + 1 }'
}

long_functions() {
	functions | awk '$3 > 80 { print $1 ": " $2 "() has " $3 " lines" }' | nothing
}

# nine functions of ten are short
ninetieth_percentile() {
	functions | awk '{ print $3 }' | sort -n | awk '
		{ length_of[NR] = $1 }
		END {
			p90 = length_of[int((NR * 9 + 9) / 10)]
			if (NR == 0 || p90 > 45)
				print "p90 of " NR " functions: " p90 " lines"
		}' | nothing
}

# --- form

formatted() {
	clang-format --dry-run --Werror $code
}

licence_lines() {
	for file in $code; do
		head -n 1 "$file" | grep -qx '/\* SPDX-License-Identifier: MIT \*/' ||
			echo "$file: no SPDX line"
	done | nothing
}

nameless_files() {
	printf '%s\n' $texts | grep -iE '/(utils?|common|misc|helpers?|old)[./]' | nothing
}

unfinished() {
	grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $code | nothing
}

machine_paths() {
	before='(^|[^a-zA-Z0-9_.$/-])'
	grep -nIE "$before/(work|farm|root|home|tmp/wt)/[a-z.]" $texts | nothing
}

# The version stands in configure.ac and at the top of the news, and nowhere else.
one_version() {
	version=$(sed -nE 's/^AC_INIT\(\[memreplay\], \[([0-9.]+)\].*/\1/p' configure.ac)
	news=$(sed -nE 's/^## ([0-9.]+).*/\1/p' NEWS.md | head -n 1)
	[ -n "$version" ] && [ "$version" = "$news" ] || {
		echo "configure.ac has $version, NEWS.md $news"
		return 1
	}
	grep -nIFw "$version" $texts |
		grep -v -e '^configure.ac:' -e 'NEWS.md:[0-9]*:## ' | nothing
}

# --- layers

# What a layer may include: its own files, and those of the layers it knows.
knows() {
	case $1 in
	base) echo base ;;
	trace) echo base trace ;;
	alloc) echo base alloc ;;
	sim) echo base trace alloc sim ;;
	replay) echo base trace alloc replay ;;
	record) echo base trace record ;;
	fleet) echo base fleet ;;
	report) echo base trace alloc sim replay report ;;
	cli) echo base trace alloc sim replay record fleet report cli ;;
	*) echo ;;
	esac
}

# The layer that a header belongs to.
layer() {
	case $1 in
	memreplay/base.h) echo base ;;
	memreplay/trace.h) echo trace ;;
	memreplay/cache.h | memreplay/policy.h | memreplay/result.h) echo alloc ;;
	memreplay/sim.h | memreplay/sweep.h) echo sim ;;
	memreplay/tune.h | memreplay/verify.h | memreplay/detail.h) echo sim ;;
	memreplay/diagnose.h) echo sim ;;
	memreplay/replay.h) echo replay ;;
	memreplay/mark.h) echo record ;;
	*) echo "${1%%/*}" ;;
	esac
}

includes() {
	grep -HE '^#include "' $(find src -name '*.[ch]') /dev/null |
		sed -E 's|^src/([^/]*)/([^:]*):#include "([^"]*)".*|\1 \2 \3|'
}

layers() {
	includes | while read -r from file header; do
		to=$(layer "$header")
		case " $(knows "$from") " in
		*" $to "*) ;;
		*) echo "src/$from/$file includes $header of $to" ;;
		esac
	done | nothing
}

# --- headers

headers_alone() {
	for header in $(find include src -name '*.h' | sort); do
		$CC -std=gnu17 -fsyntax-only -Wall -Wextra -Wno-unused-function -Werror \
			-Iinclude -Isrc $CPPFLAGS -x c "$header" || return
	done
}

public_headers_as() {
	for header in include/memreplay/*.h; do
		"$@" -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude \
			-include "$header" /dev/null || return
	done
}

# --- symbols

declared() {
	cat include/memreplay/*.h | sed -E '/^#/d; s|/\*.*\*/||' | tr '\n\t' '  ' |
		grep -oE 'MR_API [^;(]*\(' | sed -E 's/ *\($//; s/.*[ *]//' | sort -u
}

exported() {
	declared >"$work/declared"
	nm -D --defined-only "$build/.libs/libmemreplay.so" |
		awk '$3 !~ /^_/ { print $3 }' | sort -u >"$work/exported"
	[ -s "$work/declared" ] && diff "$work/declared" "$work/exported"
}

prefixed() {
	nm -g --defined-only "$1" |
		awk 'NF == 3 && $3 !~ /^(mr_|_)/ { print $3 }' | nothing
}

# The objects of some folders, as make left them.
objects() {
	for folder in "$@"; do
		find "$build/$folder" -maxdepth 2 -path '*/.libs/*.o'
	done
}

# Undefined symbols that only a program may use. What a replay does after
# fork() ends with _exit(); assert() is for our own bugs.
quiet() {
	words='(v?printf|puts|putchar|perror|exit|quick_exit|abort|getenv|secure_getenv'
	words="$words|setenv|putenv|stdout|stderr|environ|signal|atexit)"
	list=$(objects $library)
	[ -n "$list" ] || {
		echo "no objects in $build"
		return 1
	}
	nm -A -u $list | grep -E " U (__)?$words(_chk)?(@.*)?\$" | nothing
}

# The library keeps nothing that can change: no .data, no .bss.
no_globals() {
	list=$(objects $library)
	[ -n "$list" ] || return
	size -A $list | awk '
		/:$/ { file = $1 }
		($1 == ".data" || $1 == ".bss" || $1 ~ /^\.t(data|bss)/) && $2 > 0 {
			print file, $1, $2 " bytes" }' | nothing
}

ok "files have 600 lines at most" long_files
ok "lines have 90 columns at most" long_lines
ok "configure.ac has 60 lines and Makefile.am 150 at most" build_files
if ctags --version 2>/dev/null | grep -q Universal; then
	ok "functions have 80 lines at most" long_functions
	ok "nine of ten functions have 45 lines at most" ninetieth_percentile
else
	skip "length of functions" "no universal-ctags"
fi
if command -v clang-format >/dev/null; then
	ok "clang-format changes nothing" formatted
else
	skip "clang-format changes nothing" "no clang-format"
fi
ok "every source begins with its licence" licence_lines
ok "every file has a name that says what it holds" nameless_files
ok "nothing is left to be done" unfinished
ok "no path of one machine" machine_paths
ok "the version stands in one place" one_version
ok "the version stands in one place" one_version
ok "layers include only what they know" layers
ok "every header compiles alone" headers_alone
ok "public headers are C11" public_headers_as $CC -std=c11 -x c
ok "public headers are C17" public_headers_as $CC -std=c17 -x c
if command -v "${CXX%% *}" >/dev/null; then
	ok "public headers are C++11" public_headers_as $CXX -std=c++11 -x c++
	ok "public headers are C++17" public_headers_as $CXX -std=c++17 -x c++
else
	skip "public headers are C++" "no C++ compiler"
fi
ok "the shared library shows what the headers declare" exported
ok "all symbols begin with mr_" prefixed "$build/.libs/libmr.a"
ok "the library does not print, exit or read the environment" quiet
if [ -n "${SANITIZE_CFLAGS-}" ]; then
	skip "the library has no variables" "sanitizers add some"
else
	ok "the library has no variables" no_globals
fi
end_tests
