#include <fmt/format.h>

#include <algorithm>

#include "cli/help.h"
#include "config/models.h"

namespace sde::cli {
namespace {

std::vector<std::string> model_names(const ToolInfo& info) {
  std::vector<std::string> names;
  for (const config::InstalledModel& model : config::installed_models()) {
    if (std::find(info.model_kinds.begin(), info.model_kinds.end(), model.kind) != info.model_kinds.end()) {
      names.push_back("@" + model.name);
    }
  }
  return names;
}

std::string function_name(const std::string& program) {
  std::string name = "_";
  for (char c : program) name += c == '-' ? '_' : c;
  return name;
}

std::string bash(const ToolInfo& info, const Options& options) {
  std::vector<std::string> names;
  std::string cases;
  for (const Option& option : options.all()) {
    if (option.hidden) continue;
    names.push_back("--" + option.name);
    if (option.negatable) names.push_back("--no-" + option.name);
    if (option.type == OptionType::flag) continue;
    const std::string letter = option.letter ? fmt::format("-{}|", option.letter) : "";
    const std::vector<std::string> choices = choices_of(info, option);
    std::string words;
    if (!choices.empty()) {
      words = fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", fmt::join(choices, " "));
    } else if (option.type == OptionType::file) {
      words = "COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames 2>/dev/null";
    } else {
      words = "COMPREPLY=()";
    }
    cases += fmt::format("    {}--{}) {}; return;;\n", letter, option.name, words);
  }
  const std::string function = function_name(info.name);
  return fmt::format(R"(# bash completion for {0}
{1}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  case $prev in
{2}  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W '{3}' -- "$cur"));;
    @*) COMPREPLY=($(compgen -W '{4}' -- "$cur"));;
    *) COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null;;
  esac
}}
complete -F {1} {0}
)",
                     info.name, function, cases, fmt::join(names, " "), fmt::join(model_names(info), " "));
}

// Text inside a zsh description, in single quotes.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string zsh(const ToolInfo& info, const Options& options) {
  std::string lines;
  for (const Option& option : options.all()) {
    if (option.hidden) continue;
    std::string action;
    if (option.type != OptionType::flag) {
      const std::vector<std::string> choices = choices_of(info, option);
      action = ":" + zsh_text(option.value_name) + ":";
      if (!choices.empty())
        action += fmt::format("({})", fmt::join(choices, " "));
      else if (option.type == OptionType::file)
        action += "_files";
    }
    const std::string star = option.repeatable ? "*" : "";
    const std::string text = zsh_text(option.help);
    if (option.letter) lines += fmt::format("  '{}-{}[{}]{}' \\\n", star, option.letter, text, action);
    lines += fmt::format("  '{}--{}[{}]{}' \\\n", star, option.name, text, action);
    if (option.negatable)
      lines += fmt::format("  '--no-{}[the contrary of --{}]' \\\n", option.name, option.name);
  }
  const std::vector<std::string> models = model_names(info);
  const std::string rest =
      models.empty() ? "_files" : fmt::format("{{ compadd -- {}; _files }}", fmt::join(models, " "));
  return fmt::format("#compdef {}\n_arguments -s \\\n{}  '*:file:{}'\n", info.name, lines, rest);
}

std::string fish(const ToolInfo& info, const Options& options) {
  const auto quoted = [](const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "'";
  };
  std::string lines = fmt::format("# fish completion for {}\n", info.name);
  for (const Option& option : options.all()) {
    if (option.hidden) continue;
    std::string line = fmt::format("complete -c {} -l {}", info.name, option.name);
    if (option.letter) line += fmt::format(" -s {}", option.letter);
    if (option.type != OptionType::flag) {
      const std::vector<std::string> choices = choices_of(info, option);
      if (option.type == OptionType::file)
        line += " -r -F";
      else
        line += choices.empty() ? " -x" : " -x -a " + quoted(fmt::format("{}", fmt::join(choices, " ")));
    }
    lines += line + " -d " + quoted(option.help) + "\n";
    if (option.negatable) lines += fmt::format("complete -c {} -l no-{}\n", info.name, option.name);
  }
  const std::vector<std::string> models = model_names(info);
  if (!models.empty()) {
    lines +=
        fmt::format("complete -c {} -a {}\n", info.name, quoted(fmt::format("{}", fmt::join(models, " "))));
  }
  return lines;
}

}  // namespace

std::string completion(const std::string& shell, const ToolInfo& info, const Options& options) {
  if (shell == "bash") return bash(info, options);
  if (shell == "zsh") return zsh(info, options);
  return fish(info, options);
}

}  // namespace sde::cli
