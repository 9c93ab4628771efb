import Fleet
import Launch

/// How a person starts a replica by hand, on its node: `env.sh` and `launch.sh`, for a POSIX shell.
struct ReplicaScripts: Sendable {
  let replica: ReplicaSpecification
  let identity: AgentIdentity

  private var title: String {
    "\(self.replica.key) of run \(self.identity.run) on \(self.identity.node)"
  }

  /// The declared variables in order; of secrets the names alone.
  var environment: String {
    var text = "# Environment of \(self.title).\n"
    for variable in self.replica.launch.environment {
      text += "export \(variable.name)=\(ShellQuoting.quote(variable.value))\n"
    }
    if !self.replica.launch.secrets.isEmpty { text += "# Set these yourself: they are written nowhere.\n" }
    for name in self.replica.launch.secrets { text += ": \"${\(name):?}\"\nexport \(name)\n" }
    return text
  }

  /// Makes the folders, goes to the working folder and becomes the program.
  var launch: String {
    var text = """
      #!/bin/sh
      # Starts \(self.title), as its agent does.
      set -eu
      . "$(dirname "$0")/env.sh"

      """
    for folder in self.replica.launch.folders { text += "mkdir -p \(ShellQuoting.quote(folder))\n" }
    let folder = self.replica.launch.folder.isEmpty ? "\"$HOME\"" : ShellQuoting.quote(self.replica.launch.folder)
    return text + "cd \(folder)\nexec \(ShellQuoting.join(self.replica.launch.argv))\n"
  }

  func publish(in folder: ReplicaFolder) throws(NodeAgentError) {
    try PlainFile.publish(Array(self.environment.utf8), at: folder.environmentScript)
    try PlainFile.publish(Array(self.launch.utf8), at: folder.launchScript, mode: 0o700)
  }
}
