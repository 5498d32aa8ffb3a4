// Samples of the data given a linear observation of them: inverse problems and inpainting.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "score/model.h"

namespace sde {

// How the likelihood of the observation y = A x_0 + noise at a noised state is approximated.
enum class ObservationMethod {
  tweedie,  // x_0 given x_t as a Gaussian of the model's own mean and covariance (Boys et al. 2023):
            // exact for Gaussian data; one Jacobian product for each row of A
  pigdm,    // of covariance r^2 I, r^2 = v s^2 / (a^2 v + s^2) (Song et al. 2023): exact for data N(., v I)
  dps,      // of no covariance (Chung et al. 2023, eq. 11): exact as the noise of y outweighs that of x_0
  replacement,  // known components are set to their noised values after each step (Song et al. 2021, I.2)
  repaint,      // the same, each step several times with noise added between (Lugmayr et al. 2022)
};
constexpr auto enum_names(ObservationMethod) {
  using enum ObservationMethod;
  return std::array{std::pair{"tweedie", tweedie}, std::pair{"pigdm", pigdm}, std::pair{"dps", dps},
                    std::pair{"replacement", replacement}, std::pair{"repaint", repaint}};
}

struct ObservationOptions {
  ObservationMethod method = ObservationMethod::tweedie;
  // Either components by name and their values, or rows of A over all components and the values of A x_0; in
  // the data's units.
  std::map<std::string, double> known;
  std::optional<std::vector<std::vector<double>>> matrix;
  std::optional<std::vector<double>> value;
  double noise = 0;                        // standard deviation of the observation's noise
  std::optional<double> variance;          // pigdm: of the data, in the model's units; 1
  std::optional<std::uint64_t> resamples;  // repaint: times each step is made; 10

  template <class V>
  void visit(V& v) {
    v("method", method);
    v("known", known);
    v("matrix", matrix);
    v("value", value);
    v("noise", noise);
    v("variance", variance);
    v("resamples", resamples);
  }
};

// The observation in the model's units: y = A z + noise, rows of A independent. Throws Error(Status::usage)
// for names that are no column, shapes that do not fit, rows that depend on each other, values that are not
// finite, and a method that does not fit the observation.
struct Observation {
  ObservationOptions options;
  std::size_t dimension = 0;
  std::vector<std::vector<double>> rows;
  std::vector<double> value;
  std::vector<std::pair<std::size_t, double>> known;  // components and values, where A selects some

  bool by_steps() const {
    return options.method == ObservationMethod::replacement || options.method == ObservationMethod::repaint;
  }
};
Observation make_observation(const ScoreModel& model, const ObservationOptions& options,
                             const std::vector<std::string>& columns);

// The score of the noised data given the observation, for methods that are not by_steps(). It has no
// divergence.
std::shared_ptr<const ScoreModel> observe(std::shared_ptr<const ScoreModel> model,
                                          const Observation& observation);

}  // namespace sde
