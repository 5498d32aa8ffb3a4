// The file beside an output from which a run can be continued.
#pragma once

#include <memory>
#include <string>

#include "base/hooks.h"
#include "cli/tool.h"
#include "io/provenance.h"

namespace sde::cli {

class CheckpointPlace {
 public:
  // Throws Error(usage) where --checkpoint-every or --resume were given and there is no file for -o.
  explicit CheckpointPlace(const Context& context);

  bool possible() const { return !path_.empty(); }   // not where the output is a pipe, or there is none
  const std::string& path() const { return path_; }  // <output>.checkpoint
  // Throws Error(no_input) where there is none to continue from.
  void require() const;
  // Throws Error(usage) where the run that wrote it had another configuration or other inputs, naming the
  // first difference.
  void check(const io::Provenance& then) const;
  void remove() const;

 private:
  const Context& context_;
  std::string path_;
};

// Asks for a pause after so many seconds (0: never), unless it is gone before.
class PauseTimer {
 public:
  explicit PauseTimer(double seconds);
  ~PauseTimer();
  PauseTimer(const PauseTimer&) = delete;
  PauseTimer& operator=(const PauseTimer&) = delete;

  const StopToken& token() const { return token_; }

 private:
  struct Clock;
  StopToken token_;
  std::unique_ptr<Clock> clock_;
};

}  // namespace sde::cli
