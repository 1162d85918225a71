import DynamicProtobuf

/// Reads the methods of an entity's service, with the keys of their requests.
struct EntityMethodReader {
  private static let typeURLPrefix = "type.googleapis.com/"

  let pool: DescriptorPool
  let kind: EntityKind

  /// The service's methods by name.
  ///
  /// - Throws: rows 10, 11, 13, 14 and 16 to 18 of proxy behaviour, section 3, or that a key field has an illegal type.
  func methods(
    of service: ServiceDescriptor
  ) throws(DiscoveryError) -> [String: ServedMethod] {
    var methods: [String: ServedMethod] = [:]
    var keyless: [String] = []
    for method in service.methods {
      let keys = kind.needsKey ? keyFields(of: method.inputType) : []
      if kind.needsKey, keys.isEmpty { keyless.append(method.name) }
      methods[method.name] = ServedMethod(
        name: method.name, path: "/\(service.fullName)/\(method.name)",
        inputTypeURL: Self.typeURLPrefix + method.inputType,
        outputTypeURL: Self.typeURLPrefix + method.outputType,
        keyExtractor: keys.isEmpty ? nil : try extractor(keys, method, service),
        keyFieldNumbers: keys, isClientStreaming: method.isClientStreaming,
        isServerStreaming: method.isServerStreaming,
        subscription: try EventingReader.subscription(of: method, in: service))
    }
    guard keyless.isEmpty else {
      throw DiscoveryError(
        "\(kind.plural) do not support methods whose parameters do not have at least one field "
          + "marked as entity_key, but \(service.fullName) has the following methods without keys: "
          + keyless.joined(separator: ","))
    }
    return methods
  }

  /// The numbers of the options that mark the key fields of the service's requests.
  func keyOptions(of service: ServiceDescriptor) -> Set<Int32> {
    var options: Set<Int32> = []
    for method in service.methods {
      for field in pool.message(named: method.inputType)?.fields ?? [] {
        options.formUnion(EntityKeyOption.all.filter { field.boolOption($0) == true })
      }
    }
    return options
  }

  private func keyFields(of message: String) -> [Int32] {
    let fields = pool.message(named: message)?.fields ?? []
    return fields.filter { field in
      EntityKeyOption.all.contains { field.boolOption($0) == true }
    }.map(\.number)
  }

  private func extractor(
    _ keys: [Int32], _ method: MethodDescriptor, _ service: ServiceDescriptor
  ) throws(DiscoveryError) -> EntityKeyExtractor {
    do throws(DescriptorError) {
      return try pool.keyExtractor(message: method.inputType, fieldNumbers: keys)
    } catch {
      throw DiscoveryError(
        "Method [\(method.name)] of service [\(service.fullName)] has an unusable entity_key: "
          + error.message)
    }
  }
}
