import NodeAPI
import Plan
import Recipes
import SwiftProtobuf

extension Muster_V1_ReplicaSpec {
  /// The message that starts one replica of the plan.
  init(service: String, _ replica: Plan.Replica) {
    let launch = replica.launch
    self = .with {
      $0.service = service
      $0.index = UInt32(replica.index)
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
      $0.readyTimeoutSeconds = UInt32(launch.readyTimeoutSeconds)
      $0.progressMarks = launch.progressMarks
      $0.task = launch.isTask
      $0.stopGraceSeconds = UInt32(launch.stopGraceSeconds)
      $0.ports = launch.ports.map(UInt32.init)
      $0.folders = launch.folders
      $0.restartCountMax = UInt32(launch.restartCountMax ?? 0)
      if let cores = launch.cores {
        $0.cores = .with {
          $0.index = UInt32(cores.index)
          $0.count = UInt32(cores.count)
        }
      }
      if let metrics = launch.metrics {
        $0.metrics = .with {
          $0.port = UInt32(metrics.port)
          $0.path = metrics.path
        }
      }
    }
  }
}

extension Muster_V1_Probe {
  init(_ probe: ReadinessProbe) {
    self = .with {
      switch probe {
      case .http(let port, let path):
        $0.http = .with {
          $0.port = UInt32(port)
          $0.path = path
        }
      case .tcp(let port):
        $0.tcp = .with { $0.port = UInt32(port) }
      case .log(let text):
        $0.log = .with { $0.contains = text }
      case .exec(let argv):
        $0.exec = .with { $0.argv = argv }
      case .canary(let port, let model):
        $0.canary = .with {
          $0.port = UInt32(port)
          $0.model = model
        }
      }
    }
  }
}
