import Fleet
import Launch
import Manifest

/// The settings of `recipe: command`, any program:
///
/// | key | value |
/// |---|---|
/// | `argv` or `run` ✱ | the program and its arguments; or one line for `/bin/sh -c` |
/// | `port`, `ports` | TCP ports it listens on; `{port}` is the first; replica k of a node gets each plus k |
/// | `probe` | `{http: /path}` or `{http: {path, port}}`, `{tcp: port}`, `{log: text}`, `{exec: [argv]}` |
/// | `task` | `true`: it may end well |
struct CommandSettings {
  static let keys = ["argv", "run", "port", "ports", "probe", "task"]

  static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var reader = MappingReader(
      service.settings, subject: "service `\(service.name)`", faults: &faults)
    let argvPlace = reader.value("argv")?.location
    let runPlace = reader.value("run")?.location
    let argv = reader.texts("argv", faults: &faults)
    let run = reader.text("run", faults: &faults)
    let portsPlace =
      reader.value("port")?.location ?? reader.value("ports")?.location ?? service.location
    let port = reader.integer("port", in: 1...65535, faults: &faults)
    let ports = reader.integers("ports", in: 1...65535, faults: &faults) ?? []
    let all = (port.map { [$0] } ?? []) + ports.filter { $0 != port }
    let isTask = reader.boolean("task", faults: &faults) ?? false
    let probe = reader.value("probe").flatMap {
      Self.probe($0, defaultPort: all.first, faults: &faults)
    }
    reader.finish(alsoKnown: ManifestService.keys, faults: &faults)
    if argvPlace != nil, let runPlace {
      faults.error(
        "argv-and-run", "service `\(service.name)` has both `argv` and `run`", at: runPlace,
        hint: "keep one: `argv` is literal, `run` goes through `/bin/sh -c`")
      return nil
    }
    let words = argv ?? run.map { ["/bin/sh", "-c", $0] } ?? []
    guard let first = words.first, !first.isEmpty else {
      if argvPlace == nil, runPlace == nil {
        faults.error(
          "no-command", "service `\(service.name)` has neither `argv` nor `run`",
          at: service.location, hint: "write `argv: [program, argument]` or `run: a shell line`")
      }
      return nil
    }
    var launch = LaunchSpecification(
      argv: words, probe: probe, readyTimeoutSeconds: service.readyTimeoutSeconds ?? 600,
      isTask: isTask, stopGraceSeconds: service.stopGraceSeconds ?? 30, ports: all)
    launch.devices = .gpus(0)
    return LaunchTemplate(
      launch, argvLocation: argvPlace ?? runPlace ?? service.location, portsLocation: portsPlace,
      fingerprintInputs: [("recipe", "command"), ("service", service.name)])
  }

  private static func probe(
    _ value: ManifestValue, defaultPort: Int?, faults: inout ManifestFaults
  ) -> ReadinessProbe? {
    var reader = MappingReader(value, subject: "`probe`", faults: &faults)
    let http = reader.value("http")
    let tcp = reader.integer("tcp", in: 1...65535, faults: &faults)
    let log = reader.text("log", faults: &faults)
    let exec = reader.texts("exec", faults: &faults)
    reader.finish(faults: &faults)
    var probes: [ReadinessProbe] = []
    if let http {
      var path = "/"
      var port = defaultPort
      if case .mapping = http.content {
        var inner = MappingReader(http, subject: "`http`", faults: &faults)
        path = inner.text("path", faults: &faults) ?? "/"
        port = inner.integer("port", in: 1...65535, faults: &faults) ?? port
        inner.finish(faults: &faults)
      } else {
        path = MappingReader.text(http, of: "`http`", faults: &faults) ?? "/"
      }
      if !path.hasPrefix("/") || path.utf8.contains(where: { $0 <= 32 || $0 == 127 }) {
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
