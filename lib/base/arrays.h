// The state of a computation as named arrays of numbers: what a file can hold and a later run take up again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace sde {

struct NamedArrays {
  std::vector<std::pair<std::string, std::vector<double>>> reals;
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> integers;

  void put(const std::string& name, std::vector<double> values) {
    reals.emplace_back(name, std::move(values));
  }
  void put(const std::string& name, std::vector<std::uint64_t> values) {
    integers.emplace_back(name, std::move(values));
  }

  bool has_real(const std::string& name) const {
    return std::any_of(reals.begin(), reals.end(), [&](const auto& array) { return array.first == name; });
  }
  // Both throw Error(Status::bad_data) where there is no such array, or not one of this size (any: ~0).
  const std::vector<double>& real(const std::string& name, std::size_t size = kAnySize) const {
    return find(reals, name, size);
  }
  const std::vector<std::uint64_t>& integer(const std::string& name, std::size_t size = kAnySize) const {
    return find(integers, name, size);
  }

  static constexpr std::size_t kAnySize = ~std::size_t{0};

 private:
  template <class T>
  static const std::vector<T>& find(const std::vector<std::pair<std::string, std::vector<T>>>& all,
                                    const std::string& name, std::size_t size) {
    for (const auto& [key, values] : all) {
      if (key != name) continue;
      if (size != kAnySize && values.size() != size)
        fail(Status::bad_data, "{}: must have {} values (got {})", name, size, values.size());
      return values;
    }
    fail(Status::bad_data, "{}: is missing", name);
  }
};

}  // namespace sde
