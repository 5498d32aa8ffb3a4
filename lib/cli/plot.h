// Pictures, drawn by gnuplot: a grid of panels with a few kinds of series in one style.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sde::cli {

// What a series looks like.
enum class Mark {
  line,       // x, y
  points,     // x, y
  band,       // x, y (lower), y2 (upper): filled between
  bars,       // x (left edges, one more than y), y: a histogram
  error_bar,  // x, y, y2 (half length)
  steps,      // x, y: held until the next x
  image,      // values row by row from the top, `columns` wide; shown in grey
  heat,       // x, y: centres of cells; values[i * y.size() + j] the colour at (x[i], y[j])
};

struct Series {
  Mark mark = Mark::line;
  std::vector<double> x, y, y2;
  std::string label;   // in the key; empty: not listed
  int colour = 0;      // of the palette, 0 to 7
  double opacity = 1;  // of bands, bars and many lines
  double width = 1.5;  // of lines, points' size
  bool dashed = false;
  std::vector<double> values;  // image, heat
  std::size_t columns = 0;     // image
};

struct Panel {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  bool equal_axes = false;  // one unit is as long in x as in y
  bool bare = false;        // no axes (images)
  std::optional<std::pair<double, double>> x_range, y_range;
  std::vector<Series> series;

  // Shorthands that return the series, to set the rest of it.
  Series& line(std::vector<double> x, std::vector<double> y, std::string label = "", int colour = 0);
  Series& points(std::vector<double> x, std::vector<double> y, std::string label = "", int colour = 0);
  Series& band(std::vector<double> x, std::vector<double> low, std::vector<double> high,
               std::string label = "", int colour = 0);
  // Histogram of `values`: `bins` 0 chooses by Freedman and Diaconis; heights are densities.
  Series& histogram(const std::vector<double>& values, std::string label = "", int colour = 0, int bins = 0);
  Series& image(std::vector<double> values, std::size_t columns);
  // A map with a scale of colours; alone in its panel. Cells end half-way between their centres, on the axes
  // as they are drawn.
  Series& heat(std::vector<double> x, std::vector<double> y, std::vector<double> values);
};

struct Figure {
  std::string title;
  std::vector<Panel> panels;
  int columns = 0;           // of the grid of panels; 0: as square as possible, wider than high
  double panel_width = 4.8;  // inches; a png has 160 dots each
  double panel_height = 3.4;
};

// Refuses a file ending that cannot be drawn (png, svg, pdf; "-" is the terminal), an output that exists
// unless `force` is set, and a machine without gnuplot, saying how to install it. For the start of a run,
// before any work is done.
void check_plot(const std::string& file, bool force);

// Draws; the file appears when complete, replacing one that exists where `force` is set. Throws Error(io)
// with gnuplot's own words where it fails.
void draw(const Figure& figure, const std::string& file, bool force);

// The script handed to gnuplot. `ending` is that of the picture, "" for the terminal; it draws into `file`.
std::string gnuplot_script(const Figure& figure, const std::string& ending, const std::string& file);

}  // namespace sde::cli
