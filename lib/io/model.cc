#include "io/model.h"

#include <algorithm>
#include <array>

namespace sde::io {
namespace {

constexpr std::array kReserved = {"step", "loss", "loss_step", "validation_loss"};

void write_arrays(Writer& writer, const std::string& group, const std::vector<NamedArray>& arrays) {
  if (arrays.empty()) return;
  std::vector<std::string> names;
  for (const NamedArray& a : arrays) {
    writer.write(group + "/" + a.name, a.values, a.shape);
    names.push_back(a.name);
  }
  // HDF5 lists by name, which would put layer10 before layer2.
  writer.attribute(group, "names", names);
}

void collect(const Reader& reader, const std::string& group, const std::string& prefix,
             std::vector<std::string>& names) {
  for (const std::string& member : reader.list(group + (prefix.empty() ? "" : "/" + prefix))) {
    const std::string name = prefix.empty() ? member : prefix + "/" + member;
    if (reader.is_group(group + "/" + name)) {
      collect(reader, group, name, names);
    } else {
      names.push_back(name);
    }
  }
}

std::vector<NamedArray> read_arrays(const Reader& reader, const std::string& group) {
  std::vector<NamedArray> arrays;
  if (!reader.exists(group)) return arrays;
  std::vector<std::string> names;
  if (reader.has_attribute(group, "names")) {
    names = reader.texts_attribute(group, "names");
  } else {
    collect(reader, group, "", names);
  }
  for (const std::string& name : names) {
    const std::string path = group + "/" + name;
    arrays.push_back({name, reader.shape(path), reader.read<float>(path)});
  }
  return arrays;
}

}  // namespace

const NamedArray* ModelFile::find(const std::vector<NamedArray>& arrays, const std::string& name) const {
  const auto it =
      std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& a) { return a.name == name; });
  return it == arrays.end() ? nullptr : &*it;
}

void write_model(const std::string& path, const ModelFile& m, const OutputOptions& options) {
  Writer w(path, "model", options);
  write_provenance(w, m.provenance);
  if (!m.columns.empty()) w.attribute("/", "columns", m.columns);
  w.write_text("/model/config_json", m.config_json);
  if (!m.time_convention.empty()) w.attribute("/model", "time_convention", m.time_convention);
  write_arrays(w, "/weights", m.weights);
  write_arrays(w, "/ema", m.ema);
  write_arrays(w, "/optimizer", m.optimizer);
  write_arrays(w, "/best", m.best);
  if (!m.mean.empty()) w.write("/normalization/mean", m.mean, {m.mean.size()}, {"dim"});
  if (!m.std.empty()) w.write("/normalization/std", m.std, {m.std.size()}, {"dim"});
  w.write_scalar<std::uint64_t>("/training/step", m.step);
  if (!m.loss.empty()) w.write("/training/loss", m.loss, {m.loss.size()}, {"record"});
  if (!m.loss_step.empty()) w.write("/training/loss_step", m.loss_step, {m.loss_step.size()}, {"record"});
  if (!m.validation_loss.empty()) {
    w.write("/training/validation_loss", m.validation_loss, {m.validation_loss.size()}, {"record"});
  }
  for (const auto& [key, value] : m.state) {
    if (std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end()) {
      fail(Status::bug, "{}: /training/{} is not free", w.name(), key);
    }
    w.write_scalar<double>("/training/" + key, value);
  }
  w.finish();
}

ModelFile read_model(const Input& input) {
  const Reader r(input, {"model"});
  ModelFile m;
  m.provenance = read_provenance(r);
  if (r.has_attribute("/", "columns")) m.columns = r.texts_attribute("/", "columns");
  m.config_json = r.read_text("/model/config_json");
  if (r.has_attribute("/model", "time_convention")) {
    m.time_convention = r.text_attribute("/model", "time_convention");
  }
  m.weights = read_arrays(r, "/weights");
  m.ema = read_arrays(r, "/ema");
  m.optimizer = read_arrays(r, "/optimizer");
  m.best = read_arrays(r, "/best");
  for (const NamedArray& a : m.ema) {
    const NamedArray* w = m.find(m.weights, a.name);
    if (!w || w->shape != a.shape) r.refuse("/ema/" + a.name, "must have its like in /weights");
  }
  const auto optional = [&](const std::string& path, auto& to) {
    using T = typename std::decay_t<decltype(to)>::value_type;
    if (r.exists(path)) to = r.read<T>(path, {kAny});
  };
  optional("/normalization/mean", m.mean);
  optional("/normalization/std", m.std);
  if (m.mean.size() != m.std.size()) r.refuse("/normalization", "mean and std must have the same length");
  optional("/training/loss", m.loss);
  optional("/training/loss_step", m.loss_step);
  optional("/training/validation_loss", m.validation_loss);
  if (!r.exists("/training")) return m;
  for (const std::string& key : r.list("/training")) {
    if (key == "step") m.step = r.read_scalar<std::uint64_t>("/training/step");
    if (std::find(kReserved.begin(), kReserved.end(), key) == kReserved.end() &&
        r.shape("/training/" + key).empty()) {
      m.state[key] = r.read_scalar<double>("/training/" + key);
    }
  }
  return m;
}

}  // namespace sde::io
