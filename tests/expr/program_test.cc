// Compiled programs against evaluation one number at a time; the same bits on every target and block size.
#include "expr/program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "random_expr.h"
#include "simd/target.h"

namespace sde::expr {
namespace {

using testing::Random;

const std::vector<std::string> kLanes = {"x", "y"};
const std::vector<std::string> kUniforms = {"a", "b"};
const std::vector<std::string> kAll = {"x", "y", "a", "b"};

Expr p(std::string_view text) {
  return parse(text, kAll);
}

// Runs a program of the lane inputs x and y.
StateBlock<double> run(const Program& program, const StateBlock<double>& inputs,
                       const std::vector<double>& uniforms) {
  StateBlock<double> outputs(program.outputs(), inputs.lanes());
  std::vector<const double*> in;
  std::vector<double*> out;
  for (std::size_t i = 0; i < inputs.rows(); ++i) in.push_back(inputs.row(i));
  for (std::size_t i = 0; i < outputs.rows(); ++i) {
    out.push_back(outputs.row(i));
    std::fill_n(out.back(), outputs.lanes(), 12345.678);  // whatever is not written shows
  }
  Workspace workspace;
  program.run(in.data(), uniforms, out.data(), inputs.lanes(), workspace);
  return outputs;
}

StateBlock<double> random_inputs(std::uint64_t seed, std::size_t lanes, double low, double high) {
  Random random(seed);
  StateBlock<double> inputs(2, lanes);
  for (std::size_t j = 0; j < inputs.lanes(); ++j) {
    inputs.row(0)[j] = random.between(low, high);
    inputs.row(1)[j] = random.between(low, high);
  }
  return inputs;
}

bool same_bits(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

class EveryTarget : public ::testing::Test {
 protected:
  void TearDown() override { set_target(available_targets().front()); }
};

// The target that was slow in writing tests is fast enough here: a few thousand lanes in all.
TEST_F(EveryTarget, ComputesWhatEvaluateDoes) {
  for (const std::string& target : available_targets()) {
    set_target(target);
    int compared = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      Random random(seed);
      const std::vector<Expr> outputs = {testing::random_expr(random, kAll, 5).simplified,
                                         testing::random_expr(random, kAll, 4).simplified};
      const Program program(outputs, kLanes, kUniforms);
      const auto inputs = random_inputs(seed, 16, -0.5, 2);
      const std::vector<double> uniforms = {random.between(0.1, 2), random.between(-1, 1)};
      const auto results = run(program, inputs, uniforms);
      for (std::size_t j = 0; j < 16; j += 5) {
        const testing::Point point = {
            {"x", inputs.row(0)[j]}, {"y", inputs.row(1)[j]}, {"a", uniforms[0]}, {"b", uniforms[1]}};
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          const double expected = evaluate(outputs[i], point);
          const double error = testing::spread(outputs[i], point);
          if (!std::isfinite(expected) || !std::isfinite(error) || std::fabs(expected) > 1e200) continue;
          ++compared;
          EXPECT_NEAR(results.row(i)[j], expected, 4 * error + 1e-280)
              << target << ": " << to_string(outputs[i]) << " at x=" << point.at("x")
              << " y=" << point.at("y") << " a=" << point.at("a") << " b=" << point.at("b");
        }
      }
    }
    EXPECT_GT(compared, 2000);
  }
}

TEST_F(EveryTarget, HasTheSameBitsForAnyBlockSize) {
  constexpr std::size_t kCount = 336;  // tiles of every width, and remainders
  std::vector<std::string> targets = available_targets();
  ASSERT_GE(targets.size(), 2u) << "nothing to compare";
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    std::vector<Expr> outputs;
    for (int i = 0; i < 3; ++i) outputs.push_back(testing::random_expr(random, kAll, 5).simplified);
    const Program program(outputs, kLanes, kUniforms);
    const auto inputs = random_inputs(seed, kCount, -3, 3);
    const std::vector<double> uniforms = {random.between(0.1, 2), random.between(-1, 1)};
    set_target(targets.front());
    const auto reference = run(program, inputs, uniforms);
    for (const std::string& target : targets) {
      set_target(target);
      const auto results = run(program, inputs, uniforms);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        for (std::size_t j = 0; j < kCount; ++j) {
          ASSERT_TRUE(same_bits(results.row(i)[j], reference.row(i)[j]))
              << target << ": " << to_string(outputs[i]) << " lane " << j << ": " << results.row(i)[j]
              << " and " << reference.row(i)[j];
        }
      }
      for (std::size_t j = 0; j < kCount; j += 16) {  // sixteen lanes by themselves
        StateBlock<double> part(2, 16);
        for (std::size_t r = 0; r < 2; ++r) std::copy_n(inputs.row(r) + j, 16, part.row(r));
        const auto alone = run(program, part, uniforms);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          for (std::size_t k = 0; k < 16; ++k) {
            ASSERT_TRUE(same_bits(alone.row(i)[k], reference.row(i)[j + k]))
                << target << to_string(outputs[i]);
          }
        }
      }
    }
  }
}

