// Option structs to and from JSON. A struct says what it has in one place,
//
//   template <class V> void visit(V& v) { v("dt", dt); v("steps", steps); }
//
// and this archive walks it. Fields may be bool, integers (checked for range), double, float, std::string,
// JsonText, std::optional, std::vector, std::array (of two doubles: an interval, null for an open end),
// std::map<std::string, T>, std::pair lists (an object in order), std::variant (told apart by the kind of the
// JSON value), structs with visit, and enums with a table found by argument-dependent lookup: `constexpr auto
// enum_names(E) { return std::array{std::pair{"ito", E::ito}, ...}; }`.
//
// The templates here only dispatch; the work is done behind virtual functions in archive.cc.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_text.h"
#include "base/suggest.h"
#include "config/document.h"

namespace sde::config {

enum class JsonKind { null, boolean, integer, number, string, array, object };

class Archive {
 public:
  virtual ~Archive() = default;

  template <class T>
  void operator()(const char* key, T& field) {
    if (!reading() && is_absent(field)) return;
    if (!enter(key)) return;
    item(field);
    leave();
  }

  virtual bool reading() const = 0;
  virtual JsonKind kind() const = 0;  // of the value at hand; only while reading

  // The value at hand, to or from `field`.
  template <class T>
  void item(T& field);

  // Throws Error(usage) about the value at hand.
  [[noreturn]] virtual void error(const std::string& what) const = 0;

 protected:
  virtual bool enter(const char* key) = 0;  // while reading, false where there is no such key
  virtual void enter(std::size_t index) = 0;
  virtual void leave() = 0;
  virtual void begin_object() = 0;
  virtual void end_object() = 0;  // while reading, refuses keys that were not asked for
  virtual std::size_t begin_array(std::size_t size) = 0;
  virtual std::vector<std::string> keys() = 0;  // of the object at hand, in order
  virtual void value(bool& x) = 0;
  virtual void value(std::int64_t& x, std::int64_t min, std::int64_t max) = 0;
  virtual void value(std::uint64_t& x, std::uint64_t max) = 0;
  virtual void value(double& x) = 0;
  virtual void value(std::string& x) = 0;
  virtual void value(JsonText& x) = 0;
  virtual void null() = 0;

 private:
  template <class T>
  static bool is_absent(const T&) {
    return false;
  }
  template <class T>
  static bool is_absent(const std::optional<T>& field) {
    return !field;
  }
  static bool is_absent(const JsonText& field) { return field.empty(); }

  template <class T>
  void items(std::vector<T>& field);
  template <class T, std::size_t N>
  void items(std::array<T, N>& field);
  template <class T>
  void items(std::map<std::string, T>& field);
  template <class T>
  void items(std::vector<std::pair<std::string, T>>& field);
  template <class T>
  void items(std::optional<T>& field);
  template <class... Ts>
  void items(std::variant<Ts...>& field);
  template <class E>
  void enumerator(E& field);
};

// Reads what the document has into `options`; keys it lacks keep the struct's defaults. `pointer` is the part
// to read. Throws Error(usage): `sim.json: at /solver: unknown key "dtt"; did you mean "dt"?`.
template <class T>
void read_options(const Document& document, T& options, const std::string& pointer = "");

// The struct as JSON, every default written out (the effective configuration).
template <class T>
void write_options(const T& options, Json& into);

// --- implementation ---

namespace detail {
class ArchiveHandle {  // owns a reader or a writer
 public:
  ArchiveHandle(const Document& document, const std::string& pointer);  // reads
  ArchiveHandle();                                                      // writes
  ~ArchiveHandle();
  ArchiveHandle(const ArchiveHandle&) = delete;
  ArchiveHandle& operator=(const ArchiveHandle&) = delete;
  Archive& archive() { return *archive_; }
  void take(Json& into);  // after writing

