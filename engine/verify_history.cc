// The change log: its frames, the store's index of them, and, at full depth, whether undoing commit
// after commit leads from the state there is to every state that was recorded.
#include <cairn/error.h>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/object_past.h"
#include "engine/verification.h"
#include "kv/keys.h"
#include "pitr/digest.h"
#include "pitr/history.h"
#include "pitr/past_state.h"
#include "sql_frontend/page_delta.h"
#include "sql_frontend/page_files.h"

namespace cairn {

using kv::Table;
using sql::kPageBytes;

namespace {

// What a walk back may keep in memory: keys and pages that commits have changed since.
constexpr std::uint64_t kWalkBytesMax = std::uint64_t{256} << 20;

// Goes back through one space, from its state in the stores, keeping the digest up to date.
class SpaceWalk {
 public:
  SpaceWalk(Verification& verification, const kv::ReadAccess& store, const StoreState& state,
            pitr::ChangeLogReader& reader, sql::PageFiles& files, SpaceId space,
            const SpaceRow& row)
      : verification_(verification),
        store_(store),
        state_(state),
        past_(store, reader, row.object),
        space_(space),
        row_(row),
        where_(fmt::format("space {}", space.value())),
        file_(row.sqlPages > 0 ? files.openForReading(space) : nullptr),
        digest_(row.dataDigest),
        pageCount_(row.sqlPages) {}

  void run() {
    if (row_.historyFrom.isZero() && !checkState()) return;
    alarms_ = past_.alarmsAt(row_.lastLsn, state_.lsn);
    past_.history().backward(space_, std::max(state_.historyLsn, row_.historyFrom), state_.lsn, 0,
                             [this](const pitr::CommitUndo& commit) { return check(commit); });
  }

  [[nodiscard]] std::uint64_t commits() const { return commits_; }

 private:
  // Keys and pages as they stand must be those that the last round summed up.
  bool checkState() {
    Hash128 found;
    std::string prefix = kv::numberKey(space_);
    kv::Cursor cursor = store_.cursor(Table::kKv);
    for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
         more = cursor.next()) {
      verification_.progress(++steps_, 0);
      if (!kv::isBucket(cursor.key())) {
        found += pitr::kvDigest(cursor.key().substr(kv::kSpaceBytes), cursor.value());
        continue;
      }
      kv::visitBucket(cursor.value(), [&](const kv::BucketEntry& entry) {
        found += pitr::kvDigest(entry.key, entry.value);
      });
    }
    char page[kPageBytes];
    for (std::uint32_t number = 1; number <= row_.sqlPages; ++number) {
      verification_.progress(++steps_, 0);
      readPage(number, page);
      found += pitr::pageDigest(number, page);
    }
    found += pitr::pageCountDigest(row_.sqlPages);
    if (found == row_.dataDigest) return true;
    verification_.damage(where_, fmt::format("its keys and pages have digest {:016x}, its row says "
                                             "{:016x}",
                                             found.low, row_.dataDigest.low));
    return false;
  }

  bool check(const pitr::CommitUndo& commit) {
    verification_.progress(++steps_, 0);
    if (alarmsAreStale_) alarms_ = past_.alarmsAt(commit.lsn, state_.lsn);
    alarmsAreStale_ = false;
    Hash128 sum = digest_;
    for (const auto& [name, time] : alarms_) sum += pitr::alarmDigest(name, time);
    if (sum.low != commit.digestAfter) {
      verification_.damage(
          where_, fmt::format("going back, the state after commit {} has digest {:016x}, recorded "
                              "is {:016x}; states at and before it cannot be brought back",
                              commit.lsn.value(), sum.low, commit.digestAfter));
      return false;
    }
    if (bytesKept_ > kWalkBytesMax) {
      verification_.unreadable(
          where_, fmt::format("its history was walked back to commit {} only: going on would take "
                              "more than {} bytes of memory",
                              commit.lsn.value(), kWalkBytesMax));
      return false;
    }
    ++commits_;
    undo(commit);
    return true;
  }

