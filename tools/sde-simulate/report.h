// What sde-simulate reads beside its configuration, and everything it writes.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/tool.h"
#include "config/sde_document.h"
#include "io/ensemble.h"
#include "options.h"
#include "solve/ensemble.h"

namespace sde {

// The document's expressions; errors are located in it.
SdeExpressions parse_model(const config::FoundSde& found);

// The initial laws with the files that they name.
InitialStates read_initial(cli::Context& context, const config::FoundSde& found, const SdeDocument& document);

double output_bytes(const SimulateOptions& options, const TimeGrid& grid, const SdeExpressions& equation,
                    bool trajectories);
std::vector<std::pair<std::string, std::string>> describe_plan(const SdeExpressions& equation,
                                                               const SdeExpressions& solved,
                                                               const MethodChoice& choice,
                                                               const Schedule& schedule);

// The equation written out in a calculus ("ito" or "stratonovich"), one line a state, for --print-sde.
std::string equation_text(const SdeExpressions& equation, const std::string& calculus);

class Report {
 public:
  Report(cli::Context& context, const SimulateOptions& options, const SdeDocument& document,
         const SdeExpressions& equation, const MethodChoice& choice, const Schedule& schedule);
  ~Report();

  // The output file, before any work is done; paths are numbered from first_path.
  void open(bool trajectories, std::uint64_t first_path);
  bool wants_paths() const;          // for the file or for the picture
  void add(const PathBlock& block);  // from any thread
  int finish(const EnsembleResult& result, double seconds);

 private:
  void write_statistics(const EnsembleResult& result);
  void write_covariance(const EnsembleResult& result);
  void draw(const EnsembleResult& result) const;
  std::string text(const EnsembleResult& result, double seconds) const;

  cli::Context& context_;
  const SimulateOptions& options_;
  const SdeDocument& document_;
  const SdeExpressions& equation_;
  const MethodChoice& choice_;
  const Schedule& schedule_;
  std::unique_ptr<io::EnsembleWriter> writer_;
  bool trajectories_ = false;
  std::uint64_t first_path_ = 0;
  std::vector<std::vector<double>> shown_;  // [path] -> [save][state], the first paths, for the picture
};

}  // namespace sde
