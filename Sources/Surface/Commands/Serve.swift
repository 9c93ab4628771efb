import ArgumentParser
import Dashboard
import Fleet
import FleetView
import Runs

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show all metrics of the newest run to Prometheus until interrupted.",
    discussion: """
      Every sample of every replica, of its GPUs and states stands at /metrics, with `node`, \
      `service` and `replica` labels. The run is only observed; a link that breaks is opened again.

      Exit status: 1 when the address cannot be listened on.
      """)

  private static let addressByDefault = "127.0.0.1:9464"
  /// For which a page is good, however many ask.
  private static let pageLifetime = Duration.seconds(1)

  @OptionGroup var selection: RunSelection

  @Option(
    defaultAsFlag: Serve.addressByDefault,
    help: ArgumentHelp(
      "Where to show metrics; without a value on this machine only.", valueName: "host:port"))
  var metrics: String?

  @Option(help: "Seconds from one page of a replica to its next.")
  var interval = 5

  func validate() throws {
    guard let metrics = self.metrics else {
      throw ValidationError("nothing to serve: `--metrics`")
    }
    guard ServeAddress(metrics) != nil else {
      throw ValidationError("`\(metrics)` is no `HOST:PORT`, such as \(Self.addressByDefault)")
    }
    try Self.check("interval", self.interval, in: 1...3600)
  }

  mutating func run() async throws {
    guard let address = self.metrics.flatMap({ ServeAddress($0) }) else { return }
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    if !address.isLoopback {
      StandardStreams.tell(
        Diagnostic(
          .warning, code: "open-metrics", "everybody who reaches \(address) can read the metrics"))
    }
    let interval = Duration.seconds(self.interval)
    let watch = try RunWatch(fleet, run, every: interval, clock: Composition.clock)
    let cache = PageCache(for: Self.pageLifetime, clock: Composition.clock) {
      watch.exposition(every: interval)
    }
    let server = MetricsServer(host: address.host, port: address.port) { await cache.page }
    try await Interruption.guarding(hint: "the services run on") {
      try await watch.during(notify: fleet.notify) {
        do {
          try await server.run {
            StandardStreams.say("run \(run.id): its metrics are at http://\(address)/metrics")
          }
        } catch let fault as MetricsServerFault {
          throw CommandFailure(
            .failed, code: "cannot-listen", "cannot listen on \(address)", causes: ["\(fault)"],
            hints: ["`--metrics HOST:PORT` takes another address"])
        }
      }
    }
  }
}

struct ServeAddress: CustomStringConvertible {
  /// Without the brackets of IPv6.
  let host: String
  let port: Int

  /// `127.0.0.1:9464`, `[::1]:9464`, `gpu01:9464`; `nil` for anything else.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...]), port > 0
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains("/") else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  var isLoopback: Bool {
    self.host == "localhost" || self.host == "::1"
      || self.host.hasPrefix("127.") && self.host.allSatisfy { $0.isNumber || $0 == "." }
  }

  var description: String {
    "\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)"
  }
}
