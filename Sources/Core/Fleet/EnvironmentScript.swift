/// The text of `env.sh`: what a replica's environment adds, for a person to source.
package enum EnvironmentScript {
  /// - Parameters:
  ///   - title: Whose environment, one line of text.
  ///   - variables: In order; names are shell names, values any text without a zero byte.
  ///   - secrets: Names only; the script stops where one is unset.
  /// - Returns: A POSIX shell script.
  package static func text(
    title: String, variables: [(name: String, value: String)], secrets: [String]
  ) -> String {
    var text = "# Environment of \(title); source it: . ./env.sh\n"
    for variable in variables {
      text += "export \(variable.name)=\(ShellQuoting.quote(variable.value))\n"
    }
    if !secrets.isEmpty { text += "# Set these yourself: they are written nowhere.\n" }
    for name in secrets { text += ": \"${\(name):?}\"\nexport \(name)\n" }
    return text
  }
}
