#include "cli/tool.h"

#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <nlohmann/json.hpp>

#include "base/version.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/plot.h"
#include "cli/signals.h"
#include "cli/state.h"
#include "cli/threads.h"
#include "config/overrides.h"
#include "config/schema.h"
#include "config/sde_document.h"
#include "config/shards.h"
#include "simd/target.h"

namespace sde::cli {
namespace {

using State = Context::State;

// --help and its like: prints and says true where one of them was asked for.
bool answer(const ToolInfo& info, const Options& options, const Values& values) {
  std::string text;
  if (values.flag("help")) {
    text = help_text(info, options);
  } else if (values.flag("version")) {
    if (values.flag("json")) {
      config::Summary summary;
      summary.set("/program", info.name).set("/version", version()).set("/git_commit", git_commit());
      text = summary.text();
    } else {
      text = fmt::format("{} (sdetools) {}\n", info.name, version());
    }
  } else if (values.flag("print-schema")) {
    text = config::schema_text(info.schema);
  } else if (values.flag("list-models")) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const config::InstalledModel& model : config::installed_models()) {
      const auto& kinds = info.model_kinds;
      if (std::find(kinds.begin(), kinds.end(), model.kind) != kinds.end())
        rows.emplace_back(model.name, model.description);
    }
    text = config::aligned(rows);
  } else if (values.has("print-completion")) {
    text = completion(values.text("print-completion"), info, options);
  } else if (values.flag("print-man-options")) {
    text = man_options(info, options);
  } else {
    return false;
  }
  io::write_stdout(text);
  return true;
}

// Standard input can be read once.
void check_standard_input(const Values& values,
                          const std::map<std::string, std::vector<std::string>>& arguments) {
  std::size_t readers = values.text("config") == "-" ? 1 : 0;
  for (const auto& [name, given] : arguments)
    readers += static_cast<std::size_t>(std::count(given.begin(), given.end(), "-"));
  for (const std::string& shard : values.list("merge")) readers += shard == "-" ? 1 : 0;
  if (readers > 1) fail(Status::usage, "standard input (-) can be read only once");
}

io::OutputForm output_form(const ToolInfo& info, const std::string& path, const std::string& format) {
  const auto ends_with = [&](std::string_view end) {
    return path.size() > end.size() && path.ends_with(end);
  };
  io::OutputForm form = info.formats.front();
  if (!format.empty() || ends_with(".csv") || ends_with(".json")) {
    form = io::output_form(path, format);
  } else if (ends_with(".h5") || ends_with(".hdf5")) {
    form = io::OutputForm::hdf5;
  }
  if (std::find(info.formats.begin(), info.formats.end(), form) == info.formats.end()) {
    fail(Status::usage, "{}: {} writes no {}; --help names the forms", format.empty() ? path : "--format",
         info.name,
         form == io::OutputForm::hdf5  ? "HDF5"
         : form == io::OutputForm::csv ? "CSV"
                                       : "JSON");
  }
  return form;
}

// The output, refused before any work where it cannot be made.
void prepare_output(State& state) {
  const Values& values = state.values;
  Output& output = state.output;
  output.force = values.flag("force");
  if (values.has("output")) {
    output.path = values.text("output");
    output.form = output_form(state.info, output.path, values.text("format"));
    if (output.to_stdout() && values.flag("json") && output.form != io::OutputForm::json) {
      fail(Status::usage, "--json and -o - both want standard output");
    }
    if (!values.flag("print-config")) io::check_output(output.path, output.options());
  } else if (values.has("format")) {
    fail(Status::usage, "{}: says the form of an output; add -o FILE, or -o - for standard output",
         values.origin("format"));
  }
  state.plot = values.text("plot");
  if (state.plot == "-" && output.to_stdout())
    fail(Status::usage, "--plot - and -o - both want standard output");
  if (!state.plot.empty()) check_plot(state.plot, output.force);
  if (state.info.output_required && !output.given() && !values.flag("dry-run") &&
      !values.flag("print-config")) {
    fail(Status::usage, "-o FILE is missing: where the result goes");
  }
}

Shard parse_shard(const std::string& text, const std::string& origin) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, shard.index);
  bool good = error == std::errc() && slash != end && *slash == '/';
  if (good) {
    const auto [stop, error2] = std::from_chars(slash + 1, end, shard.count);
    good = error2 == std::errc() && stop == end;
  }
  if (!good || shard.index >= shard.count) {
    fail(Status::usage, "{}: expected I/N with 0 <= I < N, as in 0/4 (got \"{}\")", origin, text);
  }
  return shard;
}

