#include "expr/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "base/error.h"

namespace sde::expr {
namespace {

constexpr double kExpandedPower = 64;  // larger integer powers are computed as real ones

struct Key {
  Op op;
  std::uint64_t constant;
  std::array<std::uint32_t, 3> arguments;
  bool operator==(const Key&) const = default;
};

struct KeyHash {
  std::size_t operator()(const Key& k) const {
    std::uint64_t h = static_cast<std::uint64_t>(k.op) ^ k.constant * 0x9e3779b97f4a7c15u;
    for (const std::uint32_t a : k.arguments) h = (h ^ a) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    return h;
  }
};

bool commutes(Op op) {
  return op == Op::add || op == Op::multiply;
}
bool is_product(Op op) {
  return op == Op::multiply || op == Op::divide || op == Op::negate;
}

class Builder {
 public:
  Builder(std::span<const Expr> outputs, std::span<const std::string> lane_inputs,
          std::span<const std::string> uniform_inputs)
      : lane_inputs_(lane_inputs), uniform_inputs_(uniform_inputs), order_(postorder(outputs)) {
    count_uses(outputs);
    for (const Node* n : order_) {
      if (!absorbed(*n)) lowered_[n] = lower(*n);
    }
    for (const Expr& e : outputs) graph_.outputs.push_back(positive(lowered_.at(&e.node())));
    fuse();
  }

  Graph take() { return std::move(graph_); }

 private:
  // A value up to its sign, which travels to where it costs nothing.
  struct Signed {
    std::uint32_t id;
    bool negative = false;
  };

  // -------------------------------------------------------------------------------------------- values

  Rank rank(std::uint32_t id) const { return graph_.values[id].rank; }

  std::uint32_t intern(Value v) {
    const Key key{v.op,
                  v.op == Op::symbol ? v.input + (v.rank == Rank::lane ? 1ull << 32 : 0)
                                     : std::bit_cast<std::uint64_t>(v.constant),
                  v.arguments};
    const auto [found, fresh] = numbers_.try_emplace(key, static_cast<std::uint32_t>(graph_.values.size()));
    if (fresh) graph_.values.push_back(v);
    return found->second;
  }

  std::uint32_t constant(double c) {
    Value v;
    v.constant = c;
    return intern(v);
  }

  template <class... Id>
  std::uint32_t value(Op op, Id... ids) {
    Value v;
    v.op = op;
    v.arity = sizeof...(ids);
    v.arguments = {ids...};
    for (const std::uint32_t id : {ids...}) v.rank = std::max(v.rank, rank(id));
    if (commutes(op) && v.arguments[1] < v.arguments[0]) std::swap(v.arguments[0], v.arguments[1]);
    if (v.rank == Rank::constant) {
      const bool rounds_correctly =
          op <= Op::negate || op == Op::sqrt;  // the C library's other functions vary
      const auto at = [&](std::size_t i) { return graph_.values[v.arguments[i]].constant; };
      const double folded = rounds_correctly ? apply(op, at(0), v.arity > 1 ? at(1) : 0) : NAN;
      if (std::isfinite(folded)) return constant(folded);
      v.rank = Rank::uniform;
    }
    return intern(v);
  }

  std::uint32_t positive(Signed s) { return s.negative ? value(Op::negate, s.id) : s.id; }

  // -------------------------------------------------------------------------------------------- lowering

  void count_uses(std::span<const Expr> outputs) {
    for (const Node* n : order_) {
      for (std::size_t i = 0; i < n->arity; ++i) {
        Use& use = uses_[n->arguments[i].get()];
        ++use.count;
        use.by_product = is_product(n->op);
      }
    }
    for (const Expr& e : outputs) uses_[&e.node()].count += 2;  // never part of something else
  }

  // A product inside a product, used there alone: its factors join those of the outer one.
  bool absorbed(const Node& n) const {
    const Use& use = uses_.at(&n);
    return is_product(n.op) && use.count == 1 && use.by_product;
  }

