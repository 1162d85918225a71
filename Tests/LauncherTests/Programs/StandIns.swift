import CommandLineKit
import Glibc
import TestSupport

/// Small programs in place of coordinator, node and user function, and a topology that uses them.
///
/// Each writes what happens to it into a journal: `start NAME`, `stop NAME`. Files in the control folder
/// change what it does: `NAME.crash` (exit at once), `NAME.silent` (never ready), `NAME.deaf` (ignore
/// SIGTERM).
///
/// The coordinator answers on its admin address: a node has three shards until it is told to drain and
/// the file `NAME.moved` is there; `drain.refused` makes it refuse, and `undrain.silent` take no drain back; what it is told
/// is in the journal.
struct StandIns {
  let folder: TemporaryDirectory
  var path: String { folder.path }
  var topology: String { "\(path)/shop.yaml" }
  var data: String { "\(path)/data" }

  /// - Parameter yaml: the part of the topology after `name` and `data`.
  init(_ yaml: String = StandIns.oneService) throws {
    folder = try TemporaryDirectory()
    try writeAtomically("\(folder.path)/shop.yaml", "version: 1\nname: shop\ndata: data\n\(yaml)\n")
    for program in ["cs-coordinator", "cs-node", "function"] {
      let path = "\(folder.path)/\(program)"
      try writeAtomically(path, Self.program)
      guard chmod(path, 0o755) == 0 else { throw TestSetupError(what: "chmod", code: errno) }
    }
  }

  static let oneService = """
    services:
      - name: cart
        function: {command: ["${bin}/function"]}
    """

  func control(_ file: String) throws { try writeAtomically("\(path)/\(file)", "") }
  func release(_ file: String) { unlink("\(path)/\(file)") }

  /// The lines of the journal so far.
  var journal: [String] {
    let text = (try? readFile("\(path)/journal")) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private static let program = #"""
    #!/usr/bin/python3 -SE
    import json, os, signal, socket, sys, threading
    from http.server import BaseHTTPRequestHandler, HTTPServer
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.basename(__file__)
    def option(name):
        return sys.argv[sys.argv.index(name) + 1]
    name = {"cs-coordinator": "coordinator", "function": "function"}.get(program)
    if name is None:
        name = option("--node-id")
    def journal(text):
        file = os.open(here + "/journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(file, (text + " " + name + "\n").encode())
        os.close(file)
    def has(flag):
        return os.path.exists(here + "/" + name + "." + flag)
    def stop(*_):
        journal("stop")
        os._exit(0)
    drained = []
    draining = set()
    class Admin(BaseHTTPRequestHandler):
        def answer(self, status, text):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())
        def do_GET(self):
            nodes = [{"node": node, "primaries": 0, "replicas": 0} if os.path.exists(here + "/" + node + ".moved")
                     else {"node": node, "primaries": 2, "replicas": 1} for node in drained]
            for node in nodes:
                node["draining"] = node["node"] in draining
            self.answer(200, json.dumps({"nodes": nodes, "more": [1]}))
        def do_POST(self):
            _, verb, node = self.path.split("/")
            journal(verb + " " + node + " at")
            if verb == "undrain" and os.path.exists(here + "/undrain.silent"):
                return self.answer(503, '{"error": "the disk is busy"}')
            if os.path.exists(here + "/drain.refused"):
                return self.answer(409, '{"error": "no room elsewhere"}')
            drained.append(node)
            draining.add(node) if verb == "drain" else draining.discard(node)
            self.answer(202, "")
        def log_message(self, *_):
            pass
    if name == "coordinator":
        host, port = option("--admin").split(":")
        server = HTTPServer((host, int(port)), Admin)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if has("deaf") else stop)
    journal("start")
    print("hello from " + name, flush=True)
    if has("crash"):
        print("cannot go on", flush=True)
        sys.exit(3)
    if not has("silent"):
        if program == "function":
            if "CLOUDSTATE_SOCKET" in os.environ:
                listener = socket.socket(socket.AF_UNIX)
                listener.bind(os.environ["CLOUDSTATE_SOCKET"])
            else:
                listener = socket.socket()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((os.environ["HOST"], int(os.environ["PORT"])))
            listener.listen(8)
        else:
            ready = option("--ready-file")
            with open(ready + ".tmp", "w") as file:
                file.write("{}")
            os.rename(ready + ".tmp", ready)
    while True:
        signal.pause()

    """#
}
