import Health
import Testing

struct RestartBudgetTests {
  @Test func `pauses double, and too many failures within an hour end it`() {
    var budget = RestartBudget<ManualInstant>(countMax: 8)
    var pauses: [Duration] = []
    var now: ManualInstant = 0
    while case .restart(let pause) = budget.failed(at: now) {
      pauses.append(pause)
      now = now.advanced(by: pause + .seconds(5))
    }
    #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
  }

  @Test func `failures far apart never end it, and the pause is short again`() {
    var budget = RestartBudget<ManualInstant>(countMax: 1)
    for hour in 0..<100 {
      let now = ManualInstant(milliseconds: Int64(hour) * 3_600_000)
      #expect(budget.failed(at: now) == .restart(after: .seconds(1)))
    }
    #expect(budget.failed(at: ManualInstant(milliseconds: 99 * 3_600_000 + 1)) == .giveUp)
  }

  @Test func `without a budget nothing is started again`() {
    var budget = RestartBudget<ManualInstant>(countMax: 0)
    #expect(budget.failed(at: 0) == .giveUp)
  }
}
