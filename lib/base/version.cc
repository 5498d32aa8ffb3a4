#include "base/version.h"

namespace sde {

const char* version() {
  return SDE_VERSION;
}
const char* git_commit() {
  return SDE_GIT_COMMIT;
}

}  // namespace sde
