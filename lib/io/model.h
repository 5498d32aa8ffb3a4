// kind=model: a configuration and the arrays that belong to it: networks, their averages, the optimiser's
// state.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/hdf5.h"
#include "io/provenance.h"

namespace sde::io {

struct NamedArray {
  std::string name;  // below its group: "layer0/W"
  Shape shape;       // W is [out][in], b is [out]
  std::vector<float> values;
};

// What is empty is not written.
struct ModelFile {
  std::string config_json;  // /model/config_json: the document that makes the model, as a MODEL is written
  std::string time_convention;  // /model@time_convention: what the ends of time are, of models that have one
  std::vector<NamedArray> weights;    // /weights/<name>
  std::vector<NamedArray> ema;        // /ema/<name>: same names and shapes as weights
  std::vector<NamedArray> optimizer;  // /optimizer/<name>: "layer0/W/m"
  std::vector<NamedArray> best;       // /best/<name>: averaged weights of the least validation loss so far
  std::vector<double> mean, std;      // /normalization/{mean,std}, [D]
  std::vector<std::string> columns;   // @columns, [D]
  std::uint64_t step = 0;             // /training/step: optimiser steps done
  std::vector<std::uint64_t> loss_step;
  std::vector<double> loss;             // /training/loss at the steps of /training/loss_step
  std::vector<double> validation_loss;  // /training/validation_loss; empty, or NaN where it was not evaluated
  std::map<std::string, double> state;  // /training/<key>: further numbers that a resumed run needs
  Provenance provenance;

  const NamedArray* find(const std::vector<NamedArray>& arrays, const std::string& name) const;
};

void write_model(const std::string& path, const ModelFile& model, const OutputOptions& options = {});
ModelFile read_model(const Input& input);

}  // namespace sde::io
