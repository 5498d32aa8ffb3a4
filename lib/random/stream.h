// Random numbers as a pure function of (seed, purpose, id, step, component): Philox4x32-10 (Salmon, Moraes,
// Dror & Shaw, SC 2011), addressed, never advanced. The same address has the same bits on every machine,
// instruction set, thread count and block size.
//
// The key is the first 64 bits of Philox(counter = (purpose, component, 0, 0), key = seed); the counter is
// (id low, id high, step low, step high). One evaluation gives 128 bits: two f64 or four f32 numbers, which
// belong to neighbouring steps, so that none is thrown away.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sde {

// What a number is for. Streams of different purposes are independent; values are part of the file format's
// promise that a seed reproduces a run, so they never change.
enum class Purpose : std::uint32_t {
  brownian = 1,    // increments of the driving Brownian motion
  space_time = 2,  // space-time Levy areas H
  tree = 3,        // nodes of a virtual Brownian tree
  levy_area = 4,
  initial = 5,     // initial states
  exact = 6,       // draws from exact transition laws
  parameter = 7,   // parameters drawn per path
  prior = 8,       // start of a sampler
  sampler = 9,     // noise inside a sampler
  probe = 10,      // Hutchinson probes
  minibatch = 11,  // indices of training data
  time = 12,       // training times
  noise = 13,      // training noise
  weights = 14,    // initial weights
  split = 15,      // train / validation split
  start = 16,      // starting points of an optimiser
  bootstrap = 17,
  dequantise = 18,
  test = 19,
  event = 20,  // crossings between the ends of a step
};

struct Stream {
  std::array<std::uint32_t, 2> key;
};

Stream make_stream(std::uint64_t seed, Purpose purpose, std::uint32_t component = 0);

// Ten rounds of Philox4x32, one counter.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// Standard normals by Box-Muller for ids first_id + lane: `even` takes step 2 * pair, `odd` step 2 * pair
// + 1. `lanes` is a multiple of kLaneQuantum; the pointers are aligned to kAlignment.
void fill_normals(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t pair,
                  double* even, double* odd);

// The same numbers at any address: lane i reads (ids[i], pairs[i]).
void fill_normals_at(const Stream& stream, const std::uint64_t* ids, const std::uint64_t* pairs,
                     std::size_t lanes, double* even, double* odd);

// Uniform on (0, 1), never 0 nor 1, addressed in the same way.
void fill_uniforms(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t pair,
                   double* even, double* odd);

// f32 standard normals for ids first_id + lane: out[k] takes step 4 * quad + k. Tails reach 6.6 sigma (32-bit
// radius).
void fill_normals(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t quad,
                  const std::array<float*, 4>& out);

// Many steps of several components at once, for less than single calls cost: streams[c] drives component c,
// and step 2 * first_pair + s of component c, lane i (id first_id + i), goes to out[(s * components + c) *
// lanes + i] for s < 2 * pairs. The same numbers as fill_normals.
void fill_normal_steps(const Stream* streams, std::size_t components, std::uint64_t first_id,
                       std::size_t lanes, std::uint64_t first_pair, std::size_t pairs, double* out,
                       double scale = 1);

// One address at a time; the same bits as the fills.
std::array<double, 2> normal_pair(const Stream& stream, std::uint64_t id, std::uint64_t pair);
std::array<double, 2> uniform_pair(const Stream& stream, std::uint64_t id, std::uint64_t pair);

}  // namespace sde
