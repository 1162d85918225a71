import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf
import TCKProtocol

/// An entity that the scripted function announces.
struct Announced: Sendable {
  var service: String
  var type: String
  var persistenceID: String

  init(_ service: String, _ type: String, persistenceID: String? = nil) {
    self.service = service
    self.type = type
    self.persistenceID = persistenceID ?? service
  }
}

/// What discovery is answered with: protocol 0.2, and the descriptors of the models if no others are
/// given.
func announcement(
  _ entities: [Announced], files: [Google_Protobuf_FileDescriptorProto]? = nil
) -> Cloudstate_EntitySpec {
  var spec = Cloudstate_EntitySpec()
  spec.serviceInfo.serviceRuntime = "cs-tck"
  spec.serviceInfo.supportLibraryName = "cloudstate-swift-tck"
  spec.serviceInfo.protocolMajorVersion = 0
  spec.serviceInfo.protocolMinorVersion = 2
  if let files {
    let set = Google_Protobuf_FileDescriptorSet.with { $0.file = files }
    // Fails only for unset required fields, which proto3 does not have.
    spec.proto = (try? set.serializedData()) ?? Data()
  } else {
    spec.proto = Data(tckModelDescriptorSet)
  }
  spec.entities = entities.map { entity in
    .with {
      $0.serviceName = entity.service
      $0.entityType = entity.type
      $0.persistenceID = entity.persistenceID
    }
  }
  return spec
}

/// The model of a kind of stateful entity, and its second service.
func stateful<Script: StatefulScript>(_: Script.Type) -> Cloudstate_EntitySpec {
  announcement(
    [ServiceRole.model, .two].map { Announced(Script.Messages.service($0), Script.entityType) })
}

/// A file with one message `Item{string id = 1, string text = 2}` and one service, for what the models do
/// not have.
struct ScriptedFile: Sendable {
  /// How the id is marked as the key of the entity.
  enum Key: Sendable {
    /// Option 1080.
    case current
    /// Option 50002, of libraries before protocol 0.2.
    case legacy
    case none
  }

  struct Method: Sendable {
    var name: String
    var streamsIn = false
    var streamsOut = false
    var options: @Sendable (inout Google_Protobuf_MethodOptions) -> Void = { _ in }
  }

  static let package = "cloudstate.tck.scripted"
  static let service = "\(package).Service"

  var name = "scripted.proto"
  var key = Key.current
  var methods = [Method(name: "Call")]
  /// Imports beside those that every file needs.
  var imports: [String] = []

  /// The file as descriptors have it.
  var descriptor: Google_Protobuf_FileDescriptorProto {
    var file = Google_Protobuf_FileDescriptorProto()
    file.name = name
    file.package = Self.package
    file.syntax = "proto3"
    file.dependency = ["cloudstate/entity_key.proto"] + imports
    file.messageType = [
      .with {
        $0.name = "Item"
        $0.field = [field("id", 1), field("text", 2)]
      }
    ]
    file.service = [
      .with {
        $0.name = "Service"
        $0.method = methods.map(descriptor)
      }
    ]
    return file
  }

  private func field(_ name: String, _ number: Int32) -> Google_Protobuf_FieldDescriptorProto {
    var field = Google_Protobuf_FieldDescriptorProto()
    field.name = name
    field.jsonName = name
    field.number = number
    field.type = .string
    field.label = .optional
    if number == 1 {
      switch key {
      case .current: field.options.Cloudstate_entityKey = true
      case .legacy: field.options.Cloudstate_legacyEntityKey = true
      case .none: break
      }
    }
    return field
  }

  private func descriptor(_ method: Method) -> Google_Protobuf_MethodDescriptorProto {
    var descriptor = Google_Protobuf_MethodDescriptorProto()
    descriptor.name = method.name
    descriptor.inputType = ".\(Self.package).Item"
    descriptor.outputType = ".\(Self.package).Item"
    descriptor.clientStreaming = method.streamsIn
    descriptor.serverStreaming = method.streamsOut
    method.options(&descriptor.options)
    return descriptor
  }
}

extension ScriptedFile {
  /// The model files, which hold what this file imports, and this one.
  func announcing(_ type: String) -> Cloudstate_EntitySpec {
    announcement([Announced(Self.service, type)], files: modelFiles + [descriptor])
  }
}

/// The files of the models with all their imports.
let modelFiles: [Google_Protobuf_FileDescriptorProto] =
  (try? Google_Protobuf_FileDescriptorSet(serializedBytes: tckModelDescriptorSet).file) ?? []
