#include "sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/plot.h"
#include "io/arrays.h"
#include "io/hdf5.h"
#include "io/provenance.h"
#include "io/shard.h"
#include "io/table.h"
#include "results.h"

namespace sde {
namespace {

// One number of every point: what it is of, and which.
struct Column {
  std::string of, what;  // "x", "mean"; "E[max(s-100,0)]", "stderr"
  std::string group;     // of the HDF5 file: "final", "expect", "events"
};

std::vector<Column> columns_of(const Job& job) {
  std::vector<Column> columns;
  for (const std::string& state : job.shown_states())
    for (const char* what : {"mean", "stderr", "variance"}) columns.push_back({state, what, "final"});
  for (const std::string& e : job.options.expect)
    for (const char* what : {"value", "stderr"}) columns.push_back({e, what, "expect"});
  for (const Event& event : job.ensemble.events)
    for (const char* what : {"fraction", "fraction_stderr", "mean", "stderr"})
      columns.push_back({event.name, what, "events"});
  return columns;
}

void write_csv(const cli::Output& output, const Job& job, const SweepGrid& grid,
               const std::vector<SweepPoint>& points) {
  std::vector<std::string> header = grid.names;
  for (const char* name : {"paths", "non_finite", "absorbed"}) header.emplace_back(name);
  for (const Column& c : columns_of(job)) header.push_back(c.what == "value" ? c.of : c.of + "_" + c.what);
  io::TableWriter table(output.path, header, output.options());
  for (const SweepPoint& p : points) {
    std::vector<double> row = p.at;
    for (const std::uint64_t n : {p.paths, p.non_finite, p.absorbed}) row.push_back(static_cast<double>(n));
    row.insert(row.end(), p.values.begin(), p.values.end());
    table.row(row);
  }
  table.finish();
}

void write_hdf5(const cli::Context& context, const Job& job, const SweepGrid& grid, const io::Shard& shard,
                const std::vector<SweepPoint>& points) {
  io::Writer writer(context.output().path, "ensemble", context.output().options());
  io::write_provenance(writer, context.provenance());
  writer.attribute("/", "columns", job.shown_states());
  std::vector<double> at;
  for (const SweepPoint& p : points) at.insert(at.end(), p.at.begin(), p.at.end());
  const std::uint64_t n = points.size();
  writer.write("/sweep/parameters", at, {n, grid.names.size()}, {"point", "parameter"});
  writer.attribute("/sweep/parameters", "columns", grid.names);
  for (std::size_t p = 0; p < grid.names.size(); ++p)
    writer.write("/sweep/grid/" + grid.names[p], grid.values[p], {grid.values[p].size()}, {grid.names[p]});
  std::vector<std::uint64_t> paths, non_finite, absorbed;
  for (const SweepPoint& p : points) {
    paths.push_back(p.paths);
    non_finite.push_back(p.non_finite);
    absorbed.push_back(p.absorbed);
  }
  writer.write("/sweep/paths", paths, {n}, {"point"});
  writer.write("/sweep/non_finite", non_finite, {n}, {"point"});
  writer.write("/sweep/absorbed", absorbed, {n}, {"point"});
  // [point][state] and [point][expression]; events one by one.
  const std::vector<Column> columns = columns_of(job);
  const auto gather = [&](const std::string& group, const std::string& what, const std::string& of) {
    std::vector<double> values;
    for (const SweepPoint& p : points)
      for (std::size_t c = 0; c < columns.size(); ++c)
        if (columns[c].group == group && columns[c].what == what && (of.empty() || columns[c].of == of))
          values.push_back(p.values[c]);
    return values;
  };
  for (const char* what : {"mean", "stderr", "variance"}) {
    const std::string path = std::string("/sweep/final/") + what;
    writer.write(path, gather("final", what, ""), {n, job.shown()}, {"point", "dim"});
    writer.attribute(path, "columns", job.shown_states());
  }
  if (!job.options.expect.empty()) {
    writer.write_texts("/sweep/expect/expression", job.options.expect);
    for (const char* what : {"value", "stderr"})
      writer.write(std::string("/sweep/expect/") + what, gather("expect", what, ""),
                   {n, job.options.expect.size()}, {"point", "expression"});
  }
  for (const Event& event : job.ensemble.events)
    for (const char* what : {"fraction", "fraction_stderr", "mean", "stderr"})
      writer.write("/sweep/events/" + event.name + "/" + what, gather("events", what, event.name), {n},
                   {"point"});
  if (context.sharded()) {
    io::write_shard(writer, shard);
    io::write_arrays(writer, "/shard/points", store_points(points));
  }
  writer.finish();
}

// What is drawn: expectations and fractions of events, else the means of the states.
std::vector<std::size_t> shown_columns(const std::vector<Column>& columns) {
  std::vector<std::size_t> shown;
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (columns[c].what == "value" || columns[c].what == "fraction") shown.push_back(c);
  for (std::size_t c = 0; c < columns.size() && shown.empty(); ++c)
    for (std::size_t d = c; d < columns.size(); ++d)
      if (columns[d].what == "mean" && columns[d].group == "final") {
        shown.push_back(d);
        c = columns.size();
      }
  return shown;
}

std::string label_of(const Column& c) {
  return c.group == "expect"  ? "E[" + c.of + "]"
         : c.group == "final" ? "mean of " + c.of
                              : "fraction of " + c.of;
}

// Values in equal ratios, which want a logarithmic axis.
bool is_geometric(const std::vector<double>& values) {
  if (values.size() < 3) return false;
  const double ratio = values[1] / values[0];
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] > 0) || (i > 0 && std::abs(values[i] / values[i - 1] / ratio - 1) > 1e-6)) return false;
  return ratio != 1;
}

