// The change log: its frames, the store's index of them, and, at full depth, whether undoing commit
// after commit leads from the state there is to every state that was recorded.
#include <algorithm>
#include <cairn/error.h>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

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

// What walks back may keep in memory: keys and pages that commits have changed since.
constexpr std::uint64_t kWalkBytesMax = std::uint64_t{256} << 20;
// A frame holds runs of many spaces: so many are walked back at once, to read it once for all.
constexpr std::size_t kWalksMax = 256;

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
        after_(std::max(state.historyLsn, row.historyFrom)),
        where_(fmt::format("space {}", space.value())),
        file_(row.sqlPages > 0 ? files.openForReading(space) : nullptr),
        digest_(row.dataDigest),
        pageCount_(row.sqlPages) {}

  /// The runs whose commits are to be given to `undo`, from the last one back; none when the state
  /// they lead to is not what it should be.
  [[nodiscard]] std::vector<pitr::IndexedRun> begin() {
    if (row_.historyFrom.isZero() && !checkState()) return {};
    alarms_ = past_.alarmsAt(row_.lastLsn, state_.lsn);
    return past_.history().runs(space_, after_, state_.lsn);
  }

  /// False: there is no use in going on.
  bool undo(const std::vector<pitr::CommitUndo>& commits) {
    for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {
      if (commit->lsn > state_.lsn) continue;
      if (commit->lsn <= after_) break;
      if (!check(*commit)) return false;
    }
    return true;
  }

  void tooLarge() {
    verification_.unreadable(
        where_, fmt::format("its history was walked back to commit {} only: going on would take "
                            "more than {} bytes of memory",
                            reached_.value(), kWalkBytesMax));
  }

  [[nodiscard]] std::string where() const { return where_; }
  [[nodiscard]] std::uint64_t bytesKept() const { return bytesKept_; }
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
    ++commits_;
    reached_ = commit.lsn;
    undoParts(commit);
    return true;
  }

  void undoParts(const pitr::CommitUndo& commit) {
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
  SpaceRow row_;
  Lsn after_;  ///< What came up to here is no longer kept.
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
  Lsn reached_;
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
    readsRowByRow_ = readsRowByRow();
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
    bool readsRuns = verification_.options().depth != VerifyDepth::kQuick;
    bool sound = finding(path, [&] {
      std::uint64_t stop = reader_.scan(
          number, 0, end, readsRuns,
          [&](std::uint64_t offset, const pitr::FrameHeader& frame, std::string_view payload) {
            verification_.progress(offset, end);
            frames_.insert({number, offset});
            if (readsRuns && !finding(fmt::format("{} offset {}", path, offset),
                                      [&] { readRuns(number, offset, frame, payload); }))
              digests_.clear();
          });
      if (stop < end)
        throw Error(ErrorCode::kDamaged,
                    fmt::format("offset {}: a frame is damaged; {} bytes from there on are lost",
                                stop, end - stop));
    });
    // What comes after a gap has nothing to follow on from.
    if (!sound) digests_.clear();
  }

  // The runs of a frame that the index knows. The others are of spaces that were swept.
  void readRuns(std::uint64_t segment, std::uint64_t offset, const pitr::FrameHeader& frame,
                std::string_view payload) {
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < frame.runs; ++i) {
      std::size_t bytes = pitr::runBytesAt(payload, at);
      pitr::RunReader in(payload.substr(at, bytes));
      const pitr::RunHeader& header = in.header();
      if (std::optional<std::string_view> row =
              store_.get(Table::kChanges, kv::numberKey(header.space, header.lastLsn))) {
        pitr::RunPlace place = pitr::RunPlace::decode(*row);
        if (place.segment == segment && place.frameOffset == offset && place.runOffset == at &&
            place.runBytes == bytes) {
          ++runsRead_;
          checkRunBytes(place, in);
        }
      }
      at += bytes;
    }
  }

  // What a run left behind for the next one of its space.
  struct Chain {
    SpaceId space;
    Lsn lastLsn;
    UnixMillis lastTime;
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
      finding(fmt::format("history of space {} up to LSN {}", space.value(), lastLsn.value()),
              [&] { checkRun(space, lastLsn, pitr::RunPlace::decode(cursor.value()), chain); });
    }
  }

  // Every row of the index must lead to its run. Whether one does not shows in the count of runs
  // that were met frame by frame; which one, in reading them row by row, each from its frame.
  [[nodiscard]] bool readsRowByRow() const {
    if (verification_.options().depth == VerifyDepth::kQuick) return false;
    return verification_.onlyObject || runsRead_ != store_.entries(Table::kChanges);
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
      return damage(where,
                    fmt::format("it should stand in {} at offset {}, where no sound frame is",
                                files_.path(place.segment), place.frameOffset));
    }
    if (!readsRowByRow_) return;
    pitr::ChangeLogReader::Run run = reader_.read(space, lastLsn, place);
    if (isScanned) {
      checkPlace(place, pitr::RunReader(run.bytes), where);
    } else {
      checkRunBytes(place, pitr::RunReader(run.bytes));
    }
  }

  std::vector<pitr::CommitUndo> checkPlace(const pitr::RunPlace& place, const pitr::RunReader& run,
                                           const std::string& where) {
    const pitr::RunHeader& header = run.header();
    std::vector<pitr::CommitUndo> commits = run.commits();
    if (header.firstLsn != place.firstLsn || header.firstTime != place.firstTime ||
        header.lastTime != place.lastTime || header.commits != place.commits ||
        header.touches != place.touches || commits.size() != place.commits)
      damage(where, "its index row describes another run");
    return commits;
  }

  void checkRunBytes(const pitr::RunPlace& place, const pitr::RunReader& run) {
    const pitr::RunHeader& header = run.header();
    std::string where = fmt::format("history of space {} from LSN {} to {}", header.space.value(),
                                    header.firstLsn.value(), header.lastLsn.value());
    std::vector<pitr::CommitUndo> commits = checkPlace(place, run, where);
    commits_ += commits.size();
    auto [digest, isFirst] = digests_.try_emplace(header.space, header.digestBefore);
    if (!isFirst && header.digestBefore != digest->second)
      damage(where,
             fmt::format("it starts from digest {:016x}, the run before it ends with {:016x}",
                         header.digestBefore, digest->second));
    digest->second = header.digestAfter.low;
    for (const pitr::CommitUndo& commit : commits)
      pitr::visitUndos(commit.undos, [](const pitr::Undo&) {});
  }

  using Spaces = std::vector<std::pair<SpaceId, SpaceRow>>;

  void walkSpaces() {
    Spaces together;
    kv::Cursor cursor = store_.cursor(Table::kSpaces);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      SpaceId space(loadBigEndian64(cursor.key().data()));
      if (cursor.key().size() != 8 || !isWanted(space)) continue;
      finding(fmt::format("space {}", space.value()), [&] {
        SpaceRow row = SpaceRow::decode(cursor.value());
        // One whose time has passed is being removed, and may be half gone.
        bool isExpired = !row.dropped.isZero() && row.dropped <= state_.historyLsn;
        if (row.keepsHistory && !isExpired) together.emplace_back(space, std::move(row));
      });
      // Spaces of one time share frames, and have numbers close to each other.
      if (together.size() == kWalksMax) walkTogether(std::exchange(together, {}));
    }
    walkTogether(together);
    for (; !alone_.empty(); alone_.pop_back()) walkTogether({alone_.back()});
  }

  // A run that a walk waits for.
  struct WalkStep {
    pitr::IndexedRun run;
    std::size_t walk;
  };

  void walkTogether(const Spaces& spaces) {
    std::vector<std::unique_ptr<SpaceWalk>> walks;
    std::vector<WalkStep> steps;
    for (const auto& [space, row] : spaces) {
      walks.push_back(std::make_unique<SpaceWalk>(verification_, store_, state_, reader_,
                                                  pageFiles_, space, row));
      finding(walks.back()->where(), [&] {
        for (pitr::IndexedRun& run : walks.back()->begin())
          steps.push_back({std::move(run), walks.size() - 1});
      });
    }
    // Runs of a space stand in the change log as they came.
    auto placed = [](const WalkStep& step) {
      const pitr::RunPlace& place = step.run.place;
      return std::tuple(place.segment, place.frameOffset, place.runOffset);
    };
    std::sort(steps.begin(), steps.end(),
              [&](const WalkStep& a, const WalkStep& b) { return placed(a) > placed(b); });
    std::uint64_t bytesKept = 0;
    for (const WalkStep& step : steps) {
      std::unique_ptr<SpaceWalk>& walk = walks[step.walk];
      if (!walk) continue;
      bool goesOn = false;
      std::uint64_t before = walk->bytesKept();
      finding(walk->where(), [&] {
        pitr::ChangeLogReader::Run keep;
        goesOn = walk->undo(pitr::readCommits(reader_, step.run, keep));
      });
      bytesKept += walk->bytesKept() - before;
      if (goesOn && bytesKept <= kWalkBytesMax) continue;
      if (goesOn && spaces.size() > 1) {
        // With all memory to itself it may get to the end.
        alone_.push_back(spaces[step.walk]);
      } else {
        if (goesOn) walk->tooLarge();
        walked_ += walk->commits();
      }
      bytesKept -= walk->bytesKept();
      walk.reset();
    }
    for (const auto& walk : walks) walked_ += walk ? walk->commits() : 0;
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
  std::map<SpaceId, std::uint64_t> digests_;  ///< That the last run of a space ended with.
  std::uint64_t runsRead_ = 0;                ///< That rows of the index led to.
  bool readsRowByRow_ = false;
  Spaces alone_;  ///< To be walked back one by one.
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
