import SwiftProtobuf
import TCKProtocol

/// One line of a cart.
struct CartItem: Hashable, Sendable {
  let product: String
  let name: String
  let quantity: Int32

  init(_ product: String, _ name: String, _ quantity: Int32) {
    self.product = product
    self.name = name
    self.quantity = quantity
  }
}

/// One call of the shopping cart, and how it ends.
enum CartStep: Hashable, Sendable {
  case get([CartItem])
  case add(String, String, Int32)
  case addFails(String, String, Int32)
  case remove(String)
  case removeFails(String)

  var method: String {
    switch self {
    case .get: "GetCart"
    case .add, .addFails: "AddItem"
    case .remove, .removeFails: "RemoveItem"
    }
  }

  var fails: Bool {
    switch self {
    case .addFails, .removeFails: true
    case .get, .add, .remove: false
    }
  }

  /// How many events the function emits.
  var events: Int {
    switch self {
    case .add, .remove: 1
    case .get, .addFails, .removeFails: 0
    }
  }

  func request(user: String) -> any Message {
    switch self {
    case .get: Com_Example_Shoppingcart_GetShoppingCart.with { $0.userID = user }
    case .add(let product, let name, let quantity), .addFails(let product, let name, let quantity):
      Com_Example_Shoppingcart_AddLineItem.with {
        $0.userID = user
        $0.productID = product
        $0.name = name
        $0.quantity = quantity
      }
    case .remove(let product), .removeFails(let product):
      Com_Example_Shoppingcart_RemoveLineItem.with {
        $0.userID = user
        $0.productID = product
      }
    }
  }

  /// What is wrong with the bytes of a reply, or `nil`. Items are compared as a set.
  func deviation(of reply: some SwiftProtobufContiguousBytes) -> (
    expected: String, received: String
  )? {
    guard case .get(let items) = self else { return nil }
    let expected = items.map(\.description).sorted().joined(separator: ", ")
    guard let cart = try? Com_Example_Shoppingcart_Cart(serializedBytes: reply) else {
      return ("a cart with [\(expected)]", "a message that cannot be read")
    }
    let received = cart.items.map { CartItem($0.productID, $0.name, $0.quantity).description }
      .sorted().joined(separator: ", ")
    return expected == received ? nil : ("a cart with [\(expected)]", "a cart with [\(received)]")
  }
}

extension CartItem: CustomStringConvertible {
  var description: String { "\(quantity) x \(product) \(name)" }
}

extension CartStep: CustomStringConvertible {
  /// For clauses and reports.
  var description: String {
    switch self {
    case .get(let items): "GetCart gives [\(items.map(\.description).joined(separator: ", "))]"
    case .add(let product, _, let quantity): "add \(quantity) x \(product)"
    case .addFails(let product, _, let quantity): "add \(quantity) x \(product) fails"
    case .remove(let product): "remove \(product)"
    case .removeFails(let product): "remove \(product) fails"
    }
  }
}
