# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What tests of recordings share: source it, and the script goes on in a folder of
# its own, $work. A trace is good if it reads, if no free in it is of a block
# unknown, and if no address was handed out twice: the end mark counts both.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}" "${CC:=cc}" "${CXX:=c++}"
top_builddir=$(cd "$top_builddir" && pwd)
memreplay=$top_builddir/memreplay
recordee=$top_builddir/tests/recordee
handing=$top_builddir/tests/.libs/libhanding.so
unset LD_PRELOAD

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# The end mark of a trace, and a number in it (0 if it is not there).
end_mark() {
	zcat "$1" | tail -c 900 | grep -ao '{"events".*}'
}
number() {
	end_mark "$1" | sed -nE "s/.*\"$2\":([0-9]+).*/\1/p" | grep . || echo 0
}

# Fails unless two words are the same.
is() {
	[ "$1" = "$2" ] || {
		echo "got $1, expected $2"
		return 1
	}
}

good() {
	"$memreplay" simulate --format=csv "$1" >good.csv || return
	end_mark "$1"
	is "$(number "$1" missed_frees)" 0 && is "$(number "$1" unknown_frees)" 0
}

# record STATUS ARGUMENT...: records, expecting an exit status. Talk goes to said.
record() {
	want=$1
	shift
	rm -f ./*.mrt.gz ./*.spool
	"$memreplay" record "$@" 2>said
	got=$?
	cat said
	is $got "$want"
}

# As record, to the file t.mrt.gz, which must be good and leave no spool.
balanced() {
	want=$1
	shift
	record "$want" -o t.mrt.gz "$@" && good t.mrt.gz && ! ls ./*.spool
}

said() {
	grep -q -- "$1" said || {
		echo "not said: $1"
		return 1
	}
}
