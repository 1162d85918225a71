import CommandLineKit

await runProgram(AdminCommand.self)
