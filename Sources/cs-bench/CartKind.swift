/// The samples that commands are sent to. Both take the same messages and answer with nothing.
enum CartKind: CaseIterable {
  case eventSourced
  case value

  /// The program that hosts it.
  var program: String {
    switch self {
    case .eventSourced: "shopping-cart"
    case .value: "value-shopping-cart"
    }
  }

  var addItemPath: String {
    switch self {
    case .eventSourced: "/com.example.shoppingcart.ShoppingCart/AddItem"
    case .value: "/com.example.valueentity.shoppingcart.ShoppingCart/AddItem"
    }
  }

  /// What a row of its figures is called.
  var rowName: String {
    switch self {
    case .eventSourced: "node: durable events"
    case .value: "node: durable values"
    }
  }
}
