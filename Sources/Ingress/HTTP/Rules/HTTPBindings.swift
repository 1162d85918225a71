package import DynamicProtobuf

/// All ways to call the methods of a user function over HTTP. Immutable; any thread.
package struct HTTPBindings: Sendable {
  /// What there is for a request.
  enum Found {
    /// A method, and where the text of each path variable lies.
    case binding(HTTPBinding, captures: [Range<Int>])
    /// The path is served with these verbs only, sorted.
    case wrongVerb(allowed: [String])
    case nothing
  }

  /// The last one declared comes first (proxy behaviour, section 12.1).
  let all: [HTTPBinding]
  /// The types of their requests and replies.
  let pool: DescriptorPool

  /// Reads the HTTP rules of services.
  ///
  /// - Parameter services: full names, in the order of their declaration; unknown ones are passed over.
  package init(pool: DescriptorPool, services: [String]) throws(HTTPRuleError) {
    let reader = HTTPRuleReader(pool: pool)
    var bindings: [HTTPBinding] = []
    for service in services {
      guard let service = pool.service(named: service) else { continue }
      for method in service.methods { bindings += try reader.bindings(of: method, in: service) }
    }
    all = bindings.reversed()
    self.pool = pool
  }

  /// The first binding for a verb and a path as it was sent. HEAD goes where GET would
  /// (RFC 9110, 9.3.2).
  func find(verb: String, path: [UInt8]) -> Found {
    var allowed: Set<String> = []
    for binding in all {
      guard let captures = binding.template.match(path) else { continue }
      guard let own = binding.verb, own != verb, own != "GET" || verb != "HEAD" else {
        return .binding(binding, captures: captures)
      }
      allowed.insert(own)
      if own == "GET" { allowed.insert("HEAD") }
    }
    return allowed.isEmpty ? .nothing : .wrongVerb(allowed: allowed.sorted())
  }

  /// How to call a method, in words, for somebody who tried the path of one that has rules of its own.
  func hint(forMethodPath path: String) -> String? {
    let ways = all.filter { $0.methodPath == path }.reversed()
      .map { "\($0.verb ?? "any verb at") \($0.template.text)" }
    return ways.isEmpty ? nil : ways.joined(separator: ", ")
  }
}
