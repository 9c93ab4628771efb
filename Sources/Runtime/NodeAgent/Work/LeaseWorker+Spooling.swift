import RecordFiles
import Rollouts
import Synchronization

extension LeaseWorker {
  /// Opens the spool of the work and writes what is closed: many batches with one sync.
  func writeSpool() async {
    for await _ in self.rings(\.spoolBell) {
      while !Task.isCancelled {
        let (step, number) = self.nextSpoolStep()
        do throws(RecordLogError) {
          guard try await self.carryOut(step, of: number) else { break }
        } catch {
          self.spoolFailed(error, of: number)
          try? await self.clock.sleep(
            until: self.clock.now.advanced(by: self.settings.spoolRetry), tolerance: nil)
        }
      }
    }
  }

  private func nextSpoolStep() -> (State.SpoolStep, workNumber: Int) {
    self.state.withLock { ($0.nextSpoolStep, $0.workNumber) }
  }

  /// - Returns: Whether there may be more to do.
  private func carryOut(_ step: State.SpoolStep, of number: Int) async throws(RecordLogError)
    -> Bool
  {
    switch step {
    case .nothing:
      return false
    case .open(let workID):
      let log = try await self.store.open(workID: workID)
      let entries = await log.contents()
      let highest = await log.highestSequence()
      self.state.withLock { state in
        guard state.workNumber == number else { return }
        state.spoolOpened(log, entries: entries, highest: highest)
      }
    case .write(let batches, let log):
      try await log.append(batches)
      try await log.sync()
      self.state.withLock { state in
        guard state.workNumber == number else { return }
        state.spool.written(batches)
        state.sendBell?.yield()
        state.computeBell?.yield()
      }
    case .drop(let sequence, let log):
      try await log.drop(through: sequence)
      self.state.withLock { state in
        guard state.workNumber == number else { return }
        state.spool.dropped(through: sequence)
        state.computeBell?.yield()
      }
    }
    return true
  }

  private func spoolFailed(_ error: RecordLogError, of number: Int) {
    self.state.withLock { state in
      guard state.workNumber == number else { return }
      if state.isOpen { state.phase = .failed("\(error)") }
      state.raise(LeaseFault(.disk, "\(error)"))
    }
  }
}
