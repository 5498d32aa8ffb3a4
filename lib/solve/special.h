// Steppers that are no explicit scheme.
#pragma once

#include <memory>

#include "solve/stepper.h"

namespace sde {

// y = x + h ((1 - theta) f(t, x) + theta f(t + h, y)) + G(t, x) dW (Kloeden & Platen 1992, eq. 12.2.3), theta
// in [0, 1]; 1 is the drift-implicit Euler method; with the Milstein term where `milstein` (12.2.9), for
// noise that commutes. Newton's iteration with the symbolic Jacobian; a path on which it does not converge in
// 25 iterations becomes unsolved_state().
std::unique_ptr<Stepper> make_theta_stepper(const SdeExpressions& sde, double theta, bool milstein = false);

// The power of |x| with which drift and diffusion grow, the larger of the two, along the axes and some other
// directions. Throws Error(Status::usage) where they grow faster than any power.
double growth_power(const SdeExpressions& sde);

// An ODE by the Rosenbrock method RODAS (Hairer & Wanner 1996, IV.7): order 4 with an estimate of order 3,
// stiffly accurate and L-stable, dense output of order 3, every lane with its t and h. Jacobian and time
// derivative are symbolic. Six solves with one factorisation a step.
std::unique_ptr<Stepper> make_rosenbrock_stepper(const SdeExpressions& sde);

// Langevin dynamics dq = M p dt, dp = (F(q, t) - gamma p) dt + S dW by the splitting BAOAB (Leimkuhler &
// Matthews 2013): half a kick, half a drift, the exact Ornstein-Uhlenbeck flow, half a drift, half a kick.
// Positions are the states without noise. Throws Error(Status::usage) where the SDE has another form, saying
// what is in the way.
std::unique_ptr<Stepper> make_baoab_stepper(const SdeExpressions& sde);

// The same dynamics by a Strang splitting with the exact flow of friction and noise given dW and H, and the
// force interpolated between the ends of the step (Foster, Lyons & Oberhauser 2021, arXiv 2101.03446,
// definition 4.2, in the form known as ALIGN).
std::unique_ptr<Stepper> make_align_stepper(const SdeExpressions& sde);

// The same dynamics along the ODE that a path of two jumps and a straight line with the same dW, H and K
// drives (Foster, Lyons & Oberhauser 2021, arXiv 2101.03446): by three stages (their definition 7.1, known as
// ShOULD), or with `gauss` by two at Gauss points (QUICSORT; Scott, O'Kane, Jelincic & Foster 2025, arXiv
// 2508.16762).
std::unique_ptr<Stepper> make_shifted_stepper(const SdeExpressions& sde, bool gauss);

}  // namespace sde
