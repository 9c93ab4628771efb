/// Adds up the records of one difficulty.
struct ReportGroupBuilder {
  /// A field that records have, in the order of its first one.
  private struct Column {
    var name: [UInt8]
    var sum = StatisticsSum()
  }

  let name: String
  private let planned: UInt64
  private var reward = StatisticsClusteredMean()
  private var rewards: [Column] = []
  private var metrics: [Column] = []

  init(name: String, planned: UInt64) {
    self.name = name
    self.planned = planned
  }

  mutating func add(_ fields: RecordLineFields, _ line: UnsafeRawBufferPointer) {
    guard let reward = fields.reward else { return }
    self.reward.add(reward, cluster: fields.key.taskIndex)
    Self.add(fields.rewards, line, to: &self.rewards)
    Self.add(fields.metrics, line, to: &self.metrics)
  }

  var group: Report.Group {
    Report.Group(
      name: self.name, planned: self.planned, count: self.reward.count, reward: self.reward.mean,
      rewardHalfWidth: self.reward.halfWidth, rewards: self.rewards.compactMap(Self.mean),
      metrics: self.metrics.compactMap(Self.mean))
  }

  private static func mean(_ column: Column) -> Report.Mean? {
    column.sum.mean.map { mean in
      Report.Mean(
        name: String(decoding: column.name, as: UTF8.self), count: column.sum.count, mean: mean,
        total: column.sum.total)
    }
  }

  /// Records of one work have the same names in the same order, so that the first guess is right.
  private static func add(
    _ fields: [RecordLineFields.Field], _ line: UnsafeRawBufferPointer, to columns: inout [Column]
  ) {
    for (index, field) in fields.enumerated() {
      let name = UnsafeRawBufferPointer(rebasing: line[field.name])
      if index < columns.count, Self.equal(columns[index].name, name) {
        columns[index].sum.add(field.value)
      } else if let other = columns.firstIndex(where: { Self.equal($0.name, name) }) {
        columns[other].sum.add(field.value)
      } else if columns.count < RecordLineFields.maximumFieldCount {
        columns.append(Column(name: Array(name)))
        columns[columns.count - 1].sum.add(field.value)
      }
    }
  }

  private static func equal(_ name: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard name.count == bytes.count else { return false }
    for index in name.indices where name[index] != bytes[index] { return false }
    return true
  }
}
