#pragma once
#include <zlib.h>

/// deflateInit2 is a macro, which Swift can't import. Raw, zlib or gzip framing goes by `bits`.
static inline int CZlib_deflateInit2(z_streamp stream, int level, int bits) {
  return deflateInit2(stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
}

/// inflateInit2 is a macro, which Swift can't import.
static inline int CZlib_inflateInit2(z_streamp stream, int bits) {
  return inflateInit2(stream, bits);
}
