// Data as the estimators and trainers take it, from any file that holds data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/provenance.h"

namespace sde::io {

struct DatasetOptions {
  // Columns that become the state, in this order; empty: every one but those of id, time and label.
  std::vector<std::string> columns;
  // CSV: the column of times; empty: one called time, t, date or year (any case), if there is one.
  std::string time_column;
  // Observation times are 0, dt, 2 dt, ... and a column or dataset of times is not used. Not with
  // time_column.
  std::optional<double> dt;
  // CSV: the column of class labels (whole numbers); empty: one called label, if there is one.
  std::string label_column;
  // What the rows of a table without id and of a two-dimensional array are: successive times of one series,
  // or independent samples. Not a user's choice: it follows from the program.
  enum class Rows { series, samples } rows = Rows::series;

  template <class V>
  void visit(V& v) {
    v("columns", columns);
    v("time_column", time_column);
    v("dt", dt);
    v("label_column", label_column);
  }
};

// N series of at most T observations of D components. Plain samples have T = 1.
struct Dataset {
  std::size_t n = 0, t = 0, d = 0;
  std::vector<double> x;               // [N][T][D]; NaN where not observed
  std::vector<double> time;            // [T], or [N][T] where series differ; NaN after a series' end
  bool common_time = true;             // time is [T]
  std::vector<std::size_t> length;     // [N] observations of each series, the rest is padding; length <= T
  std::vector<std::uint8_t> observed;  // [N][T][D], 1 where there is a value; empty: everywhere
  std::vector<std::int64_t> labels;    // [N] or empty
  std::vector<std::string> columns;    // [D] names; x1, x2, ... where the file has none
  std::vector<std::string> ids;        // [N] names of the series, from an id column or /path_id; else empty
  std::string source;                  // for messages
  std::string kind;                    // csv, dataset, ensemble or samples

  bool has_missing() const { return !observed.empty(); }
  double at(std::size_t series, std::size_t i, std::size_t component) const {
    return x[(series * t + i) * d + component];
  }
  double time_at(std::size_t series, std::size_t i) const { return time[common_time ? i : series * t + i]; }
};

// CSV with a header, or HDF5 of kind dataset, ensemble or samples; told apart by content. Times: `dt`; else
// the file's; else 0, 1, 2, ... They must increase strictly within a series. In a CSV's time column, YYYY-MM
// and YYYY-MM-DD (with or without Thh:mm:ss) become years: 1964-06 is 1964 + 5/12, a day is its year plus
// (day of the year - 1) over the year's days. A cell that is empty, NA or nan is missing. In HDF5, /data/mask
// is 1 where observed, 0 where missing; NaN is missing. Errors: Status::bad_data naming file and line or HDF5
// path; Status::usage for options that contradict each other.
Dataset read_dataset(const Input& input, const DatasetOptions& options = {});
Dataset read_dataset(const std::string& path, const DatasetOptions& options = {});

// Matches columns to names: by name where every name is a column, else in order. Returns for each name the
// index of its column; Status::bad_data where the counts differ and the names are not there.
std::vector<std::size_t> match_columns(const Dataset& data, const std::vector<std::string>& names);

// kind=dataset.
void write_dataset(const std::string& path, const Dataset& data, const Provenance& provenance,
                   const OutputOptions& options = {});

}  // namespace sde::io
