#include "kv/store_check.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "engine/base/coding.h"
#include "kv/lmdb_layout.h"

namespace cairn::kv {

namespace {

using namespace lmdb;

constexpr std::size_t kTreeBytes = 48;
constexpr std::uint32_t kMagic = 0xbeefc0de;
constexpr std::uint64_t kNoPage = UINT64_MAX;
constexpr unsigned kDepthMax = 32;
constexpr std::size_t kProblemsMax = 100;

struct Tree {
  std::uint32_t pad = 0;
  std::uint16_t depth = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNoPage;

  static Tree read(std::string_view bytes) {
    Tree tree;
    tree.pad = loadFixed<std::uint32_t>(bytes.data());
    tree.depth = loadFixed<std::uint16_t>(bytes.data() + 6);
    tree.entries = loadFixed<std::uint64_t>(bytes.data() + 32);
    tree.root = loadFixed<std::uint64_t>(bytes.data() + 40);
    return tree;
  }
};

class Checker {
 public:
  explicit Checker(File& file) : file_(file) { result_.fileBytes = file.size(); }

  StoreCheck run() {
    if (!readMeta()) return std::move(result_);
    result_.bytesClaimed = (lastPage_ + 1) * pageBytes_;
    visited_.resize(std::min(lastPage_, result_.fileBytes / pageBytes_) + 1);
    walk(free_, "free list", false);
    walk(main_, "main", true);
    return std::move(result_);
  }

 private:
  void problem(const std::string& what) {
    if (result_.problems.size() < kProblemsMax) result_.problems.push_back(what);
  }

  bool readMeta() {
    bool found = false;
    // The first meta page tells the page size; the second stands right behind the first.
    for (std::uint64_t at = 0, page = 0; page < 2; ++page, at = pageBytes_) {
      std::string bytes(kPageHeader + 136, '\0');
      if (file_.read(at, bytes) < bytes.size()) {
        problem(fmt::format("meta page {} is missing", page));
        continue;
      }
      const char* meta = bytes.data() + kPageHeader;
      if ((pageFlags(bytes.data()) & kMeta) == 0 || loadFixed<std::uint32_t>(meta) != kMagic ||
          loadFixed<std::uint32_t>(meta + 4) != 1) {
        problem(fmt::format("meta page {} is not one", page));
        continue;
      }
      Tree freeTree = Tree::read({meta + 24, kTreeBytes});
      std::uint64_t transaction = loadFixed<std::uint64_t>(meta + 128);
      if (freeTree.pad < 512 || freeTree.pad > 65536 || (freeTree.pad & (freeTree.pad - 1)) != 0) {
        problem(fmt::format("meta page {} claims pages of {} bytes", page, freeTree.pad));
        continue;
      }
      pageBytes_ = freeTree.pad;
      if (found && transaction <= result_.transaction) continue;
      found = true;
      result_.transaction = transaction;
      free_ = freeTree;
      main_ = Tree::read({meta + 24 + kTreeBytes, kTreeBytes});
      lastPage_ = loadFixed<std::uint64_t>(meta + 120);
    }
    if (found && lastPage_ > result_.fileBytes / 512 + (std::uint64_t{1} << 20)) {
      problem(fmt::format("the header claims {} pages in a file of {} bytes", lastPage_ + 1,
                          result_.fileBytes));
      return false;
    }
    // A damaged older meta page is no loss: the newer one rules.
    if (found) result_.problems.clear();
    return found;
  }

  // Reads a page and marks it visited; nullopt after noting a problem.
  std::optional<std::string> load(std::uint64_t page, std::uint64_t count,
                                  const std::string& where) {
    if (page > lastPage_ || count > lastPage_ + 1 - page || page + count > visited_.size()) {
      problem(fmt::format("{}: page {} of {} is beyond the end of the file", where, page,
                          lastPage_ + 1));
      return std::nullopt;
    }
    for (std::uint64_t i = page; i < page + count; ++i) {
      if (visited_[i]) {
        problem(fmt::format("{}: page {} is used twice", where, i));
        return std::nullopt;
      }
      visited_[i] = true;
    }
    result_.pagesReachable += count;
    std::string bytes(pageBytes_, '\0');
    if (file_.read(page * pageBytes_, bytes) < bytes.size() ||
        (page + count) * pageBytes_ > result_.fileBytes) {
      problem(fmt::format("{}: page {} is cut short", where, page));
      return std::nullopt;
    }
    if (loadFixed<std::uint64_t>(bytes.data()) != page) {
      problem(fmt::format("{}: page {} says it is page {}", where, page,
                          loadFixed<std::uint64_t>(bytes.data())));
      return std::nullopt;
    }
    return bytes;
  }

