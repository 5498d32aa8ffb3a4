#include "cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"
#include "simd/target.h"

namespace sde::bench {

std::vector<std::string> wanted_cases(const cli::Context& context, const std::vector<std::string>& known) {
  std::vector<std::string> wanted = context.arguments("CASE");
  for (const std::string& name : wanted) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(Status::usage, "unknown case \"{}\"{}", name, suggestion(name, known));
  }
  return wanted.empty() ? known : wanted;
}

std::string machine_line(const cli::Context& context) {
  return fmt::format("{} thread{}, {} instructions\n", context.threads(), context.threads() == 1 ? "" : "s",
                     current_target());
}

}  // namespace sde::bench
