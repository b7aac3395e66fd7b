#!/bin/sh
# SPDX-License-Identifier: MIT
# What sharing work among processes costs: bench/mpi.sh TRACE...
# The same sweeps by one process of two threads and by two processes of one, in turn,
# five times; then what a process more costs, and what is sent.

program=${top_builddir:-.}/memreplay
if [ ! -e "${top_builddir:-.}/.libs/memreplay-mpi.so" ] || ! command -v mpirun >/dev/null
then
	echo "mpi: no mpirun, or built without MPI"
	exit 0
fi
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM \
	OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_btl_vader_single_copy_mechanism
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME COMMAND...: adds how many seconds it takes to a file.
timed() {
	name=$1
	shift
	before=$(date +%s.%N)
	"$@" >/dev/null 2>"$work/err" || {
		cat "$work/err"
		exit 1
	}
	echo "$before $(date +%s.%N)" | awk '{ print $2 - $1 }' >>"$work/$name"
}

median() {
	sort -n "$work/$1" | sed -n 3p
}

grid="--limits=0:510M:2M --vary=policy=mlx-cpu,mlx-metal,mlx-cuda --format=csv"
for run in 1 2 3 4 5; do
	# shellcheck disable=SC2086
	{
		timed threads "$program" sweep $grid --jobs=2 "$@"
		timed ranks mpirun -n 2 "$program" sweep $grid "$@"
		timed one "$program" sweep --limits=0 "$1"
		timed alone mpirun -n 1 "$program" sweep --limits=0 "$1"
		timed two mpirun -n 2 "$program" sweep --limits=0 "$1"
	}
done
rm -f "$work/journal"
# shellcheck disable=SC2086
"$program" sweep $grid --resume="$work/journal" "$@" | wc -l >"$work/points"

echo "sweeps of $# traces, 3 policies, 256 limits; medians of 5, in seconds"
echo "$(median threads) $(median ranks) $(median one) $(median alone) $(median two)" \
	"$(wc -c <"$work/journal") $(cat "$work/points")" | awk '{
	printf "  one process, --jobs=2      %.2f\n", $1
	printf "  mpirun -n 2                %.2f   ratio %.2f\n", $2, $2 / $1
	printf "  mpirun itself              %.2f\n", $4 - $3
	printf "  MPI, of 2 processes        %.2f\n", $5 - $4
	printf "  bytes of a point, sent     %d\n", $6 / ($7 - 1)
}'
