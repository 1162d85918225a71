import CZeroMQ

/// A socket and the monitor that reports its connections.
///
/// The two end together, and monitoring ends before either: libzmq's I/O thread waits until the monitor has taken an
/// event. If nobody is there any more to take it, it waits for ever, and with it every socket of the context.
package struct MonitoredSocket: ~Copyable {
  package let socket: Socket
  package let monitor: SocketMonitor

  /// Opens a socket that belongs to the calling thread, sets `options`, and starts to monitor.
  package init(
    _ kind: Socket.Kind, _ options: [Socket.Option] = [], in context: Context
  ) throws(ZeroMQError) {
    let socket = try Socket(kind, in: context)
    try socket.set(options)
    let monitor = try SocketMonitor(socket, in: context)
    self.socket = socket
    self.monitor = monitor
  }

  deinit { SocketMonitor.stop(socket) }

  /// Has a poller wait for messages and for events.
  package func join(_ poller: SocketPoller) throws(ZeroMQError) {
    try poller.add(socket)
    try monitor.join(poller)
  }
}