// defaults < first argument < -c < environment < --set < named option. The defaults are the program's
// structs'.
void build_config(State& state, const Parsed& parsed, const Options& options) {
  const ToolInfo& info = state.info;
  config::Document& document = state.config;
  const std::string first = info.arguments.empty() ? "" : [&] {
    const auto& given = state.arguments.at(info.arguments.front().name);
    return given.empty() ? std::string() : given.front();
  }();
  const bool is_model = !info.model_key.empty();
  if (!first.empty() && (is_model || info.takes_config)) {
    state.model = config::read_model(first);
    if (state.model.input) state.inputs.push_back(*state.model.input);
    const config::Json& json = state.model.document.json();
    const bool whole = !state.model.is_hdf5 && config::document_kind(json) != config::DocumentKind::result &&
                       (info.takes_config || json.contains(info.model_key.substr(1)));
    if (info.takes_config && state.model.is_hdf5) {
      fail(Status::usage, "{}: is HDF5; expected a configuration in JSON", state.model.input->name());
    }
    if (whole) {
      document.merge(state.model.document);
    } else {
      config::embed_model(document, info.model_key, info.model_kinds, state.model);
    }
    if (is_model) config::embed_model(document, info.model_key, info.model_kinds);
  }
  if (state.values.has("config")) {
    const io::Input input(state.values.text("config"));
    state.inputs.push_back(input);
    const config::Document over(config::parse_json(input.bytes(), input.name()), input.name(),
                                config::folder_of(input.path()));
    if (!over.json().is_object()) over.error("", "must be an object");
    document.merge(over);
    if (is_model) config::embed_model(document, info.model_key, info.model_kinds);
  }
  const auto layer = [&](const std::vector<std::string>& sets, const Values& named, const char* origin) {
    std::vector<std::string> now;
    for (const std::string& assignment : sets) {
      check_assignment(options, document, assignment, origin);
      now.push_back(config::apply_set(document, assignment, origin));
    }
    config::yield_to(document, info.schema, now);
    config::yield_to(document, info.schema, apply_options(options, named, document));
  };
  layer(parsed.environment.list("set"), parsed.environment, "SDE_SET");
  layer(parsed.command.list("set"), parsed.command, "--set");
  if (is_model) config::embed_model(document, info.model_key, info.model_kinds);
  config::validate(document, info.schema);
}

// The run that --merge completes is what its shards say. With a MODEL it is what the command line says, and
// that has to be the same (see keep_effective).
void open_merge(State& state, const Parsed& parsed, const Options& options) {
  const bool model =
      !state.info.arguments.empty() && !state.arguments.at(state.info.arguments[0].name).empty();
  for (const Option& option : options.all()) {
    const bool of_parts =
        option.name == "shard" || option.name == "resume" || option.name == "checkpoint-every";
    const bool of_run = option.section.empty() || option.section == "Configuration" || option.name == "seed";
    if (!parsed.command.has(option.name)) continue;
    if (of_parts) fail(Status::usage, "--{}: has no place beside --merge", option.name);
    if (of_run && !model)
      fail(Status::usage,
           "--{}: has no place beside --merge without a MODEL; the shards say what the run was", option.name);
  }
  for (std::size_t i = 1; i < state.info.arguments.size(); ++i)
    for (const std::string& given : state.arguments.at(state.info.arguments[i].name))
      fail(Status::usage, "\"{}\" has no place beside --merge; give shards after it", given);
  for (const std::string& path : state.merge)
    if (path.size() > 1 && path[0] == '-')
      fail(Status::usage, "--merge: needs the files of shards after it (got \"{}\")", path);
  state.shards = config::open_shards(state.merge);
  if (model) return build_config(state, parsed, options);
  const std::string& first = state.shards.files.front().path;
  state.config = config::Document(config::parse_json(state.shards.provenance.config_json, first), first, "");
}

void print_default_config(const ToolInfo& info) {
  config::Json json;
  config::schema_defaults(info.schema, json);
  io::write_stdout(config::format_json(json) + "\n");
}

