import GRPCCore
import NodeAPI

/// Sends the events of a node, and those to come.
struct EventStream: Sendable {
  let log: EventLog

  func send(
    _ request: Muster_V1_EventsRequest, to response: RPCWriter<Muster_V1_NodeEvent>
  ) async throws {
    var sequence = request.after
    for await _ in self.log.bell.rings() {
      for event in self.log.events(after: sequence) {
        try await response.write(event)
        sequence = event.sequence
      }
      if !request.follow { return }
    }
  }
}
