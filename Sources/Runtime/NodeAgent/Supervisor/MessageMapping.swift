import Health
import NodeAPI

extension Muster_V1_ReplicaState {
  init(_ phase: ReplicaPhase) {
    self =
      switch phase {
      case .waiting: .waiting
      case .starting: .starting
      case .loading: .loading
      case .canary: .canary
      case .ready: .ready
      case .busy: .busy
      case .stalled: .stalled
      case .draining: .draining
      case .stopping: .stopping
      case .stopped: .stopped
      case .backoff: .backoff
      case .failed: .failed
      }
  }
}

extension ReplicaPhase {
  /// A state that this version does not know is one of which nothing is known: waiting.
  init(_ state: Muster_V1_ReplicaState) {
    self =
      switch state {
      case .waiting, .unspecified, .UNRECOGNIZED: .waiting
      case .starting: .starting
      case .loading: .loading
      case .canary: .canary
      case .ready: .ready
      case .busy: .busy
      case .stalled: .stalled
      case .draining: .draining
      case .stopping: .stopping
      case .stopped: .stopped
      case .backoff: .backoff
      case .failed: .failed
      }
  }
}

extension ReplicaKey {
  init(_ spec: Muster_V1_ReplicaSpec) {
    self.init(service: spec.service, index: Int(spec.index))
  }
}

extension ReplicaSettings {
  init(_ spec: Muster_V1_ReplicaSpec) {
    var asksCanaries = false
    if case .canary = spec.probe.kind { asksCanaries = true }
    self.init(
      isProbed: spec.probe.kind != nil, asksCanaries: asksCanaries,
      readyTimeout: .seconds(max(1, Int(spec.readyTimeoutSeconds))),
      stopGrace: .seconds(Int(spec.stopGraceSeconds)), isTask: spec.task)
    // Other servers may write a line for each connection.
    if !asksCanaries { self.liveness.lookInterval = .seconds(5) }
  }
}
