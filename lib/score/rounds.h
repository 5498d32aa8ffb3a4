// Pieces of work in rounds, on threads that stay awake from one to the next.
#pragma once

#include <cstddef>
#include <functional>

namespace sde {

struct Rounds {
  std::size_t pieces = 0;  // of the first round
  // Piece k of a round, on one of at most `members` threads; no two pieces have the same member at a time.
  // Pieces run at the same time, and may not wait for tasks of TBB.
  std::function<void(std::size_t k, std::size_t member)> piece;
  // Where given, work of the rounds to come for a member that would wait: a short piece of it, false where
  // there is none left. Several members may be at it, beside pieces.
  std::function<bool(std::size_t member)> spare;
  // After all pieces of a round, on one thread: the number of pieces of the next, 0 to end.
  std::function<std::size_t()> next;
};

// Of at most `most` threads, how many the arena has.
std::size_t round_members(std::size_t most);

// Returns after the round that was the last, or throws what a piece or next() has thrown. Threads of the
// arena join as they come free, and the calling one waits for none that has not begun; those that find
// nothing to do spin for some ten microseconds and then sleep. A member takes the same share of the pieces in
// every round, so that its memory stays in its cache, and then what others have left.
void run_rounds(const Rounds& rounds, std::size_t members);

}  // namespace sde
