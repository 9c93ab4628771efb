import Fleet
import NodeAPI
import Plan

extension PreflightFacts {
  /// What an agent says, cut to what a node can have: an agent is trusted with its own node only.
  init(_ wire: Muster_V1_NodeFacts) {
    self.init()
    self.hostName = Self.text(wire.hostName)
    self.bootID = Self.text(wire.bootID)
    self.architecture = Self.text(wire.architecture)
    self.kernel = Self.text(wire.kernel)
    self.cpus = wire.hasCpus && (0...1e6).contains(wire.cpus) ? wire.cpus : nil
    self.memoryTotalBytes = wire.hasMemoryTotalBytes ? Self.number(wire.memoryTotalBytes) : nil
    self.memoryAvailableBytes =
      wire.hasMemoryAvailableBytes ? Self.number(wire.memoryAvailableBytes) : nil
    self.gpuProgram = GPUProgram(wire.gpuProgram)
    self.gpuFault = Self.text(wire.gpuFault)
    self.gpus = wire.gpus.prefix(Self.countMax).map(GPU.init)
    self.gpuProcesses = wire.gpuProcesses.prefix(Self.countMax).map(GPUProcess.init)
    self.xids = wire.xidsKnown ? wire.xids.prefix(Self.countMax).map(XID.init) : nil
    self.cuda = Self.text(wire.cudaVersion)
    self.python = Self.text(wire.python)
    for package in wire.packages.prefix(Self.countMax) {
      self.packages[Self.text(package.name)] = Self.text(package.version)
    }
    self.missingPrograms = wire.missingPrograms.prefix(Self.countMax).map(Self.text)
    self.ports = wire.ports.prefix(Self.countMax).map { port in
      Port(
        port: Int(port.port), processID: Int(port.processID), program: Self.text(port.program),
        isOurs: port.ours)
    }
    self.paths = wire.paths.prefix(Self.countMax).map(Path.init)
    self.openFilesSoft = wire.hasOpenFilesSoft ? wire.openFilesSoft : nil
    self.openFilesHard = wire.hasOpenFilesHard ? wire.openFilesHard : nil
    self.processesMax = wire.hasProcessesMax ? wire.processesMax : nil
    for peer in wire.peers.prefix(Self.countMax) where !peer.local.isEmpty {
      self.addresses[Self.text(peer.peer)] = Self.text(peer.local)
    }
    self.logoutKills = wire.hasLogoutKills ? wire.logoutKills : nil
    self.runsBytes = wire.hasRunsBytes ? Self.number(wire.runsBytes) : nil
  }

  /// Of each list; more than 256 are never asked for.
  private static let countMax = 1024
  private static let textSizeMax = 4096

  fileprivate static func text(_ text: String) -> String { String(text.prefix(Self.textSizeMax)) }

  /// At most 2^50, whatever a node says: sums of a fleet's numbers stay far from the largest.
  static func number(_ number: UInt64) -> Int { Int(min(number, 1 << 50)) }
}

extension PreflightFacts.GPUProgram {
  fileprivate init(_ wire: Muster_V1_GPUProgram) {
    switch wire {
    case .answered: self = .answered
    case .hung: self = .hung
    case .failed: self = .failed
    case .absent, .unspecified, .UNRECOGNIZED: self = .absent
    }
  }
}

extension PreflightFacts.GPU {
  fileprivate init(_ wire: Muster_V1_GPUFacts) {
    self.init(
      index: Int(wire.index), name: PreflightFacts.text(wire.name),
      driver: PreflightFacts.text(wire.driverVersion))
    self.uuid = PreflightFacts.text(wire.uuid)
    self.eccMode = PreflightFacts.text(wire.eccMode)
    if wire.hasMemoryTotalMib {
      self.memoryTotalMebibytes = PreflightFacts.number(wire.memoryTotalMib)
    }
    if wire.hasMemoryUsedMib {
      self.memoryUsedMebibytes = PreflightFacts.number(wire.memoryUsedMib)
    }
    if wire.hasUncorrectedEccErrors {
      self.uncorrectedErrors = PreflightFacts.number(wire.uncorrectedEccErrors)
    }
  }
}

extension PreflightFacts.GPUProcess {
  fileprivate init(_ wire: Muster_V1_GPUProcess) {
    self.init(
      gpu: PreflightFacts.text(wire.gpuUuid), processID: Int(wire.processID),
      name: PreflightFacts.text(wire.name),
      memoryMebibytes: wire.hasMemoryMib ? PreflightFacts.number(wire.memoryMib) : nil,
      isOurs: wire.ours)
  }
}

extension PreflightFacts.XID {
  fileprivate init(_ wire: Muster_V1_XIDFacts) {
    self.init(
      code: Int(wire.code), device: PreflightFacts.text(wire.device), count: Int(wire.count),
      text: PreflightFacts.text(wire.text))
  }
}

extension PreflightFacts.Path {
  fileprivate init(_ wire: Muster_V1_PathFacts) {
    self.init(
      PreflightFacts.text(wire.path), fileSystem: PreflightFacts.text(wire.fileSystem),
      freeBytes: wire.hasFreeBytes ? PreflightFacts.number(wire.freeBytes) : nil)
    self.exists = wire.exists
    self.isNetwork = wire.network
    self.totalBytes = wire.hasTotalBytes ? PreflightFacts.number(wire.totalBytes) : nil
    self.isWritable = wire.writable
    self.isHung = wire.hung
  }
}
