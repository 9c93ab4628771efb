import Glibc

/// SIGTERM and SIGINT, blocked for every thread and taken by waiting. Make it before any thread.
struct StopSignals {
  private var set = sigset_t()

  init() {
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Ends the process by the signal itself, so that its parent sees which.
  static func die(of number: Int32) -> Never {
    var one = sigset_t()
    sigemptyset(&one)
    sigaddset(&one, number)
    signal(number, SIG_DFL)
    kill(getpid(), number)
    pthread_sigmask(SIG_UNBLOCK, &one, nil)
    // Not reached: the kernel hands over the signal with the mask.
    exit(128 + number)
  }

  /// Waits at most `seconds`; true when a signal came.
  func arrives(within seconds: Double) -> Bool {
    var waited = set
    var time = timespec(
      tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    return sigtimedwait(&waited, nil, &time) > 0
  }
}
