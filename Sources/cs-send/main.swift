import CommandLineKit

await runProgram(SendCommand.self)
