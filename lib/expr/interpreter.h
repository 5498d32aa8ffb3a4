// The inner loop of compiled programs: instructions over a chunk of lanes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "expr/node.h"

namespace sde::expr {

inline constexpr std::size_t kChunk = 256;  // lanes at a time: a few rows of 2 KiB stay in first-level cache
inline constexpr std::size_t kSlot = 16;    // doubles of a uniform value, all equal: kLaneQuantum

// `to` and `from` index the table of addresses that comes with a run. An argument whose bit is set in
// `uniform` is a slot: one value for all lanes.
struct Step {
  Op op = Op::copy;
  std::uint8_t uniform = 0;
  std::uint32_t to = 0;
  std::uint32_t from[3] = {};
};

// The elementary functions on arrays: to[i] = op(a[i], b[i]); an argument whose bit is set in `uniform` is a
// slot.
using FunctionKernel = void (*)(Op op, std::uint8_t uniform, const double* a, const double* b, double* to,
                                std::size_t lanes);
FunctionKernel function_kernel();  // of the instruction set in use

// Runs the steps over `lanes` lanes, a multiple of kLaneQuantum, with every address of the table at its first
// lane.
using Interpreter = void (*)(const Step* steps, std::size_t count, double* const* table, std::size_t lanes,
                             FunctionKernel functions);
Interpreter interpreter();  // of the instruction set in use

}  // namespace sde::expr
