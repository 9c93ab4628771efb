import Health

enum ProcessFate {
  case exits(status: Int32)
  /// All processes go, at once.
  case killed
  /// The server alone.
  case serverKilled
}

/// What the processes of a replica do.
extension ServiceWorld {
  func launchEngine(_ index: Int) {
    let fate = self.replicas[index].fate
    self.replicas[index].launchCount += 1
    self.replicas[index].engine.launchedAt = self.now
    switch fate {
    case .loads(let time), .wrongModel(let time), .neverAnswers(let time):
      self.at(self.now + time / 3) { self.logMark(index) }
      self.at(self.now + time) { self.loaded(index) }
    case .exits(let time):
      self.at(self.now + time / 3) { self.logMark(index) }
      self.at(self.now + time) { self.processEnds(index, .exits(status: 1)) }
    case .neverListens: break
    }
    switch fate {
    case .neverListens, .neverAnswers:
      self.replicas[index].fatalSince = self.now
      self.expect(.neverReady, of: index, allowance: ServiceScript.readyTimeout)
    case .loads, .exits, .wrongModel: break
    }
  }

  private func logMark(_ index: Int) {
    if self.replicas[index].engine.end != nil { return }
    self.replicas[index].logLines.append("\(Self.progressMark): 10 %")
    self.wake(index)
  }

  private func loaded(_ index: Int) {
    guard self.replicas[index].engine.end == nil else { return }
    self.replicas[index].engine.advance(to: self.now)
    self.replicas[index].engine.isLoaded = true
    if case .wrongModel = self.replicas[index].fate, !self.replicas[index].isEnding {
      self.replicas[index].fatalSince = self.now
      self.expect(.wrongModel, of: index)
    }
    let rest = self.replicas[index].draw(1000...20_000)
    self.at(self.now + rest) { self.activityEnds(index) }
  }

  /// Requests come and go.
  func activityEnds(_ index: Int) {
    guard self.replicas[index].engine.end == nil, !self.replicas[index].isEnding else {
      return
    }
    guard self.replicas[index].posted.state.isServing else {
      // Nobody asks what is not ready.
      return self.at(self.now + 2000) { self.activityEnds(index) }
    }
    let isCalm = self.now >= self.calmAt
    let draw = self.replicas[index].draw(0...9)
    let activity: SimEngine.Activity
    var time = self.replicas[index].draw(2000...40_000)
    switch draw {
    case 0...3: activity = .rests
    case 4, 5: activity = .decodes
    case _ where isCalm: activity = .decodes
    case 6: activity = .crawls
    case 7: activity = .prefills
    default:
      activity = .steps
      time *= 2
    }
    if activity == .crawls || activity == .steps {
      if !isCalm { time = min(time, max(1, self.calmAt - self.now)) }
      self.replicas[index].busyUntil = max(
        self.replicas[index].busyUntil, self.now + time + 12_000)
    }
    self.replicas[index].engine.advance(to: self.now)
    self.replicas[index].engine.finishStep()
    // The gauges are set when a step ends: the first long one shows nothing.
    let showsWork = activity != .steps || self.replicas[index].draw(0...1) == 0
    self.replicas[index].engine.begin(activity, showsWork: showsWork, at: self.now)
    self.answerCanary(index)
    if !isCalm { self.at(self.now + time) { self.activityEnds(index) } }
  }

  /// Answers the completion that is asked, if it can be answered as things are.
  func answerCanary(_ index: Int) {
    guard let canary = self.replicas[index].canary, canary.outcome == nil else { return }
    let engine = self.replicas[index].engine
    if engine.end != nil || engine.condition == .refuses {
      return self.decideCanary(
        index, .failed("port 8000: nobody accepts connections"), after: 1)
    }
    if engine.isDead {
      if !engine.serverStays {
        self.at(self.now + 50) { self.processEnds(index, .exits(status: 0)) }
      }
      return self.decideCanary(index, .failed("a completion answers 500"), after: 10)
    }
    let latency: ClosedRange<Milliseconds>
    switch engine.activity {
    case _ where !engine.engineRuns || engine.condition == .serverIsStopped: return
    case .steps: return
    case .rests: latency = 10...100
    case .decodes: latency = 20...500
    case .crawls: latency = 1000...4000
    case .prefills: latency = 100...3000
    }
    if !self.replicas[index].lastCanaryFailed, self.replicas[index].draw(0...49) == 0 {
      self.replicas[index].lastCanaryFailed = true
      // It is asked again two seconds later.
      self.replicas[index].lookDelay += 2200
      return self.decideCanary(index, .failed("a completion was aborted"), after: 20)
    }
    self.replicas[index].lastCanaryFailed = false
    self.replicas[index].engine.completionCount += 1
    self.decideCanary(index, .succeeded, after: self.replicas[index].draw(latency))
  }

  func processEnds(_ index: Int, _ fate: ProcessFate) {
    self.replicas[index].engine.advance(to: self.now)
    switch fate {
    case .exits(let status):
      guard self.replicas[index].engine.end == nil else { return }
      self.replicas[index].engine.end = .exited(status: status)
      if status != 0, !self.replicas[index].isEnding {
        self.replicas[index].fatalSince = self.now
        self.expect(.exitWhileLoading, of: index)
      }
    case .serverKilled:
      guard self.replicas[index].engine.end == nil else { return }
      self.replicas[index].engine.end = .signalled(9)
      self.replicas[index].engine.hasOthers = true
    case .killed:
      let end = self.replicas[index].engine.end
      self.replicas[index].engine.end = end ?? .signalled(9)
      self.replicas[index].engine.hasOthers = false
    }
    self.answerCanary(index)
    self.wake(index)
  }

  /// TERM, which may be swallowed.
  func terminate(_ index: Int) {
    self.replicas[index].isEnding = true
    let engine = self.replicas[index].engine
    if engine.end != nil {
      if engine.hasOthers, self.replicas[index].draw(0...1) == 0 {
        self.at(self.now + 300) { self.processEnds(index, .killed) }
      }
      return
    }
    guard !self.replicas[index].isTerminating else { return }
    guard engine.isLoaded else {
      guard self.now - engine.launchedAt < 6000 else { return }
      self.replicas[index].isTerminating = true
      return self.at(self.now + 10) { self.processEnds(index, .killed) }
    }
    switch engine.condition {
    case .serverIsStopped: return
    case .isStopped, .hangs: if self.replicas[index].draw(0...1) == 0 { return }
    case .runs, .refuses: break
    }
    self.replicas[index].isTerminating = true
    let time = self.replicas[index].draw(100...1900)
    self.at(self.now + time) { self.processEnds(index, .exits(status: 0)) }
  }
}

extension ReplicaPhase {
  var isServing: Bool { self == .ready || self == .busy || self == .stalled }
}
