// Which objects of a value are reached more than once: written out, these get a "$id" where they
// are met first and a "$ref" afterwards.
#pragma once

#include <cairn/value_objects.h>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace cairn::cli {

/// Gives each object of a tree a place, and those that are reached more than once an id when they
/// are written first.
class Sharing {
 public:
  explicit Sharing(const Value& root) { visit(root); }

  struct Place {
    Value value;
    unsigned met = 0;
    unsigned id = 0;  ///< Given when it is written and `met` more than once.
  };
  /// nullptr for what has no identity.
  Place* find(const Value& value) {
    if (!value.hasIdentity()) return nullptr;
    auto [from, to] = places_.equal_range(hashOf(value));
    for (auto at = from; at != to; ++at) {
      if (at->second.value.isSameObject(value)) return &at->second;
    }
    return nullptr;
  }
  unsigned nextId() { return ++lastId_; }

 private:
  // Not unique: dates of one time fall together, `isSameObject` tells them apart.
  static std::size_t hashOf(const Value& value) {
    auto address = [](const auto& object) { return reinterpret_cast<std::size_t>(&object) >> 4; };
    switch (value.type()) {
      case Value::Type::kBoxed:
        return address(value.asBoxed());
      case Value::Type::kRegExp:
        return address(value.asRegExp());
      case Value::Type::kArray:
        return address(value.asArray());
      case Value::Type::kObject:
        return address(value.asObject());
      case Value::Type::kMap:
        return address(value.asMap());
      case Value::Type::kSet:
        return address(value.asSet());
      case Value::Type::kArrayBuffer:
        return address(value.asArrayBuffer());
      case Value::Type::kView:
        return address(value.asView());
      case Value::Type::kError:
        return address(value.asError());
      case Value::Type::kDate:
        return std::hash<double>()(value.asDateMs());
      default:
        return 0;
    }
  }

  void visit(const Value& value) {
    if (!value.hasIdentity()) return;
    if (Place* known = find(value)) {
      ++known->met;
      return;
    }
    places_.emplace(hashOf(value), Place{value, 1, 0});
    visitParts(value);
  }

  void visitParts(const Value& value) {
    switch (value.type()) {
      case Value::Type::kArray:
        for (auto [index, element] : value.asArray().elements()) visit(element);
        for (const auto& property : value.asArray().properties()) visit(property.value);
        break;
      case Value::Type::kObject:
        for (auto [name, part] : value.asObject()) visit(part);
        break;
      case Value::Type::kMap:
        for (const auto& entry : value.asMap()) {
          visit(entry.key);
          visit(entry.value);
        }
        break;
      case Value::Type::kSet:
        for (const Value& member : value.asSet()) visit(member);
        break;
      case Value::Type::kView:
        visit(value.asView().buffer());
        break;
      case Value::Type::kError:
        if (const Value* cause = value.asError().cause()) visit(*cause);
        break;
      default:
        break;
    }
  }

  std::unordered_multimap<std::size_t, Place> places_;
  unsigned lastId_ = 0;
};

}  // namespace cairn::cli
