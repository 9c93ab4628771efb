package import ArgumentParser
import Fleet
import Lab
import Runs

/// The root of the command line: parses, runs one subcommand, and turns its end into an exit status.
package struct Muster: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "muster",
    abstract: "Launches services on a fleet of GPU nodes and shards evals across them, over SSH.",
    version: "0.1.0",
    subcommands: [
      Init.self, Check.self, ShowPlan.self, Up.self, Restart.self, Status.self, Top.self, Logs.self,
      Attach.self, Down.self, RunsCommand.self, Why.self, Collect.self, Endpoints.self, Scrape.self,
      Serve.self,
      Eval.self, MergeCommand.self, ReportCommand.self, Simulate.self, Nodes.self,
      Schema.self, LabCommand.self, LinksCommand.self, MetricsBench.self,
    ])

  package init() {}

  /// Runs the command line `arguments` (without the program's name).
  ///
  /// - Returns: The exit status: 0, 1 to 3 as the subcommand defines them, 64 for a wrong command
  ///   line, 130 when interrupted.
  package static func status(of arguments: [String]) async -> Int32 {
    do {
      var command = try Self.parseAsRoot(arguments)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      return 0
    } catch let failure as CommandFailure {
      return Self.told(failure)
    } catch let fault as RunFault {
      return Self.told(CommandFailure(ExitStatus(fault.cause), fault.diagnostics))
    } catch let diagnostic as Diagnostic {
      return Self.told(CommandFailure(.failed, [diagnostic]))
    } catch let error as LabError {
      return Self.told(CommandFailure(.environment, [error.diagnostic]))
    } catch {
      let message = Self.fullMessage(for: error)
      let code = Self.exitCode(for: error)
      if code.isSuccess {
        StandardStreams.data(message.isEmpty ? "" : "\(message)\n")
      } else {
        StandardStreams.talk(message)
      }
      return code.rawValue
    }
  }

  private static func told(_ failure: CommandFailure) -> Int32 {
    for diagnostic in failure.diagnostics { StandardStreams.tell(diagnostic) }
    return failure.status.rawValue
  }
}
