// JSON text to a plain Value, straight from the parser's events: an object of a hundred thousand
// names costs no more than its size.
#include <cairn/value_objects.h>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/cli/exit_code.h"
#include "tools/cli/value_json.h"

namespace cairn::cli {

namespace {

// Deeper than any stored value that is written as JSON.
constexpr std::size_t kDepthMax = 2'000;

[[noreturn]] void refuse(const std::string& what) { throw Failure(ExitCode::kUsage, what); }

class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Value take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return addInteger(value); }
  bool number_unsigned(number_unsigned_t value) override { return addInteger(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    // An integer of more than 64 bits arrives here.
    bool isInteger = text.find_first_of(".eE") == std::string::npos;
    if (isInteger && fmt::format("{:.0f}", value) != text) refuseInexact();
    return add(value);
  }
  bool string(string_t& value) override { return add(value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Value::object()); }
  bool key(string_t& name) override {
    open_.back().name = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Value::array()); }
  bool end_array() override { return close(); }

  // What was read is a value, and values do not appear in messages: only the place is told.
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow)
      refuse(
          fmt::format("the number that ends at byte {} is beyond what a double holds", position));
    refuse(fmt::format("not JSON at byte {} (text needs double quotes)", position));
  }

 private:
  struct Open {
    Value value;
    std::string name;
  };

  [[noreturn]] static void refuseInexact() {
    refuse(
        "an integer that a JavaScript number does not hold exactly; write "
        "{\"$type\":\"bigint\",\"v\":\"…\"} to keep every digit");
  }

  template <typename Integer>
  bool addInteger(Integer value) {
    auto number = static_cast<double>(value);
    // Beyond 2^53 only some integers are doubles. 2^64 itself would not convert back.
    if (std::abs(number) > 9'007'199'254'740'992.0 &&
        (number >= 18'446'744'073'709'551'616.0 || static_cast<Integer>(number) != value)) {
      refuseInexact();
    }
    return add(number);
  }

  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& parent = open_.back(); parent.value.is(Value::Type::kArray)) {
      parent.value.asArray().push(std::move(value));
    } else {
      parent.value.asObject().set(parent.name, std::move(value));
    }
    return true;
  }
  bool open(Value value) {
    if (open_.size() >= kDepthMax) refuse(fmt::format("JSON nests deeper than {}", kDepthMax));
    open_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Value done = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(done));
  }

  std::vector<Open> open_;
  Value root_;
};

}  // namespace

Value parseJson(std::string_view json) {
  Builder builder;
  nlohmann::json::sax_parse(json.begin(), json.end(), &builder);
  return builder.take();
}

}  // namespace cairn::cli
