/// A completion or chat answer, whole or a chunk of a stream.
struct Generation: Decodable {
  struct Choice: Decodable {
    let text: String?
    let message: Message?
    let delta: Message?
    let finish_reason: String?
  }

  struct Message: Decodable {
    let role: String?
    let content: String?
    let tool_calls: [Call]?
  }

  struct Call: Decodable {
    struct Function: Decodable {
      let name: String?
      let arguments: String?
    }

    let index: Int?
    let id: String?
    let function: Function
  }

  struct Usage: Decodable, Equatable {
    let prompt_tokens: Int
    let completion_tokens: Int
    let total_tokens: Int
  }

  let id: String
  let object: String
  let model: String
  let choices: [Choice]
  let usage: Usage?
}

/// The body of an error.
struct Failure: Decodable {
  struct Content: Decodable {
    let message: String
    let type: String
    let param: String?
    let code: Int
  }

  let error: Content
}

struct ModelList: Decodable {
  struct Model: Decodable {
    let id: String
    let root: String
    let max_model_len: Int
  }

  let data: [Model]
}
