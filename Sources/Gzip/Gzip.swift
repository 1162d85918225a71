import CZlib

/// Why bytes could not be compressed or expanded.
package enum GzipError: Error, Hashable, Sendable {
  /// The input is not one complete gzip member (RFC 1952), or its checksum is wrong.
  case corrupt
  /// The expanded bytes would be more than the limit given; nothing beyond it was produced.
  case tooLarge(maximumBytes: Int)
  /// zlib had no memory for its window.
  case outOfMemory
}

/// gzip (RFC 1952) over zlib. All functions are pure and may be called from any thread.
package enum Gzip {
  /// How hard zlib tries, in its own terms: 1 is fastest, 9 smallest. 6 is zlib's usual balance.
  package static let usualLevel = 6
  /// For what an event loop compresses between other work.
  package static let fastLevel = 1

  /// Answers `input` as one gzip member.
  ///
  /// - Parameter level: 1...9, see ``usualLevel``; values outside are brought into the range.
  package static func compress(
    _ input: some Collection<UInt8>, level: Int = usualLevel
  ) throws(GzipError) -> [UInt8] {
    try withBytes(input) { bytes in
      Result { () throws(GzipError) in try deflateAll(bytes, level: level) }
    }
  }

  /// Expands exactly one gzip member.
  ///
  /// - Parameter maximumBytes: the most bytes to produce. A small input that would expand beyond it
  ///   (a decompression bomb) fails with ``GzipError/tooLarge(maximumBytes:)`` after at most that
  ///   many.
  package static func decompress(
    _ input: some Collection<UInt8>, maximumBytes: Int
  ) throws(GzipError) -> [UInt8] {
    try withBytes(input) { bytes in
      Result { () throws(GzipError) in try inflateAll(bytes, maximumBytes: maximumBytes) }
    }
  }

  /// Lends `input` as contiguous memory, copying it only if it is not contiguous.
  private static func withBytes(
    _ input: some Collection<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) -> Result<[UInt8], GzipError>
  ) throws(GzipError) -> [UInt8] {
    let result =
      input.withContiguousStorageIfAvailable(body) ?? Array(input).withUnsafeBufferPointer(body)
    return try result.get()
  }
}

/// 15 bits of window, plus 16: "with a gzip header and trailer" (zlib.h, `deflateInit2`).
private let gzipWindowBits: Int32 = 15 + 16

private let outputChunkBytes = 16 * 1024

private func deflateAll(
  _ input: UnsafeBufferPointer<UInt8>, level: Int
) throws(GzipError) -> [UInt8] {
  var stream = z_stream()
  let started = deflateInit2_(
    &stream, Int32(min(max(level, 1), 9)), Z_DEFLATED, gzipWindowBits, 8, Z_DEFAULT_STRATEGY,
    ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  guard started == Z_OK else { throw .outOfMemory }
  defer { deflateEnd(&stream) }
  setInput(input, of: &stream)
  // deflateBound covers the whole output, hence one call finishes the stream.
  let bound = Int(deflateBound(&stream, uLong(input.count)))
  var ended: Int32 = Z_OK
  let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
    stream.next_out = buffer.baseAddress
    stream.avail_out = uInt(buffer.count)
    ended = deflate(&stream, Z_FINISH)
    count = buffer.count - Int(stream.avail_out)
  }
  guard ended == Z_STREAM_END else { throw .outOfMemory }
  return output
}

private func inflateAll(
  _ input: UnsafeBufferPointer<UInt8>, maximumBytes: Int
) throws(GzipError) -> [UInt8] {
  var stream = z_stream()
  let started = inflateInit2_(
    &stream, gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  guard started == Z_OK else { throw .outOfMemory }
  defer { inflateEnd(&stream) }
  setInput(input, of: &stream)
  var output: [UInt8] = []
  while true {
    var answer: Int32 = Z_OK
    // One byte more than allowed is asked for, so that "exactly at the limit" and "beyond it"
    // differ.
    let room = min(max(outputChunkBytes, output.count), maximumBytes - output.count + 1)
    let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      stream.next_out = buffer.baseAddress
      stream.avail_out = uInt(buffer.count)
      answer = inflate(&stream, Z_NO_FLUSH)
      count = buffer.count - Int(stream.avail_out)
    }
    output.append(contentsOf: chunk)
    guard output.count <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
    switch answer {
    case Z_STREAM_END:
      guard stream.avail_in == 0 else { throw .corrupt }
      return output
    case Z_OK:
      continue
    case Z_MEM_ERROR:
      throw .outOfMemory
    default:
      // Z_BUF_ERROR among them: zlib had room, so it is the input that ends too early.
      throw .corrupt
    }
  }
}

/// Points zlib at `input`. zlib never writes through `next_in`; the C type lacks only the `const`.
private func setInput(_ input: UnsafeBufferPointer<UInt8>, of stream: inout z_stream) {
  stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
  stream.avail_in = uInt(input.count)
}
