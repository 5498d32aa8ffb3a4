#include "config/score_files.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "config/archive.h"
#include "config/locate.h"
#include "score/analytic.h"

namespace sde::config {
namespace {

io::Shape shape_of(const nn::Parameter& p) {
  if (!p.shape.empty()) return io::Shape(p.shape.begin(), p.shape.end());
  return p.vector ? io::Shape{p.columns} : io::Shape{p.rows, p.columns};
}

io::NamedArray pack(const nn::Parameter& p, const std::string& suffix, const AlignedVector<float>& theta) {
  io::NamedArray array;
  array.name = p.name + suffix;
  array.shape = shape_of(p);
  for (std::size_t i = 0; i < p.rows; ++i) {
    const auto row = theta.begin() + static_cast<std::ptrdiff_t>(p.offset + i * p.stride);
    array.values.insert(array.values.end(), row, row + static_cast<std::ptrdiff_t>(p.columns));
  }
  return array;
}

void unpack(const io::ModelFile& file, const std::vector<io::NamedArray>& arrays, const std::string& group,
            const nn::Parameter& p, const std::string& suffix, const std::string& name,
            AlignedVector<float>& theta) {
  const io::NamedArray* array = file.find(arrays, p.name + suffix);
  if (!array) fail(Status::bad_data, "{}: {}/{}{}: is missing", name, group, p.name, suffix);
  const io::Shape shape = shape_of(p);
  if (array->shape != shape) {
    fail(Status::bad_data, "{}: {}/{}{}: has shape [{}] where its configuration makes [{}]", name, group,
         p.name, suffix, fmt::join(array->shape, ","), fmt::join(shape, ","));
  }
  for (std::size_t i = 0; i < p.rows * p.columns; ++i) {
    if (!std::isfinite(array->values[i])) {
      fail(Status::bad_data, "{}: {}/{}{}: holds a value that is not finite", name, group, p.name, suffix);
    }
    theta[p.offset + i / p.columns * p.stride + i % p.columns] = array->values[i];
  }
}

Document configuration_of(const io::ModelFile& file, const std::string& name) {
  const std::string where = name + ": /model/config_json";
  return Document(parse_json(file.config_json, where), where, "");
}

bool is_score_model(const Document& document) {
  return document.json().contains("process") && document.json().contains("network");
}

struct Trained {
  FoundScore found;
  nn::Network network;
};

Trained read_trained(const io::Input& input, const io::ModelFile& file, const Document& document) {
  if (!is_score_model(document)) {
    fail(Status::bad_data, "{}: is no score model (its configuration has no process and network)",
         input.name());
  }
  TrainConfig config;
  read_options(document, config);
  const std::size_t D = file.mean.size();
  if (!D || file.std.size() != D || (!file.columns.empty() && file.columns.size() != D)) {
    fail(Status::bad_data, "{}: /normalization: mean has {} numbers, std {} and the columns are {}",
         input.name(), D, file.std.size(), file.columns.size());
  }
  const std::size_t outputs = outputs_of(config.train.prediction, config.train.network, D);
  const nn::Network network(config.train.network, D, outputs, config.train.classes);
  AlignedVector<float> theta(network.size());
  const bool averaged = !file.ema.empty();
  if (!averaged && config.train.ema > 0) {
    fail(Status::bad_data, "{}: /ema: is missing, though the weights were averaged (/ema is {})",
         input.name(), config.train.ema);
  }
  for (const nn::Parameter& p : network.parameters()) {
    unpack(file, averaged ? file.ema : file.weights, averaged ? "/ema" : "/weights", p, "", input.name(),
           theta);
  }
  Standardisation standard;
  if (config.train.normalization == Normalization::standard) standard = {file.mean, file.std};
  for (std::size_t i = 0; i < D; ++i) {
    if (!std::isfinite(file.mean[i]) || !(file.std[i] > 0)) {
      fail(Status::bad_data, "{}: /normalization: column {} has mean {} and std {}", input.name(), i + 1,
           file.mean[i], file.std[i]);
    }
  }
  FoundScore found;
  if (!file.time_convention.empty() && file.time_convention != kTimeConvention) {
    fail(Status::bad_data, "{}: /model: counts time as \"{}\", which is not known here (\"{}\" is)",
         input.name(), file.time_convention, kTimeConvention);
  }
  const auto measured = file.state.find("sigma_data");
  const double sigma_data = measured == file.state.end() ? 1 : measured->second;
  found.model = std::make_shared<NetworkModel>(make_process(config.train.process),
                                               network_meaning(config.train, sigma_data), network,
                                               std::move(theta), std::move(standard));
  found.columns = file.columns;
  found.image = config.train.network.image;
  found.quantisation = config.train.dequantise;
  found.name = input.name();
  found.file = input;
  return {std::move(found), network};
}

}  // namespace

void check_score_file(const io::Input& input) {
  const io::ModelFile file = io::read_model(input);
  const Document document = configuration_of(file, input.name());
  if (!is_score_model(document)) return;
  const nn::Network network = read_trained(input, file, document).network;
  if (!file.optimizer.empty()) (void)read_train_state(file, network, input.name());
}

FoundScore find_score(const Document& document, const std::string& pointer, const ModelInput& argument) {
  FoundScore found;
  const Json& json = document.json().at(Json::json_pointer(pointer));
  if (json.is_string()) {
    const std::string name = document.resolve(json.get<std::string>(), pointer);
    const bool given = argument.is_hdf5 && argument.input && name == argument.argument;
    const io::Input input = given ? *argument.input : io::Input(name);
    const io::ModelFile file = io::read_model(input);
    found = read_trained(input, file, configuration_of(file, input.name())).found;
    if (file.step == 0) fail(Status::bad_data, "{}: the model is not trained; run score-train", input.name());
  } else if (document_kind(json) != DocumentKind::score) {
    document.error(pointer, fmt::format("is {}, not a score model", to_string(document_kind(json))));
  } else {
    ScoreDocument score;
    read_options(document, score, pointer);
    std::vector<double> rows;
    std::size_t dimension = 0;
    const auto* file = score.score.data ? std::get_if<std::string>(&*score.score.data) : nullptr;
    if (file && score.score.type == "empirical") {
      const io::Input input(document.resolve(*file, pointer + "/score/data"));
      io::DatasetOptions options;
      options.rows = io::DatasetOptions::Rows::samples;
      const io::Dataset data = io::read_dataset(input, options);
      rows = sample_rows(data);
      dimension = data.d;
      found.columns = data.columns;
      found.file = input;
    }
    found.model = locate(document, pointer, [&] { return make_analytic(score, std::move(rows), dimension); });
    found.name = !score.name.empty() ? score.name : score.score.name.value_or(score.score.type);
  }
  for (std::size_t i = found.columns.size(); i < found.model->dimension(); ++i) {
    found.columns.push_back("x" + std::to_string(i + 1));
  }
  return found;
}

io::ModelFile to_model_file(const Trainer& trainer, const std::string& config,
                            std::vector<std::string> columns) {
  const TrainState& state = trainer.state();
  io::ModelFile file;
  file.config_json = config;
  for (const nn::Parameter& p : trainer.network().parameters()) {
    file.weights.push_back(pack(p, "", state.network.weights));
    file.ema.push_back(pack(p, "", state.network.ema));
    if (!state.best.empty()) file.best.push_back(pack(p, "", state.best));
    if (!p.trained) continue;
    file.optimizer.push_back(pack(p, "/m", state.network.first));
    file.optimizer.push_back(pack(p, "/v", state.network.second));
  }
  const std::size_t D = trainer.network().inputs();
  const Standardisation& standard = trainer.standardisation();
  file.mean = standard.identity() ? std::vector<double>(D, 0.0) : standard.mean;
  file.std = standard.identity() ? std::vector<double>(D, 1.0) : standard.deviation;
  file.columns = std::move(columns);
  file.step = state.network.step;
  file.loss_step = state.curve.step;
  file.loss = state.curve.loss;
  file.validation_loss = state.curve.validation;
  if (!state.best.empty()) {
    file.state["best_loss"] = state.best_loss;
    file.state["best_step"] = static_cast<double>(state.best_step);
  }
  file.time_convention = kTimeConvention;
  file.state["sigma_data"] = trainer.sigma_data();
  file.state["loss_sum"] = state.loss_sum;
  file.state["loss_count"] = static_cast<double>(state.loss_count);
  return file;
}

TrainState read_train_state(const io::ModelFile& file, const nn::Network& network, const std::string& name) {
  TrainState state;
  state.network.weights.resize(network.size());
  state.network.ema.resize(network.size());
  state.network.first.resize(network.trained_size());
  state.network.second.resize(network.trained_size());
  if (!file.best.empty()) state.best.resize(network.size());
  for (const nn::Parameter& p : network.parameters()) {
    unpack(file, file.weights, "/weights", p, "", name, state.network.weights);
    unpack(file, file.ema, "/ema", p, "", name, state.network.ema);
    if (!file.best.empty()) unpack(file, file.best, "/best", p, "", name, state.best);
    if (!p.trained) continue;
    unpack(file, file.optimizer, "/optimizer", p, "/m", name, state.network.first);
    unpack(file, file.optimizer, "/optimizer", p, "/v", name, state.network.second);
  }
  state.network.step = file.step;
  state.curve.step = file.loss_step;
  state.curve.loss = file.loss;
  state.curve.validation = file.validation_loss;
  state.curve.validation.resize(file.loss.size(), std::nan(""));
  for (const auto& [key, value] : file.state) {
    if (key == "best_loss") state.best_loss = value;
    if (key == "best_step") state.best_step = static_cast<std::uint64_t>(value);
    if (key == "loss_sum") state.loss_sum = value;
    if (key == "loss_count") state.loss_count = static_cast<std::uint64_t>(value);
  }
  return state;
}

std::vector<double> sample_rows(const io::Dataset& data) {
  std::vector<double> rows;
  rows.reserve(data.n * data.d);
  for (std::size_t n = 0; n < data.n; ++n) {
    const std::size_t last = data.length.empty() ? data.t - 1 : data.length[n] - 1;
    for (std::size_t i = 0; i < data.d; ++i) {
      const double value = data.at(n, last, i);
      if (!std::isfinite(value)) {
        fail(Status::bad_data, "{}: row {}, column {}: {}; leave the row out", data.source, n + 1,
             data.columns[i], std::isnan(value) ? "is missing" : "is infinite");
      }
      rows.push_back(value);
    }
  }
  return rows;
}

}  // namespace sde::config
