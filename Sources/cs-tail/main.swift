import CommandLineKit

await runProgram(TailCommand.self)
