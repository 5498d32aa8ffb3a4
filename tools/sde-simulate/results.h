// What an ensemble comes to, beside the exact law where it is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/summary.h"
#include "job.h"

namespace sde {

// Empty where the law is not known, where starts come from data, or there is one path only. Throws where the
// method draws from a law that does not reach the end. Of square-root processes that a boundary absorbs it is
// the law of those that go on, which tells how much that rule takes away.
std::optional<KnownLaw> law_at_end(const Job& job);
// Adds (x - E x)^2 of every state to the expectations: means, and standard errors, of variances.
void add_squares(Job& job);
// The law's own lines for every state, below those of the run.
std::string law_text(const Job& job, const EnsembleResult& result, std::size_t width);

// Under /status, /unsolved, /final, /events and /expect.
void summarise_results(const Job& job, const EnsembleResult& result, config::Summary& summary);
// A sentence for each expectation that is not finite.
std::vector<std::string> undefined_expectations(const Job& job, const EnsembleResult& result);

// Whether states that live on [0, inf) with a noise of their square root can reach 0, for people and under
// /feller.
std::vector<std::string> feller_remarks(const Job& job);
void summarise_feller(const Job& job, config::Summary& summary);

}  // namespace sde
