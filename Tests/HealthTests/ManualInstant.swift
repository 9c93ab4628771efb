/// Time as the test says it is.
struct ManualInstant: InstantProtocol {
  var milliseconds: Int64

  func advanced(by duration: Duration) -> ManualInstant {
    let (seconds, attoseconds) = duration.components
    return ManualInstant(
      milliseconds: self.milliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
  }

  func duration(to other: ManualInstant) -> Duration {
    .milliseconds(other.milliseconds - self.milliseconds)
  }

  static func < (lhs: ManualInstant, rhs: ManualInstant) -> Bool {
    lhs.milliseconds < rhs.milliseconds
  }
}

extension ManualInstant: ExpressibleByIntegerLiteral {
  init(integerLiteral value: Int64) {
    self.init(milliseconds: value)
  }
}