void draw(const cli::Context& context, const Job& job, const SweepGrid& grid,
          const std::vector<SweepPoint>& points) {
  const std::vector<Column> columns = columns_of(job);
  cli::Figure figure;
  figure.title = job.document().name;
  for (const std::size_t c : shown_columns(columns)) {
    cli::Panel panel;
    std::vector<double> value, low, high;
    for (const SweepPoint& p : points) {
      value.push_back(p.values[c]);
      low.push_back(p.values[c] - 1.96 * p.values[c + 1]);
      high.push_back(p.values[c] + 1.96 * p.values[c + 1]);
    }
    panel.x_label = grid.names[0];
    panel.log_x = is_geometric(grid.values[0]);
    if (grid.names.size() == 1) {
      panel.y_label = label_of(columns[c]);
      panel.band(grid.values[0], low, high, "95 %").opacity = 0.3;
      panel.line(grid.values[0], value);
    } else {
      panel.title = label_of(columns[c]);
      panel.y_label = grid.names[1];
      panel.log_y = is_geometric(grid.values[1]);
      panel.heat(grid.values[0], grid.values[1], value);
    }
    figure.panels.push_back(std::move(panel));
  }
  cli::draw(figure, context.plot(), context.output().force);
}

std::string table(const Job& job, const SweepGrid& grid, const std::vector<SweepPoint>& points,
                  double seconds) {
  const std::vector<Column> columns = columns_of(job);
  const std::vector<std::size_t> shown = shown_columns(columns);
  std::uint64_t path_steps = 0, non_finite = 0;
  for (const SweepPoint& p : points) path_steps += p.path_steps, non_finite += p.non_finite;
  std::string out = fmt::format("{}: {} points, {} paths by {} at each, {:.3g} path-steps in {:.3g} s\n",
                                job.document().name.empty() ? "sde" : job.document().name, points.size(),
                                points.empty() ? 0 : points[0].paths, job.choice.method->name,
                                static_cast<double>(path_steps), seconds);
  std::vector<std::size_t> width;
  for (const std::size_t c : shown) width.push_back(std::max<std::size_t>(14, label_of(columns[c]).size()));
  for (const std::string& name : grid.names) out += fmt::format("  {:>10}", name);
  for (std::size_t k = 0; k < shown.size(); ++k)
    out += fmt::format("  {:>{}}  {:>10}", label_of(columns[shown[k]]), width[k], "std. error");
  out += '\n';
  for (const SweepPoint& p : points) {
    for (std::size_t i = 0; i < p.at.size(); ++i)
      out += fmt::format("  {:>{}.6g}", p.at[i], std::max<std::size_t>(10, grid.names[i].size()));
    for (std::size_t k = 0; k < shown.size(); ++k)
      out += fmt::format("  {:>{}.8g}  {:>10.3g}", p.values[shown[k]], width[k], p.values[shown[k] + 1]);
    out += '\n';
  }
  if (non_finite > 0) out += fmt::format("{} paths are not finite and not in the statistics\n", non_finite);
  return out;
}

}  // namespace

