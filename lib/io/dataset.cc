#include "io/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "base/suggest.h"
#include "io/csv.h"

namespace sde::io {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Fills what follows from x and time: length where it is empty, observed, common_time.
void complete(Dataset& data) {
  if (data.length.empty()) data.length.assign(data.n, data.t);
  const auto missing = [](double v) { return std::isnan(v); };
  if (std::any_of(data.x.begin(), data.x.end(), missing)) {
    data.observed.resize(data.x.size());
    std::transform(data.x.begin(), data.x.end(), data.observed.begin(),
                   [&](double v) { return missing(v) ? 0 : 1; });
  }
  if (data.common_time) return;
  for (std::size_t s = 0; s < data.n; ++s) {
    const auto first = data.time.begin() + static_cast<std::ptrdiff_t>(s * data.t);
    if (data.length[s] != data.t ||
        !std::equal(first, first + static_cast<std::ptrdiff_t>(data.t), data.time.begin())) {
      return;
    }
  }
  data.common_time = true;
  data.time.resize(data.t);
}

std::vector<double> regular_times(std::size_t n, double dt) {
  std::vector<double> time(n);
  for (std::size_t i = 0; i < n; ++i) time[i] = static_cast<double>(i) * dt;
  return time;
}

void check_options(const DatasetOptions& options) {
  if (!options.dt) return;
  if (!(*options.dt > 0) || !std::isfinite(*options.dt)) {
    fail(Status::usage, "--dt: must be > 0 (got {})", *options.dt);
  }
  if (!options.time_column.empty()) {
    fail(Status::usage, "--dt and --time-column say two things about time; give one of them");
  }
}

// ---- CSV

constexpr std::size_t kNone = ~std::size_t{0};

struct Roles {
  std::size_t id = kNone, time = kNone, label = kNone;
  std::vector<std::size_t> state;
};

Roles assign_roles(const CsvReader& csv, const DatasetOptions& options) {
  Roles roles;
  const auto& header = csv.header();
  const auto asked = [&](const std::string& name) {
    return std::find(options.columns.begin(), options.columns.end(), name) != options.columns.end();
  };
  if (csv.has("id") && !asked("id")) roles.id = csv.column("id");
  if (!options.label_column.empty()) {
    roles.label = csv.column(options.label_column);
  } else if (csv.has("label") && !asked("label")) {
    roles.label = csv.column("label");
  }
  // Independent samples may well have a coordinate called t.
  const bool times = options.rows == DatasetOptions::Rows::series || roles.id != kNone;
  if (!options.time_column.empty()) {
    roles.time = csv.column(options.time_column);
  } else if (times) {
    for (const char* name : {"time", "t", "date", "year"}) {
      for (std::size_t i = 0; i < header.size() && roles.time == kNone; ++i) {
        if (lower(header[i]) == name && !asked(header[i])) roles.time = i;
      }
    }
  }
  for (const std::string& name : options.columns) {
    const std::size_t i = csv.column(name);
    if (i == roles.time || i == roles.label) {
      fail(Status::usage, "--columns: \"{}\" is already the column of {}", name,
           i == roles.time ? "times" : "labels");
    }
    if (std::find(roles.state.begin(), roles.state.end(), i) != roles.state.end()) {
      fail(Status::usage, "--columns: \"{}\" is given twice", name);
    }
    roles.state.push_back(i);
  }
  for (std::size_t i = 0; options.columns.empty() && i < header.size(); ++i) {
    if (i != roles.id && i != roles.time && i != roles.label && !header[i].empty()) roles.state.push_back(i);
  }
  return roles;
}

// The series of each row, numbered by first appearance.
std::vector<std::size_t> number_series(const CsvReader& csv, const Roles& roles,
                                       const DatasetOptions& options, Dataset& data) {
  std::vector<std::size_t> series(csv.rows(), 0);
  data.n = 1;
  if (roles.id != kNone) {
    const auto& ids = csv.texts(roles.id);
    std::unordered_map<std::string, std::size_t> known;
    for (std::size_t r = 0; r < ids.size(); ++r) {
      if (r > 0 && ids[r] == ids[r - 1]) {
        series[r] = series[r - 1];
        continue;
      }
      if (ids[r].empty()) fail(Status::bad_data, "{}: column \"id\": must not be empty", csv.where(r));
      const auto [it, fresh] = known.emplace(ids[r], known.size());
      series[r] = it->second;
      if (fresh) data.ids.push_back(ids[r]);
    }
    data.n = known.size();
  } else if (options.rows == DatasetOptions::Rows::samples) {
    std::iota(series.begin(), series.end(), std::size_t{0});
    data.n = csv.rows();
  }
  return series;
}

void read_labels(const CsvReader& csv, std::size_t column, const std::vector<std::size_t>& series,
                 Dataset& data) {
  const auto& cells = csv.numbers(column);
  const std::string& name = csv.header()[column];
  data.labels.assign(data.n, 0);
  std::vector<bool> known(data.n, false);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    if (!(std::abs(cells[r]) < 0x1p53) || cells[r] != std::floor(cells[r])) {
      fail(Status::bad_data, "{}: column \"{}\": a label must be a whole number (got {})", csv.where(r), name,
           cells[r]);
    }
    const auto label = static_cast<std::int64_t>(cells[r]);
    if (known[series[r]] && data.labels[series[r]] != label) {
      fail(Status::bad_data, "{}: column \"{}\": a series must have one label (got {} after {})",
           csv.where(r), name, label, data.labels[series[r]]);
    }
    data.labels[series[r]] = label;
    known[series[r]] = true;
  }
}

