import Glibc
import Health
import NIOCore
import NIOPosix
import NodeAPI

/// Carries out the probe that a replica declares, on this machine.
struct ReadinessCheck<ProbeClock: Clock & Sendable>: Sendable
where ProbeClock.Duration == Duration {
  /// For a server on the same machine; a hung one is asked again.
  private static var timeout: TimeAmount { .seconds(3) }

  let probe: Muster_V1_Probe
  /// Of the replica.
  let environment: [String: String]
  /// Of a model server.
  var access = ModelServerAccess()
  let clock: ProbeClock
  let group: any EventLoopGroup

  /// - Parameters:
  ///   - logHasText: Whether the text of a log probe has been seen.
  ///   - note: Hears what the probe learns on its way.
  /// - Returns: Never later than a minute or so.
  func outcome(logHasText: Bool, note: @Sendable (ProbeNote) -> Void) async -> ProbeOutcome {
    do {
      switch self.probe.kind {
      case .http(let http):
        return try await self.http(http)
      case .tcp(let tcp):
        let channel = try await ClientBootstrap(group: self.group)
          .connectTimeout(Self.timeout)
          .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: Int(tcp.port))).get()
        channel.close(promise: nil)
        return .succeeded
      case .log(let log):
        return logHasText
          ? .succeeded : .failed("no line of its log contains `\(log.contains)` yet")
      case .exec(let exec):
        return try await ExecProbe(argv: exec.argv, environment: self.environment)
          .outcome(clock: self.clock)
      case .canary(let canary):
        return try await CanaryProbe(
          port: Int(canary.port), model: canary.model, access: self.access
        ).outcome(on: self.group, note: note)
      case nil:
        return .succeeded
      }
    } catch {
      return .failed(self.describe(error))
    }
  }

  /// Looks at what was ready; never later than twenty seconds or so.
  func look() async -> LivenessSight.Answer {
    do {
      switch self.probe.kind {
      case .http, .tcp:
        switch await self.outcome(logHasText: true, note: { _ in }) {
        case .succeeded: return .fine(nil)
        case .failed(let reason), .wrong(let reason): return .faulty(reason)
        }
      case .canary(let canary): return try await self.engine(port: Int(canary.port))
      // A line of a log stays true, and a command may cost too much.
      case .log, .exec, nil: return .fine(nil)
      }
    } catch let error as IOError where error.errnoCode == ECONNREFUSED {
      return .refused(self.describe(error))
    } catch {
      return .unanswered(self.describe(error))
    }
  }

  /// `/health` knows whether the engine is dead, and `/metrics` whether it moves.
  private func engine(port: Int) async throws -> LivenessSight.Answer {
    let health = try await HTTPProbeRequest(
      address: self.access.address, port: port, path: "/health", timeout: Self.timeout
    ).answer(on: self.group)
    if health.status == 503 { return .dead("its engine is dead: /health answers 503") }
    let page = try await HTTPProbeRequest(
      address: self.access.address, port: port, path: "/metrics", timeout: Self.timeout
    ).answer(on: self.group)
    guard page.status == 200 else { return .faulty("/metrics answers \(page.status)") }
    return .fine(EngineCounters(metrics: page.body))
  }

  private func http(_ http: Muster_V1_HTTPProbe) async throws -> ProbeOutcome {
    let answer = try await HTTPProbeRequest(
      port: Int(http.port), path: http.path, timeout: Self.timeout
    ).answer(on: self.group)
    if (200...299).contains(answer.status) { return .succeeded }
    return .failed("GET \(http.path) on port \(http.port) answers \(answer.status)")
  }

  private func describe(_ error: any Error) -> String {
    switch self.probe.kind {
    case .http(let http): "port \(http.port): \(HTTPProbeError.reason(error))"
    case .tcp(let tcp): "port \(tcp.port): \(HTTPProbeError.reason(error))"
    case .canary(let canary): "port \(canary.port): \(HTTPProbeError.reason(error))"
    case .exec, .log, nil: "\(error)"
    }
  }
}
