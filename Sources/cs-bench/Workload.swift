import ArgumentParser
import NIOCore

/// What is asked of a node in one measurement.
enum Workload: String, CaseIterable {
  /// `AddItem` of the shopping cart: one event is stored.
  case durableEvents = "events"
  /// The same, many on each call.
  case streamedEvents = "streamed-events"
  /// `AddItem` of the value based shopping cart: the whole cart is stored.
  case durableValues = "values"
  /// `ProcessUnary` of the model action: an answer, and nothing is stored.
  case unaryAction = "actions"
  /// `Process` of the replicated model entity: an increment of a counter, stored and sent to other nodes.
  case replicatedCounters = "crdts"

  /// The program that hosts the function; with `-node` behind its name, the node that embeds it.
  var program: String {
    switch self {
    case .durableEvents, .streamedEvents: "shopping-cart"
    case .durableValues: "value-shopping-cart"
    case .unaryAction, .replicatedCounters: "tck-model"
    }
  }

  var path: String {
    switch self {
    case .durableEvents, .streamedEvents: "/com.example.shoppingcart.ShoppingCart/AddItem"
    case .durableValues: "/com.example.valueentity.shoppingcart.ShoppingCart/AddItem"
    case .unaryAction: "/cloudstate.tck.model.action.ActionTckModel/ProcessUnary"
    case .replicatedCounters: "/cloudstate.tck.model.crdt.CrdtTckModel/Process"
    }
  }

  /// The message of call number `number`, spread over `carts` carts.
  func message(_ number: Int, carts: Int) -> ByteBuffer {
    switch self {
    case .durableEvents, .streamedEvents, .durableValues:
      CartMessages.addItem(cart: number % carts, product: number / carts % 5)
    case .unaryAction:
      ActionMessages.processUnary(reply: "A reply of usual length to call \(number)")
    case .replicatedCounters: CounterMessages.increment(counter: number % carts)
    }
  }

  /// Whether each command leaves one event in the journal.
  var storesOneEvent: Bool { self == .durableEvents || self == .streamedEvents }

  /// What a row of its figures is called.
  func rowName(_ hosting: Hosting) -> String {
    let name =
      switch self {
      case .durableEvents: "node: durable events"
      case .streamedEvents: "node: streamed events"
      case .durableValues: "node: durable values"
      case .unaryAction: "node: unary actions"
      case .replicatedCounters: "node: replicated counters"
      }
    return hosting == .embedded ? "\(name), embedded" : name
  }
}

/// Where the user function of a measured node runs.
enum Hosting: CaseIterable {
  /// In a process of its own, as `cs-node` has it.
  case ownProcess
  /// In the node.
  case embedded
}

/// Workloads separated by commas.
struct WorkloadList: ExpressibleByArgument {
  var values: [Workload]

  init(values: [Workload]) { self.values = values }

  init?(argument: String) {
    let workloads = argument.split(separator: ",").map { Workload(rawValue: String($0)) }
    values = workloads.compactMap { $0 }
    guard !values.isEmpty, values.count == workloads.count else { return nil }
  }

  var defaultValueDescription: String { values.map(\.rawValue).joined(separator: ",") }
}
