import Fleet
import Foundation
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

  private static func kind(_ line: [UInt8]) -> RecordLine.Kind? {
    line.withUnsafeBytes {
      RecordLine.kind(of: $0, key: ItemKey(taskIndex: 7, rolloutIndex: 0))
    }
  }

  private static let head = #"{"task_index":7,"rollout_index":0,"#

  @Test(arguments: [
    #""a":1}"#, #""a":-0.5e-12,"b":[],"c":{},"d":[[{"e":[null,true,false]}]]}"#,
    #""a":"\\\" \/\b\f\n\r\t\u00e9\uD83D\uDE00 é 😀 and more than eight bytes of it"}"#,
    #""a":1e999,"":0}"#, #""error":{"class":"c","message":"m"}}"#,
    #""errors":{"class":1}}"#,
  ])
  func `a record is one JSON object in UTF-8 without blanks`(_ rest: String) {
    #expect(Self.kind(Array((Self.head + rest + "\n").utf8)) != nil)
  }

  @Test(arguments: [
    #""a":1"#, #""a":1}}"#, #""a":1]"#, #""a"}"#, #""a":}"#, #""a":1,}"#, #""a":1 }"#, #""a": 1}"#,
    #""a":[1,]}"#, #""a":[1 2]}"#, #""a":[1:2]}"#, #""a":{"b"}}"#, #""a":{1:2}}"#, #""a":tru}"#,
    #""a":truee}"#, #""a":nan}"#, #""a":01}"#, #""a":1.}"#, #""a":.5}"#, #""a":1e}"#, #""a":+1}"#,
    #""a":-}"#, #""a":1.2.3}"#, #""a":"x}"#, #""a":"\q"}"#, #""a":"\u12g4"}"#, #""a":"\"}"#,
    "\"a\":\"a tab\tin more than eight bytes\"}", #"a:1}"#, #""a":1}{"b":2}"#, #"}"#, #""#,
    #""error":{"class":"","message":"m"}}"#, #""error":{"class":"c"}}"#, #""error":1}"#,
    #""error":{"class":"c","message":"m"},"more":1}"#,
  ])
  func `what is broken anywhere is no record, with whatever key`(_ rest: String) {
    #expect(Self.kind(Array((Self.head + rest + "\n").utf8)) == nil)
  }

  @Test func `a record has its line feed, its size, its key, and is text`() {
    let right = Array((Self.head + #""a":"xxxxxxxxxxxxxxxx"}"#).utf8) + [10]
    #expect(Self.kind(right) == .result)
    #expect(Self.kind(right.dropLast()) == nil)
    #expect(Self.kind(right + [10]) == nil)
    for (index, byte) in right.enumerated() where byte == UInt8(ascii: "x") {
      for wrong in [0xFF, 0xC3, 0x80, 0x00, 0x0A, 0x1F] as [UInt8] {
        var line = right
        line[index] = wrong
        #expect(Self.kind(line) == nil, "\(wrong) at \(index)")
      }
    }
    let other = ItemKey(taskIndex: 7, rolloutIndex: 1)
    #expect(right.withUnsafeBytes { RecordLine.kind(of: $0, key: other) } == nil)
    let filler = String(repeating: "y", count: RecordLine.maximumSize)
    #expect(Self.kind(Array((Self.head + #""a":"\#(filler)"}"#).utf8) + [10]) == nil)
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(Self.kind(Array((Self.head + #""a":\#(deep)}"#).utf8) + [10]) == nil)
  }

  /// One fault that a check lets through, and a report of a whole run fails.
  @Test(arguments: 0..<400 as Range<UInt64>)
  func `what is a record can be reported, whatever was done to it`(_ seed: UInt64) throws {
    let text = #""n":-12.5e3,"s":"a\"\u00e9 bcdefgh","m":{"x":1,"y":[true,{"z":null}]},"e":{}}"#
    var random = SplitMix64(state: seed)
    var line = Array((Self.head + text).utf8) + [10]
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let index = Int.random(in: Self.head.utf8.count..<line.count - 1, using: &random)
      let byte = Array(#"{}[]",:\0123456789eE+-.trufalsn x"#.utf8).randomElement(using: &random)
      switch Int.random(in: 0...2, using: &random) {
      case 0: line.remove(at: index)
      case 1: line.insert(byte ?? 0, at: index)
      default: line[index] = byte ?? 0
      }
    }
    let isJSON = (try? JSONSerialization.jsonObject(with: Data(line))) != nil
    let isRecord = Self.kind(line) != nil
    if isRecord { #expect(isJSON, "\(String(decoding: line, as: UTF8.self))") }
    let plan = try WorkPlan(kind: "k", specification: Array("{}".utf8), taskCount: 8)
    var builder = ReportBuilder(plan: plan, layout: ReportLayout(plan))
    line.withUnsafeBytes { builder.add($0) }
    if isRecord { #expect(builder.unreadableCount == 0) }
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
