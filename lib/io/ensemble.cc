#include "io/ensemble.h"

#include <mutex>
#include <optional>
#include <thread>

#include "io/arrays.h"
#include "io/queue.h"
#include "io/rows.h"
#include "io/table.h"

namespace sde::io {
namespace {

constexpr std::size_t kQueuedBlocks = 4;

struct Item {
  EnsembleBlock block;
  std::uint64_t paths = 0;
  std::string lines;  // CSV, made by the thread that computed the block
};

struct Statistic {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> dims;
};

std::string long_table(const EnsembleBlock& block, const EnsembleLayout& layout, std::uint64_t paths) {
  std::string text;
  const std::size_t t = layout.time.size(), d = layout.columns.size();
  text.reserve(paths * t * (d + 1) * 24);
  std::vector<std::string> times(t);
  for (std::size_t j = 0; j < t; ++j) append_number(times[j], layout.time[j]);
  const double* value = block.value.data();
  for (std::uint64_t p = 0; p < paths; ++p) {
    std::string id;
    append_number(id, block.path_id.empty() ? block.first + p : block.path_id[p]);
    for (std::size_t j = 0; j < t; ++j) {
      text += id;
      text += ',';
      text += times[j];
      for (std::size_t k = 0; k < d; ++k) {
        text += ',';
        append_number(text, *value++);
      }
      text += '\n';
    }
  }
  return text;
}

std::vector<std::string> table_columns(const EnsembleLayout& layout) {
  std::vector<std::string> columns = {"id", "time"};
  columns.insert(columns.end(), layout.columns.begin(), layout.columns.end());
  return columns;
}

}  // namespace

struct EnsembleWriter::Impl {
  Impl(const std::string& path, OutputForm form, EnsembleLayout l, const Provenance& provenance,
       const OutputOptions& options)
      : layout(std::move(l)), queue(kQueuedBlocks) {
    if (form == OutputForm::json) {
      fail(Status::usage, "{}: JSON holds a summary, not trajectories; use --format h5 or csv", path);
    }
    if (form == OutputForm::csv) {
      csv_path = path;
      csv_options = options;
      if (layout.trajectories) {
        table.emplace(path, table_columns(layout), options);
        ordered.emplace(*table);
      } else {
        check_output(path, options);
      }
    } else {
      hdf5.emplace(path, "ensemble", options);
      prepare(provenance);
    }
    if (layout.trajectories) thread = std::thread([this] { consume(); });
  }

  ~Impl() {
    queue.cancel();
    if (thread.joinable()) thread.join();
  }

  void prepare(const Provenance& provenance) {
    write_provenance(*hdf5, provenance);
    hdf5->attribute("/", "columns", layout.columns);
    const std::uint64_t t = layout.time.size(), d = layout.columns.size();
    if (layout.trajectories) {
      Layout value;
      value.shape = {layout.paths, t, d};
      value.dims = {"path", "time", "dim"};
      value.chunked = true;
      value.deflate = layout.deflate;
      hdf5->create("/trajectories/value", layout.element, value);
      hdf5->attribute("/trajectories/value", "columns", layout.columns);
      hdf5->write("/trajectories/time", layout.time, {t}, {"time"});
      Layout rows;
      rows.shape = {layout.paths};
      rows.dims = {"path"};
      hdf5->create("/path_id", Element::u64, rows);
      hdf5->create("/status", Element::u8, rows);
    }
  }

  void consume() {
    try {
      while (std::optional<Item> item = queue.pop()) {
        const EnsembleBlock& b = item->block;
        if (!coverage.add(b.first, item->paths)) {
          fail(Status::bug, "{}: rows from {} on were written twice", name(), b.first);
        }
        if (table) {
          ordered->add(b.first, item->paths, std::move(item->lines));
          continue;
        }
        hdf5->write_rows("/trajectories/value", b.first, std::span<const double>(b.value));
        hdf5->write_rows("/path_id", b.first, std::span<const std::uint64_t>(b.path_id));
        hdf5->write_rows("/status", b.first, std::span<const std::uint8_t>(b.status));
        const std::scoped_lock lock(spare_mutex);
        spare.push_back(std::move(item->block));
      }
    } catch (...) {
      queue.fail(std::current_exception());
    }
  }

