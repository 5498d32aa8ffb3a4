#include "expr/node.h"

#include <bit>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace sde::expr {
namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {  // the finaliser of splitmix64
  h = (h ^ v) + 0x9e3779b97f4a7c15u;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

std::uint64_t hash_of(const Node& n) {
  std::uint64_t h = mix(static_cast<std::uint64_t>(n.op), std::bit_cast<std::uint64_t>(n.value));
  for (const char c : n.name) h = mix(h, static_cast<unsigned char>(c));
  for (std::size_t i = 0; i < n.arity; ++i) h = mix(h, n.arguments[i]->hash);
  return h;
}

bool same(const Node& a, const Node& b) {
  return a.op == b.op && std::bit_cast<std::uint64_t>(a.value) == std::bit_cast<std::uint64_t>(b.value) &&
         a.arguments == b.arguments && a.name == b.name;
}

// Holds every living node weakly. A node leaves the table before its memory goes, under the same mutex, so a
// pointer found in the table can be read; whether it can be revived is for weak_ptr to say.
class Interner {
 public:
  std::shared_ptr<const Node> intern(Node&& candidate) {
    candidate.hash = hash_of(candidate);
    const std::lock_guard lock(mutex_);
    const auto [first, last] = table_.equal_range(candidate.hash);
    for (auto i = first; i != last; ++i) {
      if (!same(*i->second.node, candidate)) continue;
      if (auto living = i->second.handle.lock()) return living;
    }
    const Node* node = new Node(std::move(candidate));
    std::shared_ptr<const Node> handle(node, [this](const Node* n) { retire(n); });
    table_.emplace(node->hash, Entry{node, handle});
    return handle;
  }

 private:
  struct Entry {
    const Node* node;
    std::weak_ptr<const Node> handle;
  };

  // Releasing a node releases its arguments, and so on; a list instead of the stack, which a long sum would
  // overflow.
  void retire(const Node* node) {
    static thread_local std::vector<const Node*>* pending = nullptr;
    if (pending) {
      pending->push_back(node);
      return;
    }
    std::vector<const Node*> list{node};
    pending = &list;
    while (!list.empty()) {
      const Node* n = list.back();
      list.pop_back();
      remove(n);
      delete n;  // may extend the list
    }
    pending = nullptr;
  }

  void remove(const Node* node) {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = table_.equal_range(node->hash);
    for (auto i = first; i != last; ++i) {
      if (i->second.node == node) {
        table_.erase(i);
        return;
      }
    }
  }

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, Entry> table_;
};

Interner& interner() {
  static Interner& instance = *new Interner;  // outlives every static Expr
  return instance;
}

constexpr Function kFunctions[] = {
    {"exp", Op::exp, 1},   {"log", Op::log, 1},         {"sqrt", Op::sqrt, 1},
    {"abs", Op::abs, 1},   {"sin", Op::sin, 1},         {"cos", Op::cos, 1},
    {"tan", Op::tan, 1},   {"sinh", Op::sinh, 1},       {"cosh", Op::cosh, 1},
    {"tanh", Op::tanh, 1}, {"asin", Op::asin, 1},       {"acos", Op::acos, 1},
    {"atan", Op::atan, 1}, {"sigmoid", Op::sigmoid, 1}, {"softplus", Op::softplus, 1},
    {"erf", Op::erf, 1},   {"expm1", Op::expm1, 1},     {"log1p", Op::log1p, 1},
    {"sign", Op::sign, 1}, {"min", Op::minimum, 2},     {"max", Op::maximum, 2},
    {"pow", Op::power, 2}, {"if", Op::select, 3},
};

}  // namespace

std::span<const Function> functions() {
  return kFunctions;
}

const Function* find_function(std::string_view name) {
  for (const Function& f : kFunctions) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

std::string_view function_name(Op op) {
  for (const Function& f : kFunctions) {
    if (f.op == op) return f.name;
  }
  return {};
}

std::string_view op_name(Op op) {
  constexpr std::pair<Op, std::string_view> kOthers[] = {
      {Op::add, "add"},
      {Op::subtract, "subtract"},
      {Op::multiply, "multiply"},
      {Op::divide, "divide"},
      {Op::negate, "negate"},
      {Op::less, "less"},
      {Op::less_equal, "less_equal"},
      {Op::equal, "equal"},
      {Op::not_equal, "not_equal"},
      {Op::lookup, "lookup"},
      {Op::multiply_add, "multiply_add"},
      {Op::multiply_subtract, "multiply_subtract"},
      {Op::subtract_product, "subtract_product"},
      {Op::copy, "copy"},
  };
  for (const auto& [other, name] : kOthers) {
    if (other == op) return name;
  }
  return function_name(op);
}

std::size_t arity_of(Op op) {
  switch (op) {
    case Op::number:
    case Op::symbol:
      return 0;
    case Op::negate:
    case Op::copy:
      return 1;
    case Op::multiply_add:
    case Op::multiply_subtract:
    case Op::subtract_product:
      return 3;
    default:
      break;
  }
  for (const Function& f : kFunctions) {
    if (f.op == op) return f.arity;
  }
  return 2;
}

Expr raw(Op op, std::span<const Expr> arguments) {
  Node n;
  n.op = op;
  n.arity = static_cast<std::uint8_t>(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) n.arguments[i] = arguments[i].handle();
  return Expr(interner().intern(std::move(n)));
}

Expr::Expr(double value) {
  Node n;
  n.value = value == 0 ? 0 : value;  // one zero
  node_ = interner().intern(std::move(n));
}

Expr Expr::symbol(std::string name) {
  Node n;
  n.op = Op::symbol;
  n.name = std::move(name);
  return Expr(interner().intern(std::move(n)));
}

bool Expr::is_number() const {
  return node_->op == Op::number;
}
double Expr::number() const {
  return node_->value;
}
bool Expr::is_zero() const {
  return is_number() && number() == 0;
}

bool structurally_equal(const Expr& a, const Expr& b) {
  return a.handle() == b.handle();
}

std::vector<const Node*> postorder(std::span<const Expr> roots) {
  struct Visit {
    const Node* node;
    std::size_t next;
  };
  std::vector<const Node*> order;
  std::unordered_set<const Node*> seen;
  std::vector<Visit> stack;
  for (const Expr& root : roots) {
    if (!seen.insert(&root.node()).second) continue;
    stack.push_back({&root.node(), 0});
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next < top.node->arity) {
        const Node* argument = top.node->arguments[top.next++].get();
        if (seen.insert(argument).second) stack.push_back({argument, 0});
      } else {
        order.push_back(top.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace sde::expr
