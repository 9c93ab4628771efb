extension LeaseMachine {
  /// Time has passed: takes back the leases of nodes that have been silent for too long.
  ///
  /// - Returns: Those nodes, in order.
  package mutating func ticked(at now: Instant) -> [Int] {
    var silent: [Int] = []
    for index in self.nodes.indices where !self.nodes[index].held.isEmpty {
      guard self.nodes[index].heardAt.duration(to: now) >= self.settings.timeout else { continue }
      self.takeBack(from: index)
      silent.append(index)
    }
    return silent
  }

  /// A node says that it cannot go on.
  package mutating func faulted(node: Int, at now: Instant) -> FaultAction {
    self.nodes[node].heardAt = now
    self.takeBack(from: node)
    self.nodes[node].faultCount += 1
    if self.nodes[node].faultCount >= self.settings.faultCountMax {
      self.nodes[node].isGivenUp = true
      return .giveUp
    }
    self.nodes[node].pausedUntil = now.advanced(by: self.settings.faultPause)
    return .paused
  }

  /// A node gets nothing any more: what it sends is wrong.
  package mutating func cutOff(node: Int) {
    self.takeBack(from: node)
    self.nodes[node].isGivenUp = true
  }

  /// A node could work and has nothing, and nothing is free: cuts the lease that will end last, so
  /// that its second half is free.
  package mutating func idled(node: Int, at now: Instant) -> CutAction {
    guard self.free.isEmpty, self.nodes[node].held.isEmpty, !self.nodes[node].isGivenUp else {
      return .none
    }
    if let until = self.nodes[node].pausedUntil, now < until { return .none }
    guard let (other, place) = self.longest(except: node) else { return .none }
    let held = self.nodes[other].held[place]
    let start = max(held.next, held.lease.items.lowerBound)
    let left = held.lease.items.upperBound - start
    let end = start + (left + 1) / 2
    self.nodes[other].held[place].lease.items = held.lease.items.lowerBound..<end
    self.free.append(
      Free(items: end..<held.lease.items.upperBound, attempt: held.lease.attempt + 1))
    // What is left of it may be recorded already; then no record will come to end it.
    if self.recorded.contains(held.lease.items.lowerBound..<end) {
      self.nodes[other].held.remove(at: place)
    }
    return .cut(node: other, leaseID: held.lease.id, end: end)
  }

  /// The lease with the most time to go of those with at least two items left.
  private func longest(except idle: Int) -> (node: Int, place: Int)? {
    var best: (node: Int, place: Int)?
    var bestTime = 0.0
    for node in self.nodes.indices where node != idle {
      let rate = max(self.nodes[node].rate, 0.001)
      for (place, held) in self.nodes[node].held.enumerated() {
        let start = max(held.next, held.lease.items.lowerBound)
        let left = self.remaining(of: start..<held.lease.items.upperBound)
        // A lease that waits behind others ends later still.
        let time = Double(left) * Double(place + 1) / rate
        if left >= 2, time > bestTime {
          best = (node, place)
          bestTime = time
        }
      }
    }
    return best
  }

  private mutating func takeBack(from node: Int) {
    let taken = self.nodes[node].held.flatMap { held in
      self.recorded.gaps(in: held.lease.items).map {
        Free(items: $0, attempt: held.lease.attempt + 1)
      }
    }
    self.nodes[node].held.removeAll()
    self.free.insert(contentsOf: taken, at: 0)
  }
}
