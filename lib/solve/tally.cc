#include "solve/tally.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"
#include "stats/kernels.h"

namespace sde {

Tally::Tally(const TallyLayout& layout) : undefined(layout.expectations + layout.controls), layout_(layout) {
  moments_ = MomentTree(moment_quantities() * (layout.pairs ? 2 : 1));
  products_ = LeafTree<CoMoments>(covariances() + lags() + control_pairs());
  for (const EventBins& e : layout.events) counts_.events.emplace_back(e.low, e.high, e.bins);
}

std::size_t Tally::moment_quantities() const {
  return (layout_.statistics.moments ? layout_.records : 1) * layout_.dimension + layout_.expectations;
}

std::size_t Tally::covariances() const {
  return layout_.statistics.covariance ? layout_.saves * pairs() : 0;
}

std::size_t Tally::lags() const {
  return layout_.saves * layout_.dimension * layout_.statistics.lags;
}

std::size_t Tally::control_pairs() const {
  const std::size_t c = layout_.controls;
  return c == 0 ? 0 : layout_.expectations * c + c * (c + 1) / 2;
}

void Tally::set_scales(const std::vector<CentreAndScale>& sample) {
  const StatisticsOptions& s = layout_.statistics;
  counts_.sketches.clear();
  counts_.histograms.clear();
  for (std::size_t q = 0; q < sample.size(); ++q) {
    const QuantileSketch sketch(sample[q].centre, sample[q].scale);
    if (s.quantiles) counts_.sketches.push_back(sketch);
    if (s.bins == 0) continue;
    // Three interquartile ranges to either side: four deviations of a Gaussian.
    std::array<double, 2> range = {sketch.centre() - 3 * sketch.scale(),
                                   sketch.centre() + 3 * sketch.scale()};
    const std::size_t state = q % layout_.dimension;
    if (state < s.range.size() && s.range[state]) range = *s.range[state];
    counts_.histograms.emplace_back(range[0], range[1], s.bins);
  }
}

Tally::Counts Tally::make_counts() const {
  Counts counts;
  for (const QuantileSketch& s : counts_.sketches) counts.sketches.emplace_back(s.centre(), s.scale());
  for (const Histogram& h : counts_.histograms) counts.histograms.emplace_back(h.low(), h.high(), h.bins());
  for (const Histogram& h : counts_.events) counts.events.emplace_back(h.low(), h.high(), h.bins());
  return counts;
}

void Tally::merge_counts(const Counts& counts) {
  for (std::size_t q = 0; q < counts.sketches.size(); ++q) counts_.sketches[q].merge(counts.sketches[q]);
  for (std::size_t q = 0; q < counts.histograms.size(); ++q)
    counts_.histograms[q].merge(counts.histograms[q]);
  for (std::size_t k = 0; k < counts.events.size(); ++k) counts_.events[k].merge(counts.events[k]);
}

Unsolved merged(const Unsolved& a, const Unsolved& b) {
  if (a.paths == 0 || b.paths == 0) return a.paths == 0 ? b : a;
  Unsolved both = a.path_id < b.path_id ? a : b;
  both.paths = a.paths + b.paths;
  return both;
}

namespace {

// Of the averages of neighbours.
Moments pair_moments(const double* values, std::size_t n) {
  std::array<double, kLeafPaths / 2> averages;
  for (std::size_t p = 0; p < n / 2; ++p) averages[p] = 0.5 * (values[2 * p] + values[2 * p + 1]);
  return leaf_moments(averages.data(), n / 2);
}

}  // namespace

Tally::Block Tally::make_block(std::uint64_t first_id, std::size_t count) const {
  Block block;
  block.first_leaf = first_id / kLeafPaths;
  block.paths = count;
  block.leaves = (count + kLeafPaths - 1) / kLeafPaths;
  block.status.resize(count, PathStatus::ok);
  block.undefined.resize(layout_.expectations + layout_.controls);
  // Nodes do not reach beyond the group that their average goes into.
  const int highest = layout_.group_leaves > 0 ? static_cast<int>(std::bit_width(layout_.group_leaves)) - 1
                                               : LeafNode::kHighest;
  for (const LeafNode& place : leaf_nodes(block.first_leaf, block.leaves, highest))
    block.nodes.push_back(
        {place, std::vector<Moments>(moments_.quantities()), std::vector<CoMoments>(products_.quantities())});
  block.moments.resize(block.leaves * std::max(layout_.dimension, block.undefined.size()));
  block.products.resize(block.leaves);
  return block;
}

void Tally::put_moments(Block& block, std::size_t quantity, Moments* leaves) const {
  for (Block::Node& node : block.nodes)
    node.moments[quantity] =
        join_leaves(leaves + (node.place.first() - block.first_leaf), node.place.leaves());
}

void Tally::put_pairs(Block& block, std::size_t quantity, const double* x) const {
  std::vector<Moments> leaves;
  for (std::size_t start = 0; start < block.paths; start += kLeafPaths)
    leaves.push_back(pair_moments(x + start, std::min(kLeafPaths, block.paths - start)));
  put_moments(block, moment_quantities() + quantity, leaves.data());
}

void Tally::put_products(Block& block, std::size_t quantity, const double* x, const Moments* of_x,
                         const double* y, const Moments* of_y) const {
  find_comoments(x, of_x, y, of_y, block.paths, block.products);
  for (Block::Node& node : block.nodes)
    node.products[quantity] =
        join_leaves(&block.products[node.place.first() - block.first_leaf], node.place.leaves());
}

void Tally::count(std::size_t record, const double* values, std::size_t stride, Block& block,
                  Counts& counts) const {
  const StatisticsOptions& s = layout_.statistics;
  const std::size_t D = layout_.dimension;
  const bool save = record < layout_.saves, final = record + 1 == layout_.records;
  const bool moments = s.moments || final, covariance = s.covariance && save;
  const auto at = [&](std::size_t state) { return values + state * stride; };
  const auto of = [&](std::size_t state) { return &block.moments[state * block.leaves]; };
  for (std::size_t i = 0; save && s.quantiles && i < D; ++i) counts.sketches[record * D + i].prefetch();
  for (std::size_t i = 0; i < D; ++i) {
    std::size_t finite = 0;
    if (moments || covariance) {
      find_moments(at(i), block.paths, of(i));
      for (std::size_t leaf = 0; leaf < block.leaves; ++leaf)
        finite += static_cast<std::size_t>(of(i)[leaf].count);
    } else if (all_finite(at(i), block.paths)) {
      finite = block.paths;
    }
    for (std::size_t p = 0; finite < block.paths && p < block.paths; ++p)
      if (!std::isfinite(at(i)[p])) block.status[p] = PathStatus::non_finite;
  }
  if (covariance) {
    std::size_t quantity = record * pairs();
    for (std::size_t i = 0; i < D; ++i)
      for (std::size_t j = i; j < D; ++j) put_products(block, quantity++, at(i), of(i), at(j), of(j));
  }
  const std::size_t first = s.moments ? record * D : 0;
  for (std::size_t i = 0; moments && i < D; ++i) {
    put_moments(block, first + i, of(i));
    if (layout_.pairs) put_pairs(block, first + i, at(i));
  }
  for (std::size_t i = 0; save && i < D; ++i) {
    if (s.quantiles) counts.sketches[record * D + i].add(at(i), block.paths);
    if (s.bins > 0) counts.histograms[record * D + i].add(at(i), block.paths);
  }
}

void Tally::count_lags(const double* values, std::size_t stride, Block& block) const {
  const std::size_t D = layout_.dimension, lags = layout_.statistics.lags;
  std::vector<Moments> of_x(block.leaves), of_y(block.leaves);
  for (std::size_t r = 0; r < layout_.saves; ++r)
    for (std::size_t i = 0; i < D; ++i)
      for (std::size_t k = 1; k <= lags && r + k < layout_.saves; ++k) {
        const double* const x = values + (r * D + i) * stride;
        const double* const y = x + k * D * stride;
        find_moments(x, block.paths, of_x.data());
        find_moments(y, block.paths, of_y.data());
        put_products(block, covariances() + (r * D + i) * lags + k - 1, x, of_x.data(), y, of_y.data());
      }
}

void Tally::count_functionals(const double* values, std::size_t stride, Block& block, Counts& counts) const {
  const std::size_t e = layout_.expectations, c = layout_.controls, events = counts.events.size();
  const auto at = [&](std::size_t k) { return values + k * stride; };
  const auto of = [&](std::size_t k) { return &block.moments[k * block.leaves]; };
  for (std::size_t k = 0; k < e + c; ++k) {
    for (std::size_t p = 0; p < block.paths; ++p)
      block.undefined[k] += !is_lost(block.status[p]) && !std::isfinite(at(k)[p]);
    find_moments(at(k), block.paths, of(k));
  }
  for (std::size_t k = 0; k < events; ++k) counts.events[k].add(at(e - events + k), block.paths);
  std::size_t quantity = covariances() + lags();
  for (std::size_t k = 0; c > 0 && k < e; ++k)
    for (std::size_t j = e; j < e + c; ++j) put_products(block, quantity++, at(k), of(k), at(j), of(j));
  for (std::size_t i = e; i < e + c; ++i)
    for (std::size_t j = i; j < e + c; ++j) put_products(block, quantity++, at(i), of(i), at(j), of(j));
  for (std::size_t k = 0; k < e; ++k) {
    put_moments(block, moment_quantities() - e + k, of(k));
    if (layout_.pairs) put_pairs(block, moment_quantities() - e + k, at(k));
  }
}

void Tally::add(Block block) {
  for (Block::Node& node : block.nodes) {
    const auto [level, index] = node.place;
    if (layout_.group_leaves > 0) {
      const std::uint64_t nodes = layout_.group_leaves >> level;  // of this level in a group
      groups_.try_emplace(index / nodes, moment_quantities())
          .first->second.insert(level, index % nodes, node.moments);
    }
    moments_.insert(level, index, std::move(node.moments));
    if (products_.quantities() > 0) products_.insert(level, index, std::move(node.products));
  }
  paths += block.paths;
  for (const PathStatus status : block.status) {
    ok += status == PathStatus::ok;
    non_finite += is_lost(status);
    absorbed += status == PathStatus::absorbed;
  }
  unsolved = merged(unsolved, block.unsolved);
  for (std::size_t k = 0; k < undefined.size(); ++k) undefined[k] += block.undefined[k];
}

void Tally::merge(const Tally& other) {
  const auto same_bins = [](const auto& a, const auto& b, auto place, auto width) {
    if (a.size() != b.size()) return false;
    for (std::size_t q = 0; q < a.size(); ++q)
      if (place(a[q]) != place(b[q]) || width(a[q]) != width(b[q])) return false;
    return true;
  };
  const bool fits =
      moments_.quantities() == other.moments_.quantities() &&
      products_.quantities() == other.products_.quantities() &&
      same_bins(
          counts_.sketches, other.counts_.sketches, [](const QuantileSketch& s) { return s.centre(); },
          [](const QuantileSketch& s) { return s.scale(); }) &&
      same_bins(
          counts_.histograms, other.counts_.histograms, [](const Histogram& h) { return h.low(); },
          [](const Histogram& h) { return h.high(); });
  if (!fits) fail(Status::bad_data, "its statistics belong to another ensemble");
  moments_.merge(other.moments_);
  products_.merge(other.products_);
  for (const auto& [group, tree] : other.groups_)
    groups_.try_emplace(group, moment_quantities()).first->second.merge(tree);
  merge_counts(other.counts_);
  paths += other.paths;
  path_steps += other.path_steps;
  rejected += other.rejected;
  forced += other.forced;
  ok += other.ok;
  non_finite += other.non_finite;
  absorbed += other.absorbed;
  unsolved = merged(unsolved, other.unsolved);
  for (std::size_t k = 0; k < undefined.size(); ++k) undefined[k] += other.undefined[k];
}

std::vector<Moments> Tally::totals() const {
  std::vector<Moments> all = moments_.total();
  all.resize(moment_quantities());
  return all;
}

std::vector<double> Tally::errors() const {
  const std::size_t count = moment_quantities();
  std::vector<double> result;
  if (layout_.group_leaves == 0) {
    const std::vector<Moments> all = moments_.total();
    for (std::size_t q = 0; q < count; ++q)
      result.push_back(all[q + (layout_.pairs ? count : 0)].stderr_of_mean());
    return result;
  }
  std::vector<Moments> spread(count);
  for (const auto& [group, tree] : groups_) {
    const std::vector<Moments> part = tree.total();
    for (std::size_t q = 0; q < count; ++q) spread[q] = merged(spread[q], {1, part[q].mean, 0});
  }
  for (const Moments& m : spread) result.push_back(m.stderr_of_mean());
  return result;
}

std::vector<double> Tally::final_errors() const {
  const std::vector<double> all = errors();
  const auto end = all.end() - static_cast<std::ptrdiff_t>(layout_.expectations);
  return {end - static_cast<std::ptrdiff_t>(layout_.dimension), end};
}

std::vector<double> Tally::expectation_errors() const {
  const std::vector<double> all = errors();
  return {all.end() - static_cast<std::ptrdiff_t>(layout_.expectations), all.end()};
}

std::vector<double> Tally::moment_errors() const {
  if (!layout_.statistics.moments) return {};
  std::vector<double> all = errors();
  all.resize(layout_.saves * layout_.dimension);
  return all;
}

std::vector<Moments> Tally::final_moments() const {
  const std::vector<Moments> all = totals();
  const auto end = all.end() - static_cast<std::ptrdiff_t>(layout_.expectations);
  return {end - static_cast<std::ptrdiff_t>(layout_.dimension), end};
}

std::vector<Moments> Tally::expectations() const {
  const std::vector<Moments> all = totals();
  return {all.end() - static_cast<std::ptrdiff_t>(layout_.expectations), all.end()};
}

std::vector<Moments> Tally::moments() const {
  if (!layout_.statistics.moments) return {};
  std::vector<Moments> all = totals();
  all.resize(layout_.saves * layout_.dimension);
  return all;
}

std::vector<CoMoments> Tally::covariance() const {
  std::vector<CoMoments> all = products_.total();
  all.resize(covariances());
  return all;
}

std::vector<CoMoments> Tally::lagged() const {
  const std::vector<CoMoments> all = products_.total();
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(covariances());
  return {first, first + static_cast<std::ptrdiff_t>(lags())};
}

std::vector<CoMoments> Tally::controls(std::size_t k) const {
  const std::vector<CoMoments> all = products_.total();
  const std::size_t c = layout_.controls;
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(covariances() + lags());
  const auto of_k = first + static_cast<std::ptrdiff_t>(k * c);
  std::vector<CoMoments> result(of_k, of_k + static_cast<std::ptrdiff_t>(c));
  result.insert(result.end(), first + static_cast<std::ptrdiff_t>(layout_.expectations * c), all.end());
  return result;
}

namespace {

constexpr std::size_t kMomentWords = 3, kCoMomentWords = 9;

void put_words(const Moments& m, std::vector<double>& out) {
  out.insert(out.end(), {m.count, m.mean, m.squares});
}

void put_words(const CoMoments& c, std::vector<double>& out) {
  out.insert(out.end(), {c.count, c.mean_x, c.mean_y, c.xx, c.yy, c.xy});
  put_words(c.leaves, out);
}

void take_words(const double* w, Moments& m) {
  m = {w[0], w[1], w[2]};
}

void take_words(const double* w, CoMoments& c) {
  c = {w[0], w[1], w[2], w[3], w[4], w[5], {}};
  take_words(w + 6, c.leaves);
}

}  // namespace

std::size_t Tally::stored_size(const Block& block) const {
  return block.nodes.size() *
             (moments_.quantities() * kMomentWords + products_.quantities() * kCoMomentWords) +
         block.paths;
}

std::vector<double> Tally::store(const Block& block) const {
  std::vector<double> stored;
  for (const Block::Node& node : block.nodes) {
    for (const Moments& m : node.moments) put_words(m, stored);
    for (const CoMoments& c : node.products) put_words(c, stored);
  }
  for (const PathStatus status : block.status) stored.push_back(is_lost(status) ? 1 : 0);
  return stored;
}

void Tally::restore(const double* stored, Block& block) const {
  for (Block::Node& node : block.nodes) {
    for (Moments& m : node.moments) take_words(std::exchange(stored, stored + kMomentWords), m);
    for (CoMoments& c : node.products) take_words(std::exchange(stored, stored + kCoMomentWords), c);
  }
  for (PathStatus& status : block.status) status = *stored++ != 0 ? PathStatus::non_finite : PathStatus::ok;
}

namespace {

// `<name>_place` holds (level, index) of each node, `<name>_value` its quantities.
template <class T>
void store_tree(const LeafTree<T>& tree, const std::string& name, NamedArrays& into) {
  std::vector<std::uint64_t> places;
  std::vector<double> values;
  for (const auto& [place, node] : tree.nodes()) {
    places.push_back(static_cast<std::uint64_t>(place.first));
    places.push_back(place.second);
    for (const T& value : node) put_words(value, values);
  }
  into.put(name + "_place", std::move(places));
  into.put(name + "_value", std::move(values));
}

template <class T>
void restore_tree(LeafTree<T>& tree, const std::string& name, std::size_t words, const NamedArrays& from) {
  const std::vector<std::uint64_t>& places = from.integer(name + "_place");
  const std::size_t nodes = places.size() / 2, quantities = tree.quantities();
  const std::vector<double>& values = from.real(name + "_value", nodes * quantities * words);
  for (std::size_t n = 0; n < nodes; ++n) {
    const std::uint64_t level = places[2 * n];
    if (level > LeafNode::kHighest) fail(Status::bad_data, "{}_place: there is no level {}", name, level);
    std::vector<T> node(quantities);
    for (std::size_t q = 0; q < quantities; ++q) take_words(&values[(n * quantities + q) * words], node[q]);
    tree.insert(static_cast<int>(level), places[2 * n + 1], std::move(node));
  }
}

}  // namespace

NamedArrays Tally::store() const {
  NamedArrays arrays;
  arrays.put("counts",
             std::vector<std::uint64_t>{paths, path_steps, ok, non_finite, absorbed, rejected, forced});
  arrays.put("unsolved", std::vector<std::uint64_t>{unsolved.paths, unsolved.path_id, unsolved.step});
  arrays.put("undefined", undefined);
  store_tree(moments_, "moments", arrays);
  store_tree(products_, "products", arrays);
  std::vector<std::uint64_t> groups;
  for (const auto& [group, tree] : groups_) {
    store_tree(tree, "group" + std::to_string(groups.size()), arrays);
    groups.push_back(group);
  }
  if (layout_.group_leaves > 0) arrays.put("groups", std::move(groups));
  store_sketches(counts_.sketches, arrays);
  std::vector<double> ranges;
  std::vector<std::uint64_t> histogram;
  for (const Histogram& h : counts_.histograms) {
    ranges.insert(ranges.end(), {h.low(), h.high()});
    histogram.insert(histogram.end(), h.counts().begin(), h.counts().end());
  }
  arrays.put("histogram_range", std::move(ranges));
  arrays.put("histogram_counts", std::move(histogram));
  std::vector<std::uint64_t> events;
  for (const Histogram& h : counts_.events) events.insert(events.end(), h.counts().begin(), h.counts().end());
  arrays.put("event_counts", std::move(events));
  return arrays;
}

Tally Tally::restore(const TallyLayout& layout, const NamedArrays& arrays) {
  Tally tally(layout);
  const std::vector<std::uint64_t>& counts = arrays.integer("counts", 7);
  tally.paths = counts[0];
  tally.path_steps = counts[1];
  tally.ok = counts[2];
  tally.non_finite = counts[3];
  tally.absorbed = counts[4];
  tally.rejected = counts[5];
  tally.forced = counts[6];
  const std::vector<std::uint64_t>& lost = arrays.integer("unsolved", 3);
  tally.unsolved = {lost[0], lost[1], lost[2]};
  tally.undefined = arrays.integer("undefined", layout.expectations + layout.controls);
  restore_tree(tally.moments_, "moments", kMomentWords, arrays);
  restore_tree(tally.products_, "products", kCoMomentWords, arrays);
  if (layout.group_leaves > 0) {
    const std::vector<std::uint64_t>& groups = arrays.integer("groups");
    for (std::size_t i = 0; i < groups.size(); ++i)
      restore_tree(tally.groups_.try_emplace(groups[i], tally.moment_quantities()).first->second,
                   "group" + std::to_string(i), kMomentWords, arrays);
  }
  const StatisticsOptions& s = layout.statistics;
  const std::size_t quantities = layout.saves * layout.dimension;
  tally.counts_.sketches = restore_sketches(arrays, s.quantiles ? quantities : 0);
  const std::size_t histograms = s.bins > 0 ? quantities : 0;
  const std::vector<double>& ranges = arrays.real("histogram_range", 2 * histograms);
  const std::vector<std::uint64_t>& all = arrays.integer("histogram_counts", histograms * (s.bins + 2));
  for (std::size_t q = 0; q < histograms; ++q) {
    Histogram h(ranges[2 * q], ranges[2 * q + 1], s.bins);
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(q * (s.bins + 2));
    h.put({first, first + static_cast<std::ptrdiff_t>(s.bins + 2)});
    tally.counts_.histograms.push_back(std::move(h));
  }
  std::size_t bins = 0;
  for (const Histogram& h : tally.counts_.events) bins += h.counts().size();
  const std::vector<std::uint64_t>& events = arrays.integer("event_counts", bins);
  auto first = events.begin();
  for (Histogram& h : tally.counts_.events) {
    const auto last = first + static_cast<std::ptrdiff_t>(h.counts().size());
    h.put({first, last});
    first = last;
  }
  return tally;
}

}  // namespace sde
