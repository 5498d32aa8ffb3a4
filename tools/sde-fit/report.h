// What sde-fit tells of a fit: summary, table, HDF5 file, picture.
#pragma once

#include <string>
#include <vector>

#include "cli/plot.h"
#include "config/summary.h"
#include "fit/bootstrap.h"
#include "fit/fit.h"
#include "fit/observations.h"
#include "fit/posterior.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "io/provenance.h"
#include "options.h"

namespace sde {

// The object of --json and -o FILE.json, a MODEL for the other programs.
config::Summary fit_summary(const FitResult& result, const FitConfig& config, double seconds);

// For a person: a table of estimates and what is known about them.
std::string fit_text(const FitResult& result, const FitConfig& config, double seconds);

// The same data by another density; `refused` says why it does not apply, or is empty.
struct Compared {
  std::string density, refused;
  FitResult result;
  double seconds = 0;
};
void add_comparison(const std::vector<Compared>& compared, config::Summary& summary);
// A row a density: estimates with their standard errors, log-likelihood.
std::string comparison_text(const std::vector<Compared>& compared);

// Expressions, profiles, constraints and tests: in the object, and as tables.
void add_inference(const FitResult& result, config::Summary& summary);
std::string inference_text(const FitResult& result);

// The posterior law: under /posterior, as a table, /posterior of the file, and its draws as CSV.
void add_posterior(const Posterior& posterior, double confidence, double seconds, config::Summary& summary);
std::string posterior_text(const Posterior& posterior, double confidence, double seconds);
void write_posterior(const Posterior& posterior, io::Writer& writer);
void write_draws(const std::string& path, const Posterior& posterior, const io::OutputOptions& options);

// Pictures of the profiles, with a line where they cross the quantile `level`, and of the posterior's
// margins; of either where there is one.
void add_panels(const FitResult& result, const Posterior& posterior, double level, cli::Figure& figure);

// Under /bootstrap, and as a table.
void add_bootstrap(const BootstrapResult& result, double confidence, config::Summary& summary);
std::string bootstrap_text(const BootstrapResult& result, double confidence);
// /fit/bootstrap: every refit.
void write_bootstrap(const BootstrapResult& result, io::Writer& writer);

// Rows as lines with two spaces between columns as wide as what stands in them: the first to the left, the
// others to the right. A row without cells is left out.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

// kind=model: the summary as /model/config_json; /fit holds the numbers of the table and of every transition,
// and of `replicas` and `posterior` where there are some.
void write_fit(const std::string& path, const FitResult& result, const BootstrapResult& replicas,
               const Posterior& posterior, const config::Summary& summary, const io::Provenance& provenance,
               const io::OutputOptions& options);

// The table of estimates as CSV.
void write_estimates(const std::string& path, const FitResult& result, const io::OutputOptions& options);

// Data with one-step predictions, and the residuals against the normal law, uniform law and independence.
cli::Figure fit_figure(const FitResult& result);

}  // namespace sde
