/* SPDX-License-Identifier: MIT */
/*
 * Every command, with calls that fail: each kind of call, at each of its turns.
 * With FAULTS=all (`make check-faults`) every single one of them, alone and with all
 * later ones; with FAULTS=7 every seventh. `make check` runs a part: the first call
 * from each place that no command before has reached, so that each line of the program
 * that can meet a failure does.
 */
#include "faultrun.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "memreplay/replay.h"

static const char *const names[FAULT_CALLS] = {
	[FAULT_MEMORY] = "memory",
	[FAULT_MAP] = "mappings",
	[FAULT_READ] = "reads",
	[FAULT_WRITE] = "writes",
	[FAULT_OPEN] = "opening",
	[FAULT_NAME] = "names",
	[FAULT_PROCESS] = "processes",
	[FAULT_WAIT] = "waits",
	[FAULT_THREAD] = "threads",
};

static const struct fault_command commands[] = {
	{.name = "help", .line = "help"},
	{.name = "help of a command", .line = "help sweep"},
	{.name = "completion", .line = "completion bash"},
	{.name = "info", .line = "info small.jsonl"},
	{.name = "info, gzip, json", .line = "info --format=json small.mrt.gz"},
	{.name = "simulate", .line = "simulate small.mrt.gz"},
	{.name = "simulate, document", .line = "simulate --format=json document.json"},
	{.name = "simulate, csv", .line = "simulate --format=csv small.jsonl"},
	{.name = "simulate, expectation",
		.line = "simulate --expect hits>=1 small.jsonl"},
	{.name = "simulate, PyTorch",
		.line = "simulate --policy=torch-cuda snapshot.pickle"},
	{.name = "simulate, picture",
		.line = "simulate --plot=p.svg small.jsonl",
		.output = "p.svg"},
	{.name = "sweep", .line = "sweep --limits=0,100,1000,unlimited small.jsonl"},
	{.name = "sweep, threads", .line = "sweep --jobs=2 --limits=exact small.mrt.gz"},
	{.name = "sweep, two traces",
		.line = "sweep --jobs=2 --limits=0,100,1000 small.jsonl small.mrt.gz"},
	{.name = "sweep, PyTorch",
		.line = "sweep --policy=torch-cuda --format=json --jobs=2 "
			"snapshot.pickle"},
	{.name = "sweep, knobs",
		.line = "sweep --vary=page=1,4096 --format=json small.jsonl"},
	{.name = "sweep, picture",
		.line = "sweep --limits=0,1000 --plot=p.svg small.jsonl",
		.output = "p.svg"},
	{.name = "tune", .line = "tune --target=99% small.jsonl small.mrt.gz"},
	{.name = "tune, knee", .line = "tune --knee --format=json --jobs=2 small.jsonl"},
	{.name = "tune, device", .line = "tune --device-memory=1G snapshot.pickle"},
	{.name = "diff, results", .line = "diff one.json two.json"},
	{.name = "diff, traces",
		.line = "diff --format=json --with=page=1 small.jsonl small.mrt.gz"},
	{.name = "diff, PyTorch",
		.line = "diff --with=policy=torch-cuda snapshot.pickle"},
	{.name = "verify", .line = "verify small.jsonl"},
	{.name = "verify, PyTorch", .line = "verify --format=json snapshot.pickle"},
	{.name = "convert",
		.line = "convert small.jsonl new.mrt.gz",
		.output = "new.mrt.gz"},
	{.name = "convert over a file",
		.line = "convert small.mrt.gz old.jsonl",
		.output = "old.jsonl",
		.replaces = true},
	{.name = "convert to standard output",
		.line = "convert --to=chrome-trace small.mrt.gz -"},
	{.name = "convert a part",
		.line = "convert --from-mark=start --scale-sizes=2 small.jsonl p.jsonl",
		.output = "p.jsonl"},
	{.name = "import of Android", .line = "convert --to=jsonl android.txt -"},
	{.name = "import of heaptrack", .line = "convert --to=jsonl heaptrack.txt.gz -"},
	{.name = "import of intervals", .line = "convert --to=jsonl intervals.csv -"},
	{.name = "import of Kineto", .line = "convert --to=jsonl kineto.json -"},
	{.name = "import of logalloc", .line = "convert --to=jsonl logalloc.log -"},
	{.name = "import of mtrace", .line = "convert --to=jsonl mtrace.mtrace -"},
	{.name = "import of zstd", .line = "info packed.txt.zst"},
	{.name = "import of RMM", .line = "convert --to=jsonl rmm.csv -"},
	{.name = "import of PyTorch", .line = "convert --to=jsonl snapshot.pickle -"},
	{.name = "import, pairs",
		.line = "convert --to=jsonl pairs.json -",
		.grows = true},
	{.name = "import, a full queue",
		.line = "convert --to=jsonl queue.json -",
		.grows = true},
	{.name = "import, many streams", .line = "info streams.csv", .grows = true},
	{.name = "a part without names",
		.line = "convert --to=jsonl --strip --events=3: small.jsonl -"},
	{.name = "an import without names",
		.line = "convert --to=jsonl --strip snapshot.pickle -"},
	{.name = "an end mark without names",
		.line = "convert --to=jsonl --strip piped.mrt -"},
	{.name = "info, a long line", .line = "info long.jsonl", .grows = true},
	{.name = "info, a large gzip member",
		.line = "info long.jsonl.gz",
		.grows = true},
	{.name = "info, many blocks", .line = "info crowd.jsonl", .grows = true},
	{.name = "convert, large blocks",
		.line = "convert sizes.mrt new.mrt",
		.output = "new.mrt"},
	{.name = "simulate, many sizes", .line = "simulate sizes.mrt", .grows = true},
	{.name = "sweep, many sizes",
		.line = "sweep --limits=0,1000,100000 sizes.mrt",
		.grows = true},
	{.name = "sweep, many states",
		.line = "sweep --set=on_full=evict --limits=0,100000,500M,900M "
			"sizes.mrt",
		.grows = true},
	{.name = "sweep, groups",
		.line = "sweep --limits=exact groups.jsonl",
		.grows = true},
	{.name = "import of PyTorch, wide streams",
		.line = "convert --to=jsonl wide.pickle -",
		.grows = true},
	{.name = "report, PyTorch",
		.line = "report --alloc-conf=expandable_segments:True --output=r.html "
			"snapshot.pickle",
		.output = "r.html"},
	{.name = "report", .line = "report small.jsonl -o r.html", .output = "r.html"},
	{.name = "report, replay",
		.line = "report small.jsonl --replay=replay.json -o r.html",
		.output = "r.html"},
	{.name = "replay",
		.line = "replay --touch=none --force --format=json small.jsonl",
		.measures = true,
		.results = true},
	{.name = "replay, within a child",
		.line = "replay --format=json --timing=calls small.jsonl",
		.measures = true,
		.results = true,
		.child = MR_REPLAY_CHILD},
	{.name = "replay, threads",
		.line = "replay --threads --format=json small.jsonl",
		.measures = true,
		.results = true},
	{.name = "replay, threads within a child",
		.line = "replay --threads --format=json small.jsonl",
		.measures = true,
		.results = true,
		.child = MR_REPLAY_CHILD},
	{.name = "record",
		.line = "record -o r.jsonl recordee all",
		.output = "r.jsonl",
		.measures = true,
		.starts = true},
	{.name = "record --finish",
		.line = "record --finish saved.jsonl",
		.output = "saved.jsonl",
		.measures = true,
		.takes = true},
	{.name = "record, within the program",
		.line = "record -o r.jsonl recordee all",
		.output = "r.jsonl",
		.measures = true,
		.recorded = "recordee"},
	{.name = "record, within a program of many events",
		.line = "record -o r.jsonl recordee runs 20000",
		.output = "r.jsonl",
		.measures = true,
		.recorded = "recordee"},
	{.name = "record, within a program's threads",
		.line = "record -o r.jsonl recordee churn 4",
		.output = "r.jsonl",
		.measures = true,
		.recorded = "recordee"},
	{.name = "record, within the program's children",
		.line = "record --follow-children -o r.jsonl recordee forks 2",
		.output = "r.jsonl",
		.measures = true,
		.recorded = "recordee"},
#if UINTPTR_MAX > UINT32_MAX /* MLX is for machines of 64 bits */
	{.name = "record, within a program of MLX",
		.line = "record --layer=mlx -o r.jsonl mlxee",
		.output = "r.jsonl",
		.measures = true,
		.recorded = "mlxee"},
#endif
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* One kind of call in one command. */
struct series {
	const struct fault_command *command;
	struct fault_reference reference;
	enum fault_calls calls;
	uint64_t runs;
	uint64_t wrong;
};

static int number, failed;
static uint64_t step; /* of the turns that are tried: all of them 1, by places 0 */

static uint64_t
run_one(struct series *series, enum fault_how how, uint64_t nth)
{
	static const char *const ways[] = {[FAULT_ONCE] = "this one alone",
		[FAULT_ONWARDS] = "and all later ones",
		[FAULT_SITE] = "from a place of this number",
		[FAULT_SHORT] = "at most so many bytes at a time",
		[FAULT_INTERRUPT] = "every second one interrupted",
		[FAULT_SHRINK] = "of a file that shrinks",
		[FAULT_GROW] = "of a file that grows"};
	const char *complaint, *line;
	uint64_t injected = fault_run(
		&complaint, series->command, &series->reference, series->calls, how, nth);

	series->runs += injected > 0;
	if (!complaint || series->wrong++ >= 5)
		return injected;
	printf("# %s %" PRIu64 ", %s:\n", names[series->calls], nth, ways[how]);
	for (line = complaint; *line; line += *line == '\n') {
		int length = (int)strcspn(line, "\n");

		printf("#   %.*s\n", length, line);
		line += length;
	}
	return injected;
}

/* Keys of places that a command before has failed at. */
static bool
is_known(uint64_t key)
{
	static uint64_t known[1 << 16];
	static size_t count;

	for (size_t i = 0; i < count; i++)
		if (known[i] == key)
			return true;
	known[count++] = key;
	return false;
}

static void
run_sites(struct series *series)
{
	for (uint64_t i = 0; i < series->reference.site_count; i++)
		if (!is_known(series->reference.sites[i]))
			run_one(series, FAULT_SITE, i + 1);
}

static void
run_each(struct series *series, enum fault_how how)
{
	uint64_t stride = step ? step : 1;

	for (uint64_t nth = 1; run_one(series, how, nth); nth += stride)
		;
}

/* What is no failure: it must succeed, with the same output. */
static void
run_odd(struct series *series)
{
	static const uint64_t lengths[] = {1, 7, 4095};

	run_one(series, FAULT_INTERRUPT, 1);
	for (size_t i = 0; i < (step ? sizeof(lengths) / sizeof(lengths[0]) : 1); i++)
		run_one(series, FAULT_SHORT, lengths[i]);
}

static void
run_series(const struct fault_command *command, enum fault_calls calls)
{
	struct series series = {.command = command, .calls = calls};

	if (!fault_reference(&series.reference, command, calls)) {
		printf("not ok %d - %s: fails without faults: status %#x\n", ++number,
			command->name, (unsigned)series.reference.status);
		failed++;
		fault_reference_fini(&series.reference);
		return;
	}
	if (series.reference.made) {
		if (step) {
			run_each(&series, FAULT_ONCE);
			run_each(&series, FAULT_ONWARDS);
		} else {
			run_sites(&series);
		}
		if (calls == FAULT_READ || calls == FAULT_WRITE || calls == FAULT_WAIT)
			run_odd(&series);
		if (calls == FAULT_READ) {
			run_each(&series, FAULT_SHRINK);
			run_each(&series, FAULT_GROW);
		}
		failed += series.wrong > 0;
		printf("%sok %d - %s: %s\n", series.wrong ? "not " : "", ++number,
			command->name, names[calls]);
		printf("# %" PRIu64 " calls from %" PRIu64 " places, %" PRIu64
		       " runs, %" PRIu64 " wrong\n",
			series.reference.made, series.reference.site_count, series.runs,
			series.wrong);
	}
	if (!series.reference.made && calls == FAULT_MEMORY)
		printf("ok %d - %s: memory # SKIP its malloc comes before that "
		       "preloaded\n",
			++number, command->name);
	fault_reference_fini(&series.reference);
}

static void
run_command(const struct fault_command *command)
{
	for (int calls = 0; calls < FAULT_CALLS; calls++) {
		/* what the recorder passes on of memory is the program's own */
		bool idle = calls == FAULT_MEMORY
			? command->recorded != NULL
			: command->grows && !step; /* met by other commands */

		if (!idle)
			run_series(command, (enum fault_calls)calls);
	}
}

#define PATH_SIZE 8192

static char *
path_in(char path[PATH_SIZE], const char *folder, const char *name)
{
	if (snprintf(path, PATH_SIZE, "%s/%s", folder, name) >= PATH_SIZE)
		abort();
	return path;
}

#define HEADER "{\"format\":\"alloc-trace\",\"version\":1,\"cache_limit\":100000000"
#define MALLOC                                                                           \
	"{\"op\":\"malloc\",\"id\":%" PRIu64 ",\"size\":%" PRIu64 ",\"t\":%" PRIu64 "}"  \
	"\n"
#define FREE "{\"op\":\"free\",\"id\":%" PRIu64 ",\"t\":%" PRIu64 "}\n"

#define SOON_CLEARED 960   /* sizes: as many as fill a table of them */
#define ALL_SIZES    11000 /* those after them, and more than one batch of a sweep */

/*
 * First as many sizes at once as fill a table of them, which are all forgotten when one
 * more comes; then nearly each block is of a size of its own. Times need four bytes.
 */
static void
write_sizes(FILE *file)
{
	uint64_t random = 1, t = 0, id;

	fprintf(file, HEADER "}\n");
	for (id = 1; id <= SOON_CLEARED; id++)
		fprintf(file, MALLOC, id, next_random(&random) % 100 * 1000 + id,
			t += 3000000);
	for (id = 1; id <= SOON_CLEARED; id++)
		fprintf(file, FREE, id, t += 3000000);
	fprintf(file, "{\"op\":\"clear_cache\"}\n");
	for (id = SOON_CLEARED + 1; id <= ALL_SIZES; id++) {
		fprintf(file, MALLOC, id, next_random(&random) % 200000 + 1,
			t += 3000000);
		fprintf(file, FREE, id, t += 3000000);
	}
}

/* Whether the id has its place at the begin of a table of 1,024. */
static bool
has_first_place(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15) >> 54 == 0;
}

