#include "cli/checkpoint.h"

#include <algorithm>
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
  const auto now = context_.provenance().inputs;
  for (std::size_t i = 0; i < std::min(now.size(), then.inputs.size()); ++i) {
    // A configuration that was read from a file was compared above by what it says.
    if (now[i].second == then.inputs[i].second || now[i].first.ends_with(".json")) continue;
    fail(Status::usage, "{}: belongs to other data: {} has changed; run without --resume", path_,
         now[i].first);
  }
}

void CheckpointPlace::remove() const {
  if (!possible()) return;
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  // What a run that was killed while it wrote a checkpoint has left.
  const std::filesystem::path path(path_);
  const std::string begin = "." + path.filename().string() + ".";
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.ends_with(".part")) std::filesystem::remove(entry.path(), ignored);
  }
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
