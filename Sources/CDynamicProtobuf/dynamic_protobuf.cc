#include "dynamic_protobuf.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

namespace pb = google::protobuf;

namespace {

constexpr char url_prefix[] = "type.googleapis.com";
// A descriptor set with thousands of mistakes still gives a text a person can read.
constexpr size_t maximum_error_size = 2000;
// As in libprotobuf's JSON printer, which counts other messages as well.
constexpr int maximum_any_depth = 64;

}  // namespace

struct dpb_pool {
  pb::DescriptorPool descriptors;
  // Whether a message or an extension is a proto2 group. libprotobuf's JSON knows no groups: it prints their fields
  // among those of the message around them, and reads them into bytes without an end.
  bool has_groups = false;
  // Makes and keeps prototypes; locks by itself. Destroyed before the descriptors it refers to.
  std::unique_ptr<pb::DynamicMessageFactory> factory;
  // Stateless over the descriptors.
  std::unique_ptr<pb::util::TypeResolver> resolver;
};

namespace {

class ErrorTexts final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(
      const std::string &file, const std::string &element, const pb::Message *, ErrorLocation,
      const std::string &message) override {
    if (text_.size() > maximum_error_size) return;
    if (!text_.empty()) text_ += "; ";
    text_ += file + ": " + element + ": " + message;
  }
  // The default writes warnings to stderr.
  void AddWarning(
      const std::string &, const std::string &, const pb::Message *, ErrorLocation,
      const std::string &) override {}

  const std::string &text() const { return text_; }

 private:
  std::string text_;
};

std::string string_of(dpb_text text) {
  return text.size == 0 ? std::string() : std::string(text.bytes, text.size);
}

dpb_text text_of(const std::string &string) { return {string.data(), string.size()}; }

dpb_status give(const std::string &string, dpb_buffer *buffer, dpb_status status = DPB_OK) noexcept {
  // One byte more, so that an empty result is not NULL.
  char *bytes = static_cast<char *>(std::malloc(string.size() + 1));
  if (bytes == nullptr) return DPB_OUT_OF_MEMORY;
  std::memcpy(bytes, string.data(), string.size());
  *buffer = {bytes, string.size()};
  return status;
}

dpb_status give_text(const char *text, dpb_buffer *buffer, dpb_status status) noexcept {
  try {
    return give(text, buffer, status);
  } catch (...) {
    return DPB_OUT_OF_MEMORY;
  }
}

// Runs a body that answers a status; an exception becomes DPB_INVALID with its text. libprotobuf throws
// where it would otherwise abort (a failed check), the standard library when memory is out.
template <typename Body>
dpb_status guarded(dpb_buffer *output, Body body) noexcept {
  *output = {nullptr, 0};
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return DPB_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    return give_text(error.what(), output, DPB_INVALID);
  } catch (...) {
    return give_text("unknown error", output, DPB_INVALID);
  }
}

template <typename Result, typename Body>
Result guarded_or(Result otherwise, Body body) noexcept {
  try {
    return body();
  } catch (...) {
    return otherwise;
  }
}

const pb::Descriptor *unwrap(const dpb_message *message) {
  return reinterpret_cast<const pb::Descriptor *>(message);
}
const pb::EnumDescriptor *unwrap(const dpb_enum *type) {
  return reinterpret_cast<const pb::EnumDescriptor *>(type);
}
const pb::ServiceDescriptor *unwrap(const dpb_service *service) {
  return reinterpret_cast<const pb::ServiceDescriptor *>(service);
}
const pb::FileDescriptor *unwrap(const dpb_file *file) {
  return reinterpret_cast<const pb::FileDescriptor *>(file);
}
const dpb_file *wrap(const pb::FileDescriptor *file) {
  return reinterpret_cast<const dpb_file *>(file);
}

std::string not_a(const pb::Descriptor *type) { return "the bytes are not a " + type->full_name(); }

std::string no_json_form(const pb::FieldDescriptor *group) {
  return "the group " + group->full_name() + " has no JSON form";
}

bool has_groups(const pb::FieldDescriptor *field) {
  return field->type() == pb::FieldDescriptor::TYPE_GROUP;
}

bool has_groups(const pb::Descriptor *type) {
  for (int index = 0; index < type->field_count(); ++index) {
    if (has_groups(type->field(index))) return true;
  }
  for (int index = 0; index < type->extension_count(); ++index) {
    if (has_groups(type->extension(index))) return true;
  }
  // Nested as deeply as the parser of descriptors lets them be.
  for (int index = 0; index < type->nested_type_count(); ++index) {
    if (has_groups(type->nested_type(index))) return true;
  }
  return false;
}

