#include "checkpoint.h"

#include "config/score_files.h"
#include "io/model.h"

namespace sde {

Checkpoint::Checkpoint(const cli::Context& context, std::vector<std::string> columns)
    : context_(context), place_(context), columns_(std::move(columns)) {}

void Checkpoint::save(const Trainer& trainer) const {
  if (!possible()) return;
  io::ModelFile file = config::to_model_file(trainer, context_.effective_config(), columns_);
  file.provenance = context_.provenance();
  io::write_model(path(), file, {.force = true});
}

void Checkpoint::load(Trainer& trainer) const {
  place_.require();
  const io::Input input(path());
  const io::ModelFile file = io::read_model(input);
  io::Provenance then = file.provenance;
  then.config_json = file.config_json;
  place_.check(then);
  trainer.resume(config::read_train_state(file, trainer.network(), path()));
}

}  // namespace sde
