import Fleet

/// A folder of what an engine compiles just in time.
package struct CacheFolder: Equatable, Sendable {
  /// The variable that tells the engine where it is.
  package var variable: String
  package var name: String

  package init(_ variable: String, _ name: String) {
    self.variable = variable
    self.name = name
  }
}

/// Where the compile caches of one engine lie, as variables of its process.
///
/// Under `root`: `jit/<fingerprint>/engine-<k>/…` for what is compiled just in time, which no two
/// engines of a node share (their writers race), and `shared/…` for artefacts, which are only added
/// to.
package struct CacheEnvironment: Equatable, Sendable {
  package struct Variable: Equatable, Sendable {
    package var name: String
    package var value: String
    /// Whether the value is a folder that must exist before the process starts.
    package var isFolder: Bool
  }

  /// In a fixed order.
  package let variables: [Variable]

  /// - Parameters:
  ///   - root: Absolute, on a node-local disk.
  ///   - fingerprint: A folder's name; see ``fingerprint(of:)``.
  ///   - engine: 0 ... among the engines of this fingerprint on the node.
  ///   - own: What engines compile just in time for themselves.
  package init(root: String, fingerprint: String, engine: Int, own: [CacheFolder] = []) {
    let base = root.hasSuffix("/") ? String(root.dropLast()) : root
    let jit = "\(base)/jit/\(fingerprint)/engine-\(engine)"
    let shared = "\(base)/shared"
    func folder(_ name: String, _ path: String) -> Variable {
      Variable(name: name, value: path, isFolder: true)
    }
    self.variables =
      own.map { folder($0.variable, "\(jit)/\($0.name)") } + [
        folder("TORCHINDUCTOR_CACHE_DIR", "\(jit)/inductor"),
        folder("TRITON_CACHE_DIR", "\(jit)/triton"),
        folder("TORCH_EXTENSIONS_DIR", "\(jit)/torch-extensions"),
        // FlashInfer compiles under `<base>/.cache/flashinfer`.
        folder("FLASHINFER_WORKSPACE_BASE", "\(jit)/flashinfer"),
        folder("FLASHINFER_CUBIN_DIR", "\(shared)/flashinfer-cubins"),
        folder("DG_JIT_CACHE_DIR", "\(jit)/deep-gemm"),
        folder("TILELANG_CACHE_DIR", "\(jit)/tilelang"),
        folder("CUDA_CACHE_PATH", "\(jit)/cuda"),
        folder("UV_CACHE_DIR", "\(shared)/uv"),
        Variable(name: "UV_LINK_MODE", value: "symlink", isFolder: false),
        Variable(name: "NEMO_GYM_SKIP_VENV_IF_PRESENT", value: "1", isFolder: false),
      ]
  }

  /// The variables whose folders hold what is compiled just in time: their writers race, and rely on
  /// locks that network file systems do not keep.
  package static func justInTimeNames(own: [CacheFolder]) -> [String] {
    CacheEnvironment(root: "/", fingerprint: "-", engine: 0, own: own)
      .variables.filter { $0.isFolder && $0.value.hasPrefix("/jit/") }.map(\.name)
  }

  /// The name of the caches' folder from what is known when a run is planned: 12 hexadecimal digits
  /// of the SHA-256 over the inputs, sorted by name.
  ///
  /// - Parameter inputs: Name and value, such as `model` and `tensor_parallel`; names once each.
  package static func fingerprint(of inputs: [(name: String, value: String)]) -> String {
    var bytes: [UInt8] = []
    for input in inputs.sorted(by: { $0.name < $1.name }) {
      // Lengths first, so that no two lists of inputs give the same bytes.
      bytes += Array("\(input.name.utf8.count) \(input.value.utf8.count) ".utf8)
      bytes += Array(input.name.utf8) + Array(input.value.utf8)
    }
    return String(SHA256.hex(of: bytes).prefix(12))
  }
}
