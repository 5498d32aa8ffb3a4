// Whether Markov chains have found their law, and what their draws are worth (Vehtari, Gelman, Simpson,
// Carpenter & Buerkner, Bayesian Analysis 16, 2021).
#pragma once

#include <cstddef>
#include <span>

namespace sde {

struct ChainDiagnostics {
  // The larger of the rank-normalised split R-hat of the draws and of their distances from the median; 1
  // where chains agree with one another and each with its halves, suspicious above 1.01.
  double r_hat = 0;
  double ess_bulk = 0;  // independent draws that would tell as much of the centre (of the ranks)
  double ess_tail = 0;  // and of the 5 % and 95 % quantiles, the smaller
  double error = 0;     // standard error of the mean
};

// x[chain * draws + draw], at least 4 draws a chain; not-a-number where all are equal or one is not finite.
ChainDiagnostics diagnose_chains(std::span<const double> x, std::size_t chains, std::size_t draws);

}  // namespace sde
