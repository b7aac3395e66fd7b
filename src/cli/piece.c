/* SPDX-License-Identifier: MIT */
#include "cli/piece.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/draft.h"
#include "base/error.h"
#include "cli/message.h"
#include "cli/walk.h"
#include "memreplay/sim.h"

/* A piece being worked on. */
struct work {
	const struct mr_method *method;
	struct mr_piece piece;
	struct mr_sweep_options sweep; /* of the piece */
	struct mr_errand *errand;
	struct mr_source input;
	struct mr_variants variants;
	struct mr_account account;
	FILE *said;
};

void
mr_piece_put(struct mr_packet *packet, const struct mr_piece *piece)
{
	mr_packet_put_string(packet, piece->path);
	mr_packet_put(packet, piece->row);
	mr_packet_put(packet, piece->rows);
	mr_packet_put(packet, piece->group);
	mr_packet_put(packet, piece->groups);
}

static bool
get_piece(struct mr_packet *packet, struct mr_piece *out)
{
	out->path = mr_packet_get_text(packet, NULL);
	out->row = (size_t)mr_packet_get(packet);
	out->rows = (size_t)mr_packet_get(packet);
	out->group = (size_t)mr_packet_get(packet);
	out->groups = (size_t)mr_packet_get(packet);
	return mr_packet_is_done(packet);
}

/* A sweep under the variants of the piece. Returns what the library says. */
static enum mr_status
make_sweep(struct mr_sweep **out, struct work *work)
{
	const struct mr_piece *piece = &work->piece;
	struct mr_policy *policies = malloc(piece->rows * sizeof(*policies));
	enum mr_status st;

	if (!policies)
		return mr_fail_memory(&work->input.err);
	for (size_t i = 0; i < piece->rows; i++)
		policies[i] = work->variants.items[piece->row + i].setup.policy;
	st = mr_sweep_new_grid(
		out, policies, piece->rows, &work->sweep, &work->input.err);
	free(policies);
	return st;
}

/* What is said of a walk's length cannot wait until it is over. */
static void
estimate(const struct work *work)
{
	const struct mr_method *method = work->method;
	struct mr_source_options quiet = method->input;

	if (!method->estimate || method->sweep.resolution != 1 || work->piece.rows != 1)
		return;
	quiet.watch = NULL;
	quiet.progress = NULL;
	mr_say_to(NULL);
	mr_walk_estimate(work->piece.path, &quiet, &work->variants.items[0].setup.policy,
		&work->sweep);
	mr_say_to(work->said);
}

static void
put_result(const struct work *work, const char *said, struct mr_account *account)
{
	struct mr_packet result = {0};

	mr_packet_put_string(&result, said);
	mr_account_put(&result, account);
	mr_packet_put_text(&work->errand->results, result.data, result.length);
	work->errand->results.bad |= result.bad;
	mr_packet_fini(&result);
}

/* Gives every unit its points, which come variant by variant in order of the limits. */
static void
put_results(struct work *work, const char *said)
{
	const struct mr_piece *piece = &work->piece;
	struct mr_account own = work->account;

	if (!mr_limits_apart(&work->method->sweep)) {
		put_result(work, said, &own);
		return;
	}
	for (size_t i = 0; i < piece->rows * piece->groups; i++) {
		own.count = mr_limits_width(
			&work->method->sweep, piece->group + i % piece->groups, 1);
		put_result(work, said, &own);
		own.points += own.count;
	}
}

/* What a trace reaches while it changes its limit is not what it is compared with. */
static void
say_fixed(const char *path, uint64_t changes)
{
	if (changes)
		mr_say("%s: its %" PRIu64
		       " set_cache_limit event%s ignored: each row is at one limit "
		       "throughout",
			mr_path_name(path), changes, changes == 1 ? " is" : "s are");
}

/* Keeps what the sweep came to. */
static int
finish(struct work *work, struct mr_sweep *sweep, const struct mr_sim *sim)
{
	struct mr_account *account = &work->account;
	const struct mr_point *points;

	account->header = *mr_reader_header(work->input.reader);
	mr_reader_summary(work->input.reader, &account->summary);
	mr_sweep_summary(sweep, &account->sweep);
	if (sim) {
		mr_sim_result(sim, &account->today);
		say_fixed(work->piece.path, account->sweep.ignored_limits);
	}
	if (mr_sweep_points(sweep, &points, &account->count, &work->input.err))
		return mr_source_failed(&work->input);
	account->points = malloc(account->count * sizeof(*points) + 1);
	if (!account->points) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	memcpy(account->points, points, account->count * sizeof(*points));
	for (size_t i = 0; i < account->count; i++)
		account->points[i].policy += work->piece.row;
	work->errand->events = account->sweep.events;
	work->errand->steps = account->sweep.state_events;
	return MR_EXIT_DONE;
}

static enum mr_status
simulate(void *context, const struct mr_event *events, size_t count, struct mr_error *err)
{
	return mr_sim_run(context, events, count, err);
}

/* Reads the trace that is open. */
static int
sweep_source(struct work *work)
{
	const struct mr_method *method = work->method;
	const struct mr_header *header = mr_reader_header(work->input.reader);
	struct mr_error *err = &work->input.err;
	struct mr_sweep *sweep = NULL;
	struct mr_sim *sim = NULL;
	int status;

	if (mr_variants_make(&work->variants, method->vary, method->policy, header, err))
		return mr_source_failed(&work->input);
	if (work->piece.row >= work->variants.count ||
		work->piece.rows > work->variants.count - work->piece.row) {
		mr_say("%s: a piece of work has more policies than there are",
			work->piece.path);
		return MR_EXIT_FAILED;
	}
	if (make_sweep(&sweep, work) ||
		(method->today &&
			mr_sim_new(&sim, &work->variants.items[0].setup.policy, false,
				err))) {
		status = mr_source_failed(&work->input);
	} else {
		estimate(work);
		status = mr_walk_beside(sweep, &work->input, sim ? simulate : NULL, sim);
	}
	if (!status)
		status = finish(work, sweep, sim);
	mr_sim_free(sim);
	mr_sweep_free(sweep);
	return status;
}

static int
sweep_piece(struct work *work)
{
	struct mr_source_options options = work->method->input;
	int status;

	options.watch = work->errand->watch;
	options.watch_context = work->errand->watch_context;
	status = mr_source_open(&work->input, work->piece.path, &options);
	return status ? status : sweep_source(work);
}

void
mr_piece_work(const struct mr_method *method, struct mr_errand *errand)
{
	struct work work = {.method = method, .errand = errand};
	struct mr_draft said = {0};

	if (!get_piece(&errand->brief, &work.piece) || mr_draft_open(&said, NULL)) {
		errand->results.bad = true;
		return;
	}
	work.said = said.file;
	work.sweep = mr_limits_part(&method->sweep, work.piece.group, work.piece.groups);
	mr_say_to(work.said);
	errand->status = sweep_piece(&work);
	mr_say_to(NULL);
	if (mr_draft_sync(&said, NULL))
		errand->results.bad = true;
	else if (errand->status)
		mr_packet_put_text(&errand->results, said.text, said.length);
	else
		put_results(&work, said.text);
	mr_draft_fini(&said);
	free(work.account.points);
	mr_variants_fini(&work.variants);
	mr_source_close(&work.input);
}