SweepPoint sweep_point(const Job& job, std::vector<double> at, const EnsembleResult& result) {
  SweepPoint point;
  point.at = std::move(at);
  point.paths = result.paths;
  point.path_steps = result.path_steps;
  point.ok = result.ok;
  point.non_finite = result.non_finite;
  point.absorbed = result.absorbed;
  for (std::size_t i = 0; i < job.shown(); ++i)
    point.values.insert(point.values.end(),
                        {result.final[i].mean, result.final_error[i], result.final[i].variance()});
  for (std::size_t k = 0; k < job.options.expect.size(); ++k) {
    point.values.insert(point.values.end(), {result.expect[k].value, result.expect[k].standard_error});
    if (job.options.target.stderr_ && !(result.expect[k].standard_error <= *job.options.target.stderr_))
      point.reached = false;
  }
  for (const EventTimes& e : result.events) {
    const bool any = e.time.count > 0;
    point.values.insert(point.values.end(),
                        {e.fraction(), e.fraction_stderr(), any ? e.time.mean : std::nan(""),
                         any ? e.time.stderr_of_mean() : std::nan("")});
  }
  point.undefined = undefined_expectations(job, result);
  summarise_results(job, result, point.summary);
  return point;
}

namespace {

// Bytes of a text, eight to a number, after their count.
std::vector<std::uint64_t> pack(const std::string& text) {
  std::vector<std::uint64_t> words((text.size() + 7) / 8 + 1, 0);
  words[0] = text.size();
  for (std::size_t i = 0; i < text.size(); ++i)
    words[1 + i / 8] |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * (i % 8));
  return words;
}

std::string unpack(const std::vector<std::uint64_t>& words) {
  if (words.empty() || words.size() != words[0] / 8 + (words[0] % 8 > 0) + 1)
    fail(Status::bad_data, "texts: is cut off");
  std::string text;
  for (std::size_t i = 0; i < words[0]; ++i)
    text += static_cast<char>(words[1 + i / 8] >> (8 * (i % 8)) & 0xff);
  return text;
}

constexpr std::size_t kCounts = 6;

}  // namespace

NamedArrays store_points(const std::vector<SweepPoint>& points) {
  std::vector<double> at, values;
  std::vector<std::uint64_t> counts;
  config::Json texts = config::Json::array();
  for (const SweepPoint& p : points) {
    at.insert(at.end(), p.at.begin(), p.at.end());
    values.insert(values.end(), p.values.begin(), p.values.end());
    counts.insert(counts.end(), {p.paths, p.path_steps, p.ok, p.non_finite, p.absorbed, p.reached});
    texts.push_back({{"summary", p.summary.json()}, {"undefined", p.undefined}});
  }
  NamedArrays arrays;
  arrays.put("at", std::move(at));
  arrays.put("values", std::move(values));
  arrays.put("counts", std::move(counts));
  arrays.put("texts", pack(texts.dump()));
  return arrays;
}

