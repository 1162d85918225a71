import CloudstateProtocol
import SwiftProtobuf

/// Specifications a user function might report, built from the shopping cart.
enum SpecFixture {
  static let service = "shop.Cart"

  typealias File = Google_Protobuf_FileDescriptorProto

  /// A legal file: one service with `Add` and `Get`, both with the key `user`.
  static func file(
    name: String = "shop.proto", service: String = "Cart", imports: [String] = [],
    change: (inout File) -> Void = { _ in }
  ) -> File {
    var key = field("user", 1)
    key.options.Cloudstate_entityKey = true
    var file = File.with {
      $0.name = name
      $0.package = "shop"
      $0.syntax = "proto3"
      $0.dependency = imports
      $0.messageType = [
        .with {
          $0.name = "\(service)Request"
          $0.field = [key, field("item", 2)]
        },
        .with { $0.name = "\(service)Reply" },
      ]
      $0.service = [
        .with {
          $0.name = service
          $0.method = ["Add", "Get"].map { name in
            .with {
              $0.name = name
              $0.inputType = ".shop.\(service)Request"
              $0.outputType = ".shop.\(service)Reply"
            }
          }
        }
      ]
    }
    change(&file)
    return file
  }

  static func field(
    _ name: String, _ number: Int32,
    _ type: Google_Protobuf_FieldDescriptorProto.TypeEnum = .string
  ) -> Google_Protobuf_FieldDescriptorProto {
    .with {
      $0.name = name
      $0.number = number
      $0.type = type
      $0.label = .optional
    }
  }

  static func entity(
    _ service: String = service, type: String = "cloudstate.eventsourced.EventSourced",
    persistenceID: String = "cart"
  ) -> Cloudstate_Entity {
    .with {
      $0.entityType = type
      $0.serviceName = service
      $0.persistenceID = persistenceID
    }
  }

  static func spec(
    _ files: [File] = [file()], entities: [Cloudstate_Entity] = [entity()]
  ) throws -> Cloudstate_EntitySpec {
    let set = Google_Protobuf_FileDescriptorSet.with { $0.file = files }
    var spec = Cloudstate_EntitySpec()
    spec.proto = try set.serializedData()
    spec.entities = entities
    spec.serviceInfo.protocolMinorVersion = 2
    return spec
  }
}
