import Coordinator
import Fleet
import FleetView
import Health
import Launch
import Telemetry
import Terminal

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
          ReadableNumber.latency(sample.ttft?.p50),
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
