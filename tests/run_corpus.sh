#!/bin/sh
# SPDX-License-Identifier: MIT
# Every bad file of tests/corpus is refused by every command that reads traces:
# exit status 1, a message that begins with the file's name, nothing on stdout
# and no file left. Every good one is converted, and read again from standard
# input.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}
. "$top_srcdir/tests/tap.sh"

program=$top_builddir/memreplay
folder=$top_srcdir/tests/corpus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refused FILE COMMAND...: runs it and looks at all it did
refused() {
	refused_file=$1
	shift
	"$program" "$@" >"$work/stdout" 2>"$work/stderr"
	refused_status=$?
	if [ "$refused_status" -ne 1 ] || [ -s "$work/stdout" ] ||
		! head -n 1 "$work/stderr" | grep -qF "memreplay: $refused_file:" ||
		[ -e "$work/out.mrt.gz" ]; then
		echo "memreplay $*: status $refused_status"
		head -n 3 "$work/stdout" "$work/stderr"
		return 1
	fi
}

# all_refused COMMAND TURN: the bad files one by one. Under a sanitizer, where to
# start and end takes long, each file is for one of the five commands.
all_refused() {
	all_status=0 turn=$2
	for file in "$folder"/bad-*; do
		turn=$((turn + 1))
		[ -z "${SANITIZE_CFLAGS-}" ] || [ $((turn % 5)) -eq 0 ] || continue
		if [ "$1" = convert ]; then
			refused "$file" convert "$file" "$work/out.mrt.gz"
		else
			refused "$file" "$1" "$file"
		fi || all_status=1
	done
	return "$all_status"
}

# all_converted: the good ones, to the binary format and, through a pipe, to text
all_converted() {
	for file in "$folder"/good-*; do
		case $("$program" info "$file" 2>&1 >/dev/null) in
		*"built without libzstd"*) continue ;;
		esac
		"$program" convert "$file" "$work/a.mrt.gz" &&
			"$program" convert --to=jsonl - - \
				<"$work/a.mrt.gz" >"$work/a.jsonl" &&
			"$program" convert "$work/a.jsonl" "$work/b.mrt.gz" &&
			cmp "$work/a.mrt.gz" "$work/b.mrt.gz" || return 1
	done
}

number=0
for command in info simulate verify replay convert; do
	number=$((number + 1))
	ok "$command refuses bad files" all_refused "$command" $number
done
ok "good files are converted there and back" all_converted
end_tests
