// Which instruction set the kernels use. Results do not depend on it; speed does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sde {

// Names of the instruction sets that this program was built with and this machine offers, the fastest first:
// `amx` (AVX-512 and matrix tiles of bfloat16), `avx512`, `avx2` (x86), `neon` (Arm), `portable`.
std::vector<std::string> available_targets();

// The one in use: the fastest, unless set_target chose another.
std::string current_target();

// Makes every kernel called from now on use that instruction set. Throws Error(Status::usage) for a name that
// available_targets() does not list. Not to be called while kernels run in other threads.
void set_target(std::string_view name);

// Whether the one in use has matrix tiles.
bool uses_tiles();

}  // namespace sde
