// What a program computes, between expressions and instructions: values numbered so that equal ones are one,
// each with its rank, products regrouped so that uniform factors meet, multiply-adds fused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "expr/node.h"

namespace sde::expr {

enum class Rank : std::uint8_t {
  constant,  // known when compiled
  uniform,   // one value a run
  lane,      // one value a lane
};

struct Value {
  Op op = Op::number;  // Op::symbol for an input
  Rank rank = Rank::constant;
  std::uint8_t arity = 0;
  double constant = 0;
  std::uint32_t input = 0;  // index among the inputs of its rank
  std::array<std::uint32_t, 3> arguments{};
};

struct Graph {
  std::vector<Value> values;  // arguments before what uses them
  std::vector<std::uint32_t> outputs;
};

Graph make_graph(std::span<const Expr> outputs, std::span<const std::string> lane_inputs,
                 std::span<const std::string> uniform_inputs);

}  // namespace sde::expr
