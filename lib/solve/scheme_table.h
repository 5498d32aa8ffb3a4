// The schemes by the names of their methods, for either algebra.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "solve/scheme.h"

namespace sde {

template <class A>
using Scheme = scheme::Result<A> (*)(A&);

template <class A>
Scheme<A> find_scheme(const std::string& name) {
  static const std::map<std::string, Scheme<A>, std::less<>> table = {
      {"euler-maruyama", scheme::euler_maruyama<A>},
      {"tamed-euler", scheme::tamed_euler<A>},
      {"milstein", scheme::milstein<A>},
      {"euler-heun", scheme::euler_heun<A>},
      {"heun", scheme::heun<A>},
      {"midpoint", scheme::midpoint<A>},
      {"ralston", scheme::ralston<A>},
      {"reversible-heun", scheme::reversible_heun<A>},
      {"euler", scheme::euler<A>},
      {"rk4", scheme::rk4<A>},
      {"dopri5", scheme::dopri5<A>},
  };
  const auto found = table.find(name);
  if (found == table.end()) fail(Status::bug, "method {} has no scheme", name);
  return found->second;
}

}  // namespace sde
