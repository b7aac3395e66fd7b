/* SPDX-License-Identifier: MIT */
#include "alloc/sizes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Adding a size splits at most one node a level and adds a root; 2^32 < 32^7. */
#define MOST_NEW_NODES 9
#define HALF           (MR_SIZES_FANOUT / 2)

static uint32_t
new_node(struct mr_sizes *sizes, uint8_t level)
{
	uint32_t node = sizes->node_count++;

	sizes->nodes[node].parent = MR_NONE;
	sizes->nodes[node].place = 0;
	sizes->nodes[node].count = 0;
	sizes->nodes[node].level = level;
	sizes->nodes[node].word = 0;
	return node;
}

/* Makes room for count nodes in all. */
static enum mr_status
reserve_nodes(struct mr_sizes *sizes, uint32_t count, struct mr_error *err)
{
	uint32_t space = sizes->node_space * 2 > count ? sizes->node_space * 2 : count;
	struct mr_sizes_node *nodes;

	if (count <= sizes->node_space)
		return MR_OK;
	nodes = realloc(sizes->nodes, space * sizeof(*nodes));
	if (!nodes)
		return mr_fail_memory(err);
	sizes->nodes = nodes;
	sizes->node_space = space;
	return MR_OK;
}

enum mr_status
mr_sizes_reserve(struct mr_sizes *sizes, struct mr_error *err)
{
	uint32_t space = sizes->class_space * 2 + MR_SIZES_FANOUT;
	struct mr_class *classes;

	if (mr_sizes_full(sizes)) {
		classes = realloc(sizes->classes, space * sizeof(*classes));
		if (!classes)
			return mr_fail_memory(err);
		sizes->classes = classes;
		sizes->class_space = space;
	}
	return reserve_nodes(sizes, sizes->node_count + MOST_NEW_NODES, err);
}

enum mr_status
mr_sizes_init(struct mr_sizes *sizes, struct mr_error *err)
{
	enum mr_status st;

	memset(sizes, 0, sizeof(*sizes));
	sizes->unused = MR_NONE;
	st = mr_sizes_reserve(sizes, err);
	if (st)
		mr_sizes_fini(sizes);
	else
		sizes->root = new_node(sizes, 0);
	return st;
}

enum mr_status
mr_sizes_copy(struct mr_sizes *to, const struct mr_sizes *from, struct mr_error *err)
{
	struct mr_class *classes = to->classes;
	struct mr_sizes_node *nodes = to->nodes;
	uint32_t class_space = to->class_space, node_space = to->node_space;
	enum mr_status st;

	if (class_space < from->class_count) {
		classes = realloc(classes, from->class_space * sizeof(*classes));
		if (!classes)
			return mr_fail_memory(err);
		to->classes = classes;
		to->class_space = class_space = from->class_space;
	}
	if ((st = reserve_nodes(to, from->node_count, err)))
		return st;
	nodes = to->nodes;
	node_space = to->node_space;
	*to = *from;
	to->classes = classes;
	to->class_space = class_space;
	to->nodes = nodes;
	to->node_space = node_space;
	memcpy(classes, from->classes, from->class_count * sizeof(*classes));
	memcpy(nodes, from->nodes, from->node_count * sizeof(*nodes));
	return MR_OK;
}

void
mr_sizes_fini(struct mr_sizes *sizes)
{
	free(sizes->classes);
	free(sizes->nodes);
	memset(sizes, 0, sizeof(*sizes));
}

