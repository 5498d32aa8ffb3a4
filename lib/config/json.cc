#include "config/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"

namespace sde::config {
namespace {

constexpr std::size_t kLine = 110;  // characters of a formatted line

// Tells the handler how far the parser has read: the parser's own callbacks do not carry a position.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

// Builds the value while watching depth and keys.
class Handler : public nlohmann::json_sax<Json> {
 public:
  Handler(std::string_view text, const std::string& name)
      : text_(text), name_(name), furthest_(text.data()) {}

  const char** furthest() { return &furthest_; }
  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool x) override { return put(x); }
  bool number_integer(std::int64_t x) override { return put(x); }
  bool number_unsigned(std::uint64_t x) override { return put(x); }
  bool number_float(double x, const std::string&) override { return put(x); }
  bool string(std::string& x) override { return put(std::move(x)); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    open(Json::object());
    keys_.emplace_back();
    return true;
  }
  bool start_array(std::size_t) override {
    open(Json::array());
    keys_.emplace_back();
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& x) override {
    if (!keys_.back().insert(x).second) {
      // The parser stands behind the key's closing quote; step back over the key.
      const std::size_t end = static_cast<std::size_t>(furthest_ - text_.data());
      const std::size_t start = end >= x.size() + 2 ? end - x.size() - 2 : 0;
      error(start, fmt::format("the key \"{}\" appears twice in one object", x));
    }
    key_ = x;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string& last,
                   const nlohmann::detail::exception& exception) override {
    const std::string message = exception.what();
    if (text_.find_first_not_of(" \t\r\n") == std::string_view::npos)
      error(0, "is empty; expected a JSON value");
    std::size_t at = std::min(byte > 0 ? byte - 1 : 0, text_.size());
    // The position is that of the last character of the token, which begins a string or number where it is
    // whole.
    const bool is_string = last.size() > 1 && last.front() == '"' && last.back() == '"';
    const bool is_number = !last.empty() && last.find_first_not_of("+-.0123456789eE") >= last.size() - 1 &&
                           std::string_view("-0123456789").find(last[0]) != std::string_view::npos;
    if ((is_string || is_number) && at + 1 >= last.size() &&
        text_.substr(at + 1 - last.size(), last.size()) == last) {
      at -= last.size() - 1;
    }
    error(at, explain(at, message));
  }

 private:
  [[noreturn]] void error(std::size_t at, const std::string& what) const {
    at = std::min(at, text_.size());
    const std::string_view before = text_.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    fail(Status::usage, "{}: line {}, column {}: {}", name_, line, at - start + 1, what);
  }

  // What the parser stumbled over, as its author would see it.
  std::string explain(std::size_t at, const std::string& message) const {
    if (text_.find_first_not_of(" \t\r\n") == std::string_view::npos)
      return "is empty; expected a JSON value";
    if (message.find("out_of_range.406") != std::string::npos) return "the number is too large for a double";
    if (message.find("ill-formed UTF-8") != std::string::npos) return "is not valid UTF-8";
    if (at >= text_.size()) return "the text ends before the JSON value does (a missing }, ] or quote?)";
    // The last token starts at or before the error; look at the word around it.
    std::size_t start = at;
    const auto is_word = [&](std::size_t i) {
      return std::isalnum(static_cast<unsigned char>(text_[i])) || text_[i] == '_' || text_[i] == '.' ||
             text_[i] == '-' || text_[i] == '+';
    };
    while (start > 0 && is_word(start - 1) && is_word(start)) --start;
    std::size_t end = start;
    while (end < text_.size() && is_word(end)) ++end;
    const std::string word(text_.substr(start, end - start));
    std::string lower;
    for (char c : word) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char* name : {"nan", "-nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"}) {
      if (lower == name) return fmt::format("{} is not a JSON number; a value here must be finite", word);
    }
    const char c = text_[at];
    std::size_t previous = at;
    while (previous > 0 && std::isspace(static_cast<unsigned char>(text_[previous - 1]))) --previous;
    const char before = previous > 0 ? text_[previous - 1] : '\0';
    if ((c == '}' || c == ']') && before == ',') return fmt::format("a comma before \"{}\"", c);
    if (c == '\'') return "strings and keys take double quotes";
    if (c == '#' || (c == '/' && at + 1 < text_.size() && (text_[at + 1] == '/' || text_[at + 1] == '*')) ||
        (at > 0 && c == '/' && text_[at - 1] == '/')) {
      return "JSON has no comments; a key \"$comment\" can hold one";
    }
    if (message.find("control character") != std::string::npos)
      return "a line break or control character inside a string";
    if (c == '"' || before == '"' || before == '}' || before == ']') {
      if (message.find("expected ','") != std::string::npos ||
          message.find("expected end of input") == std::string::npos) {
        if (message.find("object key") == std::string::npos &&
            message.find("while parsing object separator") != std::string::npos) {
          return "expected \":\" after the key";
        }
        if (message.find("while parsing object -") != std::string::npos ||
            message.find("while parsing array -") != std::string::npos) {
          return fmt::format("expected a comma before {}", token(at));
        }
      }
    }
    if (message.find("expected end of input") != std::string::npos) {
      return fmt::format("{} follows the end of the JSON value", token(at));
    }
    return fmt::format("unexpected {}", word.empty() ? token(at) : '"' + word + '"');
  }

