import CommandLineKit
import Glibc
import NIOCore
import NIOPosix

/// nginx with one worker and a file of 100 bytes.
struct StaticServer {
  /// Addresses of the file, by version of HTTP.
  let http1: String
  let http2: String
  private let process: BenchProcess

  static func start(_ nginx: String, folder: String) async throws -> StaticServer {
    let ports = (try freePort(), try freePort())
    let root = "\(folder)/www"
    guard mkdir(root, 0o755) == 0 || errno == EEXIST else {
      throw ProgramError.system("cannot create \(root)", code: errno)
    }
    try writeAtomically("\(root)/static.txt", String(repeating: "x", count: 100))
    let configuration = "\(folder)/nginx.conf"
    try writeAtomically(
      configuration,
      """
      daemon off;
      worker_processes 1;
      pid \(folder)/nginx.pid;
      error_log \(folder)/nginx.log;
      events { worker_connections 10000; }
      http {
        access_log off;
        open_file_cache max=10;
        keepalive_requests 1000000000;
        client_body_temp_path \(folder);
        proxy_temp_path \(folder);
        fastcgi_temp_path \(folder);
        uwsgi_temp_path \(folder);
        scgi_temp_path \(folder);
        server {
          listen 127.0.0.1:\(ports.0);
          listen 127.0.0.1:\(ports.1) http2;
          root \(root);
        }
      }

      """)
    let process = try await BenchProcess.start(
      nginx, ["-c", configuration, "-e", "\(folder)/nginx.log"])
    let server = StaticServer(
      http1: "http://127.0.0.1:\(ports.0)/static.txt",
      http2: "http://127.0.0.1:\(ports.1)/static.txt", process: process)
    do {
      for port in [ports.0, ports.1] { try await waitUntilItListens(port) }
    } catch {
      server.stop()
      throw error
    }
    return server
  }

  private static func waitUntilItListens(_ port: Int) async throws {
    let connect = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    for _ in 0..<500 {
      if let channel = try? await connect.connect(host: "127.0.0.1", port: port).get() {
        return try await channel.close()
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw ProgramError("nginx was not ready within 5 s; see its messages", status: .unreachable)
  }

  func stop() { process.stop() }
}
