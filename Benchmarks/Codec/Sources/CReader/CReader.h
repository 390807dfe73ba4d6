#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// simdjson's on-demand parser with its memory, which is reused between texts.
typedef struct CReader CReader;

CReader *CReader_create(void);
void CReader_destroy(CReader *reader);

/// The number of bytes that must be readable after a text.
size_t CReader_padding(void);

/// Reads every key and every value of a JSON text: numbers to doubles, strings unescaped.
///
/// Returns a number that depends on all of them, so that no work can be optimized away; NaN if the
/// text isn't JSON.
double CReader_read(CReader *reader, const uint8_t *json, size_t length);

/// The implementation that simdjson chose for this processor, and the one its inline part was
/// compiled for.
const char *CReader_implementation(void);
const char *CReader_compiled_for(void);

#ifdef __cplusplus
}
#endif
