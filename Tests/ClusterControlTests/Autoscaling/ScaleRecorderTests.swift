import CloudstateModel
import Foundation
import TestSupport
import Testing

@testable import ClusterControl

@Suite struct ScaleRecorderTests {
  @Test("Old recordings make room, and decisions of earlier processes are found")
  func files() throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/autoscaler"
    let autoscaler = Autoscaler(service: try service(), settings: AutoscalerSettings())
    var decisions: [ScaleDecision] = []
    for number in 0..<12 {
      let recorder = ScaleRecorder(folder: path, service: try service())
      let decision = decision(number, autoscaler.service)
      decisions.append(decision)
      try recorder.write([.start(autoscaler)], beginsAt: 1000 + Int64(number))
      try recorder.write([.decision(decision)], beginsAt: nil)
    }
    // Of another service, and nothing of ours.
    let other = ScaleRecorder(folder: path, service: try service("cart-2"))
    try other.write([.start(autoscaler)], beginsAt: 5)
    try "{".write(toFile: "\(path)/cart-x.jsonl", atomically: true, encoding: .utf8)
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    #expect(names.count == ScaleRecorder.retainedFiles + 2, "\(names)")
    #expect(names.contains("cart-0000000001011.jsonl"))
    #expect(!names.contains("cart-0000000001000.jsonl"))
    let found = ScaleRecorder(folder: path, service: try service()).decisions(limit: 5)
    #expect(found == decisions.suffix(5))
  }

  @Test("A recording begins anew after a write that failed, and where too much waits")
  func desk() throws {
    let cart = try service()
    let recorder = ScaleRecorder(folder: "/dev/null/none", service: cart)
    let start = AutoscalerRecord.start(
      Autoscaler(service: cart, settings: AutoscalerSettings()))
    var desk = ScalingDesk(scaler: ObservingScaler { 1 }, recorder: recorder)
    let first = desk.nextWrite(start: start)
    #expect(first?.begins == true && first?.records == [start])
    #expect(throws: ClusterError.self) { () throws in try recorder.write([start], beginsAt: 1) }
    var next = desk.nextWrite(start: start)
    #expect(next == nil, "one at a time")
    desk.wrote(false)
    next = desk.nextWrite(start: start)
    #expect(next?.begins == true)
    desk.wrote(true)
    next = desk.nextWrite(start: start)
    #expect(next == nil)
    let record = AutoscalerRecord.decision(decision(1, cart))
    desk.record([record])
    next = desk.nextWrite(start: start)
    #expect(next?.begins == false && next?.records == [record])
    desk.record(Array(repeating: record, count: 30_000))
    desk.wrote(true)
    next = desk.nextWrite(start: start)
    #expect(next?.begins == true)
  }

  private func decision(_ number: Int, _ service: ServiceName) -> ScaleDecision {
    ScaleDecision(
      service: service, uptimeMilliseconds: Int64(number), wallMilliseconds: Int64(number),
      action: .scaleUp, members: 1, wanted: 2, reason: "\(number)",
      summary: LoadSummary(
        members: 1, settledMembers: 1, samples: 1, requestConcurrency: 0, functionConcurrency: 0,
        storeConcurrency: 0, requestRatePerNode: 0),
      observation: ScaleObservation(members: [], deployment: nil), before: .stable, after: .stable)
  }
}
