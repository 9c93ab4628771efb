import Commands
import Health
import Testing

@Suite struct TopSettingsTests {
  private static func pressed(_ text: String) -> (TopSettings, [TopSettings.Action]) {
    var settings = TopSettings()
    let actions = TopKey.keys(in: Array(text.utf8)).map { settings.press($0) }
    return (settings, actions)
  }

  @Test func `each key changes its setting, and a second press takes it back`() {
    #expect(Self.pressed("r").0.isReversed && !Self.pressed("rr").0.isReversed)
    #expect(!Self.pressed("e").0.showsEvents && Self.pressed("ee").0.showsEvents)
    #expect(Self.pressed("p").0.isPaused && !Self.pressed("pp").0.isPaused)
    #expect(Self.pressed("?").0.showsHelp && !Self.pressed("?x").0.showsHelp)
  }

  @Test func `the order goes through all and begins anew`() {
    #expect(Self.pressed("s").0.sort == .kv)
    #expect(Self.pressed("sssss").0.sort == .state)
    #expect(Self.pressed("ssssss").0.sort == .node)
  }

  @Test func `q ends the view and Ctrl-C interrupts it, but a q in a filter is a letter`() {
    #expect(Self.pressed("q").1 == [.quit])
    #expect(Self.pressed("?q").1 == [.draw, .quit])
    #expect(Self.pressed("\u{3}").1 == [.interrupt])
    #expect(Self.pressed("/q\u{3}").1 == [.draw, .draw, .interrupt])
    #expect(Self.pressed("/q").0.typedFilter == "q")
  }

  @Test func `a filter is typed, mended, taken by Enter and left by Escape`() {
    #expect(Self.pressed("/gpx\u{7F}u1\r").0.filter == "gpu1")
    #expect(Self.pressed("/gpu1\r").0.typedFilter == nil)
    #expect(Self.pressed("/a\r/b\u{1B}").0.filter == "a")
    #expect(Self.pressed("/a\r/\u{15}b\r").0.filter == "b")
    #expect(Self.pressed("/a\r\u{1B}").0.filter == "")
    let long = String(repeating: "x", count: 100)
    #expect(Self.pressed("/\(long)\r").0.filter.count == 60)
  }

  @Test func `an arrow is one key that does nothing, and what is no UTF-8 is harmless`() {
    #expect(TopKey.keys(in: Array("\u{1B}[A\u{1B}OPs".utf8)) == [.other, .other, .character("s")])
    #expect(TopKey.keys(in: Array("\u{1B}[1;5Cq".utf8)) == [.other, .character("q")])
    #expect(TopKey.keys(in: [0x1B]) == [.escape])
    #expect(TopKey.keys(in: [0x1B, 0x5B]) == [.other])
    #expect(TopKey.keys(in: [0xFF, 0x00, 0x71]) == [.other, .other, .character("q")])
    #expect(TopKey.keys(in: Array("é".utf8)) == [.character("é")])
  }
}
