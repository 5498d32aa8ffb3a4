// Classifier-free guidance.
#pragma once

#include <memory>
#include <optional>

#include "score/model.h"

namespace sde {

// score = (1 - scale) score(x) + scale score(x | label): scale 0 ignores the label, 1 is the model given the
// label, more exaggerates it. (Ho & Salimans 2022 write w = scale - 1.) Where the scale is neither 0 nor 1
// both are evaluated. Throws Error(Status::usage) for a model without classes, a label out of range, or a
// scale that is not finite.
std::shared_ptr<const ScoreModel> guide(std::shared_ptr<const ScoreModel> model, std::int64_t label,
                                        std::optional<double> scale);

}  // namespace sde
