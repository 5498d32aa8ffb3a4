#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "cli/plot.h"
#include "io/file.h"

extern char** environ;

namespace sde::cli {
namespace {

// Okabe and Ito (2008): told apart with every kind of colour vision.
constexpr std::array kPalette = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                 0xE69F00, 0x56B4E9, 0x7F7F7F, 0x000000};
constexpr double kDots = 160;  // an inch of a png
constexpr int kTerminalRows = 22;

std::string ending_of(const std::string& file) {
  for (const char* ending : {"png", "svg", "pdf"}) {
    if (file.size() > 4 && file.ends_with(std::string(".") + ending)) return ending;
  }
  return "";
}

// Text in gnuplot's single quotes, where only the quote itself has to be doubled.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'')
      out += "''";
    else
      out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

std::string colour(const Series& series) {
  return fmt::format("rgb '#{:06X}'", kPalette[static_cast<std::size_t>(series.colour) % kPalette.size()]);
}

std::string faded(const Series& series) {
  const int alpha = static_cast<int>(std::lround(255 * (1 - std::clamp(series.opacity, 0.0, 1.0))));
  return fmt::format("rgb '#{:02X}{:06X}'", alpha,
                     kPalette[static_cast<std::size_t>(series.colour) % kPalette.size()]);
}

void number(std::string& out, double x) {
  out += std::isfinite(x) ? fmt::format("{:.9g}", x) : "NaN";
}

// The edges of cells around their centres, half-way on the axis that they are drawn on.
std::vector<double> cell_edges(std::vector<double> centres, bool log) {
  std::vector<double> edges;
  if (log)
    for (double& x : centres) x = std::log(x);
  const std::size_t n = centres.size();
  for (std::size_t i = 0; i <= n; ++i) {
    if (n == 1)
      edges.push_back(centres[0] + (i == 0 ? -0.5 : 0.5));
    else if (i == 0)
      edges.push_back(1.5 * centres[0] - 0.5 * centres[1]);
    else if (i == n)
      edges.push_back(1.5 * centres[n - 1] - 0.5 * centres[n - 2]);
    else
      edges.push_back(0.5 * (centres[i - 1] + centres[i]));
  }
  if (log)
    for (double& x : edges) x = std::exp(x);
  return edges;
}

// The cells of a map as rectangles: centre, left, right, bottom, top, value. Those without a value are left
// out.
std::string cells(const Panel& panel, const Series& s) {
  std::string out;
  const std::vector<double> x = cell_edges(s.x, panel.log_x), y = cell_edges(s.y, panel.log_y);
  for (std::size_t i = 0; i < s.x.size(); ++i)
    for (std::size_t j = 0; j < s.y.size(); ++j) {
      const double value = s.values[i * s.y.size() + j];
      if (!std::isfinite(value)) continue;
      for (const double number_of : {s.x[i], s.y[j], x[i], x[i + 1], y[j], y[j + 1], value}) {
        number(out, number_of);
        out += ' ';
      }
      out += '\n';
    }
  return out;
}

// The series' numbers as a data block: a row a point.
std::string block(const std::string& name, const Panel& panel, const Series& s) {
  std::string out = fmt::format("${} << EOD\n", name);
  if (s.mark == Mark::heat) {
    out += cells(panel, s);
  } else if (s.mark == Mark::image) {
    for (std::size_t i = 0; i < s.values.size(); ++i) {
      number(out, s.values[i]);
      out += (i + 1) % s.columns == 0 ? '\n' : ' ';
    }
  } else {
    for (std::size_t i = 0; i < s.y.size(); ++i) {
      const bool bar = s.mark == Mark::bars;
      number(out, bar ? (s.x[i] + s.x[i + 1]) / 2 : s.x[i]);
      out += ' ';
      number(out, s.y[i]);
      if (bar || !s.y2.empty()) out += ' ';
      if (bar)
        number(out, s.x[i + 1] - s.x[i]);
      else if (!s.y2.empty())
        number(out, s.y2[i]);
      out += '\n';
    }
  }
  return out + "EOD\n";
}

std::string element(const std::string& name, const Series& s, bool terminal) {
  const std::string title = s.label.empty() ? "notitle" : "title " + quoted(s.label);
  const std::string dash = s.dashed ? " dt 2" : "";
  switch (s.mark) {
    case Mark::line:
      return fmt::format("${} using 1:2 with lines lc {} lw {}{} {}", name, faded(s), s.width, dash, title);
    case Mark::steps:
      return fmt::format("${} using 1:2 with steps lc {} lw {}{} {}", name, faded(s), s.width, dash, title);
    case Mark::points:
      return fmt::format("${} using 1:2 with points pt 7 ps {} lc {} {}", name, s.width, faded(s), title);
    case Mark::band:
      // A terminal of characters cannot fill.
      if (terminal)
        return fmt::format("${0} using 1:2 with lines {1}, ${0} using 1:3 with lines notitle", name, title);
      return fmt::format("${} using 1:2:3 with filledcurves fc {} fs transparent solid {} noborder {}", name,
                         colour(s), s.opacity, title);
    case Mark::bars:
      return fmt::format("${} using 1:2:3 with boxes fc {} fs transparent solid {} border lc {} {}", name,
                         colour(s), s.opacity, colour(s), title);
    case Mark::error_bar:
      return fmt::format("${} using 1:2:3 with yerrorbars pt 7 ps 0.5 lc {} lw {} {}", name, colour(s),
                         s.width, title);
    case Mark::image:
      return fmt::format("${} matrix with image notitle", name);
    case Mark::heat:
      // Characters have no colours: the centres, and the largest values in the mind.
      if (terminal) return fmt::format("${} using 1:2 with points notitle", name);
      return fmt::format("${} using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette notitle",
                         name);
  }
  return "";
}

std::string range(const std::optional<std::pair<double, double>>& limits) {
  return limits ? fmt::format("[{:.9g}:{:.9g}]", limits->first, limits->second) : "[*:*]";
}

// The corner of the panel that hides the fewest points behind the key.
const char* key_corner(const Panel& panel) {
  const auto scaled = [](double v, bool log) { return log ? std::log10(v) : v; };
  double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
  const auto each_point = [&](const auto& visit) {
    for (const Series& s : panel.series) {
      for (const std::vector<double>* y : {&s.y, s.mark == Mark::band ? &s.y2 : nullptr}) {
        for (std::size_t i = 0; y != nullptr && i < y->size() && i < s.x.size(); ++i) {
          const double p[2] = {scaled(s.x[i], panel.log_x), scaled((*y)[i], panel.log_y)};
          if (std::isfinite(p[0]) && std::isfinite(p[1])) visit(p);
        }
      }
    }
  };
  each_point([&](const double* p) {
    for (int axis : {0, 1}) {
      low[axis] = std::min(low[axis], p[axis]);
      high[axis] = std::max(high[axis], p[axis]);
    }
  });
  std::array<std::size_t, 4> hidden{};  // top left, top right, bottom right, bottom left
  each_point([&](const double* p) {
    const double x = (p[0] - low[0]) / (high[0] - low[0]), y = (p[1] - low[1]) / (high[1] - low[1]);
    const bool left = x<0.45, right = x> 0.55, top = y > 0.6, bottom = y < 0.4;
    hidden[0] += left && top;
    hidden[1] += right && top;
    hidden[2] += right && bottom;
    hidden[3] += left && bottom;
  });
  constexpr std::array kCorners = {"top left", "top right", "bottom right", "bottom left"};
  return kCorners[static_cast<std::size_t>(std::min_element(hidden.begin(), hidden.end()) - hidden.begin())];
}

std::string panel_settings(const Panel& panel) {
  std::string out = "unset logscale\n";
  out += panel.title.empty() ? "unset title\n" : fmt::format("set title {}\n", quoted(panel.title));
  out += fmt::format("set xlabel {}\nset ylabel {}\n", quoted(panel.x_label), quoted(panel.y_label));
  if (panel.log_x) out += "set logscale x\n";
  if (panel.log_y) out += "set logscale y\n";
  const auto is_bars = [](const Series& s) { return s.mark == Mark::bars; };
  const bool from_zero = !panel.log_y && std::any_of(panel.series.begin(), panel.series.end(), is_bars);
  out += fmt::format("set xrange {}\nset yrange {}\n", range(panel.x_range),
                     from_zero && !panel.y_range ? "[0:*]" : range(panel.y_range));
  out += panel.equal_axes ? "set size ratio -1\n" : "set size noratio\n";
  const auto is_heat = [](const Series& one) { return one.mark == Mark::heat; };
  if (std::any_of(panel.series.begin(), panel.series.end(), is_heat)) {
    const Series& map = *std::find_if(panel.series.begin(), panel.series.end(), is_heat);
    const auto span = [](const std::vector<double>& centres, bool log) {
      const std::vector<double> edges = cell_edges(centres, log);
      return std::pair(std::min(edges.front(), edges.back()), std::max(edges.front(), edges.back()));
    };
    out += fmt::format("set xrange {}\nset yrange {}\n", range(span(map.x, panel.log_x)),
                       range(span(map.y, panel.log_y)));
    // Perceptually even, and readable in grey: from dark blue by green to yellow.
    out +=
        "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')\n"
        "set colorbox\nset border 3 lc rgb '#444444'\nset tics out nomirror\nunset key\n";
  } else if (panel.bare) {
    out += "unset border\nunset tics\nunset colorbox\nunset key\nset yrange [*:*] reverse\n";
  } else {
    out += fmt::format(
        "set border 3 lc rgb '#444444'\nset tics out nomirror\nset key {} reverse Left samplen 2 opaque\n",
        key_corner(panel));
  }
  return out;
}

std::size_t terminal_columns() {
  if (const char* text = std::getenv("COLUMNS")) {
    const int n = std::atoi(text);
    if (n >= 20) return static_cast<std::size_t>(n);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

std::string terminal_setting(const std::string& ending, double width, double height, int rows) {
  const auto pixels = [](double inches) { return static_cast<int>(std::lround(inches * kDots)); };
  if (ending == "png") {
    return fmt::format(
        "pngcairo noenhanced size {},{} font 'sans,10' fontscale 1.6 linewidth 1.6 pointscale 1.6",
        pixels(width), pixels(height));
  }
  if (ending == "svg") {
    return fmt::format("svg noenhanced size {:.0f},{:.0f} font 'sans,12' background 'white'", width * 96,
                       height * 96);
  }
  if (ending == "pdf") return fmt::format("pdfcairo noenhanced size {}in,{}in font 'sans,10'", width, height);
  return fmt::format("dumb noenhanced mono size {},{}", terminal_columns(), rows * kTerminalRows);
}

bool has_gnuplot() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (true) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    const std::string folder(rest.substr(0, colon));
    if (::access(((folder.empty() ? "." : folder) + "/gnuplot").c_str(), X_OK) == 0) return true;
    if (colon == rest.size()) return false;
    rest.remove_prefix(colon + 1);
  }
}

// A file without a name, gone with the last descriptor; or, on request, one with a name to be removed.
class Scratch {
 public:
  Scratch() {
    const char* folder = std::getenv("TMPDIR");
    name_ = std::string(folder && *folder ? folder : "/tmp") + "/sdetools-plot-XXXXXX";
    descriptor_ = ::mkstemp(name_.data());
    if (descriptor_ < 0) fail(Status::io, "{}: {}", name_, io::errno_text(errno));
  }
  ~Scratch() {
    ::close(descriptor_);
    ::unlink(name_.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& name() const { return name_; }
  int descriptor() const { return descriptor_; }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(Status::io, "{}: {}", name_, io::errno_text(errno));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    ::lseek(descriptor_, 0, SEEK_SET);
  }
  std::string read() const { return io::read_file(name_); }

 private:
  std::string name_;
  int descriptor_ = -1;
};

int run_gnuplot(const Scratch& script, const Scratch& messages) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, script.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.descriptor(), STDERR_FILENO);
  char program[] = "gnuplot";
  char* arguments[] = {program, nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(Status::io, "gnuplot cannot be run: {}", io::errno_text(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

// gnuplot's last words that say something.
std::string first_message(const std::string& messages) {
  std::string found = "no reason given";
  std::size_t start = 0;
  while (start < messages.size()) {
    const std::size_t end = std::min(messages.find('\n', start), messages.size());
    const std::string line = messages.substr(start, end - start);
    if (line.find_first_not_of(" ^") != std::string::npos) found = line;
    start = end + 1;
  }
  return found;
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::string& ending, const std::string& file) {
  const int count = static_cast<int>(figure.panels.size());
  if (count == 0) fail(Status::bug, "a figure without panels");
  const bool terminal = ending.empty();
  int columns = figure.columns > 0 ? figure.columns : static_cast<int>(std::ceil(std::sqrt(count)));
  if (terminal) columns = 1;
  columns = std::min(columns, count);
  const int rows = (count + columns - 1) / columns;
  std::string out = "set encoding utf8\n";
  const double height = rows * figure.panel_height + (figure.title.empty() ? 0 : 0.3);
  out +=
      fmt::format("set terminal {}\n", terminal_setting(ending, columns * figure.panel_width, height, rows));
  out += fmt::format("set output {}\nset palette gray\n", quoted(file));
  if (!terminal) out += "set grid lc rgb '#DCDCDC' lw 0.6 dt 1\n";
  for (int p = 0; p < count; ++p) {
    const Panel& panel = figure.panels[static_cast<std::size_t>(p)];
    for (std::size_t i = 0; i < panel.series.size(); ++i)
      out += block(fmt::format("d{}_{}", p, i), panel, panel.series[i]);
  }
  const std::string title = figure.title.empty() ? "" : " title " + quoted(figure.title);
  if (count > 1 || !figure.title.empty())
    out += fmt::format("set multiplot layout {},{}{}\n", rows, columns, title);
  for (int p = 0; p < count; ++p) {
    const Panel& panel = figure.panels[static_cast<std::size_t>(p)];
    out += panel_settings(panel);
    std::string elements;
    for (std::size_t i = 0; i < panel.series.size(); ++i) {
      if (panel.series[i].y.empty() && panel.series[i].values.empty()) continue;
      elements += (elements.empty() ? "" : ", \\\n  ") +
                  element(fmt::format("d{}_{}", p, i), panel.series[i], terminal);
    }
    out += "plot " + (elements.empty() ? "NaN notitle" : elements) + "\n";
  }
  if (count > 1 || !figure.title.empty()) out += "unset multiplot\n";
  return out + "unset output\n";
}

void check_plot(const std::string& file, bool force) {
  if (file != "-" && ending_of(file).empty()) {
    fail(Status::usage, "--plot {}: the ending must be .png, .svg or .pdf (or - for the terminal)", file);
  }
  if (!has_gnuplot()) {
    fail(Status::usage, "--plot needs gnuplot, which is not installed; on Debian: apt install gnuplot-nox");
  }
  io::check_output(file, {force, false});
}

void draw(const Figure& figure, const std::string& file, bool force) {
  const std::string ending = file == "-" ? "" : ending_of(file);
  Scratch script, messages, picture;
  script.write(gnuplot_script(figure, ending, picture.name()));
  const int status = run_gnuplot(script, messages);
  const std::string bytes = picture.read();
  if (status != 0 || bytes.empty()) {
    fail(Status::io, "{}: gnuplot failed: {}", file == "-" ? "--plot -" : file,
         first_message(messages.read()));
  }
  if (file == "-")
    io::write_stdout(bytes);
  else
    io::write_file(file, bytes, {force, false});
}

}  // namespace sde::cli
