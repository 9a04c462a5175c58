#include "tests/unit/sql_frontend/sql_object.h"

#include <stdexcept>

#include <fmt/format.h>
#include <sqlite3.h>

namespace cairn::test {

namespace {

constexpr SpaceId kSpace{1};

std::string hex(std::string_view bytes) {
  std::string result;
  for (unsigned char byte : bytes) result += fmt::format("{:02x}", byte);
  return result;
}

}  // namespace

SqlObject::SqlObject(const Limits& limits) : limits_(limits) {
  memory_.createDirectory("sql");
  makePages();
}

SqlObject::~SqlObject() { closeConnection(); }

void SqlObject::makePages() {
  std::uint32_t filePages = 0;
  if (std::unique_ptr<File> file = pageFiles_.openForReading(kSpace))
    filePages = static_cast<std::uint32_t>(file->size() / sql::kPageBytes);
  pages_ = std::make_unique<sql::PageSpace>(pageFiles_, kSpace, filePages);
}

sql::Connection& SqlObject::connection() {
  if (lost_) std::rethrow_exception(lost_);
  if (!connection_) connection_ = std::make_unique<sql::Connection>(vfs_, *pages_, limits_);
  return *connection_;
}

void SqlObject::closeConnection() { connection_.reset(); }

void SqlObject::beforeWrite() {
  if (lost_) std::rethrow_exception(lost_);
}

void SqlObject::commit() {
  if (lost_) {
    std::exception_ptr cause = lost_;
    rollback();
    std::rethrow_exception(cause);
  }
  if (!connection_) return;
  connection_->commit();
  Buffer ops;
  if (pages_->changed()) pages_->collect(ops);
  records_.emplace_back(ops.view());
  pages_->commit(Lsn(records_.size()));
}

void SqlObject::rollback() {
  scopes_ = 0;
  lost_ = nullptr;
  if (connection_) connection_->rollback();
}

void SqlObject::releaseScope() {
  if (connection_) connection_->releaseScope(scopes_);
  --scopes_;
}

void SqlObject::rollbackScope() {
  if (connection_ && !lost_) connection_->rollbackScope(scopes_);
  --scopes_;
}

void SqlObject::restart() {
  closeConnection();
  stored_ = 0;
  memory_.unlink(pageFiles_.path(kSpace));
  makePages();
  // The records are put back into the file: there is no journal to replay them from.
  round();
}

void SqlObject::round() {
  PageImage image = rebuilt();
  {
    sql::PageFiles::Writer writer(pageFiles_);
    File& file = writer.file(kSpace);
    file.truncate(image.size() * sql::kPageBytes);
    for (std::size_t i = 0; i < image.size(); ++i) file.write(i * sql::kPageBytes, image[i]);
    writer.sync();
  }
  stored_ = records_.size();
  if (connection_) {
    pages_->dropThrough(Lsn(records_.size()), static_cast<std::uint32_t>(image.size()));
  } else {
    makePages();
  }
}

PageImage SqlObject::rebuilt() const {
  PageImage image;
  for (const std::string& record : records_) applyRecord(record, image);
  return image;
}

PageImage SqlObject::seen() {
  PageImage image(pages_->pageCount(), std::string(sql::kPageBytes, '\0'));
  for (std::size_t i = 0; i < image.size(); ++i)
    pages_->read(static_cast<std::uint32_t>(i + 1), image[i].data());
  return image;
}

std::size_t SqlObject::recordBytes() const {
  std::size_t bytes = 0;
  for (const std::string& record : records_) bytes += record.size();
  return bytes;
}

std::string rest(SqlCursor& cursor) {
  std::string result;
  while (std::optional<std::vector<SqlValue>> row = cursor.nextRaw()) {
    if (!result.empty()) result += ';';
    for (std::size_t i = 0; i < row->size(); ++i)
      result += (i == 0 ? "" : "|") + describe((*row)[i]);
  }
  return result;
}

void applyRecord(std::string_view ops, PageImage& image) {
  visitOps(ops, [&](const auto& op) {
    using Op = std::decay_t<decltype(op)>;
    if constexpr (std::is_same_v<Op, PageCountOp>) {
      if (op.before != image.size()) {
        throw std::runtime_error(
            fmt::format("a record expects {} pages, there are {}", op.before, image.size()));
      }
      image.resize(op.after, std::string(sql::kPageBytes, '\0'));
    } else if constexpr (std::is_same_v<Op, PageDeltaOp>) {
      std::string& page = image.at(op.page - 1);
      sql::applyDelta(op.delta, page.data());
      if (sql::pageChecksum(op.page, page.data()) != op.checksum)
        throw std::runtime_error(
            fmt::format("page {} is not what its delta was made for", op.page));
    }
  });
}

std::string dump(const PageImage& image) {
  if (image.empty()) return "(empty)";
  sqlite3* db = nullptr;
  sqlite3_open(":memory:", &db);
  std::string bytes;
  for (const std::string& page : image) bytes += page;
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), copy);
  auto size = static_cast<sqlite3_int64>(bytes.size());
  sqlite3_deserialize(db, "main", copy, size, size, SQLITE_DESERIALIZE_FREEONCLOSE);
  std::string result;
  auto query = [&](const std::string& text) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db, text.c_str(), -1, &statement, nullptr) != SQLITE_OK)
      result += fmt::format("error: {}\n", sqlite3_errmsg(db));
    std::vector<std::string> firsts;
    while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        const auto* value = static_cast<const char*>(sqlite3_column_blob(statement, i));
        int type = sqlite3_column_type(statement, i);
        std::string text_value(value == nullptr ? "" : value, value == nullptr ? 0 : length);
        if (i == 0) firsts.push_back(text_value);
        result += fmt::format("{}:{} ", type, type == SQLITE_BLOB ? hex(text_value) : text_value);
      }
      result += '\n';
    }
    sqlite3_finalize(statement);
    return firsts;
  };
  query("PRAGMA integrity_check");
  query("PRAGMA foreign_key_check");
  query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
  for (const std::string& table :
       query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
    char* text = sqlite3_mprintf("SELECT * FROM \"%w\"", table.c_str());
    query(text);
    sqlite3_free(text);
  }
  sqlite3_close(db);
  return result;
}

std::string describe(const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<Bytes>(&value))
    return "x" + hex({reinterpret_cast<const char*>(blob->data()), blob->size()});
  return "NULL";
}

}  // namespace cairn::test
