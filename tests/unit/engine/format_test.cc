// Goal: what is on disk stays readable: each structure is written byte for byte as it was when its
// format version was made. Method: fixed input against dumps in tests/format. A change that makes
// this fail needs a new format version, and the old one still has to be read.
//
// FORMAT_WRITE=1 in the environment writes the dumps anew.
#include <cairn/engine.h>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "alarms/alarm_table.h"
#include "engine/base/commit_record.h"
#include "engine/journal_format.h"
#include "engine/rows.h"
#include "pitr/change_log_format.h"
#include "sql_frontend/page_delta.h"
#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

const RootId kRoot = RootId::fromHex("000102030405060708090a0b0c0d0e0f");
constexpr UnixMillis kTime{1'700'000'000'123};

std::string directory() { return CAIRN_FORMAT_DIRECTORY; }

// Lines of 32 bytes in hex; text from '#' to the end of a line is for readers.
std::string dump(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{:02x}{}", static_cast<unsigned char>(bytes[i]),
                        i % 32 == 31 || i + 1 == bytes.size() ? "\n" : "");
  return text;
}

std::string load(const std::string& name) {
  std::ifstream file(directory() + "/" + name);
  std::string digits;
  for (std::string line; std::getline(file, line);) {
    for (char c : line.substr(0, line.find('#'))) {
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
    }
  }
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

void expectGolden(const std::string& name, std::string_view bytes) {
  if (std::getenv("FORMAT_WRITE") != nullptr)
    std::ofstream(directory() + "/" + name) << dump(bytes);
  EXPECT_EQ(dump(bytes), dump(load(name))) << name;
}

std::string everyOp() {
  Buffer ops;
  (void)appendPut(ops, "key", "value");
  appendErase(ops, "gone");
  appendOp(ops, SetAlarmOp{ObjectNumber(7), "", kTime, 2, 3});
  appendOp(ops, ClearAlarmOp{ObjectNumber(7), "cleanup"});
  appendOp(ops, PageDeltaOp{2, 0x1122334455667788, std::string_view("\x05\x02\xff\x01", 4)});
  appendOp(ops, PageCountOp{1, 2});
  appendOp(ops, CreateObjectOp{ObjectNumber(7), ClassNumber(1), "room-42"});
  appendOp(ops, PointObjectOp{ObjectNumber(7), SpaceId(8), SpaceId(9)});
  appendOp(ops, DefineClassOp{ClassNumber(1), 0, "Room"});
  appendOp(ops, ArmRestoreOp{ObjectNumber(7), "spec"});
  appendOp(ops, RestoredOp{ObjectNumber(7), Lsn(300), Lsn(0), "all"});
  appendOp(ops, LabelOp{ObjectNumber(7), "before-release", Lsn(299)});
  appendOp(ops, SetAlarmOp{ObjectNumber(7), "", kTime, 2, 3, 4'321});
  appendOp(ops, LocateObjectOp{ObjectNumber(7), "weur"});
  return std::string(ops.view());
}

TEST(Format, CommitRecordOps) { expectGolden("commit_record_v1.hex", everyOp()); }

TEST(Format, JournalSegmentAndBlock) {
  std::string page(journal::kPage, '\0');
  journal::SegmentHeader segment{1, 16 << 20, Lsn(1), 0, 0, kTime};
  std::uint64_t chain = segment.encode(kRoot, page.data());
  std::string payload = "payload of a block";
  std::string block(journal::kBlockHeaderBytes + payload.size(), '\0');
  block.replace(journal::kBlockHeaderBytes, payload.size(), payload);
  journal::BlockHeader header;
  header.storedBytes = header.rawBytes = static_cast<std::uint32_t>(payload.size());
  header.firstLsn = Lsn(1);
  header.count = 1;
  header.time = kTime;
  header.chain = chain;
  header.seal(kRoot.seed(), block.data());
  expectGolden("journal_v1.hex", page.substr(0, journal::SegmentHeader::kBytes) + block);
  std::string golden = load("journal_v1.hex");
  journal::SegmentHeader::Decoded decoded;
  golden.resize(journal::kPage + golden.size());
  EXPECT_EQ(journal::SegmentHeader::decode(golden, kRoot, decoded),
            journal::SegmentHeader::Problem::kNone);
}

std::string exampleRun() {
  pitr::RunBuilder run;
  run.begin(SpaceId(8), ObjectNumber(7), {});
  run.beginCommit(Lsn(300), kTime);
  run.keyValue("visits", "41");
  run.pageCount(2);
  run.endCommit({0x1111111111111111, 0x2222222222222222});
  run.beginCommit(Lsn(305), {kTime.value + 1'000});
  run.keyAbsent("name");
  run.page(2, std::string_view("\x05\x06\x01", 3), false);
  run.page(3, "zstd", true);
  run.alarmSet("", kTime);
  run.alarmAbsent("cleanup");
  run.pointed(SpaceId(6));
  run.restored(Lsn(200));
  run.endCommit({0x3333333333333333, 0x4444444444444444});
  Buffer out;
  run.finish(out);
  return std::string(out.view());
}

TEST(Format, ChangeLogRun) {
  expectGolden("change_log_run_v1.hex", exampleRun());
  std::string golden = load("change_log_run_v1.hex");
  pitr::RunReader reader(golden);
  std::vector<pitr::CommitUndo> commits = reader.commits();
  ASSERT_EQ(commits.size(), 2U);
  EXPECT_EQ(commits[0].digestAfter, 0x1111111111111111U);
  EXPECT_EQ(commits[1].lsn, Lsn(305));
  EXPECT_EQ(commits[1].time.value, kTime.value + 1'000);
  EXPECT_EQ(reader.header().digestAfter.high, 0x4444444444444444U);
  int undos = 0;
  pitr::visitUndos(commits[1].undos, [&](const pitr::Undo&) { ++undos; });
  EXPECT_EQ(undos, 7);
}

TEST(Format, ChangeLogSegmentAndFrame) {
  std::string header = pitr::SegmentHeader{1, Lsn(300), kTime}.encode(kRoot.view(), kRoot.seed());
  std::string frame(pitr::kFrameHeaderBytes, '\0');
  frame += "payload";
  pitr::FrameHeader fields;
  fields.storedBytes = 7;
  fields.rawBytes = 70;
  fields.runs = 1;
  fields.firstLsn = Lsn(300);
  fields.lastLsn = Lsn(305);
  fields.firstTime = kTime;
  fields.lastTime = {kTime.value + 1'000};
  fields.seal(kRoot.seed(), frame.data());
  expectGolden("change_log_v1.hex", header + frame);
}

TEST(Format, Rows) {
  StoreState state;
  state.lsn = Lsn(305);
  state.time = kTime;
  state.journalSegment = 3;
  state.nextObject = ObjectNumber(8);
  state.nextSpace = SpaceId(10);
  state.nextClass = ClassNumber(2);
  state.changes = {1, 4096};
  state.historyLsn = Lsn(100);
  state.historyTime = {kTime.value - 5};
  SpaceRow space;
  space.object = ObjectNumber(7);
  space.created = Lsn(300);
  space.lastLsn = Lsn(305);
  space.kvKeys = 2;
  space.kvBytes = 300;
  space.sqlPages = 3;
  space.keepsHistory = true;
  space.dataDigest = {1, 2};
  space.alarmDigest = {3, 4};
  ObjectRow object{SpaceId(8), ClassNumber(1), Lsn(300), "room-42", "spec"};
  ObjectRow located = object;
  located.locationHint = "weur";
  ReceiptRow receipt{kTime, Lsn(304), Lsn(200), Lsn(303), "all"};
  expectGolden("rows_v1.hex", state.encode() + space.encode() + object.encode() + receipt.encode() +
                                  ClassRow{Backend::kKeyValue, "Old"}.encode() +
                                  SegmentRow{Lsn(305), kTime, 4096}.encode() +
                                  LabelRow{Lsn(299), kTime}.encode() +
                                  alarms::Alarm{kTime, 2, 3}.encode() +
                                  alarms::Alarm{kTime, 2, 3, 4'321}.encode() + located.encode());
  EXPECT_EQ(ObjectRow::decode(located.encode()).locationHint, "weur");
  EXPECT_EQ(ObjectRow::decode(object.encode()).locationHint, "");
  EXPECT_EQ(alarms::Alarm::decode(alarms::Alarm{kTime, 2, 3, 4'321}.encode()).scheduled(),
            UnixMillis{kTime.value - 4'321});
  EXPECT_EQ(SpaceRow::decode(space.encode()).dataDigest.high, 2U);
}

TEST(Format, PageDelta) {
  std::string before(sql::kPageBytes, 'a');
  std::string after = before;
  after[5] = 'b';
  after[6] = 'c';
  after[4095] = 'z';
  Buffer delta;
  sql::encodeDelta(before.data(), after.data(), delta);
  expectGolden("page_delta_v1.hex", delta.view());
}

TEST(Format, NewerRootIsRefusedBySayingWhichVersionsAreMeant) {
  test::TemporaryDirectory temporary;
  std::string root = temporary / "root";
  {
    EngineOptions options;
    options.root = root;
    Engine::open(options);
  }
  std::string text;
  {
    std::ifstream file(root + "/FORMAT");
    std::stringstream all;
    all << file.rdbuf();
    text = all.str();
  }
  text.replace(text.find("version: 1"), 10, "version: 2");
  std::ofstream(root + "/FORMAT") << text;
  EngineOptions options;
  options.root = root;
  try {
    Engine::open(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kForeign);
    EXPECT_NE(std::string(error.what()).find("format version 2, this build reads 1"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace cairn
