import Dispatch
import FleetView
import Glibc
import Synchronization
import Terminal

/// The whole screen of the terminal, and its keys without echo, until ``leave()``.
///
/// Ctrl-C stays a signal: it ends the command even while a screen is not drawn. Ctrl-Z and Ctrl-\ are
/// no keys here, because both would leave the terminal as it is.
final class TerminalScreen {
  struct Input: Sendable {
    var bytes: [UInt8] = []
    /// The size may be another, or somebody else has written on the screen.
    var isDisturbed = false
    /// Nobody will press a key any more, or the process is to end.
    var isOver = false
  }

  /// Bytes of keys that wait: somebody leans on the keyboard.
  private static let inputSizeMax = 1024

  /// Before; `nil` where standard input is no terminal, and there are no keys.
  private let settings: termios?
  private let sources: [any DispatchSourceProtocol]
  private let inbox: Inbox
  /// What is on the screen, and how large that was.
  private var lines: [StyledLine] = []
  private var drawnSize = (width: 0, height: 0)

  private final class Inbox: Sendable {
    let input = Mutex(Input())
  }

  /// Takes the terminal over.
  init() {
    let inbox = Inbox()
    self.inbox = inbox
    var settings = termios()
    let hasKeys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &settings) == 0
    self.settings = hasKeys ? settings : nil
    self.sources = Self.signals(inbox) + (hasKeys ? [Self.keys(inbox)] : [])
    for source in self.sources { source.activate() }
    StandardStreams.holdTalk()
    self.enter()
  }

  private static func signals(_ inbox: Inbox) -> [any DispatchSourceProtocol] {
    [SIGWINCH, SIGCONT, SIGQUIT].map { number in
      if number == SIGQUIT { signal(number, SIG_IGN) }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        inbox.input.withLock { input in
          if number == SIGQUIT { input.isOver = true } else { input.isDisturbed = true }
        }
      }
      return source
    }
  }

  private static func keys(_ inbox: Inbox) -> any DispatchSourceProtocol {
    let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: .global())
    source.setEventHandler {
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      if count < 0, errno == EINTR || errno == EAGAIN { return }
      inbox.input.withLock { input in
        if count > 0 {
          input.bytes += bytes[..<count].prefix(Self.inputSizeMax - input.bytes.count)
        } else {
          input.isOver = true
        }
      }
    }
    return source
  }

  func input() -> Input {
    let input = self.inbox.input.withLock { input in
      defer { input = Input() }
      return input
    }
    if input.isDisturbed {
      // Whoever stopped the process has set the terminal as it was.
      self.enter()
      self.lines = []
    }
    return input
  }

  /// Writes those lines that differ from what is there.
  func draw(_ lines: [StyledLine], size: (width: Int, height: Int)) {
    let isNew = self.lines.isEmpty || self.drawnSize != size
    var strokes: [OutputStream.Stroke] = isNew ? [.control(.clearScreen)] : []
    for (index, line) in lines.enumerated() {
      let before = isNew || index >= self.lines.count ? nil : self.lines[index]
      guard line != before else { continue }
      strokes += [.control(.row(index + 1)), .line(line), .control(.clearToEndOfLine)]
    }
    if !isNew, lines.count < self.lines.count {
      strokes += [.control(.row(lines.count + 1)), .control(.clearBelow)]
    }
    (self.lines, self.drawnSize) = (lines, size)
    StandardStreams.draw(strokes)
  }

  // MARK: The terminal's settings

  /// Keys come one by one and unseen; the other screen is shown without a cursor.
  private func enter() {
    if var settings = self.settings {
      settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
      // Ctrl-S would stop the screen.
      settings.c_iflag &= ~tcflag_t(IXON)
      withUnsafeMutableBytes(of: &settings.c_cc) { characters in
        characters[Int(VMIN)] = 1
        characters[Int(VTIME)] = 0
        // 0 is no character; source: termios(3), `_POSIX_VDISABLE` of Linux.
        characters[Int(VSUSP)] = 0
        characters[Int(VQUIT)] = 0
      }
      tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }
    StandardStreams.draw([.control(.enterScreen)])
  }

  /// Gives the terminal back as it was. Keys that nobody has read are no commands for the shell.
  func leave() {
    for source in self.sources { source.cancel() }
    signal(SIGQUIT, SIG_DFL)
    StandardStreams.draw([.control(.leaveScreen)])
    if var settings = self.settings { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
    StandardStreams.releaseTalk()
  }
}

/// Draws the fleet on the terminal and follows the keys, until somebody ends it.
enum TopDisplay {
  /// Four times a second: what changes more often is read by nobody.
  private static let pause = Duration.milliseconds(250)

  /// - Throws: `CancellationError` when interrupted, from outside or by a key.
  static func run(_ watch: RunWatch<ContinuousClock>, _ settings: TopSettings) async throws {
    let screen = TerminalScreen()
    defer { screen.leave() }
    var (settings, moment) = (settings, watch.moment())
    var drawn: (version: UInt64, second: Int64, settings: TopSettings)?
    while true {
      let input = screen.input()
      for key in TopKey.keys(in: input.bytes) {
        switch settings.press(key) {
        case .draw: break
        case .quit: return
        case .interrupt: throw CancellationError()
        }
      }
      if input.isOver { throw CancellationError() }
      let version = watch.version
      let second = Int64(CoordinatorIdentity.nowMilliseconds / 1000)
      let isDrawn = drawn.map { $0 == (version, second, settings) } ?? false
      if !isDrawn || input.isDisturbed {
        if !settings.isPaused { moment = watch.moment() }
        let size = StandardStreams.size(of: STDOUT_FILENO)
        let lines = TopScreen(moment, settings).lines(width: size.width, height: size.height)
        screen.draw(lines, size: size)
        drawn = (version, second, settings)
      }
      try await Composition.clock.sleep(for: Self.pause)
    }
  }
}
