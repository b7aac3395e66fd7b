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
	{"a wider window, by factor", "mlx-cpu window_factor=4", 1000,
		"m399=399 f1 m100=399hit f2 m99=99"},
	{"a narrower window, by pages", "mlx-cpu page=10 window_pages=1", 1000,
		"m109=109 f1 m100=109hit f2 m99=99"},
	{"pow2: sizes go up to powers of two", "mlx-cpu round=pow2", 5000,
		"m1=1 m2=2 m3=4 m5=8 m1024=1024 m1025=2048 m0=0"},
	{"1/4: four steps an octave", "mlx-cpu round=1/4", 5000,
		"m3=3 m5=5 m7=7 m8=8 m9=10 m11=12 m16=16 m17=20 m31=32 m1000=1024 "
		"m1025=1280"},
	{"1/8: eight steps an octave", "mlx-cpu round=1/8", 5000,
		"m15=15 m16=16 m17=18 m1025=1152 m1153=1280 m2047=2048"},
	{"1/16: sixteen steps an octave", "mlx-cpu round=1/16", 5000,
		"m31=31 m33=34 m1025=1088 m1089=1152 m2048=2048"},
	{"growing sizes hit within a class", "mlx-cpu round=1/8", 5000,
		"m1025=1152 f1 ?0,1152,1152 m1040=1152hit f2 m1152=1152hit f3 "
		"m1153=1280"},
	{"the window is that of the rounded size", "mlx-cpu round=pow2", 5000,
		"m1025=2048 f1 m600=1024 m1025=2048hit f3 m1024=1024"},
	{"evict: the least recently cached make room", "mlx-cpu on_full=evict", 100,
		"m40=40 m41=41 m50=50 m60=60 f1 f2 ?110,81,191 f3 ?60,91,191 f4 "
		"?0,60,191 m20=20 m60=60hit"},
	{"evict: what fits evicts nothing", "mlx-cpu on_full=evict", 100,
		"m60=60 m40=40 f1 f2 ?0,100,100"},
	{"evict: a block above the limit is rejected alone", "mlx-cpu on_full=evict", 100,
		"m40=40 m101=101 m100=100 f1 f2 ?100,40,241 f3 ?0,100,241"},
	{"the cache is cleared after every third malloc", "mlx-cpu clear_every=3", 1000,
		"m10=10 m20=20 f1 f2 ?0,30,30 m30=30 ?30,0,30 f3 m30=30hit f4 m10=10 "
		"?10,30,30 m30=30hit ?40,0,40"},
	{"the malloc that clears may be served first", "mlx-cpu clear_every=2", 1000,
		"m10=10 f1 m10=10hit f2 ?0,10,10 m5=5 m5=5 ?10,0,10"},
	{"max_blocks: the least recently cached goes", "mlx-cpu max_blocks=2", 1000,
		"m10=10 m20=20 f2 f1 ?0,30,30 m5=5 ?5,10,30 m10=10hit ?15,0,30"},
	{"max_blocks: without cached blocks a malloc fails", "mlx-cpu max_blocks=2", 1000,
		"m10=10 m20=20 m30=none ?30,0,30 f3 ?30,0,30 f1 m30=30 ?50,0,50"},
	{"metal: no block for 0 bytes", "mlx-metal", 100000,
		"m0=none ?0,0,0 f1 ?0,0,0 m1=1"},
	{"metal: pages above a page", "mlx-metal", 1000000,
		"m16384=16384 m16383=16383 m16385=32768 m32769=49152"},
	{"metal: lookup with its page", "mlx-metal", 1000000,
		"m49152=49152 f1 m16385=49152hit f2 m16384=16384"},
	{"metal: below the limit a block is cached", "mlx-metal", 100,
		"m99=99 m500=500 m1=1 f1 ?501,99,600 f2 ?1,599,600 f3 ?0,599,600"},
	{"metal: trimmed after the next malloc", "mlx-metal", 100,
		"m50=50 m60=60 m10=10 f1 f2 f3 ?0,110,120 m200=200 ?200,60,200"},
	{"metal: trimmed after a hit too", "mlx-metal", 100,
		"m50=50 m60=60 m70=70 f1 f2 ?70,110,180 m60=60hit ?130,50,180 f3 f4 "
		"?0,120,180 m50=50hit ?50,70,180"},
	{"metal: lowering the limit waits for a malloc", "mlx-metal", 1000,
		"m50=50 m60=60 m70=70 f1 f2 f3 L100 ?0,180,180 m9=9 ?9,70,180"},
	{"metal: below 0.9 whole blocks, else everything", "mlx-metal", 1000,
		"m50=50 m60=60 m70=70 f1 f2 f3 L18 ?0,180,180 m9=9 ?9,0,180"},
	{"metal: at limit 0 nothing is cached", "mlx-metal", 0, "m10=10 f1 ?0,0,10"},
	{"metal: memory limit and working set", "mlx-metal working_set=1000 memory=1000",
		MR_DERIVED, "m400=400 f1 m949=949 ?949,0,949 f2 m900=949hit m900=900"},
	{"metal: at gc_limit a miss releases the difference",
		"mlx-metal working_set=1000 memory_limit=2000", 5000,
		"m100=100 m200=200 m300=300 f1 f2 f3 m1=1 m350=350 ?351,500,600"},
	{"metal: to release 0.9 of the cache is to clear it",
		"mlx-metal memory_limit=1000", 5000,
		"m90=90 m5=5 m5=5 f1 f2 f3 m990=990 ?990,0,990"},
	{"metal: to release less is not", "mlx-metal memory_limit=1000", 5000,
		"m90=90 m5=5 m5=5 f1 f2 f3 m989=989 ?989,10,989"},
	{"metal: need below gc_limit releases nothing",
		"mlx-metal working_set=1000 memory_limit=2000", 5000,
		"m100=100 m200=200 m300=300 f1 f2 f3 m349=349 ?349,600,600 f4 "
		"m1=1 ?1,949,600"},
	{"metal: the memory limit is part of gc_limit", "mlx-metal working_set=1000",
		5000,
		"m100=100 m200=200 f1 f2 M500 m250=250 ?250,200,300 M5000 m10=10 "
		"?260,200,300"},
	{"metal: at max_blocks the whole cache goes", "mlx-metal max_blocks=3", 5000,
		"m10=10 m20=20 m30=30 f1 f2 ?30,30,60 m40=40 ?70,0,70"},
	{"metal: at max_blocks a malloc fails", "mlx-metal max_blocks=2", 5000,
		"m10=10 m20=20 m30=none ?30,0,30 m0=none f3 f4 f1 m10=10hit"},
	{"metal: at max_blocks and gc_limit only the difference goes",
		"mlx-metal max_blocks=2 memory_limit=130", 5000,
		"m60=60 m50=50 f1 f2 m20=none ?0,110,110 m21=21 ?21,50,110"},
	{"cuda: no block for 0 bytes", "mlx-cuda", 1000, "m0=none f1 ?0,0,0"},
	{"cuda: 8, powers of two, pages", "mlx-cuda", 1000000,
		"m1=8 m8=8 m9=16 m1000=1024 m16383=16384 m16384=16384 m16385=32768"},
	{"cuda: lookup with the rounded size", "mlx-cuda", 1000000,
		"m1000=1024 f1 m600=1024hit f2 m512=512"},
	{"cuda: above the memory limit the excess goes", "mlx-cuda memory_limit=4096",
		5000, "m1024=1024 m512=512 f1 f2 m2560=4096 ?4096,0,4096"},
	{"cuda: at the memory limit nothing goes", "mlx-cuda memory_limit=4096", 5000,
		"m1024=1024 m1024=1024 f1 f2 m2048=2048 ?2048,2048,2048 f3 m4=8 "
		"?8,3072,2048"},
	{"cuda: whole blocks go, the oldest first", "mlx-cuda memory_limit=4096", 5000,
		"m512=512 m1024=1024 f2 f1 m16=16 m2561=4096 ?4112,0,4112"},
	{"cuda: memory limit from memory, limit from both", "mlx-cuda memory=1000",
		MR_DERIVED,
		"m512=512 m256=256 f1 m1024=1024 ?1280,0,1280 f2 f3 ?0,1280,1280"},
	{"cuda: max_blocks as mlx-cpu", "mlx-cuda max_blocks=2", 5000,
		"m16=16 m32=32 f1 m64=64 ?96,0,96 m64=none f4 f3 ?32,64,96"},
};

const size_t rules_count = sizeof(rules) / sizeof(rules[0]);

struct mr_policy
rules_policy(const char *text)
{
	char *copy = strdup(text), *rest = copy, *word;
	struct mr_policy policy;
	struct mr_error err;

	word = copy ? strsep(&rest, " ") : NULL;
	if (!word || mr_policy_init(&policy, word, &err))
		abort();
	while ((word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');

		if (!value)
			abort();
		*value++ = '\0';
		if (mr_policy_set(&policy, word, value, &err))
			abort();
	}
	free(copy);
	return policy;
}

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
	step->none = !strncmp(*at, "none", 4);
	if (step->none)
		*at += 4;
	else
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
	case 'M':
		step->event.op = MR_OP_SET_MEMORY_LIMIT;
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
