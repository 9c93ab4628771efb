import Coordinator
import Health

/// What an agent does for a replica: it looks ten times a second, tells the machine, and does what it
/// says, as `ReplicaRun` does.
extension ServiceWorld {
  func start(_ index: Int) {
    self.replicas[index].isStarted = true
    self.replicas[index].attempt += 1
    self.replicas[index].machine.launched(at: self.instant)
    self.launchEngine(index)
    self.plan(index)
  }

  func stop(_ index: Int) {
    self.dropExpectation(of: index)
    self.replicas[index].machine.stopAsked(at: self.instant)
    self.plan(index)
  }

  func tick(_ index: Int) {
    guard self.replicas[index].tickAt == self.now else { return }
    self.replicas[index].tickAt = nil
    let pausedUntil = self.agents[self.replicas[index].node].pausedUntil
    if pausedUntil > self.now { return self.plan(index, notBefore: pausedUntil) }
    self.lookAround(index)
  }

  /// One turn of the agent's loop.
  func lookAround(_ index: Int) {
    if let end = self.replicas[index].engine.end {
      if !self.replicas[index].endIsTold {
        self.replicas[index].endIsTold = true
        self.replicas[index].machine.ended(end, at: self.instant)
      }
      if self.replicas[index].engine.isGone, self.replicas[index].machine.isClearing {
        self.replicas[index].machine.cleared()
      }
    }
    switch self.replicas[index].machine.timePassed(at: self.instant) {
    case .none: break
    case .probe: self.probe(index)
    case .look: self.look(index)
    case .canary: self.ask(index, isProbe: false)
    case .terminate: self.terminate(index)
    case .kill: self.queue.add(.processEnds(replica: index, .killed), at: self.now + 30)
    case .giveUp: self.violate("\(self.replicas[index].key) was given up")
    }
    self.post(index)
    self.plan(index)
  }

  /// Plans its next look.
  func plan(_ index: Int, notBefore earliest: Milliseconds? = nil) {
    guard let until = self.replicas[index].machine.quietUntil else {
      self.replicas[index].tickAt = nil
      return
    }
    let replica = self.replicas[index]
    let isUrgent =
      self.isLiteral || replica.engine.end != nil && !replica.endIsTold
      || replica.engine.isGone || replica.machine.view != replica.posted
    let next = isUrgent ? self.now + 1 : max(self.now + 1, until.milliseconds)
    let at = replica.tick(notBefore: max(next, earliest ?? 0))
    guard at != replica.tickAt else { return }
    self.replicas[index].tickAt = at
    self.queue.add(.tick(replica: index), at: at)
  }

  /// - Returns: Whether the agent does not run; then the event comes again once it does.
  private func postpone(_ event: ServiceEvent, of index: Int) -> Bool {
    let pausedUntil = self.agents[self.replicas[index].node].pausedUntil
    guard pausedUntil > self.now else { return false }
    // Before or after its own clock is read.
    self.queue.add(event, at: pausedUntil + self.replicas[index].draw(0...150))
    return true
  }

  // MARK: Looks

  private func look(_ index: Int) {
    self.replicas[index].engine.advance(to: self.now)
    let engine = self.replicas[index].engine
    self.replicas[index].lookCount += 1
    var look = SimReplica.Look(
      number: self.replicas[index].lookCount, beganAt: self.now, isLost: false,
      processorTime: engine.processorTime, stoppedProcess: engine.stoppedProcess)
    let draw = self.replicas[index].draw(0...999)
    var delay = 0
    if engine.end == nil, engine.condition == .serverIsStopped {
      delay = 3000
    } else if draw < 60, !self.replicas[index].lastLookFailed {
      // Health and metrics are asked, and each has three seconds.
      delay = draw < 20 ? 3000 : self.replicas[index].draw(100...5800)
      look.isLost = draw < 15
      // The next one comes two seconds later.
      look.delay = delay + (look.isLost ? 2200 : 0)
      self.replicas[index].lookDelay += look.delay
    }
    self.replicas[index].look = look
    if delay == 0 {
      self.finishLook(index, look)
    } else {
      self.queue.add(.lookAnswered(replica: index, number: look.number), at: self.now + delay)
    }
  }

  func lookAnswered(_ index: Int, _ number: Int) {
    guard var look = self.replicas[index].look, look.number == number else { return }
    if self.postpone(.lookAnswered(replica: index, number: number), of: index) { return }
    // The agent was away, and its timer may go off before it reads the answer.
    if self.now - look.beganAt > 6000, !self.replicas[index].lastLookFailed {
      look.isLost = self.replicas[index].draw(0...1) == 0
      if look.isLost { self.replicas[index].lookDelay += 2200 }
    }
    self.finishLook(index, look)
    self.plan(index)
  }