TEST_F(EveryTarget, RunsOnF32Lanes) {
  std::vector<Expr> outputs;
  for (const char* f :
       {"exp(x)",      "log(x)",    "sin(x)",    "cos(x)",    "tan(x)",     "sinh(x)",           "cosh(x)",
        "tanh(x)",     "asin(x/3)", "acos(x/3)", "atan(x)",   "sigmoid(x)", "softplus(x)",       "erf(x)",
        "sqrt(x)",     "x^2.3",     "x^a",       "min(x, y)", "max(x, y)",  "if(x < y, a*x, b)", "abs(x - y)",
        "sign(x - y)", "x/y",       "a*x + b*y", "a*b"})
    outputs.push_back(p(f));
  const Program program(outputs, kLanes, kUniforms);
  constexpr std::size_t kCount = 336;
  const std::vector<double> uniforms = {0.7, -0.4};
  StateBlock<float> inputs(2, kCount), reference;
  Random random(3);
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t j = 0; j < kCount; ++j) inputs.row(r)[j] = static_cast<float>(random.between(0.1, 2.9));
  for (const std::string& target : available_targets()) {
    set_target(target);
    StateBlock<float> results(outputs.size(), kCount);
    std::vector<const float*> in = {inputs.row(0), inputs.row(1)};
    std::vector<float*> out;
    for (std::size_t i = 0; i < outputs.size(); ++i) out.push_back(results.row(i));
    Workspace workspace;
    program.run(in.data(), uniforms, out.data(), kCount, workspace);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      for (std::size_t j = 0; j < kCount; ++j) {
        const double exact = evaluate(
            outputs[i],
            testing::Point{
                {"x", inputs.row(0)[j]}, {"y", inputs.row(1)[j]}, {"a", uniforms[0]}, {"b", uniforms[1]}});
        // Differences of rounded products lose what cancels; nothing here is larger than 10 before it does.
        EXPECT_NEAR(results.row(i)[j], exact, std::max(8 * 0x1p-24 * std::fabs(exact), 4 * 0x1p-24))
            << target << ' ' << to_string(outputs[i]) << " at x=" << inputs.row(0)[j]
            << " y=" << inputs.row(1)[j];
        if (reference.rows() > 0) {
          EXPECT_EQ(results.row(i)[j], reference.row(i)[j]) << target;
        }
      }
    }
    if (reference.rows() == 0) reference = results;
  }
}

