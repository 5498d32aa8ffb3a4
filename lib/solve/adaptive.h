// Adaptive integration of ODEs, every lane with a step size of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/block.h"
#include "base/hooks.h"
#include "solve/stepper.h"

namespace sde {

struct AdaptiveOptions {
  double rtol = 1e-6;  // of the local error, relative to the larger of |x| before and after the step
  double atol = 1e-9;
  double min_step = 0;    // SDEs: a step of this length is taken whatever its error
  double first_step = 0;  // 0: a first guess from the size of the drift (Hairer, Norsett & Wanner, II.4)
  std::uint64_t max_steps = 1'000'000;  // tried, of one lane

  template <class V>
  void visit(V& v) {
    v("rtol", rtol);
    v("atol", atol);
    v("min_step", min_step);
    v("first_step", first_step);
    v("max_steps", max_steps);
  }
};

// What became of each lane.
struct LaneReport {
  std::uint64_t accepted = 0, rejected = 0;
  std::uint64_t guesses = 0;  // evaluations for the length of the first step
  std::uint64_t forced = 0;   // accepted at the smallest step in spite of their error
  bool finished = true;  // false: max_steps used up, or the step fell below the spacing of numbers near t
};

// Carries the step sizes of a block from one interval to the next.
class AdaptiveIntegrator {
 public:
  // `stepper` must estimate its error, and evaluate t and h for each lane. Its order is that of the lower
  // method + 1.
  AdaptiveIntegrator(const Stepper& stepper, const AdaptiveOptions& options, std::size_t lanes,
                     int order = 5);

  // Moves x from t0 to t1 (either direction); false where it was stopped. A lane that cannot go on (not
  // finite, step too small, too many steps) becomes NaN and is reported as not finished. The error of a lane
  // is the root mean square over its components of error / (atol + rtol |x|); the step follows a
  // proportional-integral controller (Gustafsson 1991; Hairer & Wanner, IV.2).
  bool advance(double t0, double t1, Block x, StepWorkspace& workspace, const Hooks& hooks = {});

  // The same for a run with save times, which do not cut the steps: start() takes the states at t0 of paths
  // that end at t1 > t0, and save() writes those at t, which increases from call to call, from the method's
  // continuous extension. Domains may be null.
  void start(double t0, double t1, ConstBlock x, const std::vector<Domain>* domains = nullptr);
  bool save(double t, Block x, StepWorkspace& workspace, const Hooks& hooks = {});

  const std::vector<LaneReport>& report() const { return report_; }
  // Evaluations of the drift so far, the largest of any lane: what a block costs.
  std::uint64_t evaluations() const { return rounds_ * stepper_.evaluations(); }
  // Of one lane.
  std::uint64_t evaluations(std::size_t lane) const {
    const LaneReport& report = report_[lane];
    return (report.accepted + report.rejected + report.guesses) * stepper_.evaluations();
  }

 private:
  void guess_first_steps(double span, double direction, ConstBlock x, StepWorkspace& workspace);
  bool run(double stop, double end, double direction, double span, Block x, StepWorkspace& workspace,
           const Hooks& hooks);
  bool judge(std::size_t lane, double end, double span, Block x);

  const Stepper& stepper_;
  AdaptiveOptions options_;
  int order_;
  std::uint64_t rounds_ = 0;
  StateBlock<double> next_, error_;
  AlignedVector<double> t_, h_, size_, previous_error_;
  std::vector<LaneReport> report_;
  std::vector<char> active_;
  // For a run with save times: where lanes are, the steps that brought them there, and the coefficients of
  // the continuous extension over these, as long as they hold.
  double end_ = 0, span_ = 0;
  StateBlock<double> x_, last_x_, powers_;
  AlignedVector<double> last_t_, last_h_;
  bool keeps_steps_ = false, powers_hold_ = false;
  const std::vector<Domain>* domains_ = nullptr;
};

}  // namespace sde
