// Entries by key: properties of objects, entries of maps, members of sets.
#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/base/checksum.h"
#include "kv/value_internals.h"

namespace cairn::detail {

using Internals = Value::Internals;

namespace {

/// Spreads the bits of a number or an address (the finaliser of MurmurHash3).
std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ bits >> 33) * 0xff51afd7ed558ccdULL;
  bits = (bits ^ bits >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return bits ^ bits >> 33;
}

std::uint64_t numberBits(double number) {
  if (std::isnan(number)) return 0x7ff8000000000000ULL;
  return std::bit_cast<std::uint64_t>(number + 0.0);  // -0 becomes 0.
}

bool sameBigInt(const BigIntNode& left, const BigIntNode& right) {
  return left.extra == right.extra && std::ranges::equal(left.view(), right.view());
}

bool sameKey(const Value& left, const Value& right) {
  if (left.type() != right.type()) return false;
  switch (left.type()) {
    case Value::Type::kUndefined:
    case Value::Type::kNull:
      return true;
    case Value::Type::kBoolean:
      return left.asBoolean() == right.asBoolean();
    case Value::Type::kNumber:
      return numberBits(left.asNumber()) == numberBits(right.asNumber());
    case Value::Type::kString:
      return Internals::textOf(left) == Internals::textOf(right);
    case Value::Type::kBigInt:
      return sameBigInt(Internals::bigIntNode(left), Internals::bigIntNode(right));
    default:
      return left.isSameObject(right);
  }
}

}  // namespace

/// Positions by hash: open addressing, at most half full. The hash is seeded with the index's own
/// address and grows from it, so that bytes from outside cannot be chosen to collide.
class KeyIndex {
 public:
  static constexpr std::size_t kWorthwhile = 9;  ///< With fewer entries comparing each is faster.

  [[nodiscard]] std::uint64_t hash(std::string_view text) const { return checksum64(text, seed_); }
  [[nodiscard]] std::uint64_t hash(const Value& key) const {
    switch (key.type()) {
      case Value::Type::kNumber:
        return mix(numberBits(key.asNumber()) ^ seed_);
      case Value::Type::kString:
        return hash(Internals::textOf(key));
      case Value::Type::kBigInt: {
        auto words = Internals::bigIntNode(key).view();
        return checksum64({reinterpret_cast<const char*>(words.data()), words.size_bytes()}, seed_);
      }
      case Value::Type::kUndefined:
      case Value::Type::kNull:
      case Value::Type::kBoolean:
        return mix(seed_ + static_cast<std::uint64_t>(key.type()));
      default:
        return mix(reinterpret_cast<std::uintptr_t>(Internals::objectNode(key)) ^ seed_);
    }
  }

  template <typename Same>
  [[nodiscard]] std::size_t find(std::uint64_t hash, Same same) const {
    if (slots_.empty()) return OrderedTable::kNone;
    for (std::size_t at = hash & mask(); slots_[at].position != kFree; at = (at + 1) & mask()) {
      if (slots_[at].hash == tag(hash) && same(slots_[at].position)) return slots_[at].position;
    }
    return OrderedTable::kNone;
  }

  void add(const std::vector<OrderedTable::Entry>& entries, std::size_t position) {
    if ((position + 1) * 2 > slots_.size()) {
      rebuild(entries, position + 1);
    } else {
      place(hash(entries[position].key), position);
    }
  }
  void rebuild(const std::vector<OrderedTable::Entry>& entries, std::size_t count) {
    slots_.assign(std::bit_ceil(count * 3), Slot{});
    for (std::size_t position = 0; position < count; ++position)
      place(hash(entries[position].key), position);
  }

 private:
  static constexpr std::uint32_t kFree = 0xffffffff;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t position = kFree;
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  void place(std::uint64_t hash, std::size_t position) {
    std::size_t at = hash & mask();
    while (slots_[at].position != kFree) at = (at + 1) & mask();
    slots_[at] = {tag(hash), static_cast<std::uint32_t>(position)};
  }

  std::vector<Slot> slots_;
  std::uint64_t seed_ = mix(reinterpret_cast<std::uintptr_t>(this));
};

OrderedTable::OrderedTable() = default;
OrderedTable::~OrderedTable() = default;

std::size_t OrderedTable::find(const Value& key) const {
  if (key.is(Value::Type::kString)) return find(Internals::textOf(key));
  auto isKey = [&](std::size_t at) { return sameKey(entries_[at].key, key); };
  if (index_) return index_->find(index_->hash(key), isKey);
  for (std::size_t at = 0; at < entries_.size(); ++at) {
    if (isKey(at)) return at;
  }
  return kNone;
}

std::size_t OrderedTable::find(std::string_view key) const {
  auto isKey = [&](std::size_t at) {
    const Value& candidate = entries_[at].key;
    return candidate.is(Value::Type::kString) && Internals::textOf(candidate) == key;
  };
  if (index_) return index_->find(index_->hash(key), isKey);
  for (std::size_t at = 0; at < entries_.size(); ++at) {
    if (isKey(at)) return at;
  }
  return kNone;
}

void OrderedTable::set(Value key, Value value) {
  std::size_t at = find(key);
  if (at != kNone) {
    entries_[at].value = std::move(value);
  } else {
    append(std::move(key), std::move(value));
  }
}

bool OrderedTable::add(Value key, Value value) {
  if (find(key) != kNone) return false;
  append(std::move(key), std::move(value));
  return true;
}

void OrderedTable::append(Value key, Value value) {
  if (entries_.empty()) entries_.reserve(4);
  entries_.push_back({std::move(key), std::move(value)});
  if (entries_.size() < KeyIndex::kWorthwhile) return;
  if (!index_) index_ = std::make_unique<KeyIndex>();
  index_->add(entries_, entries_.size() - 1);
}

void OrderedTable::erase(std::size_t position) {
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(position));
  if (index_) index_->rebuild(entries_, entries_.size());
}

void OrderedTable::clear() {
  entries_.clear();
  index_.reset();
}

}  // namespace cairn::detail
