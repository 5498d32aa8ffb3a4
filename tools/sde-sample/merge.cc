// Shards of samples joined into what one run would have written.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "io/samples.h"
#include "sample.h"

namespace sde {
namespace {

// Rows read at once, whole leaves of ids.
constexpr std::uint64_t kRows = 256 * kLeafPaths;

class Merger {
 public:
  Merger(std::size_t dimension, SampleSink& sink) : dimension_(dimension), sink_(sink), tree_(dimension) {}

  void take(const io::Reader& reader, const io::Shard& shard, std::size_t times) {
    reader.check_shape("/samples/x", {shard.rows, dimension_});
    for (std::uint64_t first = 0; first < shard.rows; first += kRows) {
      const std::uint64_t count = std::min(kRows, shard.rows - first);
      const auto x = reader.read_rows<double>("/samples/x", first, count);
      std::vector<double> trajectory;
      if (times > 0) trajectory = reader.read_rows<double>("/samples/trajectory", first, count);
      add_moments(x, shard.first + first, count);
      sink_.add(shard.first + first, x, trajectory);
    }
  }

  std::vector<Moments> moments() const { return tree_.total(); }
  std::uint64_t non_finite() const { return non_finite_; }

 private:
  // As sample() does it, leaf by leaf.
  void add_moments(const std::vector<double>& x, std::uint64_t id, std::uint64_t count) {
    double column[kLeafPaths];
    for (std::uint64_t start = 0; start < count; start += kLeafPaths) {
      const std::uint64_t n = std::min<std::uint64_t>(kLeafPaths, count - start);
      std::vector<Moments> leaf(dimension_);
      for (std::size_t c = 0; c < dimension_; ++c) {
        for (std::uint64_t l = 0; l < n; ++l) column[l] = x[(start + l) * dimension_ + c];
        leaf[c] = leaf_moments(column, n);
      }
      for (std::uint64_t l = 0; l < n; ++l) {
        const auto row = x.begin() + static_cast<std::ptrdiff_t>((start + l) * dimension_);
        non_finite_ += !std::all_of(row, row + static_cast<std::ptrdiff_t>(dimension_),
                                    [](double v) { return std::isfinite(v); });
      }
      tree_.add((id + start) / kLeafPaths, std::move(leaf));
    }
  }

  std::size_t dimension_;
  SampleSink& sink_;
  MomentTree tree_;
  std::uint64_t non_finite_ = 0;
};

}  // namespace

int merge_samples(cli::Context& context) {
  const config::ShardSet& set = context.merge();
  if (!context.argument("MODEL").empty())
    fail(Status::usage, "{}: has no place beside --merge; the shards say what was run",
         context.argument("MODEL"));
  const auto started = std::chrono::steady_clock::now();
  const io::Reader first(set.files.front().path, {"samples"});
  const std::vector<std::string> columns = first.texts_attribute("/", "columns");
  const io::SampleShard made = io::read_sample_shard(first);
  std::vector<double> times;
  if (first.exists("/samples/time")) times = first.read<double>("/samples/time", {io::kAny});
  SampleSink sink(context, columns, {0, 1, 0, set.total, set.total}, times);
  Merger merger(columns.size(), sink);
  SampleSummary summary;
  summary.model = made.model;
  summary.sampler = made.sampler;
  summary.grid = made.grid;
  summary.n = set.total;
  context.phase("merging", "samples");
  for (const config::ShardFile& file : set.files) {
    const io::Reader reader(file.path, {"samples"});
    if (reader.texts_attribute("/", "columns") != columns)
      fail(Status::bad_data, "{}: does not belong with {}: it has other columns", file.path,
           set.files.front().path);
    summary.evaluations += io::read_sample_shard(reader).evaluations;
    merger.take(reader, file.shard, times.size());
    context.check_stopped();
    context.hooks().report(file.shard.first + file.shard.rows, set.total);
  }
  summary.moments = merger.moments();
  summary.non_finite = merger.non_finite();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return sink.finish(summary);
}

}  // namespace sde
