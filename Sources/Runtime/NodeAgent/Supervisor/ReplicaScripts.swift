import Fleet
import Launch
import OperatingSystem

/// How a person starts a replica by hand, on its node: `env.sh` and `launch.sh`.
struct ReplicaScripts: Sendable {
  let replica: ReplicaSpecification
  let identity: AgentIdentity

  func publish(in folder: ReplicaFolder) throws(SystemFault) {
    let title = "\(self.replica.key) of run \(self.identity.run) on \(self.identity.node)"
    let launched = self.replica.launch
    let environment = EnvironmentScript.text(
      title: title, variables: launched.environment.map { ($0.name, $0.value) },
      secrets: launched.secrets)
    let launch = LaunchScript.text(
      title: title, argv: launched.argv, folder: launched.folder, folders: launched.folders)
    try PlainFile.publish(Array(environment.utf8), at: folder.environmentScript)
    try PlainFile.publish(Array(launch.utf8), at: folder.launchScript, mode: 0o700)
  }
}
