import Foundation
import Testing

/// How many worlds of how many nodes: `MUSTER_SEED=N` runs one world, `MUSTER_SEEDS=N` so many, and
/// `MUSTER_SIMULATION=NODESxSEEDS` says both.
private struct Extent {
  var nodeCount = 20
  var seeds: [UInt64]

  static let wanted: Extent = {
    let environment = ProcessInfo.processInfo.environment
    let numbers = (environment["MUSTER_SIMULATION"] ?? "").split(separator: "x")
      .compactMap { Int($0) }
    let count = environment["MUSTER_SEEDS"].flatMap(Int.init) ?? numbers.last ?? 200
    var extent = Extent(seeds: (0..<UInt64(count)).map { $0 })
    if numbers.count == 2 { extent.nodeCount = numbers[0] }
    if let seed = environment["MUSTER_SEED"].flatMap(UInt64.init) { extent.seeds = [seed] }
    return extent
  }()
}

@Suite struct ServiceSimulationTests {
  /// Worlds that are wrong are told one by one up to so many.
  private static let toldCountMax = 20

  @Test func `whatever befalls services, each is called what it is, and in time`() {
    let extent = Extent.wanted
    let began = ContinuousClock.now
    var findings: [FaultKind: [Milliseconds]] = [:]
    var outcomes = (succeeded: 0, aborted: 0)
    var (jobCount, wrongCount) = (0, 0)
    for seed in extent.seeds where wrongCount < Self.toldCountMax {
      let world = ServiceWorld(seed: seed, nodeCount: extent.nodeCount)
      let outcome = world.run()
      #expect(outcome.ending == .finished && outcome.escapeCount == 0, "seed \(seed): \(outcome)")
      findings.merge(world.findings) { $0 + $1 }
      jobCount += outcome.jobCount
      switch world.coordinator.outcome {
      case .succeeded: outcomes.succeeded += 1
      case .aborted: outcomes.aborted += 1
      case .open: break
      }
      guard !world.violations.isEmpty else { continue }
      wrongCount += 1
      let size = extent.nodeCount == 20 ? "" : "MUSTER_SIMULATION=\(extent.nodeCount)x1 "
      Issue.record(
        """
        \(world.violations.count) wrong: \(world.violations.prefix(5).joined(separator: "; "))
        reproduce: \(size)MUSTER_SEED=\(seed) swift test --filter ServiceSimulationTests
        """)
    }
    print(
      """
      \(extent.seeds.count) worlds of \(extent.nodeCount) nodes, \(jobCount) jobs in \
      \(ContinuousClock.now - began): \(outcomes.succeeded) launches came up, \
      \(outcomes.aborted) were aborted
      """)
    print(Self.table(findings))
    if extent.seeds.count >= 200, wrongCount < Self.toldCountMax {
      // Without it the worlds might all pass because nothing befalls them.
      for kind in FaultKind.allCases { #expect(findings[kind]?.isEmpty == false, "\(kind)") }
      #expect(outcomes.succeeded > 100 && outcomes.aborted > 20)
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64])
  func `looks that are left out because nothing can come of them change nothing`(seed: UInt64) {
    let world = ServiceWorld(seed: seed, nodeCount: 4)
    let literal = ServiceWorld(seed: seed, nodeCount: 4, isLiteral: true)
    let (outcome, literalOutcome) = (world.run(), literal.run())
    #expect(world.digest == literal.digest)
    #expect(world.findings == literal.findings)
    #expect(outcome.jobCount < literalOutcome.jobCount)
  }

  /// The times from fault to word of each kind.
  private static func table(_ findings: [FaultKind: [Milliseconds]]) -> String {
    FaultKind.allCases.map { kind in
      let times = (findings[kind] ?? []).sorted()
      let seconds = { (milliseconds: Milliseconds) in
        (Double(milliseconds) / 1000).formatted(
          .number.precision(.fractionLength(1)).grouping(.never))
      }
      let name = kind.rawValue.padding(toLength: 44, withPad: " ", startingAt: 0)
      guard let last = times.last else { return "\(name) never" }
      return """
        \(name) \(times.count) times, median \(seconds(times[times.count / 2])) s, \
        longest \(seconds(last)) s
        """
    }.joined(separator: "\n")
  }
}
