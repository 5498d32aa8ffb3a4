#include "functionals.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include "base/error.h"

namespace sde {
namespace {

bool is_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

struct PathFunctionals::Call {
  std::size_t begin = 0, open = 0, end = 0;  // of the word, its parenthesis, and past the closing one
  Kind kind = Kind::integral;
};

// The first call of one of the words from `from` on; end 0 where there is none.
PathFunctionals::Call PathFunctionals::find_call(const std::string& text, std::size_t from) {
  static constexpr std::pair<std::string_view, Kind> kWords[] = {{"integral", Kind::integral},
                                                                 {"average", Kind::average},
                                                                 {"max_path", Kind::greatest},
                                                                 {"min_path", Kind::least}};
  Call first;
  for (const auto& [word, kind] : kWords) {
    for (std::size_t at = text.find(word, from); at != std::string::npos; at = text.find(word, at + 1)) {
      if (at > 0 && is_letter(text[at - 1])) continue;
      const std::size_t open = text.find_first_not_of(' ', at + word.size());
      if (open == std::string::npos || text[open] != '(') continue;
      if (first.end > 0 && first.begin < at) break;
      int depth = 0;
      std::size_t end = open;
      for (; end < text.size(); ++end) {
        depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        if (depth == 0) break;
      }
      if (end == text.size()) fail(Status::usage, "column {}: \"{}(\" is never closed", at + 1, word);
      first = {at, open, end + 1, kind};
      break;
    }
  }
  return first;
}

PathFunctionals::PathFunctionals(const SimulateOptions& options) : texts_(options.expect) {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    std::string& text = texts_[i];
    try {
      for (Call call = find_call(text, 0); call.end > 0; call = find_call(text, call.end)) {
        Functional functional;
        functional.name = text.substr(call.begin, call.end - call.begin);
        functional.inner = text.substr(call.open + 1, call.end - call.open - 2);
        functional.kind = call.kind;
        functional.expectation = i;
        if (find_call(functional.inner, 0).end > 0)
          fail(Status::usage, "column {}: a functional of the path in another one is not supported",
               call.begin + 1);
        const auto known = std::find_if(functionals_.begin(), functionals_.end(),
                                        [&](const Functional& k) { return k.name == functional.name; });
        if (known != functionals_.end()) {
          functional.symbol = known->symbol;
        } else {
          functional.symbol = "_" + std::to_string(functionals_.size());
          functional.symbol.resize(functional.name.size(), '_');
          functionals_.push_back(functional);
        }
        text.replace(call.begin, call.end - call.begin, functional.symbol);
      }
    } catch (const Error& error) {
      fail(error.status(), "/expect/{}: {}", i, error.what());
    }
  }
}

void PathFunctionals::extend(SdeDocument& document, SdeExpressions& equation, double start,
                             double end) const {
  std::vector<expr::Expr> inner;
  for (const Functional& functional : functionals_) {
    try {
      inner.push_back(parse_of(equation, functional.inner));
    } catch (const Error& error) {
      fail(error.status(), "/expect/{}: in {}: {}", functional.expectation, functional.name, error.what());
    }
  }
  for (std::size_t k = 0; k < size(); ++k) {
    const Kind kind = functionals_[k].kind;
    const bool extreme = kind == Kind::greatest || kind == Kind::least;
    if (extreme) equation.extremes.push_back({equation.states.size(), inner[k], kind == Kind::greatest});
    // Starts at a law of no width: at 0, or beyond whatever the expression may be at the start.
    const char* const from = kind == Kind::greatest ? "-1e300" : kind == Kind::least ? "1e300" : "0";
    document.drawn.push_back({functionals_[k].name, DrawnParameter::Law::uniform, from, from});
    equation.states.push_back(functionals_[k].name);
    equation.drift.push_back(extreme                 ? expr::Expr(0)
                             : kind == Kind::average ? inner[k] / expr::Expr(end - start)
                                                     : inner[k]);
    equation.diffusion.emplace_back(equation.noises.size(), expr::Expr(0));
    equation.domains.emplace_back();
  }
}

expr::Expr PathFunctionals::parse(const SdeExpressions& equation, std::size_t i) const {
  std::vector<std::string> symbols;
  std::map<std::string, expr::Expr, std::less<>> values;
  for (const Functional& functional : functionals_) {
    symbols.push_back(functional.symbol);
    values.emplace(functional.symbol, expr::Expr::symbol(functional.name));
  }
  const expr::Expr e = parse_of(equation, texts_[i], symbols);
  return values.empty() ? e : expr::substitute(e, values);
}

}  // namespace sde
