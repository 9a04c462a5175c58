#include "pitr/page_undo.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/base/coding.h"

namespace cairn::pitr {

namespace {

using sql::kPageBytes;

enum Kind : std::uint64_t { kBytes = 0, kZeros = 1, kMoved = 2, kStep = 3 };

// Shorter moves and zero runs are cheaper as bytes.
constexpr std::size_t kMoveMin = 6;
// Where bytes would go on otherwise. A multiple of 8.
constexpr std::size_t kMoveWithin = 24;
constexpr std::size_t kZerosMin = 3;
// Numbers that change by more than this are not counters.
constexpr std::int64_t kStepMax = 31;
constexpr std::size_t kStepBytesMax = 4;
// Where bytes of a B-tree page move to when a cell comes or goes: pointers are two bytes wide.
constexpr int kDistances[] = {2, -2, 4, -4, 6, -6, 8, -8};

std::uint64_t wordAt(const char* bytes) { return loadFixed<std::uint64_t>(bytes); }

// How many of the first `most` bytes are the same.
std::size_t commonBytes(const char* a, const char* b, std::size_t most) {
  std::size_t at = 0;
  for (; at + 8 <= most; at += 8) {
    std::uint64_t difference = wordAt(a + at) ^ wordAt(b + at);
    if (difference != 0) return at + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  }
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

struct Op {
  Kind kind;
  std::size_t length;
  std::int64_t value = 0;
};

class Encoder {
 public:
  Encoder(const char* before, const char* after, std::span<const sql::PageRange> changed,
          Buffer& out)
      : before_(before), after_(after), changed_(changed), out_(out) {}

  void run() {
    std::size_t written = 0;
    for (std::size_t at = nextDifference(0); at < kPageBytes; at = nextDifference(at)) {
      Op op = chooseAt(at);
      putVarint(out_, at - written);
      putVarint(out_, op.length * 4 + op.kind);
      if (op.kind == kBytes) out_.append({before_ + at, op.length});
      if (op.kind == kMoved || op.kind == kStep) putVarint(out_, zigzag(op.value));
      at += op.length;
      written = at;
    }
  }

 private:
  std::size_t nextDifference(std::size_t from) {
    for (; !changed_.empty(); changed_ = changed_.subspan(1)) {
      std::size_t end = changed_.front().end;
      std::size_t at = std::max(from, changed_.front().begin);
      if (at >= end) continue;
      at += commonBytes(before_ + at, after_ + at, end - at);
      if (at < end) return at;
    }
    return kPageBytes;
  }

  Op chooseAt(std::size_t at) {
    // A range is told in several ops when some of it moved.
    std::size_t end = changed_.front().end;
    if (std::optional<Op> step = stepAt(at, end)) return *step;
    if (end - at >= kMoveMin) {
      Op moved = moveAt(at, kMoveMin);
      if (moved.length > 0 && moved.length * 2 >= end - at) return moved;
    }
    std::size_t zeros = zerosAt(at);
    if (zeros >= kZerosMin) return {kZeros, zeros};
    // Bytes, up to where a zero run or a move does better.
    std::size_t stop = at + 1;
    while (stop < end && zerosAt(stop) < 2 * kZerosMin &&
           (end - stop < kMoveWithin || stop % 2 != at % 2 || !movesFrom(stop)))
      ++stop;
    return {kBytes, stop - at};
  }

  std::optional<Op> stepAt(std::size_t at, std::size_t end) const {
    std::size_t length = end - at;
    if (length > kStepBytesMax) return std::nullopt;
    auto number = [&](const char* page) {
      std::int64_t value = 0;
      for (std::size_t i = 0; i < length; ++i)
        value = value * 256 + static_cast<unsigned char>(page[at + i]);
      return value;
    };
    std::int64_t difference = number(after_) - number(before_);
    if (difference > kStepMax || difference < -kStepMax) return std::nullopt;
    return Op{kStep, length, difference};
  }

  // Whether a move of kMoveWithin bytes begins here.
  bool movesFrom(std::size_t at) {
    if (at < noMoveBefore_) return false;
    noMoveBefore_ = kPageBytes;
    for (std::size_t i = 0; i < std::size(kDistances); ++i) {
      if (noMoveBy_[i] <= at) noMoveBy_[i] = nextMoveBy(kDistances[i], at);
      noMoveBefore_ = std::min(noMoveBefore_, noMoveBy_[i]);
    }
    return noMoveBefore_ == at && moveAt(at, kMoveWithin).length > 0;
  }

  // Where a move by that distance may begin, at the earliest: here, or behind the last byte that
  // stands against it.
  std::size_t nextMoveBy(int distance, std::size_t at) const {
    auto source = static_cast<std::ptrdiff_t>(at) + distance;
    if (source < 0) return static_cast<std::size_t>(-distance);
    if (std::max(at, static_cast<std::size_t>(source)) + kMoveWithin > kPageBytes)
      return kPageBytes;
    for (std::size_t word = kMoveWithin; word > 0;) {
      word -= 8;
      std::uint64_t difference = wordAt(before_ + at + word) ^ wordAt(after_ + source + word);
      if (difference != 0)
        return at + word + 8 - static_cast<std::size_t>(std::countl_zero(difference)) / 8;
    }
    return at;
  }

  // The longest of at least so many bytes, or one of none.
  Op moveAt(std::size_t at, std::size_t least) const {
    Op best{kMoved, 0, 0};
    for (int distance : kDistances) {
      auto source = static_cast<std::ptrdiff_t>(at) + distance;
      if (source < 0 || source >= static_cast<std::ptrdiff_t>(kPageBytes)) continue;
      const char* from = after_ + source;
      std::size_t room = kPageBytes - std::max<std::size_t>(at, static_cast<std::size_t>(source));
      if (room < least) continue;
      std::size_t length = commonBytes(before_ + at, from, room);
      if (length > best.length) best = {kMoved, length, distance};
    }
    // What did not change at the end of the run is better skipped.
    while (best.length > 0 && before_[at + best.length - 1] == after_[at + best.length - 1])
      --best.length;
    if (best.length < least) best.length = 0;
    return best;
  }

  std::size_t zerosAt(std::size_t at) const {
    std::size_t length = 0;
    while (at + length < kPageBytes && before_[at + length] == 0) ++length;
    while (length > 0 && after_[at + length - 1] == 0) --length;
    return length;
  }

  const char* before_;
  const char* after_;
  std::span<const sql::PageRange> changed_;  ///< The first one is being told.
  Buffer& out_;
  // No move of kMoveWithin bytes begins before these: by one of the distances, by any.
  std::array<std::size_t, std::size(kDistances)> noMoveBy_{};
  std::size_t noMoveBefore_ = 0;
};

void applyStep(char* number, std::size_t length, std::int64_t difference) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < length; ++i)
    value = value * 256 + static_cast<unsigned char>(number[i]);
  value -= difference;
  for (std::size_t i = length; i-- > 0; value >>= 8) number[i] = static_cast<char>(value);
}

}  // namespace