bool has_groups(const pb::FileDescriptor *file) {
  for (int index = 0; index < file->extension_count(); ++index) {
    if (has_groups(file->extension(index))) return true;
  }
  for (int index = 0; index < file->message_type_count(); ++index) {
    if (has_groups(file->message_type(index))) return true;
  }
  return false;
}

// Both fields of a map entry are always written, set or not, and libprotobuf checks a type that calls itself one only
// where a map uses it. One that holds itself would be written without end.
bool is_map_entry(const pb::Descriptor *type) {
  if (type->field_count() != 2 || type->extension_range_count() != 0) return false;
  const pb::FieldDescriptor *key = type->FindFieldByNumber(1);
  const pb::FieldDescriptor *value = type->FindFieldByNumber(2);
  if (key == nullptr || key->is_repeated() || value == nullptr || value->is_repeated()) return false;
  if (key->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) return false;
  return value->message_type() == nullptr || !value->message_type()->options().map_entry();
}

// The first type that says it is a map entry and is none.
const pb::Descriptor *false_map_entry(const pb::Descriptor *type) {
  if (type->options().map_entry() && !is_map_entry(type)) return type;
  for (int index = 0; index < type->nested_type_count(); ++index) {
    if (auto found = false_map_entry(type->nested_type(index))) return found;
  }
  return nullptr;
}

std::string key_text(const pb::Message &entry) {
  const pb::FieldDescriptor *key = entry.GetDescriptor()->FindFieldByNumber(1);
  const pb::Reflection *reflection = entry.GetReflection();
  switch (key->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(reflection->GetInt32(entry, key));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(reflection->GetInt64(entry, key));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(reflection->GetUInt32(entry, key));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(reflection->GetUInt64(entry, key));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(entry, key) ? "true" : "false";
    default:
      return reflection->GetString(entry, key);
  }
}

// Of the entries of a map with the same key the last one counts. Read without its type, a map is a list that may
// hold the others too.
void keep_last_entries(pb::Message *message, const pb::FieldDescriptor *map) {
  const pb::Reflection *reflection = message->GetReflection();
  const int count = reflection->FieldSize(*message, map);
  std::vector<std::string> keys;
  std::unordered_map<std::string, int> last;
  for (int index = 0; index < count; ++index) {
    keys.push_back(key_text(reflection->GetRepeatedMessage(*message, map, index)));
    last[keys.back()] = index;
  }
  if (last.size() == keys.size()) return;
  int kept = 0;
  for (int index = 0; index < count; ++index) {
    if (last[keys[index]] != index) continue;
    if (kept != index) reflection->SwapElements(message, map, kept, index);
    ++kept;
  }
  for (int index = count; index > kept; --index) reflection->RemoveLast(message, map);
}

std::string make_canonical(
    dpb_pool *pool, const pb::Descriptor *type, std::string *binary, int any_depth);

// Makes the contents of all Any messages within a message canonical; see make_canonical.
std::string make_contents_canonical(dpb_pool *pool, pb::Message *message, int any_depth) {
  const pb::Reflection *reflection = message->GetReflection();
  const pb::Descriptor *type = message->GetDescriptor();
  if (type->full_name() == "google.protobuf.Any") {
    const pb::FieldDescriptor *url_field = type->FindFieldByNumber(1);
    const pb::FieldDescriptor *value_field = type->FindFieldByNumber(2);
    if (url_field == nullptr || url_field->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING
        || url_field->is_repeated() || value_field == nullptr
        || value_field->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING
        || value_field->is_repeated()) {
      return "its google.protobuf.Any is not the usual one";
    }
    const std::string url = reflection->GetString(*message, url_field);
    std::string value = reflection->GetString(*message, value_field);
    if (url.empty() && value.empty()) return "";
    const std::string prefix = std::string(url_prefix) + "/";
    const pb::Descriptor *content =
        url.compare(0, prefix.size(), prefix) == 0
            ? pool->descriptors.FindMessageTypeByName(url.substr(prefix.size()))
            : nullptr;
    if (content == nullptr) return "the type of an Any, " + url + ", is unknown";
    std::string failure = make_canonical(pool, content, &value, any_depth + 1);
    if (failure.empty()) reflection->SetString(message, value_field, value);
    return failure;
  }
  std::vector<const pb::FieldDescriptor *> fields;
  reflection->ListFields(*message, &fields);
  for (const pb::FieldDescriptor *field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->type() == pb::FieldDescriptor::TYPE_GROUP) return no_json_form(field);
    if (field->is_map()) keep_last_entries(message, field);
    const int count = field->is_repeated() ? reflection->FieldSize(*message, field) : 1;
    for (int index = 0; index < count; ++index) {
      pb::Message *embedded = field->is_repeated()
                                  ? reflection->MutableRepeatedMessage(message, field, index)
                                  : reflection->MutableMessage(message, field);
      std::string failure = make_contents_canonical(pool, embedded, any_depth);
      if (!failure.empty()) return failure;
    }
  }
  return "";
}

