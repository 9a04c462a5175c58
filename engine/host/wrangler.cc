// Reads what of a wrangler file concerns storage.
#include <cairn/error.h>
#include <cairn/migrations.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "engine/host/config_tree.h"

namespace cairn {

namespace {

using host::ConfigNode;
using Kind = ConfigNode::Kind;

[[noreturn]] void refuse(const ConfigNode& node, std::string_view problem) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", node.line, problem));
}

const std::string& text(const ConfigNode& node, std::string_view what) {
  if (node.kind != Kind::kString) refuse(node, fmt::format("{} must be a string", what));
  return node.text;
}

const ConfigNode& list(const ConfigNode& node, std::string_view what) {
  if (node.kind != Kind::kArray) refuse(node, fmt::format("{} must be a list", what));
  return node;
}

std::vector<std::string> names(const ConfigNode& migration, std::string_view key) {
  std::vector<std::string> found;
  if (const ConfigNode* node = migration.find(key)) {
    for (const ConfigNode& item : list(*node, key).items) found.push_back(text(item, key));
  }
  return found;
}

Migration migrationOf(const ConfigNode& node) {
  Migration migration;
  const ConfigNode* tag = node.find("tag");
  if (tag == nullptr) refuse(node, "a migration has no tag");
  migration.tag = text(*tag, "tag");
  migration.newSqliteClasses = names(node, "new_sqlite_classes");
  migration.newClasses = names(node, "new_classes");
  migration.deletedClasses = names(node, "deleted_classes");
  if (const ConfigNode* renamed = node.find("renamed_classes")) {
    for (const ConfigNode& item : list(*renamed, "renamed_classes").items) {
      const ConfigNode* from = item.find("from");
      const ConfigNode* to = item.find("to");
      if (from == nullptr || to == nullptr) refuse(item, "a renamed class needs from and to");
      migration.renamedClasses.push_back({text(*from, "from"), text(*to, "to")});
    }
  }
  return migration;
}

std::uint64_t number(const ConfigNode& node, std::string_view what) {
  std::string digits;
  for (char each : node.text) {
    if (each != '_') digits.push_back(each);
  }
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (node.kind != Kind::kNumber || error != std::errc() || end != digits.data() + digits.size())
    refuse(node, fmt::format("{} must be a whole number", what));
  return value;
}

WranglerConfig configOf(const ConfigNode& root) {
  WranglerConfig config;
  if (root.kind != Kind::kTable) refuse(root, "the file must hold an object");
  if (const ConfigNode* migrations = root.find("migrations")) {
    for (const ConfigNode& item : list(*migrations, "migrations").items)
      config.migrations.push_back(migrationOf(item));
  }
  if (const ConfigNode* limits = root.find("limits")) {
    if (const ConfigNode* cpu = limits->find("cpu_ms")) config.cpuMs = number(*cpu, "cpu_ms");
  }
  return config;
}

}  // namespace

WranglerConfig WranglerConfig::parseJsonc(std::string_view text) {
  return configOf(host::parseJsoncTree(text));
}
WranglerConfig WranglerConfig::parseToml(std::string_view text) {
  return configOf(host::parseTomlTree(text));
}

WranglerConfig WranglerConfig::read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file)
    throw Error(ErrorCode::kIo, fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
  try {
    return path.ends_with(".toml") ? parseToml(content.str()) : parseJsonc(content.str());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{} {}", path, error.what()));
  }
}

}  // namespace cairn
