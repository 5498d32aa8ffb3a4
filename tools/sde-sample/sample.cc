#include "sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/plot.h"
#include "score/sampler.h"

namespace sde {
namespace {

constexpr std::size_t kShown = 5000;
constexpr std::size_t kPanels = 16;
constexpr std::size_t kPaths = 60;

}  // namespace

bool stores(const cli::Context& context) {
  return context.output().given() && context.output().form != io::OutputForm::json;
}

double output_bytes(std::uint64_t n, std::size_t dimension) {
  return static_cast<double>(n) * 8.0 * static_cast<double>(dimension + 1) + 20e3;
}

io::Shard samples_of(const cli::Context& context, std::uint64_t samples) {
  if (context.sharded() && context.output().given() && context.output().form != io::OutputForm::hdf5) {
    fail(Status::usage, "{}: a shard is HDF5, for --merge; CSV and JSON are made of the whole",
         context.output().path);
  }
  if (context.sharded() && !context.plot().empty()) {
    fail(Status::usage, "--plot: draws the whole; give it to --merge, not to a shard");
  }
  return io::shard_of(samples, context.shard().index, context.shard().count, kLeafPaths);
}

SampleSink::SampleSink(cli::Context& context, std::vector<std::string> columns, const io::Shard& shard,
                       std::vector<double> grid)
    : context_(context), columns_(std::move(columns)), shard_(shard) {
  if (!grid.empty() && !stores(context) && context.plot().empty()) {
    fail(Status::usage, "--trajectory: trajectories are stored or drawn; give -o FILE or --plot FILE");
  }
  times_ = std::move(grid);
  if (stores(context)) {
    const double bytes = output_bytes(shard.rows, columns_.size() * (1 + times_.size()));
    context.check_room(bytes, bytes);
  }
}

void SampleSink::open() {
  if (writer_ || !stores(context_)) return;
  io::SamplesLayout layout;
  layout.n = shard_.rows;
  layout.columns = columns_;
  layout.grid = times_;
  writer_ = std::make_unique<io::SamplesWriter>(context_.output().path, context_.output().form, layout,
                                                context_.provenance(), context_.output().options());
}

void SampleSink::add(std::uint64_t first, std::span<const double> values,
                     std::span<const double> trajectory) {
  open();
  if (writer_) {
    std::vector<std::uint64_t> ids(values.size() / columns_.size());
    std::iota(ids.begin(), ids.end(), first);
    writer_->write(first - shard_.first, values, ids);
    if (!trajectory.empty()) writer_->write_trajectory(first - shard_.first, trajectory);
  }
  const std::size_t path = times_.size() * columns_.size();
  if (!context_.plot().empty() && shown_paths_.size() < kPaths * path) {
    const std::size_t most = std::min(trajectory.size(), kPaths * path - shown_paths_.size());
    shown_paths_.insert(shown_paths_.end(), trajectory.begin(),
                        trajectory.begin() + static_cast<std::ptrdiff_t>(most));
  }
  const std::size_t room = kShown * columns_.size() - shown_.size();
  if (context_.plot().empty() || !room) return;
  shown_.insert(shown_.end(), values.begin(),
                values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), room)));
}

// The first hundred, ten a line, a pixel apart; of several channels their mean.
void SampleSink::add_images(cli::Figure& figure) const {
  constexpr std::size_t kLine = 10, kMost = 100;
  const std::size_t C = image_[0], H = image_[1], W = image_[2], D = C * H * W;
  const std::size_t n = std::min(kMost, shown_.size() / D), columns = std::min(n, kLine),
                    lines = (n + kLine - 1) / kLine;
  const std::size_t width = columns * (W + 1) - 1, height = lines * (H + 1) - 1;
  std::vector<double> grey(n * H * W, 0.0);
  for (std::size_t k = 0; k < n * D; ++k) {
    grey[k / D * H * W + k % (H * W)] += shown_[k] / static_cast<double>(C);
  }
  // From the darkest to the brightest pixel but for one in two hundred at either end.
  std::vector<double> sorted = grey;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t apart = sorted.size() / 200;
  const double low = n ? sorted[apart] : 0, high = n ? sorted[sorted.size() - 1 - apart] : 1;
  std::vector<double> values(width * height, low);
  for (std::size_t k = 0; k < grey.size(); ++k) {
    const std::size_t image = k / (H * W), y = k / W % H, x = k % W;
    values[(image / kLine * (H + 1) + y) * width + image % kLine * (W + 1) + x] =
        std::clamp(grey[k], low, high);
  }
  cli::Panel panel;
  panel.bare = true;
  panel.equal_axes = true;
  panel.image(std::move(values), width);
  figure.panels.push_back(std::move(panel));
  figure.panel_width = 4.8;
  figure.panel_height = figure.panel_width * static_cast<double>(height) / static_cast<double>(width) + 0.4;
}