// Brings a serialized message into the form in which each field that is not repeated occurs once.
// BinaryToJsonStream does no more than follow the bytes: of truncated ones it prints a part, and what
// occurs twice it prints twice. Answers what is wrong, or nothing.
std::string make_canonical(
    dpb_pool *pool, const pb::Descriptor *type, std::string *binary, int any_depth) {
  if (any_depth > maximum_any_depth) return "an Any is nested too deeply";
  std::unique_ptr<pb::Message> message(pool->factory->GetPrototype(type)->New());
  if (!message->ParsePartialFromString(*binary)) return not_a(type);
  std::string failure = make_contents_canonical(pool, message.get(), any_depth);
  if (!failure.empty()) return failure;
  message->DiscardUnknownFields();
  if (!message->SerializePartialToString(binary)) return not_a(type);
  return "";
}

// Bad input is reported to the caller; libprotobuf would also write it to stderr.
void silence_library() {
  static const bool once = [] {
    pb::SetLogHandler(nullptr);
    return true;
  }();
  (void)once;
}

}  // namespace

void dpb_buffer_free(dpb_buffer buffer) { std::free(buffer.bytes); }

dpb_status dpb_pool_build(
    const dpb_text *files, size_t file_count, dpb_pool **pool, dpb_buffer *error) {
  *pool = nullptr;
  return guarded(error, [&] {
    silence_library();
    auto result = std::make_unique<dpb_pool>();
    for (size_t index = 0; index < file_count; ++index) {
      pb::FileDescriptorProto file;
      pb::io::ArrayInputStream input(files[index].bytes, static_cast<int>(files[index].size));
      if (files[index].size > INT32_MAX || !file.ParseFromZeroCopyStream(&input)) {
        return give("not a google.protobuf.FileDescriptorProto", error, DPB_MALFORMED);
      }
      ErrorTexts errors;
      const pb::FileDescriptor *built =
          result->descriptors.BuildFileCollectingErrors(file, &errors);
      if (built == nullptr) {
        return give(
            errors.text().empty() ? file.name() + ": is not valid" : errors.text(), error,
            DPB_INVALID);
      }
      for (int type = 0; type < built->message_type_count(); ++type) {
        if (auto found = false_map_entry(built->message_type(type))) {
          return give(
              file.name() + ": " + found->full_name() + ": is called a map entry and is none", error,
              DPB_INVALID);
        }
      }
      if (has_groups(built)) result->has_groups = true;
    }
    result->factory = std::make_unique<pb::DynamicMessageFactory>(&result->descriptors);
    result->resolver.reset(
        pb::util::NewTypeResolverForDescriptorPool(url_prefix, &result->descriptors));
    *pool = result.release();
    return DPB_OK;
  });
}

void dpb_pool_free(dpb_pool *pool) { delete pool; }

const dpb_message *dpb_find_message(const dpb_pool *pool, dpb_text name) {
  return guarded_or<const dpb_message *>(nullptr, [&] {
    return reinterpret_cast<const dpb_message *>(
        pool->descriptors.FindMessageTypeByName(string_of(name)));
  });
}

const dpb_enum *dpb_find_enum(const dpb_pool *pool, dpb_text name) {
  return guarded_or<const dpb_enum *>(nullptr, [&] {
    return reinterpret_cast<const dpb_enum *>(
        pool->descriptors.FindEnumTypeByName(string_of(name)));
  });
}

const dpb_service *dpb_find_service(const dpb_pool *pool, dpb_text name) {
  return guarded_or<const dpb_service *>(nullptr, [&] {
    return reinterpret_cast<const dpb_service *>(
        pool->descriptors.FindServiceByName(string_of(name)));
  });
}

