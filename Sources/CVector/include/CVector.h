#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Each of these processes as many whole blocks as it can and returns how far it got: the caller's
// own loop processes the rest, which is everything if the processor lacks the instructions. Nothing
// is read beyond `count` bytes.

/// Skips well-formed UTF-8 (Unicode 16, table 3-7) in blocks of 32 bytes (AVX2).
///
/// Returns an offset at which a character begins and before which everything is well-formed.
size_t CVector_pass_utf8(const uint8_t *_Nonnull start, size_t count);

/// Decodes unpadded base64 of either alphabet in blocks of 32 characters (AVX2).
///
/// Returns the number of characters read: it stops at the block with the first character that isn't
/// base64. Writes three bytes for every four characters, and up to eight more bytes after the last.
size_t CVector_decode_base64(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count);

/// Encodes bytes as base64 with the standard alphabet, in blocks of 24 bytes (AVX2).
///
/// Returns the number of bytes read. Writes four characters for every three of them.
size_t CVector_encode_base64(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count);

// Sixteen bytes at a time, with SSE2, which every x86-64 processor has.

/// Skips the plain part of a JSON string: bytes other than `"`, `\` and those below 0x20.
///
/// Returns the number of bytes skipped: up to the first that isn't plain, or as many whole blocks
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

/// Copies text that is ASCII and needs no escape in JSON, in whole blocks of sixteen bytes.
///
/// Returns the number of bytes copied. `target` must have room for `count` bytes.
static inline size_t CVector_copy_plain(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(0x20);
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    // Signed comparison, so that bytes from 0x80 are below a space as well.
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

/// Copies the plain part of a JSON string: bytes other than `"`, `\` and those below 0x20.
///
/// Returns the number of bytes copied: up to the first that isn't plain, or as many whole blocks of
/// sixteen as there are. Sets bits of `high` if any of them was 0x80 or above. `target` must have
/// room for sixteen more bytes than that.
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
/// Returns the number of bytes copied: up to the first backslash, or as many whole blocks of
/// sixteen as there are. `target` must have room for sixteen more bytes than that.
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

/// Copies up to the first byte that must be escaped in JSON, or is 0xE2, the first byte of U+2028
/// and U+2029.
///
/// Returns the number of bytes copied: up to that byte, or as many whole blocks of sixteen as there
/// are. `target` must have room for sixteen more bytes than that.
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
