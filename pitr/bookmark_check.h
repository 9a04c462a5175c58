// What makes a bookmark belong to one object of one root.
#pragma once

#include <cairn/bookmark.h>
#include <cstdint>
#include <string_view>

namespace cairn::pitr {

[[nodiscard]] Bookmark makeBookmark(std::string_view rootId, ObjectNumber object, Lsn lsn,
                                    std::uint32_t sequence = 0);
/// Whether it was made for that object of that root.
[[nodiscard]] bool belongsTo(const Bookmark& bookmark, std::string_view rootId,
                             ObjectNumber object);

}  // namespace cairn::pitr
