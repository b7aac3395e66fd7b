/* SPDX-License-Identifier: MIT */

/*
 * The yardstick, as a malloc to preload: the rules of mlx-cpu written the
 * straightforward way, with a balanced tree of the C++ library that holds one
 * allocated node for each cached block, a linked list by age, and a lock. The
 * cache limit is TREE_CACHE_LIMIT bytes, by default 32 MiB.
 */

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <new>

extern "C" {
/* the C library's own, below the malloc that is replaced here */
void *__libc_malloc(size_t size);
void __libc_free(void *memory);
}

namespace
{

const size_t page = 4096;

/* What the tree and the list are made of must not come from themselves. */
template <class T> struct below {
	using value_type = T;

	below() = default;
	template <class U> below(const below<U> &) {}

	T *
	allocate(size_t count)
	{
		void *memory = __libc_malloc(count * sizeof(T));

		if (!memory)
			throw std::bad_alloc();
		return static_cast<T *>(memory);
	}

	void
	deallocate(T *memory, size_t)
	{
		__libc_free(memory);
	}

	bool
	operator==(const below &) const
	{
		return true;
	}
};

/* It stands before each block. */
struct tag {
	void *memory; /* what the system gave: this, but for some aligned blocks */
	size_t capacity;
};

const size_t plain = sizeof(tag); /* alignment */

struct cached_block;
using ages = std::list<cached_block *, below<cached_block *>>;

struct cached_block {
	tag *block;
	ages::iterator age;
};

using sizes = std::multimap<size_t, cached_block, std::less<size_t>,
	below<std::pair<const size_t, cached_block>>>;

struct tree_cache {
	std::mutex lock;
	sizes by_size;
	ages by_age;
	uint64_t limit = UINT64_C(32) << 20, active = 0, cached = 0, peak = 0;

	tree_cache()
	{
		const char *text = getenv("TREE_CACHE_LIMIT");

		if (text)
			limit = strtoull(text, nullptr, 10);
	}
};

/* Never destroyed: blocks are freed up to the very end. */
tree_cache &
cache()
{
	alignas(tree_cache) static char space[sizeof(tree_cache)];
	static tree_cache *the_one = new (space) tree_cache;

	return *the_one;
}

void *
from_system(size_t size, size_t align)
{
	size_t extra = sizeof(tag) + (align > plain ? align : 0);
	void *memory = size <= PTRDIFF_MAX - extra ? __libc_malloc(size + extra) : nullptr;
	uintptr_t begin = reinterpret_cast<uintptr_t>(memory) + sizeof(tag);
	tag *block;

	if (!memory) {
		errno = ENOMEM;
		return nullptr;
	}
	block = reinterpret_cast<tag *>((begin + align - 1) & ~(align - 1)) - 1;
	*block = {memory, size};
	return block + 1;
}

tag *
tag_of(void *block)
{
	return static_cast<tag *>(block) - 1;
}

} // namespace

extern "C" {

void *
malloc(size_t size)
{
	tree_cache &tree = cache();
	std::unique_lock<std::mutex> held(tree.lock);
	auto found = tree.by_size.lower_bound(size);
	tag *block;
	void *fresh;

	if (found != tree.by_size.end() && found->first < 2 * size &&
		found->first < size + 2 * page) {
		block = found->second.block;
		tree.cached -= block->capacity;
		tree.active += block->capacity;
		tree.by_age.erase(found->second.age);
		tree.by_size.erase(found);
		if (tree.active > tree.peak)
			tree.peak = tree.active;
		return block + 1;
	}
	held.unlock();
	fresh = from_system(size, plain);
	held.lock();
	if (fresh)
		tree.active += size;
	if (tree.active > tree.peak)
		tree.peak = tree.active;
	return fresh;
}

void
free(void *memory)
{
	tree_cache &tree = cache();
	tag *block;

	if (!memory)
		return;
	block = tag_of(memory);
	if (block->memory == block) {
		std::unique_lock<std::mutex> held(tree.lock);

		tree.active -= block->capacity;
		if (block->capacity && tree.cached + block->capacity <= tree.limit) {
			auto at = tree.by_size.emplace(
				block->capacity, cached_block{block, {}});

			at->second.age = tree.by_age.insert(tree.by_age.end(), &at->second);
			tree.cached += block->capacity;
			return;
		}
	}
	__libc_free(block->memory);
}

void *
calloc(size_t count, size_t each)
{
	size_t size;
	void *memory;

	if (__builtin_mul_overflow(count, each, &size)) {
		errno = ENOMEM;
		return nullptr;
	}
	memory = malloc(size);
	return memory ? memset(memory, 0, size) : nullptr;
}

int
posix_memalign(void **out, size_t align, size_t size)
{
	void *memory = from_system(size, align);

	if (!memory)
		return ENOMEM;
	*out = memory;
	return 0;
}

void *
aligned_alloc(size_t align, size_t size)
{
	return from_system(size, align);
}

void *
realloc(void *memory, size_t size)
{
	void *other = malloc(size);
	size_t old = memory ? tag_of(memory)->capacity : 0;

	if (!other)
		return nullptr;
	if (memory)
		memcpy(other, memory, old < size ? old : size);
	free(memory);
	return other;
}
}
