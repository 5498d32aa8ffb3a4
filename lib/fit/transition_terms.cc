// The log-densities of transitions under a model that is known.
#include "base/error.h"
#include "fit/estimable.h"
#include "fit/fit.h"
#include "fit/likelihood.h"

namespace sde {

struct TransitionTerms::Made {
  TransitionDensity density;
  std::vector<double> parameters;
  std::unique_ptr<LogLikelihood> likelihood;
};

TransitionTerms::TransitionTerms(const SdeDocument& document, const std::string& density,
                                 const Observations& data)
    : made_(std::make_unique<Made>()) {
  const SdeExpressions sde = converted(parse_document(estimable(document, data.time())), Calculus::ito);
  made_->density = make_density(sde, density);
  for (std::size_t d = 0; d < data.dimension(); ++d)
    for (std::size_t i = 0; i < data.observations(); ++i)
      if (made_->density.positive_state[d] && !(data.column(d)[i] > 0))
        fail(Status::bad_data, "{}: \"{}\" is {}, but its transition law lives on values above 0",
             data.describe(i), data.states()[d], data.column(d)[i]);
  made_->parameters = sde.parameter_values;
  made_->likelihood = make_likelihood(made_->density, data, {});
}

TransitionTerms::~TransitionTerms() = default;

const std::string& TransitionTerms::density() const {
  return made_->density.name;
}

std::vector<double> TransitionTerms::operator()(std::size_t first, std::size_t last) const {
  std::vector<double> result(last - first);
  if (!result.empty()) made_->likelihood->some_terms(made_->parameters, first, last, result.data());
  return result;
}

std::vector<double> per_transition_loglik(const SdeDocument& document, const std::string& density,
                                          const Observations& data, std::string* chosen) {
  const TransitionTerms terms(document, density, data);
  if (chosen) *chosen = terms.density();
  return terms(0, data.transitions());
}

}  // namespace sde
