#include "engine/object_state.h"

#include "engine/base/check.h"

namespace cairn {

ObjectTable::~ObjectTable() {
  for (Shard& shard : shards_) {
    for (ObjectState* object : shard.objects) {
      // An ObjectRef or a History that is still around would reach into freed memory later.
      CAIRN_CHECK(object->references_.load() == (object->pinned ? 1U : 0U));
      delete object;
    }
  }
}

ObjectState* ObjectTable::acquire(ClassEntry& classEntry, std::string_view name,
                                  const std::function<void(ObjectState&)>& load) {
  Key key{&classEntry, name};
  Shard& shard = shardOf(Hash()(key));
  std::lock_guard lock(shard.mutex);
  if (auto found = shard.objects.find(key); found != shard.objects.end()) {
    retain(**found);
    return *found;
  }
  auto object = std::make_unique<ObjectState>(*this, classEntry, std::string(name));
  load(*object);
  shard.objects.insert(object.get());
  size_.fetch_add(1, std::memory_order_relaxed);
  retain(*object);
  return object.release();
}

void ObjectTable::release(ObjectState& object) {
  // Only the last reference needs the lock: a lookup may be about to add one.
  std::uint32_t references = object.references_.load(std::memory_order_relaxed);
  while (references > 1) {
    if (object.references_.compare_exchange_weak(references, references - 1,
                                                 std::memory_order_acq_rel))
      return;
  }
  ObjectTable& table = object.table;
  Shard& shard = table.shardOf(Hash()(&object));
  std::lock_guard lock(shard.mutex);
  if (object.references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  CAIRN_CHECK(!object.pinned);
  shard.objects.erase(&object);
  table.size_.fetch_sub(1, std::memory_order_relaxed);
  delete &object;
}

}  // namespace cairn
