import Fleet

/// Node set expressions drawn from a generator, in a small space so that sets overlap.
struct RandomExpression {
  var random: SplitMix64
  /// The largest number; smaller where names have several, so that products stay small.
  private var numberMax = 120

  init(random: SplitMix64) {
    self.random = random
  }

  /// Each has at most one number in a name.
  private static let shapes = ["n#", "n#", "gpu#", "rack-#", "n#-ib", "#", "login", "a_b.c", "n"]
  private static let planes = ["r#n#", "r#n#", "foo#bar#", "n#", "a#b#c"]
  private static let operators = [",", ",", ",", "!", "&", "^", " , ", " ! ", "& "]

  mutating func next(dimensions: Int) -> String {
    let count = Int.random(in: 1...6, using: &self.random)
    self.numberMax = dimensions == 1 ? 120 : 11
    var text = ""
    for index in 0..<count {
      if index > 0 { text += Self.operators.randomElement(using: &self.random) ?? "," }
      text += self.operand(dimensions == 1 ? Self.shapes : Self.planes)
    }
    return text
  }

  private mutating func operand(_ shapes: [String]) -> String {
    let shape = shapes.randomElement(using: &self.random) ?? ""
    var text = ""
    for character in shape { text += character == "#" ? self.numbers() : String(character) }
    return text
  }

  private mutating func numbers() -> String {
    switch Int.random(in: 0..<10, using: &self.random) {
    case 0..<3: self.number(0...12, width: self.width())
    case 3: "\(Int.random(in: 1...9, using: &self.random))[\(self.range(0...9, width: 1))]"
    case 4:
      "[\(self.range(0...self.numberMax, width: 0))]\(Int.random(in: 0...12, using: &self.random))"
    default: "[\(self.list())]"
    }
  }

  private mutating func list() -> String {
    (0..<Int.random(in: 1...4, using: &self.random))
      .map { _ in self.range(0...self.numberMax, width: self.width()) }
      .joined(separator: Bool.random(using: &self.random) ? "," : " , ")
  }

  private mutating func range(_ bounds: ClosedRange<Int>, width: Int) -> String {
    let first = Int.random(in: bounds, using: &self.random)
    let last = Int.random(in: first...bounds.upperBound, using: &self.random)
    if Int.random(in: 0..<3, using: &self.random) == 0 { return Self.pad(first, width) }
    let step =
      width != 1 && Int.random(in: 0..<6, using: &self.random) == 0
      ? "/\(Int.random(in: 1...7, using: &self.random))" : ""
    return "\(Self.pad(first, width))-\(Self.pad(last, width))\(step)"
  }

  private mutating func number(_ bounds: ClosedRange<Int>, width: Int) -> String {
    Self.pad(Int.random(in: bounds, using: &self.random), width)
  }

  /// 2 makes some ranges wrong (`09-100`): both sides must refuse them.
  private mutating func width() -> Int {
    [0, 0, 0, 2, 3, 4].randomElement(using: &self.random) ?? 0
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
