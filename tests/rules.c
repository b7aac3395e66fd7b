/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

const struct rule rules[] = {
	{"a block of the size asked for is reused", "mlx-cpu", 1000,
		"m100=100 ?100,0,100 f1 ?0,100,100 m100=100hit ?100,0,100"},
	{"below twice the size fits", "mlx-cpu", 1000,
		"m199=199 f1 m100=199hit ?199,0,199"},
	{"twice the size does not", "mlx-cpu", 1000, "m200=200 f1 m100=100 ?100,200,200"},
	{"below two pages more fits", "mlx-cpu", 100000,
		"m28191=28191 f1 m20000=28191hit ?28191,0,28191"},
	{"two pages more does not", "mlx-cpu", 100000,
		"m28192=28192 f1 m20000=20000 ?20000,28192,28192"},
	{"both bounds meet at two pages", "mlx-cpu", 100000,
		"m16384=16384 f1 m8192=8192 f2 m8193=16384hit ?16384,8192,16384"},
	{"a reused block keeps its capacity", "mlx-cpu", 1000,
		"m150=150 f1 m100=150hit f2 ?0,150,150 m140=150hit"},
	{"the smallest that fits is taken", "mlx-cpu", 1000,
		"m150=150 m120=120 m130=130 f1 f2 f3 m110=120hit m110=130hit "
		"m110=150hit"},
	{"a smaller block never serves", "mlx-cpu", 1000,
		"m99=99 f1 m100=100 ?100,99,100"},
	{"one byte is served by one byte", "mlx-cpu", 1000, "m1=1 f1 m1=1hit"},
	{"zero is never served nor kept", "mlx-cpu", 1000,
		"m0=0 ?0,0,0 f1 ?0,0,0 m0=0 m1=1 f3 m0=0 ?0,1,1"},
	{"a freed block must fit under the limit", "mlx-cpu", 100,
		"m60=60 m41=41 m40=40 f1 ?81,60,141 f2 ?40,60,141 f3 ?0,100,141"},
	{"nothing is evicted to make room", "mlx-cpu", 100,
		"m90=90 m20=20 f1 f2 ?0,90,110 m20=20 m90=90hit"},
	{"at limit 0 nothing is kept", "mlx-cpu", 0, "m1=1 f1 ?0,0,1 m1=1"},
	{"unlimited keeps all", "mlx-cpu", MR_UNLIMITED,
		"m900000=900000 f1 ?0,900000,900000"},
	{"a limit at the cached memory evicts nothing", "mlx-cpu", 1000,
		"m10=10 m20=20 f1 f2 L30 ?0,30,30 L29 ?0,20,30"},
	{"the least recently cached go first", "mlx-cpu", 1000,
		"m10=10 m20=20 m30=30 m40=40 f3 f1 f4 f2 L99 ?0,70,100 m30=40hit "
		"m10=10hit"},
	{"whole blocks go", "mlx-cpu", 1000,
		"m10=10 m20=20 m70=70 f1 f2 f3 L89 ?0,70,100"},
	{"0.9 of the cache or more: everything goes", "mlx-cpu", 1000,
		"m90=90 m5=5 m5=5 f1 f2 f3 L10 ?0,0,100"},
	{"below 0.9: only what is needed", "mlx-cpu", 1000,
		"m90=90 m5=5 m5=5 f1 f2 f3 L11 ?0,10,100"},
	{"among equal sizes the one cached earliest is taken", "mlx-cpu", 1000,
		"m100=100 m50=50 m100=100 f1 f2 f3 m100=100hit L100 ?100,100,250"},
	{"a reused block is the most recent when freed", "mlx-cpu", 1000,
		"m100=100 m50=50 f1 f2 m100=100hit f3 L100 ?0,100,150 m50=50"},
	{"clearing returns everything", "mlx-cpu", 1000,
		"m10=10 m20=20 f1 C ?20,0,30 C f2 ?0,20,30"},
	{"reset sets the peak to 0, not to the active memory", "mlx-cpu", 1000,
		"m10=10 m20=20 f1 R ?20,10,0 f2 ?0,30,0 m5=5 ?5,30,5"},
	{"a limit raised later holds from then on", "mlx-cpu", 0,
		"m10=10 f1 ?0,0,10 L10 m10=10 f2 ?0,10,10 m10=10hit"},
	{"plain malloc caches nothing", "none", 1000,
		"m10=10 f1 ?0,0,10 m10=10 ?10,0,10"},
};

const size_t rules_count = sizeof(rules) / sizeof(rules[0]);

static uint64_t
number(const char **at)
{
	char *end;
	uint64_t value = strtoull(*at, &end, 10);

	if (end == *at)
		abort();
	*at = end;
	return value;
}

static void
expect(const char **at, char character)
{
	if (**at != character)
		abort();
	++*at;
}

static void
malloc_word(const char **at, uint64_t id, struct rule_step *step)
{
	step->event.op = MR_OP_MALLOC;
	step->event.id = id;
	step->event.slot = (uint32_t)(id - 1);
	step->event.size = number(at);
	expect(at, '=');
	step->capacity = number(at);
	step->hit = !strncmp(*at, "hit", 3);
	if (step->hit)
		*at += 3;
}

static void
counters_word(const char **at, struct rule_step *step)
{
	step->is_counters = true;
	step->event.op = MR_OP_COUNTERS;
	step->event.active = number(at);
	expect(at, ',');
	step->event.cached = number(at);
	expect(at, ',');
	step->event.peak = number(at);
}

bool
rule_next(const char **script, uint64_t *mallocs, struct rule_step *step)
{
	const char *at = *script + strspn(*script, " ");

	*step = (struct rule_step){.word = at};
	switch (*at++) {
	case '\0':
		return false;
	case 'm':
		malloc_word(&at, ++*mallocs, step);
		break;
	case 'f':
		step->event.op = MR_OP_FREE;
		step->event.id = number(&at);
		step->event.slot = (uint32_t)(step->event.id - 1);
		break;
	case 'L':
		step->event.op = MR_OP_SET_CACHE_LIMIT;
		step->event.bytes = number(&at);
		break;
	case 'C':
		step->event.op = MR_OP_CLEAR_CACHE;
		break;
	case 'R':
		step->event.op = MR_OP_RESET_PEAK;
		break;
	case '?':
		counters_word(&at, step);
		break;
	default:
		abort();
	}
	if (*at && *at != ' ')
		abort();
	*script = at;
	return true;
}
