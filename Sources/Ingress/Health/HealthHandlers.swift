import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A call with one request and one answer. Loop-bound to its call.
final class HealthCheckHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let answer: (ByteBuffer) throws(GRPCStatus) -> ByteBuffer
  private var isOver = false

  init(
    call: any GRPCServerCall, answer: @escaping (ByteBuffer) throws(GRPCStatus) -> ByteBuffer
  ) {
    self.call = call
    self.answer = answer
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    isOver = true
    do throws(GRPCStatus) {
      call.send(try answer(message))
      call.finish(.ok)
    } catch {
      call.finish(error)
    }
  }

  func receiveEnd() {
    guard !isOver else { return }
    isOver = true
    call.finish(GRPCStatus(.invalidArgument, "the call carried no request message"))
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) { isOver = true }
}

/// One call of `Watch`. Loop-bound to its call.
final class HealthWatchHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let health: HealthService
  private let mayKnow: (String) -> Bool
  private var watch: HealthWatch
  /// What is watched, once it is known.
  private var service: String?
  /// Its number among the watchers.
  private var number: Int?
  private var isOver = false

  init(
    call: any GRPCServerCall, health: HealthService, mayKnow: @escaping (String) -> Bool
  ) {
    self.call = call
    self.mayKnow = mayKnow
    self.health = health
    watch = HealthWatch(isWritable: call.isWritable)
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    guard service == nil, let request = try? Grpc_Health_V1_HealthCheckRequest(decoding: message)
    else {
      return finish(GRPCStatus(.invalidArgument, "Watch takes one HealthCheckRequest"))
    }
    service = request.service
    do throws(GRPCStatus) {
      number = try health.add(self, of: call)
      refresh()
    } catch {
      finish(error)
    }
  }

  func receiveEnd() {
    guard service == nil else { return }
    finish(GRPCStatus(.invalidArgument, "the call carried no request message"))
  }

  func writabilityChanged(_ isWritable: Bool) { send(watch.writabilityChanged(isWritable)) }

  func cancelled(_ status: GRPCStatus) { release() }

  /// Tells the client if there is something new.
  func refresh() {
    guard !isOver, let service else { return }
    send(watch.changed(to: health.status(of: service, mayKnow) ?? .serviceUnknown))
  }

  /// The node stops: the last state, then the end.
  func stop() {
    refresh()
    finish(HealthService.stopping)
  }

  private func send(_ status: HealthWatch.Status?) {
    guard !isOver, let status else { return }
    call.send(Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }.encoded)
  }

  private func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    release()
    call.finish(status)
  }

  private func release() {
    isOver = true
    if let number { health.remove(number) }
    number = nil
  }
}
