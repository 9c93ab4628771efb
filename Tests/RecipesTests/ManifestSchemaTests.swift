import Fleet
import Foundation
import Manifest
import Recipes
import Testing

@Suite struct ManifestSchemaTests {
  /// Faults that say that a value is none of its key's, or that there is no such key.
  private static let ofKeys: Set<String> = [
    "unknown-key", "wrong-type", "out-of-range", "unknown-choice", "wrong-cores", "wrong-restart",
    "too-many", "relative-path", "wrong-url", "wrong-name", "wrong-metrics", "wrong-exporter",
    "wrong-path", "unknown-recipe", "several-probes", "no-probe", "no-target",
  ]

  static func faults(of text: String) -> [Diagnostic] {
    let (manifest, faults) = ManifestReader.read(
      text, file: "m.yaml", include: { _ in "muster: 1\nnodes: n1" })
    var found = ManifestFaults()
    for service in manifest?.services ?? [] {
      _ = Recipe.templates(for: service, faults: &found)
    }
    return faults + found.sorted
  }

  @Test func `the reader takes every value that a key's form allows and refuses the others`() {
    let samples = FormSamples().documents
    #expect(samples.count > 600)
    for sample in samples {
      let codes = Self.faults(of: sample.text).filter { $0.severity == .error }.map(\.code)
      if sample.isRight {
        #expect(Self.ofKeys.isDisjoint(with: codes), "\(sample.path): \(sample.text)")
      } else {
        #expect(!codes.isEmpty, "\(sample.path): \(sample.text)")
      }
    }
  }

  @Test func `every mapping refuses keys that are not its own, and every key has a meaning`() {
    var closed = 0
    var keys = 0
    func walk(_ value: JSONText) {
      switch value {
      case .object(let members):
        let isOpen = members.contains { $0.key == "allOf" || $0.key == "const" }
        for member in members {
          if member.key == "properties", case .object(let properties) = member.value, !isOpen {
            let isCondition =
              properties.count == 1 && !members.contains { $0.key == "type" }
              && members.contains(.init("required", .array([.string(properties[0].key)])))
            if !isCondition {
              closed += 1
              #expect(members.contains(.init("additionalProperties", .bool(false))))
            }
          }
          walk(member.value)
        }
        if case .string(let text)? = members.first(where: { $0.key == "description" })?.value {
          keys += 1
          #expect(!text.isEmpty && !text.hasSuffix("."), "\(text)")
        }
      case .array(let values): values.forEach(walk)
      case .null, .bool, .integer, .number, .string: break
      }
    }
    walk(ManifestSchema.document)
    #expect(closed >= 12)
    #expect(keys >= 75)
  }

  @Test func `the README has the tables that the keys give`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    let parts = readme.components(separatedBy: "<!-- muster schema --markdown -->\n")
    #expect(parts.count == 3, "two marks in README.md")
    #expect(
      parts.dropFirst().first?.trimmingCharacters(in: .newlines)
        == ManifestReference.text.trimmingCharacters(in: .newlines),
      "scripts/reference writes them anew")
  }

  @Test func `a key stands once in its table`() {
    func walk(_ table: ManifestTable) {
      #expect(Set(table.names).count == table.names.count, "\(table.names)")
    }
    walk(Manifest.keys)
    for recipe in Recipe.allCases {
      let names = ManifestService.keys.names + recipe.form.table.names
      #expect(Set(names).count == names.count, "\(recipe)")
    }
  }
}
