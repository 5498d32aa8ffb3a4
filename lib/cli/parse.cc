#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "config/overrides.h"

namespace sde::cli {
namespace {

using config::Json;

// The options and where the parser leaves what it finds.
struct Slot {
  const Option* option;
  std::vector<std::string> values;
  std::int64_t count = 0;  // of a flag; negative: --no-NAME
  CLI::Option* handle = nullptr;
};

std::string long_names(const Option& option) {
  std::string names = "--" + option.name;
  if (option.letter) names = fmt::format("-{},{}", option.letter, names);
  if (option.negatable) names += ",!--no-" + option.name;
  return names;
}

// What the parser left over: the first word that nothing takes.
[[noreturn]] void refuse(const std::string& word, const ToolInfo& info, const Options& options) {
  if (word.size() < 2 || word[0] != '-') {
    fail(Status::usage, "unexpected argument \"{}\"; see {} --help", word, info.name);
  }
  if (word[1] != '-') fail(Status::usage, "unknown option {}; see {} --help", word.substr(0, 2), info.name);
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const Option& option : options.all()) {
    if (option.hidden) continue;
    known.push_back("--" + option.name);
    if (option.negatable) known.push_back("--no-" + option.name);
  }
  const std::string near = nearest(name, known);
  if (near.empty()) fail(Status::usage, "unknown option {}; see {} --help", name, info.name);
  fail(Status::usage, "unknown option {}; did you mean {}?", name, near);
}

Json list_value(const std::vector<std::string>& texts) {
  Json items = Json::array();
  bool numbers = true;
  for (const std::string& text : texts) {
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const std::string item = text.substr(start, comma - start);
      const Json value = Json::parse(item, nullptr, false);
      numbers = numbers && value.is_number();
      if (!item.empty()) items.push_back(item);
      start = comma + 1;
    }
  }
  if (!numbers) return items;
  for (Json& item : items) item = Json::parse(item.get<std::string>());
  return items;
}

Json option_value(const Option& option, const std::vector<std::string>& values, const std::string& origin) {
  const std::string& last = values.back();
  switch (option.type) {
    case OptionType::flag:
      return last == "true";
    case OptionType::integer: {
      // Seeds use the whole range of unsigned numbers.
      std::uint64_t whole = 0;
      const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), whole);
      if (error == std::errc() && end == last.data() + last.size()) return whole;
      return parse_integer(last, origin);
    }
    case OptionType::number: {
      // The number as it was typed, so that messages show it so.
      const double x = parse_number(last, origin);
      const Json typed = Json::parse(last, nullptr, false);
      return typed.is_number() ? typed : Json(x);
    }
    case OptionType::list:
      return list_value(values);
    case OptionType::value:
      return config::parse_value(last, origin);
    default:
      break;
  }
  return option.repeatable ? Json(values) : Json(last);
}

void check_choice(const Option& option, const std::vector<std::string>& values, const std::string& origin) {
  if (option.type != OptionType::choice || option.choices.empty()) return;
  for (const std::string& value : values) {
    if (std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end()) continue;
    fail(Status::usage, "{}: unknown {} \"{}\"{}", origin, option.name, value,
         suggestion(value, option.choices));
  }
}

// Types are checked for every option given, whether it has a key or not.
void check_type(const Option& option, const std::vector<std::string>& values, const std::string& origin) {
  check_choice(option, values, origin);
  for (const std::string& value : values) {
    if (option.type == OptionType::integer || option.type == OptionType::number)
      option_value(option, {value}, origin);
    if (option.type == OptionType::file && value.empty())
      fail(Status::usage, "{}: expected a file's name", origin);
    if (option.type == OptionType::assignment && (value.find('=') == std::string::npos || value[0] == '=')) {
      fail(Status::usage, "{}: expected NAME=VALUE (got \"{}\")", origin, value);
    }
  }
}

std::string boolean(const std::string& text, const std::string& origin) {
  for (const char* yes : {"1", "true", "yes", "on"}) {
    if (text == yes) return "true";
  }
  for (const char* no : {"0", "false", "no", "off", ""}) {
    if (text == no) return "false";
  }
  fail(Status::usage, "{}: must be 0 or 1 (got \"{}\")", origin, text);
}