  std::uint32_t argument(const Node& n, std::size_t i) { return positive(lowered_.at(n.arguments[i].get())); }

  Signed lower(const Node& n) {
    switch (n.op) {
      case Op::number:
        return {constant(n.value)};
      case Op::symbol:
        return {input(n.name)};
      case Op::add:
      case Op::subtract:
        return sum(n);
      case Op::multiply:
      case Op::divide:
      case Op::negate:
        return product(n);
      case Op::power:
        return {power(n)};
      default:
        break;
    }
    switch (n.arity) {
      case 1:
        return {value(n.op, argument(n, 0))};
      case 2: {
        const std::uint32_t a = argument(n, 0);
        std::uint32_t b = argument(n, 1);
        if (n.op == Op::lookup) b = broadcast(b, rank(a));
        return {value(n.op, a, b)};
      }
      default: {
        const std::uint32_t a = argument(n, 0), b = argument(n, 1), c = argument(n, 2);
        return {value(n.op, a, b, c)};
      }
    }
  }

  std::uint32_t input(const std::string& name) {
    Value v;
    v.op = Op::symbol;
    if (const auto lane = std::find(lane_inputs_.begin(), lane_inputs_.end(), name);
        lane != lane_inputs_.end()) {
      v.rank = Rank::lane;
      v.input = static_cast<std::uint32_t>(lane - lane_inputs_.begin());
      return intern(v);
    }
    const auto uniform = std::find(uniform_inputs_.begin(), uniform_inputs_.end(), name);
    if (uniform == uniform_inputs_.end()) fail(Status::bug, "program: \"{}\" is not among the inputs", name);
    v.rank = Rank::uniform;
    v.input = static_cast<std::uint32_t>(uniform - uniform_inputs_.begin());
    return intern(v);
  }

  Signed sum(const Node& n) {
    const Signed a = lowered_.at(n.arguments[0].get());
    Signed b = lowered_.at(n.arguments[1].get());
    if (n.op == Op::subtract) b.negative = !b.negative;
    if (a.negative == b.negative) return {value(Op::add, a.id, b.id), a.negative};
    return a.negative ? Signed{value(Op::subtract, b.id, a.id)} : Signed{value(Op::subtract, a.id, b.id)};
  }

  struct Product {
    bool empty = true;
    std::uint32_t id = 0;
  };
  void times(Product& p, std::uint32_t id) {
    p.id = p.empty ? id : value(Op::multiply, p.id, id);
    p.empty = false;
  }

  // (uniform factors) * (factors of lanes) / (divisors of lanes). A division by something uniform becomes one
  // division a run and a multiplication a lane; a sign goes into the uniform factor.
  Signed product(const Node& root) {
    struct Visit {
      const Node* node;
      bool below;
    };
    Product uniform, uniform_below, lane, lane_below;
    bool negative = false;
    std::vector<Visit> stack{{&root, false}};
    while (!stack.empty()) {
      const Visit at = stack.back();
      stack.pop_back();
      const Node& n = *at.node;
      if (&n == &root || absorbed(n)) {
        if (n.op == Op::negate) negative = !negative;
        if (n.arity == 2) stack.push_back({n.arguments[1].get(), at.below != (n.op == Op::divide)});
        stack.push_back({n.arguments[0].get(), at.below});
        continue;
      }
      const Signed factor = lowered_.at(&n);
      negative = negative != factor.negative;
      if (rank(factor.id) == Rank::lane) {
        times(at.below ? lane_below : lane, factor.id);
      } else {
        times(at.below ? uniform_below : uniform, factor.id);
      }
    }
    if (!uniform_below.empty) {
      const std::uint32_t top = uniform.empty ? constant(1) : uniform.id;
      uniform = {false, value(Op::divide, top, uniform_below.id)};
    }
    if (lane.empty && lane_below.empty) return {uniform.id, negative};
    if (!uniform.empty) {
      if (negative) uniform.id = value(Op::negate, uniform.id);
      negative = false;
      const Value& u = graph_.values[uniform.id];
      const bool one = u.rank == Rank::constant && u.constant == 1;
      if (lane.empty) {
        lane = uniform;
      } else if (!one) {
        lane.id = value(Op::multiply, uniform.id, lane.id);
      }
    }
    if (lane_below.empty) return {lane.id, negative};
    return {value(Op::divide, lane.empty ? constant(1) : lane.id, lane_below.id), negative};
  }

