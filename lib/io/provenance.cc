#include "io/provenance.h"

#include <unistd.h>

#include <ctime>

#include "base/version.h"

namespace sde::io {

Provenance make_provenance() {
  Provenance p;
  p.version = version();
  p.git_commit = git_commit();
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) == 0) p.host = host;
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32];
  if (::gmtime_r(&now, &utc) && std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
    p.started_utc = text;
  return p;
}

void add_input(Provenance& provenance, const Input& input) {
  provenance.inputs.emplace_back(input.path(), input.sha256());
}

void write_provenance(Writer& writer, const Provenance& p) {
  writer.write_text("/provenance/config_json", p.config_json);
  writer.write_text("/provenance/command_line", p.command_line);
  writer.write_text("/provenance/version", p.version);
  writer.write_text("/provenance/git_commit", p.git_commit);
  writer.write_scalar<std::uint64_t>("/provenance/seed", p.seed);
  writer.write_scalar<std::int32_t>("/provenance/threads", static_cast<std::int32_t>(p.threads));
  writer.write_text("/provenance/host", p.host);
  writer.write_text("/provenance/started_utc", p.started_utc);
  writer.write_text_pairs("/provenance/inputs", "path", "sha256", p.inputs);
}

Provenance read_provenance(const Reader& reader) {
  Provenance p;
  p.config_json = reader.read_text("/provenance/config_json");
  p.command_line = reader.read_text("/provenance/command_line");
  p.version = reader.read_text("/provenance/version");
  p.git_commit = reader.read_text("/provenance/git_commit");
  p.seed = reader.read_scalar<std::uint64_t>("/provenance/seed");
  p.threads = static_cast<std::uint32_t>(reader.read_scalar<std::int32_t>("/provenance/threads"));
  p.host = reader.read_text("/provenance/host");
  p.started_utc = reader.read_text("/provenance/started_utc");
  p.inputs = reader.read_text_pairs("/provenance/inputs", "path", "sha256");
  return p;
}

}  // namespace sde::io
