package import Coordinator
package import Fleet
package import Runs

/// What a run's journal has of its timeline: the numbers of its services, and what happened.
package struct RunReplay: Sendable {
  package enum Entry: Sendable {
    case sample(ServiceSample)
    case event(ChainEvent)
  }

  package let run: String
  /// Oldest first.
  package let entries: [(milliseconds: Int64, entry: Entry)]
}

extension RunReplay {
  package init(_ run: LiveRun) throws(RunFault) {
    self.run = run.id
    // What two commands saw at once, or one of them twice, is told once.
    var timeline = FleetTimeline(journal: [])
    // Facts of nodes are long, and no part of the story.
    for event in try run.chain() where event.what != "facts" { timeline.add(event) }
    let samples = try run.samples().compactMap { milliseconds, json in
      ServiceSample(json: json).map { (milliseconds, Entry.sample($0)) }
    }
    let entries = samples + timeline.take().map { ($0.milliseconds, .event($0)) }
    self.entries = entries.sorted { $0.0 < $1.0 }
  }

  /// One object, its timeline oldest first.
  package var json: JSONText {
    let timeline = self.entries.map { milliseconds, entry in
      switch entry {
      case .sample(let sample):
        JSONText.object(
          [
            ("kind", .string(LiveRun.sampleKind)),
            ("time", .string(ChainEvent.time(milliseconds))),
            ("milliseconds", .integer(Int(milliseconds))),
          ] + sample.members)
      case .event(let event):
        JSONText.object([("kind", .string("event"))] + event.members())
      }
    }
    return .object([("run", .string(self.run)), ("timeline", .array(timeline))])
  }
}
