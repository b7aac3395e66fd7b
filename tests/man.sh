#!/bin/sh
# SPDX-License-Identifier: MIT
# The documents, the help and the headers say the same, and the examples run.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}"
build=$(cd "$top_builddir" && pwd)
cd "$top_srcdir" || exit 1
if [ -n "${SANITIZE_CFLAGS-}" ]; then
	echo "1..0 # SKIP the same commands run under a sanitizer in other tests"
	exit 0
fi
PATH=$build:$PATH
export PATH
LC_ALL=C
export LC_ALL

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Fails, with what it reads, if it reads anything.
nothing() {
	! grep .
}

commands() {
	memreplay --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# COMMAND: its options with operand, one a line: --touch=WHAT
help_options() {
	memreplay "$1" --help |
		sed -nE "s/^  (-., |    )(--[a-z-]+(='[^']*'|=[^ ]+)?).*/\2/p"
}

# The options that memreplay(1) lists, in the same form.
man_options() {
	sed -nE '/^\.It .*Fl -/{
		s/^\.It (Fl . , )?Fl -//
		s/ Ns = Ns Ar /=/
		s/^/--/p
	}' man/memreplay.1
}

# An option's short letter with its long name: -t --touch=WHAT
help_letters() {
	memreplay "$1" --help |
		sed -nE "s/^  (-.), (--[a-z-]+(='[^']*'|=[^ ]+)?).*/\1 \2/p"
}

man_letters() {
	sed -nE '/^\.It Fl . , Fl -/{
		s/^\.It Fl (.) , Fl -/-\1 --/
		s/ Ns = Ns Ar /=/
		p
	}' man/memreplay.1
}

# COMMAND: option and default of those that have one: --touch=WHAT page
help_defaults() {
	memreplay "$1" --help | sed -E 's/^  (-., |    )--/\n--/' |
		awk -v RS= '{ $1 = $1; print }' |
		sed -nE "s/^(--[^ ]*).*\(default: ([^)]*)\).*/\1 \2/p"
}

man_defaults() {
	awk '
		/^\.It / { option = "" }
		/^\.It .*Fl -/ {
			option = $0
			sub(/^\.It (Fl . , )?Fl -/, "--", option)
			sub(/ Ns = Ns Ar /, "=", option)
		}
		option != "" && match($0, /\(default: [^)]*\)/) {
			print option, substr($0, RSTART + 10, RLENGTH - 11)
		}' man/memreplay.1
}

# WHICH: what help_WHICH says of all commands that man_WHICH does not, and the reverse.
same() {
	for command in $(commands); do
		"help_$1" "$command"
	done 2>/dev/null | grep -v '^-*V*[ ]*--version' | sort -u >"$work/help"
	"man_$1" | grep -v -e '--version' | sort -u >"$work/man"
	[ -s "$work/help" ] || return
	diff "$work/help" "$work/man"
}

commands_named() {
	for command in $(commands); do
		grep -qx "\.Ss $command" man/memreplay.1 || echo "$command: no section"
		grep -qE "^\.Cm $command\$" man/memreplay.1 ||
			echo "$command: no synopsis"
		[ "$command" = help ] || grep -q "^| .memreplay $command " README.md ||
			echo "$command: not in README.md"
	done | nothing
}

sections_exist() {
	sed -n '/^\.Sh COMMANDS/,/^\.Sh OPTIONS/s/^\.Ss //p' man/memreplay.1 |
		sort >"$work/man"
	commands | sort | diff "$work/man" -
}

# --- metrics, knobs and formats

# The columns of CSV that are metrics or figures.
columns() {
	trace=traces/mlp_train.mrt.gz
	for rules in mlx-cpu torch-cuda; do
		memreplay simulate --policy=$rules --format=csv $trace | head -n 1 |
			tr , '\n' | grep -v '\.'
	done
	memreplay replay --touch=none --format=csv $trace | head -n 1 | tr -d '"\r' |
		tr , '\n' | grep -vxE 'trace|name|exit|agrees_.*|completed_.*'
}

man_metrics() {
	sed -n '/^\.Sh METRICS/,/^\.Sh JSON/s/^\.It Va //p' man/memreplay.1
}

metrics() {
	columns | sort -u >"$work/columns"
	[ -s "$work/columns" ] || return
	man_metrics | sort | diff "$work/columns" -
}

knobs() {
	memreplay simulate --help | awk -v RS= '/KNOB is:/ { $1 = $1; print }' |
		sed 's/.*KNOB is: //; s/Cache limit options.*//; s/,\| or / /g' |
		tr -s ' ' '\n' | grep . | sort >"$work/knobs"
	[ -s "$work/knobs" ] || return
	sed -n '/^\.Sh POLICIES/,/^\.Sh METRICS/s/^\.It \([a-z0-9_]*\) Ta .*/\1/p' \
		man/memreplay.1 | sort | diff "$work/knobs" -
}

# The names in the table of formats.
formats() {
	sed -nE 's/^\trow\("([^"]*)".*/\1/p' src/trace/format.c | sort >"$work/formats"
	[ -s "$work/formats" ] || return
	sed -n '/^\.Sh FORMATS/,/^\.Sh EXIT/s/^\.It \([a-z-]*\) Ta .*/\1/p' \
		man/memreplay.1 | sort | diff "$work/formats" - || return
	sed -n '/^| format /,/^$/s/^| \([a-z-]*\) | .*/\1/p' README.md |
		grep -vx 'format' | grep -v '^-' | sort | diff "$work/formats" -
}