 private:
  std::unique_ptr<Archive> archive_;
};

// Whether a JSON value of this kind can be read into T; decides between the alternatives of a variant.
template <class T>
struct Accepts {
  static bool test(JsonKind k) {
    if constexpr (std::is_same_v<T, bool>)
      return k == JsonKind::boolean;
    else if constexpr (std::is_integral_v<T>)
      return k == JsonKind::integer;
    else if constexpr (std::is_floating_point_v<T>)
      return k == JsonKind::integer || k == JsonKind::number;
    else if constexpr (std::is_same_v<T, std::string> || std::is_enum_v<T>)
      return k == JsonKind::string;
    else if constexpr (std::is_same_v<T, JsonText>)
      return true;
    else if constexpr (std::is_same_v<T, std::monostate>)
      return k == JsonKind::null;
    else
      return k == JsonKind::object;
  }
};
template <class T>
struct Accepts<std::vector<T>> {
  static bool test(JsonKind k) { return k == JsonKind::array; }
};
template <class T>
struct Accepts<std::vector<std::pair<std::string, T>>> {
  static bool test(JsonKind k) { return k == JsonKind::object; }
};
template <class T, std::size_t N>
struct Accepts<std::array<T, N>> {
  static bool test(JsonKind k) { return k == JsonKind::array; }
};
}  // namespace detail

template <class T>
concept Visitable = requires(T& t, Archive& a) {
  t.visit(a);
};

template <class T>
void Archive::item(T& field) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double> || std::is_same_v<T, std::string> ||
                std::is_same_v<T, JsonText>) {
    value(field);
  } else if constexpr (std::is_floating_point_v<T>) {
    double wide = static_cast<double>(field);
    value(wide);
    field = static_cast<T>(wide);
  } else if constexpr (std::is_enum_v<T>) {
    enumerator(field);
  } else if constexpr (std::is_unsigned_v<T>) {
    std::uint64_t wide = field;
    value(wide, std::numeric_limits<T>::max());
    field = static_cast<T>(wide);
  } else if constexpr (std::is_integral_v<T>) {
    std::int64_t wide = field;
    value(wide, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    field = static_cast<T>(wide);
  } else if constexpr (std::is_same_v<T, std::monostate>) {
    null();
  } else if constexpr (Visitable<T>) {
    begin_object();
    field.visit(*this);
    end_object();
  } else {
    items(field);
  }
}

template <class T>
void Archive::items(std::vector<T>& field) {
  const std::size_t size = begin_array(field.size());
  if (reading()) field.assign(size, T{});
  for (std::size_t i = 0; i < size; ++i) {
    enter(i);
    if constexpr (std::is_same_v<T, bool>) {
      bool x = field[i];
      item(x);
      field[i] = x;
    } else {
      item(field[i]);
    }
    leave();
  }
}

template <class T, std::size_t N>
void Archive::items(std::array<T, N>& field) {
  const std::size_t size = begin_array(N);
  if (size != N) error("must have " + std::to_string(N) + " items (got " + std::to_string(size) + ")");
  for (std::size_t i = 0; i < N; ++i) {
    enter(i);
    if constexpr (std::is_same_v<T, double> && N == 2) {
      const double open =
          i == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
      if (reading() ? kind() == JsonKind::null : field[i] == open) {
        if (reading())
          field[i] = open;
        else
          null();
        leave();
        continue;
      }
    }
    item(field[i]);
    leave();
  }
}

template <class T>
void Archive::items(std::map<std::string, T>& field) {
  begin_object();
  if (reading()) {
    field.clear();
    for (const std::string& key : keys()) (*this)(key.c_str(), field[key]);
  } else {
    for (auto& [key, x] : field) (*this)(key.c_str(), x);
  }
  end_object();
}

template <class T>
void Archive::items(std::vector<std::pair<std::string, T>>& field) {
  begin_object();
  if (reading()) {
    field.clear();
    for (const std::string& key : keys()) {
      field.emplace_back(key, T{});
      (*this)(key.c_str(), field.back().second);
    }
  } else {
    for (auto& [key, x] : field) (*this)(key.c_str(), x);
  }
  end_object();
}

template <class T>
void Archive::items(std::optional<T>& field) {
  if (reading()) {
    if (kind() == JsonKind::null) {
      field.reset();
      return;
    }
    field.emplace();
  }
  if (field) {
    item(*field);
  } else {
    null();
  }
}

template <class... Ts>
void Archive::items(std::variant<Ts...>& field) {
  if (reading()) {
    const JsonKind k = kind();
    const bool found = ((detail::Accepts<Ts>::test(k) ? (field.template emplace<Ts>(), true) : false) || ...);
    if (!found) error("is of a kind that is not known here");
  }
  std::visit([this](auto& x) { item(x); }, field);
}

template <class E>
void Archive::enumerator(E& field) {
  const auto names = enum_names(E{});
  std::string name;
  std::vector<std::string> known;
  for (const auto& [text, e] : names) {
    known.emplace_back(text);
    if (e == field) name = text;
  }
  value(name);
  if (!reading()) return;
  for (const auto& [text, e] : names) {
    if (name == text) {
      field = e;
      return;
    }
  }
  error("unknown value \"" + name + "\"" + suggestion(name, known));
}

template <class T>
void read_options(const Document& document, T& options, const std::string& pointer) {
  detail::ArchiveHandle handle(document, pointer);
  handle.archive().item(options);
}

template <class T>
void write_options(const T& options, Json& into) {
  detail::ArchiveHandle handle;
  handle.archive().item(const_cast<T&>(options));  // one visit serves both ways; the writer changes nothing
  handle.take(into);
}

}  // namespace sde::config
