extension WorkPlan {
  /// What is wrong with the lines of a batch whose frame is right; `nil`: nothing. Each line must
  /// begin with the key of its item: a node is semi-trusted.
  package func fault(in batch: RecordBatch) -> String? {
    guard batch.items.upperBound <= self.itemCount else { return "items that are not planned" }
    return batch.lines.withUnsafeBytes { bytes in
      var start = 0
      for ordinal in batch.items {
        guard let end = RecordLineFeeds.first(in: bytes, from: start) else {
          return "fewer lines than items"
        }
        let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        guard let head = RecordLine.head(of: line), head.key == self.key(of: ordinal) else {
          return "a line that is not the record of item \(ordinal)"
        }
        start = end + 1
      }
      return start == bytes.count ? nil : "more lines than items"
    }
  }
}
