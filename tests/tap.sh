# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# TAP for shell tests: source it, call ok or skip for each case, then end_tests.

tap_count=0
tap_failed=0

# ok NAME COMMAND...: one case, good if the command succeeds; its output is shown
# only if it does not.
ok() {
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count - $tap_name"
	else
		echo "not ok $tap_count - $tap_name"
		printf '%s\n' "$tap_output" | head -n 40 | sed 's/^/# /'
		tap_failed=$((tap_failed + 1))
	fi
}

# skip NAME REASON: a case that cannot be run here.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# The class of an ELF file: a program loads objects of its own class only.
class_of() {
	od -An -tu1 -j4 -N1 "$1"
}

# The plan; ends the script. A script without a case is broken.
end_tests() {
	[ "$tap_count" -gt 0 ] || {
		echo "Bail out! no test was run"
		exit 1
	}
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}
