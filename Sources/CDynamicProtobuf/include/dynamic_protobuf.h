// Messages whose types are known only at run time, by libprotobuf behind plain C.
//
// All functions may be called on any thread. A pool is built once and never changed, so its readers
// need no lock. No C++ exception leaves a function: it becomes a failure with a text.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dpb_pool dpb_pool;
// The following belong to their pool.
typedef struct dpb_file dpb_file;
typedef struct dpb_message dpb_message;
typedef struct dpb_enum dpb_enum;
typedef struct dpb_service dpb_service;

// Bytes owned by somebody else; not zero-terminated. As a result: valid as long as the pool.
typedef struct {
  const char *bytes;
  size_t size;
} dpb_text;

// Bytes owned by the caller, who frees them with dpb_buffer_free.
typedef struct {
  char *bytes;
  size_t size;
} dpb_buffer;

void dpb_buffer_free(dpb_buffer buffer);

typedef enum {
  DPB_OK = 0,
  // Bytes are not the message they should be.
  DPB_MALFORMED = 1,
  // Well formed, but wrong.
  DPB_INVALID = 2,
  DPB_OUT_OF_MEMORY = 3,
} dpb_status;

// Builds a pool from serialized google.protobuf.FileDescriptorProto messages, imports before importers.
// On success *pool is set and is freed with dpb_pool_free; else *error holds a text.
dpb_status dpb_pool_build(
    const dpb_text *files, size_t file_count, dpb_pool **pool, dpb_buffer *error);
void dpb_pool_free(dpb_pool *pool);

// NULL: there is none of this full name.
const dpb_message *dpb_find_message(const dpb_pool *pool, dpb_text name);
const dpb_enum *dpb_find_enum(const dpb_pool *pool, dpb_text name);
const dpb_service *dpb_find_service(const dpb_pool *pool, dpb_text name);
// The file that declares a message, field, enum, enum value, service, method, oneof or extension.
// A package is no symbol.
const dpb_file *dpb_find_file_of_symbol(const dpb_pool *pool, dpb_text name);
const dpb_file *dpb_find_file_of_extension(
    const dpb_pool *pool, const dpb_message *message, int32_t number);
// Sets *numbers to an array of the result's length, freed with dpb_numbers_free; NULL when there is none.
size_t dpb_extension_numbers(
    const dpb_pool *pool, const dpb_message *message, int32_t **numbers);
void dpb_numbers_free(int32_t *numbers);

const dpb_file *dpb_find_file(const dpb_pool *pool, dpb_text name);
dpb_text dpb_file_name(const dpb_file *file);
size_t dpb_file_service_count(const dpb_file *file);
// index < dpb_file_service_count, in the order of declaration.
const dpb_service *dpb_file_service(const dpb_file *file, size_t index);

// A field. Numbers of types are those of google.protobuf.FieldDescriptorProto.Type.
typedef struct {
  dpb_text name;
  dpb_text json_name;
  // Full name of the message or enum; empty for other types.
  dpb_text type_name;
  int32_t number;
  int32_t type;
  bool is_repeated;
  bool is_map;
} dpb_field;

size_t dpb_message_field_count(const dpb_message *message);
// index < dpb_message_field_count, in the order of declaration.
dpb_field dpb_message_field(const dpb_message *message, size_t index);
// The serialized google.protobuf.FieldOptions with all unknown fields.
dpb_status dpb_message_field_options(
    const dpb_message *message, size_t index, dpb_buffer *options);
// The default value of a string, integer, bool or enum field as text: decimal, true or false, value name.
dpb_status dpb_message_field_default(const dpb_message *message, size_t index, dpb_buffer *text);

typedef struct {
  dpb_text name;
  int32_t number;
} dpb_enum_value;

size_t dpb_enum_value_count(const dpb_enum *type);
// index < dpb_enum_value_count, in the order of declaration.
dpb_enum_value dpb_enum_value_at(const dpb_enum *type, size_t index);
// A closed enum (proto2) holds no other numbers than the declared ones.
bool dpb_enum_is_closed(const dpb_enum *type);

typedef struct {
  dpb_text name;
  dpb_text full_name;
  dpb_text input_type;
  dpb_text output_type;
  bool is_client_streaming;
  bool is_server_streaming;
} dpb_method;

// The full name.
dpb_text dpb_service_name(const dpb_service *service);
dpb_text dpb_service_file(const dpb_service *service);
size_t dpb_service_method_count(const dpb_service *service);
// index < dpb_service_method_count, in the order of declaration.
dpb_method dpb_service_method(const dpb_service *service, size_t index);
// The serialized google.protobuf.MethodOptions with all unknown fields.
dpb_status dpb_service_method_options(
    const dpb_service *service, size_t index, dpb_buffer *options);

// Transcoding. On success *output is the result, else a text that says what is wrong and where.
// Prints compact proto3 JSON; binary that is not a complete message is refused.
dpb_status dpb_json_from_binary(
    dpb_pool *pool, const dpb_message *message, dpb_text binary, bool print_defaults,
    dpb_buffer *output);
dpb_status dpb_binary_from_json(
    dpb_pool *pool, const dpb_message *message, dpb_text json, dpb_buffer *output);
// The one serialized form of what the bytes say: fields in the order of their numbers, each that is not
// repeated once. Refused when the bytes are no message of the type or a required field is missing.
dpb_status dpb_canonical_binary(
    dpb_pool *pool, const dpb_message *message, dpb_text binary, dpb_buffer *output);

#ifdef __cplusplus
}
#endif
