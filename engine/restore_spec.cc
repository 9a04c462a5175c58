#include "engine/restore_spec.h"

#include <cairn/error.h>

#include "engine/base/coding.h"

namespace cairn {

std::string RestoreSpec::encode() const {
  std::string out;
  putVarint(out, target.value());
  out.push_back(static_cast<char>(alarm));
  return out;
}

RestoreSpec RestoreSpec::decode(std::string_view bytes) {
  try {
    Decoder in(bytes);
    RestoreSpec spec;
    spec.target = Lsn(in.varint("target"));
    spec.alarm = static_cast<AlarmOnRestore>(in.byte("alarm"));
    return spec;
  } catch (const DecodeError& error) {
    throw Error(ErrorCode::kDamaged, std::string("store: armed restore: ") + error.what());
  }
}

}  // namespace cairn