/* Many live blocks, so that tables grow; most of the ids are made to crowd. */
static void
write_crowd(FILE *file)
{
	uint64_t count = 0;

	fprintf(file, HEADER "}\n");
	for (uint64_t id = 1; count < 900; id++)
		if (has_first_place(id) || (count > 160 && id % 8 == 0)) {
			fprintf(file, MALLOC, id, id % 50, id);
			count++;
		}
}

/* A few sizes again and again: limits part, and come together when all is freed. */
static void
write_groups(FILE *file)
{
	uint64_t live[8] = {0}, id = 0, random = 1;

	fprintf(file, HEADER "}\n");
	for (uint64_t t = 0; t < 500; t++) {
		uint64_t *slot = &live[next_random(&random) % 8];

		if (*slot)
			fprintf(file, FREE, *slot, t);
		else
			fprintf(file, MALLOC, id + 1, 100 + next_random(&random) % 8 * 10,
				t);
		*slot = *slot ? 0 : ++id;
	}
}

/* One line that no buffer has room for at first. */
static void
write_long(FILE *file)
{
	fprintf(file, HEADER ",\"source\":\"");
	for (int i = 0; i < 300000; i++)
		putc('x', file);
	fprintf(file, "\"}\n" MALLOC, UINT64_C(1), UINT64_C(8), UINT64_C(0));
}