TEST(Program, HoistsUniformsWithTheBitsOfLanes) {
  // The same function of a uniform value and of a lane that has this value everywhere.
  for (const Function& f : functions()) {
    if (f.arity != 1) continue;
    for (const double value : {0.3, 0.77}) {
      StateBlock<double> inputs(2, 16);
      std::fill_n(inputs.row(0), 16, value);
      const Program lanes({call(f.name, {p("x")})}, kLanes, kUniforms);
      const Program hoisted({call(f.name, {p("a")})}, kLanes, kUniforms);
      EXPECT_FALSE(lanes.output_is_uniform(0));
      EXPECT_TRUE(hoisted.output_is_uniform(0));
      const auto one = run(lanes, inputs, {value, 0});
      const auto other = run(hoisted, inputs, {value, 0});
      EXPECT_TRUE(same_bits(one.row(0)[0], other.row(0)[0])) << f.name;
    }
  }
}

TEST(Program, WritesOutputsOfEveryRank) {
  const auto inputs = random_inputs(1, 160, 0, 1);
  const Program program({p("3"), p("x"), p("a*b"), p("x"), p("x*y"), p("x*y"), p("exp(2)"), p("x*y + 1")},
                        kLanes, kUniforms);
  const std::vector<bool> uniform = {true, false, true, false, false, false, true, false};
  const auto results = run(program, inputs, {2, 5});
  for (std::size_t i = 0; i < uniform.size(); ++i) EXPECT_EQ(program.output_is_uniform(i), uniform[i]) << i;
  for (std::size_t j = 0; j < 160; ++j) {
    const double x = inputs.row(0)[j], y = inputs.row(1)[j];
    const double expected[] = {3, x, 10, x, x * y, x * y, std::exp(2.0), x * y + 1};
    for (std::size_t i = 0; i < std::size(expected); ++i)
      EXPECT_DOUBLE_EQ(results.row(i)[j], expected[i]) << i;
  }
}

TEST(Program, FusesAndHoists) {
  const auto listing = [](const char* text) { return Program({p(text)}, kLanes, kUniforms).listing(); };
  EXPECT_EQ(listing("x + a*(0.5 - x)*b"), "acc = subtract(u1, x0)\ny0 = multiply_add(acc, u3, x0)\n");
  EXPECT_EQ(listing("x - y*a"), "y0 = subtract_product(x1, u0, x0)\n");
  EXPECT_EQ(listing("x*y - a"), "y0 = multiply_subtract(x0, x1, u0)\n");
  EXPECT_EQ(listing("x/a"), "y0 = multiply(x0, u2)\n");
  EXPECT_EQ(listing("-(a*x)"), "y0 = multiply(x0, u1)\n");
  EXPECT_EQ(listing("x^3"), "acc = multiply(x0, x0)\ny0 = multiply(x0, acc)\n");
  EXPECT_EQ(listing("x^1.5"), "acc = sqrt(x0)\ny0 = multiply(x0, acc)\n");
  EXPECT_EQ(listing("exp(a) + x*sin(b)"), "y0 = multiply_add(x0, u3, u1)\n");
  // A product that is used twice is computed once, and not fused.
  const Program shared({p("x*y + a"), p("x*y + b")}, kLanes, kUniforms);
  EXPECT_EQ(shared.listing(), "r0 = multiply(x0, x1)\ny0 = add(acc, u0)\ny1 = add(r0, u1)\n");
  EXPECT_EQ(shared.lane_operations(), 3u);
}

TEST(Program, SharesAcrossOutputs) {
  const std::vector<Expr> outputs = {p("exp(x*y)"), p("1 + exp(x*y)"), differentiate(p("exp(x*y)"), "x")};
  EXPECT_EQ(Program(outputs, kLanes, kUniforms).lane_operations(), 4u);
}

