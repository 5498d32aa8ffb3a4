#include "cli/options.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "cli/parse.h"

namespace sde::cli {

OptionHandle Options::add(OptionType type, std::string name, std::string key, std::string help) {
  if (find(name)) fail(Status::bug, "option --{} is declared twice", name);
  Option& option = options_.emplace_back();
  option.type = type;
  option.name = std::move(name);
  option.key = std::move(key);
  option.help = std::move(help);
  return OptionHandle(option);
}

OptionHandle Options::flag(std::string name, std::string key, std::string help) {
  return add(OptionType::flag, std::move(name), std::move(key), std::move(help));
}
OptionHandle Options::integer(std::string name, std::string key, std::string help) {
  return add(OptionType::integer, std::move(name), std::move(key), std::move(help)).value_name("N");
}
OptionHandle Options::number(std::string name, std::string key, std::string help) {
  return add(OptionType::number, std::move(name), std::move(key), std::move(help)).value_name("X");
}
OptionHandle Options::text(std::string name, std::string key, std::string help) {
  return add(OptionType::text, std::move(name), std::move(key), std::move(help)).value_name("TEXT");
}
OptionHandle Options::choice(std::string name, std::string key, std::vector<std::string> choices,
                             std::string help) {
  return add(OptionType::choice, std::move(name), std::move(key), std::move(help))
      .choices(std::move(choices))
      .value_name("NAME");
}
OptionHandle Options::file(std::string name, std::string key, std::string help) {
  return add(OptionType::file, std::move(name), std::move(key), std::move(help)).value_name("FILE");
}
OptionHandle Options::list(std::string name, std::string key, std::string help) {
  return add(OptionType::list, std::move(name), std::move(key), std::move(help)).value_name("LIST");
}
OptionHandle Options::assignment(std::string name, std::string key, std::string help) {
  return add(OptionType::assignment, std::move(name), std::move(key), std::move(help))
      .value_name("NAME=VALUE")
      .repeatable();
}
OptionHandle Options::value(std::string name, std::string key, std::string help) {
  return add(OptionType::value, std::move(name), std::move(key), std::move(help)).value_name("JSON");
}

void Options::data_options() {
  list("columns", "/data/columns", "columns of a CSV file to use, by name or by number from 0");
  text("time-column", "/data/time_column", "column of a CSV file that holds the time").value_name("NAME");
  number("dt", "/data/dt", "time between the rows of a CSV file that has no such column").value_name("H");
}

const Option* Options::find(std::string_view name) const {
  for (const Option& option : options_) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

bool Values::has(std::string_view name) const {
  return given_.find(name) != given_.end();
}

bool Values::flag(std::string_view name) const {
  return has(name) && text(name) == "true";
}

std::string Values::text(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() || found->second.values.empty() ? "" : found->second.values.back();
}

double Values::number(std::string_view name, double otherwise) const {
  return has(name) ? parse_number(text(name), origin(name)) : otherwise;
}

std::int64_t Values::integer(std::string_view name, std::int64_t otherwise) const {
  return has(name) ? parse_integer(text(name), origin(name)) : otherwise;
}

const std::vector<std::string>& Values::list(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = given_.find(name);
  return found == given_.end() ? kNone : found->second.values;
}

std::string Values::origin(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? "--" + std::string(name) : found->second.origin;
}

void Values::set(const std::string& name, std::vector<std::string> values, std::string origin) {
  given_[name] = {std::move(values), std::move(origin)};
}

}  // namespace sde::cli
