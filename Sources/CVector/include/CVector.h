#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Sixteen bytes at a time, with what every x86-64 has (SSE2); elsewhere these do nothing and the
// callers' own loops do all of it. Nothing is read beyond `count` bytes.

/// Passes over the plain part of a JSON string: bytes that are neither `"` nor `\` nor below 0x20.
///
/// Returns how many bytes it has passed over: up to the first that isn't plain, or as many whole blocks
/// of sixteen as there are. Sets bits of `high` if any of them was 0x80 or above.
static inline size_t CVector_pass_string(
    const uint8_t *_Nonnull start, size_t count, uint32_t *_Nonnull high) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1F);
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    const __m128i found = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
        _mm_cmpeq_epi8(_mm_min_epu8(block, control), block));
    const uint32_t mask = (uint32_t)_mm_movemask_epi8(found);
    const uint32_t tops = (uint32_t)_mm_movemask_epi8(block);
    if (mask != 0) {
      *high |= tops & ((mask & (0u - mask)) - 1);
      return offset + (size_t)__builtin_ctz(mask);
    }
    *high |= tops;
    offset += 16;
  }
#else
  (void)start;
  (void)count;
  (void)high;
#endif
  return offset;
}

/// Copies the part of a text that's ASCII and needs no escape in JSON, in whole blocks of sixteen.
///
/// Returns how many bytes it has copied. `target` has room for `count` bytes.
static inline size_t CVector_copy_plain(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(0x20);
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    // Signed, so that bytes from 0x80 on are below a space as well.
    const __m128i found = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
        _mm_cmplt_epi8(block, space));
    if (_mm_movemask_epi8(found) != 0) break;
    _mm_storeu_si128((__m128i *)(target + offset), block);
    offset += 16;
  }
#else
  (void)target;
  (void)start;
  (void)count;
#endif
  return offset;
}
