// Linear equations with whole-number coefficients over unknowns and quantities that will be
// measured later. Solved once; a form that the equations determine becomes a formula of the
// measurements alone.
//
// Arithmetic is modulo the prime 2^61 - 1: no fractions, no rounding, and right for every result
// below the prime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace cairn::sql {

/// A sum of unknowns and measurements, each with a factor.
class LinearForm {
 public:
  /// Unknowns count up from 0; measurements are `measured(m)`.
  using Term = int;
  [[nodiscard]] static constexpr Term measured(int measurement) { return -1 - measurement; }

  LinearForm() = default;
  static LinearForm of(Term term) {
    LinearForm form;
    form.add(term, 1);
    return form;
  }

  void add(Term term, std::int64_t factor);
  void add(const LinearForm& other, std::int64_t factor = 1);

  [[nodiscard]] bool empty() const { return factors_.empty(); }

 private:
  friend class LinearSystem;
  friend class Formula;
  void addModulo(const LinearForm& other, std::uint64_t factor);

  std::map<Term, std::uint64_t> factors_;  ///< Without zeros; measurements stand first.
};

/// A sum of measurements.
class Formula {
 public:
  Formula() = default;
  explicit Formula(const LinearForm& form);
  /// nullopt when no number below 2^60 satisfies it: the measurements are not of what was assumed.
  [[nodiscard]] std::optional<std::uint64_t> value(std::span<const std::uint64_t> measured) const;

 private:
  std::vector<std::pair<int, std::uint64_t>> factors_;
};

class LinearSystem {
 public:
  /// The form is known to be zero.
  void addEquation(const LinearForm& zero);
  /// The same, unless the equations determine the form already.
  void assume(const LinearForm& zero) {
    if (!determine(zero)) addEquation(zero);
  }

  /// nullopt when the equations leave it open.
  [[nodiscard]] std::optional<Formula> determine(const LinearForm& form) const;
  /// Whether the form is zero whatever is measured.
  [[nodiscard]] bool determinesZero(const LinearForm& form) const { return reduced(form).empty(); }
  /// What the measurements alone have to satisfy: each is zero.
  [[nodiscard]] const std::vector<Formula>& conditions() const { return conditions_; }

 private:
  [[nodiscard]] LinearForm reduced(const LinearForm& form) const;

  std::map<LinearForm::Term, LinearForm> pivots_;  ///< Each unknown's form contains no other pivot.
  std::vector<Formula> conditions_;
};

}  // namespace cairn::sql
