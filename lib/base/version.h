#pragma once

namespace sde {

const char* version();     // "0.1.0"
const char* git_commit();  // abbreviated hash of the commit built from, "" outside a checkout

}  // namespace sde
