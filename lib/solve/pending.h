// Blocks of paths that were stopped on their way, between runs of an ensemble and in its stored state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/arrays.h"

namespace sde {

// Where a block of paths stands.
struct Position {
  std::uint64_t block = 0;
  std::size_t segment = 0;   // that is being walked
  std::uint64_t step = 0;    // the next one in it
  std::uint64_t number = 0;  // of steps before the segment
  std::size_t record = 0;    // the next one

  bool begun() const { return record > 0 || step > 0; }
};

struct Pending {
  Position position;
  std::vector<double> x;        // [row][lane], where it has begun
  std::vector<double> saved;    // the records so far, where they are kept
  std::vector<double> counted;  // what they came to, where not
};

void store_pending(const std::vector<Pending>& pending, NamedArrays& into);

// Numbers that a block holds beside its states. Before blocks were counted record by record there were no
// counts: `counts` tells whether there are.
struct PendingSize {
  std::size_t saved = 0, counted = 0;
};
using PendingSizes = std::function<PendingSize(const Position& at, bool counts)>;

// Of `count` blocks with `held` numbers of x. Throws Error(Status::bad_data) for arrays that are not those,
// as `sizes` may for a position.
std::vector<Pending> restore_pending(const NamedArrays& from, std::size_t count, std::size_t held,
                                     const PendingSizes& sizes);

}  // namespace sde
