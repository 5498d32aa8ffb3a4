// The options that every program has.
#include "cli/parse.h"

namespace sde::cli {

void add_shared_options(const ToolInfo& info, Options& o) {
  const std::string output = "Output";
  const std::string running = "Running";
  const std::string configuration = "Configuration";
  const std::string about = "About";
  if (!info.formats.empty()) {
    o.file("output", "", "where the result goes; the ending says its form; - is standard output")
        .letter('o')
        .section(output);
    o.flag("force", "", "replace an existing output").letter('f').section(output);
    std::vector<std::string> forms;
    for (io::OutputForm form : info.formats) {
      forms.push_back(form == io::OutputForm::hdf5 ? "h5" : form == io::OutputForm::csv ? "csv" : "json");
    }
    o.choice("format", "", forms, "form of the output, whatever its name ends with")
        .value_name("FORM")
        .section(output);
  }
  if (info.plots) {
    o.file("plot", "", "draw into FILE (png, svg or pdf by its ending); - draws in the terminal")
        .section(output);
    if (info.formats.empty()) o.flag("force", "", "replace an existing picture").letter('f').section(output);
  }
  o.flag("json", "", "print one JSON object in place of the summary").section(output);
  o.flag("quiet", "", "print neither summary, progress nor warnings on standard error")
      .letter('q')
      .section(output);
  o.flag("verbose", "", "say more on standard error").letter('v').section(output);
  o.choice("progress", "", {"auto", "never", "plain", "json"}, "how progress is shown on standard error")
      .value_name("HOW")
      .default_text("auto: where that is a terminal")
      .section(output);

  if (!info.schema.empty()) {
    o.file("config", "", "configuration to start from; it goes over what the first argument says")
        .letter('c')
        .section(configuration);
    o.text("set", "", "set a key of the configuration: a JSON value, else text")
        .value_name("KEY=VALUE")
        .repeatable()
        .section(configuration);
    o.flag("print-config", "", "print the effective configuration, every default written out")
        .section(configuration);
    o.flag("print-schema", "", "print the JSON Schema of the configuration").section(configuration);
  }
  if (!info.model_kinds.empty()) {
    o.flag("list-models", "", "list the models that come with the program, for use as @NAME")
        .section(configuration);
  }

  if (info.seeded) {
    o.integer("seed", info.schema.empty() ? "" : "/seed", "the same seed gives the same result, bit for bit")
        .section(running);
  }
  o.integer("threads", "", "threads; 0 takes all that this process may use")
      .letter('j')
      .default_text("0")
      .section(running);
  o.flag("dry-run", "", "check everything and tell what the run would take, but do not run")
      .letter('n')
      .section(running);
  if (info.shards) {
    o.text("shard", "", "compute only part I of N (from 0); the parts together are the whole run")
        .value_name("I/N")
        .section(running);
    o.file("merge", "", "join the outputs of all shards into what one run would have written")
        .value_name("SHARD...")
        .repeatable()
        .section(running);
  }
  if (info.resumes) {
    o.flag("resume", "", "continue from the last checkpoint").section(running);
    o.number("checkpoint-every", "", "seconds between checkpoints; 0 writes none")
        .value_name("SECONDS")
        .section(running);
  }

  o.flag("help", "", "print this help").letter('h').section(about);
  o.flag("version", "", "print the version; as JSON with --json").letter('V').section(about);
  o.choice("print-completion", "", {"bash", "zsh", "fish"}, "print a completion script")
      .value_name("SHELL")
      .hidden();
  o.flag("print-man-options", "", "print the options as a manual page has them").hidden();
}

Options all_options(const ToolInfo& info) {
  Options options = info.options;
  add_shared_options(info, options);
  return options;
}

}  // namespace sde::cli
