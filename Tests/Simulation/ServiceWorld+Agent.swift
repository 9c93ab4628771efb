import Fleet
import Health

/// How an agent's looks and questions fare, and whether what it shows is so.
extension ServiceWorld {
  // MARK: Rest between looks

  /// Returns at one of the instants in which the replica's agent looks: the first that is not before the
  /// given one, or the next after something has happened.
  func rest(_ index: Int, until milliseconds: Milliseconds) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        if Task.isCancelled { return continuation.resume() }
        self.replicas[index].rest = continuation
        self.replicas[index].restCount += 1
        let replica = self.replicas[index]
        let tick = milliseconds == .max ? .max : replica.tick(notBefore: milliseconds)
        let at = min(tick, replica.wakeAt ?? .max)
        if at < .max { self.endRest(index, replica.restCount, at: at) }
      }
    } onCancel: {
      self.endRest(index)
    }
  }

  private func endRest(_ index: Int, _ number: Int, at milliseconds: Milliseconds) {
    self.world.at(.milliseconds(milliseconds) + SimGround.tickOffset) {
      if self.replicas[index].restCount == number { self.endRest(index) }
    }
  }

  func endRest(_ index: Int) {
    self.replicas[index].wakeAt = nil
    self.replicas[index].rest?.resume()
    self.replicas[index].rest = nil
  }

  /// Something has happened that the next look shows.
  func wake(_ index: Int) {
    let replica = self.replicas[index]
    let isBeforeTick = self.world.now < .milliseconds(self.now) + SimGround.tickOffset
    let at = replica.tick(notBefore: isBeforeTick ? self.now : self.now + 1)
    if let wakeAt = replica.wakeAt, wakeAt <= at { return }
    self.replicas[index].wakeAt = at
    if replica.rest != nil { self.endRest(index, replica.restCount, at: at) }
  }

  // MARK: Looks

  /// - Returns: Its number, how long it takes, and whether nothing comes of it.
  func beginLook(_ index: Int) -> (number: Int, delay: Milliseconds, isLost: Bool) {
    self.replicas[index].lookCount += 1
    let number = self.replicas[index].lookCount
    let draw = self.replicas[index].draw(0...999)
    let replica = self.replicas[index]
    if replica.engine.end == nil, replica.engine.condition == .serverIsStopped {
      return (number, 3000, false)
    }
    guard draw < 60, !replica.lastLookFailed else { return (number, 0, false) }
    // Health and metrics are asked, and each has three seconds.
    let delay = draw < 20 ? 3000 : self.replicas[index].draw(100...5800)
    let isLost = draw < 15
    // The next one comes two seconds later.
    self.replicas[index].delayUnderWay = delay + (isLost ? 2200 : 0)
    self.replicas[index].lookDelay += self.replicas[index].delayUnderWay
    return (number, delay, isLost)
  }

  /// Returns when its agent reads what was answered after that time.
  func answer(_ index: Int, after delay: Milliseconds) async {
    try? await self.world.sleep(until: .milliseconds(self.now + delay) + .microseconds(250))
    await self.agentRuns(index)
  }

  private func agentRuns(_ index: Int) async {
    let host = self.agents[self.replicas[index].node].host
    guard host.pausedUntil > self.now else { return }
    // Before or after its own clock is read.
    await host.awake(after: self.replicas[index].draw(0...150))
  }

  /// The agent was away, and its timer may go off before it reads the answer.
  func isAnswerLost(_ index: Int, _ isLost: Bool, began: Milliseconds) -> Bool {
    guard self.now - began > 6000, !self.replicas[index].lastLookFailed else { return isLost }
    let isLost = self.replicas[index].draw(0...1) == 0
    if isLost { self.replicas[index].lookDelay += 2200 }
    return isLost
  }

  func endLook(_ index: Int, _ answer: LivenessSight.Answer) {
    if case .fine = answer {
      self.replicas[index].lastLookFailed = false
    } else {
      self.replicas[index].lastLookFailed = true
    }
    self.wake(index)
  }

  // MARK: Completions

  /// Asks the server for a token.
  func complete(_ index: Int) async -> ProbeOutcome {
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<ProbeOutcome, Never>) in
        if Task.isCancelled { return continuation.resume(returning: .failed("cancelled")) }
        self.replicas[index].canaryCount += 1
        let number = self.replicas[index].canaryCount
        self.replicas[index].canary = SimReplica.Canary(number: number, answer: continuation)
        let isMute = self.replicas[index].engine.condition == .serverIsStopped
        self.at(self.now + (isMute ? 5000 : 60_000)) {
          guard let canary = self.replicas[index].canary, canary.number == number,
            canary.outcome == nil
          else { return }
          self.decideCanary(index, .failed("no answer in time"), after: 0)
        }
        self.answerCanary(index)
      }
    } onCancel: {
      self.endCanary(index, .failed("cancelled"))
    }
    await self.agentRuns(index)
    return outcome
  }

  func decideCanary(_ index: Int, _ outcome: ProbeOutcome, after delay: Milliseconds) {
    guard let number = self.replicas[index].canary?.number else { return }
    self.replicas[index].canary?.outcome = outcome
    self.at(self.now + delay) {
      if self.replicas[index].canary?.number == number { self.endCanary(index, outcome) }
    }
  }

  private func endCanary(_ index: Int, _ outcome: ProbeOutcome) {
    let canary = self.replicas[index].canary
    self.replicas[index].canary = nil
    canary?.answer.resume(returning: outcome)
  }

  // MARK: Telling

  /// What an agent shows of a replica has changed.
  func posted(_ index: Int, _ status: ReplicaStatus) {
    let before = self.replicas[index].posted
    self.replicas[index].posted = status
    if status.state != before.state { self.check(index, status) }
    self.note(index, status.state)
  }

  /// Whether what an agent says is so.
  private func check(_ index: Int, _ status: ReplicaStatus) {
    let replica = self.replicas[index]
    switch status.state {
    case .failed, .backoff:
      if replica.fatalSince == nil {
        self.violate("\(replica.key) is failed, and nothing is wrong with it: \(status.reason)")
      }
      self.found(index)
    case .stalled:
      if replica.isStopped {
        if replica.expectation?.kind != .goesOn { self.found(index) }
      } else if replica.fatalSince == nil, self.now > replica.stalledUntil {
        self.violate("\(replica.key) is stalled, and nothing is wrong with it: \(status.reason)")
      }
    case .busy:
      let isExcused =
        replica.isStopped || replica.fatalSince != nil || self.now <= replica.busyUntil
      if !isExcused {
        self.violate("\(replica.key) is busy, and nothing is slow: \(status.reason)")
      }
      if replica.expectation?.kind == .goesOn { self.found(index) }
    case .ready:
      if replica.expectation?.kind == .goesOn { self.found(index) }
    case .waiting, .starting, .loading, .canary, .draining, .stopping, .stopped: break
    }
  }
}