  // Elementary functions read rows: a uniform argument beside one of lanes is written to each lane.
  std::uint32_t broadcast(std::uint32_t id, Rank other) {
    if (rank(id) == Rank::lane || other != Rank::lane) return id;
    Value v;
    v.op = Op::copy;
    v.rank = Rank::lane;
    v.arity = 1;
    v.arguments = {id};
    return intern(v);
  }

  std::uint32_t power(const Node& n) {
    const std::uint32_t base = argument(n, 0), exponent = argument(n, 1);
    const Value& e = graph_.values[exponent];
    const double whole = std::floor(e.constant);
    const double rest = e.constant - whole;
    if (e.rank != Rank::constant || whole < 1 || whole > kExpandedPower || (rest != 0 && rest != 0.5)) {
      return value(Op::power, broadcast(base, rank(exponent)), broadcast(exponent, rank(base)));
    }
    Product result;
    std::uint32_t square = base;
    for (unsigned k = static_cast<unsigned>(whole);;) {
      if (k & 1) times(result, square);
      k >>= 1;
      if (k == 0) break;
      square = value(Op::multiply, square, square);
    }
    if (rest == 0.5) times(result, value(Op::sqrt, base));
    return result.id;
  }

  // -------------------------------------------------------------------------------------------- fusion

  // A sum whose term is a product used nowhere else becomes a fused multiply-add; of two such terms the
  // second is fused. Nothing here asks what the machine is.
  void fuse() {
    std::vector<Value>& values = graph_.values;
    std::vector<std::uint32_t> uses(values.size());
    std::vector<bool> live(values.size());
    for (const std::uint32_t id : graph_.outputs) {
      live[id] = true;
      uses[id] += 2;
    }
    for (std::size_t id = values.size(); id-- > 0;) {
      if (!live[id]) continue;
      for (std::size_t i = 0; i < values[id].arity; ++i) {
        live[values[id].arguments[i]] = true;
        ++uses[values[id].arguments[i]];
      }
    }
    for (Value& v : values) {
      if (v.op != Op::add && v.op != Op::subtract) continue;
      for (const std::size_t i : {1, 0}) {
        const Value& p = values[v.arguments[i]];
        if (p.op != Op::multiply || p.rank != v.rank || uses[v.arguments[i]] != 1) continue;
        const std::uint32_t other = v.arguments[1 - i];
        if (v.op == Op::add) {
          v.op = Op::multiply_add;
        } else {
          v.op = i == 1 ? Op::subtract_product : Op::multiply_subtract;
        }
        v.arity = 3;
        v.arguments = {p.arguments[0], p.arguments[1], other};
        break;
      }
    }
  }

  struct Use {
    std::size_t count = 0;
    bool by_product = false;
  };

  std::span<const std::string> lane_inputs_, uniform_inputs_;
  std::vector<const Node*> order_;
  std::unordered_map<const Node*, Use> uses_;
  std::unordered_map<const Node*, Signed> lowered_;
  std::unordered_map<Key, std::uint32_t, KeyHash> numbers_;
  Graph graph_;
};

}  // namespace

Graph make_graph(std::span<const Expr> outputs, std::span<const std::string> lane_inputs,
                 std::span<const std::string> uniform_inputs) {
  return Builder(outputs, lane_inputs, uniform_inputs).take();
}

}  // namespace sde::expr
