/* SPDX-License-Identifier: MIT */
// A program of MLX that always does the same: the recorder alone is to fail in it.
#include "mlx.h"

#include <cstddef>

namespace mx = mlx::core;

int
main()
{
	const mx::Stream stream = mx::new_stream({mx::Device::DeviceType::cpu, 0});

	for (std::size_t i = 0; i < 60; i++) {
		auto buffer = mx::allocator::malloc(i % 7 * 1000);

		mx::scheduler::enqueue(stream, [buffer] { mx::allocator::free(buffer); });
		mx::synchronize(stream);
		if (i % 20 == 10)
			mx::set_cache_limit(i * 300);
	}
	mx::clear_cache();
	return 0;
}
