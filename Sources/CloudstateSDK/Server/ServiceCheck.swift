import SwiftProtobuf

/// Compares what entities declare with what the descriptors say, before anything is opened: a typo in
/// a command name shall stop the program instead of failing its first caller.
struct ServiceCheck {
  private let services: [String: Google_Protobuf_ServiceDescriptorProto]

  /// - Parameter descriptors: a serialized `google.protobuf.FileDescriptorSet`.
  init(descriptors: [UInt8]) throws(CloudstateServer.ConfigurationError) {
    let set: Google_Protobuf_FileDescriptorSet
    do {
      set = try Google_Protobuf_FileDescriptorSet(serializedBytes: descriptors)
    } catch {
      throw CloudstateServer.ConfigurationError(problems: [
        "The descriptors are not a serialized google.protobuf.FileDescriptorSet: \(error)."
      ])
    }
    var services: [String: Google_Protobuf_ServiceDescriptorProto] = [:]
    for file in set.file {
      for service in file.service {
        services[file.package.isEmpty ? service.name : "\(file.package).\(service.name)"] = service
      }
    }
    self.services = services
  }

  /// Everything that is wrong, one sentence each; empty if nothing is.
  func problems(of entities: [HostedEntity]) -> [String] {
    var problems: [String] = []
    if entities.isEmpty { problems.append("The server hosts no entity.") }
    problems += repeated(entities.map(\.serviceName)).map {
      "Two entities have the service name '\($0)'."
    }
    problems += repeated(entities.map(\.persistenceID)).map {
      "Two entities have the persistence id '\($0)'; they would share their stored events."
    }
    for entity in entities { problems += self.problems(of: entity) }
    return problems
  }

  private func problems(of entity: HostedEntity) -> [String] {
    let name = entity.serviceName
    var problems = entity.duplicates.map { "\(name) declares \($0) twice." }
    if entity.persistenceID.isEmpty { problems.append("\(name) has an empty persistence id.") }
    guard let service = services[name] else {
      let known = services.keys.sorted().joined(separator: ", ")
      return problems + ["The descriptors have no service '\(name)'; they have: \(known)."]
    }
    let methods = Dictionary(service.method.map { ($0.name, $0) }) { first, _ in first }
    for method in entity.methods {
      guard let declared = methods[method.name] else {
        let known = methods.keys.sorted().joined(separator: ", ")
        problems.append("\(name) has no method '\(method.name)'; it has: \(known).")
        continue
      }
      if declared.inputType != ".\(method.inputType)" {
        problems.append(
          "\(name).\(method.name) takes \(declared.inputType.dropFirst()), "
            + "but its OnCommand takes \(method.inputType).")
      }
      if declared.outputType != ".\(method.outputType)" {
        problems.append(
          "\(name).\(method.name) returns \(declared.outputType.dropFirst()), "
            + "but its OnCommand returns \(method.outputType).")
      }
      if declared.clientStreaming || declared.serverStreaming {
        problems.append("\(name).\(method.name) streams; event sourced entities cannot.")
      }
    }
    let handled = Set(entity.methods.map(\.name))
    for missing in methods.keys.sorted() where !handled.contains(missing) {
      problems.append("\(name).\(missing) has no OnCommand.")
    }
    return problems
  }

  private func repeated(_ names: [String]) -> [String] {
    Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
  }
}
