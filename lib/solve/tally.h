// What is counted of the paths of an ensemble, of all of them or of a part: counts and trees over leaves of
// path ids, so that parts join to the bits of the whole.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/arrays.h"
#include "stats/comoments.h"
#include "stats/histogram.h"
#include "stats/moments.h"
#include "stats/quantiles.h"

namespace sde {

// unsolved: an implicit step had no solution; such a path is not finite either.
enum class PathStatus : std::uint8_t { ok = 0, non_finite = 1, absorbed = 2, unsolved = 3 };

inline bool is_lost(PathStatus status) {
  return status == PathStatus::non_finite || status == PathStatus::unsolved;
}

// Paths on which an implicit step had no solution, and where that was on the first of them.
struct Unsolved {
  std::uint64_t paths = 0;
  std::uint64_t path_id = 0, step = 0;  // the lowest id, and the number of its step
};
Unsolved merged(const Unsolved& a, const Unsolved& b);

// What is computed over the paths at each save time.
struct StatisticsOptions {
  bool moments = true;  // mean and variance
  bool covariance = false;
  bool quantiles = false;
  std::size_t bins = 0;                                     // of a histogram of each state; 0: none
  std::vector<std::optional<std::array<double, 2>>> range;  // [state] of its bins; else from the first paths
  std::size_t lags = 0;  // correlation of each state with itself up to so many save times later

  bool any() const { return moments || covariance || quantiles || bins > 0 || lags > 0; }
};

// The histogram of the times of an event.
struct EventBins {
  double low = 0, high = 1;
  std::size_t bins = 50;
};

struct TallyLayout {
  std::size_t saves = 0, dimension = 0;
  std::size_t records = 0;  // save times, and the end where it is none
  std::size_t expectations = 0, controls = 0;
  // Paths that depend on one another: pairs of neighbours, or groups of so many leaves (0: none), whose
  // averages are independent and give the standard errors.
  bool pairs = false;
  std::uint64_t group_leaves = 0;
  std::vector<EventBins> events;  // times of events: the last of the expectations, NaN where there was none
  StatisticsOptions statistics;
};

class Tally {
 public:
  Tally() = default;
  explicit Tally(const TallyLayout& layout);

  const TallyLayout& layout() const { return layout_; }

  // Centres, scales and ranges from a sample of paths, [save][state]; the same ones for every part of an
  // ensemble. Needed before make_counts() where there are quantiles or histograms.
  void set_scales(const std::vector<CentreAndScale>& sample);

  // Counts of one thread, joined at the end by merge_counts().
  struct Counts {
    std::vector<QuantileSketch> sketches;  // [save][state]
    std::vector<Histogram> histograms;     // [save][state]
    std::vector<Histogram> events;         // [event]
  };
  Counts make_counts() const;
  void merge_counts(const Counts& counts);

  // What a block of neighbouring paths comes to, from the first id of a leaf on: made without a lock, record
  // by record, then added under the caller's.
  struct Block {
    // Leaves are joined as far as they make whole subtrees.
    struct Node {
      LeafNode place;
      std::vector<Moments> moments;
      std::vector<CoMoments> products;
    };
    std::vector<Node> nodes;
    std::uint64_t first_leaf = 0;
    std::size_t leaves = 0, paths = 0;
    std::vector<PathStatus> status;  // [path]; count() finds those that are not finite
    Unsolved unsolved;
    std::vector<std::uint64_t>
        undefined;  // [expectation, then control] finite paths with a value that is not
    // Of each leaf before they are joined: [state or functional][leaf], and [leaf] of one pair.
    std::vector<Moments> moments;
    std::vector<CoMoments> products;
  };
  Block make_block(std::uint64_t first_id, std::size_t paths) const;
  // The next record of the paths, [state][stride]: each once, or, where there are no statistics, the last
  // alone is enough.
  void count(std::size_t record, const double* values, std::size_t stride, Block& block,
             Counts& counts) const;
  // Correlations in time, from all records, [record][state][stride].
  void count_lags(const double* values, std::size_t stride, Block& block) const;
  // What paths are counted by at the end, [expectation, then control][stride].
  void count_functionals(const double* values, std::size_t stride, Block& block, Counts& counts) const;
  void add(Block block);
  // What was counted of a block that is not at its end, as numbers, and back into a new block of the same
  // paths.
  std::vector<double> store(const Block& block) const;
  std::size_t stored_size(const Block& block) const;
  void restore(const double* stored, Block& block) const;

  // Another part of the same ensemble. Throws Error(Status::bad_data) where it is none.
  void merge(const Tally& other);

  NamedArrays store() const;
  // Of an ensemble of this layout. Throws Error(Status::bad_data) for arrays that are not a tally of it.
  static Tally restore(const TallyLayout& layout, const NamedArrays& arrays);

  std::uint64_t paths = 0, path_steps = 0;
  std::uint64_t rejected = 0, forced = 0;  // steps, where they adapt: see LaneReport
  std::uint64_t ok = 0, non_finite = 0, absorbed = 0;
  Unsolved unsolved;  // counted in non_finite too
  std::vector<std::uint64_t> undefined;

  // --- results ---
  std::vector<Moments> final_moments() const;  // [state] at the end
  std::vector<Moments> expectations() const;   // [expectation]
  std::vector<Moments> moments() const;        // [save][state]
  // Standard errors of the means of final_moments(), expectations() and moments(), place by place.
  std::vector<double> final_errors() const, expectation_errors() const, moment_errors() const;
  std::vector<CoMoments> covariance() const;  // [save][pair i <= j, row by row]
  std::vector<CoMoments> lagged() const;      // [save][state][lag 1 ...]; empty ones beyond the last save
  // Of expectation k: (y, control), then the pairs of controls.
  std::vector<CoMoments> controls(std::size_t k) const;
  const std::vector<QuantileSketch>& sketches() const { return counts_.sketches; }
  const std::vector<Histogram>& histograms() const { return counts_.histograms; }
  const std::vector<Histogram>& event_times() const { return counts_.events; }  // [event]

 private:
  std::size_t pairs() const { return layout_.dimension * (layout_.dimension + 1) / 2; }
  std::size_t moment_quantities() const;
  std::vector<Moments> totals() const;  // of moment_quantities()
  std::vector<double> errors() const;
  std::size_t covariances() const;  // quantities of products_, in this order
  std::size_t lags() const;
  std::size_t control_pairs() const;
  void put_moments(Block& block, std::size_t quantity, Moments* leaves) const;
  void put_pairs(Block& block, std::size_t quantity, const double* x) const;
  void put_products(Block& block, std::size_t quantity, const double* x, const Moments* of_x, const double* y,
                    const Moments* of_y) const;

  TallyLayout layout_;
  MomentTree moments_;  // of moment_quantities(); with pairs, those of the averages of pairs after them
  std::map<std::uint64_t, MomentTree> groups_;
  LeafTree<CoMoments> products_;
  Counts counts_;
};

}  // namespace sde
