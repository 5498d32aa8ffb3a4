#include "expr/interpreter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/interpreter.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "expr/interpreter-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

// Dispatch happens here, once a run.
Interpreter<double> ChooseExecute() {
  return &Execute<double>;
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::expr {

HWY_EXPORT(ChooseExecute);

template <>
Interpreter<double> interpreter<double>() {
  return HWY_DYNAMIC_DISPATCH(ChooseExecute)();
}

}  // namespace sde::expr
#endif
