import Fleet
import NodeAPI

/// How a person starts a replica by hand, on its node: `env.sh` and `launch.sh`.
struct ReplicaScripts: Sendable {
  let spec: Muster_V1_ReplicaSpec
  let identity: AgentIdentity

  func publish(in folder: ReplicaFolder) throws(NodeAgentError) {
    let title =
      "\(self.spec.service)-\(self.spec.index) of run \(self.identity.run) "
      + "on \(self.identity.node)"
    let environment = EnvironmentScript.text(
      title: title, variables: self.spec.environment.map { ($0.name, $0.value) },
      secrets: self.spec.secrets)
    let launch = LaunchScript.text(
      title: title, argv: self.spec.argv, folder: self.spec.folder, folders: self.spec.folders)
    try PlainFile.publish(Array(environment.utf8), at: folder.environmentScript)
    try PlainFile.publish(Array(launch.utf8), at: folder.launchScript, mode: 0o700)
  }
}
