import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Recipes
import Runs

struct Endpoints: AsyncParsableCommand {
  enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
    case list
    case json
    case nemoGym = "nemo-gym"
    case nemoGymConfig = "nemo-gym-config"
  }

  static let configuration = CommandConfiguration(
    abstract: "Print the model servers that are ready now, for NeMo Gym and others.",
    discussion: """
      `list`: one base URL a line. `nemo-gym`: the keys of NeMo Gym's env.yaml. `nemo-gym-config`: \
      its model configuration, which takes keys and names from that env.yaml. Servers that are not \
      ready are left out and named on standard error. A key is never printed, only the variable \
      that holds it.
      Exit status: 1 no run is up, 2 none is ready, 3 some are not.
      """)

  @OptionGroup var selection: RunSelection

  @Option(help: "list, json, nemo-gym or nemo-gym-config.")
  var format = Format.list

  @Option(help: "Of nemo-gym: several URLs as a YAML list, or as one text with commas.")
  var style = GymListStyle.list

  @Option(help: "The service that is the policy; default: `policy`, or the only one.")
  var policy: String?

  @Option(help: "The service that is the judge; default: `judge`, if there is one.")
  var judge: String?

  @Option(
    name: .customLong("judge-for"), parsing: .upToNextOption,
    help:
      "Of nemo-gym-config: the resources servers that ask the judge; INSTANCE:TYPE if they differ."
  )
  var judged = ["equivalence_llm_judge"]

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    _ = try self.selected(ModelService.all(of: run.plan, reports: []))
    let survey = try await fleet.survey(run)
    let services = try self.selected(
      ModelService.all(
        of: run.plan, reports: survey.values.flatMap(\.reports),
        silent: Set(survey.faults.map(\.node))))
    try self.print(services, run: run.id)
    if self.format != .list {
      for note in services.keyNotes { StandardStreams.say("note: \(note)") }
    }
    let missing = services.notReady
    guard missing.isEmpty else {
      let status = ExitStatus(
        readyCount: services.map(\.ready.count).reduce(0, +), missingCount: missing.count)
      throw CommandFailure(status, survey.faults.folded() + missing)
    }
  }

  /// The services that are asked for: all of them, or the two of Gym.
  private func selected(_ services: [ModelService]) throws -> [ModelService] {
    switch self.format {
    case .nemoGym, .nemoGymConfig: return try self.gym(services).services
    case .list, .json:
      let named = try [self.policy, self.judge].compactMap { name in
        try GymServices.service(name, in: services)
      }
      guard named.isEmpty, services.isEmpty else { return named.isEmpty ? services : named }
      throw Diagnostic(
        code: "no-model-service", "no service of this run serves a model",
        hints: [Recipe.servingHint])
    }
  }

  private func print(_ services: [ModelService], run: String) throws {
    switch self.format {
    case .list:
      let urls = services.flatMap { $0.ready.map(\.baseURL) }
      StandardStreams.data(urls.map { "\($0)\n" }.joined())
    case .json:
      StandardStreams.data(services.json(run: run).text + "\n")
    case .nemoGym:
      let gym = try self.gym(services)
      for warning in gym.warnings(style: self.style) { StandardStreams.tell(warning) }
      StandardStreams.data(gym.environmentYAML(style: self.style))
    case .nemoGymConfig:
      let gym = try self.gym(services)
      for warning in gym.warnings(style: nil) { StandardStreams.tell(warning) }
      StandardStreams.data(gym.modelYAML(judged: self.judged))
    }
  }

  private func gym(_ services: [ModelService]) throws(Diagnostic) -> GymServices {
    try GymServices(services, policy: self.policy, judge: self.judge)
  }
}

extension GymListStyle: ExpressibleByArgument {}
