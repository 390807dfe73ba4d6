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

// The functions for short strings and keys have a few instructions each and are called for every member,
// so they are always inlined.
#define CVector_inlined static inline __attribute__((always_inline))

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

#if defined(__SSE2__)
/// A bit for each byte that can't stand for itself in a JSON string, or isn't ASCII.
CVector_inlined uint32_t CVector_unplain(__m128i block) {
  // Signed comparison, so that bytes from 0x80 are below a space as well.
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(
      _mm_or_si128(
          _mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))),
      _mm_cmplt_epi8(block, _mm_set1_epi8(0x20))));
}
#endif

/// The length of a JSON string of fewer than 32 bytes, all of them ASCII and none of them an escape;
/// -1 for any other string. `start` is the address of its opening quote, which the caller has seen,
/// and 33 bytes from there must be readable.
CVector_inlined ptrdiff_t CVector_short_string(const uint8_t *_Nonnull start) {
#if defined(__SSE2__)
  size_t end = 1;
  uint32_t mask = CVector_unplain(_mm_loadu_si128((const __m128i *)(start + 1)));
  if (mask == 0) {
    end = 17;
    mask = CVector_unplain(_mm_loadu_si128((const __m128i *)(start + 17)));
    if (mask == 0) return -1;
  }
  end += (size_t)__builtin_ctz(mask);
  return start[end] == '"' ? (ptrdiff_t)end - 1 : -1;
#else
  (void)start;
  return -1;
#endif
}

/// Copies sixteen bytes.
CVector_inlined void CVector_copy_16(uint8_t *_Nonnull target, const uint8_t *_Nonnull start) {
  memcpy(target, start, 16);
}

/// Copies 32 bytes.
CVector_inlined void CVector_copy_32(uint8_t *_Nonnull target, const uint8_t *_Nonnull start) {
  memcpy(target, start, 32);
}

/// Whether `count` bytes at two addresses are equal; `count` must be at most sixteen, and sixteen
/// bytes must be readable at both.
CVector_inlined bool CVector_equal_16(
    const uint8_t *_Nonnull first, const uint8_t *_Nonnull second, size_t count) {
#if defined(__SSE2__)
  const __m128i equal = _mm_cmpeq_epi8(
      _mm_loadu_si128((const __m128i *)first), _mm_loadu_si128((const __m128i *)second));
  const uint32_t different = ~(uint32_t)_mm_movemask_epi8(equal);
  return (different & ((1u << count) - 1)) == 0;
#else
  return memcmp(first, second, count) == 0;
#endif
}

/// Copies text that is ASCII and needs no escape in JSON, in whole blocks of sixteen bytes.
///
/// Returns the number of bytes copied. `target` must have room for `count` bytes.
static inline size_t CVector_copy_plain(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
  size_t offset = 0;
#if defined(__SSE2__)
  while (offset + 16 <= count) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    if (CVector_unplain(block) != 0) break;
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

/// Copies a string of at most 32 bytes if it's ASCII and needs no escape in JSON.
///
/// Returns whether it is so; otherwise what was written is meaningless. Sixteen bytes must be
/// readable at `start` and writable at `target`, 32 if `count` is more than sixteen.
CVector_inlined bool CVector_copy_short(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count) {
#if defined(__SSE2__)
  const __m128i first = _mm_loadu_si128((const __m128i *)start);
  uint32_t mask = CVector_unplain(first);
  _mm_storeu_si128((__m128i *)target, first);
  if (count > 16) {
    const __m128i second = _mm_loadu_si128((const __m128i *)(start + 16));
    mask |= CVector_unplain(second) << 16;
    _mm_storeu_si128((__m128i *)(target + 16), second);
  }
  return (mask & (uint32_t)((UINT64_C(1) << count) - 1)) == 0;
#else
  (void)target;
  (void)start;
  (void)count;
  return false;
#endif
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
/// Returns the number of bytes copied: up to that byte or `count`, or as many whole blocks of
/// sixteen as can be loaded. `readable` bytes may be loaded, at least `count`. `target` must have
/// room for sixteen more bytes than are copied.
static inline size_t CVector_copy_to_escaped(
    uint8_t *_Nonnull target, const uint8_t *_Nonnull start, size_t count, size_t readable) {
  size_t offset = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i slash = _mm_set1_epi8('\\');
  const __m128i separator = _mm_set1_epi8((char)0xE2);
  const __m128i control = _mm_set1_epi8(0x1F);
  while (offset < count && offset + 16 <= readable) {
    const __m128i block = _mm_loadu_si128((const __m128i *)(start + offset));
    const __m128i found = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
        _mm_or_si128(
            _mm_cmpeq_epi8(block, separator),
            _mm_cmpeq_epi8(_mm_min_epu8(block, control), block)));
    uint32_t mask = (uint32_t)_mm_movemask_epi8(found);
    if (count - offset < 16) mask |= 1u << (count - offset);
    _mm_storeu_si128((__m128i *)(target + offset), block);
    if (mask != 0) return offset + (size_t)__builtin_ctz(mask);
    offset += 16;
  }
#else
  (void)target;
  (void)start;
  (void)count;
  (void)readable;
#endif
  return offset;
}
