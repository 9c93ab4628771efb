import Foundation
import Testing

/// Nodes and records that are not to be trusted, through the built programs.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct TrustTests {
  private static func services(on nodes: String, script: String = "exec sleep 600") -> String {
    """
      job:
        recipe: command
        run: '\(script)'
        on: '\(nodes)'
    """
  }

  /// Another manifest of the same cluster.
  private static func manifest(
    _ name: String, _ services: String, of cluster: LabCluster
  ) throws -> String {
    let path = cluster.folder.appending(path: name).path()
    try """
    muster: 1
    name: \(cluster.name)
    include: ['.lab/nodes.yaml']
    services:
    \(services)
    """.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private static func runs(_ folder: String, of cluster: LabCluster) -> [String] {
    ["--runs", cluster.folder.appending(path: folder).path()]
  }

  @Test func `nodes that name several runs send nobody to one of them, and down ends each`() throws
  {
    try LabCluster.with(hostCount: 3, services: Self.services(on: "node[01-02]")) { cluster in
      let (first, second) = (Self.runs("one", of: cluster), Self.runs("two", of: cluster))
      let other = try Self.manifest("other.yaml", Self.services(on: "node03"), of: cluster)
      #expect(try cluster.muster(["up", cluster.manifest] + first).status == 0)
      #expect(try cluster.muster(["up", other] + second).status == 0)
      let third = Self.runs("three", of: cluster)
      for command in ["status", "endpoints"] {
        let ending = try cluster.muster([command, cluster.manifest] + third)
        #expect(ending.status == 1, "\(command): \(ending.talk)")
        #expect(ending.talk.contains(" on node[01-02]"), "\(command): \(ending.talk)")
        #expect(ending.talk.contains(" on node03"), "\(command): \(ending.talk)")
      }
      let down = try cluster.muster(["down", cluster.manifest] + third)
      #expect(down.status == 0, "\(down.talk)")
      #expect(down.talk.components(separatedBy: "nothing is left on").count == 3, "\(down.talk)")
      let after = try cluster.muster(["status", cluster.manifest] + Self.runs("four", of: cluster))
      #expect(after.status == 1 && after.talk.contains("no run of"), "\(after.talk)")
    }
  }

  @Test func `a replica that its node has lost is told, and down is not 0`() throws {
    try LabCluster.with(hostCount: 2, services: Self.services(on: "node[01-02]")) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let run = try #require(try cluster.runs().last).lastPathComponent
      // As if it had never been there: its daemon, its process, what its node keeps of it.
      let mark = "MUSTER_RUN=\(run)/node02"
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard let process = Int32(name) else { continue }
        func text(_ file: String) -> String {
          let data = try? Data(contentsOf: URL(filePath: "/proc/\(name)/\(file)"))
          return String(decoding: data ?? Data(), as: UTF8.self)
        }
        let line = text("cmdline")
        if line.contains("\0\(run)\0") && line.contains("\0node02\0")
          || text("environ").contains(mark)
        {
          kill(process, SIGKILL)
        }
      }
      let state = "\(LabCluster.home)/.local/state/muster/runs/\(run)/node02"
      try FileManager.default.removeItem(atPath: state)
      let elsewhere = Self.runs("elsewhere", of: cluster)
      let down = try cluster.muster(["down", cluster.manifest] + elsewhere)
      #expect(down.status == 1, "\(down.talk)")
      #expect(down.talk.contains("node02: `job/1` is planned there, and nobody"), "\(down.talk)")
    }
  }

  private struct Status: Decodable {
    struct Replica: Decodable, Equatable {
      var index: Int
      var node: String
      var state: String
      var pid: Int
    }
    var replicas: [Replica]
  }

  private static func status(_ manifest: String, of cluster: LabCluster) throws -> [Status.Replica]
  {
    let ending = try cluster.muster(["status", manifest, "--format", "json"])
    return try JSONDecoder().decode(Status.self, from: Data(ending.output.utf8)).replicas
  }

  @Test func `a node that speaks for another's replica is not heard`() throws {
    try LabCluster.with(hostCount: 2, services: Self.services(on: "node[01-02]")) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let before = try Self.status(cluster.manifest, of: cluster)
      #expect(before.map(\.state) == ["ready", "ready"])
      // The same run by a plan in which the first replica is on the second node: both speak for it.
      let moved = Self.services(on: "node02", script: "exec sleep 601")
      let other = try Self.manifest("other.yaml", moved, of: cluster)
      let run = try #require(try cluster.runs().last)
      let copy = cluster.folder.appending(path: "two/\(cluster.name)")
      try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
      let folder = copy.appending(path: run.lastPathComponent)
      try FileManager.default.copyItem(at: run, to: folder)
      let plan = try cluster.muster(["plan", other, "--format", "json"])
      try plan.output.write(
        to: folder.appending(path: "plan.json"), atomically: true, encoding: .utf8)
      let up = try cluster.muster(["up", other] + Self.runs("two", of: cluster))
      #expect(up.status == 0, "\(up.talk)")
      #expect(try Self.status(cluster.manifest, of: cluster) == before)
      let why = try cluster.muster(["why", cluster.manifest, "job/0", "--format", "json"])
      #expect(!why.output.contains("node02"), "\(why.output)")
    }
  }

  @Test func `a plan of more than 4 MiB is launched, looked at, and ended from anywhere`() throws {
    // Of 60 replicas with 90 kB each, of a manifest of less than 1 MiB.
    let script = "exec sleep 600 # " + String(repeating: "x", count: 90_000)
    let services = (0..<10).map { number in
      """
        job\(number):
          recipe: command
          replicas: 6
          run: '\(script)'
      """
    }.joined(separator: "\n")
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest], timeout: .seconds(120))
      #expect(up.status == 0, "\(up.talk.suffix(2000))")
      let plan = try #require(try cluster.runs().last).appending(path: "plan.json")
      #expect(try Data(contentsOf: plan).count > 4 << 20)
      let elsewhere = Self.runs("elsewhere", of: cluster)
      let status = try cluster.muster(["status", cluster.manifest] + elsewhere)
      #expect(status.status == 0, "\(status.talk.suffix(2000))")
      let down = try cluster.muster(["down", cluster.manifest] + elsewhere)
      #expect(down.status == 0, "\(down.talk.suffix(2000))")
    }
  }

  @Test func `a record that is broken is no result, and resuming does its item again`() throws {
    let work = ["--policy", "lru", "-n", "200", "-r", "1", "--seed", "9"]
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["eval", cluster.manifest] + work).status == 0)
      let run = try #require(try cluster.runs().last)
      let expected = try cluster.merged(run)
      let records = run.appending(path: "records")
      let files = try FileManager.default.contentsOfDirectory(
        at: records, includingPropertiesForKeys: nil)
      let file = try #require(try files.first { try !Data(contentsOf: $0).isEmpty })
      try Self.breakRecord(in: file)
      let merge = try cluster.muster(["merge", run.path()])
      #expect(merge.status == 3 && merge.talk.contains("1 missing"), "\(merge.talk)")
      let report = try cluster.muster(["report", run.path()])
      #expect(report.status == 3, "\(report.talk)")
      let resumed = try cluster.muster(["eval", cluster.manifest, "--resume"] + work)
      #expect(resumed.status == 0, "\(resumed.talk)")
      #expect(try cluster.merged(run) == expected)
    }
  }

  /// Breaks the JSON of the first record of a record file, and makes the checksums right.
  private static func breakRecord(in file: URL) throws {
    let bytes = [UInt8](try Data(contentsOf: file))
    let end = try #require(bytes.firstIndex(of: 10))
    var header = String(decoding: bytes[..<end], as: UTF8.self)
    let size = try #require(Self.number(after: #""bytes":"#, in: header))
    var lines = Array(bytes[(end + 1)...].prefix(size))
    let brace = try #require(lines.firstIndex(of: 10)) - 1
    lines[brace] = UInt8(ascii: "]")
    func checksum(_ bytes: [UInt8]) -> String {
      let text = String(Self.crc32c(bytes), radix: 16)
      return String(repeating: "0", count: 8 - text.count) + text
    }
    header = String(header.prefix(upTo: try #require(header.range(of: #","crc32c":""#)).lowerBound))
    header += #","crc32c":"\#(checksum(lines))""#
    header += #","header_crc32c":"\#(checksum(Array(header.utf8)))"}}"#
    let rest = bytes[(end + 1 + size)...]
    try Data(Array((header + "\n").utf8) + lines + rest).write(to: file)
  }

  private static func number(after text: String, in line: String) -> Int? {
    line.range(of: text).flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
  }

  /// Source: RFC 3720, appendix B.4, bit by bit.
  private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
  }
}
