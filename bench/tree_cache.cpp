/* SPDX-License-Identifier: MIT */
#include "tree_cache.h"

#include <cstdlib>
#include <list>
#include <map>
#include <mutex>

namespace
{

const size_t page = 4096;

struct cached_block {
	size_t *memory; /* the capacity stands before the block */
	std::list<cached_block *>::iterator age;
};

} // namespace

struct tree_cache {
	std::mutex lock;
	std::multimap<size_t, cached_block> by_size;
	std::list<cached_block *> by_age;
	uint64_t limit, active = 0, cached = 0, peak = 0;
};

tree_cache *
tree_cache_new(uint64_t limit)
{
	tree_cache *cache = new tree_cache;

	cache->limit = limit;
	return cache;
}

void
tree_cache_free(tree_cache *cache)
{
	for (auto &entry : cache->by_size)
		free(entry.second.memory);
	delete cache;
}

void *
tree_cache_alloc(tree_cache *cache, size_t size)
{
	std::unique_lock<std::mutex> held(cache->lock);
	auto found = cache->by_size.lower_bound(size);
	size_t *memory;

	if (found != cache->by_size.end() && found->first < 2 * size &&
		found->first < size + 2 * page) {
		memory = found->second.memory;
		cache->cached -= found->first;
		cache->active += found->first;
		cache->by_age.erase(found->second.age);
		cache->by_size.erase(found);
	} else {
		held.unlock();
		memory = static_cast<size_t *>(malloc(size + 2 * sizeof(size_t)));
		held.lock();
		if (!memory)
			return nullptr;
		*memory = size;
		cache->active += size;
	}
	if (cache->active > cache->peak)
		cache->peak = cache->active;
	return memory + 2;
}

void
tree_cache_dealloc(tree_cache *cache, void *block)
{
	size_t *memory = static_cast<size_t *>(block) - 2;
	std::unique_lock<std::mutex> held(cache->lock);
	size_t size = *memory;

	cache->active -= size;
	if (size && cache->cached + size <= cache->limit) {
		auto at = cache->by_size.emplace(size, cached_block{memory, {}});

		at->second.age = cache->by_age.insert(cache->by_age.end(), &at->second);
		cache->cached += size;
		return;
	}
	held.unlock();
	free(memory);
}
