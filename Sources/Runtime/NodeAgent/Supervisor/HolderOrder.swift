package import Launch

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
  /// `nil`: all.
  package var cores: CoreShare?

  package init(
    record: String, log: String, folder: String, argv: [String], cores: CoreShare? = nil
  ) {
    self.cores = cores
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
      arguments[..<divider], known: ["--record", "--log", "--folder", "--cores"])
    let argv = Array(arguments[(divider + 1)...])
    guard let record = options["--record"], let log = options["--log"],
      let folder = options["--folder"], !argv.isEmpty
    else { throw .usage("hold needs --record, --log, --folder and a program") }
    let cores = options["--cores"].map { CoreShare($0) }
    if let cores, cores == nil { throw .usage("--cores takes INDEX/COUNT or INDEX/COUNT/VARIABLE") }
    self.init(record: record, log: log, folder: folder, argv: argv, cores: cores ?? nil)
  }

  /// What follows the program's name; ``init(parsing:)`` reads all but the first of it.
  package var arguments: [String] {
    var words = ["hold", "--record", self.record, "--log", self.log, "--folder", self.folder]
    if let cores = self.cores { words += ["--cores", cores.text] }
    return words + ["--"] + self.argv
  }
}

extension CoreShare {
  /// As in `0/2`, or with the variable `0/2/NAME`; `nil` for anything else.
  fileprivate init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 2)
    guard parts.count >= 2, let index = Int(parts[0]), let count = Int(parts[1]), index >= 0,
      index < count
    else { return nil }
    self.init(index: index, count: count, variable: parts.count == 3 ? String(parts[2]) : nil)
  }

  fileprivate var text: String {
    "\(self.index)/\(self.count)" + (self.variable.map { "/\($0)" } ?? "")
  }
}
