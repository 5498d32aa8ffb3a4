#include "config/inputs.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "expr/curve.h"
#include "io/dataset.h"

namespace sde::config {

InputDocument read_input(const Document& document, const std::string& pointer, const std::string& name,
                         const Json& json) {
  InputDocument input;
  input.name = name;
  input.data = document.resolve(json["data"].get<std::string>(), pointer + "/data");
  input.column = json.value("column", name);
  input.time_column = json.value("time_column", "");
  input.interpolation = json.value("interpolation", "linear");
  input.outside = json.value("outside", "refuse");
  if (input.data == "-")
    document.error(pointer + "/data", "an input is read from a file, not from standard input");

  io::DatasetOptions options;
  options.columns = {input.column};
  options.time_column = input.time_column;
  io::Dataset data;
  try {
    data = io::read_dataset(input.data, options);
  } catch (const Error& error) {
    if (error.status() != Status::no_input) throw;
    fail(error.status(), "{}: {}", document.at(pointer + "/data"), error.what());
  }
  if (data.n != 1)
    document.error(pointer, fmt::format("{} holds {} series; an input is one of them", input.data, data.n),
                   Status::bad_data);
  std::vector<double> x, y;
  for (std::size_t i = 0; i < data.length[0]; ++i) {
    x.push_back(data.time_at(0, i));
    y.push_back(data.at(0, i, 0));
    if (!std::isfinite(y.back()))
      document.error(
          pointer,
          fmt::format("{} of {} has no value at time {}; leave out the row, and what is around it holds",
                      input.column, input.data, x.back()),
          Status::bad_data);
  }
  if (x.empty()) document.error(pointer, fmt::format("{} holds no values", input.data), Status::bad_data);
  input.first = x.front();
  input.last = x.back();
  const auto kind =
      input.interpolation == "previous" ? expr::Curve::Kind::previous : expr::Curve::Kind::linear;
  input.values = std::make_shared<expr::Curve>(name, kind, std::move(x), std::move(y));
  return input;
}

Json write_input(const InputDocument& input) {
  Json json = {{"data", input.data}, {"column", input.column}, {"interpolation", input.interpolation}};
  if (!input.time_column.empty()) json["time_column"] = input.time_column;
  if (input.outside != "refuse") json["outside"] = input.outside;
  return json;
}

}  // namespace sde::config
