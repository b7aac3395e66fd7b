/* SPDX-License-Identifier: MIT */
#include "memreplay/replay.h"

static const struct mr_figure figures[MR_FIGURE_COUNT] = {
	[MR_FIGURE_PEAK_RSS] = {"peak_rss_bytes", NULL, "peak_rss_bytes",
		"highest resident memory, above what it was at the start", MR_UNIT_BYTES,
		MR_BETTER_LOWER},
	[MR_FIGURE_MINOR_FAULTS] = {"minor_faults", NULL, "minor_faults",
		"page faults served without reading a disk", MR_UNIT_COUNT,
		MR_BETTER_LOWER},
	[MR_FIGURE_MAJOR_FAULTS] = {"major_faults", NULL, "major_faults",
		"page faults that had to read a disk", MR_UNIT_COUNT, MR_BETTER_LOWER},
	[MR_FIGURE_USER] = {"user_ns", NULL, "user_ns",
		"processor time spent in the program", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_SYSTEM] = {"system_ns", NULL, "system_ns",
		"processor time spent in the kernel", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_WALL] = {"wall_ns", NULL, "wall_ns",
		"time from the first event to the last, clock readings included",
		MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_WALL_MIN] = {"wall_min_ns", NULL, "wall_min_ns",
		"wall_ns of the fastest run", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_WALL_MAX] = {"wall_max_ns", NULL, "wall_max_ns",
		"wall_ns of the slowest run", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_NS_PER_EVENT] = {"ns_per_event", NULL, "ns_per_event",
		"wall time an event, touching included, less what the loop and its "
		"clock cost",
		MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_MALLOC_MEAN] = {"malloc_ns_mean", "malloc_ns", "mean",
		"mean time of a malloc", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_MALLOC_P50] = {"malloc_ns_p50", "malloc_ns", "p50",
		"median time of a malloc", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_MALLOC_P90] = {"malloc_ns_p90", "malloc_ns", "p90",
		"time that 90 % of the mallocs did not exceed", MR_UNIT_NS,
		MR_BETTER_LOWER},
	[MR_FIGURE_MALLOC_P99] = {"malloc_ns_p99", "malloc_ns", "p99",
		"time that 99 % of the mallocs did not exceed", MR_UNIT_NS,
		MR_BETTER_LOWER},
	[MR_FIGURE_MALLOC_MAX] = {"malloc_ns_max", "malloc_ns", "max",
		"time of the slowest malloc", MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_FREE_MEAN] = {"free_ns_mean", "free_ns", "mean", "mean time of a free",
		MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_FREE_P50] = {"free_ns_p50", "free_ns", "p50", "median time of a free",
		MR_UNIT_NS, MR_BETTER_LOWER},
	[MR_FIGURE_FREE_P90] = {"free_ns_p90", "free_ns", "p90",
		"time that 90 % of the frees did not exceed", MR_UNIT_NS,
		MR_BETTER_LOWER},
	[MR_FIGURE_FREE_P99] = {"free_ns_p99", "free_ns", "p99",
		"time that 99 % of the frees did not exceed", MR_UNIT_NS,
		MR_BETTER_LOWER},
	[MR_FIGURE_FREE_MAX] = {"free_ns_max", "free_ns", "max",
		"time of the slowest free", MR_UNIT_NS, MR_BETTER_LOWER},
};

const struct mr_figure *
mr_figures(void)
{
	return figures;
}
