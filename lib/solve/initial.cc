#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "solve/ensemble.h"

namespace sde {
namespace {

double evaluate_at(const std::string& pointer, const std::string& text, const SdeDocument& document) {
  std::vector<std::string> names;
  std::map<std::string, double, std::less<>> values;
  for (const auto& [name, value] : document.parameters) {
    names.push_back(name);
    values[name] = value;
  }
  double result;
  try {
    result = expr::evaluate(expr::parse(text, names), values);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
  if (!std::isfinite(result))
    fail(Status::usage, "{}: must be a finite number (got {} = {})", pointer, text, result);
  return result;
}

}  // namespace

InitialStates::InitialStates(const SdeDocument& document, std::vector<std::vector<double>> data)
    : data_(std::move(data)) {
  for (const StateDocument& state : document.states) {
    const std::string pointer = "/initial/" + state.name;
    Law law{state.initial.kind, 0, 0};
    if (law.kind == InitialLaw::Kind::data) {
      if (data_.empty()) fail(Status::bad_data, "{}: {} has no rows", pointer, state.initial.data);
    } else {
      law.first = evaluate_at(pointer, state.initial.first, document);
      if (law.kind != InitialLaw::Kind::expression)
        law.second = evaluate_at(pointer, state.initial.second, document);
      if (law.kind == InitialLaw::Kind::normal && law.second < 0)
        fail(Status::usage, "{}: the standard deviation must be >= 0 (got {})", pointer, law.second);
      if (law.kind == InitialLaw::Kind::uniform && law.second < law.first)
        fail(Status::usage, "{}: the upper end must not be below the lower (got {} and {})", pointer,
             law.first, law.second);
    }
    laws_.push_back(law);
  }
}

void InitialStates::fill(std::uint64_t seed, std::uint64_t first_id, Block x) const {
  AlignedVector<double> draw(x.lanes), spare(x.lanes);
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const Law& law = laws_[i];
    const Stream stream = make_stream(seed, Purpose::initial, static_cast<std::uint32_t>(i));
    double* out = x.row(i);
    switch (law.kind) {
      case InitialLaw::Kind::expression:
        std::fill_n(out, x.lanes, law.first);
        break;
      case InitialLaw::Kind::normal:
        fill_normals(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane) out[lane] = law.first + law.second * draw[lane];
        break;
      case InitialLaw::Kind::uniform:
        fill_uniforms(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = law.first + (law.second - law.first) * draw[lane];
        break;
      case InitialLaw::Kind::data:
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = data_[(first_id + lane) % data_.size()][i];
        break;
    }
  }
}

std::vector<double> InitialStates::mean() const {
  std::vector<double> result;
  for (const Law& law : laws_) {
    result.push_back(law.kind == InitialLaw::Kind::data      ? std::nan("")
                     : law.kind == InitialLaw::Kind::uniform ? 0.5 * (law.first + law.second)
                                                             : law.first);
  }
  return result;
}

}  // namespace sde
