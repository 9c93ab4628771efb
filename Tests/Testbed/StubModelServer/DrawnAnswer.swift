/// The pieces of an answer, drawn from the prompt and the seed: the same for both, always.
struct DrawnAnswer {
  private(set) var pieces: [Sequence.Piece] = []
  private(set) var finishReason = "stop"

  /// - Parameter salt: Stands in for the seed where the request has none.
  init(_ request: GenerationRequest, salt: UInt64) {
    var draw = SeededDraw(SeededDraw.hash(request.prompt) ^ (request.seed ?? (salt << 32 | 1)))
    var ended = request.namesFunction ? "stop" : "tool_calls"
    if request.functions.isEmpty {
      ended = request.ignoresEnd ? "length" : "stop"
      let length = request.ignoresEnd ? request.maxTokens : Int.random(in: 8...64, using: &draw)
      for _ in 0..<min(length, request.maxTokens + 1) {
        pieces.append(.text(" w\(Int.random(in: 0..<1000, using: &draw))"))
      }
    } else {
      let calls = request.callsOnce ? 1 : Int.random(in: 1...3, using: &draw)
      for index in 0..<calls {
        let function = request.functions[Int.random(in: 0..<request.functions.count, using: &draw)]
        call(function, index, &draw)
      }
    }
    finishReason = pieces.count > request.maxTokens ? "length" : ended
    pieces = Array(pieces.prefix(request.maxTokens))
  }

  private mutating func call(_ function: JSONValue, _ index: Int, _ draw: inout SeededDraw) {
    let id = "chatcmpl-tool-\(draw.hex16())"
    pieces.append(.call(index: index, id: id, name: function["name"]?.string ?? ""))
    let value = Self.value(for: function["parameters"] ?? ["type": "object"], &draw, depth: 0)
    let scalars = Array(value.text.unicodeScalars)
    for start in stride(from: 0, to: scalars.count, by: 4) {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars[start..<min(start + 4, scalars.count)])
      pieces.append(.arguments(index: index, text: String(text)))
    }
  }

  /// A value that fits the schema's `type`, `enum`, `properties`, `items`, `minimum` and `maximum`.
  private static func value(
    for schema: JSONValue, _ draw: inout SeededDraw, depth: Int
  ) -> JSONValue {
    if let choices = schema["enum"]?.array, let choice = choices.randomElement(using: &draw) {
      return choice
    }
    let low = schema["minimum"]?.int ?? 0
    let high = max(low, schema["maximum"]?.int ?? max(low, 99))
    switch schema["type"]?.string {
    case "integer": return .int(Int.random(in: low...high, using: &draw))
    case "number": return .number(Double(Int.random(in: low...high, using: &draw)))
    case "boolean": return .bool(Bool.random(using: &draw))
    case "string": return .string("w\(Int.random(in: 0..<1000, using: &draw))")
    case "null": return nil
    case "array":
      guard depth < 8, let items = schema["items"] else { return [] }
      let count = Int.random(in: 1...3, using: &draw)
      return .array((0..<count).map { _ in value(for: items, &draw, depth: depth + 1) })
    default:
      guard depth < 8, case .object(let properties)? = schema["properties"] else { return [:] }
      var members: [String: JSONValue] = [:]
      for (name, inner) in properties.sorted(by: { $0.key < $1.key }) {
        members[name] = value(for: inner, &draw, depth: depth + 1)
      }
      return .object(members)
    }
  }
}
