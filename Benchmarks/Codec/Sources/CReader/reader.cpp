// The minimum cost of reading a JSON text: simdjson's on-demand parser, every value read.

#include "CReader.h"

#include <cmath>
#include <simdjson.h>
#include <string>

namespace ondemand = simdjson::ondemand;

struct CReader {
  ondemand::parser parser;
};

namespace {

template <typename Value> double read(Value &&value);

double read_object(ondemand::object object) {
  double sum = 0;
  for (auto field : object) {
    std::string_view key = field.unescaped_key();
    sum += static_cast<double>(key.size()) + read(field.value());
  }
  return sum;
}

double read_array(ondemand::array array) {
  double sum = 0;
  for (auto element : array) {
    sum += read(element.value());
  }
  return sum;
}

template <typename Value> double read(Value &&value) {
  switch (value.type()) {
    case ondemand::json_type::object:
      return read_object(value.get_object());
    case ondemand::json_type::array:
      return read_array(value.get_array());
    case ondemand::json_type::number:
      return value.get_double();
    case ondemand::json_type::string:
      return static_cast<double>(std::string_view(value.get_string()).size());
    case ondemand::json_type::boolean:
      return bool(value.get_bool()) ? 1 : 2;
    case ondemand::json_type::null:
      return value.is_null() ? 3 : NAN;
  }
  return NAN;
}

}  // namespace

CReader *CReader_create(void) { return new CReader; }

void CReader_destroy(CReader *reader) { delete reader; }

size_t CReader_padding(void) { return simdjson::SIMDJSON_PADDING; }

double CReader_read(CReader *reader, const uint8_t *json, size_t length) {
  try {
    ondemand::document document =
        reader->parser.iterate(json, length, length + simdjson::SIMDJSON_PADDING);
    return read(document);
  } catch (const simdjson::simdjson_error &) {
    return NAN;
  }
}

const char *CReader_implementation(void) {
  static const std::string name = simdjson::get_active_implementation()->name();
  return name.c_str();
}

const char *CReader_compiled_for(void) {
  return SIMDJSON_STRINGIFY(SIMDJSON_BUILTIN_IMPLEMENTATION);
}
