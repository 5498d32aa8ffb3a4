// Score models in closed form, from score documents.
#pragma once

#include <memory>

#include "score/mixture.h"

namespace sde {

// `rows` are the data of type "empirical" where the document names a file: [n][dimension]. Throws
// Error(Status::usage) for keys that are missing or do not belong to the type, and whatever the model
// refuses.
std::shared_ptr<const ScoreModel> make_analytic(const ScoreDocument& document, std::vector<double> rows = {},
                                                std::size_t dimension = 0);

}  // namespace sde
