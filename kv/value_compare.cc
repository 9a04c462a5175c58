// Equality of graphs, without recursion.
//
// Deep equality asks whether two graphs unfold to the same tree: pairs of objects met once are
// taken for equal from then on, and since equality is transitive they are kept in classes
// (union-find), which makes it nearly linear where remembering pairs would be quadratic. Strict
// equality asks for the same graph: every object has exactly one partner.
#include <algorithm>
#include <cairn/value.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kv/value_internals.h"

namespace cairn {

namespace {

using Internals = Value::Internals;
using Type = Value::Type;
using Node = const detail::ObjectNode*;

class Comparison {
 public:
  explicit Comparison(bool isStrict) : isStrict_(isStrict) {}

  bool equal(const Value& left, const Value& right) {
    if (!step(left, right)) return false;
    while (!waiting_.empty()) {
      auto [nextLeft, nextRight] = waiting_.back();
      waiting_.pop_back();
      if (!step(*nextLeft, *nextRight)) return false;
    }
    return true;
  }

 private:
  void later(const Value& left, const Value& right) { waiting_.emplace_back(&left, &right); }

  bool step(const Value& left, const Value& right) {
    Type type = left.type();
    if (type != right.type()) return false;
    switch (type) {
      case Type::kUndefined:
      case Type::kNull:
        return true;
      case Type::kBoolean:
        return left.asBoolean() == right.asBoolean();
      case Type::kNumber:
        return sameNumber(left.asNumber(), right.asNumber());
      case Type::kString:
        return left.asString() == right.asString();
      case Type::kBigInt:
        return left.asBigInt() == right.asBigInt();
      default:
        break;
    }
    Node leftNode = Internals::objectNode(left);
    Node rightNode = Internals::objectNode(right);
    if (isStrict_) {
      if (!arePartners(leftNode, rightNode)) return isNewPair_ && sameObject(left, right);
      return true;
    }
    return !join(leftNode, rightNode) || sameObject(left, right);
  }

  [[nodiscard]] bool sameNumber(double left, double right) const {
    if (std::isnan(left) || std::isnan(right)) return std::isnan(left) && std::isnan(right);
    return left == right && (!isStrict_ || std::signbit(left) == std::signbit(right));
  }

  /// Whether the two are known partners. If neither has one they become partners, and `isNewPair_`
  /// is set.
  bool arePartners(Node left, Node right) {
    auto [toRight, isLeftNew] = partner_[0].try_emplace(left, right);
    auto [toLeft, isRightNew] = partner_[1].try_emplace(right, left);
    isNewPair_ = isLeftNew && isRightNew;
    return !isLeftNew && !isRightNew && toRight->second == right && toLeft->second == left;
  }

  Node classOf(Node node) {
    while (true) {
      auto found = parent_.find(node);
      if (found == parent_.end()) return node;
      auto above = parent_.find(found->second);
      if (above == parent_.end()) return found->second;
      found->second = above->second;  // Halves the path for the next one.
      node = found->second;
    }
  }
  /// Puts both in one class; false when they were.
  bool join(Node left, Node right) {
    left = classOf(left);
    right = classOf(right);
    if (left == right) return false;
    parent_[left] = right;
    return true;
  }

  bool sameObject(const Value& left, const Value& right) {
    switch (left.type()) {
      case Type::kDate:
        return sameNumber(left.asDateMs(), right.asDateMs());
      case Type::kBoxed:
        return step(left.asBoxed().primitive(), right.asBoxed().primitive());
      case Type::kRegExp:
        return left.asRegExp().source() == right.asRegExp().source() &&
               left.asRegExp().flags() == right.asRegExp().flags();
      case Type::kArrayBuffer:
        return sameBuffer(left.asArrayBuffer(), right.asArrayBuffer());
      case Type::kView:
        return sameView(left.asView(), right.asView());
      case Type::kHostObject:
        return std::ranges::equal(left.asHostObject().bytes(), right.asHostObject().bytes());
      case Type::kError:
        return sameError(left.asError(), right.asError());
      case Type::kArray:
        return sameArray(left.asArray(), right.asArray());
      case Type::kObject:
        return sameElements(Internals::indexed(std::as_const(left.asObject())),
                            Internals::indexed(std::as_const(right.asObject()))) &&
               sameProperties(&Internals::named(left.asObject()),
                              &Internals::named(right.asObject()));
      case Type::kMap:
        return sameEntries(Internals::table(left.asMap()), Internals::table(right.asMap()));
      default:
        return sameEntries(Internals::table(left.asSet()), Internals::table(right.asSet()));
    }
  }

