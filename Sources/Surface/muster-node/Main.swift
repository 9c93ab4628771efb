import Glibc
import NodeAgent

@main
struct Main {
  static func main() async {
    let agent = AgentProcess(
      environment: EnvironmentBlock.ofThisProcess(), clock: ContinuousClock(),
      wallClockMilliseconds: {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
      })
    exit(await agent.status(of: Array(CommandLine.arguments.dropFirst())))
  }
}
