package import Fleet
package import Launch

/// What a recipe makes of a service's settings: a launch that still holds placeholders, ports that are
/// those of the first replica on a node, and what only the plan can fill in.
package struct LaunchTemplate: Sendable {
  /// Arguments, probe and model may hold placeholders such as `{port}`. Its environment is the recipe's:
  /// the manifest's variables win.
  package var launch: LaunchSpecification
  /// Where to point when a placeholder is wrong.
  package var argvLocation: SourceLocation
  package var portsLocation: SourceLocation
  /// Variables that get the node's address, where that is of digits.
  package var addressVariables: [String] = []
  /// See ``CoreShare/variable``.
  package var coresVariable: String?
  /// What the compile caches depend on, as far as it is known; names once each.
  package var fingerprintInputs: [(name: String, value: String)]

  package init(
    _ launch: LaunchSpecification, argvLocation: SourceLocation, portsLocation: SourceLocation,
    fingerprintInputs: [(name: String, value: String)] = []
  ) {
    self.launch = launch
    self.argvLocation = argvLocation
    self.portsLocation = portsLocation
    self.fingerprintInputs = fingerprintInputs
  }
}
