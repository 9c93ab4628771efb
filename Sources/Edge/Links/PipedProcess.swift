import CLinux
import Glibc
import OperatingSystem
import SSH
import Synchronization

/// A child process with a pipe at each of its three standard streams.
///
/// In a process group of its own, so that Ctrl-C at the terminal ends the coordinator's work in
/// order and not the link under it.
struct PipedProcess: Sendable {
  let process: pid_t
  /// Our ends: what is written to `input` the child reads. The caller closes them.
  let input: CInt
  let output: CInt
  let errors: CInt

  /// Those that nobody has seen the end of.
  private static let living = Mutex<Set<pid_t>>([])

  /// Ends all that live when their time is over: the last thing that this process does.
  static func endAll(graceMilliseconds: Int) {
    let deadline = Self.monotonicMilliseconds + graceMilliseconds
    while Self.living.withLock({ !$0.isEmpty }), Self.monotonicMilliseconds < deadline {
      usleep(5_000)
    }
    Self.living.withLock { for process in $0 { kill(-process, SIGKILL) } }
  }

  /// - Parameter argv: Its program is looked up in PATH where it has no slash.
  /// - Throws: `LinkError.programNotStarted`, with the error of `exec` itself.
  static func spawn(_ argv: [String]) throws(LinkError) -> PipedProcess {
    var pipes: [(reading: CInt, writing: CInt)] = []
    do throws(SystemFault) {
      for _ in 0..<3 { pipes.append(try SystemFault.checkedPipe()) }
      let theirs = [pipes[0].reading, pipes[1].writing, pipes[2].writing]
      var child = ChildProcess(argv: argv)
      (child.input, child.output, child.errors) = (theirs[0], theirs[1], theirs[2])
      child.group = .processGroup
      let process = try Self.living.withLock { living throws(SystemFault) in
        let process = try child.spawn()
        living.insert(process)
        return process
      }
      for end in theirs { close(end) }
      return PipedProcess(
        process: process, input: pipes[0].writing, output: pipes[1].reading,
        errors: pipes[2].reading)
    } catch {
      for ends in pipes {
        close(ends.reading)
        close(ends.writing)
      }
      throw .programNotStarted(program: argv.first ?? "", detail: error.reason)
    }
  }

  /// Waits for the process, and ends it when it is not gone in time. Blocks; once per process.
  ///
  /// - Parameter openDescriptor: Of a process; a system before Linux 5.3 has none.
  func wait(
    timeoutMilliseconds: CInt, openDescriptor: (pid_t) -> CInt = clinux_pidfd_open
  ) -> CommandEnd.Outcome {
    let descriptor = openDescriptor(self.process)
    defer { if descriptor >= 0 { close(descriptor) } }
    let deadline = Self.monotonicMilliseconds + Int(timeoutMilliseconds)
    while true {
      let status = Self.living.withLock { living in
        let status = WaitStatus.of(self.process)
        if status != nil { living.remove(self.process) }
        return status
      }
      if let status { return .init(status) }
      let left = deadline - Self.monotonicMilliseconds
      if left <= 0 {
        _ = Self.living.withLock { $0.remove(self.process) }
        return .init(ChildProcess.kill(self.process) ?? .signalled(SIGKILL))
      }
      // A negative descriptor is passed over: then this is a pause, and the process is looked at.
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&event, 1, CInt(descriptor >= 0 ? left : min(left, Self.pauseMilliseconds)))
    }
  }

  /// Reads pipes to their ends, in the order in which it comes. Blocks.
  ///
  /// - Parameters:
  ///   - sizeMax: More is read and left out.
  ///   - deadline: In ``monotonicMilliseconds``.
  fileprivate static func read(_ pipes: [CInt], sizeMax: Int, until deadline: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var open = pipes
    while !open.isEmpty {
      let left = max(deadline - Self.monotonicMilliseconds, 0)
      var events = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      let count = poll(&events, nfds_t(events.count), CInt(left))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return bytes }
      for event in events where event.revents != 0 {
        guard let piece = try? PlainFile.piece(of: event.fd, named: "a pipe", sizeMax: 1 << 16)
        else { return bytes }
        bytes += piece.prefix(sizeMax - bytes.count)
        if piece.isEmpty { open.removeAll { $0 == event.fd } }
      }
    }
    return bytes
  }

  /// How late the end of a process may be seen where it has no descriptor.
  private static let pauseMilliseconds = 20

  /// For deadlines of calls that block.
  fileprivate static var monotonicMilliseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
  }
}

/// The programs at the other ends of this process's pipes, such as a link's command.
package enum ChildPrograms {
  /// Ends those that live when their time is over: the last thing that this process does. Without it
  /// one that hangs would go on for ever. Blocks.
  ///
  /// - Parameter graceMilliseconds: For those whose pipe has just been closed.
  package static func endAll(graceMilliseconds: Int) {
    PipedProcess.endAll(graceMilliseconds: graceMilliseconds)
  }
}

/// A program on the coordinator's machine that is run to its end, with a deadline.
package enum ChildProgram {
  /// A pipe's capacity (pipe(7)): so much is written at once, whether or not it is read.
  package static let inputSizeMax = 64 << 10

  package struct Ending: Equatable, Sendable {
    /// `nil`: a signal ended it, ours at the deadline or another.
    package var status: CInt?
    /// Both its streams, in the order in which they came; more than was asked for is left out.
    package var output: [UInt8]
  }

  /// Runs the program and waits for its end; one that takes longer is killed with its group. Blocks.
  ///
  /// - Parameters:
  ///   - argv: Its program is looked up in PATH where it has no slash.
  ///   - input: At most ``inputSizeMax`` bytes for its standard input.
  ///   - environment: Beside the coordinator's own, or in place of it.
  /// - Throws: `LinkError.programNotStarted`.
  package static func run(
    _ argv: [String], input: [UInt8] = [], environment: [String: String] = [:],
    outputSizeMax: Int = 64 << 10, timeoutMilliseconds: CInt
  ) throws(LinkError) -> Ending {
    guard input.count <= Self.inputSizeMax else {
      throw .programNotStarted(
        program: argv.first ?? "", detail: "\(input.count) bytes do not fit in a pipe")
    }
    let assignments = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    // `env` rather than an environment block of our own: it finds the program as the shell does.
    let words = assignments.isEmpty ? argv : ["env"] + assignments + argv
    let child = try PipedProcess.spawn(words)
    // A program that does not read may be gone already: SIGPIPE is ignored here.
    _ = input.withUnsafeBytes { write(child.input, $0.baseAddress, $0.count) }
    close(child.input)
    let deadline = PipedProcess.monotonicMilliseconds + Int(timeoutMilliseconds)
    let output = PipedProcess.read(
      [child.output, child.errors], sizeMax: outputSizeMax, until: deadline)
    for descriptor in [child.output, child.errors] { close(descriptor) }
    let left = max(deadline - PipedProcess.monotonicMilliseconds, 0)
    switch child.wait(timeoutMilliseconds: CInt(left)) {
    case .exited(let status): return Ending(status: status, output: output)
    case .abandoned, .signalled, .lost: return Ending(status: nil, output: output)
    }
  }
}

extension CommandEnd.Outcome {
  fileprivate init(_ status: WaitStatus) {
    switch status {
    case .exited(let status): self = .exited(status: status)
    case .signalled(let signal): self = .signalled(name: "signal \(signal)")
    }
  }
}
