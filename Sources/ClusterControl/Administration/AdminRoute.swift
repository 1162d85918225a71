import CloudstateModel

/// What an operator asks of a coordinator over HTTP.
enum AdminRoute: Hashable {
  case status
  case nodes
  case shards
  case plan
  case history(HistoryQuery)
  case dryRun
  case scale
  case scaleHistory(limit: Int)
  case change(OperatorRequest)

  /// Why a request is none.
  struct Refusal: Error, Hashable {
    var status: Int
    var message: String
  }

  /// Entries that a history shows unless another number is asked for, and at most.
  static let defaultHistory = 20
  static let maximumHistory = 1000

  /// Which plans and rebalances a history is to have.
  struct HistoryQuery: Hashable {
    /// Plans at most.
    var limit: Int
    /// Only plans with lower numbers, and no rebalances: those came with the newest plans.
    var before: UInt64?
  }

  /// - Parameter target: the request target: a path, and a query or none.
  init(method: String, target: String) throws(Refusal) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = parts.first?.split(separator: "/").map(String.init) ?? []
    let query = Self.query(parts.count > 1 ? parts[1] : "")
    let (route, needed) = try Self.route(path, query)
    // HEAD is answered as GET, without the content.
    guard method == needed || (method == "HEAD" && needed == "GET") else {
      throw Refusal(
        status: 405, message: "/\(path.joined(separator: "/")) takes \(needed), not \(method)")
    }
    self = route
  }

  private static func route(
    _ path: [String], _ query: [String: String]
  ) throws(Refusal) -> (AdminRoute, method: String) {
    switch path.first {
    case "status" where path.count == 1: return (.status, "GET")
    case "nodes" where path.count == 1: return (.nodes, "GET")
    case "shards" where path.count == 1: return (.shards, "GET")
    case "plan" where path.count == 1: return (.plan, "GET")
    case "plan" where path.count == 2: return try planRoute(path[1], query)
    case "plan" where path.count == 3 && path[1] == "approve":
      return (.change(.approve(try rebalance(path[2]))), "POST")
    case "plan" where path.count == 3 && path[1] == "abort":
      return (.change(.abort(try rebalance(path[2]))), "POST")
    case "scale" where path.count == 1: return (.scale, "GET")
    case "scale" where path == ["scale", "history"]:
      return (.scaleHistory(limit: try limit(query)), "GET")
    case "drain" where path.count == 2:
      return (.change(.drain(try node(path[1]), force: query["force"] == "true")), "POST")
    case "undrain" where path.count == 2: return (.change(.undrain(try node(path[1]))), "POST")
    case "shards" where path.count == 4 && path[3] == "accept-loss":
      guard let service = ServiceName(path[1]), let index = UInt32(path[2]) else {
        throw Refusal(
          status: 400,
          message: "\(quoted("\(path[1])/\(path[2])")) is no shard, such as cart/3")
      }
      var lost: Set<NodeID> = []
      for name in (query["lost"] ?? "").split(separator: ",") {
        lost.insert(try node(String(name)))
      }
      return (
        .change(
          .acceptLoss(
            ShardID(service: service, index: index), allowsEmpty: query["empty"] == "true",
            lost: lost)),
        "POST"
      )
    default:
      throw Refusal(
        status: 404,
        message:
          "there is /status, /nodes, /shards, /plan, /plan/history, /plan/dry-run, /scale and "
          + "/scale/history to read; "
          + "/plan/approve/NUMBER, /plan/abort/NUMBER, /plan/rebalance, /drain/NODE, /undrain/NODE and /shards/SERVICE/INDEX/accept-loss to "
          + "change")
    }
  }

  private static func planRoute(
    _ name: String, _ query: [String: String]
  ) throws(Refusal) -> (AdminRoute, method: String) {
    switch name {
    case "history":
      return (.history(HistoryQuery(limit: try limit(query), before: try before(query))), "GET")
    case "dry-run": return (.dryRun, "GET")
    case "approve": return (.change(.approve()), "POST")
    case "abort": return (.change(.abort()), "POST")
    case "rebalance": return (.change(.rebalance), "POST")
    default:
      throw Refusal(
        status: 404,
        message: "a plan has history, dry-run, approve, abort and rebalance, not \(quoted(name))")
    }
  }

  private static func limit(_ query: [String: String]) throws(Refusal) -> Int {
    let text = query["limit"] ?? String(defaultHistory)
    guard let limit = Int(text), (1...maximumHistory).contains(limit) else {
      throw Refusal(
        status: 400, message: "limit must be 1 to \(maximumHistory), not \(quoted(text))")
    }
    return limit
  }

  private static func before(_ query: [String: String]) throws(Refusal) -> UInt64? {
    guard let text = query["before"] else { return nil }
    guard let number = UInt64(text), number > 0 else {
      throw Refusal(status: 400, message: "before must be a plan's number, not \(quoted(text))")
    }
    return number
  }

  private static func rebalance(_ text: String) throws(Refusal) -> UInt64 {
    guard let number = UInt64(text), number > 0 else {
      throw Refusal(status: 400, message: "\(quoted(text)) is no number of a rebalance")
    }
    return number
  }

  private static func node(_ text: String) throws(Refusal) -> NodeID {
    guard let node = NodeID(text) else {
      throw Refusal(status: 400, message: "\(quoted(text)) is no legal node name")
    }
    return node
  }

  private static func query(_ text: Substring) -> [String: String] {
    var values: [String: String] = [:]
    for pair in text.split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      values[String(sides[0])] = sides.count > 1 ? String(sides[1]) : ""
    }
    return values
  }
}
