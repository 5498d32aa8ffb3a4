// Time series as the likelihood reads them: complete observations in columns, and the transitions between
// neighbours.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/block.h"

namespace sde {

// Values of lanes [0, lanes) of one stretch of transitions, ready for a Program.
struct TransitionLanes {
  StateBlock<double> block;  // rows: states before [D], states after [D], step, time before
  std::size_t lanes = 0;     // those that are filled with transitions; the rest repeats the last one
};

// Any number of series of one process. A row with a missing component (not-a-number) is left out, and the
// transition goes from the last complete row to the next one, over a longer step.
class Observations {
 public:
  explicit Observations(std::vector<std::string> states)
      : states_(std::move(states)), columns_(states_.size()) {}

  // Appends a series: time[n] and value[n * D], row by row. Times must be finite and increase; values may be
  // NaN (missing) but not infinite. `name` stands for the series in messages ("" where there is one alone).
  // Throws Error(bad_data) naming the row, the first being 1.
  void add(const std::string& name, std::span<const double> time, std::span<const double> value);

  const std::vector<std::string>& states() const { return states_; }
  std::size_t dimension() const { return states_.size(); }
  std::size_t series() const { return first_.size(); }
  std::size_t observations() const { return time_.size(); }
  std::size_t transitions() const { return transitions_; }
  std::size_t missing_rows() const { return missing_rows_; }

  // The step that all transitions share up to the rounding of their times; 0 where they differ.
  double common_step() const;
  double shortest_step() const { return shortest_; }
  double longest_step() const { return longest_; }
  bool is_constant(std::size_t state) const;  // every value the same

  // First observation of series s (the one past the last for s = series()) and its first transition.
  std::size_t first_observation(std::size_t s) const { return s < first_.size() ? first_[s] : time_.size(); }
  std::size_t first_transition(std::size_t s) const;

  std::span<const double> column(std::size_t state) const { return columns_[state]; }
  std::span<const double> time() const { return time_; }
  // The observation a transition starts from; it ends at the next one.
  std::size_t observation_before(std::size_t transition) const;

  // Fills lanes with transitions first, first + 1, ... (at most `count`).
  void gather(std::size_t first, std::size_t count, TransitionLanes& into) const;

  // `row 17 (t = 1935.3)` or `series "a", row 17 (t = 1935.3)`, for messages.
  std::string describe(std::size_t observation) const;

 private:
  std::vector<std::string> states_;
  std::vector<std::vector<double>> columns_;  // [state][observation]
  std::vector<double> time_;
  // (observation, its row) of each one that follows a missing row or begins a series; rows count on from
  // there.
  std::vector<std::pair<std::size_t, std::size_t>> rows_;
  std::vector<std::size_t>
      first_;  // observation that each series starts at; a series without one is left out
  std::vector<std::string> names_;
  std::size_t transitions_ = 0, missing_rows_ = 0;
  double shortest_ = 0, longest_ = 0, total_ = 0;
};

}  // namespace sde
