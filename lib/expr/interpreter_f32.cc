#include "expr/interpreter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/interpreter_f32.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "expr/interpreter-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

// Dispatch happens here, once a run.
Interpreter<float> ChooseExecuteF32() {
  return &Execute<float>;
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::expr {

HWY_EXPORT(ChooseExecuteF32);

template <>
Interpreter<float> interpreter<float>() {
  return HWY_DYNAMIC_DISPATCH(ChooseExecuteF32)();
}

}  // namespace sde::expr
#endif
