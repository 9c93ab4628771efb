import Coordinator
import Fleet
import FleetView
import Health
import Launch
import Plan
import Recipes
import Runs
import Telemetry
import Terminal

extension ScrapeReport {
  func text(_ format: Scrape.Format) -> String {
    switch format {
    case .table: self.table
    case .json: self.json.text + "\n"
    case .prometheus: String(decoding: self.merged.text(), as: UTF8.self)
    }
  }

  private var table: String {
    let hasNodes = self.endpoints.contains { $0.node != nil }
    var columns: [Table.Column] = [.init("ENDPOINT")]
    if hasNodes { columns.append(.init("NODE")) }
    columns += ["RUN", "WAIT", "KV%", "TOK/S", "HIT%", "TTFT p50", "p99", "AGE"]
      .map { .init($0, .right) }
    columns.append(.init(""))
    var table = Table(columns)
    for endpoint in self.endpoints {
      let metrics = self.metrics(of: endpoint)
      let age = self.ageSeconds(of: endpoint)
      table.append(
        [endpoint.name] + (hasNodes ? [endpoint.node ?? ""] : []) + Self.cells(metrics)
          + [ReadableNumber.latency(age), Self.note(endpoint)])
    }
    table.append(
      ["fleet \(self.fleet.answeredCount)/\(self.fleet.endpointCount)"] + (hasNodes ? [""] : [])
        + Self.cells(self.fleet) + ["", ""])
    return table.rendered()
  }

  /// What is not known is `?`, never 0.
  private static func cells(_ metrics: FleetMetrics) -> [String] {
    let first = metrics.latencies[.firstToken]
    return [
      ReadableNumber.number(metrics.running), ReadableNumber.number(metrics.waiting),
      ReadableNumber.number(metrics.cacheUsageMax.map { $0 * 100 }, digits: 1),
      ReadableNumber.number(metrics.generationTokensPerSecond),
      ReadableNumber.number(metrics.prefixHitRate.map { $0 * 100 }, digits: 1),
      ReadableNumber.latency(first?.p50, mean: first?.mean), ReadableNumber.latency(first?.p99),
    ]
  }

  private static func note(_ endpoint: Endpoint) -> String {
    let fault = Self.fault(of: endpoint)
    if !fault.isEmpty { return fault }
    return endpoint.page.interval?.startedAnew == true ? "started anew" : ""
  }
}

extension RunInventory {
  /// - Parameter now: Milliseconds since 1970.
  func table(_ runs: [Run], at now: Int64) -> String {
    var table = Table([
      .init("RUN"), .init("NAME"), .init("STATE"), .init("AGE", .right), .init("HERE", .right),
      .init("ON NODES", .right), .init("NODES"), .init("HOLDER"),
    ])
    for run in runs {
      var state = run.standing.word
      if case .held(let worker) = run.standing { state += " by \(worker)" }
      table.append([
        run.id.rawValue, run.name.isEmpty ? ReadableNumber.unknown : run.name, state,
        ReadableNumber.time(Double(now - run.id.milliseconds) / 1000),
        run.here.map { "\(ByteCount($0.size))" } ?? "-",
        run.nodes.isEmpty ? "-" : "\(ByteCount(run.nodeSize))",
        run.nodes.isEmpty ? "-" : NodeSet(run.nodes.keys.map { NodeName($0) }).folded, run.holder,
      ])
    }
    return table.rendered()
  }
}

extension RunPruning.Removed {
  /// `removed 20261121-061500-3f9a2c: 1.20 MB here, 340 MB on gpu[01-04]`.
  var line: String {
    var places = self.size > 0 ? ["\(ByteCount(self.size)) here"] : []
    if !self.nodeSizes.isEmpty {
      let nodes = NodeSet(self.nodeSizes.keys.map { NodeName($0) }).folded
      places.append("\(ByteCount(self.nodeSizes.values.reduce(0, +))) on \(nodes)")
    }
    return "removed \(self.id): \(places.joined(separator: ", "))"
  }
}

/// The facts of nodes as a table, equal nodes in one row.
enum FactsTable {
  static func text(of answers: [PreflightAnswer]) -> String {
    guard !answers.isEmpty else { return "" }
    var table = Table(columns: [
      "NODES", "ARCH", "KERNEL", "CPUS", "MEMORY", "GPUS", "DRIVER", "ENGINE", "TORCH", "FREE",
      "CLOCK",
    ])
    for (cells, answers) in answers.grouped(by: { Self.cells(of: $0.facts) }) {
      // The least of the free space, and the largest offset, whichever way.
      let free = answers.compactMap { Self.free(in: $0.facts) }.min()
      let offset = answers.map(\.clockOffsetMilliseconds).max { abs($0) < abs($1) } ?? 0
      table.append(
        [NodeSet(answers.map { NodeName($0.node) }).folded] + cells
          + [free.map { "\(ByteCount(max(0, $0)))" } ?? "?", Self.offset(offset)])
    }
    return table.rendered()
  }

