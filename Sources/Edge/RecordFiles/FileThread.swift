import Glibc
import Synchronization

/// One thread for the blocking calls of one file's actor, so that a slow disk holds up nobody else:
/// the cooperative pool has as many threads as cores, and a sync can take a second.
///
/// The thread ends when the executor is released; its actor must outlive no job of it, which is how
/// the runtime treats executors.
final class FileThread: SerialExecutor {
  private let queue: Queue

  /// - Parameter path: Named in the fault.
  /// - Throws: `FileFault` when the process may not have another thread.
  init(for path: String) throws(FileFault) {
    self.queue = Queue()
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self.queue)
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().drain()
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw FileFault(path: path, operation: "start a thread for", errno: status)
    }
    pthread_detach(thread)
  }

  deinit { self.queue.end() }

  func enqueue(_ job: consuming ExecutorJob) {
    self.queue.add(UnownedJob(job), for: self.asUnownedSerialExecutor())
  }
}

/// The jobs of a ``FileThread``, in order, shared by those who add and the thread that runs them.
private final class Queue: Sendable {
  private struct State {
    var jobs: [(job: UnownedJob, executor: UnownedSerialExecutor)] = []
    var isEnded = false
  }

  private let state = Mutex(State())
  private let semaphore = Semaphore()

  func add(_ job: UnownedJob, for executor: UnownedSerialExecutor) {
    self.state.withLock { $0.jobs.append((job, executor)) }
    self.semaphore.post()
  }

  func end() {
    self.state.withLock { $0.isEnded = true }
    self.semaphore.post()
  }

  /// Runs jobs until the end.
  func drain() {
    while true {
      self.semaphore.wait()
      let (jobs, isEnded) = self.state.withLock { state in
        defer { state.jobs.removeAll() }
        return (state.jobs, state.isEnded)
      }
      for (job, executor) in jobs { job.runSynchronously(on: executor) }
      if isEnded { return }
    }
  }
}

/// A semaphore of POSIX at a fixed address.
private final class Semaphore: Sendable {
  // SAFETY: sem_post and sem_wait may be called from any thread; the address never changes.
  nonisolated(unsafe) private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    self.semaphore = .allocate(capacity: 1)
    sem_init(self.semaphore, 0, 0)
  }

  deinit {
    sem_destroy(self.semaphore)
    self.semaphore.deallocate()
  }

  func post() { sem_post(self.semaphore) }

  func wait() {
    while sem_wait(self.semaphore) != 0 && errno == EINTR {}
  }
}
