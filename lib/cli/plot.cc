#include "cli/plot.h"

#include <algorithm>
#include <cmath>

namespace sde::cli {
namespace {

Series& add(std::vector<Series>& all, Mark mark, std::string label, int colour) {
  Series& series = all.emplace_back();
  series.mark = mark;
  series.label = std::move(label);
  series.colour = colour;
  return series;
}

}  // namespace

Series& Panel::line(std::vector<double> x, std::vector<double> y, std::string label, int colour) {
  Series& s = add(series, Mark::line, std::move(label), colour);
  s.x = std::move(x);
  s.y = std::move(y);
  return s;
}

Series& Panel::points(std::vector<double> x, std::vector<double> y, std::string label, int colour) {
  Series& s = add(series, Mark::points, std::move(label), colour);
  s.x = std::move(x);
  s.y = std::move(y);
  s.width = 0.5;
  return s;
}

Series& Panel::band(std::vector<double> x, std::vector<double> low, std::vector<double> high,
                    std::string label, int colour) {
  Series& s = add(series, Mark::band, std::move(label), colour);
  s.x = std::move(x);
  s.y = std::move(low);
  s.y2 = std::move(high);
  s.opacity = 0.25;
  return s;
}

Series& Panel::histogram(const std::vector<double>& values, std::string label, int colour, int bins) {
  std::vector<double> sorted;
  std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
               [](double x) { return std::isfinite(x); });
  std::sort(sorted.begin(), sorted.end());
  Series& s = add(series, Mark::bars, std::move(label), colour);
  s.opacity = 0.6;
  if (sorted.empty()) return s;
  const double n = static_cast<double>(sorted.size());
  double low = sorted.front(), high = sorted.back();
  if (bins <= 0) {
    // Freedman and Diaconis (1981): a bin is as wide as twice the interquartile range over the cube root of
    // n.
    const double range = sorted[sorted.size() * 3 / 4] - sorted[sorted.size() / 4];
    const double width = 2 * range / std::cbrt(n);
    bins = width > 0 ? static_cast<int>(std::clamp(std::ceil((high - low) / width), 1.0, 200.0)) : 10;
  }
  if (!(high > low)) {
    low -= 0.5;
    high += 0.5;
  }
  const double width = (high - low) / bins;
  s.y.assign(static_cast<std::size_t>(bins), 0.0);
  for (int i = 0; i <= bins; ++i) s.x.push_back(low + i * width);
  for (double x : sorted) {
    const int bin = std::min(bins - 1, static_cast<int>((x - low) / width));
    s.y[static_cast<std::size_t>(bin)] += 1 / (n * width);
  }
  return s;
}

Series& Panel::image(std::vector<double> values, std::size_t columns) {
  Series& s = add(series, Mark::image, "", 0);
  s.values = std::move(values);
  s.columns = columns;
  bare = true;
  equal_axes = true;
  return s;
}

Series& Panel::heat(std::vector<double> x, std::vector<double> y, std::vector<double> values) {
  Series& s = add(series, Mark::heat, "", 0);
  s.x = std::move(x);
  s.y = std::move(y);
  s.values = std::move(values);
  return s;
}

}  // namespace sde::cli
