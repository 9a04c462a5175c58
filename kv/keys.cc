#include "kv/keys.h"

namespace cairn::kv {

std::optional<std::string_view> findInBucket(std::string_view bucket, std::string_view key) {
  std::optional<std::string_view> found;
  visitBucket(bucket, [&](const BucketEntry& entry) {
    if (entry.key == key) found = entry.value;
  });
  return found;
}

std::string replaceInBucket(std::string_view bucket, std::string_view key,
                            std::optional<std::string_view> value) {
  std::string replaced;
  visitBucket(bucket, [&](const BucketEntry& entry) {
    if (entry.key == key) return;
    putString(replaced, entry.key);
    putString(replaced, entry.value);
  });
  if (value) {
    putString(replaced, key);
    putString(replaced, *value);
  }
  return replaced;
}

}  // namespace cairn::kv
