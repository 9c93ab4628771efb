package import Coordinator
import Fleet
package import Runs

extension FleetContext {
  /// How every replica of a run is, by its nodes' own words.
  package func status(of run: LiveRun) async throws(RunFault) -> StatusReport {
    StatusReport(plan: run.plan, try await self.survey(run))
  }

  /// What led to the state of a node, a service or a replica.
  package func history(of subject: ChainSubject, in run: LiveRun) async throws(RunFault)
    -> WhyReport
  {
    // Asking the nodes of a run that is over would start agents for it again.
    let answers =
      run.isFinished
      ? [] : try await self.chronicles(of: run, on: subject.nodes(of: run.plan))
    return WhyReport(
      subject: subject, plan: run.plan, journal: try run.chain(), answers: answers,
      nowMilliseconds: self.surroundings.milliseconds())
  }

  /// The services that serve a model, with what their servers do now.
  package func modelServices(
    of run: LiveRun
  ) async throws(RunFault) -> (services: [ModelService], faults: [NodeFault]) {
    let (answers, faults) = NodeFault.parted(try await self.survey(run))
    let services = ModelService.all(
      of: run.plan, reports: answers.flatMap(\.reports), silent: Set(faults.map(\.node)))
    return (services, faults)
  }
}
