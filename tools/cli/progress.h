// How far a long verb is, on stderr: a bar on a terminal, JSON lines for programs that ask, nothing
// otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cairn::cli {

class Progress {
 public:
  enum class Form { kNone, kBar, kJson };
  /// What `--progress NAME` and `--json` come to for this stderr.
  [[nodiscard]] static Form formNamed(const std::string& name, bool json);

  /// `total` 0: not known.
  Progress(Form form, std::string phase, std::string unit, std::uint64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// Cheap: the clock is looked at every so often only. A JSON line:
  /// {"phase","unit","done","total","rate","eta"}, total and eta null while not known; eta in s.
  void at(std::uint64_t done);

 private:
  void show(std::uint64_t done, double seconds);
  void showBar(std::uint64_t done, double rate);
  void showJson(std::uint64_t done, double rate);

  Form form_;
  std::string phase_;
  std::string unit_;
  std::uint64_t total_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = begin_;
  unsigned calls_ = 0;
  bool drawn_ = false;
};

}  // namespace cairn::cli
