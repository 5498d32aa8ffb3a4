// From a graph of values to steps over a table of addresses: [slots of uniform values | inputs | registers |
// outputs].
#include "expr/program.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/error.h"
#include "expr/graph.h"
#include "expr/interpreter.h"

namespace sde::expr {

struct Program::Image {
  struct Constant {
    std::uint32_t slot;
    double value;
  };
  struct UniformInput {
    std::uint32_t slot, input;
  };
  std::size_t lane_inputs = 0, uniform_inputs = 0, slots = 0, registers = 0;
  std::vector<bool> uniform_outputs;
  std::vector<Constant> constants;
  std::vector<UniformInput> arguments;
  std::vector<Step> uniform_steps, lane_steps;
};

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// The values that lanes compute, in an order that keeps few of them alive: of the arguments, the one that
// needs more registers first (Sethi & Ullman 1970, for trees; on graphs a heuristic).
std::vector<std::uint32_t> schedule(const Graph& graph) {
  const std::vector<Value>& values = graph.values;
  const auto computed = [&](std::uint32_t id) {
    return values[id].rank == Rank::lane && values[id].op != Op::symbol;
  };
  std::vector<std::uint32_t> need(values.size());
  std::vector<std::array<std::uint32_t, 3>> arguments(values.size());
  for (std::size_t id = 0; id < values.size(); ++id) {
    const Value& v = values[id];
    auto& list = arguments[id] = v.arguments;
    std::stable_sort(list.begin(), list.begin() + v.arity,
                     [&](std::uint32_t a, std::uint32_t b) { return need[a] > need[b]; });
    if (!computed(static_cast<std::uint32_t>(id))) continue;
    need[id] = 1;
    for (std::uint32_t i = 0; i < v.arity; ++i) {
      if (need[list[i]] > 0) need[id] = std::max(need[id], need[list[i]] + i);
    }
  }

  struct Visit {
    std::uint32_t id;
    std::size_t next;
  };
  std::vector<std::uint32_t> order;
  std::vector<bool> seen(values.size());
  std::vector<Visit> stack;
  const auto visit = [&](std::uint32_t id) {
    if (!computed(id) || seen[id]) return;
    seen[id] = true;
    stack.push_back({id, 0});
  };
  for (const std::uint32_t output : graph.outputs) {
    visit(output);
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next < values[top.id].arity) {
        visit(arguments[top.id][top.next++]);
      } else {
        order.push_back(top.id);
        stack.pop_back();
      }
    }
  }
  return order;
}

// Gives every value of `order` a place: the row of an output where it is one, else a register, taken back
// after the last use.
class Allocator {
 public:
  Allocator(const Graph& graph, const std::vector<std::uint32_t>& order, std::size_t first_register)
      : graph_(graph), first_(first_register), places_(graph.values.size(), kNone) {
    std::vector<std::size_t> last_use(graph.values.size());
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Value& v = graph.values[order[at]];
      for (std::size_t i = 0; i < v.arity; ++i) last_use[v.arguments[i]] = at;
    }
    std::vector<bool> is_output(graph.values.size());
    for (const std::uint32_t id : graph.outputs) is_output[id] = true;
    std::vector<std::uint32_t> free;
    for (std::size_t at = 0; at < order.size(); ++at) {
      const std::uint32_t id = order[at];
      const Value& v = graph.values[id];
      for (std::size_t i = 0; i < v.arity; ++i) {
        const std::uint32_t a = v.arguments[i];
        if (places_[a] == kNone || last_use[a] != at) continue;
        free.push_back(
            places_[a]);  // the result may take its place: a step reads an element before it writes it
        last_use[a] = order.size();  // an argument used twice is released once
      }
      if (is_output[id]) continue;
      if (free.empty()) {
        places_[id] = static_cast<std::uint32_t>(registers_++);
      } else {
        places_[id] = free.back();
        free.pop_back();
      }
    }
    const std::size_t first_output = first_ + registers_;
    for (std::uint32_t& place : places_) {
      if (place != kNone) place += static_cast<std::uint32_t>(first_);
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      const std::uint32_t id = graph.outputs[i];
      if (graph.values[id].rank == Rank::lane && graph.values[id].op != Op::symbol && places_[id] == kNone) {
        places_[id] = static_cast<std::uint32_t>(first_output + i);
      }
    }
  }

  std::size_t registers() const { return registers_; }
  std::uint32_t place(std::uint32_t id) const { return places_[id]; }

 private:
  const Graph& graph_;
  std::size_t first_, registers_ = 0;
  std::vector<std::uint32_t> places_;
};

}  // namespace

