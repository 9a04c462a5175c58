// Goal: V8 and Cairn mean the same by the same bytes, both ways and byte for byte.
//
// The files in tests/format/values were written by real V8s (value_golden.mjs tells how): Node 20
// and workerd 2026-11-17, each some 690 values as bytes and as a description. Every one is decoded
// and compared with what its description builds, encoded again, and built and encoded. What was
// recorded on workerd's disk by the clone/* scenarios is in ondisk.json. Where there is a node, it
// reads what Cairn writes.
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/value_description.h"

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path tests() { return std::filesystem::path(CAIRN_SOURCE_DIR) / "tests"; }
std::filesystem::path goldenFile(const std::string& name) {
  return tests() / "format" / "values" / name;
}

struct Golden {
  std::string name;
  std::string bytes;
  Json description;
  bool dependsOnHistory = false;
};

std::vector<Golden> readGolden(const std::string& file) {
  std::ifstream in(goldenFile(file));
  std::vector<Golden> result;
  for (std::string line; std::getline(in, line);) {
    Json json = Json::parse(line);
    result.push_back({json["name"].get<std::string>(), hexToBytes(json["hex"].get<std::string>()),
                      json["value"], json.contains("history")});
  }
  return result;
}

std::string encoded(const Value& value, V8Flavor flavor) {
  std::string bytes;
  encodeTree(bytes, value, {.flavor = flavor});
  return bytes;
}

struct Source {
  const char* file;
  V8Flavor flavor;
};

class ValueGolden : public testing::TestWithParam<Source> {
 protected:
  std::vector<Golden> golden_ = readGolden(GetParam().file);
  V8Flavor flavor_ = GetParam().flavor;
};

TEST_P(ValueGolden, FileHoldsSeveralHundredValues) { EXPECT_GT(golden_.size(), 600U); }

TEST_P(ValueGolden, EveryValueReadsAsWhatItsDescriptionBuilds) {
  for (const Golden& golden : golden_) {
    Value expected = valueFromDescription(golden.description);
    Value found = decodeTree(golden.bytes);
    EXPECT_TRUE(found.strictlyEquals(expected))
        << golden.name << ": " << found << " for " << expected;
    EXPECT_EQ(found, expected) << golden.name;
  }
}

TEST_P(ValueGolden, DecodingAndEncodingGivesTheSameBytes) {
  for (const Golden& golden : golden_) {
    EXPECT_EQ(bytesToHex(encoded(decodeTree(golden.bytes), flavor_)), bytesToHex(golden.bytes))
        << golden.name;
  }
}

TEST_P(ValueGolden, ValuesBuiltHereAreWrittenAsV8WritesThem) {
  for (const Golden& golden : golden_) {
    if (golden.dependsOnHistory) continue;
    Value built = valueFromDescription(golden.description);
    EXPECT_EQ(bytesToHex(encoded(built, flavor_)), bytesToHex(golden.bytes)) << golden.name;
  }
}

TEST_P(ValueGolden, LeavesReadTheSameWithAndWithoutATree) {
  int leaves = 0;
  for (const Golden& golden : golden_) {
    std::optional<ValueLeaf> direct = decodeLeaf(golden.bytes);
    if (!direct) continue;
    ++leaves;
    Value tree = decodeTree(golden.bytes);
    ValueLeaf fromTree = ValueLeaf::of(tree);
    EXPECT_EQ(direct->type, fromTree.type) << golden.name;
    EXPECT_EQ(direct->boolean, fromTree.boolean) << golden.name;
    EXPECT_TRUE(direct->number == fromTree.number || direct->number != direct->number)
        << golden.name;
    std::string directText;
    std::string treeText;
    appendText(*direct, directText);
    appendText(fromTree, treeText);
    EXPECT_EQ(directText, treeText) << golden.name;
  }
  EXPECT_GT(leaves, 100);
}

TEST_P(ValueGolden, EveryCutShorterValueIsRefused) {
  for (const Golden& golden : golden_) {
    // A view cut to its buffer is a buffer.
    if (golden.bytes.size() > 300 || decodeTree(golden.bytes).is(Value::Type::kView)) continue;
    for (std::size_t length = 0; length < golden.bytes.size(); ++length) {
      EXPECT_THROW(static_cast<void>(decodeTree(golden.bytes.substr(0, length))), Error)
          << golden.name << " cut to " << length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Node20, ValueGolden,
                         testing::Values(Source{"node20.jsonl", V8Flavor::kNode20}));
INSTANTIATE_TEST_SUITE_P(Workerd, ValueGolden,
                         testing::Values(Source{"workerd.jsonl", V8Flavor::kWorkerd}));

TEST(ValueOnDisk, WhatWorkerdStoredComesBackToTheSameBytes) {
  std::ifstream in(goldenFile("ondisk.json"));
  const Json recorded = Json::parse(in);
  int count = 0;
  for (const auto& [scenario, values] : recorded.items()) {
    for (const auto& [key, hex] : values.items()) {
      std::string bytes = hexToBytes(hex.get<std::string>());
      EXPECT_EQ(bytesToHex(encoded(decodeTree(bytes), V8Flavor::kWorkerd)), hex.get<std::string>())
          << scenario << " " << key;
      ++count;
    }
  }
  EXPECT_EQ(count, 37);
}

TEST(ValueOnDisk, HeadersOfWorkerdAreKeptAsTheyAre) {
  Value headers = decodeTree(hexToBytes("ff0f5c0403010001610162"));
  ASSERT_TRUE(headers.is(Value::Type::kHostObject));
  EXPECT_EQ(headers.asHostObject().bytes().size(), 8U);
}

/// The lines that Node is to read, in the form of the golden files.
void writeOurs(const std::filesystem::path& path, V8Flavor flavor) {
  std::ofstream out(path);
  for (const Golden& golden : readGolden("node20.jsonl")) {
    std::string bytes = encoded(valueFromDescription(golden.description), flavor);
    out << Json{{"name", golden.name}, {"hex", bytesToHex(bytes)}, {"value", golden.description}}
               .dump()
        << "\n";
  }
}

TEST(ValueReadByNode, NodeReadsEverythingThatCairnWritesInEitherFlavor) {
  if (std::system("node --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "Node is what reads here, and there is none on PATH; it is no dependency of "
                    "Cairn";
  for (V8Flavor flavor : {V8Flavor::kWorkerd, V8Flavor::kNode20}) {
    std::filesystem::path path =
        std::filesystem::path(testing::TempDir()) / "cairn_value_ours.jsonl";
    writeOurs(path, flavor);
    std::string command = "node '" + (tests() / "unit" / "kv" / "value_golden.mjs").string() +
                          "' check '" + path.string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << "flavor " << static_cast<int>(flavor);
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace cairn
