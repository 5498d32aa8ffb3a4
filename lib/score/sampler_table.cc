// The closed set of samplers.
#include <string_view>

#include "base/error.h"
#include "base/suggest.h"
#include "score/sampler.h"

namespace sde {

const std::vector<SamplerTraits>& samplers() {
  using enum SamplerKind;
  using enum GridType;
  static const std::vector<SamplerTraits> table = {
      {"euler_maruyama", "Euler-Maruyama on the reverse-time SDE", "Song et al. 2021", sde, "euler-maruyama",
       1000, uniform, 1, "n", true, false, ""},
      {"sra1", "stochastic Runge-Kutta for additive noise, on the reverse-time SDE", "Roessler 2010", sde,
       "sra1", 100, uniform, 2, "2 n", true, false, ""},
      {"reverse_diffusion", "undoes one step of the noise process after the other",
       "Song et al. 2021, app. E", sde, nullptr, 1000, uniform, 1, "n", true, true, ""},
      {"ancestral", "the reverse transitions of DDPM (vp) and SMLD (ve)", "Ho et al. 2020; Song et al. 2021",
       sde, nullptr, 1000, uniform, 1, "n", true, true, ""},
      {"pc", "a predictor on the reverse SDE, after Langevin steps at each noise level", "Song et al. 2021",
       sde, nullptr, 500, uniform, 1, "n (1 + corrector_steps)", true, true,
       " predictor corrector snr corrector_steps "},
      {"ddim", "exact in the state between evaluations of the score; eta adds noise back",
       "Song, Meng & Ermon 2021", either, nullptr, 250, uniform, 1, "n", true, true, " eta "},
      {"euler", "Euler on the probability-flow ODE", "Song et al. 2021", ode, "euler", 1000, uniform, 1, "n",
       false, false, ""},
      {"heun", "Heun on the probability-flow ODE", "Karras et al. 2022", ode, "heun", 50, uniform, 2, "2 n",
       false, false, ""},
      {"rk4", "the classical Runge-Kutta method on the probability-flow ODE", "Kutta 1901", ode, "rk4", 25,
       uniform, 4, "4 n", false, false, ""},
      {"edm", "Heun in sigma, with noise added and removed again where S_churn > 0",
       "Karras et al. 2022, alg. 2", either, nullptr, 18, karras, 2, "2 n - 1", true, true,
       " S_churn S_min S_max S_noise "},
      {"dpm1", "DPM-Solver of order 1, which is ddim without noise", "Lu et al. 2022", ode, nullptr, 100,
       logsnr, 1, "n", false, false, ""},
      {"dpm2", "DPM-Solver of order 2, singlestep", "Lu et al. 2022", ode, nullptr, 25, logsnr, 2, "2 n",
       false, false, ""},
      {"dpm3", "DPM-Solver of order 3, singlestep", "Lu et al. 2022", ode, nullptr, 15, logsnr, 3, "3 n",
       false, false, ""},
      {"dpmpp_2m", "DPM-Solver++ of order 2, multistep", "Lu et al. 2023", ode, nullptr, 50, logsnr, 2, "n",
       false, true, ""},
      {"dpmpp_3m", "DPM-Solver++ of order 3, multistep; its first step, of order 1, makes it 2",
       "Lu et al. 2023", ode, nullptr, 50, logsnr, 2, "n", false, true, ""},
      {"dpmpp_2m_sde", "DPM-Solver++ of order 2 on the reverse SDE; eta scales its noise", "Lu et al. 2023",
       either, nullptr, 50, logsnr, 1, "n", true, true, " eta "},
      {"unipc", "UniPC, a multistep predictor and a corrector without further evaluations",
       "Zhao et al. 2023", ode, nullptr, 25, logsnr, 3, "n", false, true, " order "},
      {"plms", "pseudo linear multistep: Adams-Bashforth weights of equal steps, order 4", "Liu et al. 2022",
       ode, nullptr, 50, uniform, 1, "n + 1", false, true, ""},
      {"lms", "linear multistep in sigma, order 4, weights of the actual steps", "Katherine Crowson 2022",
       ode, nullptr, 50, karras, 4, "n", false, true, ""},
      {"rk45", "Dormand-Prince 5(4) on the probability-flow ODE, steps adapted for each sample",
       "Dormand & Prince 1980", ode, "dopri5", 0, uniform, 5, "as rtol and atol need", false, false,
       " rtol atol "},
      {"tsit5", "Tsitouras 5(4) on the probability-flow ODE, steps adapted for each sample", "Tsitouras 2011",
       ode, "tsit5", 0, uniform, 5, "as rtol and atol need", false, false, " rtol atol "},
      {"consistency", "to the data at once and back to less noise, for consistency models",
       "Song et al. 2023, alg. 1", consistency, nullptr, 2, karras, 0, "n", true, false, ""},
      {"exact", "draws from the distribution of the data itself, for analytic models", "", exact, nullptr, 0,
       uniform, 0, "0", true, false, ""},
  };
  return table;
}

const SamplerTraits& find_sampler(const std::string& name) {
  std::vector<std::string> known;
  for (const SamplerTraits& s : samplers()) {
    if (name == s.name) return s;
    known.emplace_back(s.name);
  }
  fail(Status::usage, "/sampler: unknown sampler \"{}\"{}", name, suggestion(name, known));
}

namespace {

// Why the model cannot be sampled so; "" where it can.
std::string_view reason(const SamplerTraits& sampler, const ScoreModel& model) {
  if (model.has_no_score() && sampler.kind != SamplerKind::consistency) {
    return "needs a score, which a consistency model does not have";
  }
  if (sampler.kind == SamplerKind::sde && model.flow_only()) {
    return "draws noise on the way, which a flow between coupled ends leaves no place for";
  }
  if (sampler.kind == SamplerKind::consistency && !model.consistent()) {
    return "needs a consistency model, which knows where the flow ends";
  }
  if (sampler.kind == SamplerKind::exact && !model.draws()) {
    return "needs an analytic model, which knows the distribution of its data";
  }
  return {};
}

}  // namespace

std::string refusal(const SamplerTraits& sampler, const ScoreModel& model) {
  const std::string_view why = reason(sampler, model);
  if (why.empty()) return {};
  std::string text = std::string(sampler.name) + " " + std::string(why) + "; use";
  const char* separator = " ";
  for (const SamplerTraits& other : samplers()) {
    if (!reason(other, model).empty()) continue;
    text += separator + std::string(other.name);
    separator = ", ";
  }
  return text;
}

}  // namespace sde
