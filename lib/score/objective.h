// What a network is trained for, and what a batch of training data is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "score/coupling.h"
#include "score/model.h"

namespace sde {

enum class Objective {
  denoising,  // the squared error of the prediction (Vincent 2011)
  sliced,     // score matching without the noise's help, the trace by one random direction (Song et al. 2019)
  implicit,   // the same with the whole trace (Hyvarinen 2005)
  consistency,   // where the flow ends, from neighbouring times (Song et al. 2023; Song & Dhariwal 2024)
  distillation,  // the same with the flow of a teacher
};
constexpr auto enum_names(Objective) {
  using enum Objective;
  return std::array{std::pair{"denoising", denoising}, std::pair{"sliced", sliced},
                    std::pair{"implicit", implicit}, std::pair{"consistency", consistency},
                    std::pair{"distillation", distillation}};
}
// Whether a consistency function is learned.
constexpr bool is_consistency(Objective objective) {
  return objective == Objective::consistency || objective == Objective::distillation;
}

// Rows of training data; noise is [n][D] where a teacher has paired each row with its own, else empty.
struct BatchData {
  const std::vector<float>& data;  // [n][D]
  const std::vector<float>& noise;
  const std::vector<std::uint32_t>& rows;   // that are drawn
  const std::vector<std::int32_t>& labels;  // [n] or empty
  const std::vector<float>& spread;         // [D] or empty: uniform noise on [0, spread) is added to the data
};

}  // namespace sde
