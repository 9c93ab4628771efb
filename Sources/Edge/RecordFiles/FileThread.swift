import Dispatch

/// A thread for the blocking calls of one file's actor, so that a slow disk holds up nobody else: the
/// cooperative pool has as many threads as cores, and a sync can take a second.
///
/// A queue of its own overcommits: while one blocks there is another thread for the next.
final class FileThread: SerialExecutor {
  private let queue = DispatchQueue(label: "records")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = self.asUnownedSerialExecutor()
    self.queue.async { job.runSynchronously(on: executor) }
  }
}
