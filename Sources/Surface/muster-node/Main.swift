import Glibc
import NodeAgent
import OperatingSystem

@main
struct Main {
  /// Not `async`: Dispatch would leave the main thread by `pthread_exit`, for which a static program
  /// first sorts what it knows of unwinding. That takes 40 ms of a core, longer than all else.
  static func main() {
    // Where who started us ignores it, nobody would keep how our children end.
    signal(SIGCHLD, SIG_DFL)
    let agent = AgentProcess(
      environment: ProcessTable.variables(in: ProcessTable.environment(of: "self")),
      clock: ContinuousClock(),
      wallClockMilliseconds: {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
      })
    Task.detached { exit(await agent.status(of: Array(CommandLine.arguments.dropFirst()))) }
    while true { pause() }
  }
}
