import Testing

/// The tests that use sockets, one after another: they measure time and memory, and unoptimised
/// HTTP/2 is slow enough that many at once would make them wait for each other.
@Suite(.serialized) struct SocketTests {}
