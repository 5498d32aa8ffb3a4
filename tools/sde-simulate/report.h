// What sde-simulate reads beside its configuration, and everything it writes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/ensemble.h"
#include "job.h"

namespace sde {

// The document's expressions; errors are located in it.
SdeExpressions parse_model(const config::FoundSde& found);

// The initial laws with the files that they name.
InitialStates read_initial(cli::Context& context, const config::FoundSde& found, const SdeDocument& document);

// Of the output's file, roughly.
double output_bytes(const Job& job, io::OutputForm form);
// Of the trajectories that wait beside it for the end of a run with checkpoints.
double spooled_bytes(const Job& job);
std::vector<std::pair<std::string, std::string>> describe_plan(const Job& job);
// A warning where steps of this length let a solution grow that decays.
std::optional<std::string> instability(const Job& job);

// The equation written out in a calculus ("ito" or "stratonovich"), one line a state and one a parameter that
// paths draw, for --print-sde.
std::string equation_text(const SdeDocument& document, const SdeExpressions& equation,
                          const std::string& calculus);

// As JSON, formatted.
std::string document_text(const SdeDocument& document);

// A block as rows of the file; row 0 is that of path `first_path`.
io::EnsembleBlock to_rows(const PathBlock& block, std::uint64_t first_path, io::EnsembleBlock out = {});

class Report {
 public:
  Report(cli::Context& context, const Job& job);
  ~Report();

  // The output file, before any work is done.
  void open();
  bool wants_paths() const;                  // for the file or for the picture
  bool wants(const PathBlock& block) const;  // these ones
  void add(io::EnsembleBlock block);         // from any thread
  io::EnsembleBlock spare();                 // for to_rows: one that has been written, or a new one
  // What was counted, for --merge; before finish().
  void keep_shard(const Tally& tally);
  int finish(const EnsembleResult& result, double seconds);

 private:
  void write_statistics(const EnsembleResult& result);
  void write_covariance(const EnsembleResult& result);
  void draw(const EnsembleResult& result) const;
  std::string text(const EnsembleResult& result, double seconds) const;

  cli::Context& context_;
  const Job& job_;
  const SimulateOptions& options_;
  const SdeDocument& document_;
  const SdeExpressions& equation_;
  const Schedule& schedule_;
  bool strict_;  // paths that are not finite make the run fail
  std::unique_ptr<io::EnsembleWriter> writer_;
  std::vector<std::vector<double>> shown_;  // [path] -> [save][state], the first paths, for the picture
};

}  // namespace sde
