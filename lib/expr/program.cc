// From a graph of values to steps over a table of addresses: [slots of uniform values | inputs | registers |
// outputs].
#include "expr/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <type_traits>

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
  std::size_t lane_inputs = 0, uniform_inputs = 0, slots = 0, registers = 0, lane_operations = 0;
  std::vector<bool> uniform_outputs;
  std::vector<Constant> constants;
  std::vector<UniformInput> arguments;
  std::vector<Step> uniform_steps, lane_steps;
};

namespace {

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

// Where the values of `order` are kept: the row of an output where it is one; nowhere but in the accumulator
// where the next step alone reads it; else a register, taken back after the last use.
class Allocator {
 public:
  Allocator(const Graph& graph, const std::vector<std::uint32_t>& order, std::size_t first)
      : places_(graph.values.size(), kNowhere), steps_(graph.values.size(), kNowhere) {
    std::vector<std::uint32_t> last_use(graph.values.size());
    std::vector<bool> kept(graph.values.size()), is_output(graph.values.size());
    for (std::uint32_t at = 0; at < order.size(); ++at) steps_[order[at]] = at;
    for (std::uint32_t at = 0; at < order.size(); ++at) {
      const Value& v = graph.values[order[at]];
      for (std::size_t i = 0; i < v.arity; ++i) {
        last_use[v.arguments[i]] = at;
        if (!in_accumulator(v.op, v.arguments[i], at)) kept[v.arguments[i]] = true;
      }
      if (is_function(v.op)) kept[order[at]] = true;
    }
    for (const std::uint32_t id : graph.outputs) is_output[id] = true;

    std::vector<std::uint32_t> free;
    for (std::uint32_t at = 0; at < order.size(); ++at) {
      const std::uint32_t id = order[at];
      const Value& v = graph.values[id];
      for (std::size_t i = 0; i < v.arity; ++i) {
        const std::uint32_t a = v.arguments[i];
        if (places_[a] == kNowhere || last_use[a] != at) continue;
        free.push_back(
            places_[a]);         // the result may take its place: a step reads a vector before it writes it
        last_use[a] = kNowhere;  // an argument used twice is released once
      }
      if (is_output[id] || !kept[id]) continue;
      if (free.empty()) free.push_back(static_cast<std::uint32_t>(first + registers_++));
      places_[id] = free.back();
      free.pop_back();
    }
    const std::size_t first_output = first + registers_;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      const std::uint32_t id = graph.outputs[i];
      if (steps_[id] != kNowhere && places_[id] == kNowhere) {
        places_[id] = static_cast<std::uint32_t>(first_output + i);
      }
    }
  }

  std::size_t registers() const { return registers_; }
  std::uint32_t place(std::uint32_t id) const { return places_[id]; }

  // Whether step `at`, which does `op`, finds the value in the accumulator.
  bool in_accumulator(Op op, std::uint32_t id, std::uint32_t at) const {
    return steps_[id] != kNowhere && steps_[id] + 1 == at && at % kSegment != 0 && !is_function(op);
  }

 private:
  static bool is_function(Op op) {
    constexpr Kind kRows[] = {Kind::row, Kind::row, Kind::row};
    return step_code(op, kRows) == kFunctionCode;
  }

  std::size_t registers_ = 0;
  std::vector<std::uint32_t> places_, steps_;
};

// Appends steps, and ends a segment where it is full.
class Writer {
 public:
  explicit Writer(std::vector<Step>& steps) : steps_(steps) {}
  ~Writer() {
    if (in_segment_ > 0) end();
  }

  void add(Step step, const Kind* kinds) {
    if (in_segment_ == kSegment) end();
    step.code = step_code(step.op, kinds);
    steps_.push_back(step);
    ++in_segment_;
  }

 private:
  void end() {
    Step step;
    step.code = kEndCode;
    steps_.push_back(step);
    in_segment_ = 0;
  }

  std::vector<Step>& steps_;
  std::size_t in_segment_ = 0;
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
  std::vector<std::uint32_t> slots(values.size(), kNowhere);
  {
    Writer writer(image->uniform_steps);
    for (std::size_t id = 0; id < values.size(); ++id) {
      const Value& v = values[id];
      if (!needed[id] || v.rank == Rank::lane) continue;
      const std::uint32_t slot = slots[id] = static_cast<std::uint32_t>(image->slots++);
      if (v.op == Op::number) {
        image->constants.push_back({slot, v.constant});
      } else if (v.op == Op::symbol) {
        image->arguments.push_back({slot, v.input});
      } else {  // the same handlers on one quantum of equal lanes
        Step step{0, v.op, slot, {}};
        constexpr Kind kSlots[] = {Kind::slot, Kind::slot, Kind::slot};
        for (std::size_t i = 0; i < v.arity; ++i) step.from[i] = slots[v.arguments[i]];
        writer.add(step, kSlots);
      }
    }
  }

