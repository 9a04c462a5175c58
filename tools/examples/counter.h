// A counter: reads, writes, answers. No other request comes in between, and the answer leaves when
// the write is durable.
#pragma once

#include <cairn/host.h>
#include <cstdint>

namespace examples {

class Counter : public cairn::DurableObject {
 public:
  using DurableObject::DurableObject;

  cairn::Task<std::int64_t> increment() {
    std::int64_t value = (co_await storage().get<std::int64_t>("value")).value_or(0) + 1;
    storage().put("value", value);  // Not awaited: the output gate holds the reply.
    co_return value;
  }
  std::int64_t read() { return storage().kv().get<std::int64_t>("value").value_or(0); }
};

/// The same with its value in memory, loaded before the first request.
class LoadedCounter : public cairn::DurableObject {
 public:
  explicit LoadedCounter(cairn::DurableObjectState& state) : DurableObject(state) {
    state.blockConcurrencyWhile([this]() -> cairn::Task<> {
      value_ = (co_await storage().get<std::int64_t>("value")).value_or(0);
    });
  }

  std::int64_t increment() {
    storage().put("value", ++value_);
    return value_;
  }

 private:
  std::int64_t value_ = 0;
};

}  // namespace examples
