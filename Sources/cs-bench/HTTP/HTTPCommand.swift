import ArgumentParser
import CommandLineKit
import Glibc

/// The front door: JSON beside gRPC on the same node, and beside nginx with a static answer, all by the same
/// load generator in one run.
struct HTTPCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http",
    abstract: "Measures JSON beside gRPC and beside nginx with a static answer.",
    discussion: """
      EXAMPLES
        cs-bench http                                   one and 64 requests in flight
        cs-bench http --in-flight 64 --seconds 3 -o json

      Loads with h2load and compares with nginx: apt-get install nghttp2-client nginx-light. Each server has
      one thread for connections; the requests ask a model action for an answer of 100 bytes.
      """)

  @OptionGroup var options: MeasureOptions
  @Option(help: "Folder for nginx and the nodes; a temporary one here when left out.")
  var data: String?

  func run() async throws {
    let load = try LoadGenerator(program: findProgram("h2load", package: "nghttp2-client"))
    let nginx = try findProgram("nginx", package: "nginx-light")
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    // nginx and h2load take paths from other folders than this one.
    let path = try absolutePath(folder.path)
    let report = BenchReport(output: options.output)

    let web = try await StaticServer.start(nginx, folder: path)
    defer { web.stop() }
    let beside = try await NodeProcesses.start(
      .unaryAction, .ownProcess, folder: path, loops: 1)
    defer { beside.stop() }
    let inside = try await NodeProcesses.start(.unaryAction, .embedded, folder: path, loops: 1)
    defer { inside.stop() }

    let targets = try FrontDoorTarget.all(
      nginx: web, beside: beside.address, inside: inside.address, folder: path)
    for inFlight in options.inFlight.values {
      for target in targets {
        report.add(
          try await load.run(
            target, inFlight: inFlight, seconds: options.seconds, folder: path))
      }
    }
  }

  private func findProgram(_ name: String, package: String) throws -> String {
    for folder in ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
    where access("\(folder)/\(name)", X_OK) == 0 {
      return "\(folder)/\(name)"
    }
    throw ProgramError("\(name) is not installed", hint: "apt-get install \(package)")
  }

  private func absolutePath(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else {
      throw ProgramError.system("cannot use \(path)", code: errno)
    }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