void read_seed(State& state) {
  if (!state.info.seeded) return;
  const config::Json& json = state.config.json();
  if (!state.info.schema.empty() && json.contains("seed")) {
    config::read_options(state.config, state.seed, "/seed");
  } else if (state.info.schema.empty() && state.values.has("seed")) {
    const std::int64_t seed = state.values.integer("seed", 0);
    if (seed < 0) fail(Status::usage, "{}: must be >= 0 (got {})", state.values.origin("seed"), seed);
    state.seed = static_cast<std::uint64_t>(seed);
  }
}

int choose_threads(const Values& values) {
  const std::int64_t wanted = values.integer("threads", 0);
  if (wanted < 0 || wanted > 65536) {
    fail(Status::usage, "{}: must be between 0 (all) and 65536 (got {})", values.origin("threads"), wanted);
  }
  return wanted == 0 ? allowed_threads() : static_cast<int>(wanted);
}

// A word of a command line as a shell would need it.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

Values merged(const Parsed& parsed, const Options& options) {
  Values values = parsed.environment;
  for (const Option& option : options.all()) {
    if (!parsed.command.has(option.name)) continue;
    values.set(option.name, parsed.command.list(option.name), parsed.command.origin(option.name));
  }
  return values;
}

int run(int argc, char** argv, const ToolInfo& info, const std::function<int(Context&)>& callback) {
  const Options options = all_options(info);
  const Parsed parsed = parse(argc, argv, info, options);
  const Values values = merged(parsed, options);
  if (answer(info, options, values)) return 0;

  State state(info, Progress::mode_for(values.text("progress"), values.flag("quiet")));
  state.values = values;
  state.arguments = parsed.arguments;
  state.merge = values.list("merge");
  const bool nothing_given =
      info.arguments.empty() || parsed.arguments.at(info.arguments.front().name).empty();
  const bool printing = values.flag("print-config");
  // Where a configuration has to hold a model, there is none to print without one.
  if (printing && nothing_given && !values.has("config") && !info.takes_config) {
    print_default_config(info);
    return 0;
  }
  if (state.merge.empty() && !printing) require_arguments(info, parsed);
  check_standard_input(values, parsed.arguments);
  if (const char* target = std::getenv("SDE_SIMD")) {
    try {
      set_target(target);
    } catch (const Error& e) {
      fail(e.status(), "SDE_SIMD: {}", e.what());
    }
  }
  state.threads = choose_threads(values);
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(state.threads));
  if (values.has("shard")) state.shard = parse_shard(values.text("shard"), values.origin("shard"));
  prepare_output(state);
  if (!state.merge.empty()) {
    open_merge(state, parsed, options);
  } else if (!info.schema.empty()) {
    build_config(state, parsed, options);
  }
  read_seed(state);

  state.provenance = io::make_provenance();
  for (int i = 0; i < argc; ++i) state.provenance.command_line += (i > 0 ? " " : "") + quoted(argv[i]);
  state.provenance.seed = state.seed;
  if (!state.merge.empty()) {
    state.provenance.inputs = state.shards.provenance.inputs;
    state.inputs.clear();
  }
  state.provenance.threads = static_cast<std::uint32_t>(state.threads);
  state.effective = state.config.json().dump();

  Context context(state);
  state.hooks.stop = &stop_token();
  state.hooks.progress = [&state](std::uint64_t done, std::uint64_t total) {
    state.progress.update(done, total);
  };
  state.hooks.warn = [&context](const char* sentence) { context.warn(sentence); };
  const int status = callback(context);
  state.progress.finish();
  return status;
}

}  // namespace

int run_tool(int argc, char** argv, const ToolInfo& info, const std::function<int(Context&)>& callback) {
  install_signals();
  int status = 0;
  try {
    try {
      status = run(argc, argv, info, callback);
    } catch (const Finished&) {
    }
    io::finish_stdout();
    return status;
  } catch (const io::BrokenPipe&) {
    return 0;  // whoever read us has seen enough
  } catch (const Error& error) {
    if (error.status() == Status::bug) {
      say(info.name,
          fmt::format("{} (this is a bug in {} {}; please report it)", error.what(), info.name, version()));
    } else {
      say(info.name, error.what());
    }
    return static_cast<int>(error.status());
  } catch (const std::bad_alloc&) {
    say(info.name, "out of memory; --dry-run tells what a run needs");
    return static_cast<int>(Status::io);
  } catch (const std::exception& error) {
    say(info.name, fmt::format("unexpected: {} (this is a bug in {} {}; please report it)", error.what(),
                               info.name, version()));
    return static_cast<int>(Status::bug);
  }
}

}  // namespace sde::cli
