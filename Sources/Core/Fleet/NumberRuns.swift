/// Writes a list of numbers with ranges: `1-3,08-10`.
///
/// A range starts anew where the width changes, as ClusterShell 1.9 does it; among what it does is
/// that `08,10-100` keeps the width of `08` and becomes `08,10-99,100`. Source:
/// `RangeSet._slices_padding` there, with its steps turned off.
struct NumberRuns {
  private let numbers: [Substring]
  private var parts: [String] = []
  /// Where the run that is not written yet begins.
  private var start = 0
  private var isPadded: Bool
  private var width: Int
  /// The distance between the numbers of the run so far; `nil` for one number.
  private var step: Int?

  /// - Parameter numbers: Digits only; ordered by width, then by value; no duplicates.
  static func text(of numbers: [Substring]) -> String {
    guard let first = numbers.first else { return "" }
    var runs = NumberRuns(numbers, first: first)
    for index in numbers.indices.dropFirst() { runs.take(index) }
    runs.write(upTo: numbers.count)
    return runs.parts.joined(separator: ",")
  }

  private init(_ numbers: [Substring], first: Substring) {
    self.numbers = numbers
    self.isPadded = Self.isPadded(first)
    self.width = first.utf8.count
  }

  private mutating func take(_ index: Int) {
    let number = self.numbers[index]
    let step = Self.step(from: self.numbers[index - 1], to: number)
    let widthDiffers =
      self.isPadded ? number.utf8.count != self.width : Self.isPadded(number)
    if widthDiffers {
      self.write(upTo: index)
      self.begin(at: index)
      self.step = nil
      return
    }
    if let current = self.step, current != step {
      self.write(upTo: current == 1 ? index : index - 1)
      if current == 1 { self.begin(at: index) } else { self.start = index - 1 }
    }
    self.step = step
  }

  private mutating func begin(at index: Int) {
    self.start = index
    self.isPadded = Self.isPadded(self.numbers[index])
    self.width = self.numbers[index].utf8.count
  }

  /// Writes the run from ``start`` to before `end`: as a range, or number by number.
  private mutating func write(upTo end: Int) {
    let run = self.numbers[self.start..<end]
    if self.step == 1, let first = run.first, let last = run.last, run.count > 1 {
      self.parts.append("\(first)-\(last)")
    } else {
      self.parts += run.map(String.init)
    }
  }

  private static func isPadded(_ number: Substring) -> Bool {
    number.utf8.count > 1 && number.utf8.first == UInt8(ascii: "0")
  }

  /// 0, which is never the distance of two numbers, where one is too long to count.
  private static func step(from: Substring, to: Substring) -> Int {
    guard let from = Int(from), let to = Int(to) else { return 0 }
    return to - from
  }
}
