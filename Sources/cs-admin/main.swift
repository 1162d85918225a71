import CommandLineKit

// The command line is not parsed yet, and may be wrong: then the first word tells.
let isStatus = CommandLine.arguments.dropFirst().first == StatusCommand.name
await runProgram(
  AdminCommand.self,
  usageCode: isStatus ? StatusCommand.unknownCode : ExitStatus.usage.rawValue)
