// Which noise goes with which row of a batch, where transport decides it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "score/objective.h"

namespace sde {

struct BatchStreams;
struct BatchOptions;

// The noise of a batch, and the lane whose noise each lane takes. Rows are coupled within groups, one after
// another; the draws are those that an uncoupled batch would have.
class Transport {
 public:
  // Of `lanes` rows of a step from `first` on, in groups of `group`, rounded up to whole kLaneQuantum;
  // `options` must outlive it. Throws Error(Status::usage) for groups of more than 8192.
  Transport(const BatchOptions& options, std::size_t dimension, std::uint64_t first, std::size_t lanes,
            std::size_t group);

  // Whether the coupling is one by transport; if not there is nothing to do.
  static bool wanted(Coupling coupling) { return coupling == Coupling::ot || coupling == Coupling::sinkhorn; }
  // Bytes of the costs of one group.
  static double cost_bytes(Coupling coupling, std::size_t group);

  // 0 where there is nothing to do.
  std::size_t groups() const;
  // Couples one group of a step; groups may be coupled at the same time.
  void couple(std::size_t group, const BatchStreams& streams, std::uint64_t step, const BatchData& from);
  // The noise that lane `lane` (counted over the whole step) goes with.
  float noise(std::size_t component, std::uint64_t lane) const {
    return noise_.row(component)[partner_[static_cast<std::size_t>(lane - first_)]];
  }

 private:
  const BatchOptions& options_;
  std::size_t dimension_, lanes_, group_;
  std::uint64_t first_;
  StateBlock<float> noise_;
  AlignedVector<double> u_, v_;
  std::vector<std::uint32_t> partner_;
};

}  // namespace sde
