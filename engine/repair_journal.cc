// A journal that does not read to its end is cut where it stops to make sense: what stands before
// that is replayed by the next open, what stands behind it is kept aside and lost to the root.
#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/journal_format.h"
#include "engine/journal_scan.h"
#include "engine/repair_steps.h"

namespace cairn {

namespace {

using journal::kPage;
using journal::segmentName;

// Each cut takes at least one block away; more than this are no accident any more.
constexpr int kCutsMax = 1'000;

class JournalRepair {
 public:
  explicit JournalRepair(Repair& repair)
      : repair_(repair),
        directory_(repair.path("journal")),
        first_(repair.state ? repair.state->journalSegment : 1),
        stored_(repair.state ? repair.state->lsn : Lsn()) {}

  void run() {
    bool hadForeign = takeOutForeign();
    if (hadForeign && !repair_.applies()) return;  // What is behind shows when they are gone.
    for (int cut = 0; cut < kCutsMax; ++cut) {
      std::optional<journal::ScanDamage> damage = scan();
      if (!damage || !mend(*damage) || !repair_.applies()) return;
    }
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: still damaged after {} cuts", directory_, kCutsMax));
  }

 private:
  std::vector<std::uint64_t> segments() {
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : repair_.fileSystem().list(directory_)) {
      std::optional<std::uint64_t> number = journal::segmentNumber(name);
      if (number && *number >= first_) numbers.push_back(*number);
    }
    return numbers;
  }

  std::string read(std::uint64_t number) {
    std::unique_ptr<File> file =
        repair_.fileSystem().open(directory_ + "/" + segmentName(number), {});
    std::string bytes(file->size(), '\0');
    bytes.resize(file->read(0, bytes));
    return bytes;
  }

  bool takeOutForeign() {
    bool found = false;
    for (std::uint64_t number : segments()) {
      journal::SegmentHeader::Decoded header;
      auto problem = journal::SegmentHeader::decode(read(number), repair_.rootId, header);
      if (problem != journal::SegmentHeader::Problem::kForeignRoot) continue;
      found = true;
      repair_.add({RepairKind::kPossible, directory_ + "/" + segmentName(number),
                   "it belongs to another root", "move it out of the root", ""});
      if (repair_.applies()) repair_.moveAway("journal/" + segmentName(number));
    }
    return found;
  }

  std::optional<journal::ScanDamage> scan() {
    journal::ScanFrom from{first_, stored_, repair_.state ? repair_.state->time : UnixMillis{},
                           !repair_.state.has_value()};
    try {
      (void)journal::scan(repair_.fileSystem(), directory_, repair_.rootId, from,
                          [](const RecordRef&) {});
      return std::nullopt;
    } catch (const journal::ScanDamage& damage) {
      return damage;
    }
  }

  // Segments that were begun; others are prepared for later, or wait to be used again.
  std::vector<std::uint64_t> begunSegments() {
    std::vector<std::uint64_t> numbers = segments();
    std::erase_if(numbers, [&](std::uint64_t number) {
      journal::SegmentHeader::Decoded header;
      auto problem = journal::SegmentHeader::decode(read(number), repair_.rootId, header);
      return problem != journal::SegmentHeader::Problem::kNone || header.header.number != number;
    });
    return numbers;
  }

  // The highest LSN of any block that is whole, wherever it stands.
  Lsn highestSeen() {
    Lsn highest = stored_;
    for (std::uint64_t number : segments()) {
      std::string bytes = read(number);
      for (std::size_t at = kPage; at + kPage <= bytes.size(); at += kPage) {
        std::optional<journal::BlockHeader> block =
            journal::BlockHeader::read(std::string_view(bytes).substr(at), repair_.rootId.seed());
        if (block) highest = std::max(highest, Lsn(block->firstLsn.value() + block->count));
      }
    }
    return highest;
  }

  // Returns whether there was something to do.
  bool mend(const journal::ScanDamage& damage) {
    Lsn highest = highestSeen();
    Lsn good = std::max(damage.lastGood, stored_);
    bool goesOn = damage.lastGood >= stored_ && (damage.offset > 0 || damage.segment > first_);
    RepairStep step{RepairKind::kPossible, directory_ + "/" + segmentName(damage.segment),
                    damage.what(), "", ""};
    step.loss = highest > good.next()
                    ? fmt::format("commits after LSN {}, of which some up to {} can be seen",
                                  good.value(), highest.value() - 1)
                    : fmt::format("commits after LSN {}, if there were any", good.value());
    // Numbers that were given out must not come again (I8).
    if (goesOn && highest >= journal::firstLsnAfterCrash(good)) goesOn = false;
    step.action = goesOn ? fmt::format("cut the journal there, at offset {}", damage.offset)
                         : "begin the journal anew behind what the stores hold";
    repair_.add(std::move(step));
    if (!repair_.applies()) return true;
    if (goesOn) {
      cutAt(damage.segment, damage.offset);
    } else {
      beginAnew(highest);
    }
    return true;
  }

  void cutAt(std::uint64_t segment, std::uint64_t offset) {
    std::vector<std::uint64_t> numbers = begunSegments();
    std::string name = segmentName(segment);
    bool keepsStart = offset > 0 && std::ranges::find(numbers, segment) != numbers.end();
    // The last first: a repair that is cut off leaves no gap.
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
      if (*number > segment || (*number == segment && !keepsStart))
        repair_.moveAway("journal/" + segmentName(*number));
    }
    if (!keepsStart) return;
    repair_.keep("journal/" + name);
    std::unique_ptr<File> file =
        repair_.fileSystem().open(directory_ + "/" + name, {.write = true});
    std::uint64_t bytes = file->size();
    if (offset < bytes) file->write(offset, std::string(bytes - offset, '\0'));
    file->syncData();
  }

  void beginAnew(Lsn highest) {
    std::vector<std::uint64_t> numbers = begunSegments();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number)
      repair_.moveAway("journal/" + segmentName(*number));
    journal::SegmentHeader header;
    header.number = first_;
    header.bytes = kPage;
    header.firstLsn = journal::firstLsnAfterCrash(highest);
    header.created = repair_.state ? repair_.state->time : UnixMillis{};
    std::string page(kPage, '\0');
    (void)header.encode(repair_.rootId, page.data());
    std::unique_ptr<File> file = repair_.fileSystem().open(directory_ + "/" + segmentName(first_),
                                                           {.write = true, .create = true});
    file->truncate(0);
    file->write(0, page);
    file->syncData();
    repair_.fileSystem().syncDirectory(directory_);
  }

  Repair& repair_;
  std::string directory_;
  std::uint64_t first_;
  Lsn stored_;
};

}  // namespace

void repairJournal(Repair& repair) { JournalRepair(repair).run(); }

}  // namespace cairn
