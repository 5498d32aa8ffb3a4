#include "brownian/grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "random/stream.h"
#include "simd/target.h"

namespace sde {
namespace {

std::vector<double> values(ConstBlock block) {
  std::vector<double> v;
  for (std::size_t i = 0; i < block.rows; ++i) v.insert(v.end(), block.row(i), block.row(i) + block.lanes);
  return v;
}

GridOptions options(std::uint64_t steps, double h) {
  GridOptions o;
  o.seed = 17;
  o.noises = 2;
  o.step = h;
  o.steps = steps;
  o.space_time = true;
  return o;
}

// Each number is the one at its address, whichever block it is asked for in.
TEST(BrownianGrid, StepsAreNormalsAtTheirAddress) {
  const GridOptions o = options(1001, 0.25);
  const BrownianGrid grid(o);
  constexpr std::uint64_t kFirst = (1ull << 32) - 40;
  for (const std::string& target : available_targets()) {
    set_target(target);
    GridReader reader(grid, kFirst, 96);
    for (const std::uint64_t step : {0ull, 1ull, 2ull, 3ull, 500ull, 7ull, 1000ull, 999ull, 0ull}) {
      const ConstBlock dw = reader.increments(step), area = reader.areas(step);
      for (std::uint32_t c = 0; c < 2; ++c) {
        for (std::size_t i = 0; i < 96; ++i) {
          const auto z = normal_pair(make_stream(17, Purpose::brownian, c), kFirst + i, step / 2);
          const auto y = normal_pair(make_stream(17, Purpose::space_time, c), kFirst + i, step / 2);
          ASSERT_EQ(dw.row(c)[i], 0.5 * z[step % 2]);
          ASSERT_EQ(area.row(c)[i], std::sqrt(0.25 * (1.0 / 12)) * y[step % 2]);
        }
      }
    }
  }
  set_target(available_targets().front());
}

TEST(BrownianGrid, BlocksAndRestartsDoNotMatter) {
  const BrownianGrid grid(options(64, 0.01));
  GridReader whole(grid, 0, 640), part(grid, 0, 64);
  for (std::uint64_t step = 0; step < 64; ++step) {
    const auto all = values(whole.increments(step));
    for (std::uint64_t first : {0, 64, 576}) {
      part.restart(first);
      const ConstBlock dw = part.increments(step);
      for (std::size_t c = 0; c < 2; ++c) {
        ASSERT_EQ(std::memcmp(dw.row(c), all.data() + c * 640 + first, 64 * sizeof(double)), 0);
      }
    }
  }
}

TEST(BrownianGrid, CoarseStepsAreSumsOfFineOnes) {
  GridOptions o = options(23, 0.125);
  const BrownianGrid fine_grid(o);
  o.coarsen = 4;
  const BrownianGrid coarse_grid(o);
  GridReader fine_reader(fine_grid, 0, 16), coarse_reader(coarse_grid, 0, 16);
  ASSERT_EQ(coarse_grid.steps(), 6u);
  EXPECT_EQ(coarse_grid.length(0), 0.5);
  EXPECT_EQ(coarse_grid.length(5), 0.375);  // three fine ones are left
  for (std::uint64_t step = 0; step < 6; ++step) {
    std::vector<double> sum(32), integral(32);
    for (std::uint64_t j = 4 * step; j < std::min<std::uint64_t>(23, 4 * step + 4); ++j) {
      const auto dw = values(fine_reader.increments(j)), area = values(fine_reader.areas(j));
      for (std::size_t i = 0; i < 32; ++i) {
        integral[i] += 0.125 * (sum[i] + 0.5 * dw[i] + area[i]);
        sum[i] = j == 4 * step ? dw[i] : sum[i] + dw[i];
      }
    }
    const auto dw = values(coarse_reader.increments(step)), area = values(coarse_reader.areas(step));
    for (std::size_t i = 0; i < 32; ++i) {
      ASSERT_EQ(dw[i], sum[i]);
      ASSERT_NEAR(area[i], integral[i] / coarse_grid.length(step) - 0.5 * sum[i], 1e-15);
    }
  }
}

// Increments have variance h, areas h/12, and the two are uncorrelated; of coarse steps too.
TEST(BrownianGrid, LawOfIncrementsAndAreas) {
  for (const std::uint64_t coarsen : {1, 3}) {
    GridOptions o = options(30, 0.2);
    o.coarsen = coarsen;
    const BrownianGrid grid(o);
    GridReader reader(grid, 0, 8192);
    const double h = 0.2 * static_cast<double>(coarsen);
    double n = 0, dw2 = 0, area2 = 0, cross = 0, neighbour = 0;
    std::vector<double> before;
    for (std::uint64_t step = 0; step < grid.steps(); ++step) {
      const auto dw = values(reader.increments(step)), area = values(reader.areas(step));
      for (std::size_t i = 0; i < dw.size(); ++i) {
        n += 1;
        dw2 += dw[i] * dw[i];
        area2 += area[i] * area[i];
        cross += dw[i] * area[i];
        if (step) neighbour += dw[i] * before[i];
      }
      before = dw;
    }
    EXPECT_NEAR(dw2 / n, h, 4.5 * h * std::sqrt(2 / n));
    EXPECT_NEAR(area2 / n, h / 12, 4.5 * h / 12 * std::sqrt(2 / n));
    EXPECT_NEAR(cross / n, 0, 4.5 * h / std::sqrt(12.0) / std::sqrt(n));
    EXPECT_NEAR(neighbour / n, 0, 4.5 * h / std::sqrt(n));
  }
}

TEST(BrownianGrid, TheLastStepMayBeShorter) {
  for (const std::uint64_t steps : {5, 6, 1}) {
    GridOptions o = options(steps, 1.0);
    o.last_step = 0.25;
    const BrownianGrid grid(o);
    EXPECT_EQ(grid.length(steps - 1), 0.25);
    GridReader reader(grid, 0, 16);
    for (std::uint64_t step = 0; step < steps; ++step) {
      const double scale = step + 1 == steps ? 0.5 : 1.0;
      const auto z = normal_pair(make_stream(17, Purpose::brownian, 1), 3, step / 2);
      EXPECT_EQ(reader.increments(step).row(1)[3], scale * z[step % 2]);
    }
  }
}

TEST(BrownianGrid, RefusesImpossibleLengths) {
  for (const double h : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    try {
      BrownianGrid grid(options(10, h));
      FAIL() << h;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::usage);
    }
  }
  GridOptions o = options(10, 1);
  o.coarsen = 0;
  EXPECT_THROW(BrownianGrid{o}, Error);
  o.coarsen = 1;
  o.last_step = -1;
  EXPECT_THROW(BrownianGrid{o}, Error);
}

}  // namespace
}  // namespace sde
