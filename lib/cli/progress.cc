#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "config/plan.h"
#include "config/summary.h"

namespace sde::cli {
namespace {

using std::chrono::milliseconds;

// A short run shows nothing; a longer one is redrawn as often as an eye can follow.
milliseconds interval(Progress::Mode mode, bool first) {
  switch (mode) {
    case Progress::Mode::line:
      return milliseconds(first ? 400 : 100);
    case Progress::Mode::plain:
      return milliseconds(5000);
    default:
      return milliseconds(1000);
  }
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Mode Progress::mode_for(const std::string& how, bool quiet) {
  if (quiet || how == "never") return Mode::never;
  if (how == "plain") return Mode::plain;
  if (how == "json") return Mode::json;
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal && std::string_view(terminal) == "dumb";
  return isatty(STDERR_FILENO) && !dumb ? Mode::line : Mode::never;
}

void Progress::phase(const std::string& what, const std::string& unit) {
  finish();
  const std::lock_guard lock(mutex_);
  what_ = what;
  unit_ = unit;
  start_ = shown_ = Clock::now();
  done_ = total_ = first_ = 0;
  began_ = false;
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (mode_ == Mode::never) return;
  const std::lock_guard lock(mutex_);
  if (!began_) {
    // What was done before this run (a resumed one) is not part of its rate.
    first_ = done;
    began_ = true;
  }
  done_ = done;
  total_ = total;
  const Clock::time_point now = Clock::now();
  if (now - shown_ >= interval(mode_, !visible_)) show(now);
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (visible_) print("\r\033[K");
  visible_ = false;
}

void Progress::finish() {
  clear();
  const std::lock_guard lock(mutex_);
  if (began_ && mode_ == Mode::json) show(Clock::now());
  began_ = false;
}

std::string Progress::text(double seconds) const {
  const double rate = seconds > 0 ? static_cast<double>(done_ - first_) / seconds : 0;
  std::string line = fmt::format("{}: {}", program_, what_);
  if (total_ > 0)
    line += fmt::format("  {:.0f} %", 100 * static_cast<double>(done_) / static_cast<double>(total_));
  line += fmt::format("  {} {}", config::human_count(static_cast<double>(done_)), unit_);
  if (rate > 0)
    line += fmt::format(", {} a second", rate < 10 ? fmt::format("{:.2g}", rate) : config::human_count(rate));
  if (rate > 0 && total_ > done_) {
    line += fmt::format(", {} left",
                        config::human_seconds(std::ceil(static_cast<double>(total_ - done_) / rate)));
  }
  return line;
}

void Progress::show(Clock::time_point now) {
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (mode_ == Mode::json) {
    config::Summary line;
    line.set("/phase", what_)
        .set("/unit", unit_)
        .set("/done", done_)
        .set("/total", total_)
        .set("/seconds", seconds);
    line.set("/rate", seconds > 0 ? static_cast<double>(done_ - first_) / seconds : 0);
    print(line.line() + "\n");
  } else if (mode_ == Mode::plain) {
    print(text(seconds) + "\n");
  } else if (mode_ == Mode::line) {
    std::string line = text(seconds);
    const std::size_t width = terminal_width();
    if (line.size() >= width) line.resize(width - 1);
    print("\r" + line + "\033[K");
    visible_ = true;
  }
}

}  // namespace sde::cli
