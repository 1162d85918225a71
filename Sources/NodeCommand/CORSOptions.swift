package import ArgumentParser
import CloudstateNode
import CommandLineKit

/// Which pages of other origins may use the node from a browser.
package struct CORSOptions: ParsableArguments {
  @Option(
    help:
      "Origins whose pages may use the node, SCHEME://HOST[:PORT] with commas between, or '*'; default: none."
  )
  package var corsOrigins: String?
  @Flag(help: "Let those pages send cookies and certificates; not with '*'.")
  package var corsCredentials = false
  @Option(help: "How long browsers may remember what a page may do.")
  package var corsMaxAge: Duration = .seconds(600)

  /// Long names, for `--config` files.
  static let options = ["cors-origins", "cors-max-age"]
  static let flags = ["cors-credentials"]

  package init() {}

  var configuration: CORSConfiguration {
    var configuration = CORSConfiguration()
    configuration.origins = (corsOrigins ?? "").split(separator: ",").map { origin in
      var text = origin.drop { $0.isWhitespace }
      while text.last?.isWhitespace == true { text.removeLast() }
      return String(text)
    }
    configuration.allowsCredentials = corsCredentials
    configuration.maximumAge = corsMaxAge
    return configuration
  }
}
