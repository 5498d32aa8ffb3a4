// Reading CSV: a header of names, then rows of numbers; a million rows in well under a second.
//
// Cells are separated by commas (or, where the header has none, by tabs or semicolons), may be quoted ("" is
// a quote) and padded with spaces. Blank lines and lines that start with # are skipped; a byte-order mark and
// CR before LF are dropped. A first column without a name holds row numbers, as R and pandas write them, and
// is skipped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace sde::io {

class CsvReader {
 public:
  enum class Role { skip, number, time, text };

  // Reads the header. The text must outlive the reader. Errors: Status::bad_data, "<name>:<line>: ...".
  CsvReader(std::string name, std::string_view text);

  const std::vector<std::string>& header() const { return header_; }
  // The column's index; fails with "did you mean" where there is none.
  std::size_t column(const std::string& name) const;
  bool has(const std::string& name) const;

  // Reads all rows. One role a column; numbers of time columns may be dates.
  void read(const std::vector<Role>& roles);

  std::size_t rows() const { return lines_.size(); }
  const std::vector<double>& numbers(std::size_t column) const { return numbers_[column]; }
  const std::vector<std::string>& texts(std::size_t column) const { return texts_[column]; }
  // "<name>:<line>" of a row, for messages.
  std::string where(std::size_t row) const;

 private:
  std::string_view next_cell(const char*& p, const char* end);
  bool next_row(const char*& begin, const char*& end);
  const char* parse_cell(const char* p, const char* end, Role role, std::size_t column);
  double number(std::string_view text, Role role, std::size_t column) const;
  [[noreturn]] void refuse(const std::string& what) const;

  std::string name_;
  std::string_view text_;
  std::size_t at_ = 0;    // offset of the next line
  std::size_t line_ = 0;  // number of the current row's first line, from 1
  std::size_t next_line_ = 1;
  std::size_t header_line_ = 1;
  char separator_ = ',';
  std::vector<std::string> header_;
  std::vector<std::vector<double>> numbers_;
  std::vector<std::vector<std::string>> texts_;
  std::vector<std::size_t> lines_;
  std::string scratch_;
};

// YYYY-MM or YYYY-MM-DD[(T| )hh:mm[:ss[.s]][Z]] as a year with a fraction: a month is a twelfth, a day its
// part of its year. False where the text is no such date.
bool parse_date(std::string_view text, double& year);

}  // namespace sde::io
