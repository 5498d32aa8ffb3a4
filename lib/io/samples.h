// kind=samples: what a sampler made.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/format.h"
#include "io/hdf5.h"
#include "io/provenance.h"
#include "io/shard.h"

namespace sde::io {

struct SamplesLayout {
  std::uint64_t n = 0;               // rows in this file
  std::vector<std::string> columns;  // [D]
  std::vector<double> grid;  // [T] times of the sampler's grid, for trajectories; empty: none are stored
  Element element = Element::f64;  // or f32
  int deflate = 0;
};

// What samples of a shard do not tell themselves.
struct SampleShard {
  std::string model, sampler;
  std::uint64_t evaluations = 0;  // of the score, by all samples
  std::vector<double> grid;       // of the sampler
};
SampleShard read_sample_shard(const Reader& reader);

// Streams; rows in any order. Not for several threads at a time.
class SamplesWriter {
 public:
  SamplesWriter(const std::string& path, OutputForm form, SamplesLayout layout, const Provenance& provenance,
                const OutputOptions& options = {});
  ~SamplesWriter();
  SamplesWriter(const SamplesWriter&) = delete;
  SamplesWriter& operator=(const SamplesWriter&) = delete;

  // x is [rows][D] from row `first` on; ids are global (empty: first, first + 1, ...).
  void write(std::uint64_t first, std::span<const double> x, std::span<const std::uint64_t> ids = {});
  // [rows][T][D], the states on the grid. HDF5 only.
  void write_trajectory(std::uint64_t first, std::span<const double> x);
  void nfe(double evaluations);  // network evaluations a sample: @nfe
  // Marks the file as a shard, with what the summary of the whole needs. HDF5 only.
  void shard(const Shard& shard, const SampleShard& made);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Samples {
  std::uint64_t n = 0;
  std::vector<double> x;  // [n][D]
  std::vector<std::uint64_t> id;
  std::vector<std::string> columns;
  double nfe = 0;
  Provenance provenance;
};

Samples read_samples(const Input& input);

}  // namespace sde::io
