import ArgumentParser
import Fleet
import Glibc

struct Nodes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Folds, expands and counts node sets.",
    discussion: """
      gpu[01-21]  n[1,3-9,20-40/4]  rack[1-2]n[01-16]

      Operators apply from left to right: `,` adds, `!` takes away, `&` keeps what both have, \
      `^` what exactly one has. Several arguments are added up. `-` reads one expression a line \
      from standard input and answers a line each.
      """)

  enum Answer: EnumerableFlag {
    case fold
    case expand
    case count

    static func name(for value: Self) -> NameSpecification {
      .shortAndLong
    }

    static func help(for value: Self) -> ArgumentHelp? {
      switch value {
      case .fold: "Print the set folded."
      case .expand: "Print every name."
      case .count: "Print how many there are."
      }
    }
  }

  @Flag(exclusivity: .exclusive) var answer = Answer.fold

  @Option(
    name: [.customShort("S"), .long],
    help: ArgumentHelp("What stands between names; `\\n` is a line feed.", valueName: "text"))
  var separator = " "

  @Argument(help: ArgumentHelp("Node sets, or `-`.", valueName: "expr"))
  var expressions: [String]

  func run() throws {
    var faults: [Diagnostic] = []
    if self.expressions == ["-"] {
      var lineNumber = 0
      while let line = readLine() {
        lineNumber += 1
        do {
          StandardStreams.data(self.text(of: try NodeSet(parsing: line)) + "\n")
        } catch {
          faults.append(Self.diagnostic(error, in: "<stdin>", line: lineNumber))
          StandardStreams.data("\n")
        }
        // An endless stream of faults is one mistake, not a thousand.
        if faults.count >= Self.faultCountMax { break }
      }
    } else {
      var set = NodeSet([])
      for (index, expression) in self.expressions.enumerated() {
        do {
          set = set.union(try NodeSet(parsing: expression))
        } catch {
          let name = self.expressions.count == 1 ? "<argument>" : "<argument \(index + 1)>"
          faults.append(Self.diagnostic(error, in: name, line: 1))
        }
      }
      if faults.isEmpty { StandardStreams.data(self.text(of: set) + "\n") }
    }
    guard faults.isEmpty else { throw CommandFailure(.failed, faults) }
  }

  private static let faultCountMax = 20

  private func text(of set: NodeSet) -> String {
    switch self.answer {
    case .fold: return set.folded
    case .count: return "\(set.count)"
    case .expand:
      let separator = self.separator.replacing("\\n", with: "\n").replacing("\\t", with: "\t")
      return set.names.map(\.rawValue).joined(separator: separator)
    }
  }

  private static func diagnostic(
    _ error: NodeSetError, in file: String, line: Int
  ) -> Diagnostic {
    var diagnostic = error.diagnostic(in: file, line: line)
    if case .unknownGroup = error.problem {
      diagnostic.hints = ["groups come from a manifest; `muster nodes` reads none"]
    }
    return diagnostic
  }
}
