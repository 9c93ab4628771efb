import NodeAPI
import SwiftProtobuf
import Synchronization

/// Reports on their way to one caller, gathered into messages.
final class ScrapeBatches: Sendable {
  /// Of all that wait for a slow link; newer ones are dropped, and come again.
  private static let pendingSizeMax = 16 << 20
  /// Of the pages in one message; a larger page goes alone.
  private static let batchSizeMax = 1 << 20

  private struct State {
    var reports: [Muster_V1_ScrapeReport] = []
    var size = 0
  }

  private let state = Mutex(State())

  func add(_ report: Muster_V1_ScrapeReport) {
    let size = Self.size(of: report)
    self.state.withLock { state in
      guard state.size + size <= Self.pendingSizeMax else { return }
      state.reports.append(report)
      state.size += size
    }
  }

  /// All that waits, in messages in the order in which it came.
  func take() -> [Muster_V1_ScrapeReport] {
    let reports = self.state.withLock { state in
      let reports = state.reports
      state = State()
      return reports
    }
    var batches: [[Muster_V1_ScrapeReport]] = []
    var size = 0
    for report in reports {
      let own = Self.size(of: report)
      if batches.isEmpty || size + own > Self.batchSizeMax {
        batches.append([])
        size = 0
      }
      batches[batches.count - 1].append(report)
      size += own
    }
    return batches.map { reports in
      reports.count == 1 ? reports[0] : .with { $0.batch.reports = reports }
    }
  }

  /// About: what else is in a report is small.
  private static func size(of report: Muster_V1_ScrapeReport) -> Int {
    report.page.text.count + 256
  }
}
