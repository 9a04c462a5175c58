// The digest of an object's state: a 128-bit sum over its parts, each hashed by itself, so that it
// does not depend on their order and is kept up to date from the old and the new value of what
// changed. Equal states have equal digests, in whatever space they stand.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <string_view>

#include "engine/base/checksum.h"

namespace cairn::pitr {

[[nodiscard]] Hash128 kvDigest(std::string_view key, std::string_view value);
/// A page of zeros counts as nothing, like one that was never written.
[[nodiscard]] Hash128 pageDigest(std::uint32_t page, const char* bytes);
/// The same for a page whose sql::pageHash is known.
[[nodiscard]] Hash128 pageDigest(const Hash128& hash, const char* bytes);
[[nodiscard]] Hash128 pageCountDigest(std::uint32_t pages);
/// Retries do not count: only when the alarm is due.
[[nodiscard]] Hash128 alarmDigest(std::string_view name, UnixMillis time);

}  // namespace cairn::pitr
