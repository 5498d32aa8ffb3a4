// The schemes by the names of their methods, for either algebra.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "solve/method.h"
#include "solve/scheme.h"
#include "solve/scheme_tableau.h"
#include "solve/scheme_weak.h"

namespace sde {

template <class A>
using Scheme = scheme::Result<A> (*)(A&);

// `srk` is the method of strong order 3/2 that the noise allows.
template <class A>
Scheme<A> find_scheme(const Method& method, NoiseKind kind) {
  std::string name = method.name;
  if (name == "srk") name = kind == NoiseKind::additive ? "sra1" : "sri2w1";
  static const std::map<std::string, Scheme<A>, std::less<>> table = {
      {"euler-maruyama", scheme::euler_maruyama<A>},
      {"tamed-euler", scheme::tamed_euler<A>},
      {"truncated-euler", scheme::truncated_euler<A>},
      {"milstein", scheme::milstein<A>},
      {"euler-heun", scheme::euler_heun<A>},
      {"heun", scheme::heun<A>},
      {"midpoint", scheme::midpoint<A>},
      {"ralston", scheme::ralston<A>},
      {"reversible-heun", scheme::reversible_heun<A>},
      {"shark", scheme::shark<A>},
      {"sea", scheme::sea<A>},
      {"log-ode", scheme::log_ode<A>},
      {"sra1", [](A& a) { return scheme::strong_additive(a, sra1_tableau()); }},
      {"sra3", [](A& a) { return scheme::strong_additive(a, sra3_tableau()); }},
      {"sosra", [](A& a) { return scheme::strong_additive(a, sosra_tableau()); }},
      {"sri1w1", [](A& a) { return scheme::strong_ito(a, sri1w1_tableau()); }},
      {"sri2w1", [](A& a) { return scheme::strong_ito(a, sri2w1_tableau()); }},
      {"sosri", [](A& a) { return scheme::strong_ito(a, sosri_tableau()); }},
      {"spark", [](A& a) { return scheme::strong_stratonovich(a, spark_tableau()); }},
      {"slowrk", [](A& a) { return scheme::strong_stratonovich(a, slowrk_tableau()); }},
      {"general-shark", [](A& a) { return scheme::strong_stratonovich(a, general_shark_tableau()); }},
      {"dri1", [](A& a) { return scheme::weak_ito(a, dri1_tableau()); }},
      {"ri6", [](A& a) { return scheme::weak_ito(a, ri6_tableau()); }},
      {"w2ito1", scheme::w2ito1<A>},
      {"pl1wm", scheme::pl1wm<A>},
      {"rs1", [](A& a) { return scheme::weak_stratonovich(a, rs1_tableau()); }},
      {"rs2", [](A& a) { return scheme::weak_stratonovich(a, rs2_tableau()); }},
      {"euler", [](A& a) { return scheme::runge_kutta(a, euler_tableau()); }},
      {"rk4", [](A& a) { return scheme::runge_kutta(a, rk4_tableau()); }},
      {"bosh3", [](A& a) { return scheme::runge_kutta(a, bosh3_tableau()); }},
      {"dopri5", [](A& a) { return scheme::runge_kutta(a, dopri5_tableau()); }},
      {"tsit5", [](A& a) { return scheme::runge_kutta(a, tsit5_tableau()); }},
      {"dop853", [](A& a) { return scheme::runge_kutta(a, dop853_tableau()); }},
  };
  const auto found = table.find(name);
  if (found == table.end()) fail(Status::bug, "method {} has no scheme", name);
  return found->second;
}

}  // namespace sde
