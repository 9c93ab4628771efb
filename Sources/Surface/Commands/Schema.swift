import ArgumentParser
import Fleet
import Recipes

struct Schema: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the manifest's form as a JSON Schema, or as tables.",
    discussion: """
      muster schema > muster.schema.json

      An editor with YAML support then checks and completes a manifest that begins with
      `# yaml-language-server: $schema=muster.schema.json`, a path beside it or a URL.
      """)

  @Flag(help: "Print the tables that README.md has.")
  var markdown = false

  func run() {
    StandardStreams.data(
      self.markdown ? ManifestReference.text : ManifestSchema.document.pretty + "\n")
  }
}