  private func finishLook(_ index: Int, _ look: SimReplica.Look) {
    self.replicas[index].engine.advance(to: self.now)
    let engine = self.replicas[index].engine
    let answer: LivenessSight.Answer
    var isLost = look.isLost
    if engine.end != nil || engine.condition == .refuses {
      answer = .refused("port 8000: nobody accepts connections")
    } else if engine.condition == .serverIsStopped {
      answer = .unanswered("port 8000: no answer in time")
    } else if engine.isDead {
      answer = .dead("its engine is dead: /health answers 503")
    } else if isLost {
      answer =
        look.number % 3 == 0
        ? .dead("its engine is dead: /health answers 503")
        : .unanswered("port 8000: no answer in time")
    } else {
      answer = .fine(engine.counters)
      isLost = false
    }
    if case .fine = answer {
      self.replicas[index].lastLookFailed = false
    } else {
      self.replicas[index].lastLookFailed = true
    }
    self.replicas[index].look = nil
    self.replicas[index].machine.looked(
      LivenessSight(
        answer, processorTime: look.processorTime, stoppedProcess: look.stoppedProcess),
      at: self.instant)
  }

  // MARK: Completions

  private func probe(_ index: Int) {
    let replica = self.replicas[index]
    guard replica.engine.isLoaded, replica.engine.end == nil else {
      return self.replicas[index].machine.probeFailed(
        "port 8000: nobody accepts connections", at: self.instant)
    }
    switch replica.fate {
    case .wrongModel:
      self.replicas[index].machine.provedWrong(
        "wrong model: it serves `other`, not `tiny`", at: self.instant)
    case .neverAnswers:
      self.replicas[index].machine.canaryBegan()
      self.replicas[index].machine.probeFailed("a completion answers 500", at: self.instant)
    case .loads, .exits, .neverListens:
      self.replicas[index].machine.canaryBegan()
      self.ask(index, isProbe: true)
    }
  }

  private func ask(_ index: Int, isProbe: Bool) {
    self.replicas[index].canaryCount += 1
    let number = self.replicas[index].canaryCount
    self.replicas[index].canary = SimReplica.Canary(number: number, isProbe: isProbe)
    let isMute = self.replicas[index].engine.condition == .serverIsStopped
    self.queue.add(
      .canaryTimesOut(replica: index, number: number), at: self.now + (isMute ? 5000 : 60_000))
    self.answerCanary(index)
  }

  func decideCanary(
    _ index: Int, _ outcome: SimReplica.Canary.Outcome, after delay: Milliseconds
  ) {
    guard let number = self.replicas[index].canary?.number else { return }
    self.replicas[index].canary?.outcome = outcome
    self.queue.add(.canaryAnswered(replica: index, number: number), at: self.now + delay)
  }

  func canaryAnswered(_ index: Int, _ number: Int) {
    guard let canary = self.replicas[index].canary, canary.number == number,
      let outcome = canary.outcome
    else { return }
    if self.postpone(.canaryAnswered(replica: index, number: number), of: index) { return }
    self.replicas[index].canary = nil
    switch (outcome, canary.isProbe) {
    case (.answered, true): self.replicas[index].machine.probeSucceeded(at: self.instant)
    case (.answered, false): self.replicas[index].machine.canaryAnswered(at: self.instant)
    case (.failed(let reason), true):
      self.replicas[index].machine.probeFailed(reason, at: self.instant)
    case (.failed(let reason), false):
      self.replicas[index].machine.canaryFailed(reason, at: self.instant)
    }
    self.plan(index)
  }

  func canaryTimesOut(_ index: Int, _ number: Int) {
    guard let canary = self.replicas[index].canary, canary.number == number, canary.outcome == nil
    else { return }
    self.decideCanary(index, .failed("no answer in time"), after: 0)
  }

  func logMark(_ index: Int) {
    if self.replicas[index].engine.end != nil { return }
    if self.postpone(.logMark(replica: index), of: index) { return }
    self.replicas[index].machine.progressed()
    self.plan(index)
  }

  // MARK: Telling

  private func post(_ index: Int) {
    let view = self.replicas[index].machine.view
    let before = self.replicas[index].posted
    if view == before { return }
    self.replicas[index].posted = view
    if view.phase != before.phase { self.check(index, view) }
    self.note(index, view.phase)
    self.send(index)
  }

  /// Whether what an agent says is so.
  private func check(_ index: Int, _ view: SimReplica.Machine.View) {
    let replica = self.replicas[index]
    switch view.phase {
    case .failed:
      if replica.fatalSince == nil {
        self.violate("\(replica.key) is failed, and nothing is wrong with it: \(view.reason)")
      }
      self.found(index)
    case .stalled:
      if replica.isStopped {
        if replica.expectation?.kind != .goesOn { self.found(index) }
      } else if replica.fatalSince == nil, self.now > replica.stalledUntil {
        self.violate("\(replica.key) is stalled, and nothing is wrong with it: \(view.reason)")
      }
    case .busy:
      let isExcused =
        replica.isStopped || replica.fatalSince != nil || self.now <= replica.busyUntil
      if !isExcused { self.violate("\(replica.key) is busy, and nothing is slow: \(view.reason)") }
      if replica.expectation?.kind == .goesOn { self.found(index) }
    case .ready:
      if replica.expectation?.kind == .goesOn { self.found(index) }
    case .waiting, .starting, .loading, .canary, .draining, .stopping, .stopped, .backoff: break
    }
  }
}

extension SimClock.Instant {
  /// Rounded up.
  var milliseconds: Milliseconds {
    let (seconds, attoseconds) = self.sinceStart.components
    return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
