/* SPDX-License-Identifier: MIT */
#include "mlx.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace mlx::core
{

namespace allocator
{

// The rules of the CPU allocator, as memreplay(1) states them for mlx-cpu.
class CommonAllocator : public Allocator
{
      public:
	~CommonAllocator() override
	{
		release(cached_);
		closed_ = true; // global arrays may be freed after this
	}

	Buffer
	malloc(std::size_t size) override
	{
		std::unique_lock lock(mutex_);
		Block *block = nullptr;

		if (size > PTRDIFF_MAX)
			throw std::bad_alloc();
		auto fit = by_size_.lower_bound(size); // among equals the oldest
		if (fit != by_size_.end() && fits(fit->first, size)) {
			block = *fit->second;
			cached_ -= block->capacity;
			by_age_.erase(fit->second);
			by_size_.erase(fit);
		} else {
			block = static_cast<Block *>(std::malloc(sizeof(Block) + size));
			block->capacity = size;
		}
		active_ += block->capacity;
		peak_ = std::max(peak_, active_);
		return Buffer{block};
	}

	void
	free(Buffer buffer) override
	{
		auto *block = static_cast<Block *>(buffer.ptr());

		if (!block)
			return;
		std::unique_lock lock(mutex_);
		std::size_t capacity = size(buffer); // virtual, as MLX's own

		active_ -= capacity;
		if (!closed_ && capacity && cached_ + capacity <= limit_) {
			by_age_.push_back(block);
			by_size_.emplace(capacity, std::prev(by_age_.end()));
			cached_ += capacity;
		} else {
			std::free(block);
		}
	}

	std::size_t
	size(Buffer buffer) const override
	{
		auto *block = static_cast<Block *>(buffer.ptr());

		return block ? block->capacity : 0;
	}

	std::size_t
	set_cache_limit(std::size_t limit)
	{
		std::unique_lock lock(mutex_);

		if (cached_ > limit)
			release(cached_ - limit);
		return std::exchange(limit_, limit);
	}

	void
	clear_cache()
	{
		std::unique_lock lock(mutex_);
		release(cached_);
	}

	std::size_t
	set_memory_limit(std::size_t limit)
	{
		std::unique_lock lock(mutex_);
		return std::exchange(memory_limit_, limit);
	}

	void
	reset_peak_memory()
	{
		std::unique_lock lock(mutex_);
		peak_ = 0;
	}

	std::size_t
	read(std::size_t CommonAllocator::*counter)
	{
		std::unique_lock lock(mutex_);
		return this->*counter;
	}

	std::size_t active_ = 0, cached_ = 0, peak_ = 0;
	std::size_t memory_limit_ = std::size_t{8} << 30;

      private:
	struct alignas(16) Block {
		std::size_t capacity;
	};

	static bool
	fits(std::size_t capacity, std::size_t size)
	{
		return capacity < std::min(2 * size, size + 2 * 4096);
	}

	void
	release(std::size_t need)
	{
		bool all = need >= 0.9 * cached_;

		for (std::size_t gone = 0; !by_age_.empty() && (all || gone < need);) {
			auto oldest = by_age_.begin();
			std::size_t capacity = (*oldest)->capacity;
			auto same = by_size_.lower_bound(capacity);

			while (same->second != oldest)
				++same;
			by_size_.erase(same);
			std::free(*oldest);
			by_age_.erase(oldest);
			cached_ -= capacity;
			gone += capacity;
		}
	}

	std::mutex mutex_;
	std::size_t limit_ = std::size_t{32} << 20;
	std::list<Block *> by_age_;
	std::multimap<std::size_t, std::list<Block *>::iterator> by_size_;
	bool closed_ = false;
};

static CommonAllocator &
common_allocator()
{
	static CommonAllocator common;
	return common;
}

Allocator &
allocator()
{
	return common_allocator();
}

} // namespace allocator

namespace scheduler
{

class StreamThread
{
      public:
	StreamThread() : thread_([this] { run(); })
	{
	}

	~StreamThread()
	{
		enqueue(nullptr);
		thread_.join();
	}

	void
	enqueue(std::function<void()> task)
	{
		std::unique_lock lock(mutex_);
		tasks_.push_back(std::move(task));
		come_.notify_one();
	}

      private:
	void
	run()
	{
		for (;;) {
			std::unique_lock lock(mutex_);
			come_.wait(lock, [this] { return !tasks_.empty(); });
			auto task = std::move(tasks_.front());
			tasks_.pop_front();
			lock.unlock();
			if (!task)
				return;
			task();
		}
	}

	std::mutex mutex_;
	std::condition_variable come_;
	std::deque<std::function<void()>> tasks_;
	std::thread thread_;
};

struct Scheduler {
	std::mutex mutex;
	std::vector<Stream> streams;
	std::vector<std::unique_ptr<StreamThread>> threads;
};

static Scheduler &
scheduler()
{
	static Scheduler instance;
	return instance;
}

void
enqueue(Stream stream, std::function<void()> task)
{
	StreamThread *thread;
	{
		std::unique_lock lock(scheduler().mutex);
		thread = scheduler().threads.at(stream.index).get();
	}
	thread->enqueue(std::move(task));
}

} // namespace scheduler

Stream
new_stream(Device device)
{
	auto &all = scheduler::scheduler();
	std::unique_lock lock(all.mutex);

	all.threads.push_back(std::make_unique<scheduler::StreamThread>());
	all.streams.push_back({static_cast<int>(all.streams.size()), device});
	return all.streams.back();
}

std::vector<Stream>
get_streams()
{
	auto &all = scheduler::scheduler();
	std::unique_lock lock(all.mutex);

	return all.streams;
}

void
synchronize(Stream stream)
{
	auto done = std::make_shared<std::promise<void>>();

	scheduler::enqueue(stream, [done] { done->set_value(); });
	done->get_future().wait();
}

static void
wait_for_streams()
{
	for (auto stream : get_streams())
		if (stream.device.type == Device::DeviceType::cpu)
			synchronize(stream);
}

using allocator::common_allocator;
using Common = allocator::CommonAllocator;

std::size_t
get_active_memory()
{
	return common_allocator().read(&Common::active_);
}
std::size_t
get_cache_memory()
{
	return common_allocator().read(&Common::cached_);
}
std::size_t
get_peak_memory()
{
	return common_allocator().read(&Common::peak_);
}
std::size_t
get_memory_limit()
{
	return common_allocator().read(&Common::memory_limit_);
}
void
reset_peak_memory()
{
	common_allocator().reset_peak_memory();
}

std::size_t
set_memory_limit(std::size_t limit)
{
	return common_allocator().set_memory_limit(limit);
}

std::size_t
set_cache_limit(std::size_t limit)
{
	wait_for_streams();
	return common_allocator().set_cache_limit(limit);
}

void
clear_cache()
{
	wait_for_streams();
	common_allocator().clear_cache();
}

} // namespace mlx::core
