import Health

/// What befalls the world.
extension ServiceWorld {
  func begin(_ fault: ServiceFault) {
    switch fault {
    case .stop(let replica, let condition, let length):
      guard self.serves(replica) else { return }
      self.stop(replica, condition)
      if let length { self.at(self.now + length) { self.goOn(replica) } }
    case .killEngine(let replica, let time):
      guard self.serves(replica) else { return }
      self.replicas[replica].engine.advance(to: self.now)
      self.replicas[replica].engine.isDead = true
      self.replicas[replica].engine.serverStays = time == nil
      self.replicas[replica].fatalSince = self.now
      self.expect(time == nil ? .engineKilledAndServerStays : .engineKilled, of: replica)
      if let time {
        self.at(self.now + time) { self.processEnds(replica, .exits(status: 0)) }
      }
      self.answerCanary(replica)
    case .killServer(let replica):
      guard self.serves(replica) else { return }
      self.replicas[replica].fatalSince = self.now
      self.expect(.serverKilled, of: replica)
      self.processEnds(replica, .serverKilled)
    case .pause(let node, let length, let isFrozen): self.pause(node, length, isFrozen: isFrozen)
    case .cut(let node, let length): self.cut(node, length)
    case .stall(let length): self.stall(length)
    }
  }

  private func serves(_ index: Int) -> Bool {
    let replica = self.replicas[index]
    return replica.engine.isLoaded && replica.engine.end == nil && replica.fatalSince == nil
      && !replica.isStopped && replica.isStarted && !replica.isEnding
  }

  // MARK: Engines

  private func stop(_ index: Int, _ condition: SimEngine.Condition) {
    self.dropExpectation(of: index)
    self.replicas[index].engine.set(condition, at: self.now)
    self.replicas[index].isStopped = true
    let hasRequests = self.replicas[index].engine.running > 0
    let kind: FaultKind
    switch condition {
    case .isStopped: kind = hasRequests ? .stopWithRequests : .stopAtRest
    case .hangs: kind = hasRequests ? .hangWithRequests : .hangAtRest
    case .serverIsStopped: kind = .serverStopped
    case .refuses, .runs: kind = .portClosed
    }
    self.expect(kind, of: index)
  }

  /// What had stopped goes on, and was never started anew.
  private func goOn(_ index: Int) {
    guard self.replicas[index].isStopped, self.replicas[index].engine.end == nil else { return }
    self.dropExpectation(of: index)
    self.replicas[index].isStopped = false
    self.replicas[index].engine.set(.runs, at: self.now)
    let pause = max(0, self.agents[self.replicas[index].node].host.pausedUntil - self.now)
    let until = self.now + pause + 10_000
    self.replicas[index].stalledUntil = until
    self.replicas[index].busyUntil = max(self.replicas[index].busyUntil, until + 2000)
    if self.replicas[index].posted.state == .stalled { self.expect(.goesOn, of: index) }
    self.answerCanary(index)
  }

  // MARK: Processes of ours

  private func pause(_ node: Int, _ length: Milliseconds, isFrozen: Bool) {
    let host = self.agents[node].host
    guard host.pausedUntil <= self.now else { return }
    // It has just looked.
    for index in self.agents[node].replicas { self.endRest(index) }
    self.at(self.now + 1) {
      let end = self.now + length
      for index in self.agents[node].replicas where self.replicas[index].isStarted {
        if isFrozen, self.replicas[index].engine.isLoaded {
          self.replicas[index].engine.freeze(from: self.now, until: end)
        }
        if self.replicas[index].stalledUntil > self.now {
          self.replicas[index].stalledUntil += length
        }
        self.replicas[index].busyUntil = max(
          self.replicas[index].busyUntil + length, end + 10_000)
      }
      host.pause(until: end)
    }
  }

  private func stall(_ length: Milliseconds) {
    let end = self.now + length
    self.coordinator.host.pause(until: end)
    // Its own timers go off before it reads what the nodes answered.
    guard length >= SimAgentLink.keepaliveTime, length % 3 == 0 else { return }
    self.at(end) {
      for link in self.agents.compactMap(\.link) { link.sever() }
    }
  }

  /// Lost segments come again for a while; then the connection is given up.
  private func cut(_ node: Int, _ length: Milliseconds) {
    let end = self.now + length
    self.agents[node].cutUntil = max(self.agents[node].cutUntil, end)
    guard let link = self.agents[node].link else { return }
    guard length >= SimAgentLink.keepaliveTime else {
      link.holdUntil = max(link.holdUntil, end)
      return
    }
    link.isCut = true
    self.at(self.now + SimAgentLink.keepaliveTime) { link.sever() }
  }
}
