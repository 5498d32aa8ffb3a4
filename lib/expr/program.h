// Expressions compiled to a program that runs over the lanes of a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "expr/expr.h"

namespace sde::expr {

// Scratch memory of one thread for any number of programs.
struct Workspace {
  AlignedVector<double> memory;
};

// Common subexpressions are computed once; what depends on uniform inputs alone is computed once a run, not
// once a lane; multiply-adds are fused. Every lane does the same operations in the same order on every
// instruction set, so results have the same bits everywhere.
class Program {
 public:
  Program() = default;

  // `lane_inputs` vary from lane to lane (states, increments, t where lanes differ in time); `uniform_inputs`
  // do not (parameters, dt, t). Every symbol of `outputs` must be among them.
  Program(const std::vector<Expr>& outputs, const std::vector<std::string>& lane_inputs,
          const std::vector<std::string>& uniform_inputs);

  std::size_t outputs() const;
  bool output_is_uniform(std::size_t i) const;  // the same for all lanes (still written to every lane)
  std::size_t lane_operations() const;          // vector operations a lane: what a run costs

  // inputs[i] and outputs[i] point to `lanes` doubles, aligned; lanes is a multiple of kLaneQuantum. Outputs
  // may not overlap inputs or one another.
  void run(const double* const* inputs, std::span<const double> uniforms, double* const* outputs,
           std::size_t lanes, Workspace& workspace) const;

 private:
  // implementation's choice
};

}  // namespace sde::expr
