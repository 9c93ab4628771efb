/// What a node is and has, as its agent found. `nil`, and an empty text, is unknown.
package struct PreflightFacts: Codable, Equatable, Sendable {
  package enum GPUProgram: String, Codable, Equatable, Sendable {
    /// There is no `nvidia-smi`.
    case absent
    case answered
    /// It was killed when it had not answered in time.
    case hung
    case failed
  }

  package struct GPU: Codable, Equatable, Sendable {
    package var index: Int
    package var uuid = ""
    package var name = ""
    package var memoryTotalMebibytes: Int?
    package var memoryUsedMebibytes: Int?
    package var driver = ""
    package var eccMode = ""
    /// Since the driver was loaded.
    package var uncorrectedErrors: Int?
    /// It is listed, and does not answer.
    package var isLost = false

    package init(index: Int, name: String = "", driver: String = "") {
      self.index = index
      self.name = name
      self.driver = driver
    }
  }

  package struct GPUProcess: Codable, Equatable, Sendable {
    package var gpu: String
    package var processID: Int
    package var name: String
    package var memoryMebibytes: Int?
    /// Of this run.
    package var isOurs: Bool

    package init(
      gpu: String, processID: Int, name: String, memoryMebibytes: Int? = nil, isOurs: Bool = false
    ) {
      self.gpu = gpu
      self.processID = processID
      self.name = name
      self.memoryMebibytes = memoryMebibytes
      self.isOurs = isOurs
    }
  }

  /// An error that a driver wrote to the kernel's log.
  package struct XID: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, Equatable, Sendable {
      /// Of an NVIDIA GPU, by NVIDIA's numbers.
      case xid
      /// Of a switch between GPUs, whose numbers are others.
      case sxid
      /// A GPU is gone; without a number, as all below.
      case lost
      /// The driver could not start a GPU.
      case notStarted = "not_started"
      /// An AMD GPU was reset.
      case reset
    }

    package var kind: Kind
    /// 0 where there is none.
    package var code: Int
    /// Such as `0000:3b:00`; empty where the line has none.
    package var device: String
    package var count: Int
    /// The last line.
    package var text: String
    /// Whether it is fatal by the driver's own word; `nil`: that does not say.
    package var isFatal: Bool?

    package init(
      _ kind: Kind = .xid, code: Int = 0, device: String, count: Int = 1, text: String = "",
      isFatal: Bool? = nil
    ) {
      self.kind = kind
      self.code = code
      self.device = device
      self.count = count
      self.text = text
      self.isFatal = isFatal
    }
  }

  /// A planned port on which someone listens.
  package struct Port: Codable, Equatable, Sendable {
    package var port: Int
    /// 0 where it may not be seen.
    package var processID: Int
    package var program: String
    package var isOurs: Bool

    package init(port: Int, processID: Int = 0, program: String = "", isOurs: Bool = false) {
      self.port = port
      self.processID = processID
      self.program = program
      self.isOurs = isOurs
    }
  }

  package struct Path: Codable, Equatable, Sendable {
    /// As it was asked for; the rest is of the nearest folder above it that exists.
    package var path: String
    package var exists = true
    package var fileSystem = ""
    package var isNetwork = false
    package var freeBytes: Int?
    package var totalBytes: Int?
    package var isWritable = true
    /// It did not answer in time; the rest is unknown.
    package var isHung = false

    package init(_ path: String, fileSystem: String = "", freeBytes: Int? = nil) {
      self.path = path
      self.fileSystem = fileSystem
      self.freeBytes = freeBytes
    }
  }

  package var hostName = ""
  package var bootID = ""
  package var architecture = ""
  package var kernel = ""
  /// What processes may use: the affinity, and the cgroup's quota.
  package var cpus: Double?
  package var memoryTotalBytes: Int?
  package var memoryAvailableBytes: Int?
  package var gpuProgram = GPUProgram.absent
  package var gpuFault = ""
  /// The exit status beside rows that were read.
  package var gpuStatus = 0
  /// Lines of `nvidia-smi` among the rows that are none.
  package var gpuMessages: [String] = []
  package var gpus: [GPU] = []
  package var gpuProcesses: [GPUProcess] = []
  /// `nil` where the kernel's log cannot be read.
  package var xids: [XID]?
  package var cuda = ""
  /// The interpreter that the packages are of.
  package var python = ""
  /// Version by name.
  package var packages: [String: String] = [:]
  package var missingPrograms: [String] = []
  package var ports: [Port] = []
  package var paths: [Path] = []
  /// `UInt64.max` is no limit.
  package var openFilesSoft: UInt64?
  package var openFilesHard: UInt64?
  package var processesMax: UInt64?
  /// This node's own addresses by those of the peers that it reaches from them.
  package var addresses: [String: String] = [:]
  package var logoutKills: Bool?
  /// What its runs take of its disk together, those that are over too.
  package var runsBytes: Int?

  package init() {}

  /// What a node can have at most of bytes, MiB and errors.
  package static let numberMax = 1 << 60

  /// Whether a node can have this: whoever says it is semi-trusted, and numbers are added up.
  package var isPossible: Bool {
    let numbers =
      [self.memoryTotalBytes, self.memoryAvailableBytes, self.runsBytes]
      + self.gpus.flatMap {
        [$0.memoryTotalMebibytes, $0.memoryUsedMebibytes, $0.uncorrectedErrors]
      }
      + self.gpuProcesses.map(\.memoryMebibytes)
      + self.paths.flatMap { [$0.freeBytes, $0.totalBytes] }
    return (0...1e6).contains(self.cpus ?? 0)
      && numbers.allSatisfy { (0...Self.numberMax).contains($0 ?? 0) }
  }
}

/// What one node is asked before anything starts on it.
package struct PreflightQuestion: Codable, Equatable, Sendable {
  package struct Program: Codable, Hashable, Sendable {
    package var name: String
    /// Where it is looked for; empty: the agent's own.
    package var searchPath: String

    package init(name: String, searchPath: String) {
      self.name = name
      self.searchPath = searchPath
    }
  }

  /// Of each list; an agent refuses more.
  package static let countMax = 256

  /// In the order of the plan, each once; so for all.
  package var programs: [Program] = []
  package var ports: [Int] = []
  package var paths: [String] = []
  package var peers: [String] = []
  package var packages: [String] = []

  package init() {}
}
