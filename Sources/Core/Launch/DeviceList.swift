/// What a variable such as `CUDA_VISIBLE_DEVICES` lists, as CUDA reads it: up to the first entry that is no
/// device. Source: CUDA C++ Programming Guide, "CUDA Environment Variables".
package struct DeviceList: Equatable, Sendable {
  /// Each an index, or the name of a device, of which a beginning is enough: `GPU-…`, `MIG-…`.
  package private(set) var names: [String] = []
  /// The entry at which it ends before its end; `nil`: there is none. `-1` stands for no device at all.
  package private(set) var end: String?

  package init(_ text: String) {
    var entries = text.split(separator: ",", omittingEmptySubsequences: false).map { entry in
      entry.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    if entries.count > 1, entries.last == "" { entries.removeLast() }
    for entry in entries {
      let index = entry.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(entry) : nil
      guard index != nil || entry.hasPrefix("GPU-") || entry.hasPrefix("MIG-") else {
        self.end = entry
        return
      }
      self.names.append(index.map { "\($0)" } ?? entry)
    }
  }

  /// Those that are named by their place among the node's.
  package var indices: [Int] { self.names.compactMap { Int($0) } }

  /// How many a process sees: of parts of GPUs the first alone. Source: NVIDIA's MIG User Guide, "Device
  /// Enumeration".
  package var visibleCount: Int {
    self.names.first?.hasPrefix("MIG-") == true ? 1 : Set(self.names).count
  }
}
