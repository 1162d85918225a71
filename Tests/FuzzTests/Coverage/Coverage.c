// Shows libFuzzer only the counters of the code that is fuzzed.
//
// The sanitizer counts in everything that is linked, and libFuzzer looks at all counters after each case. Nine of
// ten belong to libraries that no target gets to, and cost nine tenths of the time of a small case. The linker's
// --wrap leads the two announcements of counters here; they are passed on function by function, as the names
// of the functions say.

#include "Coverage.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void __real___sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __real___sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

// Parts of the symbols whose counters matter to a target, separated by blanks: a mangled Swift name holds the name of
// its module with the length before it.
struct cover {
  const char *target;
  const char *names;
};

#define TARGETS "11FuzzTargets "
#define CONNECTION TARGETS "13GRPCTransport 8NIOHTTP1 8NIOHTTP2 8NIOHPACK c_nio_llhttp"

static const struct cover covers[] = {
    {"http1", CONNECTION},
    {"http2", CONNECTION},
    {"http2-frames", CONNECTION},
    {"http2-client", CONNECTION},
    {"grpc-messages", TARGETS "13GRPCTransport 4Gzip"},
    {"header-values", TARGETS "13GRPCTransport 7Ingress"},
    {"url-text", TARGETS "13GRPCTransport 7Ingress"},
    {"path-templates", TARGETS "7Ingress"},
    {"http-requests", TARGETS "7Ingress 15DynamicProtobuf dpb_ make_canonical"},
    {"json", TARGETS "15DynamicProtobuf dpb_ make_canonical"},
    {"protobuf", TARGETS "15DynamicProtobuf dpb_ make_canonical"},
    {"descriptors", TARGETS "15DynamicProtobuf dpb_ make_canonical 7Ingress"},
    {"descriptor-programs", TARGETS "15DynamicProtobuf dpb_ make_canonical 7Ingress"},
    {"subjects", TARGETS "15CloudstateModel"},
    {"bus-messages", TARGETS "10MessageBus 15CloudstateModel"},
    {"records", TARGETS "10ShardStore 15CloudstateModel"},
    {"replicated-data", TARGETS "14ReplicatedData"},
    {"topologies", TARGETS "8Launcher 14CommandLineKit yaml_ 4Yams"},
};

// For a target that is not in the table: all of our own.
static const char everything[] =
    TARGETS "13GRPCTransport 7Ingress 13AccessControl 15DynamicProtobuf 10MessageBus 10ShardStore "
    "14ReplicatedData 8Launcher 15CloudstateModel";

struct function {
  uintptr_t address;
  uint32_t name;
};

static uint8_t *counters;
static char wanted_text[512];
static const char *wanted[16];
static size_t wanted_count;
static int is_announced;

static void choose_wanted(void) {
  const char *target = getenv("CS_FUZZ_TARGET");
  const char *text = everything;
  for (size_t index = 0; target != NULL && index < sizeof(covers) / sizeof(covers[0]); ++index) {
    if (strcmp(target, covers[index].target) == 0) text = covers[index].names;
  }
  strncpy(wanted_text, text, sizeof(wanted_text) - 1);
  char *rest = NULL;
  for (char *name = strtok_r(wanted_text, " ", &rest); name != NULL && wanted_count < 16;
       name = strtok_r(NULL, " ", &rest)) {
    wanted[wanted_count++] = name;
  }
}

static int by_address(const void *left, const void *right) {
  uintptr_t one = ((const struct function *)left)->address;
  uintptr_t two = ((const struct function *)right)->address;
  return one < two ? -1 : one > two;
}

// The functions of this program in the order of their addresses in its file, and their names.
static struct function *read_functions(const char **names, size_t *count) {
  *count = 0;
  int file = open("/proc/self/exe", O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return NULL;
  const char *image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (image == MAP_FAILED) return NULL;
  const Elf64_Ehdr *head = (const Elf64_Ehdr *)image;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(image + head->e_shoff);
  for (size_t index = 0; index < head->e_shnum; ++index) {
    if (sections[index].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(image + sections[index].sh_offset);
    size_t symbol_count = sections[index].sh_size / sizeof(Elf64_Sym);
    *names = image + sections[sections[index].sh_link].sh_offset;
    struct function *functions = calloc(symbol_count, sizeof(struct function));
    if (functions == NULL) return NULL;
    for (size_t symbol = 0; symbol < symbol_count; ++symbol) {
      if (ELF64_ST_TYPE(symbols[symbol].st_info) != STT_FUNC) continue;
      functions[(*count)++] =
          (struct function){symbols[symbol].st_value, symbols[symbol].st_name};
    }
    qsort(functions, *count, sizeof(struct function), by_address);
    return functions;
  }
  return NULL;
}

static uintptr_t load_address(
    const struct function *functions, size_t count, const char *names) {
  for (size_t index = 0; index < count; ++index) {
    if (strcmp(names + functions[index].name, "LLVMFuzzerTestOneInput") == 0) {
      return (uintptr_t)&LLVMFuzzerTestOneInput - functions[index].address;
    }
  }
  return 0;
}

static int is_wanted(
    uintptr_t address, const struct function *functions, size_t count, const char *names) {
  size_t low = 0;
  size_t high = count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (functions[middle].address <= address) low = middle + 1; else high = middle;
  }
  if (low == 0) return 0;
  const char *name = names + functions[low - 1].name;
  for (size_t index = 0; index < wanted_count; ++index) {
    if (strstr(name, wanted[index]) != NULL) return 1;
  }
  return 0;
}

static void announce(const uintptr_t *pcs, size_t start, size_t end) {
  if (start == end) return;
  __real___sanitizer_cov_8bit_counters_init(counters + start, counters + end);
  __real___sanitizer_cov_pcs_init(pcs + 2 * start, pcs + 2 * end);
}

void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop) {
  (void)stop;
  counters = start;
}

// Each object file announces the table of the whole program. An entry is an address and whether a function begins
// there.
void __wrap___sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop) {
  if (is_announced) return;
  is_announced = 1;
  choose_wanted();
  // As many parts as libFuzzer takes, with room left.
  const int maximum_parts = 4000;
  const char *names = NULL;
  size_t function_count = 0;
  struct function *functions = read_functions(&names, &function_count);
  size_t count = (size_t)(stop - start) / 2;
  if (functions == NULL) return announce(start, 0, count);
  uintptr_t base = load_address(functions, function_count, names);
  int was_wanted = 0;
  int parts = 0;
  size_t first = 0;
  for (size_t index = 0; index < count; ++index) {
    if ((start[2 * index + 1] & 1) == 0) continue;
    int is = is_wanted(start[2 * index] - base, functions, function_count, names);
    if (is && !was_wanted) first = index;
    if (!is && was_wanted && parts < maximum_parts) {
      announce(start, first, index);
      ++parts;
    }
    was_wanted = is;
  }
  if (was_wanted) announce(start, first, count);
  free(functions);
}
