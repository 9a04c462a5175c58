#include "sql_frontend/row_buffer.h"

#include <bit>

#include <sqlite3.h>

#include "engine/base/check.h"
#include "engine/base/coding.h"

// A row is its column count, and for each column SQLite's type code in one byte, then for numbers
// eight bytes, for texts and blobs eight bytes of length and the bytes.
namespace cairn::sql {

SqlValue columnValue(sqlite3_stmt* statement, int column) {
  sqlite3_value* value = sqlite3_column_value(statement, column);
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (text == nullptr) throw std::bad_alloc();
      return std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(value));
      auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
      if (bytes == nullptr && size > 0) throw std::bad_alloc();
      return Bytes(bytes, bytes + size);
    }
    default:
      return std::monostate{};
  }
}

void RowBuffer::push(sqlite3_stmt* statement) {
  int columns = sqlite3_data_count(statement);
  putFixed<std::uint32_t>(bytes_, static_cast<std::uint32_t>(columns));
  for (int i = 0; i < columns; ++i) {
    int type = sqlite3_column_type(statement, i);
    bytes_.push_back(static_cast<char>(type));
    if (type == SQLITE_INTEGER) {
      putFixed<std::uint64_t>(bytes_,
                              static_cast<std::uint64_t>(sqlite3_column_int64(statement, i)));
    } else if (type == SQLITE_FLOAT) {
      putFixed<std::uint64_t>(bytes_,
                              std::bit_cast<std::uint64_t>(sqlite3_column_double(statement, i)));
    } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
      const void* data = type == SQLITE_TEXT ? sqlite3_column_text(statement, i)
                                             : sqlite3_column_blob(statement, i);
      auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
      if (data == nullptr && size > 0) throw std::bad_alloc();
      putFixed<std::uint64_t>(bytes_, size);
      bytes_.append({static_cast<const char*>(data), size});
    }
  }
  if (++rows_ == 1) openFront();
}

void RowBuffer::openFront() {
  front_.clear();
  std::size_t at = position_;
  std::uint32_t columns = loadFixed<std::uint32_t>(bytes_.data() + at);
  at += sizeof(columns);
  for (std::uint32_t i = 0; i < columns; ++i) {
    front_.push_back(at);
    int type = bytes_.data()[at++];
    if (type == SQLITE_NULL) continue;
    std::uint64_t word = loadFixed<std::uint64_t>(bytes_.data() + at);
    at += sizeof(word);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) at += word;
  }
  frontEnd_ = at;
}

int RowBuffer::type(int column) const {
  return bytes_.data()[front_.at(static_cast<std::size_t>(column))];
}

std::int64_t RowBuffer::integer(int column) const {
  return static_cast<std::int64_t>(
      loadFixed<std::uint64_t>(bytes_.data() + front_.at(static_cast<std::size_t>(column)) + 1));
}

double RowBuffer::real(int column) const { return std::bit_cast<double>(integer(column)); }

std::string_view RowBuffer::bytes(int column) const {
  return bytes_.view(front_.at(static_cast<std::size_t>(column)) + 9,
                     static_cast<std::size_t>(integer(column)));
}

SqlValue RowBuffer::value(int column) const {
  switch (type(column)) {
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return real(column);
    case SQLITE_TEXT:
      return std::string(bytes(column));
    case SQLITE_BLOB: {
      std::string_view view = bytes(column);
      const auto* data = reinterpret_cast<const std::byte*>(view.data());
      return Bytes(data, data + view.size());
    }
    default:
      return std::monostate{};
  }
}

void RowBuffer::pop() {
  CAIRN_CHECK(rows_ > 0);
  position_ = frontEnd_;
  if (--rows_ == 0) {
    clear();
  } else {
    openFront();
  }
}

void RowBuffer::clear() {
  bytes_ = Buffer();
  rows_ = 0;
  position_ = 0;
  front_.clear();
}

}  // namespace cairn::sql