  void undo(const pitr::CommitUndo& commit) {
    std::vector<pitr::Undo> undos;
    std::vector<std::uint32_t> pages;
    pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
      if (undo.kind == pitr::UndoKind::kPage || undo.kind == pitr::UndoKind::kPagePacked) {
        pages.push_back(static_cast<std::uint32_t>(undo.number));
      } else {
        undos.push_back(undo);
      }
    });
    // A commit may have written a key more than once: going back, the first time comes last.
    for (auto each = undos.rbegin(); each != undos.rend(); ++each) undoPart(*each);
    undoPages(commit, pages);
  }

  void undoPart(const pitr::Undo& undo) {
    switch (undo.kind) {
      case pitr::UndoKind::kKeyAbsent:
        return undoKey(undo.name, std::nullopt);
      case pitr::UndoKind::kKeyValue:
        return undoKey(undo.name, undo.bytes);
      case pitr::UndoKind::kAlarmAbsent:
        alarms_.erase(std::string(undo.name));
        return;
      case pitr::UndoKind::kAlarmSet:
        alarms_[std::string(undo.name)] = undo.time;
        return;
      case pitr::UndoKind::kPointed:
        // The object was elsewhere in between, and alarms go with the object.
        alarmsAreStale_ = true;
        return;
      default:
        return;
    }
  }

  void undoKey(std::string_view key, std::optional<std::string_view> before) {
    auto known = keys_.find(key);
    std::optional<std::string_view> now = known != keys_.end() ? known->second : stored(key);
    if (now) digest_ -= pitr::kvDigest(key, *now);
    if (before) digest_ += pitr::kvDigest(key, *before);
    bytesKept_ += key.size() + (before ? before->size() : 0);
    std::optional<std::string> kept(before);
    if (known != keys_.end()) {
      known->second = std::move(kept);
    } else {
      keys_.emplace(key, std::move(kept));
    }
  }

  [[nodiscard]] std::optional<std::string_view> stored(std::string_view key) const {
    std::optional<std::string_view> row = store_.get(Table::kKv, kv::StoreKey(space_, key).view());
    if (row && kv::isLongKey(key)) return kv::findInBucket(*row, key);
    return row;
  }

  void undoPages(const pitr::CommitUndo& commit, const std::vector<std::uint32_t>& pages) {
    for (std::uint32_t number : pages) digest_ -= pitr::pageDigest(number, image(number));
    std::uint32_t before = pitr::undoCommitPages(
        commit, pageCount_, [this](std::uint32_t number) { return image(number); });
    for (std::uint32_t number : pages) digest_ += pitr::pageDigest(number, image(number));
    digest_ -= pitr::pageCountDigest(pageCount_);
    digest_ += pitr::pageCountDigest(before);
    pageCount_ = before;
  }

  char* image(std::uint32_t number) {
    std::unique_ptr<char[]>& page = images_[number];
    if (!page) {
      page = std::make_unique_for_overwrite<char[]>(kPageBytes);
      readPage(number, page.get());
      bytesKept_ += kPageBytes;
    }
    return page.get();
  }

  void readPage(std::uint32_t number, char* page) {
    std::size_t got = 0;
    if (file_ && number <= row_.sqlPages)
      got = file_->read(std::uint64_t{number - 1} * kPageBytes, {page, kPageBytes});
    std::fill(page + got, page + kPageBytes, '\0');
  }

  Verification& verification_;
  const kv::ReadAccess& store_;
  const StoreState& state_;
  ObjectPast past_;
  SpaceId space_;
  const SpaceRow& row_;
  std::string where_;
  std::unique_ptr<File> file_;

  Hash128 digest_;  ///< Of keys and pages, after the commits not yet undone.
  std::uint32_t pageCount_;
  std::map<std::string, std::optional<std::string>, std::less<>> keys_;
  std::unordered_map<std::uint32_t, std::unique_ptr<char[]>> images_;
  ObjectPast::Alarms alarms_;
  bool alarmsAreStale_ = false;
  std::uint64_t bytesKept_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t steps_ = 0;
};

class HistoryCheck {
 public:
  HistoryCheck(Verification& verification, const kv::ReadAccess& store, const StoreState& state)
      : verification_(verification),
        store_(store),
        state_(state),
        files_{verification.fileSystem(), verification.path("changes"),
               std::string(verification.rootId->view()), verification.rootId->seed()},
        reader_(files_),
        pageFiles_(verification.fileSystem(), verification.path("sql")) {}