# Every format of another program has its section.
imports() {
	sed -nE '/^\trow\("/N; s/^\trow\("([^"]*)".*\n\t*true,.*/\1/p' \
		src/trace/format.c | sort >"$work/foreign"
	[ -s "$work/foreign" ] || return
	sed -n '/^\.Sh IMPORTS/,/^\.Sh SEE/s/^\.Ss //p' man/memreplay-trace.5 |
		sort | diff "$work/foreign" -
}

# --- memreplay(3)

api() {
	cat include/memreplay/*.h | tr '\n' ' ' |
		grep -oE 'MR_API (MR_MUST_CHECK )?[^;]*;' |
		grep -oE '\bmr_[a-z_]+ ?\(' | tr -d ' (' | sort -u
}

functions() {
	api >"$work/api"
	[ -s "$work/api" ] || return
	sed -n 's/^\.Fo //p' man/memreplay.3 | sort -u | diff "$work/api" - || return
	grep -oE 'Fn mr_[a-z_]+' man/memreplay.3 | sed 's/^Fn //' | sort -u |
		diff "$work/api" -
}

headers() {
	(cd include && ls memreplay/*.h) | sort >"$work/headers"
	sed -n 's/^\.In //p' man/memreplay.3 | sort | diff "$work/headers" -
}

# FUNCTION(PARAMETER,...) of every function, without blanks
signatures() {
	cat include/memreplay/*.h | sed 's|/\*.*\*/||; /^#/d; /^\t__attribute__/d' |
		tr '\n\t' '  ' |
		grep -oE 'MR_API [^;]*;' |
		sed -E 's/MR_API |MR_MUST_CHECK //g; s/[ ;]//g' | sort
}

man_signatures() {
	awk '
		function bare(text) { gsub(/["; ]/, "", text); return text }
		/^\.Ft / { type = bare(substr($0, 5)) }
		/^\.Fo / { call = type $2 "("; comma = "" }
		/^\.Fa / && call != "" {
			call = call comma bare(substr($0, 5))
			comma = ","
		}
		/^\.Fc/ { print call ")"; call = "" }' man/memreplay.3 | sort
}

prototypes() {
	signatures >"$work/signatures"
	[ -s "$work/signatures" ] || return
	man_signatures | diff "$work/signatures" -
}

# --- examples

# The commands of a document, one a line.
examples() {
	sed -n 's/^\$ \(memreplay .*\)/\1/p' "$1"
}

examples_of() {
	examples "$1" | sed 's/\\e/\\/g' >"$work/examples"
	[ -s "$work/examples" ] || return
	while read -r line; do
		sh -c "$line" >/dev/null 2>"$work/err" </dev/null || {
			echo "exit $?: $line"
			cat "$work/err"
		}
	done <"$work/examples" | nothing
}

# Every block of a document that begins with ```console shows one command's whole
# output. Blanks at the end of a line do not count.
outputs() {
	rm -f "$work"/block*
	awk -v base="$work/block" '
		/^```console$/ { inside = 1; n++; next }
		/^```$/ { inside = 0 }
		inside && /^\$ / { print substr($0, 3) >(base n ".command"); next }
		inside { print >(base n ".output") }' "$1"
	set -- "$work"/block*.command
	[ -f "$1" ] || return
	for command in "$@"; do
		sh "$command" 2>/dev/null </dev/null | sed 's/ *$//' >"$work/got"
		diff "${command%.command}.output" "$work/got" || return
	done
}

# The program in memreplay(3) compiles, as C.
example_program() {
	awk '/^#include <stdio/ { inside = 1 } /^\.Ed/ { inside = 0 } inside' \
		man/memreplay.3 | sed 's/\\e/\\/g' >"$work/example.c"
	[ -s "$work/example.c" ] || return
	${CC:-cc} -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/example.c"
}

lint() {
	mandoc -T lint -W warning "$1"
}

ok "every command has its section, synopsis and row" commands_named
ok "every section of a command is a command" sections_exist
ok "memreplay(1) and the help have the same options" same options
ok "and the same letters for them" same letters
ok "and the same defaults" same defaults
ok "memreplay(1) has all metrics and figures, and no other" metrics
ok "memreplay(1) has all knobs, and no other" knobs
ok "memreplay(1) and README.md have all formats, and no other" formats
ok "memreplay-trace(5) has a section for each import" imports
ok "memreplay(3) has all functions, and no other" functions
ok "memreplay(3) has all headers, and no other" headers
ok "memreplay(3) has the prototypes of the headers" prototypes
ok "the example of memreplay(3) compiles" example_program
ok "the examples of memreplay(1) run" examples_of man/memreplay.1
ok "the examples of README.md run" examples_of README.md
ok "README.md shows the output that its commands give" outputs README.md
ok "docs/policies.md shows the output that its commands give" outputs docs/policies.md
ok "docs/pytorch.md shows the output that its commands give" outputs docs/pytorch.md
for page in man/*.[1-9]; do
	if command -v mandoc >/dev/null; then
		ok "mandoc has nothing against $page" lint "$page"
	else
		skip "mandoc has nothing against $page" "mandoc is not installed"
	fi
done
end_tests
