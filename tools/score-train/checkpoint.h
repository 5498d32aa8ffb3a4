// The state of a training run beside its output, to continue from.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.h"
#include "score/train.h"

namespace sde {

class Checkpoint {
 public:
  Checkpoint(const cli::Context& context, std::vector<std::string> columns);

  bool possible() const { return !path_.empty(); }   // not where the output is a pipe
  const std::string& path() const { return path_; }  // <output>.checkpoint
  void save(const Trainer& trainer) const;
  // Throws Error(no_input) where there is none, Error(usage) where it belongs to another configuration or
  // other data, naming the first difference.
  void load(Trainer& trainer) const;
  void remove() const;

 private:
  const cli::Context& context_;
  std::vector<std::string> columns_;
  std::string path_;
};

}  // namespace sde
