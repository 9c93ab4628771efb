import Health
import OperatingSystem

/// What a holder wrote about its process: the one thing that a daemon which starts anew knows.
///
/// Lines of a name and its values; of an attempt that has begun `boot`, `holder`, `process` and
/// `started`, and in the end `end`; or `failure` alone.
struct ProcessRecord: Equatable, Sendable {
  struct Start: Equatable, Sendable {
    /// Of the machine: with another one, process numbers mean nothing.
    var bootID: String
    var holder: ProcessStat.Identity
    var main: ProcessStat.Identity
    var startedAtMilliseconds: Int64
  }

  enum Content: Equatable, Sendable {
    /// In words: which program or folder, and what is wrong with it.
    case launchFailed(String)
    case launched(Start, end: ProcessEnd?)
  }

  private static let sizeMax = 16 << 10
  var content: Content

  init(_ content: Content) {
    self.content = content
  }

  var text: String {
    switch self.content {
    case .launchFailed(let reason):
      return "failure \(String(reason.map { $0 == "\n" ? " " : $0 }))\n"
    case .launched(let start, let end):
      var text = "boot \(start.bootID)\n"
      for (name, process) in [("holder", start.holder), ("process", start.main)] {
        text += "\(name) \(process)\n"
      }
      text += "started \(start.startedAtMilliseconds)\n"
      switch end {
      case nil, .unknown: break
      case .exited(let status): text += "end exited \(status)\n"
      case .signalled(let signal): text += "end signalled \(signal)\n"
      }
      return text
    }
  }

  /// `nil` where the text is not a whole record.
  init?(parsing text: String) {
    let lines = Self.fields(of: text)
    if let reason = lines["failure"] {
      self.content = .launchFailed(reason)
      return
    }
    guard let bootID = lines["boot"],
      let holder = lines["holder"].flatMap(ProcessStat.Identity.init),
      let main = lines["process"].flatMap(ProcessStat.Identity.init),
      let started = lines["started"].flatMap({ Int64($0) })
    else { return nil }
    var end: ProcessEnd?
    if let words = lines["end"]?.split(separator: " ") {
      guard words.count == 2, let number = Int32(words[1]) else { return nil }
      end = words[0] == "exited" ? .exited(status: number) : .signalled(number)
    }
    let start = Start(
      bootID: bootID, holder: holder, main: main, startedAtMilliseconds: started)
    self.content = .launched(start, end: end)
  }

  /// The values of lines `NAME VALUE`; lines without a value are left out.
  static func fields(of text: String) -> [String: String] {
    text.split(separator: "\n").reduce(into: [:]) { fields, line in
      let words = line.split(separator: " ", maxSplits: 1)
      if words.count == 2 { fields[String(words[0])] = String(words[1]) }
    }
  }

  /// `nil` where there is no whole record (yet).
  static func read(at path: String) -> ProcessRecord? {
    guard let bytes = try? PlainFile.read(path, sizeMax: Self.sizeMax) else { return nil }
    return ProcessRecord(parsing: String(decoding: bytes, as: UTF8.self))
  }

  func publish(at path: String) throws(SystemFault) {
    try PlainFile.publish(Array(self.text.utf8), at: path, durably: true)
  }
}
