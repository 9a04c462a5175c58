// Converters of optionals, sequences, dictionaries and variants: the second half of
// <cairn/value_conversion.h>, which includes it and describes it.
#pragma once

#include <array>
#include <cairn/value_conversion.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace cairn {
namespace detail {

/// The array, when it has few enough holes to be written out and, unless `length` is kAnyLength,
/// that length.
inline constexpr std::size_t kAnyLength = static_cast<std::size_t>(-1);
[[nodiscard]] const Value::Array& listOf(const Value& value, std::size_t length);

template <typename T>
[[nodiscard]] T convertElement(const Value& value, std::size_t index) {
  try {
    return value.as<T>();
  } catch (const ValueMismatch& mismatch) {
    throw mismatch.inElement(index);
  }
}

template <typename T>
[[nodiscard]] T convertProperty(const Value& value, std::string_view name) {
  try {
    return value.as<T>();
  } catch (const ValueMismatch& mismatch) {
    throw mismatch.inProperty(name);
  }
}

}  // namespace detail

template <typename T>
struct ValueConverter<std::optional<T>> {
  static Value toValue(const std::optional<T>& content) {
    return content ? ValueConverter<T>::toValue(*content) : Value(nullptr);
  }
  static void encode(ValueSink sink, const std::optional<T>& content,
                     const EncodeOptions& options) {
    if (content) {
      encodeValue(sink, *content, options);
    } else {
      encodeLeaf(sink, nullptr);
    }
  }
  static std::optional<T> fromValue(const Value& value) {
    if (value.isNullish()) return std::nullopt;
    return value.as<T>();
  }
  static std::optional<T> fromLeaf(const ValueLeaf& leaf) requires requires {
    ValueConverter<T>::fromLeaf(leaf);
  }
  {
    if (detail::isNullishLeaf(leaf)) return std::nullopt;
    return ValueConverter<T>::fromLeaf(leaf);
  }
};

template <typename T, typename Allocator>
struct ValueConverter<std::vector<T, Allocator>> {
  static Value toValue(const std::vector<T, Allocator>& list) {
    std::vector<Value> elements;
    elements.reserve(list.size());
    for (const auto& element : list) elements.push_back(ValueConverter<T>::toValue(element));
    return Value::array(std::move(elements));
  }
  static std::vector<T, Allocator> fromValue(const Value& value) {
    const Value::Array& array = detail::listOf(value, detail::kAnyLength);
    std::vector<T, Allocator> list;
    list.reserve(array.length());
    for (std::uint32_t i = 0; i < array.length(); ++i)
      list.push_back(detail::convertElement<T>(array.at(i), i));
    return list;
  }
};

template <typename T, std::size_t size>
struct ValueConverter<std::array<T, size>> {
  static Value toValue(const std::array<T, size>& list) {
    Value result = Value::array();
    for (const T& element : list) result.asArray().push(ValueConverter<T>::toValue(element));
    return result;
  }
  static std::array<T, size> fromValue(const Value& value) {
    const Value::Array& array = detail::listOf(value, size);
    return [&]<std::size_t... index>(std::index_sequence<index...>) {
      return std::array<T, size>{detail::convertElement<T>(array.at(index), index)...};
    }
    (std::make_index_sequence<size>());
  }
};

template <typename... T>
struct ValueConverter<std::tuple<T...>> {
  static Value toValue(const std::tuple<T...>& list) {
    Value result = Value::array();
    std::apply([&](const auto&... element) { (result.asArray().push(Value::from(element)), ...); },
               list);
    return result;
  }
  static std::tuple<T...> fromValue(const Value& value) {
    const Value::Array& array = detail::listOf(value, sizeof...(T));
    return [&]<std::size_t... index>(std::index_sequence<index...>) {
      return std::tuple<T...>{detail::convertElement<T>(array.at(index), index)...};
    }
    (std::index_sequence_for<T...>());
  }
};

template <typename First, typename Second>
struct ValueConverter<std::pair<First, Second>> {
  static Value toValue(const std::pair<First, Second>& pair) {
    return Value::array(
        {ValueConverter<First>::toValue(pair.first), ValueConverter<Second>::toValue(pair.second)});
  }
  static std::pair<First, Second> fromValue(const Value& value) {
    const Value::Array& array = detail::listOf(value, 2);
    return {detail::convertElement<First>(array.at(0), 0),
            detail::convertElement<Second>(array.at(1), 1)};
  }
};

namespace detail {

/// Object or Map with string keys, to and from a C++ map.
template <typename Container>
struct DictionaryConverter {
  using Content = typename Container::mapped_type;

  static Value toValue(const Container& dictionary) {
    Value result = Value::object();
    for (const auto& [name, content] : dictionary)
      result.asObject().set(name, ValueConverter<Content>::toValue(content));
    return result;
  }
  static Container fromValue(const Value& value) {
    Container dictionary;
    if (value.is(Value::Type::kMap)) {
      for (const auto& [key, content] : value.asMap()) {
        if (!key.is(Value::Type::kString))
          leafMismatch(ValueLeaf::of(key), "string as key of a Map");
        dictionary.emplace(std::string(key.asString()),
                           convertProperty<Content>(content, key.asString()));
      }
      return dictionary;
    }
    for (auto [name, content] : value.asObject()) {
      dictionary.emplace(std::string(name), convertProperty<Content>(content, name));
    }
    return dictionary;
  }
};

}  // namespace detail

template <typename T, typename Compare, typename Allocator>
struct ValueConverter<std::map<std::string, T, Compare, Allocator>>
    : detail::DictionaryConverter<std::map<std::string, T, Compare, Allocator>> {};
template <typename T, typename Hash, typename Equal, typename Allocator>
struct ValueConverter<std::unordered_map<std::string, T, Hash, Equal, Allocator>>
    : detail::DictionaryConverter<std::unordered_map<std::string, T, Hash, Equal, Allocator>> {};

template <>
struct ValueConverter<std::monostate> {
  static Value toValue(std::monostate) { return nullptr; }
  static std::monostate fromValue(const Value& value) {
    if (!value.isNullish()) throw ValueMismatch(std::string(valueTypeName(value)), "null");
    return {};
  }
};

template <typename... T>
struct ValueConverter<std::variant<T...>> {
  using Variant = std::variant<T...>;

  static Value toValue(const Variant& variant) {
    return std::visit([](const auto& content) { return Value::from(content); }, variant);
  }
  static Variant fromValue(const Value& value) { return firstMatch<T...>(value); }

 private:
  template <typename First, typename... Rest>
  static Variant firstMatch(const Value& value) {
    try {
      return Variant(std::in_place_type<First>, value.as<First>());
    } catch (const ValueMismatch&) {
      if constexpr (sizeof...(Rest) == 0) throw;
    }
    if constexpr (sizeof...(Rest) != 0) return firstMatch<Rest...>(value);
  }
};

}  // namespace cairn
