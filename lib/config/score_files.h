// Score models as files hold them: score documents, and what score-train writes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/models.h"
#include "io/dataset.h"
#include "io/model.h"
#include "score/train.h"

namespace sde::config {

// The configuration of score-train (schemas/train.schema.json).
struct TrainConfig {
  TrainOptions train;
  io::DatasetOptions data;

  template <class V>
  void visit(V& v) {
    train.visit(v);
    v("data", data);
  }
};

struct FoundScore {
  std::shared_ptr<const ScoreModel> model;
  std::vector<std::string> columns;  // [D]; x1, x2, ... where the model does not name them
  std::string name;                  // for summaries: the document's or the file's
  std::optional<io::Input> file;     // a trained model's, to be named in the provenance
  double quantisation = 0;           // step of the data that a model was trained on; 0: unknown
  std::vector<std::size_t> image;    // [channels, height, width] where samples are images; else empty
};

// The model at `pointer` of a configuration: an inline score document, or the name of a trained model's file;
// `argument` is the program's MODEL, whose bytes are used where it is that file. Errors as of the readers;
// Status::bad_data for an HDF5 file that holds no score network, an untrained one, or arrays that do not fit
// its own configuration.
FoundScore find_score(const Document& document, const std::string& pointer, const ModelInput& argument);

// Throws as find_score does for the file of a score network that it would refuse, trained or not, and for a
// checkpoint from which training could not go on; other files of models are left alone.
void check_score_file(const io::Input& input);

// A trainer's state and model as a file; `config` is its TrainConfig as JSON text. The optimiser's moments
// are in it, so that the file is a checkpoint too.
io::ModelFile to_model_file(const Trainer& trainer, const std::string& config,
                            std::vector<std::string> columns);

// The inverse, for a network of the same configuration. `name` stands for the file in messages.
TrainState read_train_state(const io::ModelFile& file, const nn::Network& network, const std::string& name);

// The rows of a dataset as independent samples, [n][D]: a series counts with its last observation. Throws
// Error(bad_data) for a missing or infinite value, naming file, row and column.
std::vector<double> sample_rows(const io::Dataset& data);

}  // namespace sde::config
