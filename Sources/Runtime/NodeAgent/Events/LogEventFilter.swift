import NodeAPI
import SwiftProtobuf
import Telemetry

/// Finds lines of a log that tell of GPUs and of the network between them, and passes on a few: a
/// process in trouble writes the same line from every thread.
struct LogEventFilter: Sendable {
  /// Passed on in a window.
  private static let countMax = 10

  /// Looks in a window, which is a minute.
  private let windowLookCount: Int
  private var lookCount = 0
  private var count = 0

  /// - Parameter windowLookCount: By default that of ten looks a second.
  init(windowLookCount: Int = 600) {
    self.windowLookCount = windowLookCount
  }

  /// Called once a look.
  ///
  /// - Returns: Events without sequence, time and replica.
  mutating func events(in lines: [String]) -> [Muster_V1_NodeEvent] {
    self.lookCount += 1
    var events: [Muster_V1_NodeEvent] = []
    if self.lookCount % self.windowLookCount == 0 {
      if self.count > Self.countMax {
        events.append(
          .with {
            $0.kind = "log"
            $0.text = "and \(self.count - Self.countMax) more lines of that kind within a minute"
          })
      }
      self.count = 0
    }
    for line in lines {
      guard let found = LogEvent(line: line.utf8) else { continue }
      self.count += 1
      guard self.count <= Self.countMax else { continue }
      events.append(
        .with {
          $0.kind = found.kind.word
          $0.text = found.text
        })
    }
    return events
  }
}

extension LogEvent.Kind {
  /// As node.proto has it.
  var word: String {
    switch self {
    case .xid, .sxid, .gpuLost: "xid"
    case .collectiveTimeout, .ncclError, .ncclWarning: "nccl"
    case .cudaError, .cudaOutOfMemory: "cuda"
    }
  }
}