void read_environment(const Options& options, Values& values) {
  for (const Option& option : options.all()) {
    if (!has_variable(option)) continue;
    const std::string name = variable_name(option);
    const char* text = std::getenv(name.c_str());
    if (!text) continue;
    std::vector<std::string> given = {text};
    if (option.type == OptionType::flag) given = {boolean(text, name)};
    if (option.repeatable && option.type != OptionType::list) {
      // Several values stand on lines of their own.
      given.clear();
      std::string_view rest = text;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (end > 0) given.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      if (given.empty()) continue;
    }
    check_type(option, given, name);
    values.set(option.name, given, name);
  }
}

// That the object at `pointer` has a key `name`.
void check_name(const config::Document& document, const std::string& pointer, const std::string& name,
                const std::string& origin) {
  const Json::json_pointer place(pointer);
  std::vector<std::string> known;
  if (document.json().contains(place)) {
    for (const auto& [key, value] : document.json().at(place).items()) known.push_back(key);
  }
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  fail(Status::usage, "{}: there is no \"{}\"{}", origin, name, suggestion(name, known));
}

// Arguments to their names, in order; the last may take all that is left. A configuration given by -c holds
// the model, so that where one word is missing it is MODEL, the first.
std::map<std::string, std::vector<std::string>> distribute(const std::vector<std::string>& given,
                                                           const ToolInfo& info, bool configured) {
  std::map<std::string, std::vector<std::string>> arguments;
  std::size_t next = 0;
  const bool without_model = configured && (!info.model_key.empty() || info.takes_config) &&
                             given.size() + 1 == info.arguments.size();
  for (const Argument& argument : info.arguments) {
    std::vector<std::string>& values = arguments[argument.name];
    if (without_model && &argument == &info.arguments.front()) continue;
    while (next < given.size() && (values.empty() || argument.repeated)) values.push_back(given[next++]);
  }
  if (next < given.size()) {
    fail(Status::usage, "unexpected argument \"{}\"; see {} --help", given[next], info.name);
  }
  return arguments;
}

}  // namespace

double parse_number(const std::string& text, const std::string& origin) {
  const char* end = text.data() + text.size();
  const char* start = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
  double x = 0;
  const auto [stop, error] = std::from_chars(start, end, x);
  if (error == std::errc::result_out_of_range) fail(Status::usage, "{}: {} is out of range", origin, text);
  if (error != std::errc() || stop != end)
    fail(Status::usage, "{}: must be a number (got \"{}\")", origin, text);
  if (!std::isfinite(x)) fail(Status::usage, "{}: must be finite (got {})", origin, text);
  return x;
}

std::int64_t parse_integer(const std::string& text, const std::string& origin) {
  std::int64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, whole);
  if (error == std::errc() && stop == end) return whole;
  double x = 0;
  const auto [stop2, error2] = std::from_chars(text.data(), end, x);
  const bool number = error2 == std::errc() && stop2 == end;
  if (number && std::abs(x) <= 9007199254740992.0 && x == std::floor(x)) return static_cast<std::int64_t>(x);
  fail(Status::usage, "{}: must be an integer (got {})", origin, number ? text : '"' + text + '"');
}

bool has_variable(const Option& option) {
  static const std::vector<std::string> kNone = {"help",        "version", "print-config", "print-schema",
                                                 "list-models", "output",  "merge",        "plot"};
  return !option.hidden && std::find(kNone.begin(), kNone.end(), option.name) == kNone.end();
}