void read_times(const CsvReader& csv, std::size_t column, const std::vector<std::size_t>& series,
                Dataset& data) {
  const auto& cells = csv.numbers(column);
  const std::string& name = csv.header()[column];
  data.common_time = false;
  data.time.assign(data.n * data.t, kMissing);
  std::vector<std::size_t> used(data.n, 0);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const std::size_t s = series[r], i = used[s]++;
    double* time = data.time.data() + s * data.t;
    if (std::isnan(cells[r]))
      fail(Status::bad_data, "{}: column \"{}\": a time is missing", csv.where(r), name);
    if (i > 0 && !(cells[r] > time[i - 1])) {
      fail(Status::bad_data, "{}: column \"{}\": times must increase strictly (got {} after {})",
           csv.where(r), name, cells[r], time[i - 1]);
    }
    time[i] = cells[r];
  }
}

Dataset read_csv(const Input& input, const DatasetOptions& options) {
  CsvReader csv(input.name(), input.bytes());
  const Roles roles = assign_roles(csv, options);
  if (roles.state.empty())
    fail(Status::bad_data, "{}: has no columns of data besides id, time and label", input.name());
  std::vector<CsvReader::Role> read(csv.header().size(), CsvReader::Role::skip);
  for (const std::size_t i : roles.state) read[i] = CsvReader::Role::number;
  const bool use_time = roles.time != kNone && !options.dt;
  if (use_time) read[roles.time] = CsvReader::Role::time;
  if (roles.label != kNone) read[roles.label] = CsvReader::Role::number;
  if (roles.id != kNone) read[roles.id] = CsvReader::Role::text;
  csv.read(read);

  Dataset data;
  data.source = input.name();
  data.kind = "csv";
  data.d = roles.state.size();
  for (const std::size_t i : roles.state) data.columns.push_back(csv.header()[i]);
  const std::vector<std::size_t> series = number_series(csv, roles, options, data);
  data.length.assign(data.n, 0);
  std::vector<std::size_t> index(csv.rows());
  for (std::size_t r = 0; r < index.size(); ++r) index[r] = data.length[series[r]]++;
  data.t = *std::max_element(data.length.begin(), data.length.end());
  if (data.t > (std::size_t{1} << 40) / data.n / data.d) {
    fail(Status::bad_data, "{}: {} series of up to {} rows do not fit into memory", input.name(), data.n,
         data.t);
  }
  data.x.assign(data.n * data.t * data.d, kMissing);
  for (std::size_t k = 0; k < data.d; ++k) {
    const auto& cells = csv.numbers(roles.state[k]);
    for (std::size_t r = 0; r < cells.size(); ++r)
      data.x[(series[r] * data.t + index[r]) * data.d + k] = cells[r];
  }
  if (roles.label != kNone) read_labels(csv, roles.label, series, data);
  if (use_time) {
    read_times(csv, roles.time, series, data);
  } else {
    data.time = regular_times(data.t, options.dt.value_or(1));
  }
  complete(data);
  return data;
}

// ---- HDF5

