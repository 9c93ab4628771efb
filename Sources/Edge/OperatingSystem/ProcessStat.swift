/// One line of `/proc/<pid>/stat`. Source: proc(5).
package struct ProcessStat: Equatable, Sendable {
  /// A process and no later one of the same number, until the machine starts anew.
  package struct Identity: Codable, Hashable, LosslessStringConvertible, Sendable {
    package var processID: Int32
    /// In clock ticks after the start of the machine.
    package var startTicks: UInt64

    package init(processID: Int32, startTicks: UInt64) {
      self.processID = processID
      self.startTicks = startTicks
    }

    /// As ``description`` has it: the process and its start.
    package init?(_ text: String) {
      let words = text.split(separator: " ")
      guard words.count == 2, let id = Int32(words[0]), let start = UInt64(words[1]) else {
        return nil
      }
      self.init(processID: id, startTicks: start)
    }

    package var description: String { "\(self.processID) \(self.startTicks)" }
  }

  package var identity: Identity
  /// At most 15 bytes, and anything at all: parentheses, blanks, line feeds.
  package var name: String
  package var state: UInt8
  package var parentID: Int32
  package var groupID: Int32
  package var sessionID: Int32
  /// Of the processor, user and system, in clock ticks.
  package var processorTicks: UInt64

  /// It has ended, and only waits to be asked for its status.
  package var isGone: Bool { self.state == UInt8(ascii: "Z") || self.state == UInt8(ascii: "X") }

  /// A signal or a tracer has stopped it.
  package var isStopped: Bool { self.state == UInt8(ascii: "T") || self.state == UInt8(ascii: "t") }

  /// - Parameter bytes: The whole file; `nil` where it is not of this form.
  package init?(parsing bytes: [UInt8]) {
    // The name may hold a closing parenthesis; the last one ends it.
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")),
      let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close,
      let processID = Int32(String(decoding: bytes[..<open].dropLast(), as: UTF8.self))
    else { return nil }
    let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
    // Field 3 comes first; 14 and 15 are the processor's time, 22 is the start.
    guard fields.count >= 20, fields[0].count == 1, let state = fields[0].first,
      let parentID = Int32(String(decoding: fields[1], as: UTF8.self)),
      let groupID = Int32(String(decoding: fields[2], as: UTF8.self)),
      let sessionID = Int32(String(decoding: fields[3], as: UTF8.self)),
      let userTicks = UInt64(String(decoding: fields[11], as: UTF8.self)),
      let systemTicks = UInt64(String(decoding: fields[12], as: UTF8.self)),
      let startTicks = UInt64(String(decoding: fields[19], as: UTF8.self))
    else { return nil }
    self.identity = Identity(processID: processID, startTicks: startTicks)
    self.name = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = state
    self.parentID = parentID
    self.groupID = groupID
    self.sessionID = sessionID
    self.processorTicks = userTicks &+ systemTicks
  }
}
