import ClusterSimulation
import CommandLineKit

/// What cs-sim tells: results and steps on standard output, progress on standard error.
struct Output: Sendable {
  let format: OutputFormat
  let console: Console

  // MARK: One seed

  func step(_ step: Trace.Step) throws {
    switch format {
    case .text: try console.output(step.line)
    case .json, .jsonl: try console.output(Self.json(step).compact)
    }
  }

  /// Tells a result, with the steps that led to it if a promise was broken.
  func result(_ result: Simulation.Result, steps: [Trace.Step], profile: Profile) throws {
    let isBroken = !result.violations.isEmpty
    switch format {
    case .text:
      if isBroken { for step in steps { try console.output(step.line) } }
      for violation in result.violations { try console.output("seed \(result.seed): \(violation)") }
      if isBroken {
        console.hint(
          "cs-sim --seed \(result.seed) --profile \(profile.rawValue) --coordination "
            + "\(result.coordination.rawValue) --trace")
      } else {
        try console.output(
          "seed \(result.seed): all promises kept over \(result.time / 1_000_000_000) s: "
            + "\(result.acknowledged) commands answered, \(result.failed) refused, "
            + "\(result.unknown) unknown; \(result.plans) plans, "
            + (result.coordination == .elected ? "\(result.terms) terms, " : "")
            + "\(result.steps) steps, digest "
            + String(result.digest, radix: 16))
      }
    case .json, .jsonl:
      try console.output(
        JSONText.object([
          ("seed", .unsigned(result.seed)), ("profile", .string(profile.rawValue)),
          ("coordination", .string(result.coordination.rawValue)),
          (
            "violations",
            .array(
              result.violations.map {
                .object([("property", .string($0.property.rawValue)), ("text", .string($0.text))])
              })
          ),
          ("virtualSeconds", .number(Double(result.time) / 1e9)),
          ("acknowledged", .integer(Int64(result.acknowledged))),
          ("failed", .integer(Int64(result.failed))),
          ("unknown", .integer(Int64(result.unknown))), ("plans", .unsigned(result.plans)),
          ("terms", .integer(Int64(result.terms))),
          ("steps", .integer(Int64(result.steps))),
          ("digest", .string(String(result.digest, radix: 16))),
          ("trace", .array(isBroken ? steps.map(Self.json) : [])),
        ]).compact)
    }
  }

  private static func json(_ step: Trace.Step) -> JSONText {
    .object([
      ("time", .string(step.seconds)), ("actor", .string(step.actor)), ("step", .string(step.text)),
    ])
  }

  // MARK: Many seeds

  func progress(_ summary: Campaign.Summary) {
    var line = "\(summary.seeds) seeds, \(Int(summary.seedsPerMinute)) per minute"
    if !summary.failures.isEmpty {
      let seeds = summary.failures.suffix(10).map { String($0.seed) }.joined(separator: ", ")
      line += ", \(summary.failures.count) broken: \(seeds)"
    }
    console.info(line)
  }

  func summary(_ summary: Campaign.Summary) throws {
    let failing = summary.failures.map { String($0.seed) }
    switch format {
    case .text:
      let hours = Double(summary.time) / 3.6e12
      try console.output(
        "\(summary.seeds) seeds, \(summary.failures.count) broken; \((hours * 10).rounded() / 10) h of "
          + "virtual time, \(summary.acknowledged) commands answered, \(summary.steps) steps; "
          + "\(Int(summary.seedsPerMinute)) seeds per minute")
      if !failing.isEmpty { try console.output("broken: \(failing.joined(separator: " "))") }
    case .json, .jsonl:
      try console.output(
        JSONText.object([
          ("seeds", .integer(Int64(summary.seeds))),
          ("broken", .array(summary.failures.map { .unsigned($0.seed) })),
          ("virtualSeconds", .number(Double(summary.time) / 1e9)),
          ("acknowledged", .integer(Int64(summary.acknowledged))),
          ("steps", .integer(Int64(summary.steps))),
          ("seedsPerMinute", .number(summary.seedsPerMinute.rounded())),
        ]).compact)
    }
  }

  // MARK: Names

  func list() throws {
    switch format {
    case .text:
      try console.output("Profiles:   " + Profile.allCases.map(\.rawValue).joined(separator: ", "))
      try console.output("Properties: " + Property.allCases.map(\.rawValue).joined(separator: ", "))
      try console.output("Bugs:")
      for plant in Plant.allCases {
        let name = plant.rawValue
        let padding = String(repeating: " ", count: max(1, 24 - name.count))
        try console.output("  \(name)\(padding)\(plant.explanation)")
      }
    case .json, .jsonl:
      try console.output(
        JSONText.object([
          ("profiles", .array(Profile.allCases.map { .string($0.rawValue) })),
          ("properties", .array(Property.allCases.map { .string($0.rawValue) })),
          (
            "bugs",
            .array(
              Plant.allCases.map {
                .object([
                  ("name", .string($0.rawValue)), ("profile", .string($0.profile.rawValue)),
                  ("text", .string($0.explanation)),
                ])
              })
          ),
        ]).compact)
    }
  }
}
