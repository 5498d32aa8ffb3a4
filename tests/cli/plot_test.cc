#include "cli/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "io/file.h"

namespace sde::cli {
namespace {

Figure example() {
  Figure figure;
  figure.title = "It's a figure";
  Panel& fan = figure.panels.emplace_back();
  fan.x_label = "t";
  fan.band({0, 1, 2}, {-1, -2, -3}, {1, 2, 3}, "90 %");
  fan.line({0, 1, 2}, {0, 0.5, NAN}, "mean", 1);
  fan.series.back().dashed = true;
  Panel& other = figure.panels.emplace_back();
  other.log_x = other.log_y = true;
  other.points({1, 10}, {1, 100}, "p");
  other.series.back().mark = Mark::error_bar;
  other.series.back().y2 = {0.5, 20};
  figure.panels.emplace_back().histogram({0, 0.1, 0.2, 1}, "h");
  figure.panels.emplace_back().image({0, 1, 2, 3, 4, 5}, 3);
  return figure;
}

TEST(Histogram, IsADensity) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sin(i) * std::sin(i * 0.7));
  values.push_back(NAN);
  Panel panel;
  for (int bins : {0, 1, 17}) {
    const Series& s = panel.histogram(values, "", 0, bins);
    ASSERT_EQ(s.x.size(), s.y.size() + 1);
    double area = 0;
    for (std::size_t i = 0; i < s.y.size(); ++i) area += s.y[i] * (s.x[i + 1] - s.x[i]);
    EXPECT_NEAR(area, 1, 1e-12);
  }
  EXPECT_EQ(panel.histogram({3, 3, 3}).y.size(), 10u);
  EXPECT_TRUE(panel.histogram({}).y.empty());
}

TEST(Script, HoldsTheNumbersAndQuotesTheText) {
  const std::string script = gnuplot_script(example(), "svg", "/tmp/x'y");
  for (const char* part : {"set output '/tmp/x''y'", "title 'It''s a figure'", "2 NaN\n", "set logscale y",
                           "filledcurves", "$d0_0 << EOD\n0 -1 1\n1 -2 2\n2 -3 3\nEOD", "with boxes",
                           "0 1 2\n3 4 5\n", "dt 2", "set multiplot layout 2,2"}) {
    EXPECT_NE(script.find(part), std::string::npos) << part;
  }
  // A terminal draws panels below each other and bands as their edges.
  const std::string terminal = gnuplot_script(example(), "", "out");
  EXPECT_EQ(terminal.find("filledcurves"), std::string::npos);
  EXPECT_NE(terminal.find("set multiplot layout 4,1"), std::string::npos);
}

TEST(Script, PutsTheKeyWhereNothingIs) {
  const std::vector<double> x = {0, 1, 2, 3, 4, 5}, rising = {0, 1, 2, 3, 4, 5}, falling = {5, 4, 3, 2, 1, 0};
  const auto script = [&](const std::vector<double>& y) {
    Figure figure;
    figure.panels.emplace_back().line(x, y, "one");
    return gnuplot_script(figure, "svg", "out");
  };
  EXPECT_NE(script(rising).find("set key top left"), std::string::npos);
  EXPECT_NE(script(falling).find("set key top right"), std::string::npos);
  // A constant leaves no room to compare.
  EXPECT_NE(script({1, 1, 1, 1, 1, 1}).find("set key "), std::string::npos);
}

TEST(Draw, MakesEveryForm) {
  if (std::system("command -v gnuplot >/dev/null") != 0) GTEST_SKIP() << "gnuplot is not installed";
  const std::string folder = testing::TempDir();
  for (const auto& [ending, start] : std::vector<std::pair<std::string, std::string>>{
           {"png", "\x89PNG"}, {"svg", "<?xml"}, {"pdf", "%PDF"}}) {
    const std::string file = folder + "sdetools_plot." + ending;
    std::filesystem::remove(file);
    check_plot(file, false);
    draw(example(), file, false);
    EXPECT_EQ(io::read_file(file).substr(0, start.size()), start);
    EXPECT_THROW(check_plot(file, false), Error);
    EXPECT_THROW(draw(example(), file, false), Error);
    draw(example(), file, true);
    std::filesystem::remove(file);
  }
  testing::internal::CaptureStdout();
  setenv("COLUMNS", "60", 1);
  draw(example(), "-", false);
  unsetenv("COLUMNS");
  const std::string picture = testing::internal::GetCapturedStdout();
  EXPECT_NE(picture.find("It's a figure"), std::string::npos);
  for (std::size_t start = 0; start < picture.size();) {
    const std::size_t end = std::min(picture.find('\n', start), picture.size());
    EXPECT_LE(end - start, 62u);
    start = end + 1;
  }
}

TEST(Draw, WithoutGnuplotSaysHowToGetIt) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  try {
    check_plot("a.png", false);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "--plot needs gnuplot, which is not installed; on Debian: apt install gnuplot-nox");
    EXPECT_EQ(error.status(), Status::usage);
  }
  setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace sde::cli