  void run() {
    if (!verification_.onlyObject) checkSegments();
    checkIndex();
    if (!verification_.onlyObject) verification_.count("historyFrames", frames_.size());
    verification_.count("historyRuns", runs_);
    if (verification_.options().depth == VerifyDepth::kQuick) return;
    verification_.count("historyCommits", commits_);
    if (verification_.options().depth == VerifyDepth::kRecords) return;
    if (verification_.roundInterrupted) {
      return verification_.unreadable(verification_.path("changes"),
                                      "digests are compared after the next open has finished the "
                                      "checkpoint that was cut off");
    }
    walkSpaces();
    verification_.count("commitsWalkedBack", walked_);
  }

 private:
  void damage(std::string where, std::string what) {
    verification_.damage(std::move(where), std::move(what));
  }

  void checkSegments() {
    FileSystem& fileSystem = verification_.fileSystem();
    if (!fileSystem.exists(files_.directory)) {
      if (state_.changes.segment != 0) damage(files_.directory, "missing, and all history with it");
      return;
    }
    for (const std::string& name : fileSystem.list(files_.directory)) {
      std::optional<std::uint64_t> number = pitr::changeSegmentNumber(name);
      if (!number) {
        verification_.warning(files_.directory + "/" + name, "no segment has such a name");
      } else if (*number > state_.changes.segment) {
        verification_.note(
            files_.path(*number),
            "belongs to no checkpoint that was finished; the next one begins it anew");
      } else {
        checkSegment(*number);
      }
    }
  }

  void checkSegment(std::uint64_t number) {
    std::string path = files_.path(number);
    std::uint64_t bytes = verification_.fileSystem().open(path, {})->size();
    bool isLast = number == state_.changes.segment;
    std::uint64_t end = isLast ? state_.changes.offset : bytes;
    if (bytes < end) {
      return damage(path, fmt::format("{} bytes, {} belong to finished checkpoints", bytes, end));
    }
    if (bytes > end) {
      verification_.note(path,
                         fmt::format("{} bytes from offset {} on belong to no checkpoint that "
                                     "was finished; the next one writes over them",
                                     bytes - end, end));
    }
    try {
      std::uint64_t stop =
          reader_.scan(number, 0, end, false,
                       [&](std::uint64_t offset, const pitr::FrameHeader&, std::string_view) {
                         verification_.progress(offset, end);
                         frames_.insert({number, offset});
                       });
      if (stop < end)
        damage(path, fmt::format("offset {}: a frame is damaged; {} bytes from there on are lost",
                                 stop, end - stop));
    } catch (const Error& error) {
      damage(path, error.what());
    }
  }

  // What a run left behind for the next one of its space.
  struct Chain {
    SpaceId space;
    Lsn lastLsn;
    UnixMillis lastTime;
    bool hasDigest = false;
    std::uint64_t digest = 0;
  };

