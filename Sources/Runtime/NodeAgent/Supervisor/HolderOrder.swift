/// The command line of a holder: which program it keeps, and where it writes what it learns.
package struct HolderOrder: Equatable, Sendable {
  /// Where the holder records the process and its end (``ProcessRecord``).
  package var record: String
  /// To which the process's output is appended.
  package var log: String
  /// Working folder of the process.
  package var folder: String
  /// The program and its arguments, at least one.
  package var argv: [String]

  package init(record: String, log: String, folder: String, argv: [String]) {
    self.record = record
    self.log = log
    self.folder = folder
    self.argv = argv
  }

  /// - Parameter arguments: What follows `hold`.
  package init(parsing arguments: ArraySlice<String>) throws(NodeAgentError) {
    guard let divider = arguments.firstIndex(of: "--") else {
      throw .usage("hold needs `--` and a program")
    }
    let options = try AgentCommand.options(
      arguments[..<divider], known: ["--record", "--log", "--folder"])
    let argv = Array(arguments[(divider + 1)...])
    guard let record = options["--record"], let log = options["--log"],
      let folder = options["--folder"], !argv.isEmpty
    else { throw .usage("hold needs --record, --log, --folder and a program") }
    self.init(record: record, log: log, folder: folder, argv: argv)
  }

  /// What follows the program's name; ``init(parsing:)`` reads all but the first of it.
  package var arguments: [String] {
    ["hold", "--record", self.record, "--log", self.log, "--folder", self.folder, "--"] + self.argv
  }
}