std::string variable_name(const Option& option) {
  std::string name = "SDE_";
  for (char c : option.name)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Parsed parse(int argc, const char* const* argv, const ToolInfo& info, const Options& options) {
  CLI::App app;
  app.set_help_flag("");
  app.allow_extras(true);
  std::vector<std::unique_ptr<Slot>> slots;
  for (const Option& option : options.all()) {
    slots.push_back(std::make_unique<Slot>(Slot{&option, {}}));
    Slot& slot = *slots.back();
    if (option.type == OptionType::flag) {
      slot.handle = app.add_flag(long_names(option), slot.count);
    } else {
      slot.handle = app.add_option(long_names(option), slot.values);
      slot.handle->take_all();
      // --merge takes all that follows; every other option one value each time it is given.
      if (option.name != "merge") slot.handle->expected(1)->allow_extra_args(false)->take_all();
    }
  }
  std::vector<std::string> arguments;
  app.add_option("ARGUMENTS", arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    for (const auto& slot : slots) {
      const std::string name = "--" + slot->option->name;
      if (std::string(error.what()).find(name) == std::string::npos) continue;
      if (slot->option->type == OptionType::flag) fail(Status::usage, "{}: takes no value", name);
      fail(Status::usage, "{}: needs a value, as in {} {}", name, name, slot->option->value_name);
    }
    fail(Status::usage, "{}", error.what());
  }
  if (const std::vector<std::string> left = app.remaining(); !left.empty())
    refuse(left.front(), info, options);

  Parsed parsed;
  for (const auto& slot : slots) {
    if (slot->handle->count() == 0) continue;
    const std::string origin = "--" + slot->option->name;
    if (slot->option->type == OptionType::flag) {
      // -v -v counts; the count of any other flag does not matter, its sign does.
      std::vector<std::string> given(static_cast<std::size_t>(std::abs(slot->count)),
                                     slot->count < 0 ? "false" : "true");
      if (given.empty()) given = {"false"};
      parsed.command.set(slot->option->name, given, origin);
    } else {
      check_type(*slot->option, slot->values, origin);
      parsed.command.set(slot->option->name, slot->values, origin);
    }
  }
  read_environment(options, parsed.environment);
  parsed.arguments =
      distribute(arguments, info, parsed.command.has("config") || parsed.environment.has("config"));
  return parsed;
}

void require_arguments(const ToolInfo& info, const Parsed& parsed) {
  const bool by_config = (!info.model_key.empty() || info.takes_config) &&
                         (parsed.command.has("config") || parsed.environment.has("config"));
  for (const Argument& argument : info.arguments) {
    if (by_config && &argument == &info.arguments.front()) continue;
    if (!argument.required || !parsed.arguments.at(argument.name).empty()) continue;
    fail(Status::usage, "{} is missing ({}); see {} --help", argument.name, argument.help, info.name);
  }
}

void check_assignment(const Options& options, const config::Document& document, const std::string& assignment,
                      const std::string& origin) {
  const std::string path = assignment.substr(0, assignment.find('='));
  const std::string pointer = config::path_to_pointer(path, origin);
  for (const Option& option : options.all()) {
    if (!option.existing || !pointer.starts_with(option.key + "/")) continue;
    const std::string name = pointer.substr(option.key.size() + 1);
    if (name.find('/') == std::string::npos) check_name(document, option.key, name, origin + " " + path);
  }
}

std::vector<std::string> apply_options(const Options& options, const Values& values,
                                       config::Document& document) {
  std::vector<std::string> pointers;
  const auto put = [&](const std::string& pointer, Json value, const std::string& origin) {
    config::set_at(document, pointer, std::move(value), origin);
    pointers.push_back(pointer);
  };
  for (const Option& option : options.all()) {
    if (option.key.empty() || !values.has(option.name)) continue;
    const std::string origin = values.origin(option.name);
    const std::vector<std::string>& given = values.list(option.name);
    if (option.type != OptionType::assignment) {
      put(option.key, option_value(option, given, origin), origin);
      continue;
    }
    for (const std::string& assignment : given) {
      const std::size_t equals = assignment.find('=');
      const std::string name = assignment.substr(0, equals);
      if (option.existing) check_name(document, option.key, name, origin);
      put(config::pointer_join(option.key, name), config::parse_value(assignment.substr(equals + 1), origin),
          fmt::format("{} {}", origin, name));
    }
  }
  return pointers;
}

}  // namespace sde::cli
