import NIOCore

/// Commands of the shopping cart sample in wire format.
enum CartMessages {
  /// `AddItem` for cart number `cart`, about 60 bytes: fields 1 to 4 of `AddLineItem`.
  static func addItem(cart: Int, product: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    append("user-\(cart)", field: 1, to: &buffer)
    append("product-\(product)", field: 2, to: &buffer)
    append("A product with a name of usual length", field: 3, to: &buffer)
    buffer.writeInteger(UInt8(4 << 3))
    buffer.writeInteger(UInt8(1))
    return buffer
  }

  /// `GetCart` of cart number `cart`: field 1 of `GetShoppingCart`.
  static func getCart(_ cart: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    append("user-\(cart)", field: 1, to: &buffer)
    return buffer
  }

  private static func append(_ text: String, field: UInt8, to buffer: inout ByteBuffer) {
    buffer.writeInteger(field << 3 | 2)
    buffer.writeInteger(UInt8(text.utf8.count))
    buffer.writeString(text)
  }
}
