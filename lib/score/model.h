// Scores of noised distributions on blocks: grad log p_t(x) and its derivatives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "score/process.h"
#include "sde/sde.h"

namespace sde {

// Data and model are related by data = mean + deviation * z, column by column; models and samplers work on z.
struct Standardisation {
  std::vector<double> mean, deviation;  // [D], or empty: z is the data

  bool identity() const { return mean.empty(); }
  double log_determinant() const;  // ln |d data / d z|
  void to_model(Block x) const;
  void to_data(Block z) const;
};

inline constexpr std::int32_t kNoLabel = -1;

// Immutable and shared by threads. Times are those of the noise process, in (0, 1]; x and score are
// [D][lane]. Implementations use any part of the workspace but `block`, which belongs to their callers.
class ScoreModel {
 public:
  explicit ScoreModel(std::shared_ptr<const NoiseProcess> process) : process_(std::move(process)) {}
  virtual ~ScoreModel() = default;

  const NoiseProcess& process() const { return *process_; }
  const std::shared_ptr<const NoiseProcess>& shared_process() const { return process_; }
  const Standardisation& standardisation() const { return standardisation_; }

  virtual std::size_t dimension() const = 0;
  // How many classes the model was trained with, 0 for none; and the same model given class `label`, in [0,
  // classes()), or given none (kNoLabel), which is what a model with classes is at first. Null where
  // classes() is 0. Guidance combines the two.
  virtual std::size_t classes() const { return 0; }
  virtual std::shared_ptr<const ScoreModel> given(std::int32_t label) const {
    (void)label;
    return nullptr;
  }
  // Evaluations of a network (or of a score in closed form) that one score takes.
  virtual unsigned cost() const { return 1; }
  virtual void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const = 0;
  // And its divergence, exact, in divergence[lane].
  virtual void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                                    SdeWorkspace& workspace) const = 0;
  // And its Jacobian times v.
  virtual void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                                 SdeWorkspace& workspace) const = 0;
  // Bytes of workspace that a block of `lanes` takes.
  virtual double workspace_bytes(std::size_t lanes) const = 0;
  // ln p_t of the noised data where it is known; false where it is not.
  virtual bool log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const {
    (void)t, (void)x, (void)out, (void)workspace;
    return false;
  }
  // Whether the probability flow alone has a meaning: the network learned a velocity between coupled ends, of
  // which no score follows.
  virtual bool flow_only() const { return false; }
  // Where the flow through x at time t is at time `to`, for models that know it (consistency models only for
  // their own cut-off); throws Error(Status::bug) for others.
  virtual bool consistent() const { return false; }
  virtual bool has_no_score() const { return false; }  // consistency models that are nothing else
  virtual void consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& workspace) const;
  // Data drawn from the model's own distribution, for models that can: lane i is a function of (seed,
  // first_id + i); in model units.
  virtual bool draws() const { return false; }
  // Whether it stands for data rather than for a model of them: drawn exactly where nothing else is asked.
  virtual bool stands_for_data() const { return false; }
  virtual void draw(std::uint64_t seed, std::uint64_t first_id, Block x) const;
  // -E ln p of the data in nats, where it is known.
  virtual std::optional<double> entropy() const { return {}; }

 protected:
  std::shared_ptr<const NoiseProcess> process_;
  Standardisation standardisation_;
};

}  // namespace sde