const dpb_file *dpb_find_file_of_symbol(const dpb_pool *pool, dpb_text name) {
  return guarded_or<const dpb_file *>(nullptr, [&]() -> const dpb_file * {
    const auto &descriptors = pool->descriptors;
    const std::string symbol = string_of(name);
    // FindFileContainingSymbol would also answer for packages, with any file of them.
    if (auto found = descriptors.FindMessageTypeByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindServiceByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindMethodByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindEnumTypeByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindFieldByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindExtensionByName(symbol)) return wrap(found->file());
    if (auto found = descriptors.FindOneofByName(symbol)) {
      return wrap(found->containing_type()->file());
    }
    if (auto found = descriptors.FindEnumValueByName(symbol)) return wrap(found->type()->file());
    return nullptr;
  });
}

const dpb_file *dpb_find_file_of_extension(
    const dpb_pool *pool, const dpb_message *message, int32_t number) {
  return guarded_or<const dpb_file *>(nullptr, [&]() -> const dpb_file * {
    auto found = pool->descriptors.FindExtensionByNumber(unwrap(message), number);
    return found == nullptr ? nullptr : wrap(found->file());
  });
}

size_t dpb_extension_numbers(
    const dpb_pool *pool, const dpb_message *message, int32_t **numbers) {
  *numbers = nullptr;
  return guarded_or<size_t>(0, [&]() -> size_t {
    std::vector<const pb::FieldDescriptor *> found;
    pool->descriptors.FindAllExtensions(unwrap(message), &found);
    if (found.empty()) return 0;
    *numbers = static_cast<int32_t *>(std::malloc(found.size() * sizeof(int32_t)));
    if (*numbers == nullptr) return 0;
    for (size_t index = 0; index < found.size(); ++index) {
      (*numbers)[index] = found[index]->number();
    }
    return found.size();
  });
}

void dpb_numbers_free(int32_t *numbers) { std::free(numbers); }

const dpb_file *dpb_find_file(const dpb_pool *pool, dpb_text name) {
  return guarded_or<const dpb_file *>(
      nullptr, [&] { return wrap(pool->descriptors.FindFileByName(string_of(name))); });
}

dpb_text dpb_file_name(const dpb_file *file) { return text_of(unwrap(file)->name()); }

size_t dpb_file_service_count(const dpb_file *file) {
  return static_cast<size_t>(unwrap(file)->service_count());
}

const dpb_service *dpb_file_service(const dpb_file *file, size_t index) {
  return reinterpret_cast<const dpb_service *>(unwrap(file)->service(static_cast<int>(index)));
}

size_t dpb_message_field_count(const dpb_message *message) {
  return static_cast<size_t>(unwrap(message)->field_count());
}

dpb_field dpb_message_field(const dpb_message *message, size_t index) {
  return guarded_or<dpb_field>({}, [&] {
    const pb::FieldDescriptor *field = unwrap(message)->field(static_cast<int>(index));
    dpb_field result = {};
    result.name = text_of(field->name());
    result.json_name = text_of(field->json_name());
    if (auto type = field->message_type()) result.type_name = text_of(type->full_name());
    if (auto type = field->enum_type()) result.type_name = text_of(type->full_name());
    result.number = field->number();
    result.type = field->type();
    result.is_repeated = field->is_repeated();
    result.is_map = field->is_map();
    return result;
  });
}

dpb_status dpb_message_field_options(
    const dpb_message *message, size_t index, dpb_buffer *options) {
  return guarded(options, [&] {
    const pb::FieldDescriptor *field = unwrap(message)->field(static_cast<int>(index));
    return give(field->options().SerializePartialAsString(), options);
  });
}

dpb_status dpb_message_field_default(const dpb_message *message, size_t index, dpb_buffer *text) {
  return guarded(text, [&] {
    const pb::FieldDescriptor *field = unwrap(message)->field(static_cast<int>(index));
    switch (field->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return give(std::to_string(field->default_value_int32()), text);
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return give(std::to_string(field->default_value_int64()), text);
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return give(std::to_string(field->default_value_uint32()), text);
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return give(std::to_string(field->default_value_uint64()), text);
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return give(field->default_value_bool() ? "true" : "false", text);
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return give(field->default_value_enum()->name(), text);
      case pb::FieldDescriptor::CPPTYPE_STRING:
        return give(field->default_value_string(), text);
      default:
        return give("no default text", text, DPB_INVALID);
    }
  });
}

size_t dpb_enum_value_count(const dpb_enum *type) {
  return static_cast<size_t>(unwrap(type)->value_count());
}

dpb_enum_value dpb_enum_value_at(const dpb_enum *type, size_t index) {
  const pb::EnumValueDescriptor *value = unwrap(type)->value(static_cast<int>(index));
  return {text_of(value->name()), value->number()};
}