  const std::size_t first_input = image->slots;
  const Allocator allocator(graph, order, first_input + lane_inputs.size());
  image->registers = allocator.registers();
  image->lane_operations = order.size();
  const std::size_t first_output = first_input + lane_inputs.size() + image->registers;
  Writer writer(image->lane_steps);
  const auto locate = [&](std::uint32_t id, std::uint32_t& from) {
    const Value& v = values[id];
    if (v.rank != Rank::lane) {
      from = slots[id];
      return Kind::slot;
    }
    from = v.op == Op::symbol ? static_cast<std::uint32_t>(first_input + v.input) : allocator.place(id);
    return Kind::row;
  };
  for (std::uint32_t at = 0; at < order.size(); ++at) {
    const Value& v = values[order[at]];
    Step step{0, v.op, allocator.place(order[at]), {}};
    Kind kinds[3] = {};
    for (std::size_t i = 0; i < v.arity; ++i) {
      if (!allocator.in_accumulator(v.op, v.arguments[i], at))
        kinds[i] = locate(v.arguments[i], step.from[i]);
    }
    writer.add(step, kinds);
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const std::uint32_t id = graph.outputs[i];
    image->uniform_outputs.push_back(values[id].rank != Rank::lane);
    const auto row = static_cast<std::uint32_t>(first_output + i);
    if (values[id].rank == Rank::lane && values[id].op != Op::symbol && allocator.place(id) == row) continue;
    Step step{0, Op::copy, row, {}};
    const Kind kind = locate(id, step.from[0]);
    writer.add(step, &kind);
    ++image->lane_operations;
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
  return image_ ? image_->lane_operations : 0;
}

std::string Program::listing() const {
  std::string text;
  if (!image_) return text;
  const auto name = [&](std::size_t place) {
    std::size_t i = place;
    if (i < image_->slots) return fmt::format("u{}", i);
    if ((i -= image_->slots) < image_->lane_inputs) return fmt::format("x{}", i);
    if ((i -= image_->lane_inputs) < image_->registers) return fmt::format("r{}", i);
    return fmt::format("y{}", i - image_->registers);
  };
  for (const Step& step : image_->lane_steps) {
    if (step.code == kEndCode) continue;
    text += step.to == kNowhere ? "acc" : name(step.to);
    text += fmt::format(" = {}(", op_name(step.op));
    for (std::size_t i = 0; i < arity_of(step.op); ++i) {
      const bool accumulator = argument_kind(step.code, i) == Kind::accumulator;
      text += fmt::format("{}{}", i > 0 ? ", " : "", accumulator ? "acc" : name(step.from[i]));
    }
    text += ")\n";
  }
  return text;
}

template <class T>
void Program::run_lanes(const T* const* inputs, std::span<const double> uniforms, T* const* outputs,
                        std::size_t lanes, Workspace& workspace) const {
  assert(lanes % kLaneQuantum == 0);
  if (!image_) return;
  const Image& image = *image_;
  assert(uniforms.size() == image.uniform_inputs);

  // Uniform values are f64's whatever the lanes are: they are few.
  std::vector<double*>& slots = workspace.slots;
  if (workspace.uniforms.size() < image.slots * kSlot) workspace.uniforms.resize(image.slots * kSlot);
  if (slots.size() < image.slots) slots.resize(image.slots);
  for (std::size_t i = 0; i < image.slots; ++i) slots[i] = workspace.uniforms.data() + i * kSlot;
  for (const auto& c : image.constants) std::fill_n(slots[c.slot], kSlot, c.value);
  for (const auto& a : image.arguments) std::fill_n(slots[a.slot], kSlot, uniforms[a.input]);
  interpreter<double>()(image.uniform_steps.data(), image.uniform_steps.size(), slots.data(), {}, {}, kSlot,
                        function_kernel<double>());

  auto& [memory, addresses] = workspace.of(T{});
  constexpr std::size_t kSlotSize = std::is_same_v<T, double> ? 0 : kSlot;  // f64 has its slots already
  const std::size_t size = image.slots * kSlotSize + image.registers * kTile<T>;
  if (memory.size() < size) memory.resize(size);
  const std::size_t rows = image.lane_inputs + image.registers + image.uniform_outputs.size();
  if (addresses.size() < image.slots + rows) addresses.resize(image.slots + rows);
  T** const table = addresses.data();
  T* next = memory.data();
  for (std::size_t i = 0; i < image.slots; ++i, next += kSlotSize) {
    if constexpr (std::is_same_v<T, double>) {
      table[i] = slots[i];
    } else {
      table[i] = next;
      std::fill_n(next, kSlot, static_cast<T>(*slots[i]));
    }
  }
  T** const input = table + image.slots;
  T** const output = input + image.lane_inputs + image.registers;
  for (std::size_t i = 0; i < image.lane_inputs; ++i) input[i] = const_cast<T*>(inputs[i]);  // never written
  for (T** r = input + image.lane_inputs; r != output; ++r, next += kTile<T>) *r = next;
  for (std::size_t i = 0; i < image.uniform_outputs.size(); ++i) output[i] = outputs[i];
  const Moving in{image.slots, image.lane_inputs};
  const Moving out{image.slots + image.lane_inputs + image.registers, image.uniform_outputs.size()};
  interpreter<T>()(image.lane_steps.data(), image.lane_steps.size(), table, in, out, lanes,
                   function_kernel<T>());
}

void Program::run(const double* const* inputs, std::span<const double> uniforms, double* const* outputs,
                  std::size_t lanes, Workspace& workspace) const {
  run_lanes(inputs, uniforms, outputs, lanes, workspace);
}

void Program::run(const float* const* inputs, std::span<const double> uniforms, float* const* outputs,
                  std::size_t lanes, Workspace& workspace) const {
  run_lanes(inputs, uniforms, outputs, lanes, workspace);
}

}  // namespace sde::expr
