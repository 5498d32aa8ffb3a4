// Time series as filters read them: rows of several columns, any of which may be missing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sde {

// Any number of series with the same columns. A row without any value stays: states are estimated there too.
class SeriesTable {
 public:
  explicit SeriesTable(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  // Appends a series: time[n] and value[n * columns], row by row. Times must be finite and increase; values
  // may be NaN (missing) but not infinite. Throws Error(bad_data) naming the row, the first being 1.
  void add(const std::string& name, std::span<const double> time, std::span<const double> value);

  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t rows() const { return time_.size(); }
  std::size_t series() const { return first_.size(); }
  std::size_t first_row(std::size_t s) const { return s < first_.size() ? first_[s] : time_.size(); }
  double time(std::size_t row) const { return time_[row]; }
  double value(std::size_t row, std::size_t column) const { return value_[row * columns_.size() + column]; }
  const std::vector<double>& values() const { return value_; }  // [row][column]
  const std::vector<double>& times() const { return time_; }
  std::size_t present() const { return present_; }  // values that are not missing
  double shortest_step() const { return shortest_; }
  double longest_step() const { return longest_; }

  // `row 17 (t = 1935.3)` or `series "a", row 17 (t = 1935.3)`, for messages.
  std::string describe(std::size_t row) const;

 private:
  std::vector<std::string> columns_, names_;
  std::vector<double> time_, value_;
  std::vector<std::size_t> first_;
  std::size_t present_ = 0;
  double shortest_ = 0, longest_ = 0;
};

}  // namespace sde
