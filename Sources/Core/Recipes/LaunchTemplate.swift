package import Fleet

/// What a recipe makes of a service's settings: a launch that still holds placeholders, and ports
/// that are those of the first replica on a node.
package struct LaunchTemplate: Sendable {
  /// May hold placeholders such as `{port}`.
  package var argv: [String]
  /// Where to point when a placeholder in `argv` or the probe is wrong.
  package var argvLocation: SourceLocation
  /// Variables that the recipe itself sets; the manifest's win.
  package var environment: [EnvironmentVariable] = []
  package var probe: ReadinessProbe?
  package var readyTimeoutSeconds: Int
  package var progressMarks: [String] = []
  package var isTask = false
  package var stopGraceSeconds: Int
  /// The first one is `{port}`; replica k of a node gets each plus k.
  package var ports: [Int]
  package var portsLocation: SourceLocation
  /// GPUs of one replica, 0 if unknown: replica k of several on a node sees only its own.
  package var gpuCount = 0
  /// Whether it answers as vLLM does, its first port being that of an OpenAI-compatible server.
  package var servesModel: Bool {
    if case .canary = self.probe { return true }
    return false
  }
  /// What the compile caches depend on, as far as it is known; names once each.
  package var fingerprintInputs: [(name: String, value: String)] = []
}
