#include "io/table.h"

#include <charconv>
#include <cmath>

namespace sde::io {
namespace {

constexpr std::size_t kBuffer = 1 << 20;

}  // namespace

void append_number(std::string& text, double value) {
  if (std::isnan(value)) {
    text += "nan";
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 17).ptr;
  text.append(buffer, end);
}

void append_number(std::string& text, std::uint64_t value) {
  char buffer[24];
  text.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_cell(std::string& text, std::string_view cell) {
  const bool plain = cell.find_first_of(",\"\r\n") == std::string_view::npos && !cell.starts_with('#') &&
                     !cell.starts_with(' ') && !cell.ends_with(' ');
  if (plain) {
    text += cell;
    return;
  }
  text += '"';
  for (const char c : cell) {
    if (c == '"') text += '"';
    text += c;
  }
  text += '"';
}

TableWriter::TableWriter(const std::string& path, const std::vector<std::string>& columns,
                         const OutputOptions& options)
    : file_(path, options) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i) buffer_ += ',';
    append_cell(buffer_, columns[i]);
  }
  buffer_ += '\n';
}

void TableWriter::row(std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i) buffer_ += ',';
    append_number(buffer_, values[i]);
  }
  buffer_ += '\n';
  spill(kBuffer);
}

void TableWriter::row(std::uint64_t id, std::span<const double> values) {
  append_number(buffer_, id);
  for (const double value : values) {
    buffer_ += ',';
    append_number(buffer_, value);
  }
  buffer_ += '\n';
  spill(kBuffer);
}

void TableWriter::lines(std::string_view text) {
  buffer_ += text;
  spill(kBuffer);
}

void TableWriter::spill(std::size_t limit) {
  if (buffer_.size() < limit) return;
  file_.write(buffer_);
  buffer_.clear();
}

void TableWriter::finish() {
  spill(0);
  file_.commit();
}

}  // namespace sde::io
