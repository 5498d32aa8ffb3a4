// Expressions compiled to a program that runs over the lanes of a block.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "expr/expr.h"

namespace sde::expr {

// Scratch memory of one thread for any number of programs.
struct Workspace {
  template <class T>
  struct Lanes {
    AlignedVector<T> memory;
    std::vector<T*> addresses;
  };
  Lanes<double>& of(double) { return f64; }
  Lanes<float>& of(float) { return f32; }

  AlignedVector<double> uniforms;
  std::vector<double*> slots;
  Lanes<double> f64;
  Lanes<float> f32;
};

// Common subexpressions are computed once; what depends on uniform inputs alone is computed once a run, not
// once a lane; multiply-adds are fused. Every lane does the same operations in the same order on every
// instruction set, so results have the same bits everywhere. Which inputs are uniform does matter to the last
// place: k*(m - x)*dt is computed as (k*dt)*(m - x) where k and dt are uniform.
//
// Semantics: comparisons are 1 or 0 (0 where an argument is NaN, but 1 for !=); if(c, a, b) computes both
// branches and takes a where c != 0, a NaN condition included; min and max are NaN where either argument is;
// sign(0) = 0; integer powers up to 64 and their products with a square root are multiplications, other
// powers follow pow of C.
class Program {
 public:
  Program() = default;

  // `lane_inputs` vary from lane to lane (states, increments, t where lanes differ in time); `uniform_inputs`
  // do not (parameters, dt, t). Every symbol of `outputs` must be among them; a name that is in both is the
  // lanes' one.
  Program(const std::vector<Expr>& outputs, const std::vector<std::string>& lane_inputs,
          const std::vector<std::string>& uniform_inputs);

  std::size_t outputs() const;
  bool output_is_uniform(std::size_t i) const;  // the same for all lanes (still written to every lane)
  std::size_t lane_operations() const;          // vector operations a lane: what a run costs

  // One line a step of the lanes, such as `r0 = multiply_add(u2, acc, x0)`: x inputs, u uniform values, r
  // registers, y outputs, acc the result of the step before. For tests and for those who want to know what a
  // model costs.
  std::string listing() const;

  // inputs[i] and outputs[i] point to `lanes` doubles, aligned; lanes is a multiple of kLaneQuantum. Outputs
  // may not overlap inputs or one another. Safe to call from many threads, each with its own workspace.
  void run(const double* const* inputs, std::span<const double> uniforms, double* const* outputs,
           std::size_t lanes, Workspace& workspace) const;

  // The same program on f32 lanes. Uniform values are computed in f64 and rounded once; tan, pow and others
  // that models seldom have are computed in f64 lane by lane, the rest in f32 to 2.5 ulp.
  void run(const float* const* inputs, std::span<const double> uniforms, float* const* outputs,
           std::size_t lanes, Workspace& workspace) const;

 private:
  template <class T>
  void run_lanes(const T* const* inputs, std::span<const double> uniforms, T* const* outputs,
                 std::size_t lanes, Workspace& workspace) const;

  struct Image;
  std::shared_ptr<const Image> image_;  // immutable once compiled, shared by copies
};

}  // namespace sde::expr