static void
write_rmm(FILE *file)
{
	fprintf(file, "Thread,Time,Action,Pointer,Size,Stream\n");
	for (int i = 1; i < 1100; i++)
		fprintf(file, "1,10:00:00.000000,allocate,0x%x,8,0x%x\n", i, i);
}

/* A memory event of a profile, of a block at this address. */
static void
write_memory(FILE *file, int time, int address, int bytes)
{
	fprintf(file,
		"%s{\"name\":\"[memory]\",\"ts\":%d,\"args\":{\"Device Type\":0,"
		"\"Device Id\":-1,\"Bytes\":%d,\"Addr\":%d}}\n",
		time ? "," : "[", time, bytes, address);
}

/* The queue of events is full at a free, and again where an address comes twice. */
static void
write_queue(FILE *file)
{
	for (int i = 0; i < 64; i++)
		write_memory(file, i, i, 8);
	write_memory(file, 64, 0, -8);
	for (int i = 65; i < 128; i++)
		write_memory(file, i, i, 8);
	write_memory(file, 128, 100, 8);
	fprintf(file, "]");
}

static bool
make_large_inputs(void)
{
	static const struct {
		const char *name;
		void (*write)(FILE *file);
	} rows[] = {{"sizes.jsonl", write_sizes}, {"crowd.jsonl", write_crowd},
		{"groups.jsonl", write_groups}, {"long.jsonl", write_long},
		{"streams.csv", write_rmm}, {"queue.json", write_queue}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;
		size_t length;
		FILE *file = open_memstream(&text, &length);

		if (!file)
			return false;
		rows[i].write(file);
		if (fclose(file) || !fault_input(rows[i].name, text, length))
			return false;
		free(text);
	}
	return fault_input_made("sizes.mrt", "convert sizes.jsonl sizes.mrt", false) &&
		fault_input_made(
			"long.jsonl.gz", "convert long.jsonl long.jsonl.gz", false);
}

