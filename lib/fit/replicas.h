// Series drawn from a model at the times of the data, for simulate-and-refit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fit/observations.h"
#include "fit/series.h"
#include "fit/state_space.h"
#include "random/stream.h"
#include "sde/expressions.h"
#include "solve/stepper.h"

namespace sde {

// Several replicas side by side, each a path of its own. Draws by the transition law where it is known, else
// by steps of a Taylor scheme. Numbers are a function of (seed, id of the replica, number of the step).
class ReplicaWalk {
 public:
  static constexpr std::size_t kLanes = kLaneQuantum;

  // `ito` holds the parameters' values; `pieces` are the steps between two times where the law is not known.
  ReplicaWalk(const SdeExpressions& ito, std::uint64_t seed, int pieces);

  // "exact", "milstein" or "euler-maruyama".
  const std::string& method() const { return method_; }
  int pieces() const { return pieces_; }  // 1 for "exact"

  // Where a block of replicas is.
  struct Place {
    std::uint64_t first_id = 0, number = 0;  // number: steps taken so far, of all series together
    StateBlock<double> x;                    // [state][lane]

    StateBlock<double> next, normals, increments;
    StepWorkspace workspace;
  };
  Place place(std::uint64_t first_id) const;
  void move(Place& place, double from, double to) const;

 private:
  std::uint64_t seed_;
  std::string method_;
  int pieces_;
  std::unique_ptr<Stepper> stepper_;
  std::vector<Domain> domains_;  // empty where nothing is to be done about them
  std::vector<Stream> streams_;  // [noise]
};

// Replicas first_id .. first_id + kLanes - 1: every series starts at its first observation, at its own times.
// One that is not finite somewhere is left empty.
std::vector<std::vector<double>> draw_replicas(const ReplicaWalk& walk, const Observations& data,
                                               std::uint64_t first_id);

// The same of what is seen of a model: [row * columns + column], not-a-number where the data are. Series
// start by the law of the model, or at their first values where it says so.
std::vector<std::vector<double>> draw_replicas(const ReplicaWalk& walk, const StateSpace& model,
                                               const SeriesTable& data, std::uint64_t seed,
                                               std::uint64_t first_id);

}  // namespace sde
