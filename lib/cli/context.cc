#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/version.h"
#include "cli/signals.h"
#include "cli/state.h"
#include "config/differences.h"

namespace sde::cli {

void say(const std::string& program, const std::string& sentence) {
  const std::string line = fmt::format("{}: {}\n", program, sentence);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

const std::string& Context::argument(std::string_view name) const {
  static const std::string kNone;
  const std::vector<std::string>& given = arguments(name);
  return given.empty() ? kNone : given.front();
}

const std::vector<std::string>& Context::arguments(std::string_view name) const {
  const auto found = state_.arguments.find(std::string(name));
  if (found == state_.arguments.end()) fail(Status::bug, "there is no argument {}", name);
  return found->second;
}

const Values& Context::values() const {
  return state_.values;
}
const config::Document& Context::config() const {
  return state_.config;
}
const config::ModelInput& Context::model() const {
  return state_.model;
}
const Output& Context::output() const {
  return state_.output;
}
const std::string& Context::plot() const {
  return state_.plot;
}
Shard Context::shard() const {
  return state_.shard;
}
bool Context::sharded() const {
  return state_.values.has("shard");
}
const config::ShardSet& Context::merge() const {
  return state_.shards;
}
bool Context::resume() const {
  return state_.values.flag("resume");
}
double Context::checkpoint_every() const {
  return state_.values.number("checkpoint-every", 0);
}
std::uint64_t Context::seed() const {
  return state_.seed;
}
int Context::threads() const {
  return state_.threads;
}
bool Context::json() const {
  return state_.values.flag("json");
}
bool Context::quiet() const {
  return state_.values.flag("quiet");
}
int Context::verbosity() const {
  return static_cast<int>(state_.values.list("verbose").size());
}
bool Context::dry_run() const {
  return state_.values.flag("dry-run");
}

void Context::keep_effective(const std::function<void(config::Json&)>& write) {
  config::Json json;
  write(json);
  // The seed is every program's, whether its struct carries it or not.
  if (state_.info.seeded && json.is_object()) json["seed"] = state_.seed;
  state_.effective = json.dump();
  if (!state_.shards.files.empty()) {
    const std::string difference =
        config::first_difference(state_.shards.provenance.config_json, state_.effective);
    if (!difference.empty())
      fail(Status::bad_data, "{}: belongs to another run: {}", state_.shards.files.front().path, difference);
  }
  if (!state_.values.flag("print-config")) return;
  write_stdout(config::format_json(json) + "\n");
  throw Finished{};
}

const std::string& Context::effective_config() const {
  return state_.effective;
}

const Hooks& Context::hooks() const {
  return state_.hooks;
}
void Context::phase(const std::string& what, const std::string& unit) {
  state_.progress.phase(what, unit);
}

void Context::warn(const std::string& sentence) const {
  if (quiet()) return;
  state_.progress.clear();
  say(state_.info.name, "warning: " + sentence);
}

void Context::note(const std::string& sentence) const {
  if (quiet() || verbosity() == 0) return;
  state_.progress.clear();
  say(state_.info.name, sentence);
}

void Context::check_room(double bytes, double spooled) const {
  if (!output().given()) return;
  // A run that is resumed has rows there already.
  if (checkpoint_every() > 0 && !resume()) bytes += spooled;
  const std::optional<double> room = io::free_bytes(output().path);
  if (!room || bytes <= *room) return;
  fail(Status::cannot_create,
       "{}: would take {} ({:.0f} bytes), and its disk has {} left ({:.0f} bytes); store fewer paths or save "
       "times, or statistics alone",
       output().path, config::human_bytes(bytes), bytes, config::human_bytes(*room), *room);
}

void Context::check_stopped(const std::string& remedy) const {
  const int signal = stop_signal();
  if (signal == 0) return;
  if (!remedy.empty()) fail(Status::interrupted, "interrupted by {}; {}", signal_name(signal), remedy);
  throw Error(static_cast<Status>(128 + signal),
              fmt::format("interrupted by {}; no result was written", signal_name(signal)));
}

io::Provenance Context::provenance() const {
  io::Provenance provenance = state_.provenance;
  provenance.config_json = state_.effective;
  for (const io::Input& input : state_.inputs) io::add_input(provenance, input);
  return provenance;
}

void Context::add_input(const io::Input& input) {
  for (const io::Input& known : state_.inputs)
    if (known.path() == input.path()) return;
  state_.inputs.push_back(input);
}

int Context::print_plan(const config::Plan& plan) const {
  if (json()) {
    config::Summary summary;
    summary.set("/kind", "plan").set("/config", JsonText{state_.effective});
    summary.set("/paths", plan.paths).set("/steps", plan.steps);
    summary.set("/memory_bytes", plan.memory_bytes).set("/output_bytes", plan.output_bytes);
    for (const auto& [label, value] : plan.more) summary.set(config::path({label}), value);
    write_stdout(summary.text());
    return 0;
  }
  std::vector<std::pair<std::string, std::string>> rows;
  if (plan.paths > 0) rows.emplace_back("paths", fmt::format("{}", plan.paths));
  if (plan.steps > 0) rows.emplace_back("steps", fmt::format("{}", plan.steps));
  if (plan.paths > 0 && plan.steps > 0) {
    rows.emplace_back("steps in all",
                      config::human_count(static_cast<double>(plan.paths) * static_cast<double>(plan.steps)));
  }
  for (const auto& row : plan.more) rows.push_back(row);
  rows.emplace_back("threads", fmt::format("{}", state_.threads));
  if (plan.memory_bytes > 0) rows.emplace_back("memory", config::human_bytes(plan.memory_bytes));
  const Output& out = state_.output;
  const std::string size = plan.output_bytes > 0 ? ", " + config::human_bytes(plan.output_bytes) : "";
  rows.emplace_back("output",
                    out.given() ? (out.to_stdout() ? "standard output" : out.path) + size : "a summary");
  write_stdout(config::format_json(config::parse_json(state_.effective, "the configuration")) + "\n\n" +
               config::aligned(rows));
  return 0;
}

int Context::finish(const config::Summary& summary, const std::string& text, Status status) {
  state_.progress.finish();
  const Output& out = state_.output;
  if (out.given() && out.form == io::OutputForm::json) {
    if (out.to_stdout()) {
      write_stdout(summary.text());
      return static_cast<int>(status);
    }
    io::write_file(out.path, summary.text(), out.options());
  }
  if (json()) {
    write_stdout(summary.text());
  } else if (!out.given()) {
    write_stdout(text);
  } else if (!quiet()) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }
  return static_cast<int>(status);
}

void Context::write_stdout(std::string_view text) const {
  state_.progress.clear();
  io::write_stdout(text);
}

}  // namespace sde::cli
