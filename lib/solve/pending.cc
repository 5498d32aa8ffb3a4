#include "solve/pending.h"

#include "base/error.h"

namespace sde {

void store_pending(const std::vector<Pending>& pending, NamedArrays& into) {
  std::vector<std::uint64_t> places;
  std::vector<double> x, saved, counted;
  for (const Pending& p : pending) {
    const Position& at = p.position;
    places.insert(places.end(), {at.block, at.segment, at.step, at.number, at.record});
    x.insert(x.end(), p.x.begin(), p.x.end());
    saved.insert(saved.end(), p.saved.begin(), p.saved.end());
    counted.insert(counted.end(), p.counted.begin(), p.counted.end());
  }
  into.put("pending_place", std::move(places));
  into.put("pending_x", std::move(x));
  into.put("pending_saved", std::move(saved));
  into.put("pending_counted", std::move(counted));
}

std::vector<Pending> restore_pending(const NamedArrays& from, std::size_t count, std::size_t held,
                                     const PendingSizes& sizes) {
  const std::vector<std::uint64_t>& places = from.integer("pending_place", 5 * count);
  const bool counts = from.has_real("pending_counted");
  std::vector<Pending> pending(count);
  const auto share = [&](const char* name, const auto& size, std::vector<double> Pending::*part) {
    const std::vector<double>& all = from.real(name);
    std::size_t at = 0;
    for (Pending& p : pending) {
      const std::size_t n = size(p.position);
      if (n > all.size() - at) fail(Status::bad_data, "{}: has too few values", name);
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
      (p.*part).assign(first, first + static_cast<std::ptrdiff_t>(n));
      at += n;
    }
    if (at != all.size()) fail(Status::bad_data, "{}: must have {} values (got {})", name, at, all.size());
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t* w = &places[5 * i];
    pending[i].position = {w[0], static_cast<std::size_t>(w[1]), w[2], w[3], static_cast<std::size_t>(w[4])};
  }
  share(
      "pending_x", [&](const Position& at) { return at.begun() ? held : 0; }, &Pending::x);
  share(
      "pending_saved", [&](const Position& at) { return sizes(at, counts).saved; }, &Pending::saved);
  if (counts)
    share(
        "pending_counted", [&](const Position& at) { return sizes(at, counts).counted; }, &Pending::counted);
  return pending;
}

}  // namespace sde
