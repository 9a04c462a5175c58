#pragma once

#include <cairn/value.h>
#include <cairn/value_codec.h>

namespace cairn {

/// The Value of a primitive leaf that a WireReader read. A string keeps a hint where its form is
/// not the one V8 would choose for fresh text.
[[nodiscard]] Value primitiveFromLeaf(const ValueLeaf& leaf);

}  // namespace cairn
