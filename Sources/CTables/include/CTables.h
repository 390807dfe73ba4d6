#pragma once
#include <stdint.h>
#include <stdlib.h>

// Constant tables of the codec, made by scripts/tables.py. Swift would import arrays as tuples and
// would guard a global of its own with a check at each use; these accessors are plain addresses.

#define CTables_lowest_power (-342)
#define CTables_highest_power 324

extern const uint64_t CTables_powers_of_ten[667 * 2];
extern const double CTables_exact_powers[23];
extern const uint32_t CTables_base64_parts[4 * 256];
extern const uint16_t CTables_base64_pairs[4096];
extern const uint16_t CTables_hexadecimal_values[256];
extern const uint16_t CTables_digit_pairs[100];

/// The 128 highest bits of 10^k for k from CTables_lowest_power: high word, low word. Exact for k from
/// 0 to 55, rounded up for k from -27 to -1, else rounded down.
static inline const uint64_t *_Nonnull CTables_powers(void) { return CTables_powers_of_ten; }

/// 10^0 to 10^22, the powers of ten that a double holds exactly.
static inline const double *_Nonnull CTables_doubles(void) { return CTables_exact_powers; }

/// For each of the four places in a group and each base64 character of either alphabet its bits of the
/// group's three bytes, the first byte lowest; bit 24 is set for what is no such character.
static inline const uint32_t *_Nonnull CTables_base64_decode(void) {
  return CTables_base64_parts;
}

/// The two base64 characters of each twelve bits, the first one in the low byte.
static inline const uint16_t *_Nonnull CTables_base64_encode(void) {
  return CTables_base64_pairs;
}

/// The value of each character as a hexadecimal digit; 0xFFFF for what is none.
static inline const uint16_t *_Nonnull CTables_hexadecimal(void) {
  return CTables_hexadecimal_values;
}

/// The two digits of each number below 100, the first one in the low byte.
static inline const uint16_t *_Nonnull CTables_digits(void) { return CTables_digit_pairs; }
