// Values by array index: elements of arrays, and properties of objects whose names are indices.
#include <iterator>

#include "kv/value_internals.h"

namespace cairn::detail {

using Internals = Value::Internals;

bool Elements::belongsNear(std::uint32_t index) const {
  if (index <= near_.size()) return true;
  if (far_ && !far_->empty()) return false;
  // At most three quarters and a bit of the vector are holes.
  return index < 4 * (std::uint64_t{present_} + 1) + 4;
}

const Value* Elements::find(std::uint32_t index) const {
  if (index < near_.size()) return Internals::isHole(near_[index]) ? nullptr : &near_[index];
  if (!far_) return nullptr;
  auto found = far_->find(index);
  return found == far_->end() ? nullptr : &found->second;
}

const Value* Elements::nextFrom(std::uint64_t& index) const {
  for (; index < near_.size(); ++index) {
    if (!Internals::isHole(near_[index])) return &near_[index];
  }
  if (!far_ || index > 0xffffffff) return nullptr;
  auto found = far_->lower_bound(static_cast<std::uint32_t>(index));
  if (found == far_->end()) return nullptr;
  index = found->first;
  return &found->second;
}

void Elements::set(std::uint32_t index, Value value) {
  if (!belongsNear(index)) {
    if (!far_) far_ = std::make_unique<std::map<std::uint32_t, Value>>();
    if (far_->insert_or_assign(index, std::move(value)).second) ++present_;
    return;
  }
  bool isNew = index >= near_.size() || Internals::isHole(near_[index]);
  if (index == near_.size()) {
    near_.push_back(std::move(value));
  } else {
    if (index > near_.size()) near_.resize(std::size_t{index} + 1, Internals::hole());
    near_[index] = std::move(value);
  }
  present_ += isNew ? 1U : 0U;
  if (far_) moveNear();
}

/// What has become adjacent to the vector moves into it, so that `far_` is past `near_`.
void Elements::moveNear() {
  while (!far_->empty() && far_->begin()->first == near_.size()) {
    near_.push_back(std::move(far_->begin()->second));
    far_->erase(far_->begin());
  }
}

bool Elements::erase(std::uint32_t index) {
  if (index < near_.size()) {
    if (Internals::isHole(near_[index])) return false;
    near_[index] = Internals::hole();
  } else if (!far_ || far_->erase(index) == 0) {
    return false;
  }
  --present_;
  return true;
}

void Elements::truncate(std::uint32_t length) {
  if (far_) {
    auto first = far_->lower_bound(length);
    present_ -= static_cast<std::size_t>(std::distance(first, far_->end()));
    far_->erase(first, far_->end());
  }
  while (near_.size() > length) {
    present_ -= Internals::isHole(near_.back()) ? 0U : 1U;
    near_.pop_back();
  }
}

}  // namespace cairn::detail
