/// Constants of simulator.md §2 about memory.
package enum MemoryUnits {
  package static let pageTokens = 128
  package static let capacityTokens = 16_384
  /// Memory is counted in quarter tokens, so that every quantization is an integer.
  package static let quartersPerToken = 4
  package static let cpuPoolTokens = 8_192
}

/// A prefix that sequences share: held once, at the largest tier among those in GPU memory.
struct SharedPrefix: Equatable, Sendable {
  var pages: Int32
  /// Sharers in GPU memory by quantization.
  var fp16: Int32 = 0
  var int8: Int32 = 0
  var int4: Int32 = 0

  /// Quarter tokens a token that the prefix takes now; 0 when nobody in GPU memory references it.
  var quartersPerToken: Int {
    self.fp16 > 0 ? 4 : self.int8 > 0 ? 2 : self.int4 > 0 ? 1 : 0
  }

  /// In quarter tokens.
  var memory: Int {
    Int(self.pages) &* MemoryUnits.pageTokens &* self.quartersPerToken
  }

  mutating func change(_ quantization: Quantization, by count: Int32) {
    switch quantization {
    case .fp16: self.fp16 &+= count
    case .int8: self.int8 &+= count
    case .int4: self.int4 &+= count
    }
  }
}

/// What the sequences take of the GPU's memory, kept as they come, go and change.
struct GPUMemory: Equatable, Sendable {
  /// In all, in quarter tokens.
  private(set) var quarterTokens = 0
  private(set) var prefixes: ContiguousArray<SharedPrefix> = []

  mutating func reset() {
    self.quarterTokens = 0
    self.prefixes.removeAll(keepingCapacity: true)
  }

  mutating func addPrefix(pages: Int) {
    self.prefixes.append(SharedPrefix(pages: Int32(truncatingIfNeeded: pages)))
  }

  /// Counts a sequence that is not swapped.
  mutating func enter(_ sequence: borrowing CachedSequence) {
    self.quarterTokens &+= sequence.privateMemory
    self.changePrefix(of: sequence, by: 1)
  }

  /// Stops counting a sequence; nothing if it is swapped.
  mutating func leave(_ sequence: borrowing CachedSequence) {
    guard !sequence.isSwapped else { return }
    self.quarterTokens &-= sequence.privateMemory
    self.changePrefix(of: sequence, by: -1)
  }

  /// Counts one more private page.
  mutating func addPage(_ quantization: Quantization) {
    self.quarterTokens &+= MemoryUnits.pageTokens &* quantization.quartersPerToken
  }

  /// What ``leave(_:)`` would free, in quarter tokens.
  func freed(by sequence: borrowing CachedSequence) -> Int {
    guard !sequence.isSwapped else { return 0 }
    guard sequence.prefix >= 0 else { return sequence.privateMemory }
    var prefix = self.prefixes[Int(sequence.prefix)]
    let before = prefix.memory
    prefix.change(sequence.quantization, by: -1)
    return sequence.privateMemory &+ before &- prefix.memory
  }

  /// How many shared prefixes are held.
  var heldPrefixCount: Int {
    self.prefixes.count { $0.quartersPerToken > 0 }
  }

  private mutating func changePrefix(of sequence: borrowing CachedSequence, by count: Int32) {
    guard sequence.prefix >= 0 else { return }
    let index = Int(sequence.prefix)
    let before = self.prefixes[index].memory
    self.prefixes[index].change(sequence.quantization, by: count)
    self.quarterTokens &+= self.prefixes[index].memory &- before
  }
}
