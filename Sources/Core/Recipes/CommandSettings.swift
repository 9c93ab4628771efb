import Fleet
import Launch
import Manifest

/// The settings of `recipe: command`, any program.
struct CommandSettings: Sendable {
  private var argv: [String]?
  private var run: String?
  private var port: Int?
  private var ports: [Int] = []
  private var probe: Probe?
  private var isTask = false

  static let form = RecipeForm(
    "Any program", readyTimeoutSeconds: 600, stopGraceSeconds: 30,
    ManifestMapping<Self>(
      Self(), "a service", title: "Recipe `command`", demand: .exactlyOne(of: ["argv", "run"]),
      [
        .optional("argv", \.argv, .argv, "The program and its arguments; this or `run`"),
        .optional("run", \.run, .text, "A line for `/bin/sh -c`"),
        .optional(
          "port", \.port, .integer(1...65535),
          "Where it listens: `{port}`; replica k of a node gets it plus k"),
        .defaulted(
          "ports", \.ports, .list(of: .integer(1...65535)),
          "More of them; without `port`, `{port}` is the first"),
        .optional(
          "probe", \.probe,
          .mapping(Probe.mapping) { $0.root.checked(at: $0.location, faults: &$1) },
          without: "alive for 2 s, shown as unproven", "What makes it ready, one of these"),
        .defaulted("task", \.isTask, .boolean, "It may end well"),
      ])
  ) { $0.root.template($0, of: $1, $2, faults: &$3) }

  private func template(
    _ reading: ManifestReading<Self>, of service: ManifestService, _ launch: LaunchSpecification,
    faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var launch = launch
    launch.ports = (self.port.map { [$0] } ?? []) + self.ports.filter { $0 != self.port }
    (launch.isTask, launch.devices) = (self.isTask, .gpus(0))
    launch.probe = self.probe?.readiness(defaultPort: launch.ports.first, faults: &faults)
    let (argvPlace, runPlace) = (reading.place(of: \.argv), reading.place(of: \.run))
    if argvPlace != nil, let runPlace {
      faults.error(
        "argv-and-run", "service `\(service.name)` has both `argv` and `run`", at: runPlace,
        hint: "keep one: `argv` is literal, `run` goes through `/bin/sh -c`")
      return nil
    }
    launch.argv = self.argv ?? self.run.map { ["/bin/sh", "-c", $0] } ?? []
    guard launch.argv.first?.isEmpty == false else {
      if let argvPlace {
        faults.error(
          "no-command", "`argv` of service `\(service.name)` names no program", at: argvPlace,
          hint: "write `argv: [program, argument]`")
      } else if runPlace == nil {
        faults.error(
          "no-command", "service `\(service.name)` has neither `argv` nor `run`",
          at: service.location, hint: "write `argv: [program, argument]` or `run: a shell line`")
      }
      return nil
    }
    if let argvPlace, let (option, _) = SecretShapes.values(in: launch.argv).first {
      faults.add(
        Diagnostic(
          .warning, code: "secret-argument",
          "`argv` has the value of `\(option)`: every user of the node can read it, and it is "
            + "written down", at: argvPlace,
          hints: ["hand it over by a variable that `secrets` names"]))
    }
    return LaunchTemplate(
      launch: launch, argvLocation: argvPlace ?? runPlace ?? service.location,
      portsLocation: reading.place(of: \.port) ?? reading.place(of: \.ports) ?? service.location,
      fingerprintInputs: [("recipe", "command"), ("service", service.name)])
  }
}

/// `probe:`.
private struct Probe: Sendable {
  private var http: HTTP?
  private var tcp: Int?
  private var log: String?
  private var exec: [String]?

  /// A path, or a mapping.
  private struct HTTP: Sendable {
    var path = "/"
    var port: Int?
    var location = SourceLocation(file: "", line: 1, column: 1)

    static let mapping = ManifestMapping<Self>(
      Self(), "`http`",
      [
        .defaulted("path", \.path, .text(like: .pagePath), "Of the URL"),
        .optional(
          "port", \.port, .integer(1...65535), without: "the first of the service's",
          "Of the URL"),
      ])

    static let type = ManifestType<Self>(.either([.text(.pagePath), .mapping(mapping.table)])) {
      value, subject, faults in
      var http = Self()
      if case .mapping = value.content {
        http = mapping.read(value, faults: &faults).root
      } else if let path = value.text(of: subject, faults: &faults) {
        http.path = path
      }
      http.location = value.location
      if !TextRule.pagePath.accepts(http.path) {
        faults.error(
          "wrong-path", "`http` has the path `\(http.path.prefix(80))`", at: value.location,
          hint: "write a path that begins with `/` and has no blanks")
      }
      return http
    }
  }

  static let mapping = ManifestMapping<Self>(
    Self(), "`probe`", demand: .exactlyOne(of: ["http", "tcp", "log", "exec"]),
    [
      .optional(
        "http", \.http, HTTP.type,
        "A path, or a mapping: GET on 127.0.0.1 answers with 200 to 299"),
      .optional(
        "tcp", \.tcp, .integer(1...65535), "A port of 127.0.0.1 that accepts a connection"),
      .optional("log", \.log, .text, "A text that a line of the log contains"),
      .optional("exec", \.exec, .argv, "A command that ends with status 0"),
    ])

  /// `nil` after a fault, which is recorded.
  func checked(at place: SourceLocation, faults: inout ManifestFaults) -> Self? {
    let count = [self.http != nil, self.tcp != nil, self.log != nil, self.exec != nil]
      .count { $0 }
    if count == 1 { return self }
    if count == 0 {
      faults.error(
        "no-probe", "`probe` names none", at: place,
        hint: "write one of `http`, `tcp`, `log`, `exec`, or leave `probe` out")
    } else {
      faults.error(
        "several-probes", "`probe` names \(count) probes", at: place,
        hint: "keep one of `http`, `tcp`, `log`, `exec`")
    }
    return nil
  }

  /// - Parameter defaultPort: Of the service.
  func readiness(defaultPort: Int?, faults: inout ManifestFaults) -> ReadinessProbe? {
    if let http = self.http {
      if let port = http.port ?? defaultPort { return .http(port: port, path: http.path) }
      faults.error(
        "no-port", "`http` names no port", at: http.location,
        hint: "write `port:` in the service, or `http: {port: 8000, path: /health}`")
    }
    return self.tcp.map { .tcp(port: $0) } ?? self.log.map { .log(contains: $0) }
      ?? self.exec.map { .exec(argv: $0) }
  }
}
