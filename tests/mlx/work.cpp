/* SPDX-License-Identifier: MIT */
//
// A program on MLX, or rather on the stand-in: threads make arrays, streams
// work on them and free them, and another thread changes limits all the while.
// `work(rounds)` is called by main.cpp, or by whoever loads this as a module.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <thread>

#include "mlx.h"

namespace mx = mlx::core;

static mx::Device cpu{mx::Device::DeviceType::cpu, 0};

// Freed after main(), and after MLX's allocator is gone.
struct GlobalArray {
	mx::allocator::Buffer buffer{nullptr};
	~GlobalArray()
	{
		mx::allocator::free(buffer);
	}
};
static GlobalArray global;

// Freed after main(), but while MLX is there.
struct LateArray {
	mx::allocator::Buffer buffer = mx::allocator::malloc(5000);
	~LateArray()
	{
		mx::allocator::free(buffer);
	}
};

static std::size_t
draw_size(std::minstd_rand &random)
{
	switch (random() % 8) {
	case 0:
		return 0;
	case 1:
		return random() % 100;
	case 2:
		return 1000000 + random() % 20000;
	default:
		return 4096 * (1 + random() % 12) + random() % 2 * 24;
	}
}

static void
produce(unsigned seed, long rounds, std::vector<mx::Stream> streams)
{
	std::minstd_rand random(seed);

	for (long i = 0; i < rounds; i++) {
		auto buffer = mx::allocator::malloc(draw_size(random));

		*static_cast<char *>(buffer.raw_ptr() ? buffer.raw_ptr() : &buffer) = 1;
		mx::scheduler::enqueue(streams[random() % streams.size()], [buffer] {
			auto scratch = mx::allocator::malloc(3000);

			mx::allocator::free(scratch);
			mx::allocator::free(buffer);
		});
	}
}

/* Calls that are to wait for streams must do so under a recorder, too. */
static std::atomic<long> given, carried_out, unwaited;

static void
change_and_check(mx::Stream stream, void (*change)(std::size_t), std::size_t bytes)
{
	long mine = ++given;

	mx::scheduler::enqueue(stream, [] { carried_out++; });
	change(bytes);
	unwaited += carried_out < mine;
}

static void
change_limits(std::atomic<bool> &done, mx::Stream stream)
{
	std::minstd_rand random(1);

	while (!done) {
		switch (random() % 8) {
		case 0:
			change_and_check(
				stream, [](std::size_t) { mx::clear_cache(); }, 0);
			break;
		case 1:
			mx::reset_peak_memory();
			break;
		case 2:
			mx::set_memory_limit(random());
			break;
		default:
			change_and_check(
				stream,
				[](std::size_t bytes) { mx::set_cache_limit(bytes); },
				random() % (4 << 20));
		}
		std::this_thread::yield();
	}
}

// A request that MLX refuses by an exception must not leave anything locked.
static bool
is_refused()
{
	volatile std::size_t huge = SIZE_MAX;

	try {
		mx::allocator::malloc(huge);
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

extern "C" MLX_API int
work(long rounds)
{
	std::vector<mx::Stream> streams;
	std::atomic<bool> done = false;
	bool refused;

	mx::allocator::free(mx::allocator::Buffer{nullptr});
	global.buffer = mx::allocator::malloc(7000);
	static LateArray late;
	for (int i = 0; i < 3; i++)
		streams.push_back(mx::new_stream(cpu));
	std::thread limits(change_limits, std::ref(done), streams[0]);
	std::thread other(produce, 2, rounds, streams);
	produce(3, rounds, streams);
	refused = is_refused();
	other.join();
	done = true;
	limits.join();
	for (auto stream : streams)
		mx::synchronize(stream);
	return refused && !unwaited && std::system("exit 7") != 0 ? 0 : 1;
}
