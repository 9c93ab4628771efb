package import Launch
import SwiftProtobuf

extension Muster_V1_ReplicaSpec {
  package init(_ replica: ReplicaSpecification) {
    let launch = replica.launch
    self = .with {
      $0.service = replica.key.service
      $0.index = UInt32(clamping: replica.key.index)
      $0.argv = launch.argv
      $0.environment = launch.environment.map { variable in
        .with {
          $0.name = variable.name
          $0.value = variable.value
        }
      }
      $0.secrets = launch.secrets
      $0.folder = launch.folder
      if let probe = launch.probe { $0.probe = Muster_V1_Probe(probe) }
      $0.readyTimeoutSeconds = UInt32(clamping: launch.readyTimeoutSeconds)
      $0.progressMarks = launch.progressMarks
      $0.task = launch.isTask
      $0.stopGraceSeconds = UInt32(clamping: launch.stopGraceSeconds)
      $0.ports = launch.ports.map { UInt32(clamping: $0) }
      $0.folders = launch.folders
      $0.neededFolders = launch.neededFolders
      $0.restartCountMax = UInt32(clamping: launch.restartCountMax ?? 0)
      if let cores = launch.cores { $0.cores = Muster_V1_CoreShare(cores) }
      if let model = launch.model { $0.model = Muster_V1_ModelServer(model) }
      if let metrics = launch.metrics {
        $0.metrics = .with {
          $0.port = UInt32(clamping: metrics.port)
          $0.path = metrics.path
        }
      }
      if let devices = launch.devices {
        $0.devices = .with {
          $0.count = UInt32(clamping: devices.count)
          $0.variables = devices.variables
        }
      }
      $0.role = launch.role ?? ""
    }
  }
}

extension ReplicaSpecification {
  /// What a coordinator says, checked.
  package init(_ spec: Muster_V1_ReplicaSpec) throws(ReplicaFault) {
    var launch = LaunchSpecification(
      argv: spec.argv, environment: spec.environment.map { EnvironmentVariable($0.name, $0.value) },
      secrets: spec.secrets, folder: spec.folder,
      probe: spec.probe.kind.map(ReadinessProbe.init),
      readyTimeoutSeconds: Int(spec.readyTimeoutSeconds), progressMarks: spec.progressMarks,
      isTask: spec.task, stopGraceSeconds: Int(spec.stopGraceSeconds),
      ports: spec.ports.map(Int.init), folders: spec.folders,
      model: spec.hasModel ? ModelServer(spec.model) : nil)
    launch.neededFolders = spec.neededFolders
    launch.restartCountMax = spec.restartCountMax == 0 ? nil : Int(spec.restartCountMax)
    launch.cores = spec.hasCores ? CoreShare(spec.cores) : nil
    launch.metrics =
      spec.hasMetrics
      ? MetricsPlace(port: Int(spec.metrics.port), path: spec.metrics.path) : nil
    launch.devices =
      spec.hasDevices
      ? DeviceNeed(count: Int(spec.devices.count), variables: spec.devices.variables) : nil
    launch.role = spec.role.isEmpty ? nil : spec.role
    self.init(key: ReplicaKey(service: spec.service, index: Int(spec.index)), launch: launch)
    try self.check()
  }

  /// As an agent keeps it beside the replica's log.
  package func json() throws -> [UInt8] {
    try Muster_V1_ReplicaSpec(self).jsonUTF8Bytes()
  }

  /// - Throws: For bytes that ``json()`` did not give.
  package init(json: [UInt8]) throws {
    try self.init(Muster_V1_ReplicaSpec(jsonUTF8Bytes: json))
  }
}

extension Muster_V1_Probe {
  fileprivate init(_ probe: ReadinessProbe) {
    self = .with {
      switch probe {
      case .http(let port, let path):
        $0.http = .with {
          $0.port = UInt32(clamping: port)
          $0.path = path
        }
      case .tcp(let port): $0.tcp = .with { $0.port = UInt32(clamping: port) }
      case .log(let text): $0.log = .with { $0.contains = text }
      case .exec(let argv): $0.exec = .with { $0.argv = argv }
      }
    }
  }
}

extension ReadinessProbe {
  fileprivate init(_ kind: Muster_V1_Probe.OneOf_Kind) {
    switch kind {
    case .http(let http): self = .http(port: Int(http.port), path: http.path)
    case .tcp(let tcp): self = .tcp(port: Int(tcp.port))
    case .log(let log): self = .log(contains: log.contains)
    case .exec(let exec): self = .exec(argv: exec.argv)
    }
  }
}

extension Muster_V1_CoreShare {
  fileprivate init(_ cores: CoreShare) {
    self = .with {
      $0.index = UInt32(clamping: cores.index)
      $0.count = UInt32(clamping: cores.count)
      $0.variable = cores.variable ?? ""
    }
  }
}

extension CoreShare {
  fileprivate init(_ cores: Muster_V1_CoreShare) {
    self.init(
      index: Int(cores.index), count: Int(cores.count),
      variable: cores.variable.isEmpty ? nil : cores.variable)
  }
}

extension Muster_V1_ModelServer {
  fileprivate init(_ model: ModelServer) {
    self = .with {
      $0.host = model.host
      $0.port = UInt32(clamping: model.port)
      $0.model = model.model
      $0.keyVariable = model.keyVariable ?? ""
      if let place = model.keyArgument { $0.keyArgument = UInt32(clamping: place) }
      $0.metricsPath = model.metricsPath
      $0.healthPath = model.healthPath ?? ""
      $0.parsesReasoning = model.parsesReasoning
    }
  }
}

extension ModelServer {
  fileprivate init(_ model: Muster_V1_ModelServer) {
    self.init(
      host: model.host, port: Int(model.port), model: model.model,
      keyVariable: model.keyVariable.isEmpty ? nil : model.keyVariable,
      metricsPath: model.metricsPath, healthPath: model.healthPath.isEmpty ? nil : model.healthPath)
    self.keyArgument = model.hasKeyArgument ? Int(model.keyArgument) : nil
    self.parsesReasoning = model.parsesReasoning
  }
}
