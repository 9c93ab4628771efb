import Foundation
import Testing

/// Links whose command neither answers nor ends.
@Suite(.timeLimit(.minutes(2)))
struct HangingLinkTests {
  @Test(arguments: [SIGTERM, SIGINT])
  func `the command of a link goes with the program that started it`(signal: Int32) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "hang-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (note, manifest) = (folder.appending(path: "pid"), folder.appending(path: "hang.yaml"))
    try """
    muster: 1
    nodes:
      hosts: n1
      link: {command: [sh, -c, "echo $$ > \(note.path()).new; mv \(note.path()).new \(note.path()); exec sleep 600"]}
    services:
      job: {recipe: command, run: sleep 600}
    """.write(to: manifest, atomically: true, encoding: .utf8)
    let up = try BuiltProgram(
      executable: BuiltProgram.muster,
      arguments: ["up", manifest.path(), "--runs", folder.appending(path: "runs").path()]
    ).start()
    while up.isRunning, !FileManager.default.fileExists(atPath: note.path()) { sched_yield() }
    let text = try String(contentsOf: note, encoding: .utf8)
    let command = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    up.send(signal)
    #expect(up.end(timeout: .seconds(20)).status == 130)
    let deadline = ContinuousClock.now.advanced(by: .seconds(10))
    while kill(command, 0) == 0, ContinuousClock.now < deadline { sched_yield() }
    #expect(kill(command, 0) != 0)
    kill(command, SIGKILL)
  }
}
