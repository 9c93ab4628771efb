import NIOCore

/// One request inside the engine, with the answer it will give, a piece a step.
final class Sequence {
  /// What one step adds to an answer.
  enum Piece: Equatable {
    case text(String)
    case call(index: Int, id: String, name: String)
    case arguments(index: Int, text: String)
  }

  let prompt: [UInt8]
  /// What the request asked for, cut to the room the model has.
  let maxTokens: Int
  let pieces: [Piece]
  let finishReason: String
  let onPiece: (Piece) -> Void
  let onFinish: (String) -> Void
  var produced = 0
  var cachedTokens = 0
  var arrived = NIODeadline.uptimeNanoseconds(0)
  var started = NIODeadline.uptimeNanoseconds(0)
  var firstToken = NIODeadline.uptimeNanoseconds(0)
  var lastToken = NIODeadline.uptimeNanoseconds(0)

  init(
    prompt: [UInt8], maxTokens: Int, pieces: [Piece], finishReason: String,
    onPiece: @escaping (Piece) -> Void, onFinish: @escaping (String) -> Void
  ) {
    (self.prompt, self.maxTokens) = (prompt, maxTokens)
    (self.pieces, self.finishReason) = (pieces, finishReason)
    (self.onPiece, self.onFinish) = (onPiece, onFinish)
  }

  var promptTokens: Int { Self.tokens(prompt.count) }

  /// A token is four bytes.
  static func tokens(_ bytes: Int) -> Int { max(1, (bytes + 3) / 4) }
}
