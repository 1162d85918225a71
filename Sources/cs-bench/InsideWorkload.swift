import CloudstateEmbedded
import CloudstateSDK
import ShoppingCartSample
import SwiftProtobuf
import TCKModelSample
import TCKProtocol

/// A workload whose client is inside the node as well.
struct InsideWorkload {
  private enum Kind {
    case events
    case action
    case replicated
  }

  private let kind: Kind

  /// `nil` for workloads that have none.
  init?(_ workload: Workload) {
    switch workload {
    case .durableEvents: kind = .events
    case .unaryAction: kind = .action
    case .replicatedCounters: kind = .replicated
    case .streamedEvents, .durableValues: return nil
    }
  }

  var node: EmbeddedNode {
    switch kind {
    case .events:
      EmbeddedNode(
        descriptors: ShoppingCartSample.Sample.descriptors,
        entities: ShoppingCartSample.Sample.entities)
    case .action, .replicated:
      EmbeddedNode(
        descriptors: TCKModelSample.Sample.descriptors,
        entities: TCKModelSample.Sample.entities, actions: TCKModelSample.Sample.actions)
    }
  }

  /// Call number `number`, the same as ``Workload/message(_:carts:)`` makes it.
  func send(
    _ number: Int, carts: Int, with client: EmbeddedClient
  ) async throws(CallError) {
    switch kind {
    case .events:
      let item = Com_Example_Shoppingcart_AddLineItem.with {
        $0.userID = "user-\(number % carts)"
        $0.productID = "product-\(number / carts % 5)"
        $0.name = "A product with a name of usual length"
        $0.quantity = 1
      }
      _ = try await client.send(
        to: "com.example.shoppingcart.ShoppingCart/AddItem", item,
        returning: Google_Protobuf_Empty.self, timeout: .seconds(30))
    case .action:
      let request = Cloudstate_Tck_Model_Action_Request.with {
        $0.groups = [
          .with {
            $0.steps = [.with { $0.reply.message = "A reply of usual length to call \(number)" }]
          }
        ]
      }
      _ = try await client.send(
        to: "cloudstate.tck.model.action.ActionTckModel/ProcessUnary", request,
        returning: Cloudstate_Tck_Model_Action_Response.self, timeout: .seconds(30))
    case .replicated:
      let request = Cloudstate_Tck_Model_Crdt_Request.with {
        $0.id = "GCounter-\(number % carts)"
        $0.actions = [.with { $0.update.gcounter.increment = 1 }]
      }
      _ = try await client.send(
        to: "cloudstate.tck.model.crdt.CrdtTckModel/Process", request,
        returning: Cloudstate_Tck_Model_Crdt_Response.self, timeout: .seconds(30))
    }
  }
}