// More steps than a segment holds, more values than registers that anyone would count.
TEST_F(EveryTarget, RunsLongPrograms) {
  Expr sum = p("a"), product = p("1");
  std::vector<Expr> parts;
  for (int i = 1; i <= 900; ++i) {
    parts.push_back(call("abs", {p("x") + Expr(i) * p("y")}));
    sum = sum + parts.back();
  }
  Expr again = p("0");
  for (std::size_t i = parts.size(); i-- > 0;) again = again + parts[i] * parts[(i + 450) % 900];
  const auto inputs = random_inputs(3, 80, 0.1, 1);
  const Program program({sum, again}, kLanes, kUniforms);
  EXPECT_GT(program.lane_operations(), 2000u);
  for (const std::string& target : available_targets()) {
    set_target(target);
    const auto results = run(program, inputs, {0.5, 0});
    for (std::size_t j = 0; j < 80; ++j) {
      const testing::Point point = {{"x", inputs.row(0)[j]}, {"y", inputs.row(1)[j]}, {"a", 0.5}};
      EXPECT_NEAR(results.row(0)[j], evaluate(sum, point), 1e-9);
      EXPECT_NEAR(results.row(1)[j], evaluate(again, point), 1e-6 * std::fabs(evaluate(again, point)));
    }
  }
}

TEST_F(EveryTarget, KeepsItsWordOnNotANumber) {
  StateBlock<double> inputs(2, 16);
  for (std::size_t j = 0; j < 16; ++j) inputs.row(0)[j] = j % 2 ? NAN : 1, inputs.row(1)[j] = j < 8 ? NAN : 2;
  const Program program(
      {p("min(x, y)"), p("max(x, y)"), p("x < y"), p("x != x"), p("if(x, 3, 4)"), p("max(x, 0)"),
       p("max(0, x)"), p("sign(x)"), p("sign(0*y)"), p("abs(x)"), p("x <= y"), p("x == y")},
      kLanes, kUniforms);
  for (const std::string& target : available_targets()) {
    set_target(target);
    const auto r = run(program, inputs, {0, 0});
    for (std::size_t j = 0; j < 16; ++j) {
      const bool nx = j % 2, ny = j < 8;
      EXPECT_EQ(std::isnan(r.row(0)[j]), nx || ny);
      EXPECT_EQ(std::isnan(r.row(1)[j]), nx || ny);
      EXPECT_EQ(r.row(2)[j], nx || ny ? 0 : 1);
      EXPECT_EQ(r.row(3)[j], nx ? 1 : 0);
      EXPECT_EQ(r.row(4)[j], 3);
      EXPECT_EQ(std::isnan(r.row(5)[j]), nx);
      EXPECT_EQ(std::isnan(r.row(6)[j]), nx);
      EXPECT_EQ(std::isnan(r.row(7)[j]), nx);
      EXPECT_EQ(r.row(8)[j], 0);
      EXPECT_EQ(std::isnan(r.row(9)[j]), nx);
      EXPECT_EQ(r.row(10)[j], nx || ny ? 0 : 1);
      EXPECT_EQ(r.row(11)[j], 0);
    }
  }
}

TEST(Program, OneWorkspaceServesManyPrograms) {
  Workspace workspace;
  const auto inputs = random_inputs(5, 48, 0.2, 2);
  const double* in[] = {inputs.row(0), inputs.row(1)};
  StateBlock<double> out(1, 48);
  double* outputs[] = {out.row(0)};
  const Program big({p("log(x*y + a) * exp(x - y) + sin(x)*cos(y)")}, kLanes, kUniforms),
      small({p("x + 1")}, kLanes, {});
  for (int round = 0; round < 3; ++round) {
    const std::vector<double> uniforms = {1.0 + round, 0};
    big.run(in, uniforms, outputs, 48, workspace);
    for (std::size_t j = 0; j < 48; ++j) {
      const double x = in[0][j], y = in[1][j];
      EXPECT_NEAR(outputs[0][j], std::log(x * y + uniforms[0]) * std::exp(x - y) + std::sin(x) * std::cos(y),
                  1e-14);
    }
    small.run(in, {}, outputs, 48, workspace);
    EXPECT_EQ(outputs[0][17], in[0][17] + 1);
  }
}

TEST(Program, RefusesUnknownSymbols) {
  EXPECT_THROW(Program({p("x + a")}, kLanes, {"b"}), Error);
  EXPECT_EQ(Program().outputs(), 0u);
}

}  // namespace
}  // namespace sde::expr
