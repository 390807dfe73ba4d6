// Reads messages by libprotobuf-c and prints what it understood.
//
//   dump TYPE < messages
//
// On standard input: messages, each behind its length of four bytes, little-endian. For each of them
// a line per value, `path kind value` with numbers as their bits in hex, in the order of the
// descriptor, and a line with a full stop; `refused` where libprotobuf-c refuses the message.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plain2.pb-c.h"
#include "plain3.pb-c.h"

static const ProtobufCMessageDescriptor *type_named(const char *name) {
  const ProtobufCMessageDescriptor *types[] = {
      &bridge__test__plain2__plain__descriptor,
      &bridge__test__plain3__plain__descriptor,
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(types[i]->name, name) == 0) return types[i];
  }
  fprintf(stderr, "dump: no type %s\n", name);
  exit(64);
}

static void dump_message(const ProtobufCMessage *message, const char *path);

static void dump_bytes(const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) printf("%02x", ((const uint8_t *)bytes)[i]);
}

// Prints the value that `value` points to.
static void dump_value(const ProtobufCFieldDescriptor *field, const void *value, const char *path) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
      printf("%s message\n", path);
      dump_message(*(const ProtobufCMessage *const *)value, path);
      return;
    case PROTOBUF_C_TYPE_STRING: {
      const char *text = *(const char *const *)value;
      printf("%s string ", path);
      dump_bytes(text, strlen(text));
      break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
      const ProtobufCBinaryData *data = value;
      printf("%s bytes ", path);
      dump_bytes(data->data, data->len);
      break;
    }
    case PROTOBUF_C_TYPE_BOOL:
      printf("%s bool %d", path, *(const protobuf_c_boolean *)value != 0);
      break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      printf("%s 64 %" PRIx64, path, *(const uint64_t *)value);
      break;
    default:
      printf("%s 32 %" PRIx32, path, *(const uint32_t *)value);
      break;
  }
  printf("\n");
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
      return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
      return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
      return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      return 8;
    default:
      return 4;
  }
}

// Whether a field that isn't repeated is to be printed. A field of proto3 without presence always
// is: that it has its default is what libprotobuf-c understood.
static int is_set(const ProtobufCFieldDescriptor *field, const uint8_t *base) {
  const uint8_t *value = base + field->offset;
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    return *(const uint32_t *)(base + field->quantifier_offset) == field->id;
  }
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)value != NULL;
  if (field->label != PROTOBUF_C_LABEL_OPTIONAL) return 1;
  if (field->type == PROTOBUF_C_TYPE_STRING) {
    const char *text = *(const char *const *)value;
    return text != NULL && text != (const char *)field->default_value;
  }
  return *(const protobuf_c_boolean *)(base + field->quantifier_offset);
}

static void dump_message(const ProtobufCMessage *message, const char *path) {
  const uint8_t *base = (const uint8_t *)message;
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    char inner[512];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
      size_t count = *(const size_t *)(base + field->quantifier_offset);
      const uint8_t *values = *(const uint8_t *const *)(base + field->offset);
      for (size_t element = 0; element < count; element++) {
        snprintf(inner, sizeof inner, "%s.%s[%zu]", path, field->name, element);
        dump_value(field, values + element * size_of(field), inner);
      }
    } else if (is_set(field, base)) {
      snprintf(inner, sizeof inner, "%s.%s", path, field->name);
      dump_value(field, base + field->offset, inner);
    }
  }
  // Everything in these messages is known.
  for (unsigned i = 0; i < message->n_unknown_fields; i++) {
    printf("%s unknown %u\n", path, message->unknown_fields[i].tag);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: dump TYPE < messages\n");
    return 64;
  }
  const ProtobufCMessageDescriptor *type = type_named(argv[1]);
  uint8_t head[4];
  while (fread(head, 1, 4, stdin) == 4) {
    size_t size = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, stdin) != size) {
      fprintf(stderr, "dump: a message is cut off\n");
      return 65;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, size, bytes);
    if (message == NULL) {
      printf("refused\n");
    } else {
      dump_message(message, "");
      protobuf_c_message_free_unpacked(message, NULL);
    }
    printf(".\n");
    free(bytes);
  }
  return 0;
}
