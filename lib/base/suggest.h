// "Did you mean ...?": the known name nearest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sde {

// The candidate at the smallest edit distance (insert, delete, replace, swap of neighbours), or "" where none
// is nearer than a third of the name's length (at least one edit is always allowed).
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// `; did you mean "x"?` or, where nothing is near, ` (known: a, b, c)`; for the end of an error's sentence.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace sde
