/* SPDX-License-Identifier: MIT */
#ifndef MLX_H
#define MLX_H

/*
 * A stand-in for MLX: the names that its library shows, the shape of its
 * allocator's virtual table, and the behaviour of its streams, so far as a
 * recorder has to do with them. Nothing of it is MLX's code.
 */

#include <cstddef>
#include <functional>
#include <vector>

#define MLX_API __attribute__((visibility("default")))

namespace mlx::core
{

struct Device {
	enum class DeviceType { cpu, gpu };
	DeviceType type;
	int index;
};

struct Stream {
	int index;
	Device device;
};

MLX_API Stream new_stream(Device device);
MLX_API std::vector<Stream> get_streams();
MLX_API void synchronize(Stream stream);

namespace scheduler
{
// Has the stream's thread do it, after all that it was given before.
MLX_API void enqueue(Stream stream, std::function<void()> task);
} // namespace scheduler

MLX_API std::size_t get_active_memory();
MLX_API std::size_t get_peak_memory();
MLX_API std::size_t get_cache_memory();
MLX_API void reset_peak_memory();
MLX_API std::size_t set_memory_limit(std::size_t limit);
MLX_API std::size_t get_memory_limit();
MLX_API std::size_t set_cache_limit(std::size_t limit); // waits for all streams
MLX_API void clear_cache();                             // so does this

namespace allocator
{

class Buffer
{
      public:
	explicit Buffer(void *ptr) : ptr_(ptr)
	{
	}
	void *
	ptr()
	{
		return ptr_;
	}
	void *
	raw_ptr()
	{
		return ptr_ ? static_cast<char *>(ptr_) + 16 : nullptr;
	}

      private:
	void *ptr_;
};

class MLX_API Allocator
{
      public:
	virtual Buffer malloc(std::size_t size) = 0;
	virtual void free(Buffer buffer) = 0;
	virtual std::size_t size(Buffer buffer) const = 0;
	virtual Buffer
	make_buffer(void *, std::size_t)
	{
		return Buffer{nullptr};
	}
	virtual void
	release(Buffer)
	{
	}
	Allocator() = default;
	Allocator(const Allocator &) = delete;
	Allocator &operator=(const Allocator &) = delete;
	virtual ~Allocator() = default;
};

MLX_API Allocator &allocator();

// Inline, as in MLX: they are compiled into every program.
inline Buffer
malloc(std::size_t size)
{
	return allocator().malloc(size);
}
inline void
free(Buffer buffer)
{
	allocator().free(buffer);
}

} // namespace allocator
} // namespace mlx::core
#endif
