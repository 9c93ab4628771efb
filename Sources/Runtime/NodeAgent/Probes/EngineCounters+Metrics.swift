import Health
import Telemetry

extension EngineCounters {
  /// Lines of a page that are left out before the page is: more are no slip, but another format.
  private static let wrongLineCountMax = 8

  /// - Parameter page: Text of `/metrics`; lines that are not of that form are left out.
  init(metrics page: [UInt8]) {
    let reading = Self.reading(page)
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
