// Life and death of nodes.
//
// A node is emptied when its last strong reference goes and freed when its last weak one does, so a
// weak reference can always ask its target whether it is still there. Emptying is iterative: a
// chain of a million arrays must not need a million stack frames.
#include <cairn/error.h>
#include <limits>
#include <new>

#include "kv/value_internals.h"

namespace cairn {

using detail::BigIntNode;
using detail::DateNode;
using detail::Elements;
using detail::ObjectNode;
using detail::OrderedTable;
using detail::StringNode;
using detail::ValueNode;

template <typename Take>
void Value::Internals::empty(Elements& elements, Take take) {
  for (Value& value : elements.near_) take(value);
  elements.near_ = {};
  if (elements.far_) {
    for (auto& [index, value] : *elements.far_) take(value);
    elements.far_.reset();
  }
  elements.present_ = 0;
}

template <typename Take>
void Value::Internals::empty(OrderedTable& table, Take take) {
  for (OrderedTable::Entry& entry : table.entries_) {
    take(entry.key);
    take(entry.value);
  }
  table.entries_ = {};
  table.clear();
}

template <typename Take>
void Value::Internals::empty(ObjectNode& node, Take take) {
  switch (static_cast<Type>(node.type)) {
    case Type::kArray: {
      auto& array = static_cast<Array&>(node);
      empty(array.elements_, take);
      if (array.named_) empty(*array.named_, take);
      break;
    }
    case Type::kObject: {
      auto& object = static_cast<Object&>(node);
      if (object.indexed_) empty(*object.indexed_, take);
      empty(object.named_, take);
      break;
    }
    case Type::kMap:
      empty(static_cast<Map&>(node).table_, take);
      break;
    case Type::kSet:
      empty(static_cast<Set&>(node).table_, take);
      break;
    case Type::kView:
      take(static_cast<View&>(node).buffer_);
      break;
    case Type::kError: {
      auto& error = static_cast<ErrorObject&>(node);
      if (error.cause_) take(*error.cause_);
      break;
    }
    case Type::kArrayBuffer:
      static_cast<ArrayBuffer&>(node).bytes_ = {};
      break;
    case Type::kHostObject:
      static_cast<HostObject&>(node).bytes_ = {};
      break;
    default:
      break;  // No edges, and nothing large.
  }
}

void Value::Internals::destroy(ValueNode* node) noexcept {
  switch (static_cast<Type>(node->type)) {
    case Type::kString:
      ::operator delete(static_cast<StringNode*>(node));
      break;
    case Type::kBigInt:
      ::operator delete(static_cast<BigIntNode*>(node));
      break;
    case Type::kBoxed:
      delete &static_cast<Boxed&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kDate:
      delete &static_cast<DateNode&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kRegExp:
      delete &static_cast<RegExp&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kArray:
      delete &static_cast<Array&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kObject:
      delete &static_cast<Object&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kMap:
      delete &static_cast<Map&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kSet:
      delete &static_cast<Set&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kArrayBuffer:
      delete &static_cast<ArrayBuffer&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kView:
      delete &static_cast<View&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kError:
      delete &static_cast<ErrorObject&>(static_cast<ObjectNode&>(*node));
      break;
    case Type::kHostObject:
      delete &static_cast<HostObject&>(static_cast<ObjectNode&>(*node));
      break;
    default:
      break;
  }
}

/// The nodes nobody owns any more.
class Value::Internals::Disposal {
 public:
  void add(ObjectNode* node) {
    node->next = first_;
    first_ = node;
  }
  /// Drops a reference without recursing: a node that dies of it waits here.
  void take(Value& value) {
    bool owns = (value.rep_.info & (kCounted | kWeak)) == kCounted;
    if (!owns || value.rep_.kind < static_cast<std::uint8_t>(Type::kBoxed)) {
      value = Value();  // A primitive, a string or a weak edge: nothing hangs on it.
      return;
    }
    ObjectNode* node = objectNode(value);
    value.rep_ = Rep{};
    if (node->strong.fetch_sub(1, std::memory_order_acq_rel) == 1) add(node);
  }
  void run() {
    while (first_ != nullptr) {
      ObjectNode* node = first_;
      first_ = node->next;
      empty(*node, [this](Value& value) { take(value); });
      detail::releaseWeakNode(node);
    }
  }

 private:
  ObjectNode* first_ = nullptr;
};

void Value::Internals::dispose(ValueNode* node) noexcept {
  if (node->type < static_cast<std::uint8_t>(Type::kBoxed)) {
    destroy(node);
    return;
  }
  Disposal disposal;
  disposal.add(static_cast<ObjectNode*>(node));
  disposal.run();
}

detail::StringNode* Value::Internals::newStringNode(std::size_t size) {
  if (size > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kOutOfRange,
                "string of " + std::to_string(size) + " bytes; the most is 4294967295");
  }
  void* memory = ::operator new(sizeof(StringNode) + size);
  return new (memory) StringNode(static_cast<std::uint32_t>(size));
}

Value Value::Internals::bigInt(std::span<const std::uint64_t> words, bool isNegative) {
  while (!words.empty() && words.back() == 0) words = words.first(words.size() - 1);
  if (words.size() > BigInt::kBitsMax / 64) {
    throw Error(ErrorCode::kOutOfRange, "BigInt of " + std::to_string(words.size() * 64) +
                                            " bits; the most is " +
                                            std::to_string(BigInt::kBitsMax));
  }
  void* memory = ::operator new(sizeof(BigIntNode) + words.size_bytes());
  auto* node = new (memory) BigIntNode(words.size(), isNegative && !words.empty());
  if (!words.empty()) std::memcpy(node->words(), words.data(), words.size_bytes());
  return adopt(node);
}

void detail::disposeNode(ValueNode* node) noexcept { Value::Internals::dispose(node); }

void detail::releaseWeakNode(ValueNode* node) noexcept {
  if (node->weak.fetch_sub(1, std::memory_order_acq_rel) == 1) Value::Internals::destroy(node);
}

}  // namespace cairn
