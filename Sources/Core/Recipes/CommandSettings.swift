import Fleet
import Launch
import Manifest

/// The settings of `recipe: command`, any program.
struct CommandSettings {
  private enum Keys {
    static let argv = ManifestKey(
      "argv", .list(of: .text), "The program and its arguments; this or `run`")
    static let run = ManifestKey("run", .text, "A line for `/bin/sh -c`")
    static let port = ManifestKey(
      "port", .integer(1...65535),
      "Where it listens: `{port}`; replica k of a node gets it plus k")
    static let ports = ManifestKey(
      "ports", .list(of: .integer(1...65535)), default: [],
      "More of them; without `port`, `{port}` is the first")
    static let task = ManifestKey("task", .boolean, default: false, "It may end well")
    static let probe = ManifestKey(
      "probe", .value(.mapping(probeTable)), without: "alive for 2 s, shown as unproven",
      "What makes it ready, one of these")
    static let http = ManifestKey(
      "http", .value(.either([.text(path), .mapping(httpTable)])),
      "A path, or a mapping: GET on 127.0.0.1 answers with 200 to 299")
    static let httpPath = ManifestKey("path", .text(like: path), default: "/", "Of the URL")
    static let httpPort = ManifestKey(
      "port", .integer(1...65535), without: "the first of the service's", "Of the URL")
    static let tcp = ManifestKey(
      "tcp", .integer(1...65535), "A port of 127.0.0.1 that accepts a connection")
    static let log = ManifestKey("log", .text, "A text that a line of the log contains")
    static let exec = ManifestKey(
      "exec", .list(of: .text), "A command that ends with status 0")
    static let probeTable = ManifestTable(
      "`probe`", demand: .exactlyOne(of: [http.row, tcp.row, log.row, exec.row].map(\.name)), http,
      tcp, log, exec)
    static let httpTable = ManifestTable("`http`", httpPath, httpPort)
    static let path = TextRule(
      spoken: "path from `/`", pattern: #"^/[^\u0000-\u0020\u007F]*$"#
    ) { text in
      text.hasPrefix("/") && !text.utf8.contains { $0 <= 32 || $0 == 127 }
    }
  }

  static let form = RecipeForm(
    meaning: "Any program", readyTimeoutSeconds: 600, stopGraceSeconds: 30,
    table: ManifestTable(
      "a service", title: "Recipe `command`",
      demand: .exactlyOne(of: [Keys.argv.row.name, Keys.run.row.name]),
      Keys.argv, Keys.run, Keys.port, Keys.ports, Keys.probe, Keys.task),
    templates: { Self.template(for: $0, faults: &$1).map { [$0] } })

  private static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var reader = Self.form.reader(of: service, faults: &faults)
    let argvPlace = reader.value(Keys.argv)?.location
    let runPlace = reader.value(Keys.run)?.location
    let argv = reader.read(Keys.argv, faults: &faults)
    let run = reader.read(Keys.run, faults: &faults)
    let portsPlace =
      reader.value(Keys.port)?.location ?? reader.value(Keys.ports)?.location ?? service.location
    let port = reader.read(Keys.port, faults: &faults)
    let ports = reader.read(Keys.ports, faults: &faults)
    let all = (port.map { [$0] } ?? []) + ports.filter { $0 != port }
    let isTask = reader.read(Keys.task, faults: &faults)
    let probe = reader.value(Keys.probe).flatMap {
      Self.readiness($0, defaultPort: all.first, faults: &faults)
    }
    reader.finish(alsoKnown: ServiceKeys.table, faults: &faults)
    if argvPlace != nil, let runPlace {
      faults.error(
        "argv-and-run", "service `\(service.name)` has both `argv` and `run`", at: runPlace,
        hint: "keep one: `argv` is literal, `run` goes through `/bin/sh -c`")
      return nil
    }
    let words = argv ?? run.map { ["/bin/sh", "-c", $0] } ?? []
    guard let first = words.first, !first.isEmpty else {
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
    var launch = Self.form.launch(of: service, argv: words, ports: all)
    (launch.probe, launch.isTask, launch.devices) = (probe, isTask, .gpus(0))
    return LaunchTemplate(
      launch, argvLocation: argvPlace ?? runPlace ?? service.location, portsLocation: portsPlace,
      fingerprintInputs: [("recipe", "command"), ("service", service.name)])
  }

  private static func readiness(
    _ value: ManifestValue, defaultPort: Int?, faults: inout ManifestFaults
  ) -> ReadinessProbe? {
    var reader = MappingReader(value, Keys.probeTable, faults: &faults)
    let http = reader.value(Keys.http)
    let tcp = reader.read(Keys.tcp, faults: &faults)
    let log = reader.read(Keys.log, faults: &faults)
    let exec = reader.read(Keys.exec, faults: &faults)
    reader.finish(faults: &faults)
    var probes: [ReadinessProbe] = []
    if let http {
      var path = Keys.httpPath.absent
      var port = defaultPort
      if case .mapping = http.content {
        var inner = MappingReader(http, Keys.httpTable, faults: &faults)
        path = inner.read(Keys.httpPath, faults: &faults)
        port = inner.read(Keys.httpPort, faults: &faults) ?? port
        inner.finish(faults: &faults)
      } else {
        path = MappingReader.text(http, of: "`http`", faults: &faults) ?? path
      }
      if !Keys.path.accepts(path) {
        faults.error(
          "wrong-path", "`http` has the path `\(path.prefix(80))`", at: http.location,
          hint: "write a path that begins with `/` and has no blanks")
      }
      if let port {
        probes.append(.http(port: port, path: path))
      } else {
        faults.error(
          "no-port", "`http` names no port", at: http.location,
          hint: "write `port:` in the service, or `http: {port: 8000, path: /health}`")
      }
    }
    if let tcp { probes.append(.tcp(port: tcp)) }
    if let log { probes.append(.log(contains: log)) }
    if let exec { probes.append(.exec(argv: exec)) }
    guard probes.count < 2 else {
      faults.error(
        "several-probes", "`probe` names \(probes.count) probes", at: value.location,
        hint: "keep one of `http`, `tcp`, `log`, `exec`")
      return nil
    }
    if probes.isEmpty, http == nil {
      faults.error(
        "no-probe", "`probe` names none", at: value.location,
        hint: "write one of `http`, `tcp`, `log`, `exec`, or leave `probe` out")
    }
    return probes.first
  }
}
