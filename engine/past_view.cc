// Views of the past: what later commits changed, undone in memory on top of the stores, which go on
// changing underneath.
#include "engine/past_view.h"

#include <cairn/error.h>
#include <cairn/history.h>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/object_past.h"
#include "kv/keys.h"
#include "kv/list.h"
#include "pitr/past_state.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/sql_error.h"

namespace cairn {

namespace {

// How long, and how often, a reader beside the owner looks for the end of a sweep.
constexpr int kLooksForSweep = 200;
constexpr std::chrono::milliseconds kLookForSweep{5};

}  // namespace

PastView::Impl::Impl(EngineCore& engine, ObjectNumber object, std::string name, Lsn at)
    : engine_(engine),
      lease_(engine, at),
      object_(object),
      name_(std::move(name)),
      then_(SpaceId(), at),
      turn_(*this),
      sql_(*this) {
  engine_.readStores([&] {
    kv::Snapshot snapshot = engine_.lmdb().snapshot();
    StoreState state = StoreState::load(snapshot).value();
    checkReachable(at, state);
    ObjectPast past(snapshot, engine_.changeReader(), object_);
    SpaceId space = past.spaceAt(at);
    then_ = pitr::PastState(space, at);
    alarms_ = past.alarmsAt(at, state.lsn);
    if (space.isZero()) return state.lsn;
    requireKept(snapshot);
    then_ = undo(snapshot, at, state.lsn);
    return state.lsn;
  });
  turn_.bind(then_.space(), overlay_);
  adopt(then_);
}

PastView::Impl::~Impl() { connection_.reset(); }

// Once the owner of the root has let go of the state, what is left of it must not be taken for it.
// In this process the lease keeps it; beside the owner nothing does.
void PastView::Impl::requireKept(const kv::ReadAccess& store) const {
  checkReachable(then_.at(), StoreState::load(store).value());
  std::optional<std::string_view> bytes =
      store.get(kv::Table::kSpaces, kv::numberKey(then_.space()));
  if (bytes) {
    SpaceRow row = SpaceRow::decode(*bytes);
    if (row.keepsHistory && then_.at() >= row.historyFrom) return;
  }
  throw Error(ErrorCode::kOutOfRange, fmt::format("object {} has no history that reaches LSN {}",
                                                  name_, then_.at().value()));
}

// The owner removes the file of a space before the store says so.
void PastView::Impl::openFile() {
  file_ = engine_.pageFiles().openForReading(then_.space());
  for (int look = 0; !file_ && engine_.readOnly() && look < kLooksForSweep; ++look) {
    requireKept(engine_.lmdb().snapshot());
    std::this_thread::sleep_for(kLookForSweep);
  }
  if (file_) return;
  throw Error(ErrorCode::kDamaged,
              fmt::format("{} is missing", engine_.pageFiles().path(then_.space())));
}

pitr::PastState PastView::Impl::undo(const kv::ReadAccess& store, Lsn at, Lsn through) {
  pitr::History history(store, engine_.changeReader());
  std::optional<std::string_view> bytes =
      store.get(kv::Table::kSpaces, kv::numberKey(then_.space()));
  std::uint32_t filePages = bytes ? SpaceRow::decode(*bytes).sqlPages : 0;
  if (!file_ && filePages > 0) openFile();
  pitr::PastState state(then_.space(), at);
  state.undoThrough(history, through, filePages,
                    [&](std::uint32_t number, char* page) { readFile(number, page); });
  return state;
}

// Reads go through the same code as those of the present: what was undone is an overlay over the
// store.
void PastView::Impl::adopt(const pitr::PastState& undone) {
  if (!record_) record_ = RecordRef::make(then_.space());
  for (const auto& [key, before] : undone.keys()) {
    bool created = false;
    kv::Overlay::Map::iterator entry = overlay_.at(key, created);
    if (!created) continue;
    if (before) {
      entry->second = {record_, appendPut(record_->ops, key, *before), 0, false};
    } else {
      entry->second = {record_, {}, 0, true};
    }
  }
  if (!pages_) return;
  for (const auto& [number, image] : undone.pages()) {
    if (then_.page(number) == nullptr) pages_->adopt(number, image.get());
  }
}

// The store may have moved on since the last look. What was undone stays valid; what changed since
// is undone too. Leaves the snapshot that it is now relative to.
void PastView::Impl::catchUp() {
  giveBackStore();
  if (then_.space().isZero()) return;
  snapshot_ = engine_.lmdb().snapshot();
  for (;;) {
    // Of the snapshot itself: the engine learns a little later that a round has ended.
    Lsn lsn = StoreState::load(snapshot_).value().lsn;
    if (lsn == then_.through() && !engine_.readOnly()) return;
    requireKept(snapshot_);
    if (lsn == then_.through()) return;
    pitr::PastState later = undo(snapshot_, then_.through(), lsn);
    if (engine_.storesStandAt(lsn)) {
      adopt(later);
      then_.extend(std::move(later));
      return;
    }
    giveBackStore();
    engine_.awaitRound();
    snapshot_ = engine_.lmdb().snapshot();
  }
}

void PastView::Impl::readFile(std::uint32_t number, char* page) {
  std::size_t got =
      file_ ? file_->read(std::uint64_t{number - 1} * sql::kPageBytes, {page, sql::kPageBytes}) : 0;
  std::fill(page + got, page + sql::kPageBytes, '\0');
}

// A page that no commit since then touched, unless a round has just done so.
void PastView::Impl::readBase(std::uint32_t number, char* page) {
  engine_.readStores([&] {
    catchUp();
    giveBackStore();
    if (const char* image = then_.page(number)) {
      std::copy(image, image + sql::kPageBytes, page);
    } else {
      readFile(number, page);
    }
    return then_.through();
  });
}

std::optional<std::string> PastView::Impl::get(std::string_view key) {
  std::shared_lock stable = engine_.stableStore();
  catchUp();
  std::optional<std::string> copy;
  if (std::optional<std::string_view> found = turn_.get(key)) copy.emplace(*found);
  giveBackStore();
  return copy;
}

void PastView::Impl::list(const ListOptions& options,
                          const std::function<bool(std::string_view, std::string_view)>& visit) {
  std::optional<std::uint64_t> limit;
  kv::Range range = kv::toRange(options);
  if (options.limit) limit = static_cast<std::uint64_t>(*options.limit);
  kv::List list(turn_, std::move(range), options.reverse, limit);
  // In portions, so that neither a round nor the growth of the store waits for the visitor.
  std::vector<std::pair<std::string, std::string>> portion;
  for (bool more = true; more;) {
    portion.clear();
    {
      std::shared_lock stable = engine_.stableStore();
      catchUp();
      while (portion.size() < kListPortion && (more = list.next()))
        portion.emplace_back(list.key(), list.value());
      giveBackStore();
    }
    for (const auto& [key, bytes] : portion) {
      if (!visit(key, bytes)) return;
    }
  }
}

const kv::ReadAccess& PastView::Impl::store() {
  if (!snapshot_) snapshot_ = engine_.lmdb().snapshot();
  return snapshot_;
}

void PastView::Impl::giveBackStore() {
  if (!snapshot_) return;
  snapshot_ = {};
  ++storeGeneration_;
}

const RecordRef& PastView::Impl::openRecord() {
  throw sql::sqliteError("a view of the past cannot be written", 8);
}

sql::PageSpace& PastView::Impl::pages() {
  if (!pages_) {
    pages_ =
        std::make_unique<sql::PageSpace>(engine_.pageFiles(), then_.space(), then_.pageCount());
    pages_->readBaseFrom([this](std::uint32_t number, char* page) { readBase(number, page); });
    for (const auto& [number, image] : then_.pages()) pages_->adopt(number, image.get());
  }
  return *pages_;
}

sql::Connection& PastView::Impl::connection() {
  if (!connection_)
    connection_ = std::make_unique<sql::Connection>(engine_.vfs(), pages(), engine_.limits());
  return *connection_;
}

std::optional<UnixMillis> PastView::Impl::alarm(std::string_view name) const {
  auto found = alarms_.find(name);
  if (found == alarms_.end()) return std::nullopt;
  return found->second;
}

PastView::PastView(std::unique_ptr<Impl> impl) : impl_(std::move(impl)), kv_(*this) {}
PastView::~PastView() = default;

Lsn PastView::lsn() const { return impl_->at(); }
SqlStorage& PastView::sql() { return impl_->sql(); }
bool PastView::exists() const { return !impl_->space().isZero(); }
std::optional<UnixMillis> PastView::getAlarm(std::string_view name) const {
  return impl_->alarm(name);
}
std::vector<std::string> PastView::alarmNames() const {
  std::vector<std::string> names;
  for (const auto& [name, time] : impl_->alarms()) names.push_back(name);
  return names;
}

std::optional<std::string> PastKv::getRaw(std::string_view key) { return view_->impl_->get(key); }
void PastKv::list(const ListOptions& options,
                  const std::function<bool(std::string_view, std::string_view)>& visit) {
  view_->impl_->list(options, visit);
}

}  // namespace cairn
