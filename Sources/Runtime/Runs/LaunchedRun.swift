import Fleet
import Plan
import RunStore

extension FleetContext {
  /// The live run if it has the same plan, else a new one, which is held: until an agent of it is
  /// there, nothing else tells it from one that is over.
  ///
  /// - Parameter limit: How long nodes are asked for a run that this folder does not have. Of those that
  ///   do not answer the launch itself tells, and needs them.
  /// - Throws: `RunFault` when a run of another plan is up, or another process launches this one.
  package func liveRunForLaunch(
    within limit: Duration, clock: some Clock<Duration>
  ) async throws(RunFault) -> LiveRun {
    if try await self.liveRunIfAny() == nil {
      let asked = await withTaskGroup(of: RunFault?.self) { tasks in
        tasks.addTask {
          do throws(RunFault) {
            _ = try await self.runOnNodes(self.serviceNodes(of: self.plan))
            return nil
          } catch {
            return error.cause == .surroundings ? nil : error
          }
        }
        tasks.addTask {
          try? await clock.sleep(until: clock.now.advanced(by: limit), tolerance: nil)
          return nil
        }
        defer { tasks.cancelAll() }
        return await tasks.next() ?? nil
      }
      if let fault = asked { throw fault }
    }
    return try RunFault.storing {
      // Two that look at once would begin one each.
      try RunList(root: self.runsFolder).alone(on: self.plan.name) { try self.launchedRun() }
    }
  }

  private func launchedRun() throws(RunFault) -> LiveRun {
    // One that cannot be read by now lives nowhere.
    let newest = try self.newestRun { !$0.isFinished }
    guard let run = newest.flatMap({ try? LiveRun($0, self.surroundings) }) else {
      let run = try self.newRun()
      try run.hold()
      return run
    }
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    guard differences.isEmpty else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
          hints: ["`muster down` ends it"]))
    }
    try run.requireJournal()
    try run.hold()
    self.surroundings.say("run \(run.id) is there already: what runs is left as it is")
    return run
  }
}
