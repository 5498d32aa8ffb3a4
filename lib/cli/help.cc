#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/parse.h"
#include "config/schema.h"

namespace sde::cli {
namespace {

constexpr std::size_t kWidth = 96;   // of a line of help
constexpr std::size_t kColumn = 28;  // where an option's text starts

// Words filled into lines. A line never starts with an option's name, which would look like an entry of its
// own.
std::string fill(const std::string& text, std::size_t indent, std::size_t first_column) {
  std::vector<std::string> words;
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = std::min(text.find(' ', start), text.size());
    while (end + 2 < text.size() && text[end + 1] == '-' && text[end + 2] != ' ') {
      end = std::min(text.find(' ', end + 1), text.size());
    }
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  std::string out;
  std::size_t column = first_column;
  bool fresh = true;
  for (const std::string& word : words) {
    if (!fresh && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      fresh = true;
    }
    out += (fresh ? "" : " ") + word;
    column += word.size() + (fresh ? 0 : 1);
    fresh = false;
  }
  return out;
}

// "number of paths [1000]", with the choices where there are some.
std::string describe(const ToolInfo& info, const Option& option) {
  std::string text = option.help;
  const std::vector<std::string> choices = choices_of(info, option);
  if (!choices.empty()) text += fmt::format(": {}", fmt::join(choices, ", "));
  std::string otherwise = option.default_text;
  if (otherwise.empty() && !option.key.empty() && !info.schema.empty()) {
    otherwise = config::schema_default(info.schema, option.key);
  }
  if (!otherwise.empty()) text += fmt::format(" [{}]", otherwise);
  return text;
}

// The options in the order of help: the program's own first, then the shared ones by section.
std::vector<std::pair<std::string, std::vector<const Option*>>> sections(const Options& options) {
  std::vector<std::pair<std::string, std::vector<const Option*>>> found;
  for (const Option& option : options.all()) {
    if (option.hidden) continue;
    const std::string name = option.section.empty() ? "Options" : option.section;
    auto at =
        std::find_if(found.begin(), found.end(), [&](const auto& entry) { return entry.first == name; });
    if (at == found.end()) at = found.insert(found.end(), {name, {}});
    at->second.push_back(&option);
  }
  return found;
}

std::string usage(const ToolInfo& info) {
  std::string line = info.name + " [OPTION...]";
  for (const Argument& argument : info.arguments) {
    const std::string name = argument.name + (argument.repeated ? "..." : "");
    line += argument.required ? " " + name : " [" + name + "]";
  }
  return line + (info.output_required ? " -o FILE" : "");
}

// scdoc gives these characters a meaning of their own.
std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("*_\\#`[]|<>.").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::vector<std::string> choices_of(const ToolInfo& info, const Option& option) {
  if (!option.choices.empty() || option.type != OptionType::choice || option.key.empty())
    return option.choices;
  return config::schema_choices(info.schema, option.key);
}

std::string help_text(const ToolInfo& info, const Options& options) {
  std::string text = fmt::format("{} - {}\n\nUsage: {}\n\n{}\n", info.name, info.summary, usage(info),
                                 fill(info.description, 0, 0));
  if (!info.arguments.empty()) text += "\nArguments:\n";
  for (const Argument& argument : info.arguments) {
    text += fmt::format("  {:<{}}{}\n", argument.name, kColumn - 2, fill(argument.help, kColumn, kColumn));
  }
  for (const auto& [section, entries] : sections(options)) {
    text += fmt::format("\n{}:\n", section);
    for (const Option* option : entries) {
      std::string names = option->letter ? fmt::format("  -{}, --{}", option->letter, option->name)
                                         : fmt::format("      --{}", option->name);
      if (option->type != OptionType::flag) names += " " + option->value_name;
      if (names.size() + 2 > kColumn) {
        names += "\n" + std::string(kColumn, ' ');
      } else {
        names.resize(kColumn, ' ');
      }
      text += names + fill(describe(info, *option), kColumn, kColumn) + "\n";
      if (option->negatable) {
        text +=
            fmt::format("{:<{}}the contrary of --{}\n", "      --no-" + option->name, kColumn, option->name);
      }
    }
  }
  if (!info.examples.empty()) text += "\nExamples:\n";
  for (const Example& example : info.examples) {
    text += fmt::format("  {}\n      {}\n", example.command, fill(example.what, 6, 6));
  }
  text +=
      "\n" +
      fill(fmt::format("Every option that takes a value can also be set by the environment, as SDE_ and its "
                       "name in capitals (SDE_THREADS=4). The manual page has more: man {}",
                       info.name),
           0, 0) +
      "\n";
  return text;
}

std::string man_options(const ToolInfo& info, const Options& options) {
  std::string text;
  for (const auto& [section, entries] : sections(options)) {
    if (section != "Options") text += fmt::format("## {}\n\n", section);
    for (const Option* option : entries) {
      if (option->letter) text += fmt::format("*-{}*, ", option->letter);
      text += fmt::format("*--{}*", option->name);
      if (option->type != OptionType::flag) text += fmt::format(" {}", escaped(option->value_name));
      text += fmt::format("\n\t{}.\n\n", escaped(describe(info, *option)));
      if (option->negatable)
        text += fmt::format("*--no-{}*\n\tThe contrary of --{}.\n\n", option->name, option->name);
    }
  }
  for (const ChoiceTable& table : info.tables) {
    text += fmt::format("# {}\n\n", table.heading);
    for (const auto& [name, what] : table.rows) text += fmt::format("*{}*\n\t{}.\n\n", name, escaped(what));
  }
  return text;
}

}  // namespace sde::cli