/* The last child of node that starts at or below size; the first if none does. */
static uint32_t
child_for(const struct mr_sizes_node *node, uint64_t size)
{
	uint32_t low = 0, high = node->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (node->low[middle] <= size)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint32_t
leaf_for(const struct mr_sizes *sizes, uint64_t size)
{
	uint32_t node = sizes->root;

	while (sizes->nodes[node].level)
		node = sizes->nodes[node].child[child_for(&sizes->nodes[node], size)];
	return node;
}

/* Where size is, or would be put, in a leaf. */
static uint32_t
place_for(const struct mr_sizes_node *leaf, uint64_t size)
{
	uint32_t place = child_for(leaf, size);

	return place + (leaf->count && leaf->low[place] < size);
}

uint32_t
mr_sizes_search(struct mr_sizes *sizes, uint64_t size)
{
	const struct mr_sizes_node *leaf = &sizes->nodes[leaf_for(sizes, size)];
	uint32_t place = child_for(leaf, size);

	if (!leaf->count || leaf->low[place] != size)
		return MR_NONE;
	sizes->memo[mr_sizes_memo_at(size)] = leaf->child[place];
	return leaf->child[place];
}

uint32_t
mr_sizes_from(const struct mr_sizes *sizes, uint64_t size)
{
	uint32_t leaf = leaf_for(sizes, size);

	return mr_sizes_first(sizes, leaf, place_for(&sizes->nodes[leaf], size));
}

/* Tells the children of node from place on where they are. */
static void
renumber(struct mr_sizes *sizes, uint32_t node, uint32_t place)
{
	const struct mr_sizes_node *n = &sizes->nodes[node];

	for (; place < n->count; place++) {
		if (n->level) {
			sizes->nodes[n->child[place]].parent = node;
			sizes->nodes[n->child[place]].place = (uint16_t)place;
		} else {
			sizes->classes[n->child[place]].node = node;
			sizes->classes[n->child[place]].place = place;
		}
	}
}

/* Puts a child without cached blocks into a node that has room. */
static void
insert_child(struct mr_sizes *sizes, uint32_t node, uint32_t place, uint64_t low,
	uint32_t child)
{
	struct mr_sizes_node *n = &sizes->nodes[node];
	uint64_t below = (UINT64_C(1) << place) - 1;
	size_t moved = n->count - place;

	memmove(&n->low[place + 1], &n->low[place], moved * sizeof(*n->low));
	memmove(&n->child[place + 1], &n->child[place], moved * sizeof(*n->child));
	n->low[place] = low;
	n->child[place] = child;
	n->count++;
	renumber(sizes, node, place);
	n->word = (n->word & below) | (n->word & ~below) << 1;
}

/* Makes the parent's bit agree with the node's word. */
static void
tell_parent(struct mr_sizes *sizes, uint32_t node)
{
	const struct mr_sizes_node *n = &sizes->nodes[node];
	uint64_t *above = &sizes->nodes[n->parent].word;

	*above &= ~(UINT64_C(1) << n->place);
	*above |= (uint64_t)(n->word != 0) << n->place;
}

/* Moves the upper half of a full node, whose parent has room, to a new node. */
static void
split(struct mr_sizes *sizes, uint32_t node)
{
	struct mr_sizes_node *n = &sizes->nodes[node], *r;
	uint32_t right = new_node(sizes, n->level);

	r = &sizes->nodes[right];
	memcpy(r->low, &n->low[HALF], HALF * sizeof(*r->low));
	memcpy(r->child, &n->child[HALF], HALF * sizeof(*r->child));
	r->count = n->count = HALF;
	renumber(sizes, right, 0);
	if (n->parent == MR_NONE) {
		sizes->root = new_node(sizes, (uint8_t)(n->level + 1));
		insert_child(sizes, sizes->root, 0, n->low[0], node);
	}
	insert_child(sizes, n->parent, n->place + 1u, r->low[0], right);
	r->word = n->word >> HALF;
	n->word &= (UINT64_C(1) << HALF) - 1;
	tell_parent(sizes, node);
	tell_parent(sizes, right);
}

/* The leaf that size belongs in, with room; lower bounds above it are set. */
static uint32_t
roomy_leaf_for(struct mr_sizes *sizes, uint64_t size)
{
	uint32_t node = sizes->root;

	for (;;) {
		struct mr_sizes_node *n = &sizes->nodes[node];
		uint32_t at;

		/* Split on the way down, so that a parent always has room. */
		if (n->count == MR_SIZES_FANOUT) {
			split(sizes, node);
			node = n->parent;
			n = &sizes->nodes[node];
		}
		if (!n->level)
			return node;
		at = child_for(n, size);
		if (size < n->low[at])
			n->low[at] = size;
		node = n->child[at];
	}
}

static void
attach(struct mr_sizes *sizes, uint32_t class)
{
	uint64_t size = sizes->classes[class].size;
	uint32_t leaf = roomy_leaf_for(sizes, size);

	insert_child(sizes, leaf, place_for(&sizes->nodes[leaf], size), size, class);
}

uint32_t
mr_sizes_add(struct mr_sizes *sizes, uint64_t size)
{
	uint32_t class = sizes->unused;

	if (class == MR_NONE)
		class = sizes->class_count++;
	else
		sizes->unused = sizes->classes[class].place;
	sizes->classes[class].size = size;
	attach(sizes, class);
	sizes->memo[mr_sizes_memo_at(size)] = class;
	return class;
}

enum mr_status
mr_sizes_sweep(struct mr_sizes *sizes, bool (*drop)(const void *context, uint32_t class),
	const void *context, struct mr_error *err)
{
	/* Sizes put in one by one leave every node but the root at least half full. */
	enum mr_status st = reserve_nodes(
		sizes, sizes->class_count / (HALF - 1) + MOST_NEW_NODES, err);

	if (st)
		return st;
	sizes->node_count = 0;
	sizes->root = new_node(sizes, 0);
	for (uint32_t class = 0; class < sizes->class_count; class ++) {
		struct mr_class *c = &sizes->classes[class];

		if (c->node == MR_NONE)
			continue;
		if (!drop(context, class)) {
			attach(sizes, class);
			continue;
		}
		c->node = MR_NONE;
		c->place = sizes->unused;
		sizes->unused = class;
	}
	return MR_OK;
}

static uint32_t *
list_below(const struct mr_sizes *sizes, uint32_t node, uint32_t *out)
{
	const struct mr_sizes_node *n = &sizes->nodes[node];

	for (uint32_t place = 0; place < n->count; place++) {
		if (n->level)
			out = list_below(sizes, n->child[place], out);
		else
			*out++ = n->child[place];
	}
	return out;
}

void
mr_sizes_list(const struct mr_sizes *sizes, uint32_t *classes)
{
	list_below(sizes, sizes->root, classes);
}

static bool
child_is_right(const struct mr_sizes *sizes, uint32_t node, uint32_t place)
{
	const struct mr_sizes_node *n = &sizes->nodes[node];
	uint32_t child = n->child[place];

	if (place && n->low[place - 1] >= n->low[place])
		return false;
	if (!n->level)
		return sizes->classes[child].size == n->low[place] &&
			sizes->classes[child].node == node &&
			sizes->classes[child].place == place;
	if (sizes->nodes[child].parent != node || sizes->nodes[child].place != place ||
		sizes->nodes[child].low[0] < n->low[place] ||
		sizes->nodes[child].level + 1 != n->level)
		return false;
	return (n->word >> place & 1) == (sizes->nodes[child].word != 0);
}

enum mr_status
mr_sizes_check(const struct mr_sizes *sizes, struct mr_error *err)
{
	for (uint32_t node = 0; node < sizes->node_count; node++) {
		const struct mr_sizes_node *n = &sizes->nodes[node];

		if ((n->parent == MR_NONE) != (node == sizes->root))
			return mr_fail(
				err, MR_EINVAL, "size node %u has no parent", node);
		for (uint32_t place = 0; place < n->count; place++)
			if (!child_is_right(sizes, node, place))
				return mr_fail(err, MR_EINVAL,
					"size node %u is wrong at child %u", node, place);
	}
	return MR_OK;
}
