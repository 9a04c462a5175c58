#include "kv/keys.h"

#include "engine/base/mutant.h"

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

void writeKey(Cursor& cursor, SpaceId space, std::string_view key,
              std::optional<std::string_view> value) {
  StoreKey storeKey(space, key);
  std::string bucket;
  if (isLongKey(key)) {
    bool found = cursor.seekExact(storeKey.view()) && !mutantActive(Mutant::kLongKeyBucketLost);
    bucket = replaceInBucket(found ? cursor.value() : std::string_view(), key, value);
    value = bucket.empty() ? std::nullopt : std::optional<std::string_view>(bucket);
  }
  if (value) {
    cursor.put(storeKey.view(), *value);
  } else if (cursor.seekExact(storeKey.view())) {
    cursor.eraseCurrent();
  }
}

}  // namespace cairn::kv