  std::string token(std::size_t at) const {
    const unsigned char c = static_cast<unsigned char>(text_[at]);
    if (c == '"') return "a string";
    if (c < 32 || c == 127) return fmt::format("character 0x{:02x}", c);
    if (c >= 128) return "a character outside ASCII";
    return fmt::format("\"{}\"", static_cast<char>(c));
  }

  // Containers are built on a stack of values and moved into their parent when they end.
  void open(Json container) {
    if (static_cast<int>(stack_.size()) >= kMaxJsonDepth) {
      error(static_cast<std::size_t>(furthest_ - text_.data()) - 1,
            fmt::format("is nested deeper than {} levels", kMaxJsonDepth));
    }
    stack_.push_back({std::move(container), std::move(key_)});
  }
  bool close() {
    Open top = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    key_ = std::move(top.key);
    return put(std::move(top.value));
  }
  template <class T>
  bool put(T&& x) {
    if (stack_.empty()) {
      root_ = std::forward<T>(x);
    } else if (stack_.back().value.is_array()) {
      stack_.back().value.get_ref<Json::array_t&>().emplace_back(std::forward<T>(x));
    } else {
      // Keys are known to be new here, so that nothing has to be searched.
      auto& object = static_cast<Json::object_t::Container&>(stack_.back().value.get_ref<Json::object_t&>());
      object.emplace_back(std::move(key_), Json(std::forward<T>(x)));
    }
    return true;
  }

  struct Open {
    Json value;
    std::string key;  // the key it will have in its parent
  };

  std::string_view text_;
  const std::string& name_;
  const char* furthest_;
  Json root_;
  std::vector<Open> stack_;
  std::vector<std::set<std::string, std::less<>>> keys_;
  std::string key_;
};

bool is_scalar(const Json& json) {
  return !json.is_array() && !json.is_object();
}

// On one line, with blanks where a person would put them.
std::string one_line(const Json& json) {
  if (is_scalar(json)) return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out = json.is_array() ? "[" : "{";
  for (const auto& [key, value] : json.items()) {
    if (out.size() > 1) out += ", ";
    if (json.is_object()) out += Json(key).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    out += one_line(value);
  }
  return out + (json.is_array() ? "]" : "}");
}

bool holds_objects(const Json& json) {
  return std::any_of(json.begin(), json.end(), [](const Json& item) {
    return item.is_object() || (item.is_array() && holds_objects(item));
  });
}

void write(const Json& json, std::size_t depth, std::size_t column, std::string& out) {
  const std::string indent(2 * (depth + 1), ' ');
  if (is_scalar(json) || json.empty() || (depth > 0 && !holds_objects(json))) {
    const std::string line = one_line(json);
    if (is_scalar(json) || column + line.size() <= kLine) {
      out += line;
      return;
    }
  }
  if (json.is_array() && std::all_of(json.begin(), json.end(), is_scalar)) {
    // Numbers are filled up to the margin.
    out += "[";
    std::size_t at = column + 1;
    for (std::size_t i = 0; i < json.size(); ++i) {
      const std::string item = one_line(json[i]) + (i + 1 < json.size() ? "," : "]");
      if (i > 0 && at + 1 + item.size() > kLine) {
        out += "\n" + indent;
        at = indent.size();
      } else if (i > 0) {
        out += ' ';
        ++at;
      }
      out += item;
      at += item.size();
    }
    return;
  }
  out += json.is_array() ? "[\n" : "{\n";
  std::size_t i = 0;
  for (const auto& [key, value] : json.items()) {
    std::string start = indent;
    if (json.is_object()) start += one_line(Json(key)) + ": ";
    out += start;
    write(value, depth + 1, start.size() + 1, out);
    out += ++i < json.size() ? ",\n" : "\n";
  }
  out += indent.substr(2) + (json.is_array() ? "]" : "}");
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  Handler handler(text, name);
  const CountingIterator first(text.data(), handler.furthest());
  const CountingIterator last(text.data() + text.size(), handler.furthest());
  Json::sax_parse(first, last, &handler);
  return handler.take();
}

std::string format_json(const Json& json) {
  std::string out;
  write(json, 0, 0, out);
  return out;
}

std::string brief(const Json& json) {
  constexpr std::size_t kLongest = 40;
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kLongest) return text;
  if (json.is_object()) return "an object";
  if (json.is_array()) {
    text = "[";
    for (const Json& item : json) {
      const std::string next = item.dump(-1, ' ', false, Json::error_handler_t::replace);
      if (text.size() + next.size() > kLongest - 5) break;
      text += next + ", ";
    }
    return text + "...]";
  }
  return text.substr(0, kLongest - 4) + "...\"";
}

const char* kind_name(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

std::string pointer_join(const std::string& pointer, std::string_view part) {
  std::string joined = pointer + "/";
  for (char c : part) {
    if (c == '~')
      joined += "~0";
    else if (c == '/')
      joined += "~1";
    else
      joined += c;
  }
  return joined;
}

std::vector<std::string> pointer_parts(std::string_view pointer) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      parts.emplace_back();
    } else if (pointer[i] == '~' && i + 1 < pointer.size()) {
      parts.back() += pointer[++i] == '1' ? '/' : '~';
    } else {
      parts.back() += pointer[i];
    }
  }
  return parts;
}

}  // namespace sde::config
