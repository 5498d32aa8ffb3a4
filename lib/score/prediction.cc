#include "score/prediction.h"

#include "base/error.h"

namespace sde {

void check_prediction(Prediction prediction, const NoiseProcess& process, const char* process_name) {
  if (prediction == Prediction::flow && process.levels()) {
    fail(Status::usage,
         "/prediction: {} is a ladder of levels, between which there is no velocity; take epsilon, score, "
         "sample, "
         "v_prediction or edm",
         process_name);
  }
  // Where x is noise alone, what is known of the noise says nothing of the data (Lin et al. 2024): x_0 would
  // be off by s / a times the error.
  const bool of_noise = prediction == Prediction::epsilon || prediction == Prediction::score ||
                        prediction == Prediction::energy;
  if (of_noise && process.half_log_snr(kHorizon) < -9) {
    fail(Status::usage,
         "/prediction: {} ends in noise alone (a/s = {:.2g} at t = 1), of which a prediction of the noise "
         "cannot "
         "find the way back; take flow, sample, v_prediction or edm",
         process_name, std::exp(process.half_log_snr(kHorizon)));
  }
}

}  // namespace sde
