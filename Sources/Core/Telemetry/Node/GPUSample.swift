import Fleet

/// What one GPU says about itself; `nil` is what its driver does not say.
package struct GPUSample: Codable, Equatable, Sendable {
  /// As the node counts, from 0.
  package var index: Int
  package var name: String
  /// 0 to 100: share of the last moments in which a kernel ran.
  package var utilizationPercent: Double?
  package var memoryUsedMiB: Double?
  package var memoryTotalMiB: Double?
  package var powerWatts: Double?
  package var temperatureCelsius: Double?
  /// Since the driver was loaded.
  package var uncorrectedECCErrors: Int?

  package init(index: Int, name: String) {
    self.index = index
    self.name = name
  }
}

/// The lines of `nvidia-smi`.
extension GPUSample {
  /// What `nvidia-smi` has to be asked for, in this order, and how.
  package static let queryArguments = [
    "--query-gpu=timestamp,index,name,utilization.gpu,memory.used,memory.total,power.draw,"
      + "temperature.gpu,ecc.errors.uncorrected.volatile.total",
    "--format=csv,noheader,nounits",
  ]

  private static let numberCount = 6

  /// A line of that output, without its line feed; `nil` where it is none, such as a message.
  ///
  /// A value that is no number, such as `[N/A]`, `[Not Supported]` or `ERR!`, is `nil`.
  package init?(line: String) {
    let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimming { $0 == " " || $0 == "\r" } }
    guard fields.count >= 3 + Self.numberCount, let index = Int(fields[1]), index >= 0 else {
      return nil
    }
    // Only the name may have a comma.
    let values = fields.suffix(Self.numberCount).map { field in
      Double(field).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    }
    let name = fields[2..<fields.count - Self.numberCount].joined(separator: ", ")
    self.init(index: index, name: name)
    self.utilizationPercent = values[0]
    self.memoryUsedMiB = values[1]
    self.memoryTotalMiB = values[2]
    self.powerWatts = values[3]
    self.temperatureCelsius = values[4]
    self.uncorrectedECCErrors = values[5].flatMap { Int(exactly: $0) }
  }
}
