#include "CVector.h"

#if defined(__x86_64__)

#include <immintrin.h>

// Thirty-two bytes at a time if the processor has AVX2: compiled for it here and chosen at run
// time, so that the program runs on any x86-64.
#define AVX2 __attribute__((target("avx2")))

static bool has_avx2(void) { return __builtin_cpu_supports("avx2"); }

// MARK: UTF-8

// The possible errors in two adjacent bytes (Unicode 16, table 3-7). By the method of John Keiser
// and Daniel Lemire ("Validating UTF-8 in less than one instruction per byte", 2021): the first
// byte's high half, its low half and the second byte's high half each rule out some of these; an
// error that none of the three rules out is present.
enum {
  // A lead byte without a continuation after it.
  TOO_SHORT = 1 << 0,
  // A continuation after ASCII.
  TOO_LONG = 1 << 1,
  // E0 80 to E0 9F.
  OVERLONG_3 = 1 << 2,
  // F4 90 and above, F5 and above: beyond U+10FFFF.
  TOO_LARGE = 1 << 3,
  // ED A0 to ED BF.
  SURROGATE = 1 << 4,
  // C0 and C1.
  OVERLONG_2 = 1 << 5,
  // F0 80 to F0 8F; with F5 and above instead of F0 it's also too large.
  OVERLONG_4 = 1 << 6,
  // Two continuations: valid within a longer sequence, which is checked separately.
  TWO_CONTINUATIONS = 1 << 7,
  // Errors that the low half of the first byte can't rule out.
  ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
  // A continuation as the second byte, whatever its low half is.
  CONTINUES = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS,
};

#define TWICE(...) __VA_ARGS__, __VA_ARGS__
#define TABLE(...) _mm256_setr_epi8(TWICE(__VA_ARGS__))

/// The bytes of `block` moved up by `n`, with the last ones of `before` shifted in.
#define BEFORE(block, before, n) \
  _mm256_alignr_epi8(block, _mm256_permute2x128_si256(before, block, 0x21), 16 - (n))

AVX2 static inline __m256i high_halves(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

/// Bytes that are nonzero where `block`, which follows `before`, is ill-formed.
AVX2 static inline __m256i utf8_faults(__m256i block, __m256i before) {
  const __m256i first_high = TABLE(
      TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
      (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS,
      (char)TWO_CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
      TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
  const __m256i first_low = TABLE(
      (char)(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
      (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_LARGE),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4), (char)(ANY_LOW | TOO_LARGE | OVERLONG_4),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4), (char)(ANY_LOW | TOO_LARGE | OVERLONG_4),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4), (char)(ANY_LOW | TOO_LARGE | OVERLONG_4),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4), (char)(ANY_LOW | TOO_LARGE | OVERLONG_4),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4 | SURROGATE),
      (char)(ANY_LOW | TOO_LARGE | OVERLONG_4), (char)(ANY_LOW | TOO_LARGE | OVERLONG_4));
  const __m256i second_high = TABLE(
      TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
      (char)(CONTINUES | OVERLONG_3 | OVERLONG_4), (char)(CONTINUES | OVERLONG_3 | TOO_LARGE),
      (char)(CONTINUES | SURROGATE | TOO_LARGE), (char)(CONTINUES | SURROGATE | TOO_LARGE),
      TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
  const __m256i previous = BEFORE(block, before, 1);
  const __m256i pairs = _mm256_and_si256(
      _mm256_and_si256(
          _mm256_shuffle_epi8(first_high, high_halves(previous)),
          _mm256_shuffle_epi8(
              first_low, _mm256_and_si256(previous, _mm256_set1_epi8(0x0F)))),
      _mm256_shuffle_epi8(second_high, high_halves(block)));
  // The third byte of three or four and the fourth of four must be second continuations, and no
  // other byte may be: E0 and above two bytes earlier, F0 and above three bytes earlier leave the
  // top bit set.
  const __m256i third =
      _mm256_subs_epu8(BEFORE(block, before, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
  const __m256i fourth =
      _mm256_subs_epu8(BEFORE(block, before, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
  const __m256i expected = _mm256_and_si256(
      _mm256_or_si256(third, fourth), _mm256_set1_epi8((char)TWO_CONTINUATIONS));
  return _mm256_xor_si256(pairs, expected);
}

AVX2 static size_t pass_utf8(const uint8_t *start, size_t count) {
  size_t offset = 0;
  __m256i before = _mm256_setzero_si256();
  while (offset + 32 <= count) {
    const __m256i block = _mm256_loadu_si256((const __m256i *)(start + offset));
    const __m256i faults = utf8_faults(block, before);
    if (!_mm256_testz_si256(faults, faults)) break;
    before = block;
    offset += 32;
  }
  // Back to the beginning of a sequence that may continue in the next block: at most three bytes.
  for (size_t back = 1; back <= 3 && back <= offset; back++) {
    if (start[offset - back] >= 0xC0) return offset - back;
    if (start[offset - back] < 0x80) break;
  }
  return offset;
}

size_t CVector_pass_utf8(const uint8_t *start, size_t count) {
  return count >= 32 && has_avx2() ? pass_utf8(start, count) : 0;
}

// MARK: Base64

/// The bytes of the result are all ones where those of `bytes` lie between two ASCII characters,
/// inclusive.
AVX2 static inline __m256i between(__m256i bytes, char first, char last) {
  return _mm256_and_si256(
      _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8((char)(first - 1))),
      _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(last + 1)), bytes));
}

AVX2 static inline __m256i masked(__m256i mask, int value) {
  return _mm256_and_si256(mask, _mm256_set1_epi8((char)value));
}

AVX2 static inline __m256i either(__m256i first, __m256i second) {
  return _mm256_or_si256(first, second);
}

AVX2 static size_t decode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  // Packs four sextets in the low bits of four bytes into three bytes.
  const __m256i order = TABLE(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
  size_t offset = 0;
  while (offset + 32 <= count) {
    const __m256i text = _mm256_loadu_si256((const __m256i *)(start + offset));
    const __m256i upper = between(text, 'A', 'Z');
    const __m256i lower = between(text, 'a', 'z');
    const __m256i digit = between(text, '0', '9');
    const __m256i plus = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('+'));
    const __m256i slash = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('/'));
    const __m256i minus = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('-'));
    const __m256i underscore = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('_'));
    const __m256i right = either(
        either(either(upper, lower), either(digit, plus)),
        either(either(slash, minus), underscore));
    if (_mm256_movemask_epi8(right) != -1) break;
    const __m256i distance = either(
        either(
            either(masked(upper, 0 - 'A'), masked(lower, 26 - 'a')),
            either(masked(digit, 52 - '0'), masked(plus, 62 - '+'))),
        either(
            either(masked(slash, 63 - '/'), masked(minus, 62 - '-')),
            masked(underscore, 63 - '_')));
    const __m256i sextets = _mm256_add_epi8(text, distance);
    const __m256i pairs = _mm256_maddubs_epi16(sextets, _mm256_set1_epi32(0x01400140));
    const __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    const __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), together);
    _mm256_storeu_si256((__m256i *)target, bytes);
    target += 24;
    offset += 32;
  }
  return offset;
}

