#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// simdjson's on-demand parser with its memory, kept between texts.
typedef struct CReader CReader;

CReader *CReader_create(void);
void CReader_destroy(CReader *reader);

/// Bytes that must be readable behind a text.
size_t CReader_padding(void);

/// Reads every key and every value of a JSON text: numbers to doubles, strings unescaped.
///
/// Returns a number that depends on all of them, so that nothing can be left out; NaN where the text is
/// not JSON.
double CReader_read(CReader *reader, const uint8_t *json, size_t length);

/// What simdjson picked for this processor, and what its inline part was compiled for.
const char *CReader_implementation(void);
const char *CReader_compiled_for(void);

#ifdef __cplusplus
}
#endif
