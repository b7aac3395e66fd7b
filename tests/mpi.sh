#!/bin/sh
# SPDX-License-Identifier: MIT
# Sweeps and tunes shared by processes that mpirun starts: the same bytes as of one
# process, whatever happens.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}"
memreplay=$(cd "$top_builddir" && pwd)/memreplay
hasty=$(cd "$top_builddir" && pwd)/tests/.libs/libhasty.so

if [ ! -e "$top_builddir/.libs/memreplay-mpi.so" ]; then
	echo "1..0 # SKIP built without MPI"
	exit 0
fi
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader
OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_base_warn_component_unused=0
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_btl \
	OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_btl_vader_single_copy_mechanism \
	OMPI_MCA_btl_base_warn_component_unused
if ! mpirun -n 2 true >/dev/null 2>&1; then
	echo "1..0 # SKIP there is no mpirun that works"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# MPI unloads modules that leak, so that none can tell whose a leak is.
[ -z "${SANITIZE_CFLAGS-}" ] ||
	export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0

traces=$(cd "$top_srcdir/traces" && pwd)
cp "$top_srcdir/tests/corpus/bad-free-twice.jsonl" "$work/bad.jsonl"
printf '%s\n' "$traces"/*.mrt.gz >"$work/list"
cd "$work" || exit 1

# RANKS OPTION...: the program in so many processes.
ranks() {
	count=$1
	shift
	mpirun -n "$count" "$memreplay" "$@" </dev/null
}

grid="--limits=0:126M:2M --vary=policy=mlx-cpu,mlx-metal,mlx-cuda --format=csv"

long="--limits=0:254M:2M --vary=policy=mlx-cpu,mlx-metal,mlx-cuda --format=csv"

# RANKS OPTION: three policies at 64 limits.
same_grid() {
	ranks "$1" sweep $grid "$2" @list >got 2>err || return
	cmp grid.csv got
}

# OPTION...: any other call, in 2 processes.
same() {
	"$memreplay" "$@" >want || return
	ranks 2 "$@" >got 2>err || return
	cmp want got
}

same_picture() {
	"$memreplay" sweep --limits=0,16M,64M --plot=want.svg @list >want || return
	ranks 2 sweep --limits=0,16M,64M --plot=got.svg @list >got || return
	cmp want.svg got.svg
}

# Every rank, and all of them, say how fast they were.
speeds() {
	grep -c 'rank [01] on .* units in .* events read, ' err | grep -qx 2 &&
		grep -q 'all 2 ranks: 48 units in ' err
}

# Rank 0 shows them on the terminal of mpirun, wherever its own output goes; its clock
# is one on which all takes more than a second.
progress() {
	script -qec "mpirun -n 2 env LD_PRELOAD=$hasty $memreplay sweep --jobs=1 $grid \
		@list >got 2>err" shown </dev/null >/dev/null || return
	tr '\r' '\n' <shown |
		grep '^\[#*-* *\] *[0-9]* %, .* left, [0-9]* of 48 units by 2 ranks' |
		sort -u >bars
	[ "$(wc -l <bars)" -gt 1 ] && grep -q '^\[#*\] 100 %, .* left, 48 of 48 ' bars &&
		cmp grid.csv got && ! grep -q ' left, ' err
}

broken() {
	"$memreplay" sweep --limits=0,16M @list >want || return
	ranks 2 sweep --limits=0,16M bad.jsonl @list missing >got 2>err
	[ $? -eq 1 ] && cmp want got &&
		grep -q '^memreplay: bad.jsonl:[0-9]*: ' err &&
		grep -q '^memreplay: missing: cannot open: ' err &&
		grep -q '^memreplay: 2 of 6 traces failed$' err
}

fail_fast() {
	ranks 2 sweep --fail-fast --limits=0,16M bad.jsonl @list >got 2>err
	[ $? -eq 1 ] && [ ! -s got ]
}

unmet() {
	ranks 2 sweep --limits=0 --expect='hits@0>=1' @list >got 2>err
	[ $? -eq 3 ] && [ -s got ]
}

# Standard input goes to rank 0, which reads it.
standard_input() {
	trace=$traces/mlp_train.mrt.gz
	"$memreplay" sweep --limits=0,16M - <"$trace" >want || return
	mpirun -n 2 "$memreplay" sweep --limits=0,16M - <"$trace" >got 2>err || return
	cmp want got
}

# Rank 1 is killed once something is kept: what is said is what was kept.
killed() {
	rm -f journal
	mpirun -n 2 sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$@"' - \
		"$memreplay" sweep --resume=journal $long @list >got 2>err &
	while [ ! -s journal ] || [ "$(wc -c <journal)" -lt 100 ]; do
		kill -0 $! 2>/dev/null || break
	done
	kill -KILL "$(cat pid.1)" || return
	wait $! && return 1
	[ ! -s got ] &&
		grep -q '^memreplay: stopped when [1-9][0-9]* of 96 units were done' err
}

# What is kept is not done again.
resumed() {
	ranks 2 sweep --resume=journal $long @list >got 2>err || return
	cmp long.csv got || return
	kept=$(sed -n 's/^memreplay: journal: \([0-9]*\) of 96 units are .*/\1/p' err)
	did=$(sed -n 's/^memreplay: all 2 ranks: \([0-9]*\) units in .*/\1/p' err)
	[ "$kept" -gt 0 ] && [ "$did" -gt 0 ] && [ $((kept + did)) -eq 96 ]
}

kept_for_one() {
	"$memreplay" sweep --resume=journal $long @list >got 2>err || return
	cmp long.csv got &&
		grep -qx 'memreplay: journal: 96 of 96 units are done already' err
}

without_module() {
	cp "$memreplay" alone
	OMPI_COMM_WORLD_SIZE=2 ./alone sweep --limits=0 @list >got 2>err
	[ $? -eq 1 ] && [ ! -s got ] && grep -q 'built without MPI: there is no ' err
}

# A program without others never loads MPI.
not_linked() {
	! ldd "$memreplay" | grep -i mpi
}

"$memreplay" sweep $grid @list >grid.csv
ok "one process of mpirun is one process" same_grid 1 --jobs=1
ok "two do the same" same_grid 2 --jobs=1
ok "and tell how fast they were" speeds
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	ok "and show how far they are" progress
else
	skip "and show how far they are" "no pseudo terminal, or no program script"
fi
ok "four do, of two threads each" same_grid 4 --jobs=2
ok "JSON, at limits that bend" same sweep --format=json @list
ok "limits that depend on each other" same sweep --limits=exact --resolution=8M \
	--vary=policy=mlx-cpu,mlx-metal @list
ok "tune" same tune @list
if command -v gnuplot >/dev/null; then
	ok "a picture" same_picture
else
	skip "a picture" "no gnuplot"
fi
ok "standard input" standard_input
ok "traces that cannot be read" broken
ok "the first of them ends it" fail_fast
ok "an expectation that does not hold" unmet
"$memreplay" sweep $long @list >long.csv
ok "a rank is killed" killed
ok "the rest is done later" resumed
ok "all of it is there for one process" kept_for_one
ok "the program is not linked with MPI" not_linked
ok "a build without MPI says so" without_module
end_tests
