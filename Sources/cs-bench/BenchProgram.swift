import ArgumentParser
import CommandLineKit

@main
struct BenchProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-bench",
    abstract: "Measures a node beside the ceilings of its transport and its store.",
    discussion: """
      EXAMPLES
        cs-bench                                  the whole comparison
        cs-bench --in-flight 1,64 --seconds 3     a shorter one
        cs-bench load -s 127.0.0.1:9000           against a node that runs
        cs-bench http                             JSON beside gRPC and beside nginx
        cs-bench entity                           what copies of shards cost
        cs-bench move                             pauses while shards move
        cs-bench store --data /mnt/disk/bench     the committer alone

      Build it with Scripts/build: figures of a debug build say nothing.
      """,
    version: programVersion,
    subcommands: [
      CompareCommand.self, LoadCommand.self, HTTPCommand.self, EntityCommand.self, MoveCommand.self,
      StoreCommand.self,
      SyncCommand.self, EchoServerCommand.self, InsideLoadCommand.self,
    ],
    defaultSubcommand: CompareCommand.self)

  static func main() async { await runProgram(BenchProgram.self) }
}