bool dpb_enum_is_closed(const dpb_enum *type) {
  return unwrap(type)->file()->syntax() != pb::FileDescriptor::SYNTAX_PROTO3;
}

dpb_text dpb_service_name(const dpb_service *service) {
  return text_of(unwrap(service)->full_name());
}

dpb_text dpb_service_file(const dpb_service *service) {
  return text_of(unwrap(service)->file()->name());
}

size_t dpb_service_method_count(const dpb_service *service) {
  return static_cast<size_t>(unwrap(service)->method_count());
}

dpb_method dpb_service_method(const dpb_service *service, size_t index) {
  return guarded_or<dpb_method>({}, [&] {
    const pb::MethodDescriptor *method = unwrap(service)->method(static_cast<int>(index));
    return dpb_method{
        text_of(method->name()),
        text_of(method->full_name()),
        text_of(method->input_type()->full_name()),
        text_of(method->output_type()->full_name()),
        method->client_streaming(),
        method->server_streaming(),
    };
  });
}

dpb_status dpb_service_method_options(
    const dpb_service *service, size_t index, dpb_buffer *options) {
  return guarded(options, [&] {
    const pb::MethodDescriptor *method = unwrap(service)->method(static_cast<int>(index));
    return give(method->options().SerializePartialAsString(), options);
  });
}

dpb_status dpb_json_from_binary(
    dpb_pool *pool, const dpb_message *message, dpb_text binary, bool print_defaults,
    dpb_buffer *output) {
  return guarded(output, [&] {
    const pb::Descriptor *type = unwrap(message);
    std::string canonical = string_of(binary);
    const std::string failure = make_canonical(pool, type, &canonical, 0);
    if (!failure.empty()) {
      return give(failure, output, failure == not_a(type) ? DPB_MALFORMED : DPB_INVALID);
    }
    std::string json;
    pb::io::ArrayInputStream input(canonical.data(), static_cast<int>(canonical.size()));
    pb::io::StringOutputStream target(&json);
    pb::util::JsonPrintOptions options;
    options.always_print_primitive_fields = print_defaults;
    const auto status = pb::util::BinaryToJsonStream(
        pool->resolver.get(), std::string(url_prefix) + "/" + type->full_name(), &input, &target,
        options);
    if (!status.ok()) return give(status.message().ToString(), output, DPB_INVALID);
    return give(json, output);
  });
}

dpb_status dpb_binary_from_json(
    dpb_pool *pool, const dpb_message *message, dpb_text json, dpb_buffer *output) {
  return guarded(output, [&] {
    if (json.size > INT32_MAX) return give("too long", output, DPB_INVALID);
    std::string binary;
    {
      pb::io::ArrayInputStream input(json.bytes, static_cast<int>(json.size));
      pb::io::StringOutputStream target(&binary);
      const auto status = pb::util::JsonToBinaryStream(
          pool->resolver.get(), std::string(url_prefix) + "/" + unwrap(message)->full_name(),
          &input, &target);
      if (!status.ok()) return give(status.message().ToString(), output, DPB_INVALID);
    }
    if (pool->has_groups) {
      // Only groups break what was made here.
      std::string copy = binary;
      if (!make_canonical(pool, unwrap(message), &copy, 0).empty()) {
        return give("a proto2 group has no JSON form", output, DPB_INVALID);
      }
    }
    return give(binary, output);
  });
}

dpb_status dpb_canonical_binary(
    dpb_pool *pool, const dpb_message *message, dpb_text binary, dpb_buffer *output) {
  return guarded(output, [&] {
    const pb::Descriptor *type = unwrap(message);
    std::unique_ptr<pb::Message> parsed(pool->factory->GetPrototype(type)->New());
    pb::io::ArrayInputStream input(binary.bytes, static_cast<int>(binary.size));
    if (binary.size > INT32_MAX || !parsed->ParsePartialFromZeroCopyStream(&input)) {
      return give(not_a(type), output, DPB_MALFORMED);
    }
    if (!parsed->IsInitialized()) {
      return give(
          "required fields are missing: " + parsed->InitializationErrorString(), output,
          DPB_INVALID);
    }
    std::string canonical;
    {
      pb::io::StringOutputStream target(&canonical);
      pb::io::CodedOutputStream coded(&target);
      // Maps too have an order then.
      coded.SetSerializationDeterministic(true);
      if (!parsed->SerializePartialToCodedStream(&coded)) {
        return give(not_a(type), output, DPB_MALFORMED);
      }
    }
    return give(canonical, output);
  });
}
