import Launch

/// What a replica's process finds in its environment.
enum ReplicaEnvironment {
  /// Inherited from the daemon; all else is not, so that a replica does not depend on who happened to
  /// start the daemon, and gets no secret that it was not promised.
  private static let inherited: Set<String> = [
    "CUDA_HOME", "CUDA_PATH", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LANGUAGE",
    "LD_LIBRARY_PATH", "LOGNAME", "NO_PROXY", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
    "http_proxy", "https_proxy", "no_proxy",
  ]
  /// Python's `setproctitle`, by which vLLM renames its engines, writes over a process's environment
  /// unless this is set: then its marks are lost. Source: its README, "Environment variables".
  private static let keepsEnvironment = "SPT_NOENV"
  /// Where the daemon has none. Source: Debian's default for a login.
  private static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

  /// Later ones win: inherited, declared, secret, and the marks by which its processes are known.
  static func variables(
    daemon: [String: String], declared: [EnvironmentVariable],
    secrets: [String: String], marks: [EnvironmentVariable]
  ) -> [String: String] {
    var variables = daemon.filter { name, _ in
      Self.inherited.contains(name) || name.hasPrefix("LC_")
    }
    if variables["PATH", default: ""].isEmpty { variables["PATH"] = Self.defaultPath }
    variables[Self.keepsEnvironment] = "1"
    for variable in declared { variables[variable.name] = variable.value }
    variables.merge(secrets) { $1 }
    for variable in marks { variables[variable.name] = variable.value }
    return variables
  }
}
