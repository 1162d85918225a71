import NIOCore

/// The command of the benchmark: `AddItem` of the shopping cart sample, about 60 bytes.
enum CartMessages {
  /// A message for cart number `cart`: fields 1 to 4 of `AddLineItem` in wire format.
  static func addItem(cart: Int, product: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    append("user-\(cart)", field: 1, to: &buffer)
    append("product-\(product)", field: 2, to: &buffer)
    append("A product with a name of usual length", field: 3, to: &buffer)
    buffer.writeInteger(UInt8(4 << 3))
    buffer.writeInteger(UInt8(1))
    return buffer
  }

  private static func append(_ text: String, field: UInt8, to buffer: inout ByteBuffer) {
    buffer.writeInteger(field << 3 | 2)
    buffer.writeInteger(UInt8(text.utf8.count))
    buffer.writeString(text)
  }
}
