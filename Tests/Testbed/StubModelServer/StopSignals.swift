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

  /// Waits at most `seconds`; true when a signal came.
  func arrives(within seconds: Double) -> Bool {
    var waited = set
    var time = timespec(
      tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    return sigtimedwait(&waited, nil, &time) > 0
  }
}
