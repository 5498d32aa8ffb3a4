#include "cli/checkpoint.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "config/differences.h"

namespace sde::cli {

CheckpointPlace::CheckpointPlace(const Context& context) : context_(context) {
  if (context.output().given() && !context.output().to_stdout())
    path_ = context.output().path + ".checkpoint";
  if (path_.empty() && context.checkpoint_every() > 0)
    fail(Status::usage, "--checkpoint-every: needs a file for -o, beside which the checkpoint stands");
  if (path_.empty() && context.resume())
    fail(Status::usage, "--resume: needs a file for -o, beside which the checkpoint stands");
}

void CheckpointPlace::require() const {
  if (!std::filesystem::exists(path_))
    fail(Status::no_input, "{}: there is no checkpoint to continue from; run without --resume", path_);
}

void CheckpointPlace::check(const io::Provenance& then) const {
  const std::string difference = config::first_difference(then.config_json, context_.effective_config());
  if (!difference.empty())
    fail(Status::usage, "{}: belongs to another configuration: {}; run without --resume", path_, difference);
  // The data are what was added last; what comes before is the configuration, which was compared.
  const auto now = context_.provenance().inputs;
  if (!then.inputs.empty() && !now.empty() && then.inputs.back().second != now.back().second)
    fail(Status::usage, "{}: belongs to other data: {} has changed; run without --resume", path_,
         now.back().first);
}

void CheckpointPlace::remove() const {
  std::error_code ignored;
  if (possible()) std::filesystem::remove(path_, ignored);
}

struct PauseTimer::Clock {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::thread thread;
};

PauseTimer::PauseTimer(double seconds) {
  if (!(seconds > 0)) return;
  clock_ = std::make_unique<Clock>();
  clock_->thread = std::thread([this, seconds] {
    std::unique_lock lock(clock_->mutex);
    const bool over =
        clock_->changed.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return clock_->over; });
    if (!over) token_.request();
  });
}

PauseTimer::~PauseTimer() {
  if (!clock_) return;
  {
    const std::scoped_lock lock(clock_->mutex);
    clock_->over = true;
  }
  clock_->changed.notify_all();
  clock_->thread.join();
}

}  // namespace sde::cli
