import ArgumentParser

struct RunSelection: ParsableArguments {
  @Argument(help: "The manifest.")
  var manifest: String

  @Option(help: "Folder of the runs; default: `runs` beside the manifest.")
  var runs: String?
}

extension ParsableArguments {
  /// - Throws: `ValidationError` for a number that is given and is not in the range.
  static func check(_ name: String, _ number: Int?, in range: ClosedRange<Int>) throws {
    if let number, !range.contains(number) {
      throw ValidationError(
        "\(name) `\(number)` is not in \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