std::vector<std::string> column_names(const Reader& reader, const std::string& path, std::size_t d) {
  for (const std::string& object : {path, std::string("/")}) {
    if (!reader.has_attribute(object, "columns")) continue;
    std::vector<std::string> names = reader.texts_attribute(object, "columns");
    if (names.size() != d) {
      reader.refuse(object + "@columns", fmt::format("must have {} names (got {})", d, names.size()));
    }
    return names;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < d; ++i) names.push_back("x" + std::to_string(i + 1));
  return names;
}

void select_columns(Dataset& data, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return;
  std::vector<std::size_t> from;
  for (const std::string& name : wanted) {
    const auto it = std::find(data.columns.begin(), data.columns.end(), name);
    if (it == data.columns.end()) {
      fail(Status::bad_data, "{}: there is no column \"{}\"{}", data.source, name,
           suggestion(name, data.columns));
    }
    from.push_back(static_cast<std::size_t>(it - data.columns.begin()));
  }
  std::vector<double> x;
  x.reserve(data.n * data.t * from.size());
  for (std::size_t row = 0; row < data.n * data.t; ++row) {
    for (const std::size_t k : from) x.push_back(data.x[row * data.d + k]);
  }
  data.x = std::move(x);
  data.d = from.size();
  data.columns = wanted;
}

// One time a row, or one for all series; NaN only after a series' end.
void read_time(const Reader& reader, const std::string& path, Dataset& data) {
  const Shape shape = reader.shape(path);
  data.common_time = shape.size() == 1;
  data.time = reader.read<double>(path, data.common_time ? Shape{data.t} : Shape{data.n, data.t});
  data.length.assign(data.n, data.t);
  for (std::size_t s = 0; s < (data.common_time ? 1 : data.n); ++s) {
    const double* time = data.time.data() + s * data.t;
    std::size_t length = data.t;
    while (!data.common_time && length > 0 && std::isnan(time[length - 1])) --length;
    data.length[s] = length;
    for (std::size_t i = 0; i < length; ++i) {
      if (std::isfinite(time[i]) && (i == 0 || time[i] > time[i - 1])) continue;
      const std::string where = data.common_time ? fmt::format("[{}]", i) : fmt::format("[{}, {}]", s, i);
      if (!std::isfinite(time[i]))
        reader.refuse(path, fmt::format("{} must be finite (got {})", where, time[i]));
      reader.refuse(
          path, fmt::format("times must increase strictly ({} is {} after {})", where, time[i], time[i - 1]));
    }
  }
}

// 1 where observed. A mask of [N][T] holds for all components.
void apply_mask(const Reader& reader, const std::string& path, const Shape& x_shape, Dataset& data) {
  const Shape shape = reader.shape(path);
  Shape rows = x_shape;
  if (rows.size() > 1) rows.pop_back();
  const bool each_row = shape == rows && rows != x_shape;
  const auto mask = reader.read<std::uint8_t>(path, each_row ? rows : x_shape);
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    if (mask[each_row ? i / data.d : i] == 0) data.x[i] = kMissing;
  }
}

void refuse_infinite(const Reader& reader, const std::string& path, const Dataset& data) {
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    if (!std::isinf(data.x[i])) continue;
    reader.refuse(path, fmt::format("must be finite (got {} in row {})", data.x[i], i / data.d));
  }
}

