import Foundation
import Testing

/// `muster serve --metrics` as a user runs it, on real sshd hosts with the stub model server.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct ServeTests {
  private static func get(_ url: String) throws -> BuiltProgram.Ending {
    try BuiltProgram(
      executable: "/usr/bin/curl", arguments: ["-sS", "-i", "--max-time", "5", url]
    ).run()
  }

  /// The page once it says all of `words`; the last one after 20 s.
  private static func page(_ url: String, saying words: [String]) throws -> String {
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while true {
      let page = try Self.get(url).output
      if words.allSatisfy({ page.contains($0) }) || ContinuousClock.now > deadline { return page }
      usleep(200_000)
    }
  }

  @Test func `both nodes are on one page, a taken port is told, and an interrupt ends it at once`()
    throws
  {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let address = "127.0.0.1:\(Int.random(in: 20000..<30000))"
      let command = ["serve", cluster.manifest, "--metrics", address, "--interval", "1"]
      let serve = try cluster.command(command).start()
      let url = "http://\(address)/metrics"
      let labels = (0..<2).map { "service=\"policy\",replica=\"\($0)\"" }
      let words = labels.flatMap { labels in
        ["\(labels),state=\"ready\"} 1.0\n", "\(labels),engine=\"0\",", "\(labels)} 1.0\n"]
      }
      let rate = "muster_service_generation_tokens_per_second{service=\"policy\"} 0.0\n"
      let page = try Self.page(url, saying: words + [rate])
      for word in words + [rate] { #expect(page.contains(word), "\(word): \(page.prefix(2000))") }
      #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n") && page.contains("version=0.0.4"))
      #expect(page.contains("vllm:num_requests_running{node=\""), "\(page.suffix(2000))")
      #expect(
        page.split(separator: "\n").filter { $0.hasPrefix("muster_node_reachable") }.count == 2)
      #expect(serve.talkSoFar.contains("its metrics are at \(url)"), "\(serve.talkSoFar)")
      let second = try cluster.muster(command)
      #expect(second.status == 1 && second.talk.contains("cannot listen on \(address)"))
      // It has taken nothing over: the run can be ended beside it, and its end is seen.
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
      let begin = ContinuousClock.now
      serve.send(SIGINT)
      let ending = serve.end(timeout: .seconds(10))
      #expect(ending.status == 130, "\(ending.talk)")
      #expect(begin.duration(to: .now) < .seconds(1.5))
    }
  }

  /// Both hosts have one network here, so that each finds the page at its own loopback address.
  @Test func `an exporter is asked on a node where no service runs, and down ends its agent`()
    throws
  {
    let port = Int.random(in: 20000..<30000)
    let services = """
        policy:
          recipe: vllm
          executable: \(BuiltProgram.products.appending(path: "stub-model-server").path())
          model: tiny
          port: \(port)
          on: node01
      exporters: [{name: other, port: \(port)}]
      """
    try LabCluster.with(hostCount: 2, services: services) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let address = "127.0.0.1:\(Int.random(in: 30000..<40000))"
      let serve = try cluster.command(
        ["serve", cluster.manifest, "--metrics", address, "--interval", "1"]
      ).start()
      let words = [
        "vllm:num_requests_running{node=\"node01\",exporter=\"other\"",
        "vllm:num_requests_running{node=\"node02\",exporter=\"other\"",
        "muster_node_reachable{node=\"node02\"} 1",
      ]
      let page = try Self.page("http://\(address)/metrics", saying: words)
      for word in words { #expect(page.contains(word), "\(word): \(page.prefix(4000))") }
      let top = try cluster.muster(["top", cluster.manifest, "--once", "--format", "json"])
      #expect(top.status == 0 && top.output.contains("\"node02\""), "\(top.talk) \(top.output)")
      serve.send(SIGINT)
      #expect(serve.end(timeout: .seconds(10)).status == 130)
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(
        down.status == 0 && down.talk.contains("nothing is left on node[01-02]"), "\(down.talk)")
    }
  }

  @Test func `a wrong command line is told`() throws {
    for arguments in [
      ["x.yaml"], ["x.yaml", "--metrics", "here"], ["x.yaml", "--metrics", "a:0"],
    ] {
      let ending = try BuiltProgram(
        executable: BuiltProgram.muster, arguments: ["serve"] + arguments
      ).run()
      #expect(ending.status == 64, "\(arguments): \(ending.talk)")
    }
  }
}
