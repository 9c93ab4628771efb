import Foundation
import Glibc
import Testing

/// The agent on a node that has next to nothing.
@Suite(.enabled(if: getuid() == 0, "SKIPPED: a root of its own needs root (`sudo scripts/test`)"))
struct BareRootTests {
  /// Fills `$1` with a shell, coreutils, the libraries that these need, and places for `/proc` and
  /// `/tmp`: not with gzip, not with `/dev`, not with a user database.
  private static let fill = """
    set -e
    mkdir -p "$1/bin" "$1/proc" "$1/tmp" "$1/root"
    chmod 1777 "$1/tmp"
    cp /bin/dash "$1/bin/sh"
    dpkg -L coreutils | grep '/bin/' | while read -r file; do
      if [ -f "$file" ]; then cp -P "$file" "$1/bin/"; fi
    done
    for file in "$1"/bin/*; do ldd "$file" 2> /dev/null | grep -o '/[^ ]*' || true; done |
      sort -u | while read -r library; do
        mkdir -p "$1$(dirname "$library")"
        cp -L "$library" "$1$library"
      done
    """

  @Test func `an eval runs in a root that holds a shell, coreutils and proc alone`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "muster-bare-\(UInt64.random(in: 0..<UInt64.max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let root = folder.appending(path: "root").path()
    let filled = try BuiltProgram(
      executable: "/bin/sh", arguments: ["-c", Self.fill, "sh", root]
    ).run()
    try #require(filled.status == 0, "\(filled.talk)")
    let enter = "mount -t proc proc '\(root)/proc' && exec chroot '\(root)' /bin/sh"
    let manifest = folder.appending(path: "bare.yaml").path()
    let text = """
      muster: 1
      name: bare
      nodes:
        - hosts: bare[1-2]
          link: {command: [unshare, --mount, --propagation, private, sh, -c, "\(enter)"]}
      """
    try Data(text.utf8).write(to: URL(filePath: manifest))

    let work = ["--policy", "lru", "-n", "100", "-r", "1", "--seed", "5"]
    let eval = try BuiltProgram(
      executable: BuiltProgram.muster, arguments: ["eval", manifest] + work, folder: folder
    ).run()
    #expect(eval.status == 0, "\(eval.talk)")
    let merged = folder.appending(path: "runs/bare/latest/merged/records.jsonl")
    let expected = try BuiltProgram(
      executable: BuiltProgram.muster, arguments: ["simulate", "--format", "jsonl"] + work
    ).run().output
    #expect(try String(contentsOf: merged, encoding: .utf8) == expected)
    #expect(FileManager.default.fileExists(atPath: "\(root)/root/.cache/muster/agent"))
  }
}
