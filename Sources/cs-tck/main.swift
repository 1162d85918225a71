import CommandLineKit

await runProgram(TCKCommand.self)
