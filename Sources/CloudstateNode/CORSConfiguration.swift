package import Ingress

/// Which pages of other origins may use a node from a browser.
package struct CORSConfiguration: Hashable, Sendable {
  /// `SCHEME://HOST` or `SCHEME://HOST:PORT`, or one `*` for all; none, the default, leaves it to browsers to
  /// refuse all.
  package var origins: [String] = []
  /// Whether the pages may send cookies and certificates of the browser. Not with `*`: then every page in the
  /// world could act for who looks at it.
  package var allowsCredentials = false
  /// How long a browser may remember an answer about a page. Default 10 min; browsers have limits of their own.
  package var maximumAge: Duration = .seconds(600)

  package init() {}

  /// - Returns: `nil` where no origin is allowed.
  /// - Throws: ``NodeError`` naming each setting that is wrong.
  package func policy() throws(NodeError) -> CORSPolicy? {
    var problems: [String] = []
    var listed: Set<WebOrigin> = []
    let isAny = origins == ["*"]
    if origins.count > 1, origins.contains("*") {
      problems.append("cors-origins is '*' alone or a list of origins, not both")
    }
    for origin in origins where origin != "*" {
      do throws(WebOrigin.Problem) {
        listed.insert(try WebOrigin(setting: origin))
      } catch {
        problems.append("cors-origins: \(error.message)")
      }
    }
    if allowsCredentials, isAny {
      problems.append(
        "cors-credentials does not go with cors-origins '*': list the origins that may act for users"
      )
    } else if allowsCredentials, origins.isEmpty {
      problems.append("cors-credentials says nothing without cors-origins")
    }
    if !(.zero ... .seconds(86_400)).contains(maximumAge) {
      problems.append("cors-max-age must be from 0s to 24h")
    }
    guard problems.isEmpty else {
      throw NodeError(.configuration, problems.joined(separator: "; "))
    }
    guard !origins.isEmpty else { return nil }
    return CORSPolicy(
      origins: isAny ? .any : .listed(listed), allowsCredentials: allowsCredentials,
      maximumAge: Int(maximumAge.components.seconds))
  }
}
