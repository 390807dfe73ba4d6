#pragma once
#include <stdint.h>
#include <stdlib.h>

/// The 128 highest bits of 10^k for k from CNumbers_lowest_power, rounded down; see
/// scripts/powers_of_ten.py.
extern const uint64_t CNumbers_powers_of_ten[667][2];

#define CNumbers_lowest_power (-342)
#define CNumbers_highest_power 324

/// The first of the table's words: high and low in turn. Swift would import the array as a tuple.
static inline const uint64_t *CNumbers_powers(void) {
  return &CNumbers_powers_of_ten[0][0];
}
