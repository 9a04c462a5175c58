#include "tools/cli/context.h"

#include <cstdio>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/crash_message.h"
#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

bool isThere(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Limits limitsNamed(const std::string& name) {
  if (name == "workerd") return Limits::workerd();
  if (name == "relaxed") return Limits::relaxed();
  return Limits::platform();
}

}  // namespace

Progress Context::progress(std::string phase, std::string unit, std::uint64_t total) const {
  return {Progress::formNamed(globals_.progress, globals_.json), std::move(phase), std::move(unit),
          total};
}

void Context::note(const std::string& text) const {
  if (!globals_.json) fmt::print(stderr, "cairn: {}\n", text);
}

const std::string& Context::root() const {
  if (globals_.root.empty()) {
    throw Failure(ExitCode::kUsage,
                  "which root? Give --root DIR, or set CAIRN_ROOT in the environment");
  }
  return globals_.root;
}

EngineOptions Context::engineOptions(Work work) const {
  EngineOptions options;
  options.root = root();
  options.limits = limitsNamed(globals_.limits);
  // A command is no event of an application: an import is one turn, and whoever runs it can end it.
  options.limits.cpuMs = Limits::relaxed().cpuMs;
  // Preparing a segment costs its size in writes; a command that lives for one commit needs little.
  if (work == Work::kSmall) options.journalSegmentBytes = std::uint64_t{1} << 20;
  return options;
}

// A directory with a journal but no FORMAT is a damaged root, which the engine reports.
void Context::requireRoot() const {
  if (isThere(root() + "/FORMAT") || isThere(root() + "/journal")) return;
  throw Failure(ExitCode::kNotFound, fmt::format("there is no root in {}", printable(root())));
}

Engine& Context::engine(Root expected, Work work) {
  if (engine_) return *engine_;
  EngineOptions options = engineOptions(work);
  if (expected == Root::kMustExist) requireRoot();
  blameRootForCrashes(options.root, globals_.json);
  engine_ = Engine::open(options);
  // For somebody who mistyped it; a script asked for a root and got one.
  if (engine_->recovery().created && ::isatty(2) != 0)
    note(fmt::format("made a new root in {}", printable(options.root)));
  return *engine_;
}

Engine& Context::engineForReading() {
  if (engine_) return *engine_;
  try {
    return engine();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBusy) throw;
  }
  engine_ = Engine::openReadOnly(engineOptions());
  if (std::uint64_t unseen = engine_->recovery().commitsNotSeen; unseen > 0) {
    note(fmt::format("{} commits of the process that has the root are not to be seen yet",
                     grouped(unseen)));
  }
  return *engine_;
}

ObjectInfo Context::existing(const ObjectName& object) {
  std::optional<ObjectInfo> info = engine().info(engine().object(object.className, object.name));
  if (!info) {
    throw Failure(ExitCode::kNotFound, fmt::format("there is no object {}", object.forPeople()));
  }
  return *info;
}

void Context::close() {
  if (engine_) engine_->close();
}

void writeObjectMembers(JsonWriter& out, const ObjectName& object) {
  out.member("class", object.className).member("object", object.name);
}

std::string keyForPeople(std::string_view key) {
  std::string shown = printable(key);
  bool plain = shown == key && !key.empty() && key.find_first_of(" \"") == std::string_view::npos;
  return plain ? shown : fmt::format("\"{}\"", shown);
}

}  // namespace cairn::cli
