// The alphabet of V8's structured-clone wire format, versions 13 to 15.
//
//   bytes   = [FF version] value
//   value   = tag content              00 bytes may stand before any tag
//   number  = I zigzag | U varint | N double
//   string  = " length latin1 | c bytelength utf16 | S length utf8
//   object  = o (key value)* { count
//   array   = A length element* (key value)* $ count length         element = value | -
//   sparse  = a length (key value)* @ count length
//   map     = ; (value value)* : twice the entries     set = ' value* , count
//   buffer  = B length bytes | ~ length maxlength bytes
//   view    = buffer or reference to one, then V kind offset length flags (version 13: no flags)
//   error   = r (prototype | m string | c value | s string)* .
//   other   = _ | 0 | T | F | Z bigint | D double | ^ id | x | y | n double | z bigint | s string
//           | R string flags
//
// Lengths, counts and ids are varints of at most 32 bits. Every object takes the next id when its
// tag is read, a view after its buffer; primitives take none.
#pragma once

#include <array>
#include <cairn/value.h>
#include <cstdint>

namespace cairn::wire {

inline constexpr std::uint8_t kVersionTag = 0xff;
inline constexpr std::uint32_t kVersion = 15;
inline constexpr std::uint32_t kVersionOldest = 13;
inline constexpr std::uint32_t kVersionWithViewFlags = 14;

enum Tag : std::uint8_t {
  kPadding = 0,
  kVerifyObjectCount = '?',
  kTheHole = '-',
  kUndefined = '_',
  kNull = '0',
  kTrue = 'T',
  kFalse = 'F',
  kInt32 = 'I',
  kUint32 = 'U',
  kDouble = 'N',
  kBigInt = 'Z',
  kUtf8String = 'S',
  kOneByteString = '"',
  kTwoByteString = 'c',
  kReference = '^',
  kBeginObject = 'o',
  kEndObject = '{',
  kBeginDenseArray = 'A',
  kEndDenseArray = '$',
  kBeginSparseArray = 'a',
  kEndSparseArray = '@',
  kDate = 'D',
  kTrueObject = 'y',
  kFalseObject = 'x',
  kNumberObject = 'n',
  kBigIntObject = 'z',
  kStringObject = 's',
  kRegExp = 'R',
  kBeginMap = ';',
  kEndMap = ':',
  kBeginSet = '\'',
  kEndSet = ',',
  kArrayBuffer = 'B',
  kResizableArrayBuffer = '~',
  kArrayBufferView = 'V',
  kError = 'r',
  // What only the process that wrote it could read.
  kHostObject = '\\',
  kArrayBufferTransfer = 't',
  kSharedArrayBuffer = 'u',
  kSharedObject = 'p',
  kWasmModuleTransfer = 'w',
  kWasmMemoryTransfer = 'm',
};

enum ErrorTag : std::uint8_t {
  kErrorMessage = 'm',
  kErrorCause = 'c',
  kErrorStack = 's',
  kErrorEnd = '.'
};

/// By Value::ErrorKind; a plain Error has no prototype tag.
inline constexpr std::array<std::uint8_t, 7> kErrorPrototypes = {0, 'E', 'R', 'F', 'S', 'T', 'U'};
/// By Value::ViewKind.
inline constexpr std::array<std::uint8_t, 13> kViewKinds = {'b', 'B', 'C', 'w', 'W', 'd', 'D',
                                                            'h', 'f', 'F', 'q', 'Q', '?'};

inline constexpr std::uint32_t kViewLengthTracking = 1;
inline constexpr std::uint32_t kViewOfResizable = 2;

}  // namespace cairn::wire
