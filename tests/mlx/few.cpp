/* SPDX-License-Identifier: MIT */
// A program of MLX that always does the same: the recorder alone is to fail in it. It
// does its work itself if its stream's thread cannot start.
#include "mlx.h"

#include <cstddef>
#include <optional>
#include <system_error>

namespace mx = mlx::core;

static std::optional<mx::Stream>
start_stream()
{
	try {
		return mx::new_stream({mx::Device::DeviceType::cpu, 0});
	} catch (const std::system_error &) {
		return std::nullopt;
	}
}

int
main()
{
	// The recorder knows threads of MLX from the first malloc on.
	mx::allocator::free(mx::allocator::malloc(9000));
	const auto stream = start_stream();

	for (std::size_t i = 0; i < 60; i++) {
		auto buffer = mx::allocator::malloc(i % 7 * 1000);
		auto free = [buffer] { mx::allocator::free(buffer); };

		if (stream) {
			mx::scheduler::enqueue(*stream, free);
			mx::synchronize(*stream);
		} else {
			free();
		}
		if (i % 20 == 10)
			mx::set_cache_limit(i * 300);
	}
	mx::clear_cache();
	return 0;
}
