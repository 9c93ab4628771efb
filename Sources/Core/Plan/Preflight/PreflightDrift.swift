package import Fleet
package import Launch

/// In what the nodes of one service differ, though they should be alike.
package enum PreflightDrift {
  /// Memory that differs by less is the same machine with other firmware.
  private static let memoryTolerance = 0.05

  /// One warning for each fact and service, the value of most nodes first:
  /// `kernel of the nodes of `policy` differs: 5.15 on gpu[01-20], 6.1 on gpu21`.
  package static func warnings(_ plan: Plan, _ answers: [PreflightAnswer]) -> [Diagnostic] {
    plan.services.flatMap { service -> [Diagnostic] in
      let nodes = Set(service.replicas.map(\.node))
      let answers = answers.filter { nodes.contains($0.node) }
      return Self.values(of: answers).compactMap { name, values in
        guard Set(values).count > 1 else { return nil }
        let groups = Self.groups(answers.map(\.node), values)
        return Diagnostic(
          .warning, code: "drift",
          "\(name) of the nodes of `\(service.name)` differs: \(groups.joined(separator: ", "))")
      }
    }
  }

  /// Each fact with one value a node, where all are known.
  private static func values(of answers: [PreflightAnswer]) -> [(String, [String])] {
    let facts = answers.map(\.facts)
    var values: [(String, [String])] = [
      ("architecture", facts.map(\.architecture)), ("kernel", facts.map(\.kernel)),
      ("CPUs", facts.map { $0.cpus.map(Self.number) ?? "" }),
      ("memory", Self.memory(facts.map(\.memoryTotalBytes))),
    ]
    // A program that hangs or fails is an error of its own.
    if facts.allSatisfy({ $0.gpuProgram == .answered || $0.gpuProgram == .absent }) {
      values.append(("GPUs", facts.map(\.gpuSummary)))
    }
    values.append(("GPU driver", facts.map { $0.gpus.first?.driver ?? "" }))
    values.append(("CUDA", facts.map(\.cuda)))
    values = values.filter { !$0.1.contains("") }
    for package in Set(facts.flatMap(\.packages.keys)).sorted() {
      values.append((package, facts.map { $0.packages[package] ?? "not found" }))
    }
    return values
  }

  private static func groups(_ nodes: [String], _ values: [String]) -> [String] {
    // Of equally many the one that came first stays first.
    zip(nodes, values).grouped { $0.1 }.enumerated()
      .sorted { ($1.element.elements.count, $0.offset) < ($0.element.elements.count, $1.offset) }
      .map { _, group in
        "\(group.key) on \(NodeSet(group.elements.map { NodeName($0.0) }).folded)"
      }
  }

  /// In GiB; sizes near the middle one are told as that.
  private static func memory(_ sizes: [Int?]) -> [String] {
    let known = sizes.compactMap(\.self).sorted()
    guard known.count == sizes.count, !known.isEmpty else { return sizes.map { _ in "" } }
    let middle = known[known.count / 2]
    return sizes.compactMap(\.self).map { size in
      let isNear = abs(Double(size - middle)) <= Self.memoryTolerance * Double(middle)
      return "\(((isNear ? middle : size) + (1 << 29)) >> 30) GiB"
    }
  }

  /// `8`, and `1.5` where a quota cuts a core.
  static func number(_ cpus: Double) -> String {
    let tenths = Int((cpus * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

extension PreflightFacts {
  /// `8 × NVIDIA H200`; `none`.
  package var gpuSummary: String {
    let models = self.gpus.grouped(by: \.name).map { "\($0.elements.count) × \($0.key)" }
    return models.isEmpty ? "none" : models.joined(separator: ", ")
  }

  /// `192`; empty where it is unknown.
  package var cpuSummary: String { self.cpus.map(PreflightDrift.number) ?? "" }
}
