// What a verb works with: the root's engine, opened when first asked for, and the two outputs.
#pragma once

#include <cairn/engine.h>
#include <memory>
#include <string>

#include "tools/cli/arguments.h"
#include "tools/cli/json_writer.h"
#include "tools/cli/object_name.h"
#include "tools/cli/output.h"
#include "tools/cli/progress.h"

namespace cairn::cli {

/// Whether a verb may make the root it names.
enum class Root { kMustExist, kMayBeNew };
/// How much an engine opened for the command prepares: a bulk load wants room, a single put speed.
enum class Work { kSmall, kBulk };

class Context {
 public:
  explicit Context(GlobalOptions globals) : globals_(std::move(globals)) {}

  [[nodiscard]] bool json() const { return globals_.json; }
  Output& out() { return out_; }
  [[nodiscard]] Progress progress(std::string phase, std::string unit, std::uint64_t total) const;
  /// Something a person should know, on stderr; in JSON mode it is left out.
  void note(const std::string& text) const;

  /// The root's directory. Throws: Failure(kUsage) when none was named.
  [[nodiscard]] const std::string& root() const;
  /// Throws: Failure(kNotFound) when there is no root there and none may be made.
  Engine& engine(Root expected = Root::kMustExist, Work work = Work::kSmall);
  /// The same for verbs that only look: when another process has the root, they look at what its
  /// last checkpoint left.
  Engine& engineForReading();
  [[nodiscard]] EngineOptions engineOptions(Work work = Work::kSmall) const;
  /// Throws: Failure(kNotFound) unless there is a root.
  void requireRoot() const;
  /// Throws: Failure(kNotFound) unless the object exists.
  ObjectInfo existing(const ObjectName& object);
  /// Ends the engine. Throws what kept it from ending in order.
  void close();

 private:
  GlobalOptions globals_;
  Output out_;
  std::unique_ptr<Engine> engine_;
};

/// `"class":…,"object":…`, the members by which every JSON result names an object.
void writeObjectMembers(JsonWriter& out, const ObjectName& object);
/// A key as a person sees it: in double quotes only where it would not be plain otherwise.
[[nodiscard]] std::string keyForPeople(std::string_view key);

}  // namespace cairn::cli
