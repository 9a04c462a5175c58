#include "sql_frontend/linear_system.h"

#include <iterator>
#include <utility>

namespace cairn::sql {

namespace {

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
constexpr std::uint64_t kValueMax = std::uint64_t{1} << 60;

__extension__ typedef unsigned __int128 Wide;

std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b % kPrime);
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return (a + b) % kPrime; }

std::uint64_t negative(std::uint64_t a) { return a == 0 ? 0 : kPrime - a; }

// a^(p-2), by Fermat.
std::uint64_t inverse(std::uint64_t a) {
  std::uint64_t result = 1;
  for (std::uint64_t exponent = kPrime - 2; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, a);
    a = multiply(a, a);
  }
  return result;
}

}  // namespace

void LinearForm::add(Term term, std::int64_t factor) {
  std::uint64_t modulo = factor >= 0 ? static_cast<std::uint64_t>(factor) % kPrime
                                     : negative(static_cast<std::uint64_t>(-factor) % kPrime);
  auto [place, added] = factors_.try_emplace(term, modulo);
  if (!added) place->second = sum(place->second, modulo);
  if (place->second == 0) factors_.erase(place);
}

void LinearForm::add(const LinearForm& other, std::int64_t factor) {
  addModulo(other, factor >= 0 ? static_cast<std::uint64_t>(factor)
                               : negative(static_cast<std::uint64_t>(-factor)));
}

void LinearForm::addModulo(const LinearForm& other, std::uint64_t factor) {
  for (const auto& [term, own] : other.factors_) {
    std::uint64_t more = multiply(own, factor);
    auto [place, added] = factors_.try_emplace(term, more);
    if (!added) place->second = sum(place->second, more);
    if (place->second == 0) factors_.erase(place);
  }
}

Formula::Formula(const LinearForm& form) {
  for (const auto& [term, factor] : form.factors_) factors_.emplace_back(-1 - term, factor);
}

std::optional<std::uint64_t> Formula::value(std::span<const std::uint64_t> measured) const {
  std::uint64_t total = 0;
  for (const auto& [measurement, factor] : factors_) {
    total = sum(total, multiply(measured[static_cast<std::size_t>(measurement)] % kPrime, factor));
  }
  if (total >= kValueMax) return std::nullopt;
  return total;
}

LinearForm LinearSystem::reduced(const LinearForm& form) const {
  LinearForm result = form;
  for (const auto& [term, factor] : form.factors_) {
    if (term < 0) continue;
    if (auto pivot = pivots_.find(term); pivot != pivots_.end())
      result.addModulo(pivot->second, negative(factor));
  }
  return result;
}

void LinearSystem::addEquation(const LinearForm& zero) {
  LinearForm row = reduced(zero);
  if (row.empty()) return;
  auto last = std::prev(row.factors_.end());
  if (last->first < 0) {
    conditions_.emplace_back(row);
    return;
  }
  LinearForm::Term unknown = last->first;
  LinearForm scaled;
  scaled.addModulo(row, inverse(last->second));
  for (auto& [term, form] : pivots_) {
    auto found = form.factors_.find(unknown);
    if (found != form.factors_.end()) form.addModulo(scaled, negative(found->second));
  }
  pivots_.emplace(unknown, std::move(scaled));
}

std::optional<Formula> LinearSystem::determine(const LinearForm& form) const {
  LinearForm left = reduced(form);
  if (!left.empty() && std::prev(left.factors_.end())->first >= 0) return std::nullopt;
  return Formula(left);
}

}  // namespace cairn::sql
