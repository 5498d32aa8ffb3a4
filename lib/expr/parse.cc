// Text to expressions: operator-precedence climbing.
//
//   comparison := sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
//   sum        := product (("+" | "-") product)*
//   product    := signed (("*" | "/") signed)*
//   signed     := ("-" | "+")* power
//   power      := atom ["^" signed]                      right to left, tighter than the sign before it
//   atom       := number | name | name "(" comparison ("," comparison)* ")" | "(" comparison ")"
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"
#include "expr/node.h"

namespace sde::expr {
namespace {

constexpr int kMaxDepth = 500;  // of parentheses, calls and exponents inside one another

enum class Kind { end, number, name, symbol };

struct Token {
  Kind kind = Kind::end;
  std::string_view text;
  std::size_t start = 0;  // byte offset
  double value = 0;
};

bool starts_name(char c) {
  // Bytes above 0x7f are the letters of UTF-8, so that a parameter may be called sigma in Greek.
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Parser {
 public:
  Parser(std::string_view text, const std::vector<std::string>& known) : text_(text), known_(known) {
    advance();
  }

  Expr parse() {
    if (token_.kind == Kind::end) fail(Status::usage, "the expression is empty; write a number or a formula");
    const Expr e = comparison();
    if (token_.kind != Kind::end) unexpected_after_value();
    return e;
  }

 private:
  // ---------------------------------------------------------------------------------------------- tokens

  std::size_t column(std::size_t offset) const {  // in characters, from 1
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    const auto head = text_.substr(0, offset);
    return 1 + head.size() - static_cast<std::size_t>(std::count_if(head.begin(), head.end(), continues));
  }

  template <class... Args>
  [[noreturn]] void error(std::size_t offset, fmt::format_string<Args...> format, Args&&... args) const {
    fail(Status::usage, "column {}: {}", column(offset), fmt::format(format, std::forward<Args>(args)...));
  }

  static std::string describe(const Token& token) {
    switch (token.kind) {
      case Kind::end:
        return "the end";
      case Kind::number:
        return fmt::format("number {}", token.text);
      case Kind::name:
        return fmt::format("name \"{}\"", token.text);
      case Kind::symbol:
        break;
    }
    return fmt::format("\"{}\"", token.text);
  }

  void advance() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
    token_ = Token{};
    token_.start = at_;
    if (at_ == text_.size()) return;
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
      read_number();
    } else if (starts_name(c)) {
      token_.kind = Kind::name;
      while (at_ < text_.size() && (starts_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
    } else {
      read_symbol();
    }
    token_.text = text_.substr(token_.start, at_ - token_.start);
  }

  void read_number() {
    token_.kind = Kind::number;
    const char* first = text_.data() + at_;
    const auto [end, status] = std::from_chars(first, text_.data() + text_.size(), token_.value);
    at_ += static_cast<std::size_t>(end - first);
    if (status != std::errc{}) {
      error(token_.start, "number {} is out of range (1e-308 to 1e308)",
            text_.substr(token_.start, at_ - token_.start));
    }
    if (at_ < text_.size() && text_[at_] == '.') error(at_, "a number has one decimal point");
  }

  void read_symbol() {
    token_.kind = Kind::symbol;
    static constexpr std::string_view kDouble[] = {"<=", ">=", "==", "!=", "**", "&&", "||"};
    const std::string_view rest = text_.substr(at_);
    for (const std::string_view s : kDouble) {
      if (rest.starts_with(s)) {
        at_ += s.size();
        if (s == "**") error(token_.start, "\"**\" is not an operator; write ^ for a power");
        if (s == "&&") error(token_.start, "\"&&\" is not an operator; multiply the conditions");
        if (s == "||") error(token_.start, "\"||\" is not an operator; use max(a, b) of the conditions");
        return;
      }
    }
    static constexpr std::string_view kSingle = "+-*/^(),<>";
    if (kSingle.find(rest[0]) != std::string_view::npos) {
      ++at_;
      return;
    }
    switch (rest[0]) {
      case '=':
        error(token_.start, "\"=\" is not an operator; write == to compare");
      case '!':
        error(token_.start, "\"!\" is not an operator; compare with 0, as in x == 0");
      case '[':
      case '{':
        error(token_.start, "expected \"(\" (got \"{}\")", rest[0]);
      default:
        break;
    }
    if (static_cast<unsigned char>(rest[0]) < 0x20) {
      error(token_.start, "unexpected character (got code {})", static_cast<int>(rest[0]));
    }
    error(token_.start, "unexpected character \"{}\"", rest[0]);
  }

  bool is(std::string_view symbol) const { return token_.kind == Kind::symbol && token_.text == symbol; }

  bool accept(std::string_view symbol) {
    if (!is(symbol)) return false;
    advance();
    return true;
  }

  // ---------------------------------------------------------------------------------------------- grammar

  struct Depth {
    Depth(Parser& p, std::size_t start) : parser(p) {
      if (++parser.depth_ > kMaxDepth) parser.error(start, "nested more than {} levels deep", kMaxDepth);
    }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };

  Expr comparison() {
    const Expr a = sum();
    if (token_.kind != Kind::symbol) return a;
    static constexpr std::string_view kComparisons[] = {"<", "<=", ">", ">=", "==", "!="};
    const auto known = std::find(std::begin(kComparisons), std::end(kComparisons), token_.text);
    if (known == std::end(kComparisons)) return a;
    advance();
    const Expr b = sum();
    if (token_.kind == Kind::symbol &&
        std::find(std::begin(kComparisons), std::end(kComparisons), token_.text) != std::end(kComparisons)) {
      error(token_.start, "comparisons do not chain; write (a < b)*(b < c)");
    }
    if (*known == "<") return expr::make(Op::less, std::array{a, b});
    if (*known == "<=") return expr::make(Op::less_equal, std::array{a, b});
    if (*known == ">") return expr::make(Op::less, std::array{b, a});
    if (*known == ">=") return expr::make(Op::less_equal, std::array{b, a});
    return expr::make(*known == "==" ? Op::equal : Op::not_equal, std::array{a, b});
  }

  Expr sum() {
    Expr e = product();
    for (;;) {
      if (accept("+")) {
        e = e + product();
      } else if (accept("-")) {
        e = e - product();
      } else {
        return e;
      }
    }
  }

  Expr product() {
    Expr e = signed_power();
    for (;;) {
      if (accept("*")) {
        e = e * signed_power();
      } else if (accept("/")) {
        e = e / signed_power();
      } else {
        return e;
      }
    }
  }

  Expr signed_power() {
    bool negative = false;
    for (;;) {
      if (accept("-")) {
        negative = !negative;
      } else if (!accept("+")) {
        break;
      }
    }
    const Expr e = power();
    return negative ? -e : e;
  }

  Expr power() {
    const Expr base = atom();
    const std::size_t start = token_.start;
    if (!accept("^")) return base;
    const Depth depth(*this, start);
    return pow(base, signed_power());
  }

  Expr atom() {
    const Token token = token_;
    if (token.kind == Kind::number) {
      advance();
      return Expr(token.value);
    }
    if (token.kind == Kind::name) return named(token);
    if (is("(")) {
      const Depth depth(*this, token.start);
      advance();
      const Expr e = comparison();
      close(token, "(");
      return e;
    }
    error(token.start, "expected a number, a name or \"(\" (got {})", describe(token));
  }

  void close(const Token& open, std::string_view what) {
    if (accept(")")) return;
    if (token_.kind == Kind::end) error(open.start, "\"{}\" is never closed", what);
    if (is(",")) error(token_.start, "expected \")\" (got \",\")");
    unexpected_after_value();
  }

  Expr named(const Token& token) {
    advance();
    if (is("(")) return function_call(token);
    if (std::find(known_.begin(), known_.end(), token.text) != known_.end()) {
      return Expr::symbol(std::string(token.text));
    }
    if (token.text == "pi") return Expr(std::numbers::pi);
    if (const Function* f = find_function(token.text)) {
      error(token.start, "function {} needs arguments; write {}(...)", f->name, f->name);
    }
    for (const std::string_view word : {"nan", "NaN", "NAN", "inf", "Inf", "INF", "infinity", "Infinity"}) {
      if (token.text == word) error(token.start, "\"{}\" is not a number an expression may contain", word);
    }
    std::vector<std::string> names = known_;
    names.emplace_back("pi");
    error(token.start, "unknown name \"{}\"{}", token.text, suggestion(token.text, names));
  }

  Expr function_call(const Token& name) {
    const Function* f = find_function(name.text);
    if (!f) {
      if (name.text == "pi" || std::find(known_.begin(), known_.end(), name.text) != known_.end()) {
        error(name.start, "\"{}\" is not a function; write * between factors", name.text);
      }
      std::vector<std::string> names;
      for (const Function& known : functions()) names.emplace_back(known.name);
      error(name.start, "unknown function \"{}\"{}", name.text, suggestion(name.text, names));
    }
    const Depth depth(*this, name.start);
    advance();
    std::vector<Expr> arguments;
    if (!is(")")) {
      do {
        arguments.push_back(comparison());
      } while (accept(","));
    }
    close(name, fmt::format("{}(", f->name));
    if (arguments.size() != f->arity) {
      error(name.start, "{} takes {} argument{} (got {})", f->name, f->arity, f->arity == 1 ? "" : "s",
            arguments.size());
    }
    return make(f->op, arguments);
  }

  // A value was read and something that cannot follow it came.
  [[noreturn]] void unexpected_after_value() const {
    if (is(")")) error(token_.start, "\")\" without \"(\"");
    if (is(",")) error(token_.start, "\",\" outside the arguments of a function");
    if (token_.kind == Kind::symbol && !is("("))
      error(token_.start, "expected an operator (got {})", describe(token_));
    error(token_.start, "expected an operator (got {}); write * between factors", describe(token_));
  }

  std::string_view text_;
  const std::vector<std::string>& known_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Token token_;
};

}  // namespace

Expr parse(std::string_view text, const std::vector<std::string>& known) {
  return Parser(text, known).parse();
}

}  // namespace sde::expr
