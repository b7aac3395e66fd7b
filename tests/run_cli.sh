#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the transcripts in tests/cli/*.t, each in a folder of its own that holds
# copies of tests/cli's traces, with the program as `memreplay` in PATH. Lines:
#   # text      names the next case
#   $ command   a case begins; run by sh
#   text        what it must print on standard output
#   ! text      what it must print on standard error
#   ? status    its exit status; 0 if there is no such line
# A line "~ text" (or "!~ text") stands for one line that contains the text.

top_srcdir=$(cd "${top_srcdir:-.}" && pwd)
top_builddir=$(cd "${top_builddir:-build}" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$work/bin" "$work/in"
ln -s "$top_builddir/memreplay" "$work/bin/memreplay"
cp "$top_srcdir"/tests/cli/*.jsonl "$work/in"
PATH=$work/bin:$PATH
export PATH
number=0
failures=0

# Holds the lines of file $1 against the pattern lines of file $2.
matches() {
	awk -v patterns="$2" '
		{ got[NR] = $0 }
		END {
			while ((getline line < patterns) > 0) {
				kind = substr(line, 1, 1)
				line = substr(line, 2)
				count++
				if (kind == "=" ? got[count] != line \
					: !index(got[count], line))
					wrong = 1
			}
			exit wrong || count != NR
		}' "$1"
}

# Runs the case collected so far, if there is one.
finish() {
	[ -n "$command" ] || return
	number=$((number + 1))
	(cd "$work/in" && sh -c "$command" >"$work/got.out" 2>"$work/got.err")
	status=$?
	if [ "$status" -eq "$want" ] &&
		matches "$work/got.out" "$work/want.out" &&
		matches "$work/got.err" "$work/want.err"; then
		echo "ok $number - $file: $name"
	else
		failures=$((failures + 1))
		echo "not ok $number - $file: $name"
		echo "# \$ $command"
		echo "# status $status, expected $want; stdout, stderr:"
		sed 's/^/#   /' "$work/got.out"
		sed 's/^/# ! /' "$work/got.err"
	fi
	command=
}

for path in "$top_srcdir"/tests/cli/*.t; do
	file=${path##*/}
	name=
	command=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'# '*) finish; name=${line#??} ;;
		'$ '*)
			finish
			command=${line#??}
			[ -n "$name" ] || name=$command
			want=0
			: >"$work/want.out"
			: >"$work/want.err"
			;;
		'? '*) want=${line#??}; finish; name= ;;
		'!~ '*) printf '~%s\n' "${line#???}" >>"$work/want.err" ;;
		'! '*) printf '=%s\n' "${line#??}" >>"$work/want.err" ;;
		'~ '*) printf '~%s\n' "${line#??}" >>"$work/want.out" ;;
		'')
			[ -z "$command" ] || { finish; name=; }
			;;
		*) printf '=%s\n' "$line" >>"$work/want.out" ;;
		esac
	done <"$path"
	finish
done
if [ "$number" -eq 0 ]; then
	echo "Bail out! no case found"
	exit 1
fi
echo "1..$number"
[ "$failures" -eq 0 ]
