import CommandLineKit

// Everything happens on the main thread: it starts the children, which end when it does.
runSynchronousProgram(UpCommand.self)
