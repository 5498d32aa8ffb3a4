// The two kinds of model that sde-sample takes, and what becomes of samples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/plot.h"
#include "cli/tool.h"
#include "io/samples.h"
#include "stats/moments.h"

namespace sde {

int sample_score(cli::Context& context);
int sample_sde(cli::Context& context);
int merge_samples(cli::Context& context);  // of --merge

// The samples that are drawn here: all, or those of --shard; refuses an output or a picture that a shard
// cannot have.
io::Shard samples_of(const cli::Context& context, std::uint64_t samples);

// What is known when all samples are made.
struct SampleSummary {
  std::string model, sampler;
  std::string what = "samples";  // for people
  std::uint64_t n = 0, non_finite = 0;
  std::uint64_t evaluations = 0;  // of the score, by all samples
  double seconds = 0;
  std::vector<Moments> moments;                  // [D]
  std::vector<double> grid;                      // times of the sampler
  std::optional<double> entropy = std::nullopt;  // of the model's distribution, where it is known
};

// Writes samples where -o was given, and keeps the first ones for a picture.
class SampleSink {
 public:
  // With the times of the grid, trajectories are written too.
  SampleSink(cli::Context& context, std::vector<std::string> columns, const io::Shard& shard,
             std::vector<double> grid = {});

  // Makes the file, which add() else does: before a long run, unless its checkpoint is all that it may leave.
  void open();
  // [samples][D] and [samples][T][D] (or nothing) from id `first` on; one call at a time.
  void add(std::uint64_t first, std::span<const double> values, std::span<const double> trajectory = {});
  int finish(const SampleSummary& summary);
  // Samples are images of [channels, height, width], and drawn as such.
  void set_image(std::vector<std::size_t> image) { image_ = std::move(image); }

 private:
  void draw(const std::string& model) const;
  void add_paths(cli::Figure& figure) const;
  void add_images(cli::Figure& figure) const;

  cli::Context& context_;
  std::vector<std::string> columns_;
  io::Shard shard_;
  std::unique_ptr<io::SamplesWriter> writer_;
  std::vector<double> shown_, shown_paths_;  // [sample][D], [sample][T][D]
  std::vector<double> times_;
  std::vector<std::size_t> image_;
};

inline io::Shard whole_run(std::uint64_t n) {
  return {0, 1, 0, n, n};
}
bool stores(const cli::Context& context);  // samples themselves, not only a summary
double output_bytes(std::uint64_t n, std::size_t dimension);

}  // namespace sde
