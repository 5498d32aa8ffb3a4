// The no-U-turn sampler (Hoffman & Gelman, JMLR 15, 2014), states of a trajectory chosen by their weights
// (Betancourt, arXiv:1701.02434).
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>

#include "base/hooks.h"
#include "fit/inference_options.h"
#include "random/stream.h"

namespace sde {

// log-density up to a constant and its gradient; a value that is not finite marks a point outside.
using LogDensity = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct ChainDraw {
  double log_density = 0;
  bool divergent = false;  // the trajectory's energy went astray
  int depth = 0, steps = 0;
  double acceptance = 0;  // mean over the trajectory
};

// One chain: a pure function of (seed, chain). Coordinates should have about unit scale; step and (dense)
// metric are adapted during warm-up in windows of growing length, as in Stan.
class NutsChain {
 public:
  // `start` must have a finite density.
  NutsChain(const LogDensity& density, const Eigen::VectorXd& start, std::uint64_t seed, std::uint32_t chain,
            const PosteriorOptions& options);

  ChainDraw next();  // the first options.warmup of them adapt

  const Eigen::VectorXd& position() const { return at_.q; }
  double step() const { return step_; }
  std::uint64_t evaluations() const { return evaluations_; }

 private:
  struct State {
    Eigen::VectorXd q, p, gradient;
    double log_density = 0;
  };
  struct Tree {
    State low, high;         // its ends, in time
    Eigen::VectorXd sum;     // of momenta
    Eigen::VectorXd choice;  // the state drawn from it
    Eigen::VectorXd choice_gradient;
    double choice_density = 0;
    double log_weight = 0;  // logarithm of the sum of weights
    bool turned = false, divergent = false;
  };

  double uniform();
  double energy(const State& s) const;
  State leap(const State& from, double step);
  Tree leaf(const State& from, int direction, double start_energy, ChainDraw& draw);
  Tree grow(int depth, const State& from, int direction, double start_energy, ChainDraw& draw);
  // Joins `b` to `a` on the side of `direction`; the new choice falls on b with probability of its weight
  // over that of both, or (`biased`) over that of a.
  void join(Tree& a, Tree&& b, int direction, bool biased);
  bool turns(const Eigen::VectorXd& sum, const Eigen::VectorXd& p_low, const Eigen::VectorXd& p_high) const;
  void draw_momentum();
  void find_step();
  void start_averaging();
  void adapt(const ChainDraw& draw);
  void use_metric(const Eigen::MatrixXd& inverse);

  const LogDensity& density_;
  PosteriorOptions options_;
  Stream normals_, uniforms_;
  std::uint64_t iteration_ = 0, counter_ = 0, evaluations_ = 0;
  State at_;
  Eigen::MatrixXd inverse_metric_, factor_;  // M^-1 = factor factor'
  double step_ = 1;
  // Dual averaging of log step (Nesterov's, as in Hoffman & Gelman).
  double centre_ = 0, average_error_ = 0, average_log_step_ = 0;
  int averaged_ = 0;
  // Covariance over a window of warm-up.
  int window_start_ = 0, window_end_ = 0, window_length_ = 0, last_window_ = 0, seen_ = 0;
  Eigen::VectorXd mean_;
  Eigen::MatrixXd scatter_;
};

}  // namespace sde
