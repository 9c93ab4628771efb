package import ArgumentParser
import Coordinator
import Fleet
import Health
import Plan

/// `muster endpoints`: the model servers that are ready now, for programs that use them.
package struct Endpoints: AsyncParsableCommand {
  package enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
    case list
    case json
    case nemoGym = "nemo-gym"
    case nemoGymConfig = "nemo-gym-config"
  }

  package static let configuration = CommandConfiguration(
    abstract: "Print the model servers that are ready now, for NeMo Gym and others.",
    discussion: """
      `list`: one base URL a line. `nemo-gym`: the keys of NeMo Gym's env.yaml. `nemo-gym-config`: \
      its model configuration, which takes keys and names from that env.yaml. Servers that are not \
      ready are left out and named on standard error. A key is never printed, only the variable \
      that holds it.
      Exit status: 2 none is ready, 3 some are not.
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

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let served = ModelService.all(of: run.plan, reports: [])
    let selected = try self.selected(served)
    let used = Set(selected.flatMap { $0.endpoints.map(\.node) })
    let survey = await FleetCall.survey(
      run.plan.nodes.filter { used.contains($0.name) }, open: fleet.links(to: run.id),
      attachment: try fleet.attachment(holding: false))
    var faults: [NodeFault] = []
    var reports: [ReplicaReport] = []
    for (_, result) in survey {
      switch result {
      case .success(let answer): reports += answer.reports
      case .failure(let fault): faults.append(fault)
      }
    }
    let services = try self.selected(ModelService.all(of: run.plan, reports: reports))
    try self.print(services, run: run.id)
    try Self.tell(services, faults)
  }

  /// The services that are asked for: all of them, or the two of Gym.
  private func selected(_ services: [ModelService]) throws(CommandFailure) -> [ModelService] {
    do throws(Diagnostic) {
      switch self.format {
      case .nemoGym, .nemoGymConfig:
        return try GymServices(services, policy: self.policy, judge: self.judge).services
      case .list, .json:
        let named = [
          try GymServices.service(self.policy, in: services),
          try GymServices.service(self.judge, in: services),
        ].compactMap(\.self)
        guard named.isEmpty else { return named }
        guard !services.isEmpty else {
          throw Diagnostic(
            code: "no-model-service", "no service of this run serves a model",
            hints: ["a service with `recipe: vllm` does"])
        }
        return services
      }
    } catch {
      throw CommandFailure(status: 1, [error])
    }
  }

  private func print(_ services: [ModelService], run: String) throws {
    switch self.format {
    case .list:
      let urls = services.flatMap { $0.ready.map(\.baseURL) }
      StandardStreams.data(urls.map { "\($0)\n" }.joined())
    case .json:
      StandardStreams.data(Self.json(services, run: run).text + "\n")
    case .nemoGym:
      StandardStreams.data(try self.gym(services).environmentYAML(style: self.style))
    case .nemoGymConfig:
      StandardStreams.data(try self.gym(services).modelYAML)
    }
  }

  private func gym(_ services: [ModelService]) throws(Diagnostic) -> GymServices {
    try GymServices(services, policy: self.policy, judge: self.judge)
  }

  private static func json(_ services: [ModelService], run: String) -> JSONText {
    let rows = services.map { service in
      JSONText.object([
        ("service", .string(service.name)), ("model", .string(service.modelName)),
        ("api_key_variable", service.keyName.map { .string($0) } ?? .null),
        (
          "endpoints",
          .array(
            service.endpoints.map { endpoint in
              .object([
                ("base_url", .string(endpoint.baseURL)), ("model", .string(endpoint.modelName)),
                ("index", .integer(endpoint.key.index)), ("node", .string(endpoint.node)),
                ("state", endpoint.state.map { .string($0.rawValue) } ?? .null),
                ("ready", .bool(endpoint.isReady)), ("reason", .string(endpoint.reason)),
              ])
            })
        ),
      ])
    }
    return .object([("run", .string(run)), ("services", .array(rows))])
  }

  /// Says what is missing, by service and state.
  ///
  /// - Throws: `CommandFailure` with status 2 when none is ready, 3 when some are not.
  private static func tell(_ services: [ModelService], _ faults: [NodeFault]) throws {
    let silent = Set(faults.map(\.node))
    var missing: [Diagnostic] = []
    for service in services {
      let groups = Dictionary(grouping: service.missing) { endpoint in
        endpoint.state?.rawValue ?? (silent.contains(endpoint.node) ? "unreachable" : "not started")
      }
      for (state, endpoints) in groups.sorted(by: { $0.key < $1.key }) {
        let nodes = NodeSet(endpoints.map { NodeName($0.node) }).folded
        missing.append(
          Diagnostic(
            .warning, code: "not-ready",
            "\(nodes): \(endpoints.count) of \(service.endpoints.count) of `\(service.name)` \(state)",
            causes: endpoints.first.map { $0.reason.isEmpty ? [] : [$0.reason] } ?? []))
      }
    }
    guard !missing.isEmpty else { return }
    missing[missing.count - 1].hints = ["`muster why MANIFEST SERVICE` says how it came to this"]
    let hasReady = services.contains { !$0.ready.isEmpty }
    throw CommandFailure(status: hasReady ? 3 : 2, faults.folded() + missing)
  }
}

extension GymListStyle: ExpressibleByArgument {}
