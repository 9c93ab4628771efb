import Fleet

/// What befalls a ``ServiceWorld``.
enum ServiceFault {
  /// `nil`: for good.
  case stop(replica: Int, SimEngine.Condition, Milliseconds?)
  /// The server goes after so long, with status 0; `nil`: it stays, and `/health` answers 503.
  case killEngine(replica: Int, Milliseconds?)
  /// Its engine and workers live on.
  case killServer(replica: Int)
  /// The agent does not run; the whole node does not if it is frozen.
  case pause(node: Int, Milliseconds, isFrozen: Bool)
  case cut(node: Int, Milliseconds)
  /// The coordinator does not run.
  case stall(Milliseconds)
}

/// How the start of a replica ends. Times are from its launch.
enum LaunchFate: Equatable {
  case loads(Milliseconds)
  case exits(Milliseconds)
  /// It loads and serves another model.
  case wrongModel(Milliseconds)
  /// Its port stays closed.
  case neverListens
  /// Its port is open after so long, and completions fail.
  case neverAnswers(Milliseconds)

  var isFatal: Bool {
    switch self {
    case .loads: false
    case .exits, .wrongModel, .neverListens, .neverAnswers: true
    }
  }
}

/// What is to be found, each within its bound.
enum FaultKind: String, CaseIterable {
  case exitWhileLoading = "exit while loading: failed"
  case wrongModel = "wrong model: failed"
  case neverReady = "never ready: failed, after its time"
  case engineKilled = "engine killed: failed"
  case engineKilledAndServerStays = "engine killed, server stays: failed"
  case serverKilled = "server killed: failed"
  case stopWithRequests = "engine stopped with requests: stalled"
  case stopAtRest = "engine stopped at rest: stalled"
  case hangWithRequests = "engine hangs with requests: stalled"
  case hangAtRest = "engine hangs at rest: stalled"
  case serverStopped = "server stopped: stalled"
  case portClosed = "port closed: stalled"
  case goesOn = "after CONT: not stalled"

  /// From the fault to the word, in time in which the agent runs; a look that is late or lost for
  /// another reason comes on top.
  var bound: Milliseconds {
    switch self {
    case .exitWhileLoading, .neverReady, .serverKilled: 1000
    // The server goes on its own, or two looks show it.
    case .wrongModel: 2000
    case .engineKilled, .engineKilledAndServerStays, .goesOn: 10_000
    case .stopWithRequests, .hangWithRequests, .serverStopped, .portClosed: 15_000
    case .stopAtRest, .hangAtRest: 30_000
    }
  }
}