  const std::string& name() const { return table ? table->name() : hdf5 ? hdf5->name() : csv_path; }

  void write_statistics() {
    const std::uint64_t t = layout.time.size();
    if (hdf5) {
      if (!statistics.empty() && !hdf5_has_time) hdf5->write("/statistics/time", layout.time, {t}, {"time"});
      hdf5_has_time = true;
      for (const Statistic& s : statistics) {
        const std::string path = "/statistics/" + s.name;
        hdf5->write(path, s.values, shape_of(s), s.dims);
        if (s.dims.size() > 1 && s.dims[1] == "dim") hdf5->attribute(path, "columns", layout.columns);
      }
    } else if (!table) {
      write_statistics_table();
    }
  }

  // [time], [time][dim] or [time][dim][k]: the last extent follows from the number of values.
  Shape shape_of(const Statistic& s) const {
    if (s.dims.empty() || s.dims[0] != "time") return {s.values.size()};
    Shape shape = {layout.time.size()};
    if (s.dims.size() > 1) shape.push_back(layout.columns.size());
    if (s.dims.size() > 2) shape.push_back(elements(shape) ? s.values.size() / elements(shape) : 0);
    if (s.dims.size() > 3 || elements(shape) != s.values.size()) {
      fail(Status::bug, "{}: statistic {} has {} values for {} dimensions", name(), s.name, s.values.size(),
           s.dims.size());
    }
    return shape;
  }

  void write_statistics_table() {
    std::vector<std::string> columns = {"time"};
    std::vector<std::pair<const Statistic*, std::size_t>> used;  // and values a time
    for (const Statistic& s : statistics) {
      const Shape shape = shape_of(s);
      if (s.dims.empty() || s.dims[0] != "time") continue;
      const std::size_t k = shape.size() > 2 ? shape[2] : 1;
      used.emplace_back(&s, shape.size() > 1 ? shape[1] * k : 1);
      if (shape.size() == 1) columns.push_back(s.name);
      for (std::size_t i = 0; shape.size() > 1 && i < shape[1]; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
          columns.push_back(layout.columns[i] + "_" + s.name +
                            (shape.size() > 2 ? "_" + std::to_string(j + 1) : ""));
        }
      }
    }
    TableWriter out(csv_path, columns, csv_options);
    std::vector<double> row;
    for (std::size_t i = 0; i < layout.time.size(); ++i) {
      row.assign(1, layout.time[i]);
      for (const auto& [s, n] : used) {
        const auto from = s->values.begin() + static_cast<std::ptrdiff_t>(i * n);
        row.insert(row.end(), from, from + static_cast<std::ptrdiff_t>(n));
      }
      out.row(row);
    }
    out.finish();
  }

  EnsembleLayout layout;
  std::string csv_path;
  OutputOptions csv_options;
  std::optional<Writer> hdf5;
  std::optional<TableWriter> table;
  std::optional<InOrder<TableWriter>> ordered;
  std::vector<Statistic> statistics;
  bool hdf5_has_time = false, has_equation = false;
  Coverage coverage;
  BoundedQueue<Item> queue;
  std::mutex spare_mutex;
  std::vector<EnsembleBlock> spare;  // no more than were in use at once
  std::thread thread;
};

EnsembleWriter::EnsembleWriter(const std::string& path, OutputForm form, EnsembleLayout layout,
                               const Provenance& provenance, const OutputOptions& options)
    : impl_(std::make_unique<Impl>(path, form, std::move(layout), provenance, options)) {}
EnsembleWriter::~EnsembleWriter() = default;

void EnsembleWriter::write(EnsembleBlock block) {
  const std::size_t row = impl_->layout.time.size() * impl_->layout.columns.size();
  Item item;
  item.paths = row ? block.value.size() / row : 0;
  const bool whole = item.paths * row == block.value.size() &&
                     block.first + item.paths <= impl_->layout.paths &&
                     (block.path_id.empty() || block.path_id.size() == item.paths) &&
                     (block.status.empty() || block.status.size() == item.paths);
  if (!impl_->layout.trajectories || !whole) {
    fail(Status::bug, "{}: a block of {} values at row {} does not fit", impl_->name(), block.value.size(),
         block.first);
  }
  if (impl_->table) {
    item.lines = long_table(block, impl_->layout, item.paths);
    item.block.first = block.first;
  } else {
    for (std::uint64_t p = block.path_id.size(); p < item.paths; ++p)
      block.path_id.push_back(block.first + p);
    block.status.resize(item.paths, 0);
    item.block = std::move(block);
  }
  impl_->queue.push(std::move(item));
}

