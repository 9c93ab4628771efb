/// What stands between brackets: `01-08,11,20-40/4`.
struct NumberList {
  /// The numbers `first`, `first + step`, … up to `last`, in `width` digits at least.
  struct Range {
    var first: Int
    var last: Int
    var step: Int
    /// 0 where there are no leading zeros.
    var width: Int
    /// The widths of both ends as they were written differ.
    var isUneven: Bool
    /// A step is written, even where it is 1.
    var hasStep: Bool

    var count: Int { (self.last - self.first) / self.step + 1 }
  }

  private(set) var ranges: [Range] = []

  /// Of all ranges, duplicates included; at most ``NodeSetLimits/countMax``.
  private(set) var count = 0

  /// The length of the longest number.
  var widthMax: Int {
    self.ranges.map { max($0.width, String($0.last).utf8.count) }.max() ?? 0
  }

  /// The numbers as they stand in names, in the order of the ranges.
  var texts: [String] {
    self.ranges.flatMap { range in
      stride(from: range.first, through: range.last, by: range.step)
        .map { $0.digits(range.width) }
    }
  }

  /// Reads `characters[place]`, the inside of a bracket.
  init(_ characters: [Character], _ place: Swift.Range<Int>) throws(NodeSetError) {
    var start = place.lowerBound
    while true {
      let end = characters[start..<place.upperBound].firstIndex(of: ",") ?? place.upperBound
      let range = try Self.range(characters, start..<end)
      // Both are below 10^18: no overflow.
      self.count += range.count
      guard self.count <= NodeSetLimits.countMax else {
        throw Self.error(.tooManyNodes, characters, start..<end)
      }
      self.ranges.append(range)
      guard end < place.upperBound else { return }
      start = end + 1
    }
  }

  private static func range(
    _ characters: [Character], _ place: Swift.Range<Int>
  ) throws(NodeSetError) -> Range {
    let slash = characters[place].firstIndex(of: "/") ?? place.upperBound
    let hyphen = characters[place.lowerBound..<slash].firstIndex(of: "-")
    let firstPlace = place.lowerBound..<(hyphen ?? slash)
    let (first, firstDigits) = try Self.number(characters, firstPlace, of: place)
    guard let hyphen else {
      guard slash == place.upperBound else {
        throw Self.error(.stepWithoutRange, characters, place)
      }
      let width = Self.isPadded(firstDigits) ? firstDigits.count : 0
      return Range(
        first: first, last: first, step: 1, width: width, isUneven: false, hasStep: false)
    }
    let (last, lastDigits) = try Self.number(characters, hyphen + 1..<slash, of: place)
    var step = 1
    if slash < place.upperBound {
      step = try Self.number(characters, slash + 1..<place.upperBound, of: place).value
    }
    let isUneven = firstDigits.count != lastDigits.count
    let isPadded = Self.isPadded(firstDigits) || Self.isPadded(lastDigits)
    if isPadded, isUneven { throw Self.error(.paddingMismatch, characters, place) }
    if last < first { throw Self.error(.descendingRange, characters, place) }
    if step < 1 { throw Self.error(.zeroStep, characters, place) }
    return Range(
      first: first, last: last, step: step, width: isPadded ? firstDigits.count : 0,
      isUneven: isUneven, hasStep: slash < place.upperBound)
  }

  /// The number in `characters[place]`, which may have white space around it, and its digits.
  private static func number(
    _ characters: [Character], _ place: Swift.Range<Int>, of whole: Swift.Range<Int>
  ) throws(NodeSetError) -> (value: Int, digits: [Character]) {
    let digits = characters[place].trimming(while: \.isWhitespace)
    if digits.isEmpty { throw Self.error(.emptyRange, characters, whole) }
    if digits.count > NodeSetLimits.digitCountMax, digits.allSatisfy(Self.isDigit) {
      throw Self.error(.numberTooLong, characters, whole)
    }
    guard digits.allSatisfy(Self.isDigit), let value = Int(String(digits)) else {
      throw Self.error(.notANumber, characters, whole)
    }
    return (value, Array(digits))
  }

  private static func isDigit(_ character: Character) -> Bool {
    character.isASCII && character.isNumber
  }

  private static func isPadded(_ digits: [Character]) -> Bool {
    digits.count > 1 && digits[0] == "0"
  }

  /// An error about `characters[place]` without the white space before it.
  private static func error(
    _ problem: NodeSetProblem, _ characters: [Character], _ place: Swift.Range<Int>
  ) -> NodeSetError {
    let text = characters[place].drop(while: \.isWhitespace)
    let column = (text.isEmpty ? place.lowerBound : text.startIndex) + 1
    return NodeSetError(problem, column: column, text: String(text))
  }
}
