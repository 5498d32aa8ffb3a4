// Expressions as text that parses back.
#include <fmt/format.h>

#include <cmath>

#include "expr/curve.h"
#include "expr/node.h"

namespace sde::expr {
namespace {

// Strength of binding, weakest first.
enum Level { kComparison = 1, kSum, kProduct, kSign, kPower, kAtom };

Level level(const Node& n) {
  switch (n.op) {
    case Op::number:
      if (!std::isfinite(n.value)) return kProduct;
      return std::signbit(n.value) ? kSign : kAtom;
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal:
      return kComparison;
    case Op::add:
    case Op::subtract:
      return kSum;
    case Op::multiply:
    case Op::divide:
    case Op::negate:
      return kProduct;
    case Op::power:
      return kPower;
    default:
      return kAtom;
  }
}

// Whether the sign of a product may be written before its first factor: -x*y is read as (-x)*y, which becomes
// -(x*y) again, but -(a - b)*y would become (b - a)*y.
bool opens_with_name(const Node& n) {
  const Node* first = &n;
  while (first->op == Op::multiply || first->op == Op::divide) first = first->arguments[0].get();
  return first->op != Op::number && level(*first) >= kPower;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "0/0";
  if (std::isinf(value)) return value > 0 ? "1/0" : "-1/0";
  return fmt::format("{}", value);
}

std::string_view operator_text(Op op) {
  switch (op) {
    case Op::add:
      return " + ";
    case Op::subtract:
      return " - ";
    case Op::multiply:
      return "*";
    case Op::divide:
      return "/";
    case Op::power:
      return "^";
    case Op::less:
      return " < ";
    case Op::less_equal:
      return " <= ";
    case Op::equal:
      return " == ";
    default:
      return " != ";
  }
}

// What remains to be written, last first: a node that must bind at least so strongly, or a piece of text.
struct Piece {
  const Node* node;
  int least;
  std::string_view text;
};

}  // namespace

std::string to_string(const Expr& e) {
  std::string out;
  std::vector<Piece> stack{{&e.node(), 0, {}}};
  const auto text = [&](std::string_view t) { stack.push_back({nullptr, 0, t}); };
  const auto node = [&](const Node& n, std::size_t i, int least) {
    stack.push_back({n.arguments[i].get(), least, {}});
  };
  while (!stack.empty()) {
    const Piece piece = stack.back();
    stack.pop_back();
    if (!piece.node) {
      out += piece.text;
      continue;
    }
    const Node& n = *piece.node;
    const int own = level(n);
    if (own < piece.least) {
      out += '(';
      text(")");
    }
    switch (own) {
      case kComparison:
      case kSum:
      case kProduct:
        if (n.op == Op::number) {
          out += number_text(n.value);
          break;
        }
        if (n.op == Op::negate) {
          out += '-';
          node(n, 0, opens_with_name(*n.arguments[0]) ? kProduct : kPower);
          break;
        }
        node(n, 1, own + 1);
        text(operator_text(n.op));
        node(n, 0, own == kComparison ? own + 1 : own);
        break;
      case kSign:
        out += number_text(n.value);
        break;
      case kPower:
        node(n, 1, kPower);
        text("^");
        node(n, 0, kAtom);
        break;
      default:
        if (n.op == Op::number) {
          out += number_text(n.value);
        } else if (n.op == Op::symbol) {
          out += n.name;
        } else if (n.op == Op::lookup) {
          // An input as its user names it, where it is one of the present time.
          out += curve_of(n.arguments[1]->value).name();
          if (n.arguments[0]->op == Op::symbol && n.arguments[0]->name == "t") break;
          out += '(';
          text(")");
          node(n, 0, 0);
        } else {
          out += function_name(n.op);
          out += '(';
          text(")");
          for (std::size_t i = n.arity; i-- > 0;) {
            node(n, i, 0);
            if (i > 0) text(", ");
          }
        }
    }
  }
  return out;
}

}  // namespace sde::expr
