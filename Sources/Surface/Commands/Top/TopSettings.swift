import ArgumentParser

/// How a person wants to see a fleet; the keys of `muster top` change it.
package struct TopSettings: Equatable, Sendable {
  /// What replicas are ordered by: `node` as the manifest has them, numbers with the largest first.
  package enum Sort: String, CaseIterable, Sendable {
    case node
    case kv
    case running
    case waiting
    case tokens
    case state
  }

  /// What a key asks for beyond another look.
  package enum Action: Equatable, Sendable {
    case draw
    case quit
    case interrupt
  }

  /// Of a filter, in characters: more does not fit beside its prompt.
  private static let filterSizeMax = 60

  package var sort = Sort.node
  package private(set) var isReversed = false
  /// Rows show it in their node, replica, state or reason, whatever its case; empty: all rows.
  package var filter = ""
  /// While it is typed.
  package private(set) var typedFilter: String?
  package private(set) var showsEvents = true
  package private(set) var isPaused = false
  package private(set) var showsHelp = false

  package init(sort: Sort = .node, filter: String = "") {
    self.sort = sort
    self.filter = filter
  }

  package mutating func press(_ key: TopKey) -> Action {
    if key == .interrupt { return .interrupt }
    if let typed = self.typedFilter {
      self.type(key, after: typed)
      return .draw
    }
    if self.showsHelp, key != .character("q") {
      self.showsHelp = false
      return .draw
    }
    switch key {
    case .character("q"): return .quit
    case .character("s"): self.sort = self.nextSort
    case .character("r"): self.isReversed.toggle()
    case .character("/"): self.typedFilter = self.filter
    case .character("e"): self.showsEvents.toggle()
    case .character("p"): self.isPaused.toggle()
    case .character("?"): self.showsHelp = true
    case .escape: self.filter = ""
    case .character, .enter, .backspace, .clear, .interrupt, .other: break
    }
    return .draw
  }

  private mutating func type(_ key: TopKey, after typed: String) {
    switch key {
    case .character(let character):
      if typed.count < Self.filterSizeMax { self.typedFilter = typed + String(character) }
    case .backspace: self.typedFilter = String(typed.dropLast())
    case .clear: self.typedFilter = ""
    case .enter:
      self.filter = typed
      self.typedFilter = nil
    case .escape: self.typedFilter = nil
    case .interrupt, .other: break
    }
  }

  private var nextSort: Sort {
    let all = Sort.allCases
    let index = all.firstIndex(of: self.sort) ?? 0
    return all[(index + 1) % all.count]
  }
}

extension TopSettings.Sort: ExpressibleByArgument {}

/// What somebody presses.
package enum TopKey: Equatable, Sendable {
  case character(Character)
  case enter
  case escape
  case backspace
  case clear
  case interrupt
  /// An arrow, a function key, a control character.
  case other

  /// The keys of what one read of a terminal in raw mode gave.
  ///
  /// An escape with nothing behind it is the key; with `[` or `O` it begins a sequence.
  /// Source: ECMA-48, section 5.4.
  package static func keys(in bytes: [UInt8]) -> [TopKey] {
    var keys: [TopKey] = []
    var rest = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      switch scalar.value {
      case 0x03: keys.append(.interrupt)
      case 0x08, 0x7F: keys.append(.backspace)
      case 0x0A, 0x0D: keys.append(.enter)
      case 0x15: keys.append(.clear)
      case 0x1B:
        guard let next = rest.first, next == "[" || next == "O" else {
          keys.append(.escape)
          continue
        }
        rest.removeFirst()
        // Parameters and intermediates up to the final byte.
        while let inner = rest.popFirst(), !(0x40...0x7E).contains(inner.value) {}
        keys.append(.other)
      case 0..<0x20, 0x80..<0xA0, 0xFFFD: keys.append(.other)
      default: keys.append(.character(Character(scalar)))
      }
    }
    return keys
  }
}
