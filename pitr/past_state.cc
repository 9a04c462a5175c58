#include "pitr/past_state.h"

#include <cairn/error.h>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/mutant.h"
#include "pitr/packed_page.h"
#include "pitr/page_undo.h"
#include "sql_frontend/page_delta.h"

namespace cairn::pitr {

bool PastState::undoThrough(const History& history, Lsn through, std::uint32_t storePages,
                            const ReadPage& readPage, std::uint64_t bytesMax) {
  if (through < at_)
    throw Error(ErrorCode::kOutOfRange, fmt::format("LSN {} is not in the store yet", at_.value()));
  through_ = through;
  bytesLeft_ = bytesMax;
  try {
    undoKeys(history);
    undoPages(history, storePages, readPage);
    return true;
  } catch (const TooLarge&) {
    keys_.clear();
    alarms_.clear();
    pages_.clear();
    return false;
  }
}

void PastState::charge(std::size_t bytes) {
  constexpr std::size_t kEntryBytes = 96;
  if (bytesLeft_ < bytes + kEntryBytes) throw TooLarge();
  bytesLeft_ -= bytes + kEntryBytes;
}

// What was changed both before and after the store moved on keeps the older undo.
void PastState::extend(PastState&& later) {
  keys_.merge(later.keys_);
  alarms_.merge(later.alarms_);
  pages_.merge(later.pages_);
  through_ = later.through_;
}

// The oldest undo after `at` says what a key held then.
void PastState::undoKeys(const History& history) {
  history.forward(space_, at_, through_, kTouchesKv | kTouchesAlarm, [&](const CommitUndo& commit) {
    visitUndos(commit.undos, [&](const Undo& undo) {
      if (undo.kind == UndoKind::kKeyAbsent) {
        if (keys_.try_emplace(std::string(undo.name), std::nullopt).second)
          charge(undo.name.size());
      }
      if (undo.kind == UndoKind::kKeyValue) {
        auto [key, first] = keys_.try_emplace(std::string(undo.name), undo.bytes);
        if (first) charge(undo.name.size() + undo.bytes.size());
        if (!first && mutantActive(Mutant::kUndoNewestWins)) key->second = undo.bytes;
      }
      if (undo.kind == UndoKind::kAlarmAbsent)
        alarms_.try_emplace(std::string(undo.name), std::nullopt);
      if (undo.kind == UndoKind::kAlarmSet) alarms_.try_emplace(std::string(undo.name), undo.time);
    });
    return true;
  });
}

// From the pages as they are now back to `at`, the newest commit first.
void PastState::undoPages(const History& history, std::uint32_t storePages,
                          const ReadPage& readPage) {
  auto image = [&](std::uint32_t number) {
    Image& page = pages_[number];
    if (!page) {
      charge(sql::kPageBytes);
      page = std::make_unique_for_overwrite<char[]>(sql::kPageBytes);
      readPage(number, page.get());
    }
    return page.get();
  };
  pageCount_ = storePages;
  Lsn after = mutantActive(Mutant::kUndoOneCommitShort) ? at_.next() : at_;
  history.backward(space_, after, through_, kTouchesSql, [&](const CommitUndo& commit) {
    pageCount_ = undoCommitPages(commit, pageCount_, image);
    return true;
  });
}

std::uint32_t undoCommitPages(const CommitUndo& commit, std::uint32_t pageCount,
                              const std::function<char*(std::uint32_t number)>& image) {
  std::vector<Undo> undos;
  std::uint32_t before = pageCount;
  bool packed = false;
  visitUndos(commit.undos, [&](const Undo& undo) {
    if (undo.kind == UndoKind::kPage || undo.kind == UndoKind::kPagePacked) undos.push_back(undo);
    if (undo.kind == UndoKind::kPageCount) before = static_cast<std::uint32_t>(undo.number);
    packed = packed || undo.kind == UndoKind::kPagePacked;
  });
  // Packed pages refer to all pages of the commit as they were after it.
  std::string after;
  if (packed) {
    for (const Undo& undo : undos)
      after.append(image(static_cast<std::uint32_t>(undo.number)), sql::kPageBytes);
  }
  for (const Undo& undo : undos) {
    char* page = image(static_cast<std::uint32_t>(undo.number));
    if (undo.kind == UndoKind::kPage) {
      applyPageUndo(undo.bytes, page);
    } else {
      unpackPage(undo.bytes, after, page);
    }
  }
  return before;
}

}  // namespace cairn::pitr
