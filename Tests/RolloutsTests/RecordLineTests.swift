import Rollouts
import Testing

struct RecordLineTests {
  private func head(_ text: String) -> (key: ItemKey, kind: RecordLine.Kind)? {
    Array(text.utf8).withUnsafeBytes { RecordLine.head(of: $0) }
  }

  @Test func `a record's key and kind are read from its head`() throws {
    let result = try #require(self.head(#"{"task_index":12,"rollout_index":3,"seed":42}"#))
    #expect(result.key == ItemKey(taskIndex: 12, rolloutIndex: 3))
    #expect(result.kind == .result)
    let failure = RecordLine.failure(
      of: ItemKey(taskIndex: 1, rolloutIndex: 2), ItemFailure("timeout", "a \"b\"\n\u{1}é"))
    #expect(
      String(decoding: failure, as: UTF8.self)
        == #"{"task_index":1,"rollout_index":2,"error":{"class":"timeout","message":"#
        + #""a \"b\"\n\u0001é"}}"# + "\n")
    #expect(failure.withUnsafeBytes { RecordLine.head(of: $0)?.kind } == .failure)
  }

  @Test(arguments: [
    "", "{", #"{"task_index":"#, #"{"task_index":01,"rollout_index":0,"#,
    #"{"task_index":-1,"rollout_index":0,"#, #"{"rollout_index":0,"task_index":0,"#,
    #"{"task_index":18446744073709551616,"rollout_index":0,"#,
    #"{"task_index":0,"rollout_index":0"#,
    #" {"task_index":0,"rollout_index":0,"#,
  ])
  func `a line that begins otherwise has no key`(_ text: String) {
    #expect(self.head(text) == nil)
  }

  @Test func `a long message is cut between characters`() {
    let key = ItemKey(taskIndex: 0, rolloutIndex: 0)
    let line = RecordLine.failure(
      of: key, ItemFailure("x", "a" + String(repeating: "é", count: 2000)))
    #expect(String(validating: line, as: UTF8.self)?.hasSuffix("é\"}}\n") == true)
    #expect(line.count < 1200)
  }

  @Test func `line feeds are counted and found wherever they are`() {
    for size in 0..<40 {
      for position in 0..<size {
        var bytes = [UInt8](repeating: 0x0B, count: size)
        bytes[position] = 0x0A
        bytes.withUnsafeBytes {
          #expect(RecordLineFeeds.count(in: $0) == 1)
          #expect(RecordLineFeeds.first(in: $0, from: 0) == position)
          #expect(RecordLineFeeds.first(in: $0, from: position + 1) == nil)
        }
      }
    }
  }
}
