import Foundation
import Testing

/// `muster check --nodes`, and what `up` does with it, over real sshd hosts.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct PreflightTests {
  @Test func `a healthy cluster is 0, and nothing is left on it`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      let check = try cluster.muster(["check", cluster.manifest, "--nodes"])
      #expect(check.status == 0, "\(check.talk)")
      #expect(check.output.hasPrefix("NODES"), "\(check.output)")
      #expect(check.output.split(separator: "\n").count == 2, "\(check.output)")
      let json = try cluster.muster(["check", cluster.manifest, "--nodes", "--format", "json"])
      #expect(json.output.components(separatedBy: #""clock_offset_milliseconds":"#).count == 3)
      #expect(try cluster.runs().isEmpty)
      #expect(try Self.plans(of: cluster) == "")
    }
  }

  @Test func `a port that is taken is named, and keeps everything from starting`() throws {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 && listen(socket, 1) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    try #require(status == 0)
    let port = in_port_t(bigEndian: address.sin_port)
    let service = "  web: {recipe: command, run: sleep 60, ports: [\(port)], on: node01}"
    try LabCluster.with(hostCount: 2, services: service) { cluster in
      let check = try cluster.muster(["check", cluster.manifest, "--nodes"])
      #expect(check.status == 2, "\(check.talk)")
      #expect(check.talk.contains("error: node01: port \(port) is taken"), "\(check.talk)")
      #expect(check.talk.contains("pid \(getpid())"), "\(check.talk)")
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 2, "\(up.talk)")
      #expect(up.talk.contains("error: node01: port \(port) is taken"), "\(up.talk)")
      #expect(!up.talk.contains("starting"), "\(up.talk)")
      let skipping = try cluster.muster(["up", cluster.manifest, "--skip-preflight"])
      #expect(skipping.status == 1, "\(skipping.talk)")
      #expect(skipping.talk.contains("port \(port) is taken"), "\(skipping.talk)")
    }
  }

  @Test(.enabled(if: NamespaceCluster.isPossible, "SKIPPED: needs root and ip"))
  func `a node whose GPU has ECC errors is named`() throws {
    let program = """
      #!/bin/sh
      case "$1" in --query-gpu*) echo '0, GPU-5f, 143771, 4, 570.86.15, Enabled, 7, NVIDIA H200' ;; esac
      """
    try NamespaceCluster.with(hostCount: 2) { cluster in
      let script = "cat > /usr/bin/nvidia-smi <<'E'\n\(program)\nE\nchmod 755 /usr/bin/nvidia-smi"
      try cluster.testbed(["exec", "2", script])
      let check = try cluster.muster(["check", cluster.manifest, "--nodes"])
      #expect(check.status == 2, "\(check.talk)")
      #expect(
        check.talk.contains("error: node02: GPU 0 has uncorrected ECC errors"), "\(check.talk)")
      #expect(check.output.contains("1 × NVIDIA H200"), "\(check.output)")
    }
  }

  /// The plans of this cluster that its nodes, which share one home, have kept for 5 s.
  private static func plans(of cluster: LabCluster) throws -> String {
    let script = """
      for _ in $(seq 50); do
        kept=$(grep -rlsF --include=plan.json "$0" ~/.local/state/muster/runs) || exit 0
        sleep 0.1
      done
      echo "$kept"
      """
    let grep = BuiltProgram(
      executable: "/bin/sh", arguments: ["-c", script, cluster.folder.lastPathComponent],
      environment: ["HOME": LabCluster.home])
    return try grep.run().output
  }
}