/* Inputs from the source tree, and those that commands make of them. */
static bool
make_inputs(const char *source)
{
	static const char *const files[][2] = {{"small.jsonl", "tests/cli/small.jsonl"},
		{"snapshot.pickle", "tests/corpus/good-snapshot-protocol-4.pickle"},
		{"wide.pickle", "tests/corpus/good-snapshot-wide.pickle"},
		{"document.json", "tests/corpus/good-document.json"},
		{"android.txt", "tests/corpus/good-android-times.txt"},
		{"heaptrack.txt.gz", "tests/corpus/good-heaptrack.txt.gz"},
		{"intervals.csv", "tests/corpus/good-intervals.csv"},
		{"kineto.json", "tests/corpus/good-kineto.json"},
		{"pairs.json", "tests/corpus/good-kineto-no-addr.json"},
		{"logalloc.log", "tests/corpus/good-logalloc.log"},
		{"mtrace.mtrace", "tests/corpus/good-mtrace.mtrace"},
		{"packed.txt.zst", "tests/corpus/good-zstd.txt.zst"},
		{"rmm.csv", "tests/corpus/good-rmm-csv.csv"}};
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!fault_input_file(files[i][0], path_in(path, source, files[i][1])))
			return false;
	return make_large_inputs() && fault_input("old.jsonl", "old\n", 4) &&
		fault_input_made(
			"small.mrt.gz", "convert small.jsonl small.mrt.gz", false) &&
		fault_input_made(
			"one.json", "simulate --format=json small.jsonl", true) &&
		fault_input_made("two.json",
			"simulate --format=json --set page=1 small.jsonl", true) &&
		fault_input_made(
			"replay.json", "replay --format=json small.jsonl", true) &&
		!system("memreplay convert - piped.mrt <mtrace.mtrace 2>/dev/null") &&
		fault_input_file("piped.mrt", "piped.mrt") &&
		!system("env $(memreplay record -o saved.jsonl --print-env 2>/dev/null) "
			"recordee all >/dev/null") &&
		fault_input_file("saved.jsonl.spool", "saved.jsonl.spool");
}

/* Found there: the stand-in for gnuplot, the program, and those that it records. */
static void
set_path(const char *build)
{
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), ".tools:%s:%s/tests:/usr/bin:/bin", build,
		    build) >= PATH_SIZE)
		abort();
	setenv("PATH", path, 1);
}

/* The folder that a variable names, from the root on. */
static char *
folder_of(char path[PATH_SIZE], const char *variable)
{
	const char *folder = getenv(variable);

	if (!realpath(folder ? folder : ".", path))
		abort();
	return path;
}

int
main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "", *extent = getenv("FAULTS");
	char build[PATH_SIZE], source[PATH_SIZE], program[PATH_SIZE], library[PATH_SIZE];

	folder_of(source, "top_srcdir");
	folder_of(build, "top_builddir");
	if (extent)
		step = strcmp(extent, "all") ? strtoull(extent, NULL, 10) : 1;
	set_path(build);
	if (!fault_setup(path_in(program, build, "memreplay"),
		    path_in(library, build, "tests/.libs/libfault.so")) ||
		!make_inputs(source))
		return EXIT_FAILURE;
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strncmp(commands[i].name, only, strlen(only)))
			run_command(&commands[i]);
	fault_cleanup();
	printf("1..%d\n", number);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
