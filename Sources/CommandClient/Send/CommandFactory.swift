package import CloudstateModel
package import CommandLineKit
package import DynamicProtobuf
package import GRPCTransport
package import NIOCore

/// Makes commands out of JSON bodies: fills in the template, encodes, gives each its key. May be called
/// from any thread.
package struct CommandFactory: Sendable {
  /// How commands come by their idempotency keys.
  package enum Keys: Hashable, Sendable {
    case none
    /// The same key for every command; for single commands.
    case fixed(CommandTemplate)
    /// A fresh random key for each command.
    case automatic
  }

  private let method: MethodCatalog.Entry
  private let pool: DescriptorPool
  private let body: CommandTemplate
  private let headers: GRPCMetadata
  private let keys: Keys
  private let wallClock: @Sendable () -> Timestamp
  /// The request when it is the same for all commands.
  private let constant: (json: String, payload: ByteBuffer)?

  /// - Parameters:
  ///   - body: what every command made by ``command(number:using:)`` carries.
  /// - Throws: ``ProgramError`` with status `usage` when the body is the same for all commands and is
  ///   not a request of the method.
  package init(
    method: MethodCatalog.Entry, pool: DescriptorPool, body: CommandTemplate,
    headers: GRPCMetadata, keys: Keys, wallClock: @escaping @Sendable () -> Timestamp
  ) throws(ProgramError) {
    self.method = method
    self.pool = pool
    self.body = body
    self.headers = headers
    self.keys = keys
    self.wallClock = wallClock
    if let json = body.constant {
      constant = (json, try Self.encode(json, method, pool))
    } else {
      constant = nil
    }
  }

  /// Makes the command with this number, from 1.
  ///
  /// - Throws: ``ProgramError`` with status `usage` when the filled-in body is not a request.
  package func command(
    number: Int, using random: inout some RandomNumberGenerator
  ) throws(ProgramError) -> PreparedCommand {
    if let constant {
      return prepared(constant.json, constant.payload, number: number, using: &random)
    }
    let json = body.render(count: number, time: wallClock(), using: &random)
    return prepared(json, try Self.encode(json, method, pool), number: number, using: &random)
  }

  /// Makes a command with a body of its own.
  ///
  /// - Throws: ``ProgramError`` with status `usage` when the body is not a request.
  package func command(
    number: Int, body: CommandTemplate, using random: inout some RandomNumberGenerator
  ) throws(ProgramError) -> PreparedCommand {
    let json = body.render(count: number, time: wallClock(), using: &random)
    return prepared(json, try Self.encode(json, method, pool), number: number, using: &random)
  }

  /// The reply of the method as JSON; a reply that its descriptors cannot print becomes a sentence.
  package func replyJSON(_ reply: ByteBuffer) -> String {
    do {
      return try pool.json(
        fromBinary: Array(reply.readableBytesView), message: method.outputType,
        printDefaults: true)
    } catch {
      return JSONText.string("the reply cannot be shown: \(error)").compact
    }
  }

  private func prepared(
    _ json: String, _ payload: ByteBuffer, number: Int,
    using random: inout some RandomNumberGenerator
  ) -> PreparedCommand {
    let key: String? =
      switch keys {
      case .none: nil
      case .fixed(let template): template.render(count: number, time: wallClock(), using: &random)
      case .automatic: randomUUID(using: &random)
      }
    return PreparedCommand(
      path: method.path, payload: payload, json: json, headers: headers, idempotencyKey: key)
  }

  private static func encode(
    _ json: String, _ method: MethodCatalog.Entry, _ pool: DescriptorPool
  ) throws(ProgramError) -> ByteBuffer {
    do {
      return ByteBuffer(bytes: try pool.binary(fromJSON: json, message: method.inputType))
    } catch {
      throw ProgramError(
        "the body is not a \(method.inputType): \(error)", status: .usage)
    }
  }
}
