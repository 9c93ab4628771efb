import Glibc
import Health
import NodeAPI
import SwiftProtobuf

/// Tells whose the ports are that a replica had, once its processes are gone.
enum TakenPorts {
  /// Blocks for as long as `/proc` takes.
  ///
  /// - Parameter mark: `NAME=value` of the variable that all processes of the run on this node have.
  static func remains(_ ports: [Int], mark: String) -> ReplicaRemains {
    var remains = ReplicaRemains()
    let users = ListeningPorts.users()
    // Of which run their processes are is asked below.
    for taken in PortQuestion(ports: ports, run: "").answer() {
      let port = Int(taken.port)
      let process = Int32(truncatingIfNeeded: taken.processID)
      let name = "process \(process) (\(taken.program))"
      if process == 0 {
        // The descriptors of another user's processes are hidden; those of ours are not, as a rule.
        if let user = users[port], user != geteuid() {
          remains.foreign.append("port \(port) is now that of a process of user \(user)")
        } else {
          remains.leftovers.append("port \(port) is taken still, by a process that cannot be seen")
        }
      } else if ProcessTable.environment(of: process, contains: [mark]) {
        remains.leftovers.append("port \(port) is held by \(name) of this run")
      } else {
        remains.foreign.append(
          "port \(port) is now that of \(name), which this run did not start")
      }
    }
    return remains
  }
}
