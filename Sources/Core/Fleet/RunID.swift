/// The name of one run's folder: sorts as time does.
///
/// `20261121-061500-3f9a2c`: the start in UTC, then six hexadecimal digits of chance, so that two
/// started in one second do not meet.
package struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: String

  /// - Parameters:
  ///   - milliseconds: Of the start, since 1970 in UTC; not negative.
  ///   - generator: Drawn from once.
  package init(milliseconds: Int64, using generator: inout some RandomNumberGenerator) {
    let seconds = milliseconds / 1000
    let (year, month, day) = Self.civil(daysSince1970: seconds / 86_400)
    let clock = seconds % 86_400
    let date = year.digits(4) + month.digits(2) + day.digits(2)
    let time = [clock / 3600, clock / 60 % 60, clock % 60].map { $0.digits(2) }.joined()
    self.rawValue = "\(date)-\(time)-\((generator.next() >> 40).digits(6, radix: 16))"
  }

  /// A name that has the form of one; `nil` otherwise.
  package init?(_ name: String) {
    let bytes = Array(name.utf8)
    guard bytes.count == 22, bytes[8] == 0x2D, bytes[15] == 0x2D else { return nil }
    for (index, byte) in bytes.enumerated() where index != 8 && index != 15 {
      guard byte.isDigit || index > 15 && 0x61...0x66 ~= byte else { return nil }
    }
    self.rawValue = name
  }

  package var description: String { self.rawValue }

  /// The start, since 1970 in UTC; to the second.
  package var milliseconds: Int64 {
    let digits = self.rawValue.utf8.map { Int64($0) - 0x30 }
    func number(_ range: Range<Int>) -> Int64 { digits[range].reduce(0) { $0 * 10 + $1 } }
    let days = Self.days(year: number(0..<4), month: number(4..<6), day: number(6..<8))
    let clock = number(9..<11) * 3600 + number(11..<13) * 60 + number(13..<15)
    return (days * 86_400 + clock) * 1000
  }

  /// Since 1970. Source: as below, `days_from_civil`.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }

  /// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
  private static func civil(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = daysSince1970 + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}