  private static func cells(of facts: PreflightFacts) -> [String] {
    let memory = facts.memoryTotalBytes.map { "\(($0 + (1 << 29)) >> 30) GiB" } ?? ""
    let gpus =
      switch facts.gpuProgram {
      case .hung: "hung"
      case .failed: "failed"
      case .absent: "-"
      case .answered: facts.gpuSummary
      }
    let engines = Recipe.engines.compactMap { name in facts.packages[name].map { "\(name) \($0)" } }
    let cells = [
      facts.architecture, facts.kernel, facts.cpuSummary, memory, gpus,
      facts.gpus.first?.driver ?? "-", engines.isEmpty ? "-" : engines.joined(separator: ", "),
      facts.packages["torch"] ?? "-",
    ]
    return cells.map { $0.isEmpty ? "?" : $0 }
  }

  /// Of the disks: `/dev/shm` is memory.
  private static func free(in facts: PreflightFacts) -> Int? {
    facts.paths.filter { $0.path != "/dev/shm" }.compactMap(\.freeBytes).min()
  }

  /// `+3 ms`, `-2.5 s`.
  private static func offset(_ milliseconds: Int) -> String {
    let sign = milliseconds < 0 ? "-" : "+"
    let size = abs(milliseconds)
    return size < 1000
      ? "\(sign)\(size) ms" : "\(sign)\(size / 1000).\(size % 1000 / 100) s"
  }
}

extension RunReplay {
  func text(_ format: OutputFormat) -> String {
    switch format {
    case .table: "run \(self.run)\n\(self.table)"
    case .json: self.json.text + "\n"
    }
  }

  private var table: String {
    var columns = ["TIME", "NODE", "OF", "WHAT"].map { Table.Column($0) }
    columns += ["READY", "RUN", "WAIT", "KV%", "HIT%", "GEN/s", "TTFT p50", "p99", "GPU%"]
      .map { Table.Column($0, .right) }
    columns.append(Table.Column("REASON"))
    var table = Table(columns)
    for (milliseconds, entry) in self.entries {
      let time = ChainEvent.time(milliseconds)
      switch entry {
      case .sample(let sample):
        let numbers = [
          "\(sample.readyCount)/\(sample.replicaCount)", ReadableNumber.number(sample.running),
          ReadableNumber.number(sample.waiting), ReadableNumber.percent(sample.cacheUsageMax),
          ReadableNumber.percent(sample.prefixHitRate),
          ReadableNumber.number(sample.generationTokensPerSecond),
          ReadableNumber.latency(sample.ttft?.p50, mean: sample.ttft?.mean),
          ReadableNumber.latency(sample.ttft?.p99), ReadableNumber.number(sample.gpuPercent),
        ]
        table.append([time, "", sample.service, sample.verdict] + numbers + [sample.reason])
      case .event(let event):
        let subject = event.replica?.description ?? event.service
        table.append(
          [time, event.node, subject, event.what] + [String](repeating: "", count: 9)
            + [event.reason])
      }
    }
    return table.rendered()
  }
}

extension StatusReport {
  /// Equal states of a service in one line, their nodes folded.
  var table: String {
    var table = Table(columns: ["SERVICE", "STATE", "REPLICAS", "NODES", "REASON"])
    for (key, rows) in self.rows.grouped(by: { [$0.key.service, $0.stateText, $0.reason] }) {
      let nodes = NodeSet(rows.map { NodeName($0.node) }).folded
      table.append([key[0], key[1], "\(rows.count)", nodes, key[2]])
    }
    return table.rendered()
  }
}

extension WhyReport {
  /// One line an event, then the last lines of what failed.
  var table: String {
    var table = Table(columns: ["TIME", "NODE", "REPLICA", "STATE", "REASON"])
    for event in self.chain.events {
      let again =
        event.count > 1
        ? " (×\(event.count), last \(ChainEvent.time(event.lastMilliseconds)))" : ""
      table.append(
        [ChainEvent.time(event.milliseconds)] + event.place + [event.what, event.reason + again])
    }
    var text = table.rendered()
    for failure in self.failures {
      text += "\nlast lines of \(failure.key) on \(failure.node):\n"
      for line in failure.lines { text += "  \(TerminalText.withoutColours(line))\n" }
      for hint in KnownMistake.hints(in: failure.lines) { text += "hint: \(hint)\n" }
    }
    return text + "\n"
  }
}

extension ChainEvent {
  /// Its node, and its replica or service; `-` where there is none.
  var place: [String] {
    [self.node, self.replica?.description ?? self.service].map { $0.isEmpty ? "-" : $0 }
  }
}
