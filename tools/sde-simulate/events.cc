#include "events.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace sde {

void parse_events(const SimulateOptions& options, const SdeExpressions& equation, const TimeGrid& grid,
                  EnsembleOptions& into) {
  if (!options.events.empty() && options.target.multilevel)
    fail(Status::usage, "/events: multilevel Monte Carlo counts no events; leave out --mlmc");
  for (const auto& [name, value] : options.events) {
    const std::string place = "/events/" + name;
    SimulateEvent given;
    if (const auto* text = std::get_if<std::string>(&value))
      given.of = *text;
    else
      given = std::get<SimulateEvent>(value);
    Event event;
    event.name = name;
    try {
      event.of = parse_of(equation, given.of);
    } catch (const Error& error) {
      fail(error.status(), "{}: {}", place, error.what());
    }
    if (event.of.is_number())
      fail(Status::usage, "{}: {} does not change, and reaches no level; give an expression of states or t",
           place, given.of);
    event.level = given.level;
    event.direction = given.direction == "up"     ? Event::Direction::up
                      : given.direction == "down" ? Event::Direction::down
                                                  : Event::Direction::either;
    event.stop = given.stop;
    event.bridge = given.correction == "bridge";
    const std::array<double, 2> range = given.range.value_or(std::array{grid.start(), grid.end()});
    if (!(range[0] < range[1]) || !std::isfinite(range[1] - range[0]))
      fail(Status::usage, "{}/range: must be two increasing numbers (got {} and {})", place, range[0],
           range[1]);
    into.events.push_back(std::move(event));
    into.event_bins.push_back({range[0], range[1], static_cast<std::size_t>(given.bins)});
  }
}

void summarise_events(const std::vector<Event>& events, const std::vector<EventTimes>& times,
                      config::Summary& summary) {
  for (std::size_t k = 0; k < events.size(); ++k) {
    const EventTimes& t = times[k];
    const auto put = [&](const char* key, auto x) {
      summary.set(config::path({"events", events[k].name, key}), x);
    };
    put("paths", static_cast<std::uint64_t>(t.time.count));
    put("without", t.without);
    put("fraction", t.fraction());
    put("fraction_stderr", t.fraction_stderr());
    // No path, no time: null.
    put("mean", t.time.count > 0 ? t.time.mean : std::nan(""));
    put("stderr", t.time.count > 0 ? t.time.stderr_of_mean() : std::nan(""));
    put("variance", t.time.count > 0 ? t.time.variance() : std::nan(""));
  }
}

std::string events_text(const std::vector<Event>& events, const std::vector<EventTimes>& times) {
  std::string out;
  std::size_t width = 5;
  for (const Event& event : events) width = std::max(width, event.name.size());
  if (!events.empty())
    out += fmt::format("  {:<{}}  {:>14}  {:>12}  {:>14}  {:>12}\n", "event", width, "fraction", "std. error",
                       "mean time", "std. error");
  for (std::size_t k = 0; k < events.size(); ++k) {
    const EventTimes& t = times[k];
    out += fmt::format("  {:<{}}  {:>14.8g}  {:>12.3g}", events[k].name, width, t.fraction(),
                       t.fraction_stderr());
    out += t.time.count > 0 ? fmt::format("  {:>14.8g}  {:>12.3g}\n", t.time.mean, t.time.stderr_of_mean())
                            : fmt::format("  {:>14}\n", "never");
  }
  return out;
}

}  // namespace sde
