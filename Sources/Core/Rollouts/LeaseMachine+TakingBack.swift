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

  /// A node could work and has nothing, and nothing is free for it: cuts the lease that will end last,
  /// so that its second half is free.
  package mutating func idled(node: Int, at now: Instant) -> CutAction {
    guard self.nodes[node].held.isEmpty, !self.nodes[node].isGivenUp,
      self.freePlace(for: node, at: now) == nil
    else { return .none }
    if let until = self.nodes[node].pausedUntil, now < until { return .none }
    guard let (other, place) = self.longest(except: node) else { return .none }
    let held = self.nodes[other].held[place]
    var freed = held.waiting
    _ = freed.takeFirst((freed.count + 1) / 2, rangeCountMax: .max)
    self.nodes[other].held[place].lease.items.remove(freed)
    self.nodes[other].held[place].count -= freed.count
    self.release(freed, attempt: held.lease.attempt + 1)
    return .cut(node: other, leaseID: held.lease.id, end: freed.span.lowerBound)
  }

  /// The lease with the most time to go of those of which at least two items are not begun.
  private func longest(except idle: Int) -> (node: Int, place: Int)? {
    var best: (node: Int, place: Int)?
    var bestTime = 0.0
    for node in self.nodes.indices where node != idle {
      let rate = max(self.nodes[node].rate, 0.001)
      for (place, held) in self.nodes[node].held.enumerated() {
        let left = held.waiting.count
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
    let held = self.nodes[node].held
    self.nodes[node].held.removeAll()
    for held in held.reversed() {
      self.release(held.lease.items, attempt: held.lease.attempt + 1)
    }
  }
}