void encodePageUndo(const char* before, const char* after, Buffer& out) {
  std::vector<sql::PageRange> changed;
  sql::findChanges(before, after, changed);
  encodePageUndo(before, after, changed, out);
}

void encodePageUndo(const char* before, const char* after, std::span<const sql::PageRange> changed,
                    Buffer& out) {
  Encoder(before, after, changed, out).run();
}

void applyPageUndo(std::string_view undo, char* page) {
  char after[kPageBytes];
  std::memcpy(after, page, kPageBytes);
  Decoder in(undo);
  std::size_t at = 0;
  while (!in.done()) {
    at += in.varint("skip", kPageBytes - at);
    std::uint64_t head = in.varint("op");
    std::size_t length = head / 4;
    if (length == 0 || length > kPageBytes - at) in.fail("op length");
    switch (head % 4) {
      case kBytes:
        std::memcpy(page + at, in.bytes("old bytes", length).data(), length);
        break;
      case kZeros:
        std::memset(page + at, 0, length);
        break;
      case kMoved: {
        std::int64_t source =
            static_cast<std::int64_t>(at) + unzigzag(in.varint("distance", 2 * kPageBytes));
        if (source < 0 ||
            source + static_cast<std::int64_t>(length) > static_cast<std::int64_t>(kPageBytes))
          in.fail("distance");
        std::memcpy(page + at, after + source, length);
        break;
      }
      default:
        if (length > kStepBytesMax) in.fail("step length");
        applyStep(page + at, length, unzigzag(in.varint("difference")));
    }
    at += length;
  }
}

}  // namespace cairn::pitr
