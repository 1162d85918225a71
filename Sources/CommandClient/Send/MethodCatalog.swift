import CloudstateModel
package import CommandLineKit
package import DynamicProtobuf
import SettingsReading

/// The methods a node serves, and what people call them.
package struct MethodCatalog: Sendable {
  /// One method.
  package struct Entry: Hashable, Sendable {
    /// With package.
    package var service: String
    package var method: String
    package var inputType: String
    package var outputType: String
    package var isStreaming: Bool

    package init(
      service: String, method: String, inputType: String, outputType: String, isStreaming: Bool
    ) {
      self.service = service
      self.method = method
      self.inputType = inputType
      self.outputType = outputType
      self.isStreaming = isStreaming
    }

    /// The path of a gRPC call.
    package var path: String { "/\(service)/\(method)" }
    /// The last component of the service's name, then the method: what most people type.
    package var shortName: String { "\(Self.lastComponent(service))/\(method)" }

    static func lastComponent(_ name: String) -> String {
      String(name.split(separator: ".").last ?? "")
    }
  }

  private let entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  /// All methods of the services of a pool, except those of reflection itself.
  package init(_ pool: DescriptorPool, services: [String]) {
    entries = services.compactMap { pool.service(named: $0) }.flatMap { service in
      service.methods.map { method in
        Entry(
          service: service.fullName, method: method.name, inputType: method.inputType,
          outputType: method.outputType,
          isStreaming: method.isClientStreaming || method.isServerStreaming)
      }
    }
  }

  /// The target of a command as it was typed.
  package enum Target: Hashable, Sendable {
    /// `SERVICE/METHOD`, where the service may lack its package or leading components of it.
    case method(service: String, method: String)
    /// `cs.cmd.<service>.<Method>`, where the service is that of the topology.
    case subject(service: String, method: String)

    /// Reads a target.
    ///
    /// - Throws: ``ProgramError`` with status `usage` for a text of neither form.
    package init(_ text: String) throws(ProgramError) {
      if text.hasPrefix("cs.cmd.") {
        let tokens = text.split(separator: ".", omittingEmptySubsequences: false)
        guard tokens.count == 4, let service = SubjectToken.unescape(tokens[2]),
          let method = SubjectToken.unescape(tokens[3])
        else {
          throw ProgramError(
            "'\(text)' is not a command subject", hint: "cs.cmd.SERVICE.METHOD", status: .usage)
        }
        self = .subject(service: service, method: method)
        return
      }
      let trimmed = text.hasPrefix("/") ? text.dropFirst() : text[...]
      let parts = trimmed.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ProgramError(
          "'\(text)' does not name a method",
          hint: "SERVICE/METHOD, for example ShoppingCart/AddItem", status: .usage)
      }
      self = .method(service: String(parts[0]), method: String(parts[1]))
    }
  }

  /// The method that a target means.
  ///
  /// - Throws: ``ProgramError`` with status `notFound` and the nearest name, or with status `usage`
  ///   when several methods fit or the method is a stream.
  package func resolve(_ target: Target) throws(ProgramError) -> Entry {
    let entry =
      switch target {
      case .method(let service, let method): try resolve(service: service, method: method)
      case .subject(_, let method): try resolve(method: method)
      }
    guard !entry.isStreaming else {
      throw ProgramError(
        "\(entry.shortName) is a stream; cs-send sends commands with one answer", status: .usage)
    }
    return entry
  }

  private func resolve(service: String, method: String) throws(ProgramError) -> Entry {
    let names = Set(entries.map(\.service))
    let fitting =
      names.contains(service)
      ? [service] : names.filter { $0.hasSuffix(".\(service)") }.sorted()
    guard let name = fitting.first else {
      throw ProgramError(
        "there is no service '\(service)'; the node serves \(Self.list(names))",
        hint: suggestion(for: "\(service)/\(method)"), status: .notFound)
    }
    guard fitting.count == 1 else {
      throw ProgramError(
        "'\(service)' is ambiguous: \(fitting.joined(separator: ", "))",
        hint: "\(name)/\(method)", status: .usage)
    }
    let methods = entries.filter { $0.service == name }
    if let entry = methods.first(where: { $0.method == method }) { return entry }
    throw ProgramError(
      "\(name) has no method '\(method)'; it has \(Self.list(methods.map(\.method)))",
      hint: nearest(to: method, among: methods.map(\.method)).map { "\(service)/\($0)" },
      status: .notFound)
  }

  private func resolve(method: String) throws(ProgramError) -> Entry {
    let fitting = entries.filter { $0.method == method }
    guard let entry = fitting.first else {
      throw ProgramError(
        "there is no method '\(method)'; the node serves \(Self.list(entries.map(\.shortName)))",
        hint: nearest(to: method, among: entries.map(\.method)), status: .notFound)
    }
    guard fitting.count == 1 else {
      throw ProgramError(
        "'\(method)' is ambiguous: \(Self.list(fitting.map(\.shortName)))",
        hint: entry.shortName, status: .usage)
    }
    return entry
  }

  private func suggestion(for typed: String) -> String? {
    let names = entries.map(\.shortName) + entries.map { "\($0.service)/\($0.method)" }
    if let near = nearest(to: typed, among: names) { return near }
    let method = typed.split(separator: "/").last.map(String.init) ?? typed
    return entries.first { $0.method == method }?.shortName
  }

  private static func list(_ names: some Sequence<String>) -> String {
    let sorted = names.sorted()
    return sorted.isEmpty ? "nothing" : sorted.joined(separator: ", ")
  }
}