  void walk(const Tree& tree, const std::string& where, bool holdsTrees) {
    if (tree.root == kNoPage) return;
    std::uint64_t entries = 0;
    std::size_t before = result_.problems.size();
    visit(tree.root, 1, tree.depth, where, holdsTrees, entries);
    if (result_.problems.size() == before && entries != tree.entries) {
      problem(fmt::format("{}: {} entries, its header says {}", where, entries, tree.entries));
    }
  }

  void visit(std::uint64_t page, unsigned depth, unsigned treeDepth, const std::string& where,
             bool holdsTrees, std::uint64_t& entries) {
    if (depth > kDepthMax || depth > treeDepth) {
      problem(fmt::format("{}: page {} lies deeper than the tree", where, page));
      return;
    }
    std::optional<std::string> bytes = load(page, 1, where);
    if (!bytes) return;
    std::uint16_t flags = pageFlags(bytes->data());
    bool leaf = depth == treeDepth;
    if (flags != (leaf ? kLeaf : kBranch) && !(leaf && flags == (kLeaf | kLeaf2))) {
      problem(fmt::format("{}: page {} has kind {:#x}", where, page, flags));
      return;
    }
    std::uint16_t lower = pageLower(bytes->data());
    std::uint16_t upper = pageUpper(bytes->data());
    if (lower < kPageHeader || lower > upper || upper > pageBytes_ || lower % 2 != 0) {
      problem(fmt::format("{}: page {} has impossible bounds {}..{}", where, page, lower, upper));
      return;
    }
    std::string previousKey;
    std::size_t count = (lower - kPageHeader) / 2;
    for (std::size_t i = 0; i < count; ++i) {
      if (!visitNode(*bytes, i, page, depth, treeDepth, where, holdsTrees, entries, previousKey))
        return;
    }
  }

  bool visitNode(const std::string& bytes, std::size_t index, std::uint64_t page, unsigned depth,
                 unsigned treeDepth, const std::string& where, bool holdsTrees,
                 std::uint64_t& entries, std::string& previousKey) {
    std::size_t at = nodeAt(bytes.data(), index);
    auto bad = [&] {
      problem(fmt::format("{}: page {} entry {} does not fit its page", where, page, index));
      return false;
    };
    if (at < kPageHeader || at + kNodeHeader > pageBytes_) return bad();
    Node node{bytes.data() + at};
    std::uint64_t low = node.low();
    std::uint16_t flags = node.flags();
    std::size_t keyBytes = node.keyBytes();
    if (at + kNodeHeader + keyBytes > pageBytes_) return bad();
    std::string key(node.key(), keyBytes);

    bool leaf = depth == treeDepth;
    if (!leaf) {
      // The first key of a branch page is not used, whatever it says.
      if (index > 1 && key <= previousKey) return unordered(where, page, index);
      previousKey = std::move(key);
      visit(low | std::uint64_t{flags} << 32, depth + 1, treeDepth, where, holdsTrees, entries);
      return true;
    }
    ++entries;
    if (where != "free list" && index > 0 && key <= previousKey)
      return unordered(where, page, index);
    previousKey = key;
    if ((flags & kNodeBig) != 0) {
      if (at + kNodeHeader + keyBytes + 8 > pageBytes_) return bad();
      visitOverflow(loadFixed<std::uint64_t>(node.value()), low, where);
    } else if (at + kNodeHeader + keyBytes + low > pageBytes_) {
      return bad();
    } else if ((flags & kNodeSubTree) != 0) {
      if (!holdsTrees || low != kTreeBytes) return bad();
      walk(Tree::read({node.value(), kTreeBytes}), "table " + key, false);
    }
    return true;
  }

  bool unordered(const std::string& where, std::uint64_t page, std::size_t index) {
    problem(fmt::format("{}: page {} entry {} is out of order", where, page, index));
    return false;
  }

  void visitOverflow(std::uint64_t page, std::uint64_t valueBytes, const std::string& where) {
    std::uint64_t count = (kPageHeader + valueBytes + pageBytes_ - 1) / pageBytes_;
    std::optional<std::string> bytes = load(page, count, where);
    if (!bytes) return;
    if (pageFlags(bytes->data()) != kOverflow ||
        loadFixed<std::uint32_t>(bytes->data() + 12) < count) {
      problem(fmt::format("{}: page {} does not hold the large value it should", where, page));
    }
  }

  File& file_;
  StoreCheck result_;
  std::uint64_t pageBytes_ = 4096;
  std::uint64_t lastPage_ = 0;
  Tree free_;
  Tree main_;
  std::vector<bool> visited_;
};

}  // namespace

StoreCheck checkStore(FileSystem& fileSystem, const std::string& path) {
  return Checker(*fileSystem.open(path, {})).run();
}

}  // namespace cairn::kv
