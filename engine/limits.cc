#include <cairn/options.h>

namespace cairn {

Limits Limits::workerd() {
  constexpr std::size_t kRecorded = 8'388'642;
  // There a pair is a row of SQLite, whose header of six bytes counts.
  constexpr std::size_t kRecordedPair = kRecorded - 6;
  Limits limits;
  limits.kvPairBytesMax = kRecordedPair;
  limits.sqlValueBytesMax = kRecorded;
  limits.sqlFunctionArgumentsMax = 127;
  limits.batchKeysMax = SIZE_MAX;
  limits.legacyKeyBytesMax = kRecordedPair;
  limits.legacyValueBytesMax = kRecordedPair;
  return limits;
}

Limits Limits::relaxed() {
  constexpr int kAny = 1'000'000'000;
  Limits limits;
  limits.kvPairBytesMax = std::size_t{1} << 30;
  limits.legacyKeyBytesMax = limits.kvPairBytesMax;
  limits.legacyValueBytesMax = limits.kvPairBytesMax;
  limits.batchKeysMax = SIZE_MAX;
  limits.sqlValueBytesMax = kAny;
  limits.sqlTextBytesMax = kAny;
  limits.sqlColumnsMax = 2'000;
  limits.sqlParametersMax = 32'766;
  limits.sqlFunctionArgumentsMax = 127;
  limits.sqlLikePatternBytesMax = 50'000;
  limits.sqlExpressionDepthMax = 1'000;
  limits.sqlCompoundSelectMax = 500;
  limits.sqlVdbeOpsMax = 250'000'000;
  limits.sqlTriggerDepthMax = 1'000;
  limits.objectBytesMax = UINT64_MAX;
  limits.cpuMs = 86'400'000;
  limits.sqlTempBytesMax = UINT64_MAX;
  return limits;
}

}  // namespace cairn
