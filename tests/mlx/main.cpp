/* SPDX-License-Identifier: MIT */
// Linked with its MLX, as programs in C++ are: `main ROUNDS`.
#include <cstdlib>

extern "C" int work(long rounds);

int
main(int argc, char **argv)
{
	return work(argc > 1 ? std::atol(argv[1]) : 1000);
}
