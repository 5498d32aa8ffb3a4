// run_tool: everything the programs have in common around one call of a library service.
//
//   int main(int argc, char** argv) {
//     return sde::cli::run_tool(argc, argv, describe(), [](sde::cli::Context& context) {
//       SimulateOptions options;
//       context.read(options);              // defaults < MODEL and -c < SDE_* < --set < named options;
//       checked
//       ...
//       if (context.dry_run()) return context.print_plan(plan);
//       ... compute with context.hooks(), write to context.output() ...
//       return context.finish(summary, text);
//     });
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hooks.h"
#include "cli/options.h"
#include "config/archive.h"
#include "config/models.h"
#include "config/plan.h"
#include "config/shards.h"
#include "config/summary.h"
#include "io/file.h"
#include "io/format.h"

namespace sde::io {
struct Provenance;
}

namespace sde::cli {

struct Argument {
  std::string name;  // "MODEL"
  std::string help;
  bool required = true;
  bool repeated = false;  // takes all that is left; the last one only
};

// What the choices of an option are, for the manual page: "METHODS", and a line on each.
struct ChoiceTable {
  std::string heading;
  std::vector<std::pair<std::string, std::string>> rows;  // name, what it is
};

struct Example {
  std::string command;
  std::string what;  // one line
};

struct ToolInfo {
  std::string name;         // "sde-simulate"
  std::string summary;      // one line
  std::string description;  // for --help: a paragraph or two
  std::vector<Argument> arguments;
  std::vector<Example> examples;
  std::vector<ChoiceTable> tables;

  std::string schema;  // of the configuration: "simulate"; empty: the program has none
  // How the first argument becomes configuration. With model_key ("/sde"), a document that has that key is a
  // whole configuration and any other stands for the key's value. Without, takes_config says that it is a
  // configuration; else it is no document.
  std::string model_key;
  bool takes_config = false;
  std::vector<config::DocumentKind> model_kinds;  // what the key may hold and --list-models shows

  // Forms of -o, the default first; empty: no -o.
  std::vector<io::OutputForm> formats = {io::OutputForm::hdf5, io::OutputForm::csv, io::OutputForm::json};
  bool output_required = false;
  bool seeded = true;    // has --seed (key /seed)
  bool plots = true;     // has --plot
  bool shards = false;   // has --shard and --merge
  bool resumes = false;  // has --resume and --checkpoint-every

  Options options;  // the program's own
};

struct Output {
  std::string path;  // "-" is standard output; "" where no -o was given
  io::OutputForm form = io::OutputForm::hdf5;
  bool force = false;  // an existing file may be replaced

  io::OutputOptions options() const { return {force, form == io::OutputForm::hdf5}; }
  bool given() const { return !path.empty(); }
  bool to_stdout() const { return path == "-"; }
};

struct Shard {
  std::uint64_t index = 0, count = 1;
};

class Context {
 public:
  // --- what was asked for ---
  const std::string& argument(std::string_view name) const;  // "" where an optional one was not given
  const std::vector<std::string>& arguments(std::string_view name) const;  // of a repeated one
  const Values& values() const;  // options by name, for those without a configuration key
  const config::Document& config()
      const;  // merged and valid against the schema; model documents stand in it inline
  const config::ModelInput& model()
      const;  // the first argument, where the program takes a model or a configuration
  const Output& output() const;
  const std::string& plot() const;  // file to draw into, "-" the terminal, "" none
  Shard shard() const;
  bool sharded() const;  // --shard was given
  // Shards to join, seen to belong together; no files: an ordinary run. Then config() is that of the shards.
  const config::ShardSet& merge() const;
  bool resume() const;
  double checkpoint_every() const;  // seconds; 0: never
  std::uint64_t seed() const;       // --seed, else the configuration's, else 0
  int threads() const;              // at least 1, already in force
  bool json() const;
  bool quiet() const;
  int verbosity() const;
  bool dry_run() const;

  // The configuration into the program's struct. With --print-config, prints the effective one (every default
  // written out) and ends the run. What it wrote is what effective_config() then returns.
  template <class T>
  void read(T& options) {
    config::read_options(config(), options);
    keep(options);
  }
  // The same for a program that completes what it read (a choice made for the user, a default that depends on
  // the model) before the configuration is printed or stored.
  template <class T>
  void keep(const T& options) {
    keep_effective([&](config::Json& into) { config::write_options(options, into); });
  }
  const std::string& effective_config() const;  // JSON text

  // --- while running ---
  const Hooks& hooks() const;  // stop token, progress line, warnings
  // What the progress line counts from now on, e.g. ("sampling", "samples").
  void phase(const std::string& what, const std::string& unit);
  void warn(const std::string& sentence) const;
  void note(const std::string& sentence) const;  // only with -v
  // Throws Error(cannot_create) where an output of so many bytes does not fit on its disk; `spooled`, of rows
  // that wait beside it for the end of a run that leaves checkpoints.
  void check_room(double bytes, double spooled = 0) const;
  // Throws where a signal has asked to stop; call it after a service returned early. With a remedy ("continue
  // with
  // --resume") the exit status is 75: something was kept that a run can continue from. Without, it is the one
  // of a program that the signal ended, 128 and its number.
  void check_stopped(const std::string& remedy = "") const;

  // --- results ---
  // Filled in: command line, versions, effective configuration, seed, threads, host, start. Add what was
  // read.
  io::Provenance provenance() const;
  void add_input(const io::Input& input);  // what results depend on; its digest goes to the provenance
  // Prints what --dry-run tells: the effective configuration, then the plan. Returns 0.
  int print_plan(const config::Plan& plan) const;
  // The end of a run. Writes the summary to the output where its form is JSON; prints it as JSON with --json,
  // else `text` (lines for a person) on standard output, or on standard error where -o was given. Returns the
  // exit status.
  int finish(const config::Summary& summary, const std::string& text, Status status = Status::success);
  void write_stdout(std::string_view text)
      const;  // checked: throws Error(io) on a full disk, ends quietly on a closed pipe

  struct State;
  explicit Context(State& state) : state_(state) {}

 private:
  void keep_effective(const std::function<void(config::Json&)>& write);

  State& state_;
};

// Returns the exit status. Options, configuration and output are checked before `callback` runs; what it
// returns is the exit status (0 or 1), what it throws becomes one sentence on standard error and the status
// that Error carries.
int run_tool(int argc, char** argv, const ToolInfo& info, const std::function<int(Context&)>& callback);

}  // namespace sde::cli