std::vector<SweepPoint> restore_points(const Job& job, const SweepGrid& grid, const NamedArrays& arrays) {
  const std::vector<std::uint64_t>& counts = arrays.integer("counts");
  const std::size_t n = counts.size() / kCounts, names = grid.names.size(), width = columns_of(job).size();
  const std::vector<double>&at = arrays.real("at", n * names), &values = arrays.real("values", n * width);
  const config::Json texts = config::Json::parse(unpack(arrays.integer("texts")), nullptr, false);
  if (counts.size() != n * kCounts || !texts.is_array() || texts.size() != n)
    fail(Status::bad_data, "counts and texts: are not those of the same points");
  std::vector<SweepPoint> points(n);
  for (std::size_t i = 0; i < n; ++i) {
    SweepPoint& p = points[i];
    p.at.assign(at.begin() + static_cast<std::ptrdiff_t>(i * names),
                at.begin() + static_cast<std::ptrdiff_t>((i + 1) * names));
    p.values.assign(values.begin() + static_cast<std::ptrdiff_t>(i * width),
                    values.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
    const std::uint64_t* c = &counts[i * kCounts];
    p.paths = c[0];
    p.path_steps = c[1];
    p.ok = c[2];
    p.non_finite = c[3];
    p.absorbed = c[4];
    p.reached = c[5] != 0;
    p.summary.json() = texts[i].value("summary", config::Json::object());
    p.undefined = texts[i].value("undefined", std::vector<std::string>());
  }
  return points;
}

int report_sweep(cli::Context& context, const Job& job, const SweepGrid& grid, const io::Shard& shard,
                 const std::vector<SweepPoint>& points, double seconds) {
  const cli::Output& output = context.output();
  if (output.given() && output.form == io::OutputForm::csv) write_csv(output, job, grid, points);
  if (output.given() && output.form == io::OutputForm::hdf5) write_hdf5(context, job, grid, shard, points);
  if (!context.plot().empty()) draw(context, job, grid, points);

  config::Summary summary;
  std::uint64_t path_steps = 0, ok = 0, non_finite = 0, absorbed = 0;
  Status status = Status::success;
  for (const SweepPoint& p : points) {
    path_steps += p.path_steps;
    ok += p.ok;
    non_finite += p.non_finite;
    absorbed += p.absorbed;
  }
  const auto at_text = [&](const SweepPoint& p) {
    std::string text;
    for (std::size_t i = 0; i < p.at.size(); ++i)
      text += fmt::format("{}{} = {:g}", i > 0 ? ", " : "", grid.names[i], p.at[i]);
    return text;
  };
  for (const SweepPoint& p : points) {
    for (const std::string& sentence : p.undefined) {
      context.warn(fmt::format("at {}: {}", at_text(p), sentence));
      status = Status::negative;
    }
    if (p.reached) continue;
    context.warn(
        fmt::format("at {}: the standard error is above the target after {} paths; allow more by --max-paths",
                    at_text(p), p.paths));
    status = Status::negative;
  }
  if (non_finite > 0) {
    context.warn(
        fmt::format("{} paths became non-finite; try a smaller dt, or a domain with a boundary", non_finite));
    if (context.values().flag("strict")) status = Status::negative;
  }
  summary.set("/kind", "simulate")
      .set("/name", job.document().name)
      .set("/paths", points.empty() ? 0 : points[0].paths);
  summary.set("/points", static_cast<std::uint64_t>(points.size()));
  bool same_steps = !job.schedule.adaptive;
  for (std::size_t p = 0; p < grid.names.size(); ++p) same_steps = same_steps && !grid.of_solver(p);
  if (same_steps) summary.set("/steps", job.schedule.grid.steps);
  summary.set("/path_steps", path_steps).set("/seconds", seconds);
  summary.set("/method", job.choice.method->name).set("/method_reason", job.choice.reason);
  summary.set("/seed", context.seed())
      .set("/threads", context.threads())
      .set("/time", job.schedule.grid.end());
  summary.set("/status/ok", ok).set("/status/non_finite", non_finite).set("/status/absorbed", absorbed);
  if (context.sharded()) {
    summary.set("/shard/index", shard.index).set("/shard/count", shard.count);
    summary.set("/shard/first", shard.first).set("/shard/total", shard.total);
  }
  summary.set("/sweep/parameters", grid.names);
  for (std::size_t p = 0; p < grid.names.size(); ++p)
    summary.set(config::path({"sweep", "grid", grid.names[p]}), grid.values[p]);
  for (const SweepPoint& p : points) {
    config::Summary one;
    for (std::size_t i = 0; i < p.at.size(); ++i) one.set(config::path({"at", grid.names[i]}), p.at[i]);
    one.set("/paths", p.paths).set("/path_steps", p.path_steps);
    for (const auto& [key, value] : p.summary.json().items()) one.set("/" + key, value);
    summary.append("/sweep/points", one);
  }
  return context.finish(summary, table(job, grid, points, seconds), status);
}

}  // namespace sde
