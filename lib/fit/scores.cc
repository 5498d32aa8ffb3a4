#include "fit/scores.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

#include "fit/tape.h"
#include "random/stream.h"
#include "sde/expressions.h"

namespace sde {

std::vector<double> crps(const SdeDocument& document, const Observations& data, int samples, int steps,
                         std::uint64_t seed) {
  const SdeExpressions sde = converted(parse_document(document), Calculus::ito);
  const std::size_t d = sde.dimension(), noises = sde.noises.size(), n = data.transitions();
  std::vector<expr::Expr> rows;
  for (const expr::Expr& f : sde.drift) rows.push_back(truncated(sde, f));
  for (const auto& row : sde.diffusion)
    for (const expr::Expr& g : row) rows.push_back(truncated(sde, g));
  std::vector<std::string> varying = sde.states;
  varying.emplace_back("t");
  const Tape tape(rows, sde.parameters, varying);
  std::vector<Stream> streams;
  for (std::size_t k = 0; k < noises; ++k)
    streams.push_back(make_stream(seed, Purpose::brownian, static_cast<std::uint32_t>(k)));

  constexpr std::size_t kChunk = 16;
  const auto draws = static_cast<std::size_t>(samples), pieces = static_cast<std::size_t>(steps);
  std::vector<double> result(n * d);
  tbb::parallel_for(std::size_t{0}, (n + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    Tape::Memory<double> memory;
    tape.start(std::span<const double>(sde.parameter_values), memory);
    std::vector<double> input(d + 1), out(tape.outputs()), drawn(d * draws);
    for (std::size_t i = chunk * kChunk; i < std::min(n, (chunk + 1) * kChunk); ++i) {
      const std::size_t before = data.observation_before(i);
      const double start = data.time()[before];
      const double h = (data.time()[before + 1] - start) / static_cast<double>(pieces), root = std::sqrt(h);
      for (std::size_t m = 0; m < draws; ++m) {
        for (std::size_t c = 0; c < d; ++c) input[c] = data.column(c)[before];
        for (std::size_t k = 0; k < pieces; ++k) {
          input[d] = start + static_cast<double>(k) * h;
          tape.run(std::span<const double>(input), out.data(), memory);
          for (std::size_t c = 0; c < d; ++c) input[c] += h * out[c];
          for (std::size_t w = 0; w < noises; ++w) {
            const std::uint64_t step = m * pieces + k;
            const double z = root * normal_pair(streams[w], i, step / 2)[step % 2];
            for (std::size_t c = 0; c < d; ++c) input[c] += out[d + c * noises + w] * z;
          }
        }
        for (std::size_t c = 0; c < d; ++c) drawn[c * draws + m] = input[c];
      }
      for (std::size_t c = 0; c < d; ++c) {
        const auto first = drawn.begin() + static_cast<std::ptrdiff_t>(c * draws);
        const auto last = first + static_cast<std::ptrdiff_t>(draws);
        if (!std::all_of(first, last, [](double x) { return std::isfinite(x); })) {
          result[i * d + c] = std::nan("");
          continue;
        }
        std::sort(first, last);
        // sum over pairs of |X - X*|, from the sorted draws.
        double off = 0, pairs = 0;
        for (std::size_t m = 0; m < draws; ++m) {
          const double x = first[static_cast<std::ptrdiff_t>(m)];
          off += std::fabs(x - data.column(c)[before + 1]);
          pairs += (2 * static_cast<double>(m) + 1 - static_cast<double>(draws)) * x;
        }
        const double count = static_cast<double>(draws);
        result[i * d + c] = off / count - pairs / (count * (count - 1));
      }
    }
  });
  return result;
}

}  // namespace sde