size_t CVector_decode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  return count >= 32 && has_avx2() ? decode_base64(target, start, count) : 0;
}

AVX2 static size_t encode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  // Spreads three bytes over four, so that each sextet lies within two of them.
  const __m256i order = TABLE(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  size_t offset = 0;
  // Twelve bytes go into each half; sixteen are loaded.
  while (offset + 28 <= count) {
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(start + offset))),
        _mm_loadu_si128((const __m128i *)(start + offset + 12)), 1);
    const __m256i spread = _mm256_shuffle_epi8(bytes, order);
    // The products shift the sextets into position: down by 10 and 6 bits, up by 4 and 8.
    const __m256i odd = _mm256_mulhi_epu16(
        _mm256_and_si256(spread, _mm256_set1_epi32(0x0FC0FC00)), _mm256_set1_epi32(0x04000040));
    const __m256i even = _mm256_mullo_epi16(
        _mm256_and_si256(spread, _mm256_set1_epi32(0x003F03F0)), _mm256_set1_epi32(0x01000010));
    const __m256i sextets = either(odd, even);
    // From 0 'A', from 26 'a', from 52 '0', then '+' and '/'.
    const __m256i after_z = _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(25));
    const __m256i after_small_z = _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(51));
    const __m256i after_nine = _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(61));
    const __m256i after_plus = _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(62));
    const __m256i distance = _mm256_add_epi8(
        _mm256_add_epi8(_mm256_set1_epi8('A'), masked(after_z, 'a' - 'Z' - 1)),
        _mm256_add_epi8(
            masked(after_small_z, '0' - 'z' - 1),
            _mm256_add_epi8(masked(after_nine, '+' - '9' - 1), masked(after_plus, '/' - '+' - 1))));
    _mm256_storeu_si256((__m256i *)target, _mm256_add_epi8(sextets, distance));
    target += 32;
    offset += 24;
  }
  return offset;
}

size_t CVector_encode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  return count >= 28 && has_avx2() ? encode_base64(target, start, count) : 0;
}

#else

size_t CVector_pass_utf8(const uint8_t *start, size_t count) {
  (void)start;
  (void)count;
  return 0;
}

size_t CVector_decode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  (void)target;
  (void)start;
  (void)count;
  return 0;
}

size_t CVector_encode_base64(uint8_t *target, const uint8_t *start, size_t count) {
  (void)target;
  (void)start;
  (void)count;
  return 0;
}

#endif
