import Foundation
import Testing

/// Who is told of changes of state, by a command or a webhook.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct NotifyTests {
  @Test func `a failure is told to the command of notify, and why has its reason and last lines`()
    throws
  {
    let services = """
        broken:
          recipe: command
          argv: [sh, -c, "echo the reason; exit 3"]
          probe: {tcp: 1}
      notify:
        command: [sh, -c, "cat >> told; echo $MUSTER_EVENT $MUSTER_SERVICE >> told"]
        on: [failed]
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 1, "\(up.talk)")
      let told = try String(contentsOf: cluster.folder.appending(path: "told"), encoding: .utf8)
      #expect(told.contains(#""event":"failed""#) && told.contains("status 3"), "\(told)")
      #expect(told.contains("failed broken\n"), "\(told)")
      let why = try cluster.muster(["why", cluster.manifest, "broken"])
      #expect(why.status == 0, "\(why.talk)")
      #expect(why.output.contains("status 3"), "\(why.output)")
      #expect(why.output.contains("  the reason\n"), "\(why.output)")
      #expect(why.output.contains("next: `muster up "), "\(why.output)")
    }
  }

  @Test func `a command of notify that fails is said once and fails no launch`() throws {
    let services = """
        quick:
          recipe: command
          run: exec sleep 600
      notify: {command: [sh, -c, "exit 7"], on: [ready, failed], every: 1}
      """
    try LabCluster.with(hostCount: 2, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      #expect(up.talk.components(separatedBy: "command of `notify`").count == 2, "\(up.talk)")
      #expect(up.talk.contains("status 7"), "\(up.talk)")
    }
  }

  /// A webhook's path is its password.
  @Test func `a failure is told to the webhook of notify, and its URL nowhere`() throws {
    let canary = "canary\(UInt64.random(in: 0..<UInt64.max))"
    let receiver = try WebhookReceiver(answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    defer { receiver.close() }
    let services = """
        broken:
          recipe: command
          argv: [sh, -c, "exit 3"]
          probe: {tcp: 1}
      notify: {webhook: "\(receiver.url)/services/\(canary)?key=\(canary)", on: [failed]}
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 1, "\(up.talk)")
      #expect(!up.talk.contains("webhook"), "\(up.talk)")
      let requests = receiver.requests
      try #require(requests.count == 1, "\(requests)")
      #expect(requests[0].hasPrefix("POST /services/\(canary)?key=\(canary) HTTP/1.1\r\n"))
      try Self.checkMessage(requests[0])
      let collect = try cluster.muster(["collect", cluster.manifest, "--output", "bundle.tar.gz"])
      let unpacked = try BuiltProgram(
        executable: "/bin/tar", arguments: ["-xzf", "bundle.tar.gz"], folder: cluster.folder
      ).run()
      #expect(unpacked.status == 0)
      try FileManager.default.removeItem(atPath: cluster.manifest)
      // Run folder, journal and bundle lie below the first.
      let folders = [".", "\(NSHomeDirectory())/.local/state/muster", "/tmp/muster-\(getuid())"]
      let found = try BuiltProgram(
        executable: "/bin/grep",
        arguments: ["-rlas", "--exclude=muster-node", canary]
          + folders.filter {
            $0 == "." || FileManager.default.fileExists(atPath: $0)
          }, folder: cluster.folder
      ).run()
      #expect(found.status == 1, "\(found.output)")
      for text in [up.talk, up.output, collect.talk, collect.output] {
        #expect(!text.contains(canary), "\(text)")
      }
    }
  }

  private static func checkMessage(_ request: String) throws {
    let body = try #require(request.range(of: "\r\n\r\n")).upperBound
    #expect(request[..<body].lowercased().contains("content-type: application/json"))
    let message = try #require(
      try JSONSerialization.jsonObject(with: Data(request[body...].utf8)) as? [String: Any])
    let names = ["event", "index", "more", "node", "reason", "run", "service", "state", "text"]
    #expect(message.keys.sorted() == names)
    #expect(message["event"] as? String == "failed" && message["state"] as? String == "failed")
    #expect(message["service"] as? String == "broken" && message["index"] as? Int == 0)
    #expect(message["more"] as? Int == 0)
    #expect((message["reason"] as? String)?.contains("status 3") == true)
    #expect((message["text"] as? String)?.hasPrefix("`broken/0` failed on ") == true)
  }

  /// Two services, so that there are two messages.
  @Test(arguments: [
    (nil, "no answer within 10.0 s"),
    ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status 500"),
  ])
  func `a webhook that takes nothing is said once, without its URL, and holds nothing up`(
    answer: String?, fault: String
  ) throws {
    let canary = "canary\(UInt64.random(in: 0..<UInt64.max))"
    let receiver = try WebhookReceiver(answer: answer)
    defer { receiver.close() }
    let services = """
        one: {recipe: command, run: exec sleep 600}
        two: {recipe: command, run: exec sleep 600}
      notify: {webhook: "\(receiver.url)/\(canary)", on: [ready], every: 1}
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      let words = up.talk.components(separatedBy: "the webhook of `notify`: ")
      #expect(words.count == 2 && words[1].hasPrefix("\(fault)\n"), "\(up.talk)")
      #expect(!up.talk.contains(canary), "\(up.talk)")
      // Being ready takes some 3 s, the messages at most 10 s after that.
      #expect(up.elapsed < .seconds(25))
    }
  }
}
