package import RecordFiles

/// What can be wrong with runs on disk.
package enum RunStoreError: Error, Equatable {
  case file(FileFault)
  /// Another process works on the run.
  case locked(path: String, holder: String)
  /// There is no run of that name or id.
  case noRun(String)
  /// A file of the run is not what was written.
  case damaged(path: String, reason: String)
  /// The journal's database refuses.
  case journal(path: String, reason: String)

  /// Carries `body` out, with its faults as these.
  static func filing<Result: ~Copyable>(_ body: () throws(FileFault) -> Result) throws(Self)
    -> Result
  {
    do throws(FileFault) {
      return try body()
    } catch {
      throw .file(error)
    }
  }
}
