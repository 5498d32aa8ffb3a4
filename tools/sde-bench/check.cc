#include "io/check.h"

#include "base/error.h"
#include "config/score_files.h"
#include "suites.h"

namespace sde::bench {

void check(cli::Context& context) {
  const std::vector<std::string>& files = context.arguments("CASE");
  if (files.empty()) fail(Status::usage, "check needs one file or more");
  for (const std::string& file : files) {
    if (io::check_file(file) == "model") config::check_score_file(io::Input(file));
  }
}

}  // namespace sde::bench
