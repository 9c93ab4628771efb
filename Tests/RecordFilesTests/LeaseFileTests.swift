import OperatingSystem
import RecordFiles
import Rollouts
import Testing

struct LeaseFileTests {
  private let folder = ScratchFolder()
  private var path: String { "\(self.folder.path)/leases.jsonl" }
  private static let leases = [
    ("n1", Lease(id: 7, items: [0..<4, 8..<9], attempt: 1)),
    ("n-2.a", Lease(id: 8, items: [4..<8], attempt: 1)),
    ("n1", Lease(id: 1 << 60, items: [2..<3], attempt: 2)),
  ]

  private static func known(_ count: Int) -> [String: LeasedItems] {
    Self.leases.prefix(count).reduce(into: [:]) { $0[$1.0, default: LeasedItems()].add($1.1) }
  }

  @Test func `what was leased to whom is known again, from a file cut at any byte`() async throws {
    let file = try LeaseFile(path: self.path)
    #expect(file.known.isEmpty)
    var ends: [Int] = []
    for (node, lease) in Self.leases {
      try await file.append(lease, to: node)
      ends.append(try PlainFile.read(self.path, whole: 1 << 20).count)
    }
    let whole = try PlainFile.read(self.path, whole: 1 << 20)
    for size in 0...whole.count {
      try PlainFile.publish(Array(whole[..<size]), at: self.path, durably: false)
      let again = try LeaseFile(path: self.path)
      let count = ends.count { $0 <= size }
      #expect(again.known == Self.known(count), "\(size)")
      // What is appended next stands where the rest of a line was.
      try await again.append(Self.leases[0].1, to: "n3")
      #expect(try LeaseFile(path: self.path).known["n3"]?[1] == [0..<4, 8..<9])
    }
    #expect(Self.known(3)["n1"]?.attemptLast == 2 && Self.known(3)["n1"]?.leaseIDLast == 1 << 60)
  }

  @Test(arguments: [
    #"{"node":"n1","lease":7,"attempt":0,"items":[0,4]}"#,
    #"{"node":"n1","lease":7,"attempt":1,"items":[4,0]}"#,
    #"{"node":"n1","lease":7,"attempt":1,"items":[]}"#,
    #"{"node":"n1","lease":7,"attempt":1,"items":[0,4]} "#,
    #"{"node":"n1","lease":7,"attempt":4294967295,"items":[0,4]}"#, "", "\0\0\0\0",
  ])
  func `a line that is none ends what is read`(_ line: String) throws {
    try PlainFile.publish(Array((line + "\n").utf8), at: self.path, durably: false)
    #expect(try LeaseFile(path: self.path).known.isEmpty)
  }
}
