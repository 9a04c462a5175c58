// In-memory caching: what was read or written once is answered from memory. Memory and storage
// cannot disagree: if a write fails, the object is reset, and its memory with it.
#pragma once

#include <cairn/host.h>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace examples {

class UserCache : public cairn::DurableObject {
 public:
  using DurableObject::DurableObject;

  cairn::Task<std::optional<std::string>> getUser(std::string id) {
    if (auto cached = cache_.find(id); cached != cache_.end()) {
      ++hits_;
      co_return cached->second;
    }
    std::optional<std::string> user = co_await storage().get<std::string>("user:" + id);
    if (user) cache_.emplace(id, *user);
    co_return user;
  }

  cairn::Task<> updateUser(std::string id, std::string name) {
    cache_[id] = name;
    co_await storage().put("user:" + id, name);
  }

  int hits() const { return hits_; }

 private:
  std::map<std::string, std::string> cache_;
  int hits_ = 0;
};

}  // namespace examples
