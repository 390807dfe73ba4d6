#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Each of these does a part of its work, the part that comes in whole blocks, and says how far it got:
// the callers' own loops do the rest, which is all of it where the processor lacks what these need.
// Nothing is read beyond `count` bytes.

/// Passes over well-formed UTF-8 (Unicode 16, table 3-7), in blocks of 32 (AVX2).
///
/// Returns an offset at which a character begins and before which all is well-formed.
size_t CVector_pass_utf8(const uint8_t *_Nonnull start, size_t count);

/// Reads base64 of either alphabet without padding, in blocks of 32 characters (AVX2).
///
/// Returns how many characters it has read: up to the block with the first one that's no part of
/// base64. Three bytes are written for four of them, and up to eight more behind the last.
size_t CVector_decode_base64(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count);

/// Writes base64 of the standard alphabet, in blocks of 24 bytes (AVX2).
///
/// Returns how many bytes it has read. Four characters are written for three of them.
size_t CVector_encode_base64(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count);

// Sixteen bytes at a time, with what every x86-64 has (SSE2).

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

/// Copies the plain part of a JSON string: bytes that are neither `"` nor `\` nor below 0x20.
///
/// Returns how many bytes it has copied: up to the first that isn't plain, or as many whole blocks of
/// sixteen as there are. Sets bits of `high` if any of them was 0x80 or above. `target` has room for
/// sixteen more than that.
static inline size_t CVector_copy_string(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count,
    uint32_t *_Nonnull high) {
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
    _mm_storeu_si128((__m128i *)(target + offset), block);
    if (mask != 0) {
      *high |= tops & ((mask & (0u - mask)) - 1);
      return offset + (size_t)__builtin_ctz(mask);
    }
    *high |= tops;
    offset += 16;
  }
#else
  (void)target;
  (void)start;
  (void)count;
  (void)high;
#endif
  return offset;
}

/// Copies up to the first backslash.
///
/// Returns how many bytes it has copied: up to the first backslash, or as many whole blocks of sixteen
/// as there are. `target` has room for sixteen more than that.
static inline size_t CVector_copy_to_backslash(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i slash = _mm_set1_epi8('\\');
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    const uint32_t mask = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, slash));
    _mm_storeu_si128((__m128i *)(target + offset), block);
    if (mask != 0) return offset + (size_t)__builtin_ctz(mask);
    offset += 16;
  }
#else
  (void)target;
  (void)start;
  (void)count;
#endif
  return offset;
}

/// Copies up to the first byte that has to be escaped in JSON, or is 0xE2, with which U+2028 and U+2029
/// begin.
///
/// Returns how many bytes it has copied: up to that byte, or as many whole blocks of sixteen as there
/// are. `target` has room for sixteen more than that.
static inline size_t CVector_copy_to_escaped(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i separator = _mm_set1_epi8((char)0xE2);
  const __m128i control = _mm_set1_epi8(0x1F);
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    const __m128i found = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
        _mm_or_si128(
            _mm_cmpeq_epi8(block, separator),
            _mm_cmpeq_epi8(_mm_min_epu8(block, control), block)));
    const uint32_t mask = (uint32_t)_mm_movemask_epi8(found);
    _mm_storeu_si128((__m128i *)(target + offset), block);
    if (mask != 0) return offset + (size_t)__builtin_ctz(mask);
    offset += 16;
  }
#else
  (void)target;
  (void)start;
  (void)count;
#endif
  return offset;
}
