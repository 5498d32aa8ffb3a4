// The state of a training run beside its output, to continue from.
#pragma once

#include <string>
#include <vector>

#include "cli/checkpoint.h"
#include "cli/tool.h"
#include "score/train.h"

namespace sde {

class Checkpoint {
 public:
  Checkpoint(const cli::Context& context, std::vector<std::string> columns);

  bool possible() const { return place_.possible(); }
  const std::string& path() const { return place_.path(); }
  void save(const Trainer& trainer) const;
  // Throws as CheckpointPlace does where there is none, or it belongs to another run.
  void load(Trainer& trainer) const;
  void remove() const { place_.remove(); }

 private:
  const cli::Context& context_;
  cli::CheckpointPlace place_;
  std::vector<std::string> columns_;
};

}  // namespace sde
