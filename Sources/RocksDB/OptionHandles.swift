import CRocksDB

// Owners of the C option objects. RocksDB copies options when it opens a database, so these live only
// for the call, except for read and write options, which a database keeps for its whole life and which
// RocksDB only reads.

/// Owns a `rocksdb_cache_t` reference.
struct BlockCacheHandle: ~Copyable {
  let raw: OpaquePointer

  init(bytes: Int) { raw = rocksdb_cache_create_lru(bytes) }

  deinit { rocksdb_cache_destroy(raw) }
}

/// Owns a `rocksdb_options_t`, which in the C interface holds database and column family options alike.
struct OptionsHandle: ~Copyable {
  let raw: OpaquePointer

  init() { raw = rocksdb_options_create() }

  deinit { rocksdb_options_destroy(raw) }

  /// Sets what concerns the database as a whole.
  func apply(_ options: DatabaseOptions) {
    rocksdb_options_set_create_if_missing(raw, options.createIfMissing ? 1 : 0)
    rocksdb_options_set_create_missing_column_families(raw, options.createIfMissing ? 1 : 0)
    rocksdb_options_set_paranoid_checks(raw, 1)
    rocksdb_options_set_db_write_buffer_size(raw, options.totalWriteBufferBytes)
    rocksdb_options_set_max_total_wal_size(raw, options.maximumLogBytes)
    rocksdb_options_set_max_open_files(raw, options.maximumOpenFiles)
    rocksdb_options_set_max_background_jobs(raw, options.backgroundJobs)
    // It is read twice at each start, and otherwise begun anew only at one GiB.
    rocksdb_options_set_max_manifest_file_size(raw, 16 << 20)
    rocksdb_options_set_manual_wal_flush(raw, 0)
    let recovery =
      switch options.recovery {
      case .tolerateIncompleteTail: rocksdb_tolerate_corrupted_tail_records_recovery
      case .absoluteConsistency: rocksdb_absolute_consistency_recovery
      case .pointInTime: rocksdb_point_in_time_recovery
      }
    rocksdb_options_set_wal_recovery_mode(raw, Int32(recovery))

    // Opening must be quick and an idle database quiet: one thread opens files, nothing reads the
    // statistics of every file, nothing is dumped periodically, and the information log stays short.
    rocksdb_options_set_max_file_opening_threads(raw, 1)
    rocksdb_options_set_skip_stats_update_on_db_open(raw, 1)
    rocksdb_options_set_stats_dump_period_sec(raw, 0)
    rocksdb_options_set_stats_persist_period_sec(raw, 0)
    rocksdb_options_set_info_log_level(raw, 2)  // warnings and worse
    rocksdb_options_set_keep_log_file_num(raw, 2)
    rocksdb_options_set_max_log_file_size(raw, 1 << 20)
  }

  /// Adds what is particular to a column family to a copy of the database's options.
  static func apply(
    _ family: ColumnFamilyOptions, to raw: OpaquePointer, cache: borrowing BlockCacheHandle
  ) {
    rocksdb_options_set_write_buffer_size(raw, family.writeBufferBytes)
    rocksdb_options_set_max_write_buffer_number(raw, 3)
    // Small arena blocks: a column family that holds a few records keeps kilobytes, not a megabyte.
    rocksdb_options_set_arena_block_size(raw, min(family.writeBufferBytes / 8, 128 << 10))
    rocksdb_options_set_compression(raw, Int32(rocksdb_lz4_compression))
    rocksdb_options_set_level_compaction_dynamic_level_bytes(raw, 1)

    let table: OpaquePointer = rocksdb_block_based_options_create()
    rocksdb_block_based_options_set_block_cache(table, cache.raw)
    // Indexes and filters count against the cache, so that its size bounds the memory of reads.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
    rocksdb_block_based_options_set_format_version(table, 5)
    if family.bloomBitsPerKey > 0 {
      // The table options take over the filter policy.
      rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(family.bloomBitsPerKey))
    }
    rocksdb_options_set_block_based_table_factory(raw, table)
    rocksdb_block_based_options_destroy(table)
  }
}

/// Owns a `rocksdb_readoptions_t`.
struct ReadOptionsHandle: ~Copyable {
  let raw: OpaquePointer

  init() {
    raw = rocksdb_readoptions_create()
    rocksdb_readoptions_set_verify_checksums(raw, 1)
  }

  deinit { rocksdb_readoptions_destroy(raw) }
}

/// Owns a `rocksdb_writeoptions_t`.
struct WriteOptionsHandle: ~Copyable {
  let raw: OpaquePointer

  init(sync: Bool) {
    raw = rocksdb_writeoptions_create()
    rocksdb_writeoptions_set_sync(raw, sync ? 1 : 0)
  }

  deinit { rocksdb_writeoptions_destroy(raw) }
}
