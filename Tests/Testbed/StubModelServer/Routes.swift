import Glibc
import NIOHTTP1

/// The paths that answer at once.
enum Routes {
  static let chat = "/v1/chat/completions"
  private static let completions = "/v1/completions"
  private static let faultPath = "/stub/fault"

  static func generates(_ path: String) -> Bool { path == chat || path == completions }

  static func answer(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8], _ engine: ModelEngine
  ) -> Answer {
    guard let allowed = methods(path, engine.options) else {
      return .detail(.notFound, "Not Found")
    }
    guard allowed.contains(method) else {
      return .detail(.methodNotAllowed, "Method Not Allowed")
    }
    switch path {
    case "/health", "/health_generate", "/ping":
      return Answer(status: engine.isDead ? .serviceUnavailable : .ok)
    case "/version": return .json(["version": "0.32.0"])
    case "/load": return .json(["server_load": 0])
    case "/get_model_info":
      return .json(["model_path": .string(engine.options.model), "is_generation": true])
    case "/metrics":
      let text =
        engine.options.manner == .sglang
        ? SGLangMetrics(engine).text : MetricsPage(engine).text
      return Answer(type: "text/plain; version=1.0.0; charset=utf-8", body: text)
    case faultPath: return fault(body, engine)
    default: return models(engine)
    }
  }

  /// What the web server's counters call the path; nil for those they leave out.
  static func handler(_ path: String) -> String? {
    switch path {
    case "/health", "/load", "/metrics", "/ping", "/version", faultPath: nil
    default: vllmMethods(path) == nil ? "none" : path
    }
  }

  private static func methods(_ path: String, _ options: ServeOptions) -> [HTTPMethod]? {
    guard options.manner == .sglang else { return vllmMethods(path) }
    return switch path {
    case "/health", "/health_generate", "/get_model_info", "/v1/models": [.GET]
    case "/metrics": options.showsMetrics ? [.GET] : nil
    case chat, completions, faultPath: [.POST]
    default: nil
    }
  }

  private static func vllmMethods(_ path: String) -> [HTTPMethod]? {
    switch path {
    case "/health", "/version", "/load", "/metrics", "/v1/models": [.GET]
    case "/ping": [.GET, .POST]
    case chat, completions, faultPath: [.POST]
    default: nil
    }
  }

  private static func fault(_ body: [UInt8], _ engine: ModelEngine) -> Answer {
    guard let kind = JSONValue.parsed(body)?["kind"]?.string.flatMap(ModelEngine.Fault.init) else {
      return .failure(
        .badRequest, "Bad Request",
        "kind: want none, hang, error500, slow, crash or wrong-model", param: "body.kind")
    }
    engine.inject(kind)
    return .json(["fault": .string(kind.rawValue)])
  }

  private static func models(_ engine: ModelEngine) -> Answer {
    let models: [JSONValue] = engine.servedNames.map { name in
      [
        "id": .string(name), "object": "model", "created": .int(time(nil)),
        "owned_by": engine.options.manner == .sglang ? "sglang" : "vllm",
        "root": .string(engine.options.model), "parent": nil,
        "max_model_len": .int(engine.options.maxModelLength),
      ]
    }
    return .json(["object": "list", "data": .array(models)])
  }
}
