#include "io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

#include "base/suggest.h"

namespace sde::io {
namespace {

constexpr std::size_t kShown = 40;  // characters of a bad cell that a message repeats

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool means_missing(std::string_view text) {
  return text.empty() || text == "NA" || text == "nan" || text == "NaN" || text == "NAN" || text == "N/A" ||
         text == "-nan";
}

// The whole text as a number. False where it is none.
bool parse_number(std::string_view text, double& value) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return false;
  if (error == std::errc::result_out_of_range) {
    // Too small is rounded to 0 or a subnormal; too large becomes an infinity, which the caller refuses.
    value = std::strtod(std::string(text).c_str(), nullptr);
    return true;
  }
  return error == std::errc();
}

bool digits(std::string_view text, std::size_t at, std::size_t n, int& value) {
  if (at + n > text.size()) return false;
  value = 0;
  for (std::size_t i = at; i < at + n; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = 10 * value + (text[i] - '0');
  }
  return true;
}

bool leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_before(int year, int month) {
  constexpr int kDays[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  return kDays[month - 1] + (month > 2 && leap(year) ? 1 : 0);
}

// hh:mm[:ss[.s]][Z], in days.
bool parse_clock(std::string_view text, double& day) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  int hour = 0, minute = 0;
  if (!digits(text, 0, 2, hour) || text.size() < 5 || text[2] != ':' || !digits(text, 3, 2, minute))
    return false;
  double second = 0;
  if (text.size() > 5 && (text[5] != ':' || text.size() < 8 || !parse_number(text.substr(6), second)))
    return false;
  if (hour > 24 || minute > 59 || !(second >= 0 && second < 61)) return false;
  day = (hour + (minute + second / 60) / 60) / 24;
  return true;
}

}  // namespace

bool parse_date(std::string_view text, double& year) {
  int y = 0, m = 0, d = 0;
  if (!digits(text, 0, 4, y) || text.size() < 7 || text[4] != '-' || !digits(text, 5, 2, m)) return false;
  if (m < 1 || m > 12) return false;
  if (text.size() == 7) {
    year = y + (m - 1) / 12.0;
    return true;
  }
  if (text[7] != '-' || !digits(text, 8, 2, d)) return false;
  const int days = (m == 12 ? 365 + (leap(y) ? 1 : 0) : days_before(y, m + 1)) - days_before(y, m);
  if (d < 1 || d > days) return false;
  double clock = 0;
  if (text.size() > 10 && ((text[10] != 'T' && text[10] != ' ') || !parse_clock(text.substr(11), clock)))
    return false;
  year = y + (days_before(y, m) + (d - 1) + clock) / (leap(y) ? 366 : 365);
  return true;
}

CsvReader::CsvReader(std::string name, std::string_view text) : name_(std::move(name)), text_(text) {
  if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  const char *p = nullptr, *end = nullptr;
  if (!next_row(p, end))
    fail(Status::bad_data, "{}: is empty; a CSV file starts with a line of column names", name_);
  header_line_ = line_;
  const std::string_view first(p, static_cast<std::size_t>(end - p));
  for (const char candidate : {',', '\t', ';'}) {
    if (first.find(candidate) != std::string_view::npos) {
      separator_ = candidate;
      break;
    }
  }
  std::unordered_set<std::string> seen;
  bool all_numbers = true;
  for (;;) {
    std::string column(next_cell(p, end));
    double value = 0;
    all_numbers = all_numbers && (parse_number(column, value) || parse_date(column, value));
    if (column.empty() && !header_.empty()) refuse(fmt::format("column {} has no name", header_.size() + 1));
    if (!seen.insert(column).second) refuse(fmt::format("column name \"{}\" occurs twice", column));
    header_.push_back(std::move(column));
    if (p == end) break;
    ++p;
  }
  if (all_numbers) refuse("the first line must name the columns (got numbers)");
}

void CsvReader::refuse(const std::string& what) const {
  fail(Status::bad_data, "{}:{}: {}", name_, line_, what);
}

std::string CsvReader::where(std::size_t row) const {
  return fmt::format("{}:{}", name_, lines_[row]);
}

bool CsvReader::has(const std::string& name) const {
  return std::find(header_.begin(), header_.end(), name) != header_.end();
}

std::size_t CsvReader::column(const std::string& name) const {
  const auto it = std::find(header_.begin(), header_.end(), name);
  if (it == header_.end()) {
    fail(Status::bad_data, "{}:{}: there is no column \"{}\"{}", name_, header_line_, name,
         suggestion(name, header_));
  }
  return static_cast<std::size_t>(it - header_.begin());
}

