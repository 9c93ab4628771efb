import Health
import NodeAPI
import SwiftProtobuf

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

extension Muster_V1_NodeEvent {
  /// A replica has entered a state.
  init(_ status: Muster_V1_ReplicaStatus) {
    self = .with {
      $0.kind = "state"
      $0.service = status.service
      $0.index = status.index
      $0.attempt = status.attempt
      $0.state = status.state
      $0.text = status.reason
    }
  }
}

extension ReplicaKey {
  init(_ spec: Muster_V1_ReplicaSpec) {
    self.init(service: spec.service, index: Int(spec.index))
  }
}

extension ScrapeEndpoint {
  /// `nil` for a replica that shows none.
  init?(_ spec: Muster_V1_ReplicaSpec) {
    let place: (port: UInt32, path: String)
    if spec.hasMetrics {
      place = (spec.metrics.port, spec.metrics.path)
    } else if case .canary(let canary) = spec.probe.kind {
      place = (canary.port, "/metrics")
    } else {
      return nil
    }
    self.init(
      service: spec.service, index: Int(spec.index), target: "",
      address: ModelServerAccess.address(spec.argv), port: Int(place.port), path: place.path)
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