EnsembleBlock EnsembleWriter::spare() {
  const std::scoped_lock lock(impl_->spare_mutex);
  if (impl_->spare.empty()) return {};
  EnsembleBlock block = std::move(impl_->spare.back());
  impl_->spare.pop_back();
  block.path_id.clear();
  block.status.clear();
  return block;
}

void EnsembleWriter::statistic(const std::string& name, std::vector<double> values,
                               std::vector<std::string> dims) {
  impl_->statistics.push_back({name, std::move(values), std::move(dims)});
}

void EnsembleWriter::statistic_axis(const std::string& name, std::vector<double> values) {
  impl_->statistics.push_back({name, std::move(values), {}});
}

void EnsembleWriter::expectations(const std::vector<std::string>& expressions,
                                  const std::vector<double>& value,
                                  const std::vector<double>& standard_error) {
  if (!impl_->hdf5) return;
  impl_->hdf5->write_texts("/expect/expression", expressions);
  impl_->hdf5->write("/expect/value", value, {value.size()}, {"expression"});
  impl_->hdf5->write("/expect/stderr", standard_error, {standard_error.size()}, {"expression"});
}

void EnsembleWriter::event(const EventRecord& record) {
  if (!impl_->hdf5) return;
  const std::string place = "/events/" + record.name;
  impl_->hdf5->write(place + "/histogram", record.counts, {record.counts.size()}, {"bin"});
  impl_->hdf5->write(place + "/histogram_edges", record.edges, {record.edges.size()}, {"edge"});
  for (const auto& [name, value] : record.values) impl_->hdf5->write_scalar(place + "/" + name, value);
}

void EnsembleWriter::shard(const Shard& shard, const NamedArrays& tally) {
  if (!impl_->hdf5) fail(Status::bug, "{}: a shard is HDF5", impl_->name());
  write_shard(*impl_->hdf5, shard);
  write_arrays(*impl_->hdf5, "/shard/tally", tally);
}

void EnsembleWriter::equation(const std::string& name, const std::string& text) {
  if (!impl_->hdf5) return;
  if (!impl_->has_equation) impl_->hdf5->make_group("/equation");
  impl_->has_equation = true;
  impl_->hdf5->attribute("/equation", name, text);
}

void EnsembleWriter::attribute(const std::string& name, double value) {
  if (impl_->hdf5) impl_->hdf5->attribute("/", name, value);
}

void EnsembleWriter::finish() {
  impl_->queue.close();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->queue.rethrow();
  if (impl_->layout.trajectories && !impl_->coverage.complete(impl_->layout.paths)) {
    fail(Status::bug, "{}: row {} was never written", impl_->name(), impl_->coverage.missing());
  }
  impl_->write_statistics();
  if (impl_->hdf5) impl_->hdf5->finish();
  if (impl_->table) impl_->table->finish();
}

Ensemble read_ensemble(const Input& input) {
  const Reader reader(input, {"ensemble"});
  Ensemble e;
  e.provenance = read_provenance(reader);
  e.columns = reader.texts_attribute("/", "columns");
  if (reader.exists("/trajectories/value")) {
    e.time = reader.read<double>("/trajectories/time", {kAny});
    const Shape shape = reader.shape("/trajectories/value");
    e.value = reader.read<double>("/trajectories/value", {kAny, e.time.size(), e.columns.size()});
    e.paths = shape[0];
    e.path_id = reader.read<std::uint64_t>("/path_id", {e.paths});
    e.status = reader.read<std::uint8_t>("/status", {e.paths});
  }
  if (reader.exists("/statistics")) {
    for (const std::string& name : reader.list("/statistics")) {
      if (name == "time") {
        if (e.time.empty()) e.time = reader.read<double>("/statistics/time", {kAny});
      } else {
        e.statistics.emplace_back(name, reader.read<double>("/statistics/" + name));
      }
    }
  }
  return e;
}

}  // namespace sde::io