// The next line that has content, as a range without its end of line; longer where a quoted cell holds line
// breaks.
bool CsvReader::next_row(const char*& begin, const char*& end) {
  while (at_ < text_.size()) {
    line_ = next_line_;
    const char* const start = text_.data() + at_;
    const char* const limit = text_.data() + text_.size();
    const char* stop = start;
    bool open = false;  // inside quotes
    do {
      const char* newline =
          static_cast<const char*>(std::memchr(stop, '\n', static_cast<std::size_t>(limit - stop)));
      const char* line_end = newline ? newline : limit;
      if (std::memchr(stop, '"', static_cast<std::size_t>(line_end - stop))) {
        open = open != (std::count(stop, line_end, '"') % 2 != 0);
      }
      if (*start == '#') open = false;
      stop = newline ? newline + 1 : limit;
      ++next_line_;
      end = line_end;
    } while (open && stop < limit);
    at_ = static_cast<std::size_t>(stop - text_.data());
    if (open) refuse("a quote is not closed");
    begin = start;
    if (*begin == '#') continue;
    while (end > begin && end[-1] == '\r') --end;
    if (!trim({begin, static_cast<std::size_t>(end - begin)}).empty()) return true;
  }
  return false;
}

// The cell at p, without spaces around it and without quotes; p moves to the separator after it, or to `end`.
std::string_view CsvReader::next_cell(const char*& p, const char* end) {
  const char* start = p;
  while (start < end && *start == ' ') ++start;
  if (start == end || *start != '"') {
    const char* stop = std::find(p, end, separator_);
    const std::string_view raw(p, static_cast<std::size_t>(stop - p));
    p = stop;
    return trim(raw);
  }
  scratch_.clear();
  for (p = start + 1;; ++p) {
    if (p == end) refuse("a quote is not closed");
    if (*p != '"') {
      scratch_ += *p;
    } else if (p + 1 < end && p[1] == '"') {
      scratch_ += *p++;
    } else {
      break;
    }
  }
  ++p;
  while (p < end && is_space(*p) && *p != separator_) ++p;
  if (p < end && *p != separator_) refuse("there is text after a closing quote");
  return scratch_;
}

double CsvReader::number(std::string_view text, Role role, std::size_t column) const {
  double value = 0;
  if (means_missing(text)) return std::nan("");
  if (parse_number(text, value) || (role == Role::time && parse_date(text, value))) {
    if (std::isfinite(value)) return value;
    refuse(fmt::format("column \"{}\": must be finite (got {})", header_[column], text));
  }
  const std::string shown(text.substr(0, kShown));
  refuse(fmt::format("column \"{}\": must be a number{} (got \"{}\")", header_[column],
                     role == Role::time ? " or a date as 1964-06 or 1964-06-30" : "", shown));
}

const char* CsvReader::parse_cell(const char* p, const char* end, Role role, std::size_t column) {
  if (role == Role::skip) {
    (void)next_cell(p, end);
    return p;
  }
  if (role == Role::text) {
    texts_[column].emplace_back(next_cell(p, end));
    return p;
  }
  // Most cells are a number and nothing else.
  double value = 0;
  const auto [stop, error] = std::from_chars(p, end, value);
  if (error == std::errc() && (stop == end || *stop == separator_) && std::isfinite(value)) {
    numbers_[column].push_back(value);
    return stop;
  }
  const std::string_view text = trim(next_cell(p, end));
  numbers_[column].push_back(number(text, role, column));
  return p;
}

void CsvReader::read(const std::vector<Role>& roles) {
  const std::size_t n = header_.size();
  numbers_.assign(n, {});
  texts_.assign(n, {});
  const char *p = nullptr, *end = nullptr;
  while (next_row(p, end)) {
    const char* const row = p;
    std::size_t cells = 0;
    while (cells < n) {
      p = parse_cell(p, end, roles[cells], cells);
      ++cells;
      if (p == end) break;
      ++p;
      if (cells == n) ++cells;  // something follows the last separator
    }
    if (cells != n) {
      cells = 1;
      for (p = row; (void)next_cell(p, end), p < end; ++p) ++cells;
      refuse(fmt::format("has {} cell{} where the header has {}", cells, cells == 1 ? "" : "s", n));
    }
    lines_.push_back(line_);
  }
  if (rows() == 0) fail(Status::bad_data, "{}: has a header but no rows", name_);
}

}  // namespace sde::io
