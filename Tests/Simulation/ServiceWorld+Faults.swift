import Health

/// What befalls the world.
extension ServiceWorld {
  func begin(_ fault: ServiceFault, _ number: Int) {
    switch fault {
    case .stop(let replica, let condition, let length):
      guard self.serves(replica) else { return }
      self.stop(replica, condition)
      if let length { self.queue.add(.faultEnds(number), at: self.now + length) }
    case .killEngine(let replica, let time):
      guard self.serves(replica) else { return }
      self.replicas[replica].engine.advance(to: self.now)
      self.replicas[replica].engine.isDead = true
      self.replicas[replica].engine.serverStays = time == nil
      self.replicas[replica].fatalSince = self.now
      self.expect(time == nil ? .engineKilledAndServerStays : .engineKilled, of: replica)
      if let time {
        self.queue.add(.processEnds(replica: replica, .exits(status: 0)), at: self.now + time)
      }
      self.answerCanary(replica)
    case .killServer(let replica):
      guard self.serves(replica) else { return }
      self.replicas[replica].fatalSince = self.now
      self.expect(.serverKilled, of: replica)
      self.processEnds(replica, .serverKilled)
    case .pause(let node, let length, let isFrozen): self.pause(node, length, isFrozen: isFrozen)
    case .cut(let node, let length): self.cut(node, length)
    case .stall(let length):
      self.coordinator.stalledUntil = max(self.coordinator.stalledUntil, self.now + length)
      self.queue.add(.faultEnds(number), at: self.now + length)
    }
  }

  func end(_ fault: ServiceFault) {
    switch fault {
    case .stop(let replica, _, _): self.goOn(replica)
    case .stall(let length): self.resumeCoordinator(after: length)
    case .killEngine, .killServer, .pause, .cut: break
    }
  }

  private func serves(_ index: Int) -> Bool {
    let replica = self.replicas[index]
    return replica.engine.isLoaded && replica.engine.end == nil && replica.fatalSince == nil
      && !replica.isStopped && replica.isStarted && !replica.machine.isClearing
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
    let pause = max(0, self.agents[self.replicas[index].node].pausedUntil - self.now)
    let until = self.now + pause + 10_000
    self.replicas[index].stalledUntil = until
    self.replicas[index].busyUntil = max(self.replicas[index].busyUntil, until + 2000)
    if self.replicas[index].posted.phase == .stalled { self.expect(.goesOn, of: index) }
    self.answerCanary(index)
  }

  // MARK: Agents

  private func pause(_ node: Int, _ length: Milliseconds, isFrozen: Bool) {
    guard self.agents[node].pausedUntil <= self.now else { return }
    let end = self.now + length
    for index in self.agents[node].replicas where self.replicas[index].tickAt != nil {
      // It has just looked.
      self.lookAround(index)
      if isFrozen, self.replicas[index].engine.isLoaded {
        self.replicas[index].engine.freeze(from: self.now, until: end)
      }
      if self.replicas[index].stalledUntil > self.now {
        self.replicas[index].stalledUntil += length
      }
      self.replicas[index].busyUntil = max(
        self.replicas[index].busyUntil + length, end + 10_000)
    }
    self.agents[node].pause(at: self.now, until: end)
  }

  // MARK: Links

  /// Lost segments come again for a while; then the connection is given up.
  private func cut(_ node: Int, _ length: Milliseconds) {
    let end = self.now + length
    self.agents[node].cutUntil = max(self.agents[node].cutUntil, end)
    guard length >= SimCoordinator.keepaliveTime else {
      self.agents[node].holdUntil = max(self.agents[node].holdUntil, end)
      return
    }
    self.agents[node].epoch += 1
    self.agents[node].hasLink = false
    let epoch = self.agents[node].epoch
    self.queue.add(
      .linkLost(node: node, epoch: epoch), at: self.now + SimCoordinator.keepaliveTime)
    let pause = Int.random(in: 0...1200, using: &self.agents[node].random)
    self.queue.add(.attaches(node: node, epoch: epoch), at: end + pause)
  }
}
