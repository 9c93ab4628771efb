extension Report {
  /// The report as one JSON object and a line feed; doubles as the shortest decimal that reads back.
  package var json: String {
    var text = #"{"work_id":"\#(self.workID)","policy":"\#(self.policy)","seed":\#(self.seed),"#
    text += #""rollouts":\#(self.rolloutsPerTask),"planned":\#(self.planned),"#
    text += #""missing":\#(self.missing),"conflicts":\#(self.conflicts),"#
    text += #""rejected":\#(self.rejected),"batches":\#(self.batches),"#
    text += #""retried_batches":\#(self.retriedBatches),"distinct_episodes":"#
    text += self.distinctEpisodes.map { "\($0)" } ?? "null"
    text += #","failures":{"#
    text += self.failures.map { "\(Self.string($0.name)):\($0.count)" }.joined(separator: ",")
    text += #"},"groups":["#
    text += self.groups.map(Self.object).joined(separator: ",")
    return text + "]}\n"
  }

  private static func object(_ group: Group) -> String {
    var text = #"{"name":\#(Self.string(group.name)),"planned":\#(group.planned),"#
    text += #""records":\#(group.count),"reward":\#(Self.number(group.reward)),"#
    text += #""reward_half_width":\#(Self.number(group.rewardHalfWidth)),"#
    text += #""rewards":{\#(Self.members(group.rewards))},"#
    text += #""metrics":{\#(Self.members(group.metrics))}}"#
    return text
  }

  private static func members(_ means: [Mean]) -> String {
    means.map { mean in
      #"\#(Self.string(mean.name)):{"records":\#(mean.count),"mean":\#(mean.mean),"#
        + #""total":\#(mean.total)}"#
    }.joined(separator: ",")
  }

  private static func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }

  private static func string(_ text: String) -> String {
    var bytes: [UInt8] = []
    RecordLine.appendString(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
