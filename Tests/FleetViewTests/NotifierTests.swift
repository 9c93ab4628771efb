import Coordinator
import Fleet
import FleetView
import Foundation
import Health
import Launch
import Manifest
import Testing

/// A notifier with a real command.
struct NotifierTests {
  @Test(arguments: [
    "e" + String(repeating: "\u{301}", count: 20_000), String(repeating: "\u{1}", count: 9000),
  ])
  func `a command hears of a failure, whatever a server has made its reason of`(
    _ reason: String
  ) async throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "notifier-\(UUID().uuidString)").path()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var settings = ManifestNotify()
    settings.command = ["sh", "-c", "cat > '\(path)'"]
    settings.events = [.failed]
    try await Notifier.during(
      settings, run: "r", clock: ContinuousClock(),
      tell: { Issue.record("\($0.summary)") }
    ) { notifier in
      let key = ReplicaKey(service: "policy", index: 0)
      notifier?.see(
        .reported(ReplicaReport(node: "n1", key: key, state: .failed, reason: reason)))
    }
    let told = try Data(contentsOf: URL(filePath: path))
    let object = try JSONSerialization.jsonObject(with: told) as? [String: Any]
    #expect(object?["event"] as? String == "failed" && object?["service"] as? String == "policy")
    #expect((object?["reason"] as? String)?.isEmpty == false)
  }
}
