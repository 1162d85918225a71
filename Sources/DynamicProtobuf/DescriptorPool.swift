import CDynamicProtobuf

/// The types of a set of `.proto` files that became known at run time. Never changes after ``init(files:)``;
/// every function may be called on any thread, several at once.
package final class DescriptorPool: Sendable {
  /// Safe to share: libprotobuf reads a finished pool without changing it, and its message factory,
  /// which fills itself while in use, locks by itself. Freed once, by `deinit`.
  nonisolated(unsafe) let handle: OpaquePointer

  private let files: [String: DescriptorFile]
  /// Imports before their importers.
  package let fileNames: [String]
  /// Full names of all services, sorted.
  package let serviceNames: [String]

  /// Builds a pool from serialized `google.protobuf.FileDescriptorProto` messages in any order. Of files
  /// with the same name the last one counts.
  ///
  /// - Throws: a text that names the file at fault; of every ``DescriptorError/Kind`` but
  ///   ``DescriptorError/Kind/noSuchMessage``.
  package convenience init(files: [[UInt8]]) throws(DescriptorError) {
    var parsed: [DescriptorFile] = []
    for bytes in files { parsed.append(try DescriptorFile(bytes)) }
    try self.init(ordered: DescriptorFileOrder.order(parsed, spares: []))
  }

  /// Builds a pool from a serialized `google.protobuf.FileDescriptorSet`.
  ///
  /// - Parameter wellKnown: a second set, from which imports are taken that the first one lacks.
  package convenience init(
    fileDescriptorSet: [UInt8], supplying wellKnown: [UInt8] = []
  ) throws(DescriptorError) {
    try self.init(
      ordered: DescriptorFileOrder.order(
        DescriptorFile.split(fileDescriptorSet: fileDescriptorSet),
        spares: DescriptorFile.split(fileDescriptorSet: wellKnown)))
  }

  private init(ordered: [DescriptorFile]) throws(DescriptorError) {
    let handle = try buildPool(ordered)
    self.handle = handle
    files = Dictionary(ordered.map { ($0.name, $0) }) { _, last in last }
    fileNames = ordered.map(\.name)
    serviceNames = ordered.flatMap { file -> [String] in
      guard let found = withText(file.name, { dpb_find_file(handle, $0) }) else { return [] }
      return (0..<dpb_file_service_count(found)).compactMap { index in
        dpb_file_service(found, index).map { String(dpb_service_name($0)) }
      }
    }.sorted()
  }

  deinit { dpb_pool_free(handle) }

  /// The serialized `google.protobuf.FileDescriptorProto` of a file, as it was given.
  package func file(named name: String) -> [UInt8]? { files[name]?.bytes }

  /// The files a file imports directly, in the order of declaration; none when there is no such file.
  package func imports(ofFile name: String) -> [String] { files[name]?.imports ?? [] }

  /// The file that declares a message, field, enum, enum value, service, method, oneof or extension with
  /// this full name.
  package func fileName(containingSymbol symbol: String) -> String? {
    withText(symbol) { dpb_find_file_of_symbol(handle, $0) }.map { String(dpb_file_name($0)) }
  }

  /// The file that declares an extension of a message.
  package func fileName(containingExtension number: Int32, of message: String) -> String? {
    guard let message = messageHandle(message) else { return nil }
    return dpb_find_file_of_extension(handle, message, number).map { String(dpb_file_name($0)) }
  }

  /// The numbers of all known extensions of a message, in ascending order.
  package func extensionNumbers(of message: String) -> [Int32] {
    guard let message = messageHandle(message) else { return [] }
    var numbers: UnsafeMutablePointer<Int32>?
    let count = dpb_extension_numbers(handle, message, &numbers)
    defer { dpb_numbers_free(numbers) }
    return UnsafeBufferPointer(start: numbers, count: numbers == nil ? 0 : count).sorted()
  }

  /// The service with this full name.
  package func service(named name: String) -> ServiceDescriptor? {
    withText(name) { dpb_find_service(handle, $0) }.map(ServiceDescriptor.init)
  }

  /// The message type with this full name.
  package func message(named name: String) -> MessageDescriptor? {
    messageHandle(name).map { MessageDescriptor($0, fullName: name) }
  }

  func messageHandle(_ name: String) -> OpaquePointer? {
    withText(name) { dpb_find_message(handle, $0) }
  }
}

private func buildPool(_ files: [DescriptorFile]) throws(DescriptorError) -> OpaquePointer {
  // One copy of all files, so that their addresses hold during the call.
  var joined: [UInt8] = []
  joined.reserveCapacity(files.reduce(0) { $0 + $1.bytes.count })
  for file in files { joined += file.bytes }
  var pool: OpaquePointer?
  var error = dpb_buffer()
  let status = withText(joined) { all in
    var start = 0
    let texts = files.map { file in
      defer { start += file.bytes.count }
      return dpb_text(bytes: all.bytes.map { $0 + start }, size: file.bytes.count)
    }
    return dpb_pool_build(texts, texts.count, &pool, &error)
  }
  let message = String(consuming: error)
  guard status == DPB_OK, let pool else {
    throw DescriptorError(
      status == DPB_MALFORMED ? .unparseable : .invalid,
      message.isEmpty ? "not enough memory for the descriptors" : message)
  }
  return pool
}
