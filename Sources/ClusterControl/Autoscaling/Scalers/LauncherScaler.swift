package import CloudstateModel
import FoundationEssentials
import NIOPosix

/// Scales by the `cs-up` that has started this coordinator; `Topologies/control-socket.md` describes what they say to
/// each other. `cs-up` drains nodes before it stops them.
package struct LauncherScaler: Scaler {
  /// The variable in which `cs-up` tells its processes the path of its control socket.
  package static let socketVariable = "CS_UP_SOCKET"

  /// For one request. `cs-up` answers at once.
  static let timeout: Duration = .seconds(5)
  /// The exit status of a request that has to wait for another one.
  private static let conflict = 7
  private static let notFound = 5

  private let service: ServiceName
  private let socket: String

  /// - Parameter socket: the absolute path of the control socket.
  package init(service: ServiceName, socket: String) {
    self.service = service
    self.socket = socket
  }

  package func observe() async throws(ScalerError) -> DeploymentScale {
    let answer = try await ask(Request(verb: "nodes", service: service.text))
    guard let nodes = answer.nodes else {
      throw ScalerError(.malformedAnswer, "cs-up tells no number of nodes: \(said(answer.message))")
    }
    return DeploymentScale(name: service.text, ready: answer.ready ?? 0, scale: nodes)
  }

  /// `cs-up` drains and stops the nodes with the highest numbers, whatever `leaving` says.
  package func request(_ scale: Int, leaving: [NodeID]) async throws(ScalerError) {
    _ = try await ask(
      Request(verb: "scale", service: service.text, nodes: scale, waits: false))
  }

  private func ask(_ request: Request) async throws(ScalerError) -> Answer {
    let socket = socket
    let line: [UInt8]
    do {
      let bytes = try JSONEncoder().encode(request) + [UInt8(ascii: "\n")]
      // A thread that may block: the exchange is bounded by its timeout.
      line = try await NIOThreadPool.singleton.runIfActive {
        try LocalExchange(path: socket).ask(Array(bytes), within: Self.timeout)
      }
    } catch {
      throw error as? ScalerError ?? ScalerError(.failed, "cannot ask cs-up: \(error)")
    }
    let answer: Answer
    do {
      answer = try JSONDecoder().decode(Answer.self, from: Data(line))
    } catch {
      throw ScalerError(
        .malformedAnswer,
        "cs-up's answer is not understood: \(said(String(decoding: line, as: UTF8.self)))")
    }
    guard !answer.ok else { return answer }
    let code: ScalerError.Code =
      switch answer.status {
      case Self.conflict: .conflict
      case Self.notFound: .notFound
      default: .failed
      }
    throw ScalerError(code, "cs-up does not scale \(service): \(said(answer.message))")
  }

  private struct Request: Encodable {
    var version = 1
    var verb: String
    var service: String
    var nodes: Int?
    var waits: Bool?
  }

  private struct Answer: Decodable {
    var ok: Bool
    var message: String
    var status: Int
    var nodes: Int?
    var ready: Int?
  }
}
