/// What a node was leased, by attempt: an item is leased once with each, so that a batch says which lease
/// it is of by its items and its attempt.
package struct LeasedItems: Equatable, Sendable {
  private var items: [UInt32: OrdinalRangeSet] = [:]
  /// The highest attempt; 0: none.
  package private(set) var attemptLast: UInt32 = 0
  /// The highest id of a lease; 0: none.
  package private(set) var leaseIDLast: UInt64 = 0

  package init() {}

  package mutating func add(_ lease: Lease) {
    self.items[lease.attempt, default: []].insert(lease.items)
    self.attemptLast = max(self.attemptLast, lease.attempt)
    self.leaseIDLast = max(self.leaseIDLast, lease.id)
  }

  /// What it was leased with that attempt.
  package subscript(attempt: UInt32) -> OrdinalRangeSet { self.items[attempt] ?? [] }
}

/// A lease as a line of a file, written before its node hears of it: a later coordinator knows by it whose
/// the batches are that still come.
///
/// ```
/// {"node":"gpu01","lease":7,"attempt":1,"items":[0,16,20,24]}
/// ```
/// `items` are the bounds of ranges: first, end, first, end …
package enum LeaseLine {
  /// - Parameter node: A node's name: nothing that JSON would have to escape.
  package static func text(of lease: Lease, to node: String) -> [UInt8] {
    let bounds = lease.items.bounds.map { "\($0)" }.joined(separator: ",")
    let head = #"{"node":"\#(node)","lease":\#(lease.id),"attempt":\#(lease.attempt)"#
    return Array(#"\#(head),"items":[\#(bounds)]}\#n"#.utf8)
  }

  /// Reads what ``text(of:to:)`` wrote, byte for byte, and nothing else.
  package static func read(_ line: UnsafeRawBufferPointer) -> (node: String, lease: Lease)? {
    var scanner = RecordLineScanner(line)
    guard scanner.take(#"{"node":"#), let node = scanner.text(),
      scanner.take(#","lease":"#), let id = scanner.integer(),
      scanner.take(#","attempt":"#),
      let attempt = scanner.integer().flatMap(UInt32.init(exactly:)), attempt >= 1,
      attempt <= BatchFrame.maximumAttempt,
      scanner.take(#","items":["#), let items = OrdinalRangeSet(&scanner), !items.isEmpty
    else { return nil }
    let lease = Lease(id: id, items: items, attempt: attempt)
    return Self.text(of: lease, to: node).elementsEqual(line) ? (node, lease) : nil
  }
}

extension OrdinalRangeSet {
  /// Reads bounds of ranges, with commas between them.
  init?(_ scanner: inout RecordLineScanner) {
    var bounds: [UInt64] = []
    repeat {
      guard let bound = scanner.integer() else { return nil }
      bounds.append(bound)
    } while scanner.take(0x2C)
    self.init(bounds: bounds)
  }
}
