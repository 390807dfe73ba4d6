#pragma once
#include "projection.pb-c.h"

/// The schemas that ship with the bridge (schemas/google), as one serialized FileDescriptorSet.
extern const unsigned long bridge_built_in_schemas_size;
extern const unsigned char bridge_built_in_schemas[];

/// A pointer to those bytes. Swift can't import an array of unknown length.
static inline const unsigned char *bridge_built_in_schemas_start(void) {
  return bridge_built_in_schemas;
}
