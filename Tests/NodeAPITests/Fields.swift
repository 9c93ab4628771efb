/// The stored properties of values, down to those that have none.
enum Fields {
  /// The paths of properties that are the same in all values: no test of them would see one that is lost.
  static func constant(in values: [Any]) -> [String] {
    var seen: [String: Set<String>] = [:]
    for value in values { Self.note(value, at: "", in: &seen) }
    return seen.filter { $0.value.count < 2 }.keys.sorted()
  }

  private static func note(_ value: Any, at path: String, in seen: inout [String: Set<String>]) {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .struct where !mirror.children.isEmpty:
      for child in mirror.children {
        Self.note(child.value, at: "\(path).\(child.label ?? "")", in: &seen)
      }
    case .optional:
      seen["\(path)?", default: []].insert(mirror.children.isEmpty ? "nil" : "some")
      for child in mirror.children { Self.note(child.value, at: path, in: &seen) }
    default: seen[path, default: []].insert(String(reflecting: value))
    }
  }
}
