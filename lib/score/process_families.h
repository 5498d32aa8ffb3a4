// The families that make_process() chooses from.
#pragma once

#include <memory>

#include "score/process.h"

namespace sde {

// A path that would end in noise alone ends with this much of its way to go, so that its half log-SNR, a' / a
// and what is derived from them stay finite; flows counted the other way start as much after 0.
inline constexpr double kLastSignal = 1e-5;

std::shared_ptr<const NoiseProcess> make_diffusion(const ProcessOptions& options);  // vp ... ncsn
std::shared_ptr<const NoiseProcess> make_path(const ProcessOptions& options);  // flow, interpolant, bridge
std::shared_ptr<const NoiseProcess> make_custom_scales(
    const ProcessOptions& options);  // custom: signal, noise
std::shared_ptr<const NoiseProcess> make_custom_linear(
    const ProcessOptions& options);  // custom: beta, or drift

// Throws Error(Status::usage), "/process: ...", where lambda is not finite or rises somewhere on (0, 1].
void check_falling_snr(const NoiseProcess& process);

}  // namespace sde
