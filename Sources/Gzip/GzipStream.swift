import CZlib

/// One gzip member (RFC 1952) that is made piece by piece, for content that comes over time. What was given
/// so far can be expanded from what was answered so far.
///
/// Holds about 32 KiB: long streams are many, so that the window is 4 KiB and not zlib's usual 32.
/// Not for several threads at once.
package final class GzipStream {
  /// 12 bits of window, plus 16: "with a gzip header and trailer" (zlib.h, `deflateInit2`).
  private static let windowBits: Int32 = 12 + 16
  private static let memoryLevel: Int32 = 5
  private static let outputChunkBytes = 4096

  /// On the heap, since zlib remembers its address.
  private let stream: UnsafeMutablePointer<z_stream>

  /// - Throws: ``GzipError/outOfMemory``.
  package init(level: Int = Gzip.usualLevel) throws(GzipError) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let started = deflateInit2_(
      stream, Int32(min(max(level, 1), 9)), Z_DEFLATED, Self.windowBits, Self.memoryLevel,
      Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard started == Z_OK else { throw .outOfMemory }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Compresses the next piece, and answers all there is of it.
  package func append(_ input: some Collection<UInt8>) -> [UInt8] {
    let compressed = input.withContiguousStorageIfAvailable { deflateAll($0, Z_SYNC_FLUSH) }
    return compressed ?? Array(input).withUnsafeBufferPointer { deflateAll($0, Z_SYNC_FLUSH) }
  }

  /// The end of the member. Nothing may be appended afterwards.
  package func finish() -> [UInt8] {
    [UInt8]().withUnsafeBufferPointer { deflateAll($0, Z_FINISH) }
  }

  private func deflateAll(_ input: UnsafeBufferPointer<UInt8>, _ flush: Int32) -> [UInt8] {
    // zlib never writes through `next_in`; the C type lacks only the `const`.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
    stream.pointee.avail_in = uInt(input.count)
    var output: [UInt8] = []
    var isFull = true
    // zlib has said all as soon as it leaves room.
    while isFull {
      output += [UInt8](unsafeUninitializedCapacity: Self.outputChunkBytes) { buffer, count in
        stream.pointee.next_out = buffer.baseAddress
        stream.pointee.avail_out = uInt(buffer.count)
        _ = deflate(stream, flush)
        isFull = stream.pointee.avail_out == 0
        count = buffer.count - Int(stream.pointee.avail_out)
      }
    }
    return output
  }
}
