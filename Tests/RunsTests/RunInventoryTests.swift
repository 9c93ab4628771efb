@testable import Coordinator
import Fleet
@testable import Runs
import Testing

/// What is known of runs, and what of it may go.
struct RunInventoryTests {
  private static func id(_ day: Int) throws -> RunID {
    try #require(RunID("202611\(day < 10 ? "0" : "")\(day)-120000-abcdef"))
  }

  private static func here(
    finished: Bool = true, worker: String? = nil, unmerged: Bool = false,
    nodes: Set<String>? = ["n1", "n2"]
  ) -> RunInventory.Here {
    RunInventory.Here(
      size: 1000, isFinished: finished, worker: worker, isUnmerged: unmerged, nodes: nodes)
  }

  private enum Word {
    case over
    case live
    case records
  }

  private static func node(
    _ day: Int, _ word: Word = .over, size: Int = 10, holder: String = ""
  ) throws -> NodeRun {
    var run = NodeRun(id: try Self.id(day), name: "demo")
    (run.isLive, run.hasRecords) = (word == .live, word == .records)
    (run.size, run.holder) = (size, holder)
    return run
  }

  @Test func `a run whose clock was ahead has no age yet`() throws {
    let inventory = RunInventory(here: [(try Self.id(2), "demo", Self.here())], nodes: [:])
    let now = try Self.id(1).milliseconds
    #expect(inventory.json(at: now).text.contains(#""age_seconds":0,"#))
  }

  private static func standing(
    _ here: RunInventory.Here?, _ nodes: [Word] = [], silent: Set<String> = []
  ) throws -> RunInventory.Standing? {
    RunInventory(
      here: try here.map { [(try Self.id(1), "demo", $0)] } ?? [],
      nodes: Dictionary(
        uniqueKeysWithValues: try nodes.enumerated().map { ("n\($0 + 1)", [try Self.node(1, $1)]) }),
      silent: silent
    ).runs.first?.standing
  }

  @Test func `what is here and on nodes is one run, the newest first`() throws {
    let inventory = RunInventory(
      here: [(try Self.id(3), "demo", Self.here())],
      nodes: [
        "n1": [try Self.node(3, size: 5), try Self.node(9)],
        "n2": [try Self.node(3, size: 7, holder: "me@a pid 1")],
      ])
    #expect(inventory.runs.map(\.id) == [try Self.id(9), try Self.id(3)])
    #expect(inventory.runs.map(\.nodeSize) == [10, 12])
    #expect(inventory.runs.map(\.holder) == ["", "me@a pid 1"])
    #expect(inventory.runs[0].here == nil)
  }

  @Test func `each reason against going counts, whatever else is said`() throws {
    #expect(try Self.standing(Self.here()) == .over)
    #expect(
      try Self.standing(Self.here(finished: false, nodes: nil), [.over, .over]) == .unknown,
      "which nodes it had cannot be read")
    #expect(try Self.standing(Self.here(), [.over, .live]) == .live)
    #expect(try Self.standing(Self.here(), [.over, .records]) == .records)
    #expect(try Self.standing(Self.here(worker: "me")) == .held(by: "me"))
    #expect(try Self.standing(Self.here(finished: false, unmerged: true)) == .unmerged)
    #expect(try Self.standing(Self.here(unmerged: true), [.live]) == .live)
    // A node that is merely silent may run it.
    #expect(try Self.standing(Self.here(finished: false), silent: ["n2"]) == .unknown)
    #expect(try Self.standing(Self.here(finished: false)) == .unknown)
    #expect(try Self.standing(Self.here(finished: false), [.over]) == .unknown)
    #expect(try Self.standing(Self.here(finished: false), [.over, .over], silent: ["n9"]) == .over)
    #expect(try Self.standing(Self.here(finished: true), silent: ["n2"]) == .over)
    // Of a run of which this machine has nothing any node may know more.
    #expect(try Self.standing(nil, [.over], silent: ["n9"]) == .unknown)
    #expect(try Self.standing(nil, [.over]) == .over)
  }

  @Test func `only what is over goes, by age or by number`() throws {
    let inventory = RunInventory(
      here: try (1...6).map { (try Self.id($0), "demo", Self.here(worker: $0 == 2 ? "me" : nil)) },
      nodes: ["n1": [try Self.node(1, .live)]])
    let now = try Self.id(8).milliseconds
    func days(_ rule: RunInventory.Rule) -> [String] {
      inventory.runs(by: rule, at: now).doomed.map { String($0.id.rawValue.dropFirst(6).prefix(2)) }
    }
    #expect(days(.older(.seconds(4 * 86_400))) == ["03"])
    #expect(days(.older(.zero)) == ["06", "05", "04", "03"])
    #expect(days(.keep(2)) == ["04", "03"])
    #expect(days(.keep(0)) == ["06", "05", "04", "03"])
    #expect(days(.keep(6)) == [])
    let kept = inventory.runs(by: .keep(2), at: now).kept
    #expect(kept.map(\.standing) == [.held(by: "me"), .live])
    #expect(kept.map(\.standing.reason) == ["`me` works on it", "it is live"])
  }

  @Test func `records of an eval that is merged keep nothing`() throws {
    let run = { (isFinished: Bool) throws -> RunInventory in
      RunInventory(
        here: [
          (try Self.id(1), "demo", .init(size: 1, isFinished: isFinished, isMerged: isFinished))
        ],
        nodes: ["n1": [try Self.node(1, .records)]])
    }
    #expect(try run(true).runs.map(\.standing) == [.over])
    #expect(try run(false).runs.map(\.standing) == [.records])
  }

  @Test func `what is left without a plan goes by its age alone`() throws {
    let inventory = RunInventory(
      here: [(try Self.id(2), "demo", Self.here())],
      nodes: ["n1": [NodeRun(id: try Self.id(1), name: "")]])
    let now = try Self.id(8).milliseconds
    #expect(inventory.runs(by: .keep(0), at: now).doomed.map(\.name) == ["demo"])
    #expect(inventory.runs(by: .older(.zero), at: now).doomed.map(\.name) == ["demo", ""])
  }
}
