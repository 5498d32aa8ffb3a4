// Schemas and code say the same: defaults, and the names of every closed set.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/archive.h"
#include "config/schema.h"
#include "fit/density.h"
#include "fit/estimators.h"
#include "fit/options.h"
#include "fit/state_space.h"
#include "score/likelihood.h"
#include "score/sampler.h"
#include "score/train.h"
#include "solve/method.h"

namespace sde::config {
namespace {

// Numbers compare by value, whether they are written as 20 or 20.0.
void expect_same(const Json& schema, const Json& code, const std::string& where) {
  if (schema.is_object() && code.is_object()) {
    for (const auto& [key, value] : schema.items()) {
      EXPECT_TRUE(code.contains(key)) << where << "/" << key << " has a default in the schema alone";
      if (code.contains(key)) expect_same(value, code[key], where + "/" + key);
    }
    for (const auto& [key, value] : code.items()) {
      EXPECT_TRUE(schema.contains(key)) << where << "/" << key << " has a default in the code alone";
    }
    return;
  }
  EXPECT_EQ(schema, code) << where;
}

// Keys that a program adds to the library's struct are left out.
template <class T>
void expect_defaults(const std::string& name, std::initializer_list<const char*> elsewhere = {},
                     const T& options = T()) {
  Json schema, code;
  schema_defaults(name, schema);
  write_options(options, code);
  for (const char* key : elsewhere) schema.erase(key);
  expect_same(schema, code, name);
}

TEST(Agreement, Defaults) {
  FitOptions fit;
  fit.inference.posterior.emplace();  // absent, but what it has when given
  expect_defaults<FitOptions>("fit", {"compare", "bootstrap", "models"}, fit);
  expect_defaults<TrainOptions>("train");
  expect_defaults<SampleOptions>("sample");
  expect_defaults<LikelihoodOptions>("likelihood", {"density", "crps", "crps_steps", "bits_per_dim",
                                                    "dequantisation_draws", "method", "bound"});
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

void expect_names(const std::string& schema, const std::string& pointer, std::vector<std::string> names) {
  EXPECT_EQ(sorted(schema_choices(schema, pointer)), sorted(std::move(names))) << schema << pointer;
}

template <class E>
void expect_enum(const std::string& schema, const std::string& pointer, E) {
  std::vector<std::string> names;
  for (const auto& [name, value] : enum_names(E{})) names.emplace_back(name);
  expect_names(schema, pointer, names);
}

template <class Table>
std::vector<std::string> names_of(const Table& table, bool automatic) {
  std::vector<std::string> names;
  if (automatic) names.push_back("auto");
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

TEST(Agreement, Names) {
  expect_names("simulate", "/solver/method", names_of(methods(), true));
  auto fitted = names_of(densities(), true);
  for (const auto& filter : filters()) fitted.emplace_back(filter.name);
  expect_names("fit", "/density", fitted);
  expect_names("likelihood", "/density", names_of(densities(), true));
  expect_names("fit", "/optimizer", optimizer_names());
  expect_names("fit", "/intervals", {"wald", "profile"});
  expect_names("fit", "/estimator", estimator_names());
  expect_names("sample", "/sampler", names_of(samplers(), false));
  expect_enum("sample", "/grid", GridType());
  expect_enum("train", "/process/type", ProcessType());
  expect_names("train", "/process/path", {"ot", "lipman", "trigonometric", "vp"});
  expect_enum("train", "/network/type", nn::NetworkType());
  expect_enum("train", "/network/activation", nn::Activation());
  expect_enum("train", "/network/time_embedding/type", nn::TimeEmbedding());
  expect_enum("train", "/optimizer/type", nn::OptimizerType());
  expect_enum("train", "/optimizer/schedule", nn::Schedule());
  expect_enum("train", "/prediction", Prediction());
  expect_enum("train", "/weighting", Weighting());
  expect_enum("train", "/time_sampling", TimeSampling());
  expect_enum("train", "/objective", Objective());
  expect_enum("train", "/coupling", Coupling());
  expect_enum("train", "/normalization", Normalization());
  expect_enum("likelihood", "/probe_type", ProbeType());
  expect_enum("likelihood", "/divergence", Divergence());
}

}  // namespace
}  // namespace sde::config
