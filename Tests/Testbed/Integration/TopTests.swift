import Foundation
import Testing

/// `muster top` as a user runs it, on real hosts and a pseudo terminal.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct TopTests {
  private struct Sight: Decodable {
    struct Replica: Decodable {
      var node: String
      var state: String
      var attempt: Int?
      var running: Double?
      var tokens: Double?
      var age: Double?

      enum CodingKeys: String, CodingKey {
        case node, state, attempt, running
        case tokens = "generation_tokens_per_second"
        case age = "age_seconds"
      }
    }

    struct Service: Decodable {
      var service: String
      var ready: Int
      var replicas: Int
      var verdict: String
    }

    var replicas: [Replica]
    var services: [Service]
    var rollouts: Int?
  }

  private struct Replay: Decodable {
    struct Entry: Decodable {
      var kind: String
      var milliseconds: Int
      var service: String
      var event: String?
      var node: String?
      var ready: Int?
      var running: Double?
    }

    var timeline: [Entry]
  }

  private static func decoded<Value: Decodable>(_ ending: BuiltProgram.Ending) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(ending.output.utf8))
  }

  @Test func `one table has numbers of each replica, and the journal keeps them`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let results = cluster.folder.appending(path: "results.jsonl")
      try Data("1\n2\n3\n".utf8).write(to: results)
      let json = ["top", cluster.manifest, "--once", "--interval", "1", "--format", "json"]
      let once = try cluster.muster(json + ["--watch-file", results.path()])
      #expect(once.status == 0, "\(once.talk)")
      let sight: Sight = try Self.decoded(once)
      #expect(sight.replicas.map(\.node) == ["node01", "node02"])
      for replica in sight.replicas {
        #expect(replica.state == "ready" && replica.attempt == 1)
        // Nothing runs and nothing is unknown: there are two pages of each.
        #expect(replica.running == 0 && replica.tokens == 0 && replica.age != nil)
      }
      #expect(sight.services.map(\.service) == ["policy"] && sight.services[0].ready == 2)
      #expect(sight.services[0].replicas == 2)
      // Both hosts are this machine, and the file is one.
      #expect(sight.rollouts == 3)
      let table = try cluster.muster(["top", cluster.manifest, "--interval", "1"])
      #expect(table.status == 0 && table.output.contains("node01  policy/0  ready"))
      try Self.replays(cluster)
    }
  }

  /// What the commands above and `up` saw, each thing once.
  private static func replays(_ cluster: LabCluster) throws {
    let replay: Replay = try Self.decoded(
      try cluster.muster(["top", cluster.manifest, "--replay", "--format", "json"]))
    let samples = replay.timeline.filter { $0.kind == "sample" }
    #expect(samples.count == 2)
    #expect(samples.allSatisfy { $0.service == "policy" && $0.ready == 2 && $0.running == 0 })
    let ready = replay.timeline.filter { $0.event == "ready" }
    #expect(ready.compactMap(\.node).sorted() == ["node01", "node02"])
    let times = replay.timeline.map(\.milliseconds)
    #expect(times == times.sorted())
    // The chain of a replica tells nothing twice, and no samples.
    let why = try cluster.muster(["why", cluster.manifest, "policy/0"])
    #expect(why.output.contains("ready") && !why.output.contains("×"), "\(why.output)")
    #expect(!why.output.contains("sample"))
    let table = try cluster.muster(["top", cluster.manifest, "--replay"])
    #expect(table.status == 0 && table.output.contains("policy    unknown"))
    #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
    #expect(try cluster.muster(["top", cluster.manifest, "--replay"]).status == 0)
  }

  @Test func `what it saw is in the journal after a hard kill`() throws {
    try LabCluster.with(hostCount: 1) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let arguments = ["top", cluster.manifest, "--interval", "1", "--format", "json"]
      let top = try cluster.command(arguments).start()
      func samples() throws -> Int {
        let replay: Replay = try Self.decoded(
          try cluster.muster(["top", cluster.manifest, "--replay", "--format", "json"]))
        return replay.timeline.count { $0.kind == "sample" && $0.running == 0 }
      }
      let deadline = ContinuousClock.now.advanced(by: .seconds(20))
      while try samples() == 0, ContinuousClock.now < deadline { sched_yield() }
      top.send(SIGKILL)
      let ending = top.end(timeout: .seconds(10))
      #expect(ending.status == 128 + SIGKILL && ending.output.hasPrefix("{\"run\":"))
      #expect(try samples() == 1)
    }
  }

  /// Starts `top` on a pseudo terminal, ends it as `ending` says, and prints what the terminal was.
  private static let onTerminal = """
    import fcntl, json, os, pty, select, signal, struct, subprocess, sys, termios, time
    muster, manifest, ending = sys.argv[1:]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    before = termios.tcgetattr(slave)
    def own():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    environment = dict(os.environ, TERM="xterm")
    top = subprocess.Popen([muster, "top", manifest], stdin=slave, stdout=slave, stderr=slave,
                           preexec_fn=own, env=environment)
    text, sent, deadline, during = b"", False, time.time() + 30, None
    while time.time() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            text += os.read(master, 65536)
        elif top.poll() is not None:
            break
        if not sent and b"policy/0" in text and b"1/1" in text:
            sent, during = True, termios.tcgetattr(slave)
            if ending == "TERM":
                top.send_signal(signal.SIGTERM)
            else:
                os.write(master, {"q": b"q", "Ctrl-C": b"\\x03"}[ending])
    top.poll() is None and top.kill()
    left = text.find(b"\\x1b[?25h\\x1b[?1049l")
    print(json.dumps({
        "status": top.wait(), "restored": termios.tcgetattr(slave) == before,
        "raw": during is not None and not during[3] & (termios.ICANON | termios.ECHO),
        "entered": b"\\x1b[?1049h\\x1b[?25l" in text, "left": left >= 0,
        "talk": text[left:].decode()}))
    """

  private struct Terminal: Decodable {
    var status: Int
    var restored: Bool
    var raw: Bool
    var entered: Bool
    var left: Bool
    var talk: String
  }

  @Test func `the terminal is as it was after q, Ctrl-C and TERM`() throws {
    try LabCluster.with(hostCount: 1) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      for (ending, status) in [("q", 0), ("Ctrl-C", 130), ("TERM", 130)] {
        let program = BuiltProgram(
          executable: "/usr/bin/env",
          arguments: [
            "python3", "-c", Self.onTerminal, BuiltProgram.muster, cluster.manifest, ending,
          ])
        let result = try program.run()
        #expect(result.status == 0, "\(ending): \(result.talk)")
        let terminal: Terminal = try Self.decoded(result)
        #expect(terminal.entered && terminal.raw, "\(ending)")
        #expect(terminal.restored && terminal.left, "\(ending)")
        #expect(terminal.status == status, "\(ending): \(terminal.talk)")
        #expect(terminal.talk.contains("interrupted") == (status == 130), "\(terminal.talk)")
      }
    }
  }
}