Dataset read_hdf5(const Input& input, const DatasetOptions& options) {
  for (const auto& [name, value] :
       {std::pair{"--time-column", options.time_column}, {"--label-column", options.label_column}}) {
    if (!value.empty()) fail(Status::usage, "{}: is for CSV, but {} is HDF5", name, input.name());
  }
  const Reader reader(input, {"dataset", "ensemble", "samples"});
  Dataset data;
  data.source = input.name();
  data.kind = reader.kind();
  std::string x_path = "/data/x", time_path = "/data/time", id_path;
  if (data.kind == "ensemble") {
    x_path = "/trajectories/value", time_path = "/trajectories/time", id_path = "/path_id";
    if (!reader.exists(x_path)) {
      reader.refuse(
          x_path,
          "is missing: the file holds statistics alone; simulate again with output.trajectories true");
    }
  } else if (data.kind == "samples") {
    x_path = "/samples/x", time_path.clear(), id_path = "/sample_id";
  }
  const Shape shape = reader.shape(x_path);
  if (shape.empty() || shape.size() > 3 || (data.kind == "ensemble" && shape.size() != 3)) {
    reader.refuse(x_path, "must have shape [N, D] or [N, T, D] (got " + to_text(shape) + ")");
  }
  if (elements(shape) == 0) reader.refuse(x_path, "holds no data (shape " + to_text(shape) + ")");
  const bool one_series =
      data.kind == "dataset" && shape.size() < 3 && options.rows == DatasetOptions::Rows::series;
  data.n = one_series ? 1 : shape[0];
  data.t = one_series ? shape[0] : shape.size() == 3 ? shape[1] : 1;
  data.d = shape.size() == 1 ? 1 : shape.back();
  data.x = reader.read<double>(x_path);
  data.columns = column_names(reader, x_path, data.d);
  if (data.kind == "dataset") {
    refuse_infinite(reader, x_path, data);
    if (reader.exists("/data/mask")) apply_mask(reader, "/data/mask", shape, data);
    if (reader.exists("/data/labels")) {
      data.labels = reader.read<std::int64_t>("/data/labels", {shape[0]});
      if (one_series) data.labels.clear();  // one a row, not one a series
    }
  } else {
    // Paths that left the finite numbers are marked in /status; their values are missing.
    std::replace_if(
        data.x.begin(), data.x.end(), [](double v) { return !std::isfinite(v); }, kMissing);
  }
  if (!id_path.empty() && reader.exists(id_path)) {
    for (const std::uint64_t id : reader.read<std::uint64_t>(id_path, {data.n}))
      data.ids.push_back(std::to_string(id));
  }
  if (!options.dt && !time_path.empty() && reader.exists(time_path)) {
    read_time(reader, time_path, data);
  } else {
    data.time = regular_times(data.t, options.dt.value_or(1));
  }
  select_columns(data, options.columns);
  complete(data);
  return data;
}

}  // namespace

Dataset read_dataset(const Input& input, const DatasetOptions& options) {
  check_options(options);
  switch (input.form()) {
    case Form::hdf5:
      return read_hdf5(input, options);
    case Form::text:
      return read_csv(input, options);
    case Form::empty:
      fail(Status::bad_data, "{}: is empty", input.name());
    case Form::json:
      fail(Status::bad_data, "{}: is JSON, where data are needed: HDF5, or CSV with a header", input.name());
    case Form::binary:
      break;
  }
  fail(Status::bad_data, "{}: is neither HDF5 nor CSV", input.name());
}

Dataset read_dataset(const std::string& path, const DatasetOptions& options) {
  return read_dataset(Input(path), options);
}

std::vector<std::size_t> match_columns(const Dataset& data, const std::vector<std::string>& names) {
  std::vector<std::size_t> indices;
  for (const std::string& name : names) {
    const auto it = std::find(data.columns.begin(), data.columns.end(), name);
    if (it != data.columns.end()) indices.push_back(static_cast<std::size_t>(it - data.columns.begin()));
  }
  if (indices.size() == names.size()) return indices;
  if (data.columns.size() != names.size()) {
    fail(Status::bad_data, "{}: must have columns {} (got {}); choose with --columns", data.source,
         fmt::format("{}", fmt::join(names, ", ")), fmt::format("{}", fmt::join(data.columns, ", ")));
  }
  indices.resize(names.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

void write_dataset(const std::string& path, const Dataset& data, const Provenance& provenance,
                   const OutputOptions& options) {
  Writer w(path, "dataset", options);
  write_provenance(w, provenance);
  w.attribute("/", "columns", data.columns);
  const bool samples = data.t == 1;
  const Shape shape = samples ? Shape{data.n, data.d} : Shape{data.n, data.t, data.d};
  const std::vector<std::string> dims =
      samples ? std::vector<std::string>{"sample", "dim"} : std::vector<std::string>{"series", "time", "dim"};
  w.write("/data/x", data.x, shape, dims);
  w.attribute("/data/x", "columns", data.columns);
  if (!samples && data.common_time) w.write("/data/time", data.time, {data.t}, {"time"});
  if (!samples && !data.common_time) w.write("/data/time", data.time, {data.n, data.t}, {"series", "time"});
  if (data.has_missing()) w.write("/data/mask", data.observed, shape, dims);
  if (!data.labels.empty()) w.write("/data/labels", data.labels, {data.n}, {dims[0]});
  w.finish();
}

}  // namespace sde::io
