// Goes over a root's objects by class and name, a page at a time.
#pragma once

#include <cairn/engine.h>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

class ObjectWalk {
 public:
  /// Without a class: of every class. Throws: kNotFound for a class that is not there.
  ObjectWalk(Engine& engine, const std::optional<std::string>& className, std::string prefix);

  std::optional<ObjectInfo> next();

 private:
  void beginClass();
  void fetch();

  Engine& engine_;
  std::deque<std::string> classes_;  ///< Still to do, the current one first.
  std::string prefix_;
  std::string lastName_;
  std::deque<ObjectInfo> page_;
  bool classDone_ = true;
};

}  // namespace cairn::cli