// The ways of the first samples from noise to data: against time, or in the plane of the first two columns.
void SampleSink::add_paths(cli::Figure& figure) const {
  const std::size_t D = columns_.size(), T = times_.size(), n = shown_paths_.size() / (D * T);
  const auto component = [&](std::size_t k, std::size_t i) {
    std::vector<double> values;
    for (std::size_t t = 0; t < T; ++t) values.push_back(shown_paths_[(k * T + t) * D + i]);
    return values;
  };
  cli::Panel panel;
  panel.x_label = D == 1 ? "t" : columns_[0];
  panel.y_label = columns_[D == 1 ? 0 : 1];
  if (D == 1) panel.x_range = {times_.front(), times_.back()};
  std::vector<double> ends[2];
  for (std::size_t k = 0; k < n; ++k) {
    cli::Series& line = panel.line(D == 1 ? times_ : component(k, 0), component(k, D == 1 ? 0 : 1));
    line.opacity = 0.4;
    line.width = 0.7;
    ends[0].push_back(D == 1 ? times_.back() : component(k, 0).back());
    ends[1].push_back(component(k, D == 1 ? 0 : 1).back());
  }
  cli::Series& points = panel.points(ends[0], ends[1], "", 1);
  points.width = 0.6;
  figure.panels.push_back(std::move(panel));
}

// Images are drawn side by side, two columns against each other, others as one histogram each.
void SampleSink::draw(const std::string& model) const {
  const std::size_t D = columns_.size(), n = shown_.size() / D;
  const auto column = [&](std::size_t i) {
    std::vector<double> values;
    for (std::size_t k = 0; k < n; ++k) values.push_back(shown_[k * D + i]);
    return values;
  };
  cli::Figure figure;
  figure.title = fmt::format("{} samples of {}", n, model);
  if (!shown_paths_.empty()) {
    figure.title = fmt::format("{} of the ways from noise to {}",
                               shown_paths_.size() / (times_.size() * columns_.size()), model);
    add_paths(figure);
  } else if (!image_.empty()) {
    add_images(figure);
  } else if (D == 2) {
    cli::Panel panel;
    panel.x_label = columns_[0];
    panel.y_label = columns_[1];
    cli::Series& points = panel.points(column(0), column(1));
    points.opacity = 0.5;
    points.width = n > 1000 ? 0.3 : 0.6;
    figure.panels.push_back(std::move(panel));
  } else {
    for (std::size_t i = 0; i < std::min(D, kPanels); ++i) {
      cli::Panel panel;
      panel.x_label = columns_[i];
      panel.y_label = "density";
      panel.histogram(column(i));
      figure.panels.push_back(std::move(panel));
    }
  }
  cli::draw(figure, context_.plot(), context_.output().force);
}

int SampleSink::finish(const SampleSummary& made) {
  const double nfe = made.n ? static_cast<double>(made.evaluations) / static_cast<double>(made.n) : 0;
  open();
  if (writer_) {
    writer_->nfe(nfe);
    if (context_.sharded()) writer_->shard(shard_, {made.model, made.sampler, made.evaluations, made.grid});
    writer_->finish();
  }
  if (!context_.plot().empty()) draw(made.model);
  std::vector<double> mean, deviation;
  for (const Moments& m : made.moments) {
    mean.push_back(m.mean);
    deviation.push_back(std::sqrt(m.variance()));
  }
  config::Summary summary;
  summary.set("/kind", "sample").set("/n", made.n);
  // A count where every sample takes as many, else their mean.
  if (made.n && made.evaluations % made.n == 0) {
    summary.set("/nfe", made.evaluations / made.n);
  } else {
    summary.set("/nfe", nfe);
  }
  if (context_.sharded()) {
    summary.set("/shard/index", shard_.index).set("/shard/count", shard_.count);
    summary.set("/shard/first", shard_.first).set("/shard/total", shard_.total);
  }
  summary.set("/evaluations", made.evaluations).set("/seconds", made.seconds);
  summary.set("/sampler", made.sampler).set("/mean", mean).set("/std", deviation).set("/grid", made.grid);
  summary.set("/columns", columns_).set("/non_finite", made.non_finite).set("/seed", context_.seed());
  if (made.entropy) summary.set("/entropy", *made.entropy);
  summary.set("/threads", context_.threads());
  std::string text = fmt::format("{}: {} {} by {}", made.model, made.n, made.what, made.sampler);
  if (nfe > 0) text += fmt::format(", {:g} evaluations of the score each", nfe);
  text += fmt::format(", {:.3g} s\n  {:<12}  {:>14}  {:>14}\n", made.seconds, "", "mean", "std. deviation");
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    text += fmt::format("  {:<12}  {:>14.8g}  {:>14.8g}\n", columns_[i], mean[i], deviation[i]);
  }
  return context_.finish(summary, text);
}

}  // namespace sde
