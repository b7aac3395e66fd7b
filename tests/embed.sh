#!/bin/sh
# SPDX-License-Identifier: MIT
# The example that embeds the allocator through the public header runs, and says
# what a reader of it expects.

. "${top_srcdir:=.}/tests/tap.sh"

says() {
	got=$("${top_builddir:-.}/examples/embed") || return
	want="15 mallocs, 12 served from the cache
after lowering the cache limit: 1048576 bytes cached, 2 blocks evicted"
	[ "$got" = "$want" ] || {
		echo "got: $got"
		return 1
	}
}

ok "examples/embed" says
end_tests
