/// The text of `launch.sh`: what a replica's process is, for a person to run by hand.
package enum LaunchScript {
  /// A POSIX shell script that expects `env.sh` beside itself.
  ///
  /// - Parameters:
  ///   - title: What it starts, one line of text.
  ///   - folders: Made first.
  package static func text(
    title: String, argv: [String], folder: String, folders: [String] = []
  ) -> String {
    var text = "#!/bin/sh\n# Starts \(title), as its agent does.\nset -eu\n"
    text += ". \"$(dirname \"$0\")/env.sh\"\n"
    if !folders.isEmpty { text += "mkdir -p -- \(ShellQuoting.join(folders))\n" }
    if folder.isEmpty {
      text += "cd\n"
    } else if folder == "~" || folder.hasPrefix("~/") {
      text += "cd -- \"$HOME\"\(ShellQuoting.quote(String(folder.dropFirst())))\n"
    } else {
      text += "cd -- \(ShellQuoting.quote(folder))\n"
    }
    return text + "exec \(Self.words(argv))\n"
  }

  /// The command line; a first word with `=`, which the shell would take for an assignment, is
  /// quoted in full.
  private static func words(_ argv: [String]) -> String {
    guard let first = argv.first, first.contains("="), ShellQuoting.quote(first) == first else {
      return ShellQuoting.join(argv)
    }
    return (["'\(first)'"] + argv.dropFirst().map(ShellQuoting.quote)).joined(separator: " ")
  }
}

/// The text of `env.sh`: what a replica's environment adds, for a person to source.
package enum EnvironmentScript {
  /// A POSIX shell script.
  ///
  /// - Parameters:
  ///   - variables: Names are shell names, values any text without a zero byte.
  ///   - secrets: Names only; the script stops where one is unset.
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
