#include "tools/cli/object_walk.h"

#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kPage = 1'000;

}  // namespace

ObjectWalk::ObjectWalk(Engine& engine, const std::optional<std::string>& className,
                       std::string prefix)
    : engine_(engine), prefix_(std::move(prefix)) {
  if (className) {
    classes_.push_back(*className);
  } else {
    for (const ClassInfo& info : engine_.classes()) classes_.push_back(info.name);
  }
  if (!classes_.empty()) beginClass();
}

// `objects` starts behind a name, so the object that is called exactly like the prefix is asked for
// by itself.
void ObjectWalk::beginClass() {
  classDone_ = false;
  lastName_ = prefix_;
  if (prefix_.empty()) return;
  (void)engine_.objects(classes_.front(), {}, 0);  // Throws kNotFound for an unknown class.
  try {
    std::optional<ObjectInfo> info = engine_.info(engine_.object(classes_.front(), prefix_));
    if (info) page_.push_back(std::move(*info));
  } catch (const Error& error) {
    // A prefix need not be a name: "a/." may be the start of "a/.b".
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    constexpr std::size_t kNameBytesMax = 500;
    classDone_ = prefix_.size() > kNameBytesMax;
  }
}

void ObjectWalk::fetch() {
  std::vector<ObjectInfo> found = engine_.objects(classes_.front(), lastName_, kPage);
  classDone_ = found.size() < kPage;
  for (ObjectInfo& info : found) {
    if (!info.name.starts_with(prefix_)) {
      classDone_ = true;
      break;
    }
    lastName_ = info.name;
    page_.push_back(std::move(info));
  }
}

std::optional<ObjectInfo> ObjectWalk::next() {
  while (page_.empty() && !classes_.empty()) {
    if (!classDone_) {
      fetch();
      continue;
    }
    classes_.pop_front();
    if (!classes_.empty()) beginClass();
  }
  if (page_.empty()) return std::nullopt;
  ObjectInfo info = std::move(page_.front());
  page_.pop_front();
  return info;
}

}  // namespace cairn::cli
