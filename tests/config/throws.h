// What a call throws, as its sentence: messages are part of the interface and are tested word for word.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace sde {

template <class F>
std::string sentence_of(F&& f, Status status = Status::usage) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.status()), static_cast<int>(status)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace sde
