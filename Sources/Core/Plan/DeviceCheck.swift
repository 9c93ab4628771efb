import Fleet
import Launch
import Manifest

/// Tells where what a manifest says of GPUs itself cannot be what is meant: left alone, an engine ends with
/// it minutes later, or two of them fill one GPU.
struct DeviceCheck {
  /// In the order in which they were found; of replicas that are alike once.
  private(set) var warnings: [Diagnostic] = []
  /// Machines on which replicas have GPUs by their place.
  private let assignedMachines: Set<String>
  /// Who has said a device first, by machine.
  private var users: [String: [String: String]] = [:]

  /// - Parameter placements: All, with what was assigned to them.
  init(assigned placements: [Placement]) {
    self.assignedMachines = Set(placements.filter { !$0.devices.isEmpty }.map(\.machine))
  }

  /// What CUDA and its like have for "none".
  private static let none: Set<String> = ["", "-1", "NoDevFiles", "none", "void"]

  /// - Parameters:
  ///   - variable: That lists the devices of the placement.
  ///   - list: What it lists there.
  mutating func look(
    at placement: Placement, of service: ManifestService, _ variable: ManifestVariable,
    _ list: DeviceList
  ) {
    let name = "`\(variable.name)`"
    if let end = list.end, !Self.none.contains(end) {
      self.warn(
        variable,
        "\(name) has `\(end.prefix(80))`, which is no device: it and what follows is not seen",
        hint: "write indices with commas: `\"0,1,2,3\"`, or UUIDs")
    }
    if Set(list.names).count < list.names.count {
      self.warn(variable, "\(name) names a device twice", hint: "name each once")
    }
    let (shown, need) = (list.visibleCount, placement.deviceCount)
    if shown < need {
      let isPart = list.names.first?.hasPrefix("MIG-") == true
      self.warn(
        variable,
        "\(name) shows \(shown == 0 ? "no" : "\(shown)") GPU\(shown == 1 ? "" : "s"), where a replica of "
          + "`\(service.name)` takes \(need)",
        causes: isPart ? ["of several parts of GPUs (MIG) a process sees one"] : [],
        hint: "write as many as `tensor_parallel` and the like take, or leave it out: replicas get "
          + "GPUs of their own")
    }
    self.look(for: variable, besides: service.environment)
    self.share(list, of: placement, service.name, variable)
  }

  /// What HIP takes for the two is one thing.
  private mutating func look(for variable: ManifestVariable, besides others: [ManifestVariable]) {
    let pair: Set<String> = ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"]
    guard pair.contains(variable.name),
      let other = others.last(where: { pair.contains($0.name) && $0.name != variable.name }),
      DeviceList(other.value) != DeviceList(variable.value)
    else { return }
    self.warn(
      variable, "`\(other.name)` and `\(variable.name)` name other devices",
      hint: "keep one of them")
  }

  private mutating func share(
    _ list: DeviceList, of placement: Placement, _ service: String, _ variable: ManifestVariable
  ) {
    let users = self.users[placement.machine] ?? [:]
    let shared = list.names.filter { users[$0] != nil }
    if let other = shared.first.flatMap({ users[$0] }) {
      let who = other == service ? "replicas of `\(service)`" : "`\(other)` and `\(service)`"
      self.warn(
        variable,
        "\(who) share GPU\(shared.count == 1 ? "" : "s") \(shared.joined(separator: ", ")) of a node",
        hint:
          "leave `\(variable.name)` out: replicas get GPUs of their own; `{index}` in it is the "
          + "replica's number on its node")
    }
    if self.assignedMachines.contains(placement.machine), list.indices.count < list.names.count {
      self.warn(
        variable,
        "which GPU `\(variable.name)` names is not known here: another service may get it too",
        hint: "name it by its index, or set the variable of every service of the node")
    }
    self.users[placement.machine, default: [:]]
      .merge(list.names.map { ($0, service) }) { first, _ in first }
  }

  private mutating func warn(
    _ variable: ManifestVariable, _ summary: String, causes: [String] = [], hint: String
  ) {
    let warning = Diagnostic(
      .warning, code: "devices", summary, at: variable.location, causes: causes, hints: [hint])
    if !self.warnings.contains(warning) { self.warnings.append(warning) }
  }
}
