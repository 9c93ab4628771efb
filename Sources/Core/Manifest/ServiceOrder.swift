import Fleet

/// The order in which services start.
package enum ServiceOrder {
  /// Services so that each stands behind those it waits for; of several possible orders the one
  /// nearest to the file's. Those on a cycle are left out.
  package static func sorted(_ services: [ManifestService]) -> [ManifestService] {
    var done: [ManifestService] = []
    var rest = services
    while let index = rest.firstIndex(where: { service in
      service.after.allSatisfy { name in done.contains { $0.name == name } }
    }) {
      done.append(rest.remove(at: index))
    }
    return done
  }

  /// Records unknown names in `after:` and cycles.
  ///
  /// - Parameter names: Of all services, those with faults among them.
  static func check(
    _ services: [ManifestService], names: [String], faults: inout ManifestFaults
  ) {
    var known = services
    for (index, service) in services.enumerated() {
      for name in service.after where !names.contains(name) {
        faults.error(
          "unknown-service", "service `\(service.name)` starts after unknown `\(name)`",
          at: service.afterLocation, hint: Nearest.hint(for: name, in: names, as: "services"))
      }
      known[index].after.removeAll { name in !services.contains { $0.name == name } }
    }
    let ordered = Self.sorted(known).map(\.name)
    let stuck = known.filter { !ordered.contains($0.name) }
    for service in stuck {
      guard let cycle = Self.cycle(from: service, among: stuck) else { continue }
      faults.error(
        "after-cycle", "service `\(service.name)` waits for itself",
        at: service.afterLocation,
        causes: [cycle.map { "`\($0)`" }.joined(separator: " after ")],
        hint: "remove one of these `after:`")
    }
  }

  /// A path from the service back to itself.
  private static func cycle(
    from start: ManifestService, among stuck: [ManifestService]
  ) -> [String]? {
    var paths = [[start.name]]
    var seen: Set<String> = []
    while let path = paths.first {
      paths.removeFirst()
      guard let service = stuck.first(where: { $0.name == path.last }) else { continue }
      for name in service.after {
        if name == start.name { return path + [name] }
        if seen.insert(name).inserted { paths.append(path + [name]) }
      }
    }
    return nil
  }
}
