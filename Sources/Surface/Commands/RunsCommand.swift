import ArgumentParser
import Coordinator
import Fleet
import Runs
import Terminal

struct RunsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "List runs, here and on the nodes, and remove old ones.",
    subcommands: [RunsList.self, RunsPrune.self], defaultSubcommand: RunsList.self)
}

struct RunsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List runs with their state, age and size.",
    discussion: """
      Without a manifest those of `runs` here, and no node is asked.
      Exit status: 2 a node does not answer; the others are listed all the same.
      """)

  @Argument(help: "The manifest.")
  var manifest: String?

  @Option(help: "Folder of the runs; default: `runs` beside the manifest.")
  var runs: String?

  @Option(help: "table or json.")
  var format = OutputFormat.table

  func run() async throws {
    var faults: [NodeFault] = []
    let inventory: RunInventory
    if let manifest = self.manifest {
      let fleet = try FleetContext(ManifestFile(manifest), runs: self.runs)
      (inventory, faults) = try await fleet.inventory(isMeasured: true)
    } else {
      let root = ManifestFile.absolute(self.runs ?? "runs")
      inventory = RunInventory(here: try RunInventory.here(in: root), nodes: [:])
    }
    let now = Composition.surroundings.milliseconds()
    switch self.format {
    case .table: StandardStreams.data(inventory.table(inventory.runs, at: now))
    case .json: StandardStreams.data(inventory.json(at: now).text + "\n")
    }
    guard faults.isEmpty else { throw CommandFailure(.environment, faults.folded()) }
  }
}

struct RunsPrune: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove old runs, here and on the nodes.",
    discussion: """
      Never one that is live or worked on, or whose records are not fetched and merged: what is kept \
      for that is named. What is left on a node without a plan (`?`) goes by --older only.
      Exit status: 2 something could not be removed, or a node does not answer.
      """)

  @OptionGroup var selection: RunSelection

  @Option(help: ArgumentHelp("Remove what began longer ago: 7d, 12h.", valueName: "age"))
  var older: RunAge?

  @Option(help: "Remove all but so many of the newest, 0 to 1000000.")
  var keep: Int?

  @Flag(help: "List what would go, and leave it.")
  var dryRun = false

  func validate() throws {
    guard (self.older == nil) != (self.keep == nil) else {
      throw ValidationError("either --older or --keep")
    }
    try Self.check("keep", self.keep, in: 0...1_000_000)
  }

  func run() async throws {
    let fleet = try FleetContext(self.selection)
    let (inventory, faults) = try await fleet.inventory(isMeasured: true)
    let rule = self.older.map { RunInventory.Rule.older($0.duration) } ?? .keep(self.keep ?? 0)
    let now = fleet.surroundings.milliseconds()
    let (doomed, kept) = inventory.runs(by: rule, at: now)
    var pruning = RunPruning()
    if self.dryRun {
      StandardStreams.data(inventory.table(doomed, at: now))
    } else {
      pruning = try await fleet.remove(doomed)
      for run in pruning.removed { StandardStreams.say(run.line) }
    }
    for run in kept { StandardStreams.say("kept \(run.id): \(run.standing.reason ?? "")") }
    let problems = pruning.refusals + faults.folded()
    guard problems.isEmpty else { throw CommandFailure(.environment, problems) }
  }
}

/// A time such as `7d`, `12h`, `30m`; at most 10 years.
struct RunAge: ExpressibleByArgument {
  var duration: Duration

  init?(argument: String) {
    let units: [Character: Int64] = ["m": 60, "h": 3600, "d": 86_400]
    guard let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()),
      (0...3650 * 86_400 / unit).contains(count)
    else { return nil }
    self.duration = .seconds(count * unit)
  }
}
