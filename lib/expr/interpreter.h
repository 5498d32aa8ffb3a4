// The inner loop of compiled programs.
//
// A program runs over tiles of lanes, a few vectors wide. The result of each step stays in vector registers,
// the accumulator, for the step that follows; rows of memory hold what is needed later. A step is handled by
// a function that ends by jumping to the handler of the next step, so the accumulator is never stored between
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/block.h"
#include "expr/node.h"

namespace sde::expr {

// Lanes at a time, at most: eight vectors of AVX-512.
template <class T>
inline constexpr std::size_t kTile = 512 / sizeof(T);
inline constexpr std::size_t kSlot = kLaneQuantum;  // doubles of a uniform value, all equal
inline constexpr std::size_t kSegment = 256;        // steps that may follow one another: they nest where the
                                                    // compiler makes calls of the jumps
inline constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

// Where an argument of a step is.
enum class Kind : std::uint8_t { accumulator, row, slot };

// `to` and `from` index a table of addresses. A result whose `to` is kNowhere stays in the accumulator alone.
struct Step {
  std::uint16_t code = 0;  // which handler: of step_code
  Op op = Op::copy;
  std::uint32_t to = kNowhere;
  std::uint32_t from[3] = {};
};

// The operations that have handlers of their own, by number of arguments. All others are elementary
// functions, whose arguments and results are rows.
inline constexpr Op kUnaryOps[] = {Op::copy, Op::negate, Op::sqrt, Op::abs, Op::sign};
inline constexpr Op kBinaryOps[] = {Op::add,     Op::subtract, Op::multiply,   Op::divide, Op::minimum,
                                    Op::maximum, Op::less,     Op::less_equal, Op::equal,  Op::not_equal};
inline constexpr Op kTernaryOps[] = {Op::multiply_add, Op::multiply_subtract, Op::subtract_product,
                                     Op::select};
inline constexpr std::size_t kFirstBinary = 3 * std::size(kUnaryOps);
inline constexpr std::size_t kFirstTernary = kFirstBinary + 9 * std::size(kBinaryOps);
inline constexpr std::size_t kFunctionCode = kFirstTernary + 27 * std::size(kTernaryOps);
inline constexpr std::size_t kEndCode = kFunctionCode + 1;  // of a segment
inline constexpr std::size_t kCodes = kEndCode + 1;

// The handler of an operation for kinds of arguments; kFunctionCode for an elementary function.
constexpr std::uint16_t step_code(Op op, const Kind* kinds) {
  const auto kind = [&](std::size_t i) { return static_cast<std::size_t>(kinds[i]); };
  for (std::size_t i = 0; i < std::size(kUnaryOps); ++i) {
    if (kUnaryOps[i] == op) return static_cast<std::uint16_t>(3 * i + kind(0));
  }
  for (std::size_t i = 0; i < std::size(kBinaryOps); ++i) {
    if (kBinaryOps[i] == op) return static_cast<std::uint16_t>(kFirstBinary + 9 * i + 3 * kind(1) + kind(0));
  }
  for (std::size_t i = 0; i < std::size(kTernaryOps); ++i) {
    if (kTernaryOps[i] == op) {
      return static_cast<std::uint16_t>(kFirstTernary + 27 * i + 9 * kind(2) + 3 * kind(1) + kind(0));
    }
  }
  return kFunctionCode;
}

// The kind of argument i, the inverse of step_code.
constexpr Kind argument_kind(std::size_t code, std::size_t i) {
  if (code >= kFunctionCode) return Kind::row;
  std::size_t digits = code < kFirstBinary    ? code
                       : code < kFirstTernary ? code - kFirstBinary
                                              : code - kFirstTernary;
  for (; i > 0; --i) digits /= 3;
  return static_cast<Kind>(digits % 3);
}

// The elementary functions on rows: to[i] = op(a[i], b[i]).
template <class T>
using FunctionKernel = void (*)(Op op, const T* a, const T* b, T* to, std::size_t lanes);
template <class T>
FunctionKernel<T> function_kernel();  // of the instruction set in use; T is double or float

// Rows of a table that move on by a tile after each: inputs and outputs.
struct Moving {
  std::size_t first = 0, count = 0;
};

// Runs `count` steps, in segments that end with kEndCode, over `lanes` lanes, a multiple of kLaneQuantum.
template <class T>
using Interpreter = void (*)(const Step* steps, std::size_t count, T** table, Moving inputs, Moving outputs,
                             std::size_t lanes, FunctionKernel<T> functions);
template <class T>
Interpreter<T> interpreter();  // of the instruction set in use; T is double or float

template <>
FunctionKernel<double> function_kernel();
template <>
FunctionKernel<float> function_kernel();
template <>
Interpreter<double> interpreter();
template <>
Interpreter<float> interpreter();

}  // namespace sde::expr
