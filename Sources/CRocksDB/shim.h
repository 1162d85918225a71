#pragma once

#include <rocksdb/c.h>
#include <stddef.h>
#include <stdint.h>

// CRC32C with the processor's own instruction, which Swift cannot name. The portable form is in the
// RocksDB module, which asks crocksdb_crc32c_available() first.

#if defined(__x86_64__)

/// Whether the processor computes CRC32C itself (SSE 4.2).
static inline int crocksdb_crc32c_available(void) { return __builtin_cpu_supports("sse4.2") != 0; }

/// Continues a raw CRC32C (no inversion at either end) over `count` bytes.
__attribute__((target("sse4.2"))) static inline uint32_t crocksdb_crc32c(
    uint32_t crc, const uint8_t *bytes, size_t count) {
  uint64_t wide = crc;
  while (count >= 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    wide = __builtin_ia32_crc32di(wide, word);
    bytes += 8;
    count -= 8;
  }
  uint32_t narrow = (uint32_t)wide;
  while (count > 0) {
    narrow = __builtin_ia32_crc32qi(narrow, *bytes);
    bytes += 1;
    count -= 1;
  }
  return narrow;
}

#else

static inline int crocksdb_crc32c_available(void) { return 0; }

static inline uint32_t crocksdb_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

#endif