Program::Program(const std::vector<Expr>& outputs, const std::vector<std::string>& lane_inputs,
                 const std::vector<std::string>& uniform_inputs) {
  const Graph graph = make_graph(outputs, lane_inputs, uniform_inputs);
  const std::vector<Value>& values = graph.values;
  const std::vector<std::uint32_t> order = schedule(graph);
  auto image = std::make_shared<Image>();
  image->lane_inputs = lane_inputs.size();
  image->uniform_inputs = uniform_inputs.size();

  // What the lanes, the outputs and other uniform values read has a slot.
  std::vector<bool> needed(values.size());
  for (const std::uint32_t id : graph.outputs) needed[id] = true;
  for (const std::uint32_t id : order) needed[id] = true;
  for (std::size_t id = values.size(); id-- > 0;) {
    if (!needed[id]) continue;
    for (std::size_t i = 0; i < values[id].arity; ++i) needed[values[id].arguments[i]] = true;
  }
  std::vector<std::uint32_t> slots(values.size(), kNone);
  for (std::size_t id = 0; id < values.size(); ++id) {
    const Value& v = values[id];
    if (!needed[id] || v.rank == Rank::lane) continue;
    const std::uint32_t slot = slots[id] = static_cast<std::uint32_t>(image->slots++);
    if (v.op == Op::number) {
      image->constants.push_back({slot, v.constant});
    } else if (v.op == Op::symbol) {
      image->arguments.push_back({slot, v.input});
    } else {
      Step step{v.op, 0, slot, {}};
      for (std::size_t i = 0; i < v.arity; ++i) step.from[i] = slots[v.arguments[i]];
      image->uniform_steps.push_back(step);
    }
  }

  const std::size_t first_input = image->slots;
  const Allocator allocator(graph, order, first_input + lane_inputs.size());
  image->registers = allocator.registers();
  const std::size_t first_output = first_input + lane_inputs.size() + image->registers;
  const auto read = [&](Step& step, std::size_t i, std::uint32_t id) {
    const Value& v = values[id];
    if (v.rank != Rank::lane) {
      step.uniform |= static_cast<std::uint8_t>(1u << i);
      step.from[i] = slots[id];
    } else {
      step.from[i] =
          v.op == Op::symbol ? static_cast<std::uint32_t>(first_input + v.input) : allocator.place(id);
    }
  };
  for (const std::uint32_t id : order) {
    Step step{values[id].op, 0, allocator.place(id), {}};
    for (std::size_t i = 0; i < values[id].arity; ++i) read(step, i, values[id].arguments[i]);
    image->lane_steps.push_back(step);
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const std::uint32_t id = graph.outputs[i];
    image->uniform_outputs.push_back(values[id].rank != Rank::lane);
    const auto row = static_cast<std::uint32_t>(first_output + i);
    if (allocator.place(id) == row) continue;
    Step step{Op::copy, 0, row, {}};
    read(step, 0, id);
    image->lane_steps.push_back(step);
  }
  image_ = std::move(image);
}

std::size_t Program::outputs() const {
  return image_ ? image_->uniform_outputs.size() : 0;
}
bool Program::output_is_uniform(std::size_t i) const {
  return image_->uniform_outputs.at(i);
}
std::size_t Program::lane_operations() const {
  return image_ ? image_->lane_steps.size() : 0;
}

void Program::run(const double* const* inputs, std::span<const double> uniforms, double* const* outputs,
                  std::size_t lanes, Workspace& workspace) const {
  assert(lanes % kLaneQuantum == 0);
  if (!image_) return;
  const Image& image = *image_;
  assert(uniforms.size() == image.uniform_inputs);
  const std::size_t size = image.slots * kSlot + image.registers * kChunk;
  if (workspace.memory.size() < size) workspace.memory.resize(size);
  const std::size_t rows = image.lane_inputs + image.registers + image.uniform_outputs.size();
  if (workspace.addresses.size() < image.slots + rows) workspace.addresses.resize(image.slots + rows);

  double** const table = workspace.addresses.data();
  double* memory = workspace.memory.data();
  for (std::size_t i = 0; i < image.slots; ++i, memory += kSlot) table[i] = memory;
  double** const input = table + image.slots;
  double** const output = input + image.lane_inputs + image.registers;
  for (std::size_t i = 0; i < image.lane_inputs; ++i)
    input[i] = const_cast<double*>(inputs[i]);  // never written
  for (double** r = input + image.lane_inputs; r != output; ++r, memory += kChunk) *r = memory;
  for (std::size_t i = 0; i < image.uniform_outputs.size(); ++i) output[i] = outputs[i];

  const Interpreter execute = interpreter();
  const FunctionKernel functions = function_kernel();
  for (const auto& c : image.constants) std::fill_n(table[c.slot], kSlot, c.value);
  for (const auto& a : image.arguments) std::fill_n(table[a.slot], kSlot, uniforms[a.input]);
  execute(image.uniform_steps.data(), image.uniform_steps.size(), table, kSlot, functions);
  for (std::size_t done = 0; done < lanes; done += kChunk) {
    execute(image.lane_steps.data(), image.lane_steps.size(), table, std::min(kChunk, lanes - done),
            functions);
    for (std::size_t i = 0; i < image.lane_inputs; ++i) input[i] += kChunk;
    for (std::size_t i = 0; i < image.uniform_outputs.size(); ++i) output[i] += kChunk;
  }
}

}  // namespace sde::expr
