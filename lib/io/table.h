// Writing CSV: a header and rows of numbers with 17 significant digits, which read back to the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace sde::io {

// Appends the number as printf's %.17g would, in any locale; NaN is "nan".
void append_number(std::string& text, double value);
void append_number(std::string& text, std::uint64_t value);
// Quotes the cell where it has to be.
void append_cell(std::string& text, std::string_view cell);

class TableWriter {
 public:
  // Errors as of AtomicFile. The header is written at once.
  TableWriter(const std::string& path, const std::vector<std::string>& columns,
              const OutputOptions& options = {});

  void row(std::span<const double> values);
  // A row that starts with a whole number: an id.
  void row(std::uint64_t id, std::span<const double> values);
  // Whole lines, made elsewhere.
  void lines(std::string_view text);
  void finish();

  const std::string& name() const { return file_.name(); }

 private:
  void spill(std::size_t limit);

  AtomicFile file_;
  std::string buffer_;
};

}  // namespace sde::io
