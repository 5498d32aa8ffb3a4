// Rows that arrive in blocks of any order: is each there exactly once, and how to write them in order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"

namespace sde::io {

// Which rows of [0, n) have been seen, as disjoint intervals.
class Coverage {
 public:
  // False where a row was there before.
  bool add(std::uint64_t first, std::uint64_t count) {
    if (count == 0) return true;
    auto next = seen_.lower_bound(first);
    if (next != seen_.end() && next->first < first + count) return false;
    if (next != seen_.begin()) {
      const auto before = std::prev(next);
      if (before->second > first) return false;
      if (before->second == first) {
        first = before->first;
        count += before->second - before->first;
        seen_.erase(before);
      }
    }
    std::uint64_t end = first + count;
    if (next != seen_.end() && next->first == end) {
      end = next->second;
      seen_.erase(next);
    }
    seen_.emplace(first, end);
    return true;
  }
  bool complete(std::uint64_t n) const {
    return n == 0 || (seen_.size() == 1 && seen_.begin()->first == 0 && seen_.begin()->second == n);
  }
  // The first row that is not there.
  std::uint64_t missing() const {
    return seen_.empty() || seen_.begin()->first != 0 ? 0 : seen_.begin()->second;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> seen_;  // first -> end
};

// Hands lines on in the order of their rows; holds back those that come early.
template <class Sink>
class InOrder {
 public:
  explicit InOrder(Sink& sink) : sink_(sink) {}

  void add(std::uint64_t first, std::uint64_t count, std::string lines) {
    if (count == 0) return;
    waiting_.emplace(first, std::make_pair(count, std::move(lines)));
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      auto node = waiting_.extract(waiting_.begin());
      next_ += node.mapped().first;
      sink_.lines(node.mapped().second);
    }
  }

 private:
  Sink& sink_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> waiting_;
};

}  // namespace sde::io
