// kind=likelihood: log-likelihoods in nats, one a datum.
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

// What values of a shard do not tell themselves.
struct LikelihoodShard {
  std::string model, unit;                // "data" or "series"
  std::string choice;                     // of the divergence, or of the density
  double ode = 0, cutoff = 0, prior = 0;  // of the error budget, which every shard makes for the whole
};
LikelihoodShard read_likelihood_shard(const Reader& reader);

// Streams; rows in any order. Not for several threads at a time. CSV: id, value, stderr, nfe.
class LikelihoodWriter {
 public:
  LikelihoodWriter(const std::string& path, OutputForm form, std::uint64_t n, const Provenance& provenance,
                   const OutputOptions& options = {});
  ~LikelihoodWriter();
  LikelihoodWriter(const LikelihoodWriter&) = delete;
  LikelihoodWriter& operator=(const LikelihoodWriter&) = delete;

  // Equal lengths. stderr of an exact value is 0.
  void write(std::uint64_t first, std::span<const double> value, std::span<const double> standard_error,
             std::span<const double> nfe);
  // Parts that a datum's value is the sum of, as the transitions of a series: /loglik/transition, and where
  // those of each datum begin, /loglik/first_transition [n + 1]. Not in CSV.
  void transitions(std::span<const double> value, std::span<const std::uint64_t> first);
  // Of a variational bound: the importance-weighted value of each datum, /loglik/importance_weighted [n]; and
  // its terms L_0, L_1, ... in nats with the times of their levels, /bound/{term,stderr,time}. Not in CSV.
  void bound(std::span<const double> importance, std::span<const double> time, std::span<const double> term,
             std::span<const double> standard_error);
  // Marks the file as a shard, with what the summary of the whole needs. HDF5 only.
  void shard(const Shard& shard, const LikelihoodShard& made);
  void attribute(const std::string& name,
                 double value);  // of the root: a mean, a term of the error budget; not in CSV
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Likelihood {
  std::vector<double> value, standard_error, nfe;
  Provenance provenance;
};

Likelihood read_likelihood(const Input& input);

}  // namespace sde::io
