// Step control for SDEs: every path with steps of its own, along its own Brownian path.
//
// A step that was rejected has been seen, so what is drawn for the shorter one must be what the path has
// there given all that was seen. Values are taken from a path that is a function of time (a virtual Brownian
// tree), where this holds by itself; increments drawn anew would lose the large ones that are rejected most.
//
// The steps then look ahead along the path. A scheme still converges where what it leaves out of a step is
// small path by path, which on noise that commutes is so for every method of strong order 1 or more; Levy
// areas that are left out, or drawn given the rest, are not (Foster & Jelincic, arXiv 2311.14201).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/block.h"
#include "base/hooks.h"
#include "brownian/tree.h"
#include "sde/expressions.h"
#include "solve/adaptive.h"
#include "solve/method.h"
#include "solve/stepper.h"

namespace sde {

// Brownian paths as functions of time, in ticks of BrownianTree.
class PathSource {
 public:
  virtual ~PathSource() = default;
  virtual std::size_t noises() const = 0;
  virtual double time(std::uint64_t ticks) const = 0;
  // As BrownianTree::at; lanes that wait ask again for the tick they are at.
  virtual void at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block hbar) = 0;
};

class TreeSource final : public PathSource {
 public:
  explicit TreeSource(const BrownianTree& tree) : tree_(tree) {}
  std::size_t noises() const override { return tree_.noises(); }
  double time(std::uint64_t ticks) const override { return tree_.time(ticks); }
  void at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block hbar) override {
    tree_.at(ids, ticks, w, hbar);
  }

 private:
  const BrownianTree& tree_;
};

// How a method judges its steps on noise of some kind.
enum class ErrorEstimate {
  none,      // steps of this method may not adapt there
  embedded,  // against a method of lower order with the same stages
  halving,   // against two steps of half the length
};
ErrorEstimate error_estimate(const Method& method, NoiseKind kind);

// "" where steps of `method` may adapt on such an SDE; else why not, and which methods' may.
std::string adaptive_refusal(const Method& method, Calculus calculus, NoiseKind kind);

// The method for an SDE whose steps shall adapt and whose user has no opinion. Throws Error(Status::usage)
// where there is none.
MethodChoice choose_adaptive_method(const SdeExpressions& sde);

// Carries a block of paths from one save time to the next. One thread's.
//
// Save times do not cut the steps: a path goes on until it has passed the time, and what it has there comes
// from a step aside, from the last point before it and along the same Brownian path.
class AdaptiveSdeIntegrator {
 public:
  // `stepper` must evaluate t and h for each lane, and estimate its error unless `halving`. Local errors fall
  // as h^local_order. `start` is the time of tick 0. Domains may be null.
  AdaptiveSdeIntegrator(const Stepper& stepper, const AdaptiveOptions& options, PathSource& source,
                        bool halving, double local_order, double start, const std::vector<Domain>* domains,
                        std::size_t lanes);

  // Puts the paths first_id + lane at tick 0 with the states x; they end at the tick `end`.
  void start(std::uint64_t first_id, std::uint64_t end, ConstBlock x);

  // Writes the states at the tick `save` to x; ticks increase from call to call. False where it was stopped.
  // A lane that cannot go on becomes NaN and is reported as not finished. The error of a lane is the root
  // mean square over its components of error / (atol + rtol |x|), the step follows a proportional-integral
  // controller, and times are rounded to an eighth of the step's length, which keeps a query of the tree
  // short.
  bool advance(std::uint64_t save, Block x, StepWorkspace& workspace, const Hooks& hooks = {});

  const std::vector<LaneReport>& report() const { return report_; }

 private:
  void plan();
  void increments(const std::vector<std::uint64_t>& to, const StateBlock<double>& w_from,
                  const StateBlock<double>& hbar_from, const std::vector<std::uint64_t>& from,
                  StateBlock<double>& w_to, StateBlock<double>& hbar_to);
  void step(const std::vector<std::uint64_t>& from, const std::vector<std::uint64_t>& to, ConstBlock x,
            Block next, Block* error, StepWorkspace& workspace);
  bool judge(std::size_t lane, std::uint64_t save);
  void step_aside(std::uint64_t save, Block x, StepWorkspace& workspace);

  const Stepper& stepper_;
  AdaptiveOptions options_;
  PathSource& source_;
  bool halving_, areas_;
  double exponent_, start_;
  const std::vector<Domain>* domains_;
  double first_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::uint64_t> ids_, tick_, middle_, target_;
  std::vector<char> active_;
  StateBlock<double> x_, next_, error_, half_;
  StateBlock<double> w_, hbar_, w_mid_, hbar_mid_, w_end_, hbar_end_, dW_, H_;  // w_, hbar_: at tick_
  // Where each lane was before its last step.
  std::vector<std::uint64_t> last_tick_;
  StateBlock<double> last_x_, last_w_, last_hbar_;
  AlignedVector<double> t_, h_, size_, previous_error_;
  std::vector<LaneReport> report_;
};

}  // namespace sde
