// Expressions evaluated one point at a time on numbers that carry derivatives, for recursions in time, which
// have no lanes to run over.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "expr/expr.h"
#include "expr/node.h"
#include "fit/dual.h"

namespace sde {

// Common subexpressions are computed once, and what depends on the `fixed` inputs alone once a start().
class Tape {
 public:
  Tape() = default;
  // Every symbol of `outputs` must be among the inputs.
  Tape(const std::vector<expr::Expr>& outputs, const std::vector<std::string>& fixed,
       const std::vector<std::string>& varying);

  std::size_t outputs() const { return outputs_.size(); }
  bool output_is_fixed(std::size_t i) const { return outputs_[i] < fixed_end_; }
  std::size_t operations() const { return steps_.size(); }

  // Values of all nodes: one a thread and T.
  template <class T>
  struct Memory {
    std::vector<T> node;
  };
  template <class T>
  void start(std::span<const T> fixed, Memory<T>& memory) const;
  // out[outputs()]; start() before.
  template <class T>
  void run(std::span<const T> varying, T* out, Memory<T>& memory) const;

 private:
  struct Step {
    expr::Op op = expr::Op::number;
    double number = 0;
    std::uint32_t input = 0;  // of a symbol
    std::uint32_t from[3] = {};
    std::uint8_t arity = 0;
    bool constant[3] = {};  // arguments that are numbers, and have no derivative
  };
  template <class T>
  void evaluate(std::size_t first, std::size_t last, std::span<const T> inputs, std::vector<T>& node) const;

  std::vector<Step> steps_;
  std::size_t fixed_end_ = 0;
  std::vector<std::uint32_t> outputs_;
};

extern template void Tape::start(std::span<const double>, Memory<double>&) const;
extern template void Tape::run(std::span<const double>, double*, Memory<double>&) const;
extern template void Tape::start(std::span<const Dual<4>>, Memory<Dual<4>>&) const;
extern template void Tape::run(std::span<const Dual<4>>, Dual<4>*, Memory<Dual<4>>&) const;

}  // namespace sde
