import Glibc
import Health
import Launch
import NIOCore
import NIOPosix
import OperatingSystem
import Telemetry

/// Finds out whether a replica is ready, on this machine.
struct ReadinessCheck<ProbeClock: Clock & Sendable>: Sendable
where ProbeClock.Duration == Duration {
  /// For a server on the same machine; a hung one is asked again.
  private static var timeout: TimeAmount { .seconds(3) }
  /// For a command.
  private static var execTimeout: Duration { .seconds(30) }

  let launch: LaunchSpecification
  /// Of the process, complete.
  let environment: [String: String]
  let clock: ProbeClock
  let group: any EventLoopGroup
  /// A port of anybody else's is not asked.
  let proof: AskedListener

  /// - Parameter note: Hears what the probe learns on its way.
  /// - Returns: Never later than a minute or so.
  func outcome(note: @Sendable (ProbeNote) -> Void) async -> ProbeOutcome {
    do {
      switch self.launch.readiness {
      case .probe(.http(let port, let path)):
        return try await self.http(port, path)
      case .probe(.tcp(let port)):
        let listeners = try await self.proof.sockets(at: ModelServer.loopback, port)
        let channel = try await ClientBootstrap(group: self.group)
          .connectTimeout(Self.timeout)
          .connect(to: SocketAddress(ipAddress: ModelServer.loopback, port: port)).get()
        channel.close(promise: nil)
        try await self.proof.confirm(listeners, at: ModelServer.loopback, port)
        return .succeeded
      case .probe(.exec(let argv)):
        return try await self.exec(argv)
      case .canary(let server):
        let key = server.key(argv: self.launch.argv, environment: self.environment)
        return try await CanaryProbe(server: server, key: key, proof: self.proof)
          .outcome(on: self.group, note: note)
      // Who reads the log knows, and who lives is alive.
      case .probe(.log), .life:
        return .succeeded
      }
    } catch {
      return .failed(self.describe(error))
    }
  }

  /// Looks at what was ready; never later than twenty seconds or so.
  func look() async -> LivenessSight.Answer {
    do {
      switch self.launch.readiness {
      case .probe(.http), .probe(.tcp):
        switch await self.outcome(note: { _ in }) {
        case .succeeded: return .fine(nil)
        case .failed(let reason), .wrong(let reason): return .faulty(reason)
        }
      case .canary(let server): return try await self.look(at: server)
      // A line of a log stays true, and a command may cost too much.
      case .probe(.log), .probe(.exec), .life: return .fine(nil)
      }
    } catch let error as IOError where error.errnoCode == ECONNREFUSED {
      return .refused(self.describe(error))
    } catch let error as HTTPProbeError where error.isStranger {
      return .faulty(self.describe(error))
    } catch {
      return .unanswered(self.describe(error))
    }
  }

  /// Its health tells whether the engine is dead, and its metrics whether it moves. Where these cannot
  /// be read, that is not known, and completions alone show whether it works.
  private func look(at server: ModelServer) async throws -> LivenessSight.Answer {
    if let path = server.healthPath {
      let health = try await self.page(of: server, path)
      if health.status == 503 { return .dead("its engine is dead: \(path) answers 503") }
    }
    do {
      let page = try await self.page(of: server, server.metricsPath)
      return .fine(page.status == 200 ? EngineCounters(metrics: page.body) : nil)
    } catch {
      // Any answer, one that asks for a key too, shows that it is there.
      if server.healthPath == nil { _ = try await self.page(of: server, "/v1/models") }
      return .fine(nil)
    }
  }

  private func page(
    of server: ModelServer, _ path: String
  ) async throws -> HTTPProbeRequest.Answer {
    try await HTTPProbeRequest(
      address: server.probedAddress, port: server.port, path: path, timeout: Self.timeout,
      proof: self.proof
    ).answer(on: self.group)
  }

  private func http(_ port: Int, _ path: String) async throws -> ProbeOutcome {
    let answer = try await HTTPProbeRequest(
      port: port, path: path, timeout: Self.timeout, proof: self.proof
    ).answer(on: self.group)
    if (200...299).contains(answer.status) { return .succeeded }
    return .failed("GET \(path) on port \(port) answers \(answer.status)")
  }

  /// The command sees what the process sees, and is found as a part of the replica.
  private func exec(_ argv: [String]) async throws -> ProbeOutcome {
    let path = try ProgramSearch.path(of: argv[0], searching: self.environment["PATH"] ?? "")
    let child = ChildProcess(program: path, argv: argv, environment: self.environment)
    switch try await child.end(within: Self.execTimeout, clock: self.clock) {
    case .exited(0)?: return .succeeded
    case .exited(let status)?: return .failed("`\(argv[0])` ended with status \(status)")
    case .signalled(let signal)?: return .failed("`\(argv[0])` ended with signal \(signal)")
    case nil: return .failed("`\(argv[0])` did not end in time")
    }
  }

  private func describe(_ error: any Error) -> String {
    switch self.launch.readiness {
    case .probe(.http(let port, _)), .probe(.tcp(let port)):
      "port \(port): \(HTTPProbeError.reason(error))"
    case .canary(let server): "port \(server.port): \(HTTPProbeError.reason(error))"
    case .probe(.exec), .probe(.log), .life: "\(error)"
    }
  }
}

extension EngineCounters {
  /// Lines of a page that are left out before the page is: more are no slip, but another format.
  private static let wrongLineCountMax = 8

  /// - Parameter page: Text of `/metrics`; lines that are not of that form are left out.
  /// - Returns: `nil` where it says nothing of an engine.
  init?(metrics page: [UInt8]) {
    let reading = Self.reading(page)
    guard reading.hasEngine else { return nil }
    // A count that may be old is no sign of work: a completion shows whether such an engine is stuck.
    self.init(
      running: reading.countsAge ? nil : reading.running,
      waiting: reading.countsAge ? nil : reading.waiting, moving: reading.movement)
  }

  private static func reading(_ page: [UInt8]) -> EngineReading {
    var scrape = EngineScrape()
    var page = page
    for _ in 0...Self.wrongLineCountMax {
      do throws(MetricsTextError) {
        return try scrape.read(page)
      } catch {
        page = Self.without(line: error.line, page)
      }
    }
    return EngineReading()
  }

  /// - Parameter line: Counts from 1.
  private static func without(line: Int, _ page: [UInt8]) -> [UInt8] {
    var lines = page.split(separator: 0x0A, omittingEmptySubsequences: false)
    lines.remove(at: min(line, lines.count) - 1)
    // What is left of a text that was cut off ends with a line.
    if let last = lines.last, !last.isEmpty { lines.append([]) }
    return Array(lines.joined(separator: [0x0A]))
  }
}
