import ArgumentParser
import Fleet
import Plan

struct ShowPlan: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Shows what every node will get: argv, environment and files, folded.",
    discussion: """
      `--format json` is the canonical plan, the bytes whose SHA-256 guards `--resume`. Secrets are \
      names in both forms; one that the manifest itself holds, in `env` or among arguments, is shown as \
      `[secret]`.
      """)

  @Argument(help: "The manifest; - reads standard input.")
  var file: String

  @Option(help: "table or json.")
  var format = OutputFormat.table

  func run() throws {
    let loaded = try ManifestFile(self.file)
    switch self.format {
    case .table:
      StandardStreams.data(
        PlanTable.text(
          loaded.plan.withoutSecrets, hash: try loaded.plan.hash(), notes: loaded.notes))
    case .json:
      for note in loaded.notes { StandardStreams.say("note: \(note)") }
      StandardStreams.data(try loaded.plan.withoutSecrets.canonicalJSON())
      StandardStreams.data("\n")
    }
  }
}