  void checkIndex() {
    std::uint64_t total = store_.entries(Table::kChanges);
    std::uint64_t done = 0;
    Chain chain;
    kv::Cursor cursor = store_.cursor(Table::kChanges);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      verification_.progress(++done, total);
      if (cursor.key().size() != 16) {
        damage(fmt::format("store, history row {}", done),
               fmt::format("a key of {} bytes", cursor.key().size()));
        continue;
      }
      SpaceId space(loadBigEndian64(cursor.key().data()));
      Lsn lastLsn(loadBigEndian64(cursor.key().data() + 8));
      if (space != chain.space) {
        chain = Chain{};
        chain.space = space;
      }
      if (!isWanted(space)) continue;
      ++runs_;
      bool sound =
          finding(fmt::format("history of space {} up to LSN {}", space.value(), lastLsn.value()),
                  [&] { checkRun(space, lastLsn, pitr::RunPlace::decode(cursor.value()), chain); });
      if (!sound) chain.hasDigest = false;
    }
  }

  [[nodiscard]] bool isWanted(SpaceId space) const {
    if (!verification_.onlyObject) return true;
    std::optional<std::string_view> row = store_.get(Table::kSpaces, kv::numberKey(space));
    return row && SpaceRow::decode(*row).object == *verification_.onlyObject;
  }

  void checkRun(SpaceId space, Lsn lastLsn, const pitr::RunPlace& place, Chain& chain) {
    std::string where = fmt::format("history of space {} from LSN {} to {}", space.value(),
                                    place.firstLsn.value(), lastLsn.value());
    if (!store_.get(Table::kSpaces, kv::numberKey(space))) damage(where, "its space has no row");
    if (place.firstLsn > lastLsn || place.firstLsn <= chain.lastLsn)
      damage(where, fmt::format("it begins at or before LSN {}, where the one before it ends",
                                chain.lastLsn.value()));
    if (place.firstTime < chain.lastTime || place.lastTime < place.firstTime)
      damage(where, "its times go back");
    chain.lastLsn = lastLsn;
    chain.lastTime = place.lastTime;
    bool isScanned = !verification_.onlyObject;
    if (isScanned && !frames_.contains({place.segment, place.frameOffset})) {
      chain.hasDigest = false;
      return damage(where,
                    fmt::format("it should stand in {} at offset {}, where no sound frame is",
                                files_.path(place.segment), place.frameOffset));
    }
    if (verification_.options().depth != VerifyDepth::kQuick)
      readRun(space, lastLsn, place, where, chain);
  }

  void readRun(SpaceId space, Lsn lastLsn, const pitr::RunPlace& place, const std::string& where,
               Chain& chain) {
    pitr::ChangeLogReader::Run run = reader_.read(space, lastLsn, place);
    pitr::RunReader in(run.bytes);
    std::vector<pitr::CommitUndo> commits = in.commits();
    commits_ += commits.size();
    const pitr::RunHeader& header = in.header();
    if (header.firstLsn != place.firstLsn || header.commits != place.commits ||
        header.touches != place.touches || commits.size() != place.commits)
      damage(where, "its index row describes another run");
    if (chain.hasDigest && header.digestBefore != chain.digest)
      damage(where,
             fmt::format("it starts from digest {:016x}, the run before it ends with {:016x}",
                         header.digestBefore, chain.digest));
    chain.hasDigest = true;
    chain.digest = header.digestAfter.low;
    for (const pitr::CommitUndo& commit : commits)
      pitr::visitUndos(commit.undos, [](const pitr::Undo&) {});
  }

  void walkSpaces() {
    kv::Cursor cursor = store_.cursor(Table::kSpaces);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      SpaceId space(loadBigEndian64(cursor.key().data()));
      if (cursor.key().size() != 8 || !isWanted(space)) continue;
      finding(fmt::format("space {}", space.value()),
              [&] { walkSpace(space, SpaceRow::decode(cursor.value())); });
    }
  }

  void walkSpace(SpaceId space, const SpaceRow& row) {
    // One whose time has passed is being removed, and may be half gone.
    bool isExpired = !row.dropped.isZero() && row.dropped <= state_.historyLsn;
    if (!row.keepsHistory || isExpired) return;
    SpaceWalk walk(verification_, store_, state_, reader_, pageFiles_, space, row);
    walk.run();
    walked_ += walk.commits();
  }

  // What `work` throws about the bytes it reads is a finding. Returns whether it threw none.
  template <typename Work>
  bool finding(const std::string& where, Work&& work) {
    try {
      work();
      return true;
    } catch (const Error& error) {
      damage(where, error.what());
    } catch (const DecodeError& error) {
      damage(where, error.what());
    }
    return false;
  }

  Verification& verification_;
  const kv::ReadAccess& store_;
  const StoreState& state_;
  pitr::ChangeLogFiles files_;
  pitr::ChangeLogReader reader_;
  sql::PageFiles pageFiles_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> frames_;  ///< Sound ones: segment and offset.
  std::uint64_t runs_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t walked_ = 0;
};

}  // namespace

void checkHistory(Verification& verification) {
  if (!verification.lmdb || !verification.state || !verification.rootId) return;
  kv::Snapshot snapshot = verification.lmdb->snapshot();
  HistoryCheck(verification, snapshot, *verification.state).run();
}

}  // namespace cairn