  static bool sameBuffer(const Value::ArrayBuffer& left, const Value::ArrayBuffer& right) {
    return left.isResizable() == right.isResizable() &&
           left.byteLengthMax() == right.byteLengthMax() &&
           std::ranges::equal(left.bytes(), right.bytes());
  }

  bool sameView(const Value::View& left, const Value::View& right) {
    later(left.buffer(), right.buffer());
    return left.kind() == right.kind() && left.byteOffset() == right.byteOffset() &&
           left.isLengthTracking() == right.isLengthTracking() &&
           left.byteLength() == right.byteLength();
  }

  bool sameError(const Value::ErrorObject& left, const Value::ErrorObject& right) {
    bool bothCauses = left.cause() != nullptr && right.cause() != nullptr;
    if (bothCauses) later(*left.cause(), *right.cause());
    return left.kind() == right.kind() && left.message() == right.message() &&
           left.stack() == right.stack() && (bothCauses || left.cause() == right.cause());
  }

  bool sameArray(const Value::Array& left, const Value::Array& right) {
    return left.length() == right.length() &&
           sameElements(&Internals::elements(left), &Internals::elements(right)) &&
           sameProperties(Internals::named(left), Internals::named(right));
  }

  bool sameElements(const detail::Elements* left, const detail::Elements* right) {
    std::size_t count = left == nullptr ? 0 : left->count();
    if (count != (right == nullptr ? 0 : right->count())) return false;
    std::uint64_t leftIndex = 0;
    std::uint64_t rightIndex = 0;
    for (; count > 0; --count, ++leftIndex, ++rightIndex) {
      const Value* leftValue = left->nextFrom(leftIndex);
      const Value* rightValue = right->nextFrom(rightIndex);
      if (leftIndex != rightIndex) return false;
      later(*leftValue, *rightValue);
    }
    return true;
  }

  bool sameProperties(const detail::OrderedTable* left, const detail::OrderedTable* right) {
    std::size_t count = left == nullptr ? 0 : left->entries().size();
    if (count != (right == nullptr ? 0 : right->entries().size())) return false;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& entry = left->entries()[i];
      // Same order is the usual case, and the only one where order matters.
      bool isInPlace = entry.key.asString() == right->entries()[i].key.asString();
      std::size_t at = isInPlace   ? i
                       : isStrict_ ? detail::OrderedTable::kNone
                                   : right->find(entry.key);
      if (at == detail::OrderedTable::kNone) return false;
      later(entry.value, right->entries()[at].value);
    }
    return true;
  }

  bool sameEntries(const detail::OrderedTable& left, const detail::OrderedTable& right) {
    if (left.entries().size() != right.entries().size()) return false;
    for (std::size_t i = 0; i < left.entries().size(); ++i) {
      later(left.entries()[i].key, right.entries()[i].key);
      later(left.entries()[i].value, right.entries()[i].value);
    }
    return true;
  }

  bool isStrict_;
  bool isNewPair_ = false;
  std::vector<std::pair<const Value*, const Value*>> waiting_;
  std::unordered_map<Node, Node> partner_[2];  ///< Of left ones, of right ones.
  std::unordered_map<Node, Node> parent_;
};

}  // namespace

bool Value::deepEquals(const Value& other) const { return Comparison(false).equal(*this, other); }

bool Value::strictlyEquals(const Value& other) const {
  return Comparison(true).equal(*this, other);
}

}  // namespace cairn
