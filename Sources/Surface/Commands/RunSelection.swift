import ArgumentParser

/// Which manifest, and which of its runs.
struct RunSelection: ParsableArguments {
  @Argument(help: "The manifest.")
  var manifest: String

  @Option(help: "Folder of the runs; default: `runs` beside the manifest.")
  var runs: String?
}
