#include "integrals.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error.h"

namespace sde {
namespace {

struct Call {
  std::size_t begin = 0, open = 0, end = 0;  // of the word, its parenthesis, and past the closing one
  bool average = false;
};

bool is_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// The first call of one of the two words from `from` on; end 0 where there is none.
Call find_call(const std::string& text, std::size_t from) {
  Call first;
  for (const std::string_view word : {"integral", "average"}) {
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
      first = {at, open, end + 1, word == "average"};
      break;
    }
  }
  return first;
}

}  // namespace

PathIntegrals::PathIntegrals(const SimulateOptions& options) : texts_(options.expect) {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    std::string& text = texts_[i];
    try {
      for (Call call = find_call(text, 0); call.end > 0; call = find_call(text, call.end)) {
        Integral integral;
        integral.name = text.substr(call.begin, call.end - call.begin);
        integral.inner = text.substr(call.open + 1, call.end - call.open - 2);
        integral.average = call.average;
        integral.expectation = i;
        if (find_call(integral.inner, 0).end > 0)
          fail(Status::usage, "column {}: an integral over the path in another one is not supported",
               call.begin + 1);
        const auto known = std::find_if(integrals_.begin(), integrals_.end(),
                                        [&](const Integral& k) { return k.name == integral.name; });
        if (known != integrals_.end()) {
          integral.symbol = known->symbol;
        } else {
          integral.symbol = "_" + std::to_string(integrals_.size());
          integral.symbol.resize(integral.name.size(), '_');
          integrals_.push_back(integral);
        }
        text.replace(call.begin, call.end - call.begin, integral.symbol);
      }
    } catch (const Error& error) {
      fail(error.status(), "/expect/{}: {}", i, error.what());
    }
  }
}

void PathIntegrals::extend(SdeDocument& document, SdeExpressions& equation, double start, double end) const {
  std::vector<expr::Expr> drifts;
  for (const Integral& integral : integrals_) {
    try {
      const expr::Expr inner = parse_of(equation, integral.inner);
      drifts.push_back(integral.average ? inner / expr::Expr(end - start) : inner);
    } catch (const Error& error) {
      fail(error.status(), "/expect/{}: in {}: {}", integral.expectation, integral.name, error.what());
    }
  }
  for (std::size_t k = 0; k < size(); ++k) {
    // Starts at 0 as a law of no width.
    document.drawn.push_back({integrals_[k].name, DrawnParameter::Law::uniform, "0", "0"});
    equation.states.push_back(integrals_[k].name);
    equation.drift.push_back(drifts[k]);
    equation.diffusion.emplace_back(equation.noises.size(), expr::Expr(0));
    equation.domains.emplace_back();
  }
}

expr::Expr PathIntegrals::parse(const SdeExpressions& equation, std::size_t i) const {
  std::vector<std::string> symbols;
  std::map<std::string, expr::Expr, std::less<>> values;
  for (const Integral& integral : integrals_) {
    symbols.push_back(integral.symbol);
    values.emplace(integral.symbol, expr::Expr::symbol(integral.name));
  }
  const expr::Expr e = parse_of(equation, texts_[i], symbols);
  return values.empty() ? e : expr::substitute(e, values);
}

}  // namespace sde
