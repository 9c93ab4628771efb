import Foundation

/// The Python package prometheus_client, in a virtual environment of its own below `.build`.
enum PrometheusClient {
  private static let environment = MetricsTexts.folder.appending(
    path: "../../.build/prometheus-client"
  ).standardizedFileURL.path

  /// Installs the package where it is not there yet; says so where it cannot.
  static let isPossible: Bool = {
    let script = """
      [ -x "$0/bin/python" ] || python3 -m venv "$0" || exit 1
      "$0/bin/python" -c 'import prometheus_client' 2> /dev/null ||
        timeout 60 "$0/bin/pip" install -q prometheus_client
      "$0/bin/python" -c 'import prometheus_client'
      """
    let isThere = (try? Self.run("/bin/sh", ["-c", script, Self.environment])) != nil
    if !isThere {
      print("SKIPPED: PrometheusClientTests: prometheus_client cannot be installed from PyPI")
    }
    return isThere
  }()

  /// Its samples of the text in a file, in order.
  static func samples(ofFile path: String) throws -> [PlainSample] {
    let program = """
      import struct, sys
      text = open(sys.argv[1], encoding="utf-8", newline="").read()
      if text.endswith("# EOF\\n"):
          from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
      else:
          from prometheus_client.parser import text_string_to_metric_families as parse
      def hexed(text):
          return text.encode().hex()
      def number(value):
          return "-" if value is None else struct.pack(">d", float(value)).hex()
      def labels(labels):
          return ",".join(hexed(name) + "=" + hexed(value) for name, value in labels.items())
      for family in parse(text):
          for s in family.samples:
              fields = [hexed(s.name), labels(s.labels), number(s.value), number(s.timestamp)]
              print(" ".join(fields))
      """
    let output = try Self.run("\(Self.environment)/bin/python", ["-c", program, path])
    return output.split(separator: "\n").map { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      return PlainSample(
        name: Self.bytes(fields[0]), labels: Self.labels(fields[1]),
        value: PlainSample.bits(Self.number(fields[2]) ?? .nan), timestamp: Self.number(fields[3]))
    }
  }

  private static func labels(_ field: Substring) -> [[UInt8]: [UInt8]] {
    field.split(separator: ",").reduce(into: [:]) { labels, pair in
      let parts = pair.split(separator: "=", omittingEmptySubsequences: false)
      labels[Self.bytes(parts[0])] = Self.bytes(parts[1])
    }
  }

  private static func bytes(_ field: Substring) -> [UInt8] {
    let digits = Array(field.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
  }

  private static func number(_ field: Substring) -> Double? {
    UInt64(field, radix: 16).map { Double(bitPattern: $0) }
  }

  struct Failure: Error {
    var status: Int32
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    return String(decoding: output, as: UTF8.self)
  }
}
