import SwiftProtobuf

/// Compares what entities and actions declare with what the descriptors say, before anything is opened: a typo in
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
  func problems(of hosted: [HostedService]) -> [String] {
    var problems: [String] = []
    if hosted.isEmpty { problems.append("The server hosts no entity and no action.") }
    problems += repeated(hosted.map(\.serviceName)).map {
      "Two entities or actions have the service name '\($0)'."
    }
    let stored = hosted.filter { $0.kind.name != .action }
    problems += repeated(stored.map(\.persistenceID)).map {
      "Two entities have the persistence id '\($0)'; they would share their stored data."
    }
    for service in hosted { problems += self.problems(of: service) }
    return problems
  }

  private func problems(of hosted: HostedService) -> [String] {
    let name = hosted.serviceName
    var problems = hosted.duplicates.map { "\(name) declares \($0) twice." }
    if hosted.kind.name != .action, hosted.persistenceID.isEmpty {
      problems.append("\(name) has an empty persistence id.")
    }
    guard let service = services[name] else {
      let known = services.keys.sorted().joined(separator: ", ")
      return problems + ["The descriptors have no service '\(name)'; they have: \(known)."]
    }
    let methods = Dictionary(service.method.map { ($0.name, $0) }) { first, _ in first }
    for method in hosted.methods {
      guard let declared = methods[method.name] else {
        let known = methods.keys.sorted().joined(separator: ", ")
        problems.append("\(name) has no method '\(method.name)'; it has: \(known).")
        continue
      }
      if declared.inputType != ".\(method.inputType)" {
        problems.append(
          "\(name).\(method.name) takes \(declared.inputType.dropFirst()), "
            + "but its \(method.handler) takes \(method.inputType).")
      }
      if declared.outputType != ".\(method.outputType)" {
        problems.append(
          "\(name).\(method.name) returns \(declared.outputType.dropFirst()), "
            + "but its \(method.handler) returns \(method.outputType).")
      }
      if let problem = shapeProblem(of: method, declared, kind: hosted.kind.name) {
        problems.append("\(name).\(method.name) \(problem)")
      }
    }
    let handled = Set(hosted.methods.map(\.name))
    for missing in service.method.sorted(by: { $0.name < $1.name })
    where !handled.contains(missing.name) {
      let handler = hosted.kind.name.handler(of: missing.shape) ?? "OnCommand"
      problems.append("\(name).\(missing.name) has no \(handler).")
    }
    return problems
  }

  private func shapeProblem(
    of method: HostedService.Method, _ declared: Google_Protobuf_MethodDescriptorProto,
    kind: HostedService.KindName
  ) -> String? {
    guard let needed = kind.handler(of: declared.shape) else {
      return kind == .replicated
        ? "streams its requests; \(kind.words) cannot." : "streams; \(kind.words) cannot."
    }
    return needed == method.handler
      ? nil : "needs an \(needed), but has an \(method.handler)."
  }

  private func repeated(_ names: [String]) -> [String] {
    Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
  }
}

extension Google_Protobuf_MethodDescriptorProto {
  /// Which sides of the method stream.
  fileprivate var shape: MethodShape {
    MethodShape(clientStreaming: clientStreaming, serverStreaming: serverStreaming)
  }
}
