#include "checkpoint.h"

#include <filesystem>
#include <system_error>

#include "config/differences.h"
#include "config/json.h"
#include "config/score_files.h"
#include "io/provenance.h"

namespace sde {

Checkpoint::Checkpoint(const cli::Context& context, std::vector<std::string> columns)
    : context_(context), columns_(std::move(columns)) {
  if (!context.output().to_stdout()) path_ = context.output().path + ".checkpoint";
  if (path_.empty() && context.checkpoint_every() > 0) {
    fail(Status::usage, "--checkpoint-every: needs a file for -o, beside which the checkpoint stands");
  }
  if (path_.empty() && context.resume())
    fail(Status::usage, "--resume: needs a file for -o, beside which the checkpoint stands");
}

void Checkpoint::save(const Trainer& trainer) const {
  if (!possible()) return;
  io::ModelFile file = config::to_model_file(trainer, context_.effective_config(), columns_);
  file.provenance = context_.provenance();
  io::write_model(path_, file, {.force = true});
}

void Checkpoint::load(Trainer& trainer) const {
  if (!std::filesystem::exists(path_)) {
    fail(Status::no_input, "{}: there is no checkpoint to continue from; run without --resume", path_);
  }
  const io::Input input(path_);
  const io::ModelFile file = io::read_model(input);
  const std::string difference = config::first_difference(file.config_json, context_.effective_config());
  if (!difference.empty()) {
    fail(Status::usage, "{}: belongs to another configuration: {}; run without --resume", path_, difference);
  }
  // The data are what was added last.
  const auto& then = file.provenance.inputs;
  const auto now = context_.provenance().inputs;
  if (!then.empty() && !now.empty() && then.back().second != now.back().second) {
    fail(Status::usage, "{}: belongs to other data: {} has changed; run without --resume", path_,
         now.back().first);
  }
  trainer.resume(config::read_train_state(file, trainer.network(), path_));
}

void Checkpoint::remove() const {
  std::error_code ignored;
  if (possible()) std::filesystem::remove(path_, ignored);
}

}  // namespace sde
